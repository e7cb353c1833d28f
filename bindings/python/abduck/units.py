"""The units behind a metric."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from abduck import _engine, _frame, _moment
from abduck._table import Rows

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import pandas as _pandas
    import polars as _polars
    import pyarrow as _pyarrow


class ListedUnits(Rows):
    """The units behind a metric, one row each, in the order of their first exposures.

    The columns are `unit` (of a person the smallest distinct id), `variant`, `first_exposure`, `last_exposure`, `value`
    (before extreme values are clamped), `denominator`, `steps` (how many a unit of a funnel reached) and `left_out`
    (why it does not count: `several_variants`, `immature` or `not_begun`).

    >>> import abduck
    >>> experiment = abduck.demo().experiments["quick-checkout"]
    >>> purchases = {"metric_type": "mean", "source": {"kind": "EventsNode", "event": "purchase"}}
    >>> units = experiment.units(purchases, variant="test")
    >>> len(units), units.to_polars()["value"].sum()
    (5377, 675.0)
    """

    __slots__ = ("_inner",)
    _inner: _engine.ListedUnits

    def __init__(self, inner: _engine.ListedUnits) -> None:
        object.__setattr__(self, "_inner", inner)

    def __len__(self) -> int:
        return len(self._inner)

    def __repr__(self) -> str:
        return f"<abduck.ListedUnits, {len(self)} rows>"

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow stream, for any library that reads them."""
        return self._inner.__arrow_c_stream__(requested_schema)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per unit."""
        moments = ("first_exposure", "last_exposure")
        rows = json.loads(self._inner.rows_json())
        return [{**row, **{name: _moment.from_text(row[name]) for name in moments}} for row in rows]

    def to_arrow(self) -> _pyarrow.Table:
        """The rows as a table of pyarrow."""
        return _frame.to_arrow(self)

    def to_polars(self) -> _polars.DataFrame:
        """The rows as a frame of Polars."""
        return _frame.to_polars(self)

    def to_pandas(self) -> _pandas.DataFrame:
        """The rows as a frame of pandas; it needs pyarrow as well."""
        return self.to_arrow().to_pandas()
