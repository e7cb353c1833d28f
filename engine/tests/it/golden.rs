//! The statistics against values made by other people's code: `tests/golden/make.py` says how.

use abduck::stats::bayes::{self, Posterior};
use abduck::stats::dist::{ChiSquare, StudentT, normal_ln_sf};
use abduck::stats::inference::{Estimate, fixed_horizon};
use abduck::stats::many::adjust;
use abduck::stats::power::Means;
use abduck::stats::proportion::exact::fisher_ln_p_value;
use abduck::stats::proportion::{Alternative, Share, two_proportions};
use serde::Deserialize;
use serde_json::Value;

fn values<T: for<'de> Deserialize<'de>>(family: &str) -> Vec<T> {
    let all: Value = serde_json::from_str(include_str!("../golden/values.json")).unwrap();
    let values: Vec<T> = serde_json::from_value(all[family].clone()).unwrap();
    assert!(!values.is_empty(), "{family}");
    values
}

#[track_caller]
fn assert_close(got: f64, expected: f64, relative: f64, what: &str) {
    assert!((got - expected).abs() <= relative * expected.abs(), "{what}: got {got:e}, expected {expected:e}");
}

#[derive(Debug, Deserialize)]
struct Tail {
    #[serde(default)]
    df: f64,
    #[serde(alias = "t", alias = "x", alias = "z")]
    at: f64,
    ln_sf: f64,
}

#[test]
fn tails_have_thirteen_digits() {
    // The logarithm of a tail of e^-700 with a relative error of 1e-13 is a tail with one of 7e-11; near 1 the tail itself counts.
    let check = |got: f64, tail: &Tail| {
        let allowed = 1e-13 * tail.ln_sf.abs().max(1.0);
        assert!((got - tail.ln_sf).abs() <= allowed, "{tail:?}: got {got}");
    };
    for tail in values::<Tail>("student") {
        check(StudentT::new(tail.df).unwrap().ln_sf(tail.at), &tail);
    }
    for tail in values::<Tail>("chi_square") {
        check(ChiSquare::new(tail.df).unwrap().ln_sf(tail.at), &tail);
    }
    for tail in values::<Tail>("normal") {
        check(normal_ln_sf(tail.at), &tail);
    }
}

#[derive(Debug, Deserialize)]
struct Conversion {
    control: [f64; 2],
    test: [f64; 2],
    probability_to_beat: f64,
    expected_loss_of_test: f64,
}

#[test]
fn exact_posteriors_are_those_of_mpmath_with_no_units_and_with_a_billion() {
    for case in values::<Conversion>("conversion") {
        let posterior =
            |[successes, trials]: [f64; 2]| Posterior::beta(successes + 1.0, trials - successes + 1.0).unwrap();
        let (control, test) = (posterior(case.control), posterior(case.test));
        let beats = bayes::probability_beats(&test, &control).unwrap();
        assert_close(beats.value, case.probability_to_beat, 1e-10, &format!("{case:?}"));
        assert!((beats.value - case.probability_to_beat).abs() <= beats.error_bound, "the bound holds: {case:?}");
        let loss = bayes::expected_loss(&test, &[control]).unwrap();
        assert_close(loss.value, case.expected_loss_of_test, 1e-9, &format!("{case:?}"));
        let both = bayes::standings(&[control, test]).unwrap();
        assert!((both.value[1].probability_best - case.probability_to_beat).abs() <= both.error_bound, "{case:?}");
        let widest = control.sd().max(test.sd());
        assert!(
            (both.value[1].expected_loss - case.expected_loss_of_test).abs() <= both.error_bound * widest,
            "{case:?}"
        );
    }
}

#[derive(Debug, Deserialize)]
struct TwoMeans {
    control: [f64; 3],
    test: [f64; 3],
    p_value: f64,
}

#[test]
fn welchs_test_is_that_of_scipy() {
    for case in values::<TwoMeans>("welch") {
        let estimate = |[count, value, unit_variance]: [f64; 3]| Estimate { count, value, unit_variance };
        let inference = fixed_horizon(estimate(case.control), estimate(case.test), 0.05).unwrap();
        assert_close(inference.p_value, case.p_value, 1e-9, &format!("{case:?}"));
    }
}

#[derive(Debug, Deserialize)]
struct TwoShares {
    test: [f64; 2],
    control: [f64; 2],
    p_value: f64,
    fisher: f64,
    wilson_test: [f64; 2],
}

#[test]
fn tests_of_shares_are_those_of_statsmodels_and_scipy() {
    for case in values::<TwoShares>("shares") {
        let share = |[successes, trials]: [f64; 2]| Share { successes, trials };
        let (test, control) = (share(case.test), share(case.control));
        let answer = two_proportions(test, control, 0.05, Alternative::TwoSided).unwrap();
        assert_close(answer.p_value, case.p_value, 1e-9, &format!("{case:?}"));
        for (got, expected) in answer.wilson_treatment.iter().zip(case.wilson_test) {
            assert!((got - expected).abs() <= 1e-12, "{case:?}");
        }
        let fisher = fisher_ln_p_value(test, control, Alternative::TwoSided).unwrap().exp();
        assert_close(fisher, case.fisher, 1e-9, &format!("{case:?}"));
    }
}

#[derive(Debug, Deserialize)]
struct Powered {
    effect: f64,
    units: f64,
    ratio: f64,
    alpha: f64,
    #[serde(rename = "power")]
    expected: f64,
}

#[test]
fn power_is_that_of_statsmodels() {
    for case in values::<Powered>("power") {
        let design = Means { standard_deviation: 1.0, ratio: case.ratio, alpha: case.alpha };
        assert_close(design.power(case.effect, case.units).unwrap(), case.expected, 1e-7, &format!("{case:?}"));
    }
}

#[derive(Debug, Deserialize)]
struct Family {
    correction: abduck::stats::many::Correction,
    p_values: Vec<f64>,
    adjusted: Vec<f64>,
    rejected: Vec<bool>,
}

#[test]
fn families_are_those_of_statsmodels() {
    for case in values::<Family>("families") {
        let family = adjust(&case.p_values, 0.05, case.correction).unwrap();
        for (got, expected) in family.iter().zip(&case.adjusted) {
            assert_close(got.adjusted, *expected, 1e-12, &format!("{:?}", case.correction));
        }
        assert_eq!(family.iter().map(|one| one.rejected).collect::<Vec<_>>(), case.rejected);
    }
}
