use super::golden::{GOLDEN, units};
use super::*;
use crate::stats::moments::Moments;

fn of<const WIDTH: usize>(rows: &[[f64; WIDTH]]) -> MultiMoments {
    MultiMoments::of(rows).unwrap()
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs().max(1.0)
}

/// The units of the golden values with other columns.
fn arms<const WIDTH: usize>(columns: impl Fn(usize, [f64; 5]) -> [f64; WIDTH]) -> [MultiMoments; 2] {
    units().map(|rows| of(&rows.iter().enumerate().map(|(unit, row)| columns(unit, *row)).collect::<Vec<_>>()))
}

fn mean_of([control, treatment]: &[MultiMoments; 2], slopes: Slopes) -> Result<AdjustedDifference> {
    adjust(control, treatment, Outcome::Mean, slopes)
}

fn code_of(arms: &[MultiMoments; 2], slopes: Slopes) -> &'static str {
    mean_of(arms, slopes).unwrap_err().code()
}

#[test]
fn differences_are_those_of_regressions() {
    for golden in GOLDEN {
        let covariates = golden.control_slopes.len();
        let [control, treatment] = units().map(|rows| {
            let row = |row: &[f64; 5]| {
                let outcome = if golden.outcome == Outcome::Mean { &row[..1] } else { &row[..2] };
                [outcome, &row[2..2 + covariates]].concat()
            };
            MultiMoments::of(&rows.iter().map(row).collect::<Vec<_>>()).unwrap()
        });
        let adjusted = adjust(&control, &treatment, golden.outcome, golden.slopes).unwrap();
        assert!(adjusted.dropped.is_empty());
        let pairs =
            [(&adjusted.control_slopes, golden.control_slopes), (&adjusted.treatment_slopes, golden.treatment_slopes)];
        for (slope, expected) in pairs.into_iter().flat_map(|(slopes, expected)| slopes.iter().zip(expected)) {
            assert!((slope / expected - 1.0).abs() < 1e-12, "{slope} {expected}");
        }
        for (estimate, [value, unit_variance]) in
            [(adjusted.control, golden.control), (adjusted.treatment, golden.treatment)]
        {
            assert!((estimate.value / value - 1.0).abs() < 1e-13, "{} {value}", estimate.value);
            assert!(
                (estimate.unit_variance / unit_variance - 1.0).abs() < 1e-12,
                "{} {unit_variance}",
                estimate.unit_variance
            );
        }
        assert!((adjusted.variance_reduction - golden.variance_reduction).abs() < 1e-12);
        assert_eq!(adjusted.units_saved(), adjusted.variance_reduction);
    }
}

#[test]
fn the_answers_are_those_of_the_adjusted_estimates() {
    let adjusted = mean_of(&arms(|_, [own, _, visits, age, pages]| [own, visits, age, pages]), Slopes::Pooled).unwrap();
    let [lower, upper] = adjusted.fixed_horizon(0.05).unwrap().interval;
    assert!(close(0.5 * (lower + upper), adjusted.difference(), 1e-14));
    assert!((upper - lower) / adjusted.standard_error() > 2.0 * 1.96);
    assert_eq!(
        adjusted.anytime_valid(Layout::default()).unwrap(),
        anytime_valid(adjusted.control, adjusted.treatment, Layout::default()).unwrap()
    );
}

#[test]
fn without_covariates_nothing_is_adjusted() {
    for slopes in [Slopes::Pooled, Slopes::PerArm] {
        let means = mean_of(&arms(|_, [own, ..]| [own]), slopes).unwrap();
        let pairs = arms(|_, [own, below, ..]| [own, below]);
        let ratios = adjust(&pairs[0], &pairs[1], Outcome::Ratio, slopes).unwrap();
        let moments = units().map(|rows| Moments::of(&rows.iter().map(|row| (row[0], row[1])).collect::<Vec<_>>()));
        for (arm, (mean, ratio)) in
            moments.iter().zip([(means.control, ratios.control), (means.treatment, ratios.treatment)])
        {
            assert!(close(mean.value, arm.mean(), 1e-14) && close(mean.unit_variance, arm.variance().unwrap(), 1e-14));
            assert!(close(ratio.value, arm.mean() / arm.other_mean(), 1e-14));
            assert!(close(ratio.unit_variance, arm.ratio_unit_variance().unwrap(), 1e-13));
        }
        assert_eq!((means.variance_reduction, ratios.variance_reduction), (0.0, 0.0));
        assert!(means.control_slopes.is_empty() && means.dropped.is_empty());
    }
}

#[test]
fn constant_and_collinear_covariates_are_dropped_and_change_nothing() {
    for slopes in [Slopes::Pooled, Slopes::PerArm] {
        let plain = mean_of(&arms(|_, [own, _, visits, age, _]| [own, visits, age]), slopes).unwrap();
        // 0.1 is not a double, so that the moments of a constant may be rounded.
        let more = arms(|_, [own, _, visits, age, _]| [own, 0.1, visits, age, 1e6 - 3.0 * visits, visits + age]);
        let adjusted = mean_of(&more, slopes).unwrap();
        assert_eq!(adjusted.dropped, [0, 3, 4]);
        assert_eq!([0, 3, 4].map(|index| adjusted.control_slopes[index]), [0.0; 3]);
        for (with, without) in [(adjusted.control, plain.control), (adjusted.treatment, plain.treatment)] {
            assert!(close(with.value, without.value, 1e-12) && close(with.unit_variance, without.unit_variance, 1e-12));
        }
    }
}

#[test]
fn slopes_per_arm_need_covariates_that_vary_in_both_arms() {
    let only_treated =
        |columns: [f64; 5], constant: bool| [columns[0], columns[2], if constant { 4.0 } else { columns[3] }];
    let [constant, _] = arms(|_, row| only_treated(row, true));
    let [_, varying] = arms(|_, row| only_treated(row, false));
    let both = [constant, varying];
    assert_eq!(mean_of(&both, Slopes::PerArm).unwrap().dropped, [1]);
    assert!(mean_of(&both, Slopes::Pooled).unwrap().dropped.is_empty());
}

#[test]
fn what_stands_for_a_missing_covariate_does_not_matter_beside_an_indicator() {
    let filled = |constant: f64| {
        arms(
            move |unit, [own, _, visits, age, _]| {
                if unit % 5 == 0 { [own, constant, 1.0, age] } else { [own, visits, 0.0, age] }
            },
        )
    };
    for slopes in [Slopes::Pooled, Slopes::PerArm] {
        let (zeros, others) = (mean_of(&filled(0.0), slopes).unwrap(), mean_of(&filled(-17.5), slopes).unwrap());
        assert!(close(zeros.difference(), others.difference(), 1e-12));
        assert!(close(zeros.standard_error(), others.standard_error(), 1e-12));
    }
    let error = MultiMoments::of(&[[1.0, 2.0], [2.0, f64::NAN]]).unwrap_err();
    assert_eq!(error.code(), "out_of_range");
    assert!(error.to_string().contains("value 1 of unit 1") && error.hints()[0].contains("missing"));
}

#[test]
fn scales_far_apart_do_not_matter() {
    for slopes in [Slopes::Pooled, Slopes::PerArm] {
        let plain = mean_of(&arms(|_, [own, _, visits, age, pages]| [own, visits, age, pages]), slopes).unwrap();
        // Powers of two scale without rounding; the offset costs digits of the large covariate, not of the result.
        let (large, small, tiny) = (2.0_f64.powi(30), 2.0_f64.powi(-10), 2.0_f64.powi(-60));
        let scaled = arms(|_, [own, _, visits, age, pages]| [own, visits * large + 1e9, age * small, pages * tiny]);
        let adjusted = mean_of(&scaled, slopes).unwrap();
        assert!(adjusted.dropped.is_empty());
        assert!(close(adjusted.difference(), plain.difference(), 1e-11));
        assert!(close(adjusted.variance_reduction, plain.variance_reduction, 1e-11));
        assert!(close(adjusted.control_slopes[0] * large, plain.control_slopes[0], 1e-11));
        assert!(close(adjusted.control_slopes[1] * small, plain.control_slopes[1], 1e-11));
        assert!((adjusted.control_slopes[2] * tiny / plain.control_slopes[2] - 1.0).abs() < 1e-11);
    }
}

#[test]
fn degenerate_arms_are_refused() {
    for slopes in [Slopes::Pooled, Slopes::PerArm] {
        assert_eq!(code_of(&arms(|_, [_, _, visits, ..]| [0.1, visits]), slopes), "no_variation");
        // The outcome is a covariate: rounding must not pass for a very sure difference.
        assert_eq!(code_of(&arms(|_, [own, _, visits, ..]| [own / 3.0, own, visits]), slopes), "no_variation");
        let [control, _] = arms(|_, [own, _, visits, ..]| [own, visits]);
        assert_eq!(code_of(&[control.clone(), of(&[[1.0, 2.0]])], slopes), "too_few");
        assert_eq!(code_of(&[MultiMoments::default(), MultiMoments::default()], slopes), "too_few");
        assert_eq!(code_of(&[control.clone(), of(&[[1.0], [2.0]])], slopes), "invalid_shape");
        let empty: [f64; 0] = [];
        assert_eq!(code_of(&[of(&[empty; 2]), of(&[empty; 2])], slopes), "invalid_shape");
        let ratio = |rows: &[[f64; 2]]| adjust(&of(rows), &of(rows), Outcome::Ratio, slopes).unwrap_err().code();
        assert_eq!(ratio(&[[1.0, 1.0], [2.0, -1.0]]), "out_of_range");
        assert_eq!(ratio(&[[0.1, 0.3], [0.2, 0.6], [0.7, 2.1]]), "no_variation");
        let huge = of(&[[1.0, 1.5e153], [2.0, -1.5e153], [4.0, 13.5e153]]);
        assert_eq!(code_of(&[huge.clone(), huge], slopes), "out_of_range");
        let means = of(&[[1.0], [2.0]]);
        assert_eq!(adjust(&means, &means, Outcome::Ratio, slopes).unwrap_err().code(), "invalid_shape");
    }
}

#[test]
fn many_covariates_need_many_units_and_one_pooled_one_does_not() {
    let rows: Vec<[f64; 3]> = (0..19_i32).map(|unit| [unit * unit % 7, unit % 5, unit % 3].map(f64::from)).collect();
    let few = [of(&rows), of(&rows)];
    assert_eq!(code_of(&few, Slopes::Pooled), "too_few");
    assert_eq!(code_of(&few, Slopes::PerArm), "too_few");
    let fewest = of(&[[1.0, 2.0], [2.0, 5.0], [2.5, 6.0]]);
    assert!(mean_of(&[fewest.clone(), fewest.clone()], Slopes::Pooled).is_ok());
    assert_eq!(code_of(&[fewest.clone(), fewest], Slopes::PerArm), "too_few");
}

#[test]
fn a_share_is_a_mean_and_a_reduction_may_be_negative() {
    let bought = arms(|_, [own, _, visits, ..]| [if own > 25.0 { 1.0 } else { 0.0 }, visits]);
    let share = mean_of(&bought, Slopes::Pooled).unwrap();
    assert!(share.variance_reduction > 0.1 && (0.0..1.0).contains(&share.control.value));
    // Opposite slopes in arms of unequal size: the pooled slope suits neither.
    let arm = |count: i32, slope: f64| -> Vec<[f64; 2]> {
        let wave = |unit: i32| (f64::from(unit % 10) - 4.5, f64::from(unit % 4));
        (0..count).map(wave).map(|(x, rest)| [slope * x + rest, x]).collect()
    };
    let opposed = [of(&arm(40, -2.0)), of(&arm(400, 1.0))];
    let pooled = mean_of(&opposed, Slopes::Pooled).unwrap();
    assert!(pooled.variance_reduction < 0.0 && pooled.units_saved() == 0.0);
    assert!(mean_of(&opposed, Slopes::PerArm).unwrap().variance_reduction > 0.5);
}

/// The adjustment of one covariate that every modern metric has, word for word.
fn with_one_covariate(before: &Moments, after: &Moments) -> [f64; 5] {
    let spread = before.other.second_moment + after.other.second_moment;
    let theta = (before.other.co_moment + after.other.co_moment) / spread;
    let center = before.merge(after).other_mean();
    let estimate = |moments: &Moments| {
        let explained = 2.0 * theta * moments.other.co_moment - theta * theta * moments.other.second_moment;
        let value = moments.mean() - theta * (moments.other_mean() - center);
        (value, (moments.second_moment - explained) / (moments.count_as_number() - 1.0))
    };
    let ((control, control_variance), (treatment, treatment_variance)) = (estimate(before), estimate(after));
    [theta, control, control_variance, treatment, treatment_variance]
}

#[test]
fn one_covariate_is_adjusted_as_of_every_modern_metric() {
    for index in 2..5 {
        let adjusted = mean_of(&arms(|_, row| [row[0], row[index]]), Slopes::Pooled).unwrap();
        let [before, after] =
            units().map(|rows| Moments::of(&rows.iter().map(|row| (row[0], row[index])).collect::<Vec<_>>()));
        let AdjustedDifference { control_slopes, control, treatment, .. } = adjusted;
        let own = [control_slopes[0], control.value, control.unit_variance, treatment.value, treatment.unit_variance];
        for (own, expected) in own.into_iter().zip(with_one_covariate(&before, &after)) {
            assert!((own / expected - 1.0).abs() < 1e-12, "{own} {expected}");
        }
    }
}
