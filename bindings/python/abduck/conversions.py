"""Metrics of what units get done: funnels, retention, and the time to convert.

>>> import abduck
>>> bought = abduck.Funnel(["cart_added", "purchase"], within="7d", name="Bought")
>>> again = abduck.Retention("purchase", "purchase", days=(7, 14), name="Bought again")
>>> experiment = abduck.demo().experiments["quick-checkout"].update(metrics=[bought], metrics_secondary=[again])
>>> [(metric.name, metric.role) for metric in experiment.metrics()][1:]
[('Bought', 'primary'), ('Bought again', 'secondary')]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from abduck._definition import Definition, invalid
from abduck.metrics import Metric, sources
from abduck.sources import read_source, source_dict, source_of

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    from abduck.sources import _Source

    _Periods: TypeAlias = tuple[int, int]

_UNITS = {"hours": "hour", "days": "day", "weeks": "week"}


@dataclass(frozen=True)
class Exclusion(Definition):
    """What must not happen between two steps of a funnel.

    >>> import abduck
    >>> refunded = abduck.Exclusion("refund", from_step=0, to_step=2)
    >>> abduck.Funnel(["cart", "paid"], exclusions=[refunded]).to_dict()["exclusions"][0]["funnelToStep"]
    2
    """

    event: _Source
    """What must not happen."""
    from_step: int
    """The step after which it must not happen; 0 is the exposure."""
    to_step: int
    """The step before which it must not happen."""

    def __post_init__(self) -> None:
        """Puts the source into one form."""
        object.__setattr__(self, "event", source_of(self.event, "exclusion.event"))

    def to_dict(self) -> dict[str, Any]:
        """The exclusion in the outward form."""
        source = source_dict(self.event)
        return {**source, "funnelFromStep": self.from_step, "funnelToStep": self.to_step}

    @classmethod
    def _read(cls, fields: Mapping[str, Any]) -> Exclusion:
        source = dict(fields)
        keys = [("funnelFromStep", "funnel_from_step"), ("funnelToStep", "funnel_to_step")]
        steps = [[source.pop(key, None) for key in pair] for pair in keys]
        first, last = (int(snake if camel is None else camel) for camel, snake in steps)
        return cls(read_source(source), first, last)


@dataclass(frozen=True)
class Funnel(Metric):
    """Whether a unit went through steps after its exposure.

    >>> import abduck
    >>> paid = abduck.Event("purchase", where={"revenue": {"gt": 20}})
    >>> experiment = abduck.demo().experiments["quick-checkout"]
    >>> [row.count for row in experiment.try_metric(abduck.Funnel(["cart_added", paid], within="7d")).variants]
    [346, 451]
    """

    metric_type: ClassVar[str] = "funnel"
    steps: Sequence[_Source]
    """The steps after the exposure."""
    _: KW_ONLY
    order: Literal["ordered", "strict", "unordered"] = "ordered"
    """How the steps follow on each other: with others in between, without, or in any order."""
    exclusions: Sequence[Exclusion] = ()
    """What must not happen in between."""

    def __post_init__(self) -> None:
        """Puts the settings into one form, and has the engine check them."""
        self._set("steps", sources(self.steps, "metric.series"))
        self._set("exclusions", tuple(self.exclusions))
        super().__post_init__()

    def _own(self) -> dict[str, Any]:
        own: dict[str, Any] = {"series": [source_dict(step) for step in self.steps]}
        own |= {} if self.order == "ordered" else {"funnel_order_type": self.order}
        return {**own, "exclusions": [each.to_dict() for each in self.exclusions]} if self.exclusions else own

    @classmethod
    def _read(cls, metric: Mapping[str, Any], common: dict[str, Any]) -> Metric:
        exclusions = [Exclusion._read(each) for each in metric.get("exclusions") or ()]
        own = {"order": metric.get("funnel_order_type") or "ordered", "exclusions": exclusions}
        return cls([read_source(step) for step in metric["series"]], **{**common, **own})


@dataclass(frozen=True)
class TimeToConvert(Metric):
    """How long it took from the first exposure through the steps, in seconds, of units that got there.

    >>> import abduck
    >>> abduck.TimeToConvert(["cart_added", "purchase"], goal="decrease").to_dict()["metric_type"]
    'time_to_convert'
    """

    metric_type: ClassVar[str] = "time_to_convert"
    steps: Sequence[_Source]
    """The steps after the exposure."""

    def __post_init__(self) -> None:
        """Puts the settings into one form, and has the engine check them."""
        self._set("steps", sources(self.steps, "metric.series"))
        super().__post_init__()

    def _own(self) -> dict[str, Any]:
        return {"series": [source_dict(step) for step in self.steps]}

    @classmethod
    def _read(cls, metric: Mapping[str, Any], common: dict[str, Any]) -> Metric:
        return cls([read_source(step) for step in metric["series"]], **common)


@dataclass(frozen=True)
class Retention(Metric):
    """Of the units that did one thing, how many did another some time later.

    >>> import abduck
    >>> again = abduck.Retention("purchase", "purchase", days=(1, 7))
    >>> result = abduck.demo().experiments["quick-checkout"].try_metric(again)
    >>> [row.variant for row in result.variants]
    ['control', 'test']
    """

    metric_type: ClassVar[str] = "retention"
    start: _Source
    """What begins it."""
    returning: _Source
    """What counts as coming back."""
    _: KW_ONLY
    days: _Periods | None = None
    """The first and the last day after the start that count, from 0."""
    weeks: _Periods | None = None
    """The same in weeks."""
    hours: _Periods | None = None
    """The same in hours."""
    start_handling: Literal["first_seen", "last_seen"] = "first_seen"
    """Which of several starts it is measured from."""

    def __post_init__(self) -> None:
        """Puts the settings into one form, and has the engine check them."""
        self._set("start", source_of(self.start, "metric.start_event"))
        self._set("returning", source_of(self.returning, "metric.completion_event"))
        given = [name for name in _UNITS if getattr(self, name) is not None]
        if len(given) != 1:
            raise invalid("metric.days", "retention looks at days, weeks or hours", "give one of them, as days=(7, 14)")
        periods = getattr(self, given[0])
        if not isinstance(periods, Sequence) or isinstance(periods, str) or len(periods) != 2:
            raise invalid(f"metric.{given[0]}", f"{periods!r} is no first and last period", "give two, as days=(7, 14)")
        self._set(given[0], tuple(periods))
        super().__post_init__()

    def _own(self) -> dict[str, Any]:
        name = next(name for name in _UNITS if getattr(self, name) is not None)
        first, last = getattr(self, name)
        own: dict[str, Any] = {
            "start_event": source_dict(self.start),
            "completion_event": source_dict(self.returning),
            "retention_window_start": first,
            "retention_window_end": last,
            "retention_window_unit": _UNITS[name],
        }
        return own if self.start_handling == "first_seen" else {**own, "start_handling": self.start_handling}

    @classmethod
    def _read(cls, metric: Mapping[str, Any], common: dict[str, Any]) -> Metric:
        named = {unit: name for name, unit in _UNITS.items()}
        unit = metric.get("retention_window_unit") or "day"
        if unit not in named:
            hint = f"keep the definition as a mapping, or choose one of: {', '.join(named)}"
            raise invalid("metric.retention_window_unit", f"retention by the {unit} has no class", hint)
        periods = (int(metric["retention_window_start"]), int(metric["retention_window_end"]))
        start, returning = read_source(metric["start_event"]), read_source(metric["completion_event"])
        own = {named[unit]: periods, "start_handling": metric.get("start_handling") or "first_seen"}
        return cls(start, returning, **{**common, **own})
