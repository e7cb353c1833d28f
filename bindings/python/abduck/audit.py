"""The log of all changes of definitions: who changed what, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from abduck import _engine, _entities, _frame, _moment

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import pandas as _pandas
    import polars as _polars
    import pyarrow as _pyarrow


@dataclass(frozen=True)
class AuditEntry:
    """One change of one thing."""

    id: int
    """Its number, in the order of what happened."""
    at: datetime
    """When it was done."""
    who: str | None
    """Who did it, if known."""
    operation: str
    """What was done, such as `launch`."""
    noun: str
    """What was changed: `experiment`, `feature_flag`, `holdout`, `saved_metric`, `cohort` or `lab_settings`."""
    noun_id: int
    """Its number."""
    before: dict[str, Any] | None = field(hash=False)
    """What it was; none when it was made."""
    after: dict[str, Any] | None = field(hash=False)
    """What it became; none when it was removed."""


class AuditLog:
    """Changes of definitions, oldest first. It cannot be changed.

    As a frame it has the columns of an entry; `before` and `after` are JSON text there.

    >>> import abduck
    >>> lab = abduck.demo()
    >>> lab.experiments["smart-search"].archive().status
    'archived'
    >>> entry = lab.log()[-1]
    >>> entry.operation, entry.noun, entry.before["archived"], entry.after["archived"]
    ('archive', 'experiment', False, True)
    >>> lab.log().to_polars()["operation"].to_list()
    ['create', 'create', 'create', 'create', 'archive']
    """

    __slots__ = ("_entries", "_inner")
    _entries: tuple[AuditEntry, ...]
    _inner: _engine.AuditLog

    def __init__(self, inner: _engine.AuditLog) -> None:
        entries = json.loads(inner.to_json())
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(
            self, "_entries", tuple(AuditEntry(**{**entry, "at": _moment.from_text(entry["at"])}) for entry in entries)
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a log cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a log cannot be changed")

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> AuditEntry:
        return self._entries[index]

    def __iter__(self) -> Iterator[AuditEntry]:
        return iter(self._entries)

    def __repr__(self) -> str:
        return f"<AuditLog of {len(self)} changes>"

    def _repr_html_(self) -> str:
        shown = ("id", "at", "who", "operation", "noun", "noun_id")
        return _entities.table([{name: getattr(entry, name) for name in shown} for entry in self])

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per entry."""
        return [asdict(entry) for entry in self]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The entries as an Arrow stream, for any library that reads them."""
        return self._inner.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> _pyarrow.Table:
        """The entries as a table of pyarrow."""
        return _frame.to_arrow(self)

    def to_polars(self) -> _polars.DataFrame:
        """The entries as a frame of Polars."""
        return _frame.to_polars(self)

    def to_pandas(self) -> _pandas.DataFrame:
        """The entries as a frame of pandas; it needs pyarrow as well."""
        return self.to_arrow().to_pandas()
