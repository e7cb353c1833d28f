"""The course of an experiment's results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from abduck import _engine, _frame, _moment, _table
from abduck.result import ExperimentSummary, ResultWarning

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import pandas as _pandas
    import polars as _polars
    import pyarrow as _pyarrow


@dataclass(frozen=True)
class HistoryVariant:
    """What was known of a variant at one moment."""

    variant: str
    """The variant's key."""
    units: float
    """Exposures of a trend (persons unless the definition says otherwise), persons that entered a funnel."""
    count: float
    """What a trend counted (events, persons, the sum of a property), persons that completed a funnel."""
    rate: float | None
    """The observed rate: `count` per unit."""
    chance_to_win: float | None
    """The probability that the variant is the best of all."""


@dataclass(frozen=True)
class HistoryPoint:
    """What was said for one moment; of several computations the last."""

    as_of: datetime
    """The moment the numbers hold for; for a result asked for after the end of the experiment, that end."""
    computed_at: datetime
    """When it was computed."""
    in_hindsight: bool
    """Whether it was computed later than the moment was there to be looked at."""
    data_version: int
    """The version of the event data it was computed from."""
    engine_version: str
    """The version of the engine that computed it."""
    significance_code: str | None
    """The verdict as a machine-readable name; none when the metric was not judged."""
    significant: bool | None
    """Whether the difference was significant; none when the metric was not judged."""
    variants: tuple[HistoryVariant, ...]
    """One row per variant, the baseline first."""


class ResultHistory:
    """The course of an experiment's results. It cannot be changed, can be pickled, and prints as a report.

    As a frame it has one row per moment and variant.

    >>> import abduck
    >>> experiment = abduck.demo().experiments.get("quick-checkout")
    >>> history = experiment.history(backfill="week")
    >>> len(history), history.points[0].in_hindsight
    (5, True)
    >>> history.losses
    0
    """

    __slots__ = ("_data", "_inner")
    _data: dict[str, Any]
    _inner: _engine.ResultHistory

    def __init__(self, inner: _engine.ResultHistory) -> None:
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_data", json.loads(inner.to_json()))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a history cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a history cannot be changed")

    @classmethod
    def from_json(cls, text: str) -> ResultHistory:
        """A history from its JSON form.

        Raises:
            InvalidError: The text is not a history.
        """
        return cls(_engine.ResultHistory.from_json(text))

    @property
    def experiment(self) -> ExperimentSummary:
        """The experiment as it was when the history was read."""
        experiment = self._data["experiment"]
        dates = {name: _moment.optional(experiment[name]) for name in ("start_date", "end_date")}
        return ExperimentSummary(**{**experiment, **dates})

    @property
    def points(self) -> tuple[HistoryPoint, ...]:
        """One point per moment that results hold for, in their order."""
        return tuple(_point(point) for point in self._data["points"])

    @property
    def verdict(self) -> str:
        """One sentence that says how the verdict went."""
        return self._inner.verdict

    @property
    def flips(self) -> int:
        """How many times the verdict changed from one judged point to the next, to significant or back."""
        return int(self._data["flips"])

    @property
    def losses(self) -> int:
        """How many of these changes went from significant to not significant."""
        return int(self._data["losses"])

    @property
    def first_significant(self) -> datetime | None:
        """The first moment for which the result was significant."""
        return _moment.optional(self._data["first_significant"])

    @property
    def significant(self) -> bool | None:
        """Whether the last judged point is significant; none when none was judged."""
        significant: bool | None = self._data["significant"]
        return significant

    @property
    def unreadable(self) -> int:
        """Kept results that this version cannot read."""
        return int(self._data["unreadable"])

    @property
    def other_definition(self) -> int:
        """Kept results of another metric or another run of the experiment, which are left out."""
        return int(self._data["other_definition"])

    @property
    def warnings(self) -> tuple[ResultWarning, ...]:
        """What to be careful about."""
        return tuple(ResultWarning(**warning) for warning in self._data["warnings"])

    def to_json(self) -> str:
        """Everything, as JSON text."""
        return self._inner.to_json()

    def to_dict(self) -> dict[str, Any]:
        """Everything, in the outward form."""
        history: dict[str, Any] = json.loads(self.to_json())
        return history

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per moment and variant."""
        moments = ("as_of", "computed_at")
        rows = json.loads(self._inner.rows_json())
        return [{**row, **{name: _moment.from_text(row[name]) for name in moments}} for row in rows]

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

    def __len__(self) -> int:
        return len(self._data["points"])

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
        return self._data == other._data if isinstance(other, ResultHistory) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __reduce__(self) -> tuple[Any, ...]:
        return ResultHistory.from_json, (self.to_json(),)


def _point(point: dict[str, Any]) -> HistoryPoint:
    moments = {name: _moment.from_text(point[name]) for name in ("as_of", "computed_at")}
    variants = tuple(HistoryVariant(**variant) for variant in point["variants"])
    return HistoryPoint(**{**point, **moments, "variants": variants})
