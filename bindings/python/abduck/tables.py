"""The tables of a lab that are no events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from abduck import _engine

if TYPE_CHECKING:
    from abduck.lab import Source


@dataclass(frozen=True)
class LabTable:
    """A table of a lab."""

    name: str
    """Its name."""
    rows: int
    """The number of its rows."""
    columns: Mapping[str, str] = field(hash=False)
    """The types of its columns, by name."""


@dataclass(frozen=True)
class LoadReport:
    """What loading a table did."""

    table: LabTable
    """The table as it is now."""
    replaced: bool
    """Whether there was a table of that name before."""
    unreadable_timestamps: int | None
    """Rows whose time cannot be read, so that no metric counts them; none unless the column was named."""
    data_version: int
    """The version of the data afterwards."""


class Tables:
    """The tables of a lab, for metrics that take values from elsewhere than events.

    >>> import abduck, pyarrow, tempfile
    >>> lab = abduck.init(tempfile.mkdtemp())
    >>> payments = pyarrow.table({"customer": ["c1"], "paid_at": ["2026-03-01"], "amount": [3]})
    >>> lab.tables.load("payments", payments, timestamp="paid_at").unreadable_timestamps
    0
    >>> [(table.name, table.rows, list(table.columns)) for table in lab.tables.list()]
    [('payments', 1, ['customer', 'paid_at', 'amount'])]
    """

    __slots__ = ("_inner",)
    _inner: _engine.Lab

    def __init__(self, inner: _engine.Lab) -> None:
        self._inner = inner

    def load(
        self,
        name: str,
        source: Source,
        *,
        timestamp: str | None = None,
        format: Literal["parquet", "csv", "ndjson"] | None = None,
    ) -> LoadReport:
        """Loads a table. It replaces a table of that name, as a whole or not at all.

        Args:
            name: The name, as metrics call it in `table_name`.
            source: Paths or glob patterns of Parquet, CSV or NDJSON files; or whatever has `__arrow_c_stream__`.
            timestamp: The column with the time: rows where it cannot be read are counted.
            format: The format of all files, where their names don't tell it.

        Raises:
            SchemaError: A file is not what its name says, or has no rows.
            NotFoundError: No file matches.
        """
        # The lab has tables, so it knows this module first.
        from abduck import lab

        request = json.dumps({"name": name, "timestamp": timestamp, "format": format})
        if hasattr(source, "__arrow_c_stream__"):
            report = json.loads(self._inner.load_table_frame(lab._without_index(source), request))
        else:
            report = json.loads(self._inner.load_table_files(lab._paths(source), request))
        return LoadReport(**{**report, "table": _table(report["table"])})

    def list(self) -> tuple[LabTable, ...]:
        """The tables, by name."""
        return tuple(_table(table) for table in json.loads(self._inner.tables()))

    def drop(self, name: str) -> int:
        """Takes a table out of the lab, and returns the version of the data afterwards.

        Raises:
            NotFoundError: There is no such table.
        """
        return self._inner.drop_table(name)


def _table(table: dict[str, Any]) -> LabTable:
    columns = {column["name"]: column["type"] for column in table["columns"]}
    return LabTable(**{**table, "columns": columns})
