use proptest::prelude::*;

use super::golden::{GOLDEN, strata};
use super::*;

fn moments(pairs: &[(f64, f64)]) -> Moments {
    Moments::of(pairs)
}

fn stratum(name: &str, control: &[f64], treatment: &[f64]) -> Stratum {
    let of = |values: &[f64]| moments(&values.iter().map(|value| (*value, 1.0)).collect::<Vec<_>>());
    Stratum { name: name.into(), control: of(control), treatment: of(treatment) }
}

fn code_of(strata: &[Stratum], outcome: Outcome) -> &'static str {
    poststratify(strata, outcome, Target::Population).unwrap_err().code()
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs().max(1.0)
}

#[test]
fn differences_are_those_of_mpmath() {
    for golden in GOLDEN {
        let stratified = poststratify(&strata(), golden.outcome, golden.target).unwrap();
        let numbers = |estimate: Estimate, freedom: f64| [estimate.value, estimate.unit_variance, freedom];
        let control = numbers(stratified.control, stratified.control_degrees_of_freedom);
        let treatment = numbers(stratified.treatment, stratified.treatment_degrees_of_freedom);
        let others = [stratified.within_variance, stratified.fixed_horizon(0.05).unwrap().p_value];
        let own = control.into_iter().chain(treatment).chain(others);
        let expected =
            golden.control.into_iter().chain(golden.treatment).chain([golden.within_variance, golden.p_value]);
        for (own, expected) in own.zip(expected) {
            assert!((own / expected - 1.0).abs() < 1e-11, "{own} {expected}");
        }
        assert!((stratified.between_variance - golden.between_variance).abs() < 1e-12 * golden.within_variance);
        assert!((stratified.variance_reduction - golden.variance_reduction).abs() < 1e-12);
        let variance = stratified.control.variance() + stratified.treatment.variance();
        assert!(close(stratified.standard_error(), variance.sqrt(), 1e-14));
        assert!(stratified.merged.is_empty() && stratified.strata == 4);
        assert_eq!(stratified.units_saved(), stratified.variance_reduction);
    }
}

#[test]
fn one_stratum_is_no_stratum() {
    let whole = stratum("all", &[1.0, 2.0, 4.0, 8.0], &[3.0, 5.0, 9.0]);
    let stratified = poststratify(std::slice::from_ref(&whole), Outcome::Mean, Target::Population).unwrap();
    assert!(stratified.variance_reduction.abs() < 1e-15 && stratified.units_saved() < 1e-15);
    assert_eq!((stratified.control_degrees_of_freedom, stratified.treatment_degrees_of_freedom), (3.0, 2.0));
    let estimate = |moments: &Moments| Estimate {
        count: moments.count_as_number(),
        value: moments.mean(),
        unit_variance: moments.variance().unwrap(),
    };
    let (control, treatment) = (estimate(&whole.control), estimate(&whole.treatment));
    let welch = fixed_horizon(control, treatment, 0.05).unwrap();
    assert!(close(stratified.fixed_horizon(0.05).unwrap().p_value, welch.p_value, 1e-14));
    let always = anytime_valid(control, treatment, Layout::default()).unwrap();
    assert!(close(stratified.anytime_valid(Layout::default()).unwrap().p_value, always.p_value, 1e-14));
}

#[test]
fn strata_lacking_units_are_compared_as_one_whatever_their_order() {
    let strata = [
        stratum("d", &[1.0, 2.0, 3.0], &[2.0, 3.0, 5.0]),
        stratum("b", &[7.0], &[8.0, 9.0, 9.5]),
        stratum("a", &[6.0, 6.5], &[]),
        stratum("c", &[], &[9.0]),
        stratum("none", &[], &[]),
    ];
    let stratified = poststratify(&strata, Outcome::Mean, Target::Population).unwrap();
    assert_eq!((stratified.merged.join(" "), stratified.strata), ("a b c".into(), 2));
    let by_hand = [strata[0].clone(), stratum("rest", &[7.0, 6.0, 6.5], &[8.0, 9.0, 9.5, 9.0])];
    let expected = poststratify(&by_hand, Outcome::Mean, Target::Population).unwrap();
    assert!(close(stratified.difference(), expected.difference(), 1e-14));
    assert!(close(stratified.standard_error(), expected.standard_error(), 1e-14));
    let backwards: Vec<Stratum> = strata.iter().rev().cloned().collect();
    assert_eq!(poststratify(&backwards, Outcome::Mean, Target::Population).unwrap(), stratified);
}

#[test]
fn the_smallest_stratum_joins_what_still_lacks_units() {
    let strata = [
        stratum("large", &[1.0, 2.0, 3.0], &[2.0, 3.0, 5.0]),
        stratum("small", &[4.0, 5.0], &[4.0, 6.0]),
        stratum("as small", &[5.0, 5.5], &[4.0, 7.0]),
        stratum("sparse", &[7.0], &[8.0]),
    ];
    let stratified = poststratify(&strata, Outcome::Mean, Target::Units).unwrap();
    assert_eq!((stratified.merged.join(", "), stratified.strata), ("as small, sparse".into(), 3));
    let sparse = [stratum("a", &[1.0], &[2.0]), stratum("b", &[2.0], &[4.0])];
    let stratified = poststratify(&sparse, Outcome::Mean, Target::Units).unwrap();
    assert_eq!((stratified.merged.join(" "), stratified.strata), ("a b".into(), 1));
    assert!(stratified.variance_reduction.abs() < 1e-15);
}

#[test]
fn degenerate_strata_are_refused() {
    assert_eq!(code_of(&[], Outcome::Mean), "too_few");
    assert_eq!(code_of(&[stratum("a", &[], &[])], Outcome::Mean), "too_few");
    assert_eq!(code_of(&[stratum("a", &[1.0], &[1.0, 2.0]), stratum("b", &[], &[3.0])], Outcome::Mean), "too_few");
    let good = stratum("a", &[1.0, 2.0], &[1.0, 3.0]);
    assert_eq!(code_of(&[good.clone(), good.clone()], Outcome::Mean), "unique");
    // 0.1 is not a double, so that the moments of a constant may be rounded.
    assert_eq!(code_of(&[stratum("a", &[0.1; 3], &[0.1; 7])], Outcome::Mean), "no_variation");
    let within = [stratum("a", &[0.1; 3], &[0.2; 7]), stratum("b", &[0.7; 3], &[0.9; 7])];
    assert_eq!(code_of(&within, Outcome::Mean), "no_variation");
    let broken = Moments { second_moment: -1.0, ..good.control };
    assert_eq!(code_of(&[Stratum { control: broken, ..good.clone() }], Outcome::Mean), "out_of_range");
    let broken = Moments { sum: f64::NAN, ..good.control };
    assert_eq!(code_of(&[Stratum { treatment: broken, ..good.clone() }], Outcome::Mean), "out_of_range");
    let huge = Moments { count: 2, sum: 1e300, second_moment: 1e308, ..Moments::default() };
    let (one, other) = (Stratum { control: huge, ..good.clone() }, Stratum { name: "b".into(), ..good });
    assert_eq!(code_of(&[one, other], Outcome::Mean), "out_of_range");
    let nothing_below = moments(&[(1.0, 1.0), (2.0, -1.0)]);
    let ratio = Stratum { name: "a".into(), control: nothing_below, treatment: nothing_below };
    assert_eq!(code_of(&[ratio], Outcome::Ratio), "out_of_range");
    let same_ratio = moments(&[(0.1, 0.3), (0.2, 0.6), (0.7, 2.1)]);
    let ratio = Stratum { name: "a".into(), control: same_ratio, treatment: same_ratio };
    assert_eq!(code_of(&[ratio], Outcome::Ratio), "no_variation");
}

type Unit = (f64, f64);

/// The difference and its variance within strata, straight from the units.
fn slow(strata: &[[Vec<Unit>; 2]], outcome: Outcome) -> (f64, f64) {
    let count = |units: &[Unit]| f64::from(u32::try_from(units.len()).unwrap());
    let mean = |units: &[Unit], of: &dyn Fn(&Unit) -> f64| units.iter().map(of).sum::<f64>() / count(units);
    let size = |stratum: &[Vec<Unit>; 2]| count(&stratum[0]) + count(&stratum[1]);
    let all: f64 = strata.iter().map(size).sum();
    let arm = |arm: usize| {
        let weighted = |of: &dyn Fn(&Unit) -> f64| -> f64 {
            strata.iter().map(|stratum| size(stratum) / all * mean(&stratum[arm], of)).sum()
        };
        let (own, below) = (weighted(&|unit| unit.0), weighted(&|unit| unit.1));
        let linearised = move |unit: &Unit| match outcome {
            Outcome::Mean => unit.0,
            Outcome::Ratio => (unit.0 - own / below * unit.1) / below,
        };
        let variance = |stratum: &[Vec<Unit>; 2]| {
            let middle = mean(&stratum[arm], &linearised);
            let units = count(&stratum[arm]);
            let squares: f64 = stratum[arm].iter().map(|unit| (linearised(unit) - middle).powi(2)).sum();
            (size(stratum) / all).powi(2) * squares / (units - 1.0) / units
        };
        let value = if outcome == Outcome::Mean { own } else { own / below };
        (value, strata.iter().map(variance).sum::<f64>())
    };
    let ((control, control_variance), (treatment, treatment_variance)) = (arm(0), arm(1));
    (treatment - control, control_variance + treatment_variance)
}

fn some_units() -> impl Strategy<Value = Vec<Unit>> {
    prop::collection::vec((-9.0..9.0_f64, 1.0..3.0_f64), 2..9)
}

proptest! {
    #[test]
    fn moments_give_what_units_give(
        units in prop::collection::vec(
            [some_units(), some_units()],
            1..6,
        ),
        outcome in prop::sample::select(vec![Outcome::Mean, Outcome::Ratio]),
    ) {
        let strata: Vec<Stratum> = units
            .iter()
            .enumerate()
            .map(|(index, [control, treatment])| Stratum {
                name: index.to_string(),
                control: moments(control),
                treatment: moments(treatment),
            })
            .collect();
        let (difference, within) = slow(&units, outcome);
        let here = poststratify(&strata, outcome, Target::Units).unwrap();
        prop_assert!(close(here.difference(), difference, 1e-11), "{} {}", here.difference(), difference);
        prop_assert!((here.within_variance / within - 1.0).abs() < 1e-9 && here.between_variance == 0.0);
        let anywhere = poststratify(&strata, outcome, Target::Population).unwrap();
        prop_assert_eq!(anywhere.difference(), here.difference());
        prop_assert!(anywhere.standard_error() >= here.standard_error());
        prop_assert!(anywhere.fixed_horizon(0.05).is_ok() && anywhere.anytime_valid(Layout::default()).is_ok());
    }
}
