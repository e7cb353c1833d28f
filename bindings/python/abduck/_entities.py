"""What the things that a lab defines have in common: they are listed, found and shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from html import escape
from typing import Any, Generic, TypeVar

from abduck import _definition, _engine

T = TypeVar("T", bound="Entity")


class Entity:
    """One thing that a lab defines, as it was when it was read."""

    __slots__ = ()
    _fields: dict[str, Any]
    _lab: _engine.Lab

    def to_dict(self) -> dict[str, Any]:
        """All fields in their outward form."""
        return deepcopy(self._fields)

    def _row(self) -> dict[str, object]:
        """What a table shows of it."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return table([self._row()])


class Entities(Generic[T]):
    """The things of one kind that a lab defines."""

    __slots__ = ("_lab",)
    _lab: _engine.Lab

    def __init__(self, lab: _engine.Lab) -> None:
        self._lab = lab

    def get(self, key: str | int) -> T:
        """The one with a number, else with a name or key.

        Raises:
            NotFoundError: There is none.
            InvalidError: Several have the name.
        """
        return self._entity(json.loads(self._one(str(key))))

    def list(self) -> list[T]:
        """All of them, newest first."""
        return [self._entity(fields) for fields in json.loads(self._all())]

    def __getitem__(self, key: str | int) -> T:
        return self.get(key)

    def __iter__(self) -> Iterator[T]:
        return iter(self.list())

    def __repr__(self) -> str:
        return f"<abduck.{type(self).__name__} of {str(self._lab.directory)!r}>"

    def _repr_html_(self) -> str:
        return table([entity._row() for entity in self])

    def _entity(self, fields: dict[str, Any]) -> T:
        raise NotImplementedError

    def _one(self, key: str) -> str:
        raise NotImplementedError

    def _all(self) -> str:
        raise NotImplementedError


def to_json(definition: Mapping[str, Any] | None, fields: Mapping[str, Any]) -> str:
    """A definition as JSON text; single fields go before those of the mapping."""
    return _definition.to_json({**(definition or {}), **fields})


def texts(ids: Iterable[object]) -> list[str]:
    """Ids as texts."""
    if isinstance(ids, (str, bytes)):
        raise TypeError("ids are given as a list, also if there is only one")
    return [str(each) for each in ids]


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows with the same keys as a piece of HTML that stands in a notebook, in the style of results."""
    if not rows:
        return "<div><p><i>none</i></p></div>"
    header = "".join(_cell("th", name, rows[0][name]) for name in rows[0])
    body = "".join(f"<tr>{''.join(_cell('td', _text(value), value) for value in row.values())}</tr>" for row in rows)
    return f"<div><table><tr>{header}</tr>{body}</table></div>"


def _cell(tag: str, text: str, value: object) -> str:
    side = "right" if isinstance(value, (int, float)) else "left"
    return f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "\N{EN DASH}" if value is None else str(value)
