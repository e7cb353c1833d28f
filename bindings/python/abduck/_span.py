"""Lengths of time in metrics, as texts such as `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

from abduck._definition import invalid
from abduck.errors import InvalidError

_TEXT = re.compile(r"\s*(?P<length>\d+)\s*(?P<unit>[a-z]+)\s*", re.IGNORECASE)
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month"}
_LETTERS = {unit: letter for letter, unit in _UNITS.items()}
# The longest unit that fits goes first, so that a timedelta of a day reads as one.
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def to_text(span: str | timedelta | None, field: str) -> str | None:
    """A length of time in its shortest form, such as `7d`.

    Raises:
        InvalidError: It is no length of time in whole units.
    """
    if isinstance(span, timedelta):
        return _of_timedelta(span, field)
    if span is None:
        return None
    match = _TEXT.fullmatch(span) if isinstance(span, str) else None
    unit = match and _letter(match["unit"].lower())
    if match is None or unit is None:
        raise _invalid(span, field)
    return f"{int(match['length'])}{unit}"


def parts(text: str) -> tuple[int, str]:
    """How many of which unit, as the engine names it, a text of `to_text` says."""
    letters = text.lstrip("0123456789")
    return int(text.removesuffix(letters)), _UNITS[letters]


def of_parts(length: object, unit: object) -> str:
    """The text for a number of units; days when none is named."""
    return f"{length}{unit or 'day'}"


def _letter(unit: str) -> str | None:
    aliases = {"sec": "s", "min": "m"}
    unit = aliases.get(unit, unit)
    return unit if unit in _UNITS else _LETTERS.get(unit.removesuffix("s"))


def _of_timedelta(span: timedelta, field: str) -> str:
    seconds = span // timedelta(seconds=1)
    if span % timedelta(seconds=1) or seconds <= 0:
        raise _invalid(span, field)
    letter = next(letter for letter, length in _SECONDS.items() if seconds % length == 0)
    return f"{seconds // _SECONDS[letter]}{letter}"


def _invalid(span: object, field: str) -> InvalidError:
    hint = "write a whole number and a unit, such as '7d', '12h' or '30m', or give a timedelta of whole seconds"
    return invalid(field, f"{span!r} is no length of time", hint)
