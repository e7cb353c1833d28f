"""What can go wrong, as exceptions named by what the caller can do about it.

Each carries a machine-readable `code` and `hints` that say what to do next; Python 3.11 and newer show the hints as
notes. Ctrl-C raises `KeyboardInterrupt`, and leaves the lab as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import ClassVar

_HAS_NOTES = sys.version_info >= (3, 11)


class AbduckError(Exception):
    """Any failure of abduck.

    >>> import abduck
    >>> try:
    ...     abduck.open("no-such-place")
    ... except abduck.AbduckError as error:
    ...     print(error.code, len(error.hints))
    not_found 1
    """

    kind: ClassVar[str] = ""
    """The name of the kind in the engine's error catalogue."""
    code: str
    """The machine-readable name of the failure: the kind, or for a wrong request its own code."""
    hints: tuple[str, ...]
    """What to do next, most useful first."""
    field: str | None
    """The field of the request that is at fault, if one is."""

    def __init__(self, message: str, *, code: str = "", hints: Iterable[str] = (), field: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.kind
        self.hints = tuple(hints)
        self.field = field
        if _HAS_NOTES:
            for hint in self.hints:
                self.add_note(f"hint: {hint}")

    def __str__(self) -> str:
        lines = [str(self.args[0]) if self.args else ""]
        if not _HAS_NOTES:
            lines += [f"hint: {hint}" for hint in self.hints]
        return "\n".join(lines)


class NotFoundError(AbduckError, KeyError):
    """Something asked for by name does not exist: ask for another, or create it."""

    kind = "not_found"


class InvalidError(AbduckError, ValueError):
    """The request itself is wrong: change it. `field` says where."""

    kind = "invalid"


class NotAllowedError(AbduckError):
    """The request is well-formed, but the present state forbids it."""

    kind = "not_allowed"


class NotReadyError(AbduckError):
    """Something must happen first, such as a launch or an ingest."""

    kind = "not_ready"


class BusyError(AbduckError, TimeoutError):
    """Somebody else holds the lab: wait, or stop the holder."""

    kind = "busy"


class SchemaError(AbduckError, ValueError):
    """The data do not have the shape the engine needs: map the columns, or mend the file."""

    kind = "schema"


class QueryError(AbduckError):
    """The database refused a query."""

    kind = "query"
    sql: str = ""
    """The text of the query."""


class StorageError(AbduckError):
    """A file of the lab cannot be read or written as a database."""

    kind = "storage"
    path: object = None
    """The file."""


class IoError(AbduckError, OSError):
    """The operating system refused to read or write a file; see `filename` and `errno`."""

    kind = "io"


class InternalError(AbduckError, RuntimeError):
    """The engine broke one of its own promises. Please report it."""

    kind = "bug"
