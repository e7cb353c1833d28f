"""Where metrics take their values from: events that pass filters, and what is taken from each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from abduck._definition import Definition, invalid
from abduck.actions import Action

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    _Aggregate: TypeAlias = Literal["count", "sum", "avg", "min", "max", "distinct", "any", "sessions"]
    _Where: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]
    _Source: TypeAlias = "Event | Action | Mapping[str, Any] | str"

# What the engine calls by another name.
_MATHS = {"count": "total", "any": "dau", "sessions": "unique_session"}
_AGGREGATES = {math: aggregate for aggregate, math in _MATHS.items()}
_READ = {"kind", "event", "name", "properties", "math", "math_property"}


@dataclass(frozen=True)
class Event(Definition):
    """Events of one name, perhaps only those with certain properties, and what is taken from each.

    >>> import abduck
    >>> abduck.Event("purchase", where={"plan": ["pro", "team"], "amount": {"gte": 10}}).to_dict()["properties"][1]
    {'key': 'amount', 'operator': 'gte', 'value': 10, 'type': 'event'}
    >>> abduck.Event("purchase", value="amount", aggregate="avg").to_dict()
    {'kind': 'EventsNode', 'event': 'purchase', 'math': 'avg', 'math_property': 'amount'}
    """

    name: str | None
    """The name of the event; none for all events."""
    where: _Where | None = field(default=None, hash=False)
    """Properties and the values they must have: one, any of a list, or `{operator: value}` such as `{"gte": 10}`; or a
    list of filters, or a group of them, in the outward form. All must hold."""
    value: str | None = None
    """The property whose numbers count; without one, the events do."""
    aggregate: _Aggregate | None = None
    """How the values of one unit are put together: `count` (the default without a value), `sum` (the default with one),
    `avg`, `min`, `max`, `distinct` (how many different ones), `any` (1 or 0), or `sessions` (how many)."""
    expression: str | None = None
    """Instead of a property, an expression over each event, such as `properties.price * properties.pieces`."""
    label: str | None = None
    """What reports call it."""

    def __post_init__(self) -> None:
        """Checks what the engine could not name, and keeps what is given from being changed from outside."""
        if self.name is not None and not isinstance(self.name, str):
            hint = "give its name, such as abduck.Event('purchase')"
            raise invalid("event", f"the name of an event must be a text, not {self.name!r}", hint)
        if self.value is not None and self.expression is not None:
            raise invalid("event.value", "a value and an expression exclude each other", "leave one of them out")
        object.__setattr__(self, "where", _filters(self.where))
        if self.aggregate is None and (self.value is not None or self.expression is not None):
            object.__setattr__(self, "aggregate", "sum")

    def to_dict(self) -> dict[str, Any]:
        """The source in the outward form, as it stands in a metric."""
        source: dict[str, Any] = {"kind": "EventsNode", "event": self.name}
        if self.where is not None:
            source["properties"] = deepcopy(list(self.where) if isinstance(self.where, tuple) else self.where)
        if self.label is not None:
            source["name"] = self.label
        return {**source, **_math(self.value, self.aggregate, self.expression)}


def source_of(given: _Source, place: str) -> Event | Action | dict[str, Any]:
    """A source, given in any form; `place` is where it stands in the metric, for messages."""
    if isinstance(given, str):
        return Event(given)
    if isinstance(given, (Event, Action)):
        return given
    if isinstance(given, Mapping):
        return deepcopy(dict(given))
    hint = "give the name of an event, an abduck.Event, an action of the lab, or a source as a mapping"
    raise invalid(place, f"{given!r} is no source", hint)


def valued(
    given: _Source, value: str | None, aggregate: _Aggregate | None, place: str
) -> Event | Action | dict[str, Any]:
    """A source with the value and the aggregate that the metric gives beside it."""
    source = source_of(given, place)
    if value is None and aggregate is None:
        return source
    if not isinstance(source, Event):
        hint = "put math and math_property into the source"
        raise invalid(place, "a value beside a source is taken from events only", hint)
    said = (source.value, source.aggregate, source.expression)
    if said not in ((None, None, None), (value, aggregate, None)):
        raise invalid(place, "both the event and the metric say what is taken from it", "say it in one of them")
    return replace(source, value=value, aggregate=aggregate)


def source_dict(given: _Source) -> dict[str, Any]:
    """A source in the outward form, given in any form."""
    source = source_of(given, "source")
    if isinstance(source, Action):
        return {"kind": "ActionsNode", "id": source.id}
    return source.to_dict() if isinstance(source, Event) else source


def read_source(source: Mapping[str, Any]) -> Event | dict[str, Any]:
    """The event that a source in the outward form is; another source stays as it is."""
    kind, math = source.get("kind", "EventsNode"), source.get("math")
    if kind != "EventsNode" or not _READ.issuperset(source) or math in ("hogql", "unique_group"):
        return deepcopy(dict(source))
    return Event(
        source.get("event"),
        where=source.get("properties"),
        value=source.get("math_property"),
        aggregate=None if math is None else _AGGREGATES.get(math, math),
        label=source.get("name"),
    )


def _math(value: str | None, aggregate: str | None, expression: str | None) -> dict[str, Any]:
    if aggregate == "distinct":
        inside = expression if expression is not None else _property(value)
        return {"math": "hogql", "math_hogql": f"uniq({inside})"}
    if expression is not None:
        return {"math": "hogql", "math_hogql": f"{aggregate}({expression})"}
    if aggregate is None:
        return {}
    return {"math": _MATHS.get(aggregate, aggregate), **({} if value is None else {"math_property": value})}


def _property(name: str | None) -> str:
    if name is None:
        raise invalid("event.value", "distinct values of what?", "name the property: value='product'")
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"properties['{escaped}']"


def _filters(where: Any) -> Any:
    """Filters in the outward form: of a mapping, one for each property."""
    if where is None or (isinstance(where, Mapping) and "values" in where and "type" in where):
        return deepcopy(where)
    if isinstance(where, Mapping):
        return tuple(part for key, asked in where.items() for part in _of_property(key, asked))
    if isinstance(where, Sequence) and not isinstance(where, str):
        return tuple(deepcopy(dict(part)) if isinstance(part, Mapping) else part for part in where)
    hint = "give properties and their values, such as {'plan': 'pro'}, or a list of filters"
    raise invalid("event.where", f"{where!r} says nothing about properties", hint)


def _of_property(key: str, asked: Any) -> list[dict[str, Any]]:
    if not isinstance(asked, Mapping):
        value = list(asked) if isinstance(asked, (tuple, set, frozenset)) else deepcopy(asked)
        return [{"key": key, "value": value, "operator": "exact", "type": "event"}]
    return [{"key": key, "operator": name, "value": deepcopy(value), "type": "event"} for name, value in asked.items()]
