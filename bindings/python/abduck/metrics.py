"""Metrics as they are spoken of, and what those of every type have in common.

>>> import abduck
>>> metric = abduck.Funnel(["cart_added", "purchase"], within="7d", guardrail=0.01)
>>> metric.to_dict()["conversion_window"], metric.to_dict()["guardrail"]
(7, {'margin': 0.01})
>>> try:
...     abduck.Quantile("purchase", level=1.5)
... except abduck.InvalidError as error:
...     print(error.field, error)
metric.quantile must be a number from 0 to 1, not 1.5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from abduck import _engine, _span
from abduck._definition import Definition, invalid, to_json
from abduck.planning import Prior
from abduck.sources import read_source, source_dict, source_of

if TYPE_CHECKING:
    # A private name, as the module does not have it when it runs.
    from abduck.sources import _Source

KIND = "ExperimentMetric"
_WINDOWS = {"within": "conversion_window", "delay": "delay", "lookback": "lookback_window"}


@dataclass(frozen=True)
class Metric(Definition):
    """A metric: a value per exposed unit. Its subclasses are the types; all have these settings.

    A metric is checked when it is made, and cannot be changed. It stands wherever a definition of a metric does.

    >>> import abduck
    >>> metric = abduck.Metric.from_dict({"metric_type": "funnel", "series": [{"event": "paid"}], "goal": "decrease"})
    >>> metric == abduck.Funnel(["paid"], goal="decrease")
    True
    """

    metric_type: ClassVar[str]
    """The type, as the outward form names it."""
    _types: ClassVar[dict[str, type[Metric]]] = {}

    _: KW_ONLY
    name: str | None = None
    """What reports call it."""
    description: str | None = None
    """What it is for."""
    goal: Literal["increase", "decrease"] = "increase"
    """Which direction is good."""
    guardrail: float | None = None
    """How much worse it may get, as a share of the baseline's value, if it is there to guard against harm."""
    within: str | timedelta | None = None
    """How long after an exposure events count, such as `7d`; without it, until the experiment ends."""
    delay: str | timedelta | None = None
    """How long after the first exposure they begin to count."""
    lookback: str | timedelta | None = None
    """How much of the experiment's last time counts; without it, all."""
    breakdown: str | Sequence[str] = ()
    """Properties of the first exposure that the result is broken down by, up to three."""
    cuped: bool | str | timedelta | None = None
    """Whether the units' own past is taken out, or of how many days (`14d`); without it, as the experiment says."""
    covariates: Sequence[_Source] = ()
    """What else of that past may explain the value: events, or what an `Event` takes from them."""
    prior: Mapping[str, float] | Prior | None = field(default=None, hash=False)
    """What is believed of each variant's value before the data, such as `experiment.learn_prior()` says."""
    sequential: Mapping[str, Any] | None = field(default=None, hash=False)
    """Which answer decides, such as `{"method": "betting"}`; without it, as the experiment says."""
    uuid: str | None = None
    """The id other systems know it by."""

    def __init_subclass__(cls) -> None:
        if "metric_type" in vars(cls):
            # What comes first reads a type: counts are means to the engine.
            Metric._types.setdefault(cls.metric_type, cls)

    def __post_init__(self) -> None:
        """Puts the settings into one form, and has the engine check them."""
        for name in _WINDOWS:
            self._set(name, _span.to_text(getattr(self, name), name))
        if isinstance(self.cuped, (str, timedelta)):
            self._set("cuped", f"{_days(self.cuped)}d")
        self._set("breakdown", (self.breakdown,) if isinstance(self.breakdown, str) else tuple(self.breakdown))
        self._set("covariates", sources(self.covariates, "metric.covariates"))
        if self.prior is not None:
            self._set("prior", dict(self.prior.prior if isinstance(self.prior, Prior) else self.prior))
        if self.sequential is not None:
            self._set("sequential", dict(self.sequential))
        _engine.check_metric(to_json(self))

    def to_dict(self) -> dict[str, Any]:
        """The metric in the outward form, as definitions hold it."""
        texts = {"name": self.name, "description": self.description, "uuid": self.uuid}
        metric = {"kind": KIND, "metric_type": self.metric_type}
        metric |= {key: text for key, text in texts.items() if text is not None}
        return {**metric, **self._own(), **self._common()}

    @staticmethod
    def from_dict(metric: Mapping[str, Any]) -> Metric:
        """The metric that a definition in the outward form says. Marks without effect on numbers are left out.

        Raises:
            InvalidError: The definition is none of a modern metric; `field` says where.

        >>> import abduck
        >>> revenue = abduck.Mean("purchase", value="revenue", within="7d")
        >>> abduck.Metric.from_dict(revenue.to_dict()) == revenue
        True
        """
        _engine.check_metric(to_json(metric))
        return Metric._types[metric["metric_type"]]._read(metric, _read_common(metric))

    @classmethod
    def _read(cls, metric: Mapping[str, Any], common: dict[str, Any]) -> Metric:
        """The metric of this type."""
        raise NotImplementedError

    def _own(self) -> dict[str, Any]:
        """What only its type has, in the outward form."""
        raise NotImplementedError

    def _set(self, name: str, value: object) -> None:
        """Puts a field into its one form while the metric is made."""
        object.__setattr__(self, name, value)

    def _common(self) -> dict[str, Any]:
        common: dict[str, Any] = {} if self.goal == "increase" else {"goal": self.goal}
        if self.guardrail is not None:
            common["guardrail"] = {"margin": self.guardrail}
        for name, key in _WINDOWS.items():
            span = getattr(self, name)
            if span is not None:
                common[key], common[f"{key}_unit"] = _span.parts(span)
        if self.breakdown:
            common["breakdownFilter"] = {"breakdowns": [{"property": name, "type": "event"} for name in self.breakdown]}
        if self.cuped is not None:
            days = {"lookback_days": _days(self.cuped)} if isinstance(self.cuped, str) else {}
            common["cuped"] = {"enabled": self.cuped is not False, **days}
        if self.covariates:
            common["covariates"] = [source_dict(source) for source in self.covariates]
        given = {"prior": self.prior, "sequential": self.sequential}
        return {**common, **{key: value for key, value in given.items() if value is not None}}


def sources(given: Sequence[_Source], place: str) -> tuple[Any, ...]:
    """Sources in one form each."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise invalid(place, f"{given!r} is no list", "give a list, also of one event only, such as ['paid']")
    return tuple(source_of(source, f"{place}[{index}]") for index, source in enumerate(given))


def _days(span: str | timedelta) -> int:
    length, unit = _span.parts(str(_span.to_text(span, "cuped")))
    if unit not in ("day", "week"):
        raise invalid("metric.cuped", f"{span!r} is no number of whole days", "give days, such as '14d'")
    return length * 7 if unit == "week" else length


def _read_common(metric: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that every type has, from the outward form."""
    names = ("name", "description", "goal", "prior", "sequential", "uuid")
    common = {name: metric[name] for name in names if metric.get(name) is not None}
    if metric.get("guardrail") is not None:
        common["guardrail"] = metric["guardrail"].get("margin") or 0.0
    for name, key in _WINDOWS.items():
        if metric.get(key) is not None:
            common[name] = _span.of_parts(metric[key], metric.get(f"{key}_unit"))
    breakdown = metric.get("breakdownFilter") or {}
    named = [part["property"] for part in breakdown.get("breakdowns") or ()]
    common["breakdown"] = (*filter(None, [breakdown.get("breakdown")]), *named)
    common["covariates"] = [read_source(source) for source in metric.get("covariates") or ()]
    cuped = metric.get("cuped")
    if cuped is not None:
        days = cuped.get("lookback_days")
        common["cuped"] = bool(cuped.get("enabled")) and (True if days is None else f"{days}d")
    return common
