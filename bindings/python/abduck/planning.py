"""How much longer an experiment has to run, and how often its tests are wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RemainingVariant:
    """What the comparison of a variant with the baseline needs."""

    variant: str
    """The variant."""
    units_now: tuple[int, int]
    """Units of the baseline and of the variant now."""
    variance_reduction: float
    """The share of the variance that the covariate takes out; 0 without one."""
    detectable_lift_now: float
    """The relative effect that would be seen now, by a single look."""
    units_single_look: int
    """Units of both that are needed for a single look."""
    units_any_time: int
    """Units of both that are needed when one looks as often as one likes."""
    days_single_look: float | None
    """Days until there are enough for a single look; none when nobody comes."""
    days_any_time: float | None
    """Days until there are enough for any number of looks."""


@dataclass(frozen=True)
class Remaining:
    """How much longer an experiment has to run to see an effect of a size.

    >>> import abduck
    >>> buyers = {"metric_type": "funnel", "series": [{"event": "purchase"}]}
    >>> remaining = abduck.demo().experiments["quick-checkout"].remaining(buyers, lift=0.1)
    >>> remaining.variants[0].units_now
    (5319, 5377)
    >>> remaining.variants[0].units_any_time > remaining.variants[0].units_single_look > 30000
    True
    """

    lift: float
    """The relative effect to see."""
    power: float
    """With which probability."""
    alpha: float
    """The two-sided error rate."""
    baseline_value: float
    """The baseline's value now."""
    exposed_per_day: float
    """Units first exposed per day, of late."""
    variants: tuple[RemainingVariant, ...]
    """What each variant needs."""
    text: str = field(repr=False, compare=False)
    """All of it, for reading."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class PastNeed:
    """What one way of looking needs, judged by the past."""

    any_time: bool
    """Whether one may look as often as one likes."""
    adjusted: bool
    """Whether the value before the exposure is taken out."""
    units_per_variant: int
    """Units of each variant."""
    units: int
    """Units of all variants together."""
    days: float | None
    """Days until so many have come; none when nobody comes any more."""
    is_extrapolated: bool
    """Whether that is longer than the days that were looked at, so that the last week was taken to go on."""


@dataclass(frozen=True)
class PastPlan:
    """How many units and days an experiment will need, from the events that the lab has already.

    >>> import abduck
    >>> buyers = {"metric_type": "funnel", "series": [{"event": "purchase"}]}
    >>> plan = abduck.demo().plan_from_past(buyers, exposure="product_viewed", as_of="2026-03-29", lift=0.2)
    >>> [need.any_time for need in plan.needs][:2], len(plan.arrivals)
    ([False, True], 28)
    """

    lift: float
    """The relative effect to see."""
    power: float
    """With which probability."""
    variants: int
    """The number of variants, the baseline included."""
    alpha: float
    """The two-sided error rate."""
    units: int
    """Units whose window has passed, from which the value comes."""
    value: float
    """The metric's value."""
    unit_variance: float
    """Its variance per unit."""
    variance_reduction: float
    """The share of the variance that the value of the two weeks before explains; 0 where it is not known."""
    arrivals: tuple[int, ...]
    """How many units came for the first time on each day of 24 hours, the earliest first."""
    needs: tuple[PastNeed, ...]
    """What each way of looking needs."""
    text: str = field(repr=False, compare=False)
    """All of it, for reading."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Prior:
    """What to believe of a metric before the data, learned from past experiments."""

    prior: dict[str, float]
    """The prior, as it stands in a metric under `prior`."""
    arms: int
    """The number of past variants it was learned from."""
    is_limited: bool
    """Whether these differ no more than chance: then the prior is as sure as all their units together."""
    experiments: tuple[str, ...]
    """The past experiments, by the keys of their flags."""
    left_out: dict[str, str]
    """Past experiments that the metric could not be computed for, and why."""
    text: str = field(repr=False, compare=False)
    """All of it, for reading."""
    rate_prior: dict[str, float] | None = None
    """Of a metric that counts events, the prior of their rate, which may stand there instead."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class RoundShare:
    """A share of rounds, with the interval of the true one."""

    rounds: int
    """The rounds in which it happened."""
    share: float
    """Their share."""
    interval: tuple[float, float]
    """Wilson's 95 % interval of that share."""


@dataclass(frozen=True)
class MethodCalibration:
    """How often a method is wrong, and how often it is right."""

    method: str
    """`fixed_horizon` or `anytime_valid`, with `_adjusted` behind it when a covariate was taken out."""
    false_positives: RoundShare
    """How often it saw an effect where there was none."""
    coverage: RoundShare
    """How often its interval contained the planted effect."""
    power: RoundShare
    """How often it saw the planted effect."""


@dataclass(frozen=True)
class Calibration:
    """How often the tests of a metric are wrong when the lab's own units are put into two variants at random.

    >>> import abduck
    >>> buyers = {"metric_type": "funnel", "series": [{"event": "purchase"}]}
    >>> calibration = abduck.demo().experiments["quick-checkout"].calibrate(buyers, rounds=20)
    >>> [method.method for method in calibration.methods]
    ['fixed_horizon', 'anytime_valid']
    """

    units: int
    """The number of units."""
    value: float
    """The value of the metric over all of them."""
    rounds: int
    """How often they were put into two variants."""
    lift: float
    """The relative effect that was planted."""
    alpha: float
    """The error rate that the tests promise."""
    methods: tuple[MethodCalibration, ...]
    """What came out, per method."""
    text: str = field(repr=False, compare=False)
    """All of it, for reading."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class LargestUnit:
    """A unit with one of the largest values."""

    unit: str
    """The unit: the smallest distinct id of a person, or the key of a group."""
    variant: str
    """Its variant."""
    value: float
    """Its value, before outliers are clamped."""


@dataclass(frozen=True)
class Influence:
    """A metric with and without its largest units.

    >>> import abduck
    >>> revenue = {"metric_type": "mean"}
    >>> revenue["source"] = {"event": "purchase", "math": "sum", "math_property": "revenue"}
    >>> influence = abduck.demo().experiments["quick-checkout"].influence(revenue, top=3)
    >>> len(influence.largest), influence.lift["test"] > 0, influence.lift_without["test"] > 0
    (3, True, True)
    """

    largest: tuple[LargestUnit, ...]
    """The largest units, which are left out, the largest first."""
    lift: dict[str, float]
    """How much larger each variant's value is than the baseline's, with all units."""
    lift_without: dict[str, float]
    """The same without the largest units."""
    p_value: dict[str, float]
    """The p-value of each variant that holds at any look, with all units."""
    p_value_without: dict[str, float]
    """The same without the largest units."""
    text: str = field(repr=False, compare=False)
    """All of it, for reading."""

    def __str__(self) -> str:
        return self.text


def influence_of(data: dict[str, Any], text: str) -> Influence:
    """From its outward form."""

    def p_values(observed: dict[str, Any]) -> dict[str, float]:
        compared = observed["comparisons"]["against_baseline"]
        return {variant: one["anytime_valid"]["p_value"] for variant, one in compared.items()}

    return Influence(
        largest=tuple(LargestUnit(**unit) for unit in data["largest"]),
        lift=data["all"]["relative_lift"],
        lift_without=data["without"]["relative_lift"],
        p_value=p_values(data["all"]),
        p_value_without=p_values(data["without"]),
        text=text,
    )


def remaining_of(data: dict[str, Any], text: str) -> Remaining:
    """From its outward form."""

    def variant(data: dict[str, Any]) -> RemainingVariant:
        whole = {key: int(data[key]) for key in ("units_single_look", "units_any_time")}
        return RemainingVariant(**{**data, **whole, "units_now": tuple(data["units_now"])})

    names = ("lift", "power", "alpha", "baseline_value", "exposed_per_day")
    variants = tuple(variant(one) for one in data["variants"])
    return Remaining(**{name: data[name] for name in names}, variants=variants, text=text)


def past_plan_of(data: dict[str, Any], text: str) -> PastPlan:
    """From its outward form."""

    def need(data: dict[str, Any]) -> PastNeed:
        return PastNeed(**{**data, **{name: int(data[name]) for name in ("units_per_variant", "units")}})

    names = ("lift", "power", "variants", "alpha", "units", "value", "unit_variance", "variance_reduction")
    needs = tuple(need(one) for one in data["needs"])
    plan = {name: data[name] for name in names}
    return PastPlan(**plan, arrivals=tuple(data["arrivals"]), needs=needs, text=text)


def prior_of(data: dict[str, Any], text: str) -> Prior:
    """From its outward form."""
    names = ("prior", "arms", "is_limited", "left_out")
    rate = (data.get("rate_prior") or {}).get("prior")
    prior = {name: data[name] for name in names}
    return Prior(**prior, experiments=tuple(data["experiments"]), rate_prior=rate, text=text)


def calibration_of(data: dict[str, Any], text: str) -> Calibration:
    """From its outward form."""

    def share(data: dict[str, Any]) -> RoundShare:
        return RoundShare(**{**data, "interval": tuple(data["interval"])})

    def method(data: dict[str, Any]) -> MethodCalibration:
        shares = {key: share(data[key]) for key in ("false_positives", "coverage", "power")}
        return MethodCalibration(method=data["method"], **shares)

    names = ("units", "value", "rounds", "lift", "alpha")
    methods = tuple(method(one) for one in data["methods"])
    return Calibration(**{name: data[name] for name in names}, methods=methods, text=text)
