"""The statistics by themselves; golden values are those of SciPy, or of the definition."""

from __future__ import annotations

import math

import abduck
import pytest
from abduck import stats

CONTROL, TEST = stats.Share(131, 1180), stats.Share(156, 1200)


def test_shares_are_compared_in_three_ways() -> None:
    comparison = stats.compare({"control": CONTROL, "test": TEST})["test"]
    assert comparison.difference == pytest.approx(156 / 1200 - 131 / 1180, rel=1e-12)
    assert comparison.anytime_valid.p_value > comparison.fixed_horizon.p_value
    assert comparison.anytime_valid.interval[0] < comparison.fixed_horizon.interval[0]
    beliefs = stats.conversion({"control": CONTROL, "test": TEST})
    assert comparison.probability_best == pytest.approx(beliefs["test"].probability_best, abs=1e-12)
    assert sum(belief.probability_best for belief in beliefs.values()) == pytest.approx(1, abs=1e-12)


def test_means_come_from_arrays_and_from_moments() -> None:
    test, control = [1.0, 4.0, 2.5, 6.0, 3.0, 4.5], [2.0, 1.0, 1.5, 3.0, 2.0, 2.5, 1.0]
    arms = {"control": stats.Mean.of(control), "test": stats.Mean.of(test)}
    comparison = stats.compare(arms)["test"]
    # scipy.stats.ttest_ind(test, control, equal_var=False).pvalue
    assert comparison.fixed_horizon.p_value == pytest.approx(0.07031393596764382, rel=1e-9)
    lower = stats.compare(arms, lower_is_better=True)["test"]
    assert lower.probability_best == pytest.approx(1 - comparison.probability_best, abs=1e-11)


def test_a_ratio_has_the_variance_of_the_delta_method() -> None:
    ratio = stats.Ratio([3.0, 1.0, 4.0, 1.0, 5.0], [1.0, 2.0, 2.0, 1.0, 3.0])
    other = stats.Ratio([2.0, 7.0, 1.0, 8.0, 2.0], [2.0, 3.0, 1.0, 2.0, 1.0])
    comparison = stats.compare({"control": ratio, "test": other})["test"]
    assert comparison.difference == pytest.approx(20 / 9 - 14 / 9, rel=1e-12)

    def variance(top: list[float], bottom: list[float]) -> float:
        n, r, d = len(top), sum(top) / sum(bottom), sum(bottom) / len(bottom)
        return sum((x - r * y) ** 2 for x, y in zip(top, bottom, strict=True)) / (n - 1) / n / d**2

    expected = math.sqrt(
        variance(list(ratio.numerators), list(ratio.denominators))
        + variance(list(other.numerators), list(other.denominators))
    )
    assert comparison.standard_error == pytest.approx(expected, rel=1e-12)


def test_small_counts_have_exact_tests() -> None:
    test, control = stats.Share(7, 12), stats.Share(1, 12)
    assert math.exp(stats.fisher_ln_p_value(test, control)) == pytest.approx(0.027190738995827163, rel=1e-9)
    assert stats.boschloo_p_value(test, control, alternative="greater") == pytest.approx(0.00513934, rel=1e-5)
    assert stats.two_proportions(TEST, CONTROL).p_value == pytest.approx(0.15506336386403521, rel=1e-9)
    assert stats.non_inferiority_p_value(stats.Share(80, 100), stats.Share(90, 100), 0.2) == pytest.approx(
        0.0266693943914, rel=1e-9
    )
    anytime = stats.anytime_shares(TEST, CONTROL)
    assert anytime.treatment[0] < 0.13 < anytime.treatment[1]
    assert anytime.difference[0] < 0 < anytime.difference[1]
    assert anytime.ln_e_value < 0


def test_families_ratios_and_looks() -> None:
    holm = stats.adjust([0.01, 0.04, 0.03, 0.005, 0.2], correction="holm")
    assert [one.adjusted for one in holm] == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.2])
    assert stats.e_benjamini_hochberg([math.log(100), math.log(2)]) == [True, False]
    ratio = stats.sample_ratio({"a": 5000, "b": 5200}, {"b": 1, "a": 1})
    assert ratio.p_value == pytest.approx(0.04767038065616145, rel=1e-9)
    assert ratio.expected_counts == (5100, 5100)
    pocock = stats.boundaries("pocock", [1 / 3, 2 / 3, 1])
    assert pocock.z_boundaries == pytest.approx([2.2894780610248686] * 3, rel=1e-9)
    assert pocock.cumulative_alpha[-1] == pytest.approx(0.05)
    mixture = stats.normal_mixture(0.02, 0.0001, 0.0004)
    assert mixture.p_value == pytest.approx(0.45145433865655904, rel=1e-9)
    parts = {"mon": {"a": 100, "b": 90}, "tue": {"a": 300, "b": 100}}
    ranked = stats.rank_segments(parts, {"a": 1, "b": 1})
    assert [part.segment for part in ranked] == ["tue", "mon"]
    assert ranked[0].p_value_of_the_others > 0.05
    assert stats.rates({"a": (20, 200), "b": (30, 200)})["b"].probability_best > 0.9
    assert stats.rate_p_value((20, 200), (30, 200)) == pytest.approx(0.20263875106454066)


def test_plans_know_covariates_and_looking() -> None:
    plain = stats.plan_means(0.5, 4.0, units=1000)
    assert (plain.units_control, plain.units_treatment) == (1006, 1006)
    assert plain.power == pytest.approx(0.7977977398334858, rel=1e-9)
    assert plain.units_control_anytime > plain.units_control
    assert stats.plan_means(0.5, 4.0, variance_reduction=0.5).units_control == pytest.approx(504, abs=1)
    assert stats.plan_shares(0.1, 0.11).units_control == 14751
    assert stats.quantile_difference(range(101), range(51), 0.5).difference == 25


def test_impossible_inputs_are_refused() -> None:
    with pytest.raises(abduck.InvalidError, match="no more successes"):
        stats.two_proportions(stats.Share(2, 1), CONTROL)
    with pytest.raises(abduck.InvalidError, match="between 0 and 1"):
        stats.adjust([2.0])
    with pytest.raises(TypeError, match="one type"):
        stats.compare({"a": CONTROL, "b": stats.Mean(3, 1, 1)})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="other variants"):
        stats.sample_ratio({"a": 1, "b": 2}, {"a": 1, "c": 1})
