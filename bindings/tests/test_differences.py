"""Differences by themselves, against closed forms and the engine's own answers."""

import math
from statistics import NormalDist

import abduck
import pytest
from abduck import differences, stats


def test_means_of_many_units_are_nearly_normal() -> None:
    control, treatment = stats.Mean(1_000_000, 10.0, 4.0), stats.Mean(1_000_000, 10.01, 5.0)
    believed = differences.believe(control, treatment, points=51)
    normal = NormalDist(0.01, math.sqrt(9e-6))
    assert believed.probability_of_larger_treatment == pytest.approx(1 - normal.cdf(0), abs=1e-6)
    interval = (normal.inv_cdf(0.025), normal.inv_cdf(0.975))
    assert believed.credible_interval == pytest.approx(interval, rel=1e-4)
    assert (believed.median, len(believed.curve)) == (pytest.approx(0.01, abs=1e-6), 51)
    assert max(believed.curve, key=lambda point: point[1])[0] == pytest.approx(0.01, abs=5e-4)
    relative = differences.believe(control, treatment, relative=True)
    assert relative.median == pytest.approx(0.001, rel=1e-3)


def test_events_have_a_prior_of_their_own() -> None:
    believed = differences.believe((20, 200.0), (29, 210.0))
    other = stats.rates({"control": (20, 200.0), "test": (29, 210.0)})
    assert believed.probability_of_larger_treatment == pytest.approx(other["test"].probability_best, abs=1e-9)


def test_arms_of_different_kinds_are_refused() -> None:
    with pytest.raises(abduck.InvalidError, match="different families"):
        differences.believe(stats.Share(1, 2), (1.0, 2.0))
    with pytest.raises(abduck.InvalidError, match="at most 0"):
        differences.believe(stats.Mean(10, 0.1, 1.0), stats.Mean(10, 0.1, 1.0), relative=True)


def test_covariates_are_taken_out_of_ratios_too() -> None:
    unit = [(float(index % 7), float(index % 5), float(index % 3)) for index in range(210)]
    rows = [[x + rest, 2.0 + y, x, y] for x, y, rest in unit]
    shifted = [[outcome + 0.5, *others] for outcome, *others in rows]
    for slopes in ("pooled", "per_arm"):
        adjusted = differences.take_out_covariates(rows, shifted, ratio=True, slopes=slopes)
        assert adjusted.difference == pytest.approx(0.5 / 4.0)
        assert 0 < adjusted.variance_reduction < 1
        assert adjusted.dropped == ()
    doubled = [[outcome, x, x] for outcome, _, x, _ in rows]
    assert len(differences.take_out_covariates(doubled, doubled).dropped) == 1


def test_strata_are_weighted_by_their_sizes() -> None:
    strata = {
        "small": (stats.Mean(100, 1.0, 4.0), stats.Mean(100, 2.0, 4.0)),
        "large": (stats.Mean(300, 10.0, 4.0), stats.Mean(300, 10.0, 4.0)),
    }
    difference = differences.poststratify(strata)
    assert difference.difference == pytest.approx(0.25)
    assert difference.variance_reduction > 0.7
    assert difference.fixed_horizon.interval[0] < 0.25 < difference.fixed_horizon.interval[1]


def test_what_the_past_teaches() -> None:
    means = [stats.Mean(10_000, mean, variance) for mean, variance in ((8.0, 90.0), (10.0, 100.0), (12.0, 110.0))]
    learned = differences.learn_prior(means)
    assert learned.prior["mu"] == pytest.approx(10.0)
    assert (learned.arms, learned.is_limited) == (3, False)
    with pytest.raises(ValueError, match="all shares or all means"):
        differences.learn_prior([stats.Share(1, 2), stats.Mean(1, 2.0, 3.0)])
    with pytest.raises(abduck.InvalidError, match="at least 3"):
        differences.learn_prior([stats.Share(1, 2)])


def test_the_course_of_an_effect() -> None:
    fading = differences.course((day, 2.0 - 0.4 * day, 0.1) for day in range(5))
    assert fading is not None
    assert (fading.course, fading.days) == ("fading", 5)
    assert fading.slope_per_day == pytest.approx(-0.4)
    assert differences.course([(0, 1.0, 0.1)]) is None
