"""The statistics by themselves, on counts, moments or arrays; no lab is needed.

>>> from abduck import stats
>>> control, test = stats.Share(100, 1000), stats.Share(130, 1000)
>>> comparison = stats.compare({"control": control, "test": test})["test"]
>>> round(comparison.fixed_horizon.p_value, 4), comparison.anytime_valid.significant
(0.0355, False)
>>> stats.plan_shares(0.10, 0.11).units_control
14751
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from abduck import _engine

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    _Interval: TypeAlias = tuple[float, float]
    _Alternative: TypeAlias = Literal["two_sided", "greater", "less"]
    _Correction: TypeAlias = Literal["bonferroni", "holm", "benjamini_hochberg", "benjamini_yekutieli"]
    _Spending: TypeAlias = Literal["pocock", "obrien_fleming", "lan_demets_obrien_fleming", "lan_demets_pocock"]


@dataclass(frozen=True)
class Share:
    """Units that did something, among all."""

    successes: float
    """Units that did it."""
    trials: float
    """All units."""

    def _estimate(self) -> tuple[str, float, float, float]:
        share = self.successes / self.trials if self.trials else 0.0
        variance = share * (1 - share) * self.trials / (self.trials - 1) if self.trials > 1 else 0.0
        return "share", self.trials, share, variance


@dataclass(frozen=True)
class Mean:
    """A mean over units."""

    units: float
    """The number of units."""
    mean: float
    """Their mean."""
    variance: float
    """Their variance, divided by one less than their number."""

    @classmethod
    def of(cls, values: Iterable[float]) -> Mean:
        """From the values of all units: a list, or a column of any frame.

        >>> Mean.of([1, 2, 6])
        Mean(units=3, mean=3.0, variance=7.0)
        """
        numbers = [float(value) for value in values]
        count = len(numbers)
        mean = sum(numbers) / count if count else 0.0
        squares = sum((number - mean) ** 2 for number in numbers)
        return cls(count, mean, squares / (count - 1) if count > 1 else 0.0)

    def _estimate(self) -> tuple[str, float, float, float]:
        return "mean", self.units, self.mean, self.variance


@dataclass(frozen=True)
class Ratio:
    """A ratio of two sums over the same units."""

    numerators: Sequence[float] = field(repr=False)
    """One value per unit."""
    denominators: Sequence[float] = field(repr=False)
    """One value per unit, what the sum of the others is divided by."""

    def _estimate(self) -> tuple[str, float, float, float]:
        top, bottom = [float(x) for x in self.numerators], [float(x) for x in self.denominators]
        units, ratio, mean = len(top), sum(top) / sum(bottom), sum(bottom) / len(bottom)
        # The delta method: the variance of numerator - ratio * denominator, whose mean is 0.
        rest = sum((x - ratio * y) ** 2 for x, y in zip(top, bottom, strict=True))
        return "ratio", units, ratio, rest / (units - 1) / mean**2


@dataclass(frozen=True)
class Inference:
    """An interval and a test of a difference."""

    interval: _Interval
    """The interval of the difference."""
    relative_interval: _Interval | None
    """The interval of the relative difference; none where it is unbounded."""
    p_value: float
    """The p-value of no difference."""
    ln_p_value: float
    """Its natural logarithm, a number also where the p-value is too small for one."""
    significant: bool
    """Whether the p-value is below alpha."""
    e_value: float | None = None
    """The evidence against no difference, of methods that have it; none where it is too large for a number."""
    ln_e_value: float | None = None
    """Its natural logarithm."""


@dataclass(frozen=True)
class Comparison:
    """A variant against the first one."""

    difference: float
    """The variant's value minus the first one's."""
    standard_error: float
    """The standard error of the difference."""
    anytime_valid: Inference
    """What holds however often one looks."""
    fixed_horizon: Inference
    """What holds for a single look at a moment chosen beforehand."""
    probability_best: float
    """The probability that the variant is the best of all."""
    expected_loss: float
    """What choosing it costs on average where another is better."""


@dataclass(frozen=True)
class Belief:
    """What is believed about a rate."""

    mean: float
    """The posterior mean."""
    probability_best: float
    """The probability to be the largest."""
    expected_loss: float
    """What choosing it costs on average where another is larger."""
    credible_interval: _Interval
    """The central 95 % interval."""


@dataclass(frozen=True)
class TwoProportions:
    """Normal tests and intervals of two shares."""

    difference: float
    """The treatment's share minus the control's."""
    z_statistic: float
    """The difference in pooled standard errors."""
    p_value: float
    """With the pooled standard error."""
    ln_p_value: float
    """Its natural logarithm."""
    p_value_unpooled: float | None
    """With the unpooled standard error."""
    wald_interval: _Interval
    """Of the difference, with the unpooled standard error."""
    wilson_treatment: _Interval
    """Wilson's interval of the treatment's share."""
    wilson_control: _Interval
    """Wilson's interval of the control's share."""
    newcombe_interval: _Interval
    """Of the difference, from both of Wilson's."""


@dataclass(frozen=True)
class AnytimeShares:
    """What holds of two shares however often one looks: exact, not asymptotic."""

    treatment: _Interval
    """The treatment's share."""
    control: _Interval
    """The control's share."""
    difference: _Interval
    """Their difference; cautious."""
    ln_e_value: float
    """The natural logarithm of the evidence against equal shares."""


@dataclass(frozen=True)
class Adjusted:
    """What a correction for many comparisons makes of one."""

    adjusted: float
    """The adjusted p-value."""
    rejected: bool
    """Whether it is rejected."""
    interval_alpha: float
    """The error rate for its own interval, so that both come from one procedure."""


@dataclass(frozen=True)
class SampleRatio:
    """The units of variants against the split."""

    expected_counts: tuple[float, ...]
    """How many units each should have."""
    chi_square: float
    """Pearson's statistic."""
    degrees_of_freedom: int
    """One less than the number of variants."""
    p_value: float
    """For a single look."""
    ln_p_value: float
    """Its natural logarithm."""
    ln_e_value: float
    """The natural logarithm of the evidence for a mismatch, however often one looks."""
    anytime_p_value: float
    """However often one looks."""
    is_mismatch: bool
    """Whether that is below 0.001."""


@dataclass(frozen=True)
class SegmentMismatch:
    """One part of the units and what it contributes to a mismatch."""

    segment: str
    """The name of the part."""
    counts: tuple[float, ...]
    """Units per variant."""
    chi_square: float
    """Pearson's statistic of this part alone."""
    p_value: float
    """Its p-value."""
    p_value_of_the_others: float
    """The p-value of all other parts together: what is left of the mismatch without this one."""


@dataclass(frozen=True)
class MixtureTest:
    """What the mixture sequential probability ratio test says at one look."""

    log_likelihood_ratio: float
    """The natural logarithm of the averaged likelihood ratio: the e-value."""
    p_value: float
    """The p-value of this look; the smallest so far holds at any time."""
    confidence_interval: _Interval
    """The interval of the effect that holds at any time."""


@dataclass(frozen=True)
class QuantileDifference:
    """The difference of two quantiles."""

    difference: float
    """The treatment's quantile minus the control's."""
    standard_error: float
    """Its standard error."""
    confidence_interval: _Interval
    """Its interval, from order statistics."""
    treatment: dict[str, float]
    """The treatment's quantile, ranks and standard error."""
    control: dict[str, float]
    """The control's."""


@dataclass(frozen=True)
class Boundaries:
    """The bars of a test with planned looks."""

    z_boundaries: tuple[float, ...]
    """The absolute value of the statistic that rejects at each look."""
    nominal_two_sided_p: tuple[float, ...]
    """The p-value that each bar stands for."""
    cumulative_alpha: tuple[float, ...]
    """The error rate spent up to each look."""
    constant: float | None = None
    """The number behind the bars of Pocock and of O'Brien and Fleming."""


@dataclass(frozen=True)
class SampleSize:
    """How many units a comparison needs."""

    units_control: int
    """Units of the control, for a single look."""
    units_treatment: int
    """Units of the treatment, for a single look."""
    units_control_anytime: int
    """Units of the control, when one looks as often as one likes."""
    power: float | None
    """The power with the units asked about."""
    detectable_difference: float | None
    """The difference that the units asked about detect."""


def _statistic(name: str, **inputs: Any) -> Any:
    return json.loads(_engine.statistic(name, json.dumps(inputs)))


def _pairs(data: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def _share(share: Share) -> dict[str, float]:
    return {"successes": share.successes, "trials": share.trials}


def _two(
    treatment: Share, control: Share, alpha: float = 0.05, alternative: _Alternative = "two_sided", margin: float = 0.0
) -> dict[str, Any]:
    shares = {"treatment": _share(treatment), "control": _share(control)}
    return {**shares, "alpha": alpha, "alternative": alternative, "margin": margin}


def compare(
    arms: Mapping[str, Share] | Mapping[str, Mean] | Mapping[str, Ratio],
    *,
    alpha: float = 0.05,
    tuning_units: float = 5000,
    lower_is_better: bool = False,
) -> dict[str, Comparison]:
    """Compares variants with the first of them: what holds at any look, what holds for one, and what is believed.

    Args:
        arms: The variants, all of one type; the first is the baseline.
        alpha: The two-sided error rate.
        tuning_units: The number of units of two variants at which the interval that holds at any look is narrowest.
        lower_is_better: Whether the best variant is the one with the smallest value.

    Raises:
        InvalidError: A variant has too few units, or no variant varies.
    """
    estimates = {variant: arm._estimate() for variant, arm in arms.items()}
    natures = {estimate[0] for estimate in estimates.values()}
    if len(natures) != 1:
        raise TypeError("the variants must all be of one type: Share, Mean or Ratio")
    answer = _statistic(
        "compare",
        nature=natures.pop(),
        arms=[
            {"variant": variant, "units": units, "value": value, "unit_variance": variance}
            for variant, (_, units, value, variance) in estimates.items()
        ],
        alpha=alpha,
        tuning_units=tuning_units,
        lower_is_better=lower_is_better,
    )

    def comparison(variant: str, data: dict[str, Any]) -> Comparison:
        belief = answer["beliefs"][variant]
        return Comparison(
            difference=data["difference"],
            standard_error=data["standard_error"],
            anytime_valid=Inference(**_pairs(data["anytime_valid"])),
            fixed_horizon=Inference(**_pairs(data["fixed_horizon"])),
            probability_best=belief["probability_best"],
            expected_loss=belief["expected_loss"],
        )

    return {variant: comparison(variant, data) for variant, data in answer["against_baseline"].items()}


def conversion(arms: Mapping[str, Share], *, prior: tuple[float, float] = (1.0, 1.0)) -> dict[str, Belief]:
    """What is believed about conversion rates: Beta posteriors, exact.

    Args:
        arms: The variants.
        prior: Successes and failures that are added; (1, 1) is flat.

    >>> conversion({"control": Share(100, 118), "test": Share(100, 110)})["test"].probability_best
    0.918340658702...
    """
    alpha, beta = prior
    pairs = [(alpha + arm.successes, beta + arm.trials - arm.successes) for arm in arms.values()]
    return _beliefs("conversion", arms, pairs)


def rates(arms: Mapping[str, tuple[float, float]], *, prior: tuple[float, float] = (1.0, 0.0)) -> dict[str, Belief]:
    """What is believed about event rates: Gamma posteriors, exact.

    Args:
        arms: Events and exposure of each variant.
        prior: Events and exposure that are added; (1, 0) is flat.
    """
    events, exposure = prior
    return _beliefs("rates", arms, [(events + count, exposure + of) for count, of in arms.values()])


def _beliefs(name: str, arms: Mapping[str, object], pairs: list[tuple[float, float]]) -> dict[str, Belief]:
    answers = _statistic(name, arms=pairs)
    return {variant: Belief(**_pairs(answer)) for variant, answer in zip(arms, answers, strict=True)}


def rate_p_value(control: tuple[float, float], treatment: tuple[float, float]) -> float:
    """The exact p-value of equal event rates, from events and exposure of both sides.

    >>> rate_p_value((20, 200), (30, 200))
    0.202638751064...
    """
    return float(_statistic("rate_p_value", control=control, treatment=treatment))


def two_proportions(
    treatment: Share, control: Share, *, alpha: float = 0.05, alternative: _Alternative = "two_sided"
) -> TwoProportions:
    """Normal tests of equal shares, with Wald's, Wilson's and Newcombe's intervals."""
    return TwoProportions(**_pairs(_statistic("two_proportions", **_two(treatment, control, alpha, alternative))))


def fisher_ln_p_value(treatment: Share, control: Share, *, alternative: _Alternative = "two_sided") -> float:
    """Fisher's exact test of equal shares: the natural logarithm of the p-value."""
    return float(_statistic("fisher", **_two(treatment, control, alternative=alternative)))


def boschloo_p_value(treatment: Share, control: Share, *, alternative: _Alternative = "two_sided") -> float:
    """Boschloo's exact test of equal shares, for at most 400 units: never larger than Fisher's p-value."""
    return float(_statistic("boschloo", **_two(treatment, control, alternative=alternative)))


def non_inferiority_p_value(treatment: Share, control: Share, margin: float) -> float:
    """The one-sided p-value of the treatment's share being smaller by the margin or more (Farrington and Manning)."""
    return float(_statistic("non_inferiority", **_two(treatment, control, margin=margin)))


def anytime_shares(treatment: Share, control: Share, *, alpha: float = 0.05) -> AnytimeShares:
    """What holds of two shares however often one looks; exact for any number of units."""
    return AnytimeShares(**_pairs(_statistic("anytime_shares", **_two(treatment, control, alpha))))


def quantile_difference(
    treatment: Iterable[float], control: Iterable[float], level: float, *, alpha: float = 0.05
) -> QuantileDifference:
    """The difference of two quantiles, with an interval from order statistics.

    >>> quantile_difference(range(101), range(51), 0.5).difference
    25.0
    """
    arrays = {"treatment": [float(x) for x in treatment], "control": [float(x) for x in control]}
    return QuantileDifference(**_pairs(_statistic("quantile_difference", **arrays, level=level, alpha=alpha)))


def adjust(
    p_values: Iterable[float], *, alpha: float = 0.05, correction: _Correction = "benjamini_hochberg"
) -> list[Adjusted]:
    """Adjusts the p-values of a family of comparisons, in their order.

    >>> [one.rejected for one in adjust([0.01, 0.04, 0.03, 0.005, 0.2])]
    [True, True, True, True, False]
    """
    answers = _statistic("adjust", p_values=[float(p) for p in p_values], alpha=alpha, correction=correction)
    return [Adjusted(**answer) for answer in answers]


def e_benjamini_hochberg(ln_e_values: Iterable[float], *, alpha: float = 0.05) -> list[bool]:
    """Which of a family of e-values are rejected, whatever their dependence and whenever one looks."""
    answer: list[bool] = _statistic("e_benjamini_hochberg", ln_e_values=[float(e) for e in ln_e_values], alpha=alpha)
    return answer


def sample_ratio(counts: Mapping[str, float], weights: Mapping[str, float]) -> SampleRatio:
    """Do the variants have as many units as the split says?

    Args:
        counts: The units of each variant.
        weights: The split, in any unit.

    >>> sample_ratio({"control": 5000, "test": 5600}, {"control": 50, "test": 50}).is_mismatch
    True
    """
    if counts.keys() != weights.keys():
        raise ValueError(f"counts and weights name other variants: {sorted(counts)} and {sorted(weights)}")
    given = {"counts": list(counts.values()), "weights": [weights[key] for key in counts]}
    return SampleRatio(**_pairs(_statistic("sample_ratio", **given)))


def rank_segments(segments: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]) -> list[SegmentMismatch]:
    """The parts of the units, those first that contribute most to a mismatch.

    Args:
        segments: The units of each variant, per part: a day, a browser, a country.
        weights: The split, in any unit.

    >>> parts = {"chrome": {"control": 5000, "test": 5010}, "safari": {"control": 2000, "test": 1500}}
    >>> rank_segments(parts, {"control": 50, "test": 50})[0].segment
    'safari'
    """
    parts = [(name, [counts.get(variant, 0) for variant in weights]) for name, counts in segments.items()]
    answers = _statistic("rank_segments", segments=parts, weights=list(weights.values()))
    return [SegmentMismatch(**_pairs(answer)) for answer in answers]


def normal_mixture(effect: float, variance: float, mixing_variance: float, *, alpha: float = 0.05) -> MixtureTest:
    """The mixture test (mSPRT) of an effect with a known variance, averaged over effects that are normal around 0."""
    given = {"effect": effect, "variance": variance, "mixing_variance": mixing_variance, "alpha": alpha}
    return MixtureTest(**_pairs(_statistic("mixture", **given)))


def boundaries(spending: _Spending, information_times: Sequence[float], *, alpha: float = 0.05) -> Boundaries:
    """The bars of a test that is looked at a planned number of times.

    Args:
        spending: How the error rate is spent over the looks.
        information_times: The share of the planned units at each look; the last is 1.
        alpha: The two-sided error rate of all looks together.
    """
    given = {"spending": spending, "information_times": list(information_times), "alpha": alpha}
    return Boundaries(**_pairs(_statistic("boundaries", **given)))


def plan_means(
    difference: float,
    standard_deviation: float,
    *,
    ratio: float = 1.0,
    alpha: float = 0.05,
    power: float = 0.8,
    variance_reduction: float = 0.0,
    tuning_units: float = 5000,
    units: float | None = None,
) -> SampleSize:
    """How many units a comparison of two means needs.

    Args:
        difference: The difference to detect.
        standard_deviation: Of the values over units.
        ratio: Units of the treatment per unit of the control.
        alpha: The two-sided error rate.
        power: The probability to detect it.
        variance_reduction: The share of the variance that a covariate takes out.
        tuning_units: Where the interval that holds at any look is narrowest.
        units: Units of the control whose power and detectable difference are asked for as well.

    >>> plan_means(0.5, 4.0).units_control
    1006
    """
    answer = _statistic(
        "plan_means",
        difference=difference,
        standard_deviation=standard_deviation,
        ratio=ratio,
        alpha=alpha,
        power=power,
        variance_reduction=variance_reduction,
        tuning_units=tuning_units,
        units=units,
    )
    return _sample_size(answer)


def plan_shares(
    control: float,
    treatment: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    tuning_units: float = 5000,
    units: float | None = None,
) -> SampleSize:
    """How many units per variant a comparison of two shares needs.

    Args:
        control: The control's share, between 0 and 1.
        treatment: The treatment's share that is to be detected.
        alpha: The two-sided error rate.
        power: The probability to detect it.
        tuning_units: Where the interval that holds at any look is narrowest.
        units: Units per variant whose power and detectable difference are asked for as well.
    """
    answer = _statistic(
        "plan_shares",
        control=control,
        treatment=treatment,
        alpha=alpha,
        power=power,
        tuning_units=tuning_units,
        units=units,
    )
    return _sample_size(answer)


def _sample_size(answer: dict[str, Any]) -> SampleSize:
    whole = {key: int(value) for key, value in answer.items() if key.startswith("units_")}
    return SampleSize(**{**answer, **whole})
