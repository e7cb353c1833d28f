"""What answers with rows have in common: they cannot be changed, can be kept as JSON, and become frames."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from abduck import _engine, _frame, _moment, _table
from abduck.result import ExperimentSummary, Provenance

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import pandas as _pandas
    import polars as _polars
    import pyarrow as _pyarrow


class Report:
    """An answer with rows. It cannot be changed, can be pickled, and prints as a report."""

    __slots__ = ("_data", "_inner")
    _data: dict[str, Any]
    _inner: _engine.MetricSeries | _engine.ExposureView | _engine.Reconciliation | _engine.Decision

    def __init__(self, inner: Any) -> None:
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_data", json.loads(inner.to_json()))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an answer cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an answer cannot be changed")

    @classmethod
    def from_json(cls, text: str) -> Report:
        """An answer from its JSON form."""
        raise NotImplementedError

    @property
    def experiment(self) -> ExperimentSummary:
        """The experiment."""
        experiment = self._data["experiment"]
        dates = {name: _moment.optional(experiment[name]) for name in ("start_date", "end_date")}
        return ExperimentSummary(**{**experiment, **dates})

    @property
    def provenance(self) -> Provenance:
        """What it was computed from."""
        provenance = self._data["provenance"]
        return Provenance(**{**provenance, "as_of": _moment.from_text(provenance["as_of"])})

    def to_json(self) -> str:
        """Everything, as JSON text."""
        return self._inner.to_json()

    def to_dict(self) -> dict[str, Any]:
        """Everything, in the outward form."""
        everything: dict[str, Any] = json.loads(self.to_json())
        return everything

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per row."""
        rows: list[dict[str, Any]] = json.loads(self._inner.rows_json())
        return rows

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow stream, for any library that reads them."""
        return self._inner.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> _pyarrow.Table:
        """The rows as a table of pyarrow."""
        return _frame.to_arrow(self)

    def to_polars(self) -> _polars.DataFrame:
        """The rows as a frame of Polars."""
        return _frame.to_polars(self)

    def to_pandas(self) -> _pandas.DataFrame:
        """The rows as a frame of pandas; it needs pyarrow as well."""
        return self.to_arrow().to_pandas()

    def to_markdown(self) -> str:
        """The rows as a table in Markdown."""
        return _table.markdown(self.to_dicts())

    def to_html(self) -> str:
        """The report as a piece of HTML, as notebooks show it."""
        return self._inner.html()

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return self._inner.to_text()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Report) or type(other) is not type(self):
            return NotImplemented
        return self._data == other._data

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_json, (self.to_json(),)
