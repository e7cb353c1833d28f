"""Who was exposed to an experiment."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from abduck import _engine, _frame
from abduck._table import Rows

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import pandas as _pandas
    import polars as _polars
    import pyarrow as _pyarrow

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Exposures(Rows):
    """Who was exposed to an experiment, one row per person and variant, in the order of first exposures.

    The columns are `first_exposure`, `variant`, `distinct_id` (of the first exposure), `person_id` (the same for all
    distinct ids of a person) and `exposures` (the number of events that exposed the person to the variant).

    >>> import abduck
    >>> exposures = abduck.demo().experiments.get("smart-search").exposures()
    >>> sorted(exposures.to_dicts()[0])
    ['distinct_id', 'exposures', 'first_exposure', 'person_id', 'variant']
    """

    __slots__ = ("_inner",)
    _inner: _engine.Exposures

    def __init__(self, inner: _engine.Exposures) -> None:
        object.__setattr__(self, "_inner", inner)

    def __len__(self) -> int:
        return len(self._inner)

    def __repr__(self) -> str:
        return f"<abduck.Exposures, {len(self)} rows>"

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow stream, for any library that reads them."""
        return self._inner.__arrow_c_stream__(requested_schema)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per row."""
        return [
            {
                "first_exposure": _EPOCH + timedelta(microseconds=first_exposure),
                "variant": variant,
                "distinct_id": distinct_id,
                "person_id": person_id,
                "exposures": exposures,
            }
            for first_exposure, variant, distinct_id, person_id, exposures in self._inner.rows()
        ]

    def to_arrow(self) -> _pyarrow.Table:
        """The rows as a table of pyarrow."""
        return _frame.to_arrow(self)

    def to_polars(self) -> _polars.DataFrame:
        """The rows as a frame of Polars."""
        return _frame.to_polars(self)

    def to_pandas(self) -> _pandas.DataFrame:
        """The rows as a frame of pandas."""
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise _frame.missing("pandas") from error
        columns = ["first_exposure", "variant", "distinct_id", "person_id", "exposures"]
        return pandas.DataFrame(self.to_dicts(), columns=columns)
