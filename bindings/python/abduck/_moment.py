"""Points in time, as the engine writes them and as Python has them."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone

_UTC = re.compile(r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,6})\d*)?Z")


def to_text(moment: datetime | date | str | None) -> str | None:
    """A point in time as ISO 8601 text; nothing stays nothing, which means now."""
    return moment.isoformat() if isinstance(moment, date) else moment


def to_json(value: object) -> str:
    """What `json` cannot write by itself: points in time."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a definition cannot hold {type(value).__name__}")


def from_text(text: str) -> datetime:
    """The point in time that the engine wrote."""
    match = _UTC.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a point in time as the engine writes it")
    microsecond = int((match["fraction"] or "").ljust(6, "0"))
    return datetime.fromisoformat(match["seconds"]).replace(microsecond=microsecond, tzinfo=timezone.utc)


def optional(text: str | None) -> datetime | None:
    """The point in time that the engine wrote, if it wrote one."""
    return None if text is None else from_text(text)
