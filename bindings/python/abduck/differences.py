"""Differences of two arms by themselves: believed, adjusted, stratum by stratum; and what the past teaches.

>>> from abduck import differences, stats
>>> believed = differences.believe(stats.Share(100, 1000), stats.Share(130, 1000))
>>> round(believed.probability_of_larger_treatment, 4)
0.9822
>>> round(differences.believe(stats.Share(100, 1000), stats.Share(130, 1000), relative=True).median, 3)
0.298
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from abduck import stats
from abduck.stats import Inference, Mean, Share

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    _Interval: TypeAlias = tuple[float, float]
    _Arm: TypeAlias = Share | Mean | tuple[float, float]


@dataclass(frozen=True)
class Believed:
    """The posterior of a difference, or of a relative difference."""

    probability_of_larger_treatment: float
    """The probability that the treatment's value is the larger one."""
    credible_interval: _Interval
    """The central interval with the probability that was asked for."""
    median: float
    """As probably more as less."""
    error_bound: float
    """The largest error of the probability."""
    curve: tuple[tuple[float, float], ...] = field(repr=False)
    """Values and the density at each, if points were asked for."""


@dataclass(frozen=True)
class Covaried:
    """A difference with covariates taken out, or weighted by strata."""

    difference: float
    """The adjusted difference, in the unit of the metric."""
    standard_error: float
    """Its standard error."""
    variance_reduction: float
    """The share of the variance that is gone."""
    anytime_valid: Inference
    """The answer that holds however often one looks."""
    fixed_horizon: Inference
    """The answer for a single look."""
    control_slopes: tuple[float, ...] = ()
    """The slope of the control's outcome on each covariate."""
    treatment_slopes: tuple[float, ...] = ()
    """The same of the treatment; equal unless each arm has its own."""
    dropped: tuple[int, ...] = ()
    """The positions of covariates that are not used: they do not vary, or others say the same."""
    merged: tuple[str, ...] = ()
    """Strata that were put together because some arm had less than two units in one."""


@dataclass(frozen=True)
class LearnedPrior:
    """A prior learned from past arms."""

    prior: dict[str, float]
    """`alpha` and `beta` of a share; `mu`, `kappa`, `alpha` and `beta` of a mean."""
    arms: int
    """The number of past arms."""
    is_limited: bool
    """Whether the arms differ no more than chance: then the prior is as sure as all their units together."""


@dataclass(frozen=True)
class Course:
    """How a difference changes from day to day."""

    days: int
    """The days."""
    slope_per_day: float
    """The change per day."""
    standard_error: float
    """Its standard error."""
    p_value: float
    """The p-value of no change."""
    course: Literal["steady", "fading", "growing"]
    """What that means."""


def _posterior(arm: _Arm, prior: tuple[float, float]) -> dict[str, list[float]]:
    if isinstance(arm, Share):
        return {"beta": [prior[0] + arm.successes, prior[1] + arm.trials - arm.successes]}
    if isinstance(arm, Mean):
        return {"student": [arm.mean, (arm.variance / arm.units) ** 0.5, arm.units - 1]}
    events, exposure = arm
    return {"gamma": [prior[0] + events, exposure]}


def believe(
    control: _Arm,
    treatment: _Arm,
    *,
    relative: bool = False,
    prior: tuple[float, float] = (1.0, 1.0),
    probability: float = 0.95,
    points: int = 0,
) -> Believed:
    """What is believed about the difference of two arms, computed to a bound, not simulated.

    Args:
        control: Units that converted among all, a mean over units, or a pair of events and the units they come from.
        treatment: The same of the treatment.
        relative: Whether the difference is a share of the control's value.
        prior: Of a share, the units that converted and did not before the data; of events, the first number is theirs.
        probability: That of the interval.
        points: The number of points of the density's curve, for a plot.

    Raises:
        InvalidError: The arms are of different kinds, or shares are asked for of a control that need not be positive.
    """
    data = stats._statistic(
        "believed",
        control=_posterior(control, prior),
        treatment=_posterior(treatment, prior),
        is_ratio=relative,
        probability=probability,
        points=points,
    )
    shift = 1.0 if relative else 0.0
    low, high = data["credible_interval"]
    return Believed(
        probability_of_larger_treatment=data["probability_of_larger_treatment"],
        credible_interval=(low - shift, high - shift),
        median=data["median"] - shift,
        error_bound=data["error_bound"],
        curve=tuple((value - shift, density) for value, density in data["curve"]),
    )


def _answers(data: dict[str, Any]) -> dict[str, Any]:
    answers = {name: Inference(**stats._pairs(data[name])) for name in ("anytime_valid", "fixed_horizon")}
    return {**data, **answers}


def take_out_covariates(
    control: Sequence[Sequence[float]],
    treatment: Sequence[Sequence[float]],
    *,
    ratio: bool = False,
    slopes: Literal["pooled", "per_arm"] = "pooled",
    alpha: float = 0.05,
) -> Covaried:
    """The difference of two arms with covariates taken out (CUPED, the analysis of covariance).

    Args:
        control: One row per unit: the outcome, of a ratio also what it is divided by, then the covariates.
        treatment: The same of the treatment.
        ratio: Whether the first number is divided by the second, summed over units.
        slopes: One slope per covariate, or those of each arm's own (Lin 2013).
        alpha: The two-sided error rate.

    >>> rows = [[2.0 * x + x % 3, x] for x in range(40)]
    >>> shifted = [[y + 1.0, x] for y, x in rows]
    >>> adjusted = take_out_covariates(rows, shifted)
    >>> round(adjusted.difference, 9), adjusted.variance_reduction > 0.99
    (1.0, True)

    Raises:
        InvalidError: There are too few units, or nothing varies.
    """
    data = stats._statistic(
        "covaried",
        control=[list(row) for row in control],
        treatment=[list(row) for row in treatment],
        is_ratio=ratio,
        per_arm=slopes == "per_arm",
        alpha=alpha,
    )
    lists = {name: tuple(data[name]) for name in ("control_slopes", "treatment_slopes", "dropped")}
    return Covaried(**{**_answers(data), **lists})


def poststratify(strata: Mapping[str, tuple[Mean, Mean]], *, alpha: float = 0.05) -> Covaried:
    """The difference of two arms stratum by stratum, weighted by the sizes of the strata (Miratrix et al. 2013).

    Args:
        strata: Per stratum the mean of the control and that of the treatment.
        alpha: The two-sided error rate.

    Raises:
        InvalidError: There are too few units, or nothing varies.
    """

    def of(mean: Mean) -> tuple[int, float, float]:
        return int(mean.units), mean.mean, mean.variance

    named = [(name, of(control), of(treatment)) for name, (control, treatment) in strata.items()]
    data = _answers(stats._statistic("poststratified", strata=named, alpha=alpha))
    return Covaried(**{**data, "merged": tuple(data["merged"])})


def learn_prior(arms: Iterable[Share] | Iterable[Mean]) -> LearnedPrior:
    """A prior from the arms of past experiments, all of them shares or all of them means.

    >>> from abduck.stats import Share
    >>> prior = learn_prior([Share(20, 200), Share(35, 210), Share(12, 190), Share(28, 205)]).prior
    >>> round(prior["alpha"], 2), round(prior["beta"], 2)
    (11.23, 84.73)

    Raises:
        InvalidError: There are less than three arms, or they teach nothing.
    """
    given = list(arms)
    shares = [(arm.successes, arm.trials) for arm in given if isinstance(arm, Share)]
    means = [(arm.units, arm.mean, arm.variance) for arm in given if isinstance(arm, Mean)]
    if shares and means:
        raise ValueError("the arms are all shares or all means")
    return LearnedPrior(**stats._statistic("learned", shares=shares, means=means))


def course(differences: Iterable[tuple[float, float, float]]) -> Course | None:
    """Whether a difference changes with the days: a weighted line through day, difference and standard error.

    None of less than three days.
    """
    data = stats._statistic("course", points=[list(point) for point in differences])
    if data is None:
        return None
    return Course(**{name: value for name, value in data.items() if name != "variant"})
