//! Answers of the chosen method, against the procedures they are made of.

use super::*;
use crate::model::stats_config::StatsConfig;
use crate::stats::Moments;
use crate::stats::comparison::compare;
use crate::stats::group_sequential::boundaries;

fn arm(variant: &str, count: f64, value: f64, unit_variance: f64) -> Arm {
    Arm {
        variant: variant.into(),
        estimate: Estimate { count, value, unit_variance },
        moments: Moments::default(),
        has_covariate: false,
        covaried: None,
    }
}

fn judged(nature: Nature, arms: &[Arm], units: f64, sequential: SequentialMethod) -> Comparison {
    let statistics =
        Statistics { config: StatsConfig { sequential, ..StatsConfig::default() }, ..Statistics::default() };
    let mut comparisons = compare(nature, arms, &statistics).unwrap();
    judge_sequentially(&mut comparisons, nature, arms, units, &statistics).unwrap();
    comparisons.against_baseline["test"].clone()
}

fn inferred(comparison: &Comparison) -> &Inference {
    comparison.deciding().unwrap().1
}

fn close(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1e-12), "{got} is not {expected}");
}

#[test]
fn bets_on_shares_are_the_exact_ones_and_other_metrics_are_refused() {
    let arms = [arm("control", 1000.0, 0.1, 0.09), arm("test", 1000.0, 0.2, 0.16)];
    let compared = judged(Nature::Share, &arms, 2000.0, SequentialMethod::Betting);
    let inference = inferred(&compared);
    // mpmath 1.3, 30 digits: beta functions for the evidence, root finding for the intervals of 100 and 200 of 1000 at 2.5 %.
    close(inference.ln_e_value.unwrap(), LN_E_VALUE);
    let [control, treatment] = INTERVALS;
    close(inference.interval[0], treatment[0] - control[1]);
    close(inference.interval[1], treatment[1] - control[0]);
    let relative = inference.relative_interval.unwrap();
    close(relative[0], treatment[0] / control[1] - 1.0);
    close(relative[1], treatment[1] / control[0] - 1.0);
    assert!(inference.significant && inference.e_value.unwrap() > 1000.0);

    let refused = judged(Nature::Mean, &arms, 2000.0, SequentialMethod::Betting);
    assert!(refused.deciding().unwrap_err().contains("shares only"));
}

const LN_E_VALUE: f64 = 12.741_918_022_370_57;
const INTERVALS: [[f64; 2]; 2] =
    [[0.067_402_139_536_219_3, 0.140_476_540_325_867_73], [0.155_168_792_859_457_98, 0.250_517_300_109_839_97]];

#[test]
fn the_mixture_test_is_that_of_the_difference() {
    let arms = [arm("control", 400.0, 10.0, 100.0), arm("test", 600.0, 12.0, 120.0)];
    let compared = judged(Nature::Mean, &arms, 1000.0, SequentialMethod::Mixture { mixing_variance: 0.5 });
    let expected = normal_mixture(2.0, 0.45, 0.5, 0.05).unwrap();
    let inference = inferred(&compared);
    close(inference.p_value, expected.p_value);
    close(inference.ln_e_value.unwrap(), expected.log_likelihood_ratio);
    close(inference.interval[0], expected.confidence_interval[0]);
    close(inference.interval[1], expected.confidence_interval[1]);
    assert!(inference.relative_interval.is_some());
}

#[test]
fn a_covariate_is_taken_out_before_the_method_judges() {
    let of = |variant: &str, effect: f64| {
        let unit = |unit: i32| (f64::from(unit % 17), f64::from(unit % 5));
        let pairs: Vec<(f64, f64)> = (0..200).map(unit).map(|(x, rest)| (3.0 * x + rest + effect, x)).collect();
        let moments = Moments::of(&pairs);
        let mut arm = arm(variant, 200.0, moments.mean(), moments.variance().unwrap());
        (arm.moments, arm.has_covariate) = (moments, true);
        arm
    };
    let arms = [of("control", 0.0), of("test", 0.5)];
    let compared = judged(Nature::Mean, &arms, 400.0, SequentialMethod::Mixture { mixing_variance: 0.25 });
    let adjusted = compared.adjusted.as_ref().unwrap();
    let expected = normal_mixture(adjusted.difference, adjusted.standard_error.powi(2), 0.25, 0.05).unwrap();
    close(inferred(&compared).p_value, expected.p_value);
    assert!(matches!(compared.sequential, Some(SequentialAnswer::Given { is_adjusted: true, .. })));
}

fn plan(looks: &[f64], planned_units: Option<f64>) -> SequentialMethod {
    SequentialMethod::GroupSequential {
        spending: Spending::LanDemetsObrienFleming,
        looks: looks.to_vec(),
        planned_units,
    }
}

#[test]
fn planned_looks_are_judged_by_the_bar_of_their_time() {
    let arms = [arm("control", 500.0, 10.0, 100.0), arm("test", 500.0, 12.0, 100.0)];
    let compared = judged(Nature::Mean, &arms, 1000.0, plan(&[0.25, 0.5, 1.0], Some(2000.0)));
    let Some(SequentialAnswer::Given { look: Some(place), inference, .. }) = &compared.sequential else {
        panic!("{compared:?}")
    };
    let bars = boundaries(Spending::LanDemetsObrienFleming, &[0.25, 0.5, 1.0], 0.05).unwrap();
    close(place.look.z_statistic, 2.0 / 0.4_f64.sqrt());
    close(place.look.z_boundary, bars.z_boundaries[1]);
    close(inference.interval[0], 2.0 - bars.z_boundaries[1] * 0.4_f64.sqrt());
    assert_eq!((place.look.look, place.looks, place.information), (2, 3, 0.5));
    assert_eq!((place.next_look_units, place.look.crossed, inference.significant), (Some(2000.0), true, true));
    assert_eq!(inference.e_value, None);
    assert!(inference.p_value < 0.05 && place.look.stagewise_p_value < inference.p_value);
}

#[test]
fn without_a_plan_or_before_the_first_look_nothing_is_decided() {
    let arms = [arm("control", 500.0, 10.0, 100.0), arm("test", 500.0, 12.0, 100.0)];
    let why = |method| judged(Nature::Mean, &arms, 1000.0, method).deciding().unwrap_err().to_owned();
    assert!(why(plan(&[0.5, 1.0], None)).contains("no number of units is planned"));
    assert!(why(plan(&[], Some(2000.0))).contains("no looks are planned"));
    assert_eq!(why(plan(&[0.5, 1.0], Some(2001.0))), "the first look is due at 1001 units, and there are 1000");
    assert!(judged(Nature::Mean, &arms, 1000.0, SequentialMethod::Asymptotic).sequential.is_none());
}
