//! Sums per unit: a log-normal model whose variance is assumed, not estimated (reference statistics, section 7).

use super::{WinProbability, climb, judged, probabilities, split_best};
use crate::error::Result;
use crate::stats::TrendArm;
use crate::stats::believed::{BellPosterior, compare_bells, losses_of_exponentials};
use crate::stats::significance::{
    Judgement, Significance, check_interval, check_not_negative, check_test_count, require_control,
};

/// The assumed variance of the logarithm.
const LOG_VARIANCE: f64 = 0.75;
/// Added to the mean before its logarithm is taken.
const EPSILON: f64 = 1e-10;

/// Everything about one metric whose `count` is a sum over units, with the probabilities of the final form.
///
/// ```
/// use abduck::stats::TrendArm;
/// use abduck::stats::second::continuous;
///
/// let control = TrendArm::new("control", 60_000.0, 1.0, 600.0);
/// let judgement = continuous::judge(Some(&control), &[TrendArm::new("test", 72_000.0, 1.0, 600.0)])?;
/// assert!(judgement.probabilities[1].1 > 0.999);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// As [`win_probabilities`].
pub fn judge(control: Option<&TrendArm>, tests: &[TrendArm]) -> Result<Judgement> {
    let probabilities = win_probabilities(control, tests, WinProbability::VsControl)?;
    judged(require_control(control)?, tests, probabilities, significance, credible_intervals)
}

/// The probability of every arm to have the highest mean, control first.
///
/// # Errors
/// `no_data` without control or test arms, `too_much_data` for more than nine tests, `out_of_range` for a negative or
/// non-finite sum (the reference answers 0 for a negative one), or no units.
pub fn win_probabilities(
    control: Option<&TrendArm>,
    tests: &[TrendArm],
    mode: WinProbability,
) -> Result<Vec<(String, f64)>> {
    let control = require_control(control)?;
    check_test_count(tests.len())?;
    let arms = || std::iter::once(control).chain(tests);
    let posteriors = arms().map(posterior).collect::<Result<Vec<_>>>()?;
    let best = |posteriors: &[BellPosterior]| -> Result<Vec<f64>> {
        Ok(compare_bells(posteriors)?.value.iter().map(|standing| standing.probability_best).collect())
    };
    let plain = probabilities(
        mode,
        || best(&posteriors),
        |index| Ok(best(&[posteriors[index], posteriors[0]])?.first().copied().unwrap_or_default()),
    )?;
    Ok(arms().map(|arm| arm.key.clone()).zip(plain).collect())
}

/// The central interval of every arm's mean, of the probability `upper - lower` also where these are not symmetric; empty when
/// an arm has a negative or non-finite sum or no units.
///
/// # Errors
/// `out_of_range` unless `0 < lower < upper < 1`.
pub fn credible_intervals(arms: &[TrendArm], lower: f64, upper: f64) -> Result<Vec<(String, [f64; 2])>> {
    check_interval(lower, upper)?;
    let tail = (1.0 - (upper - lower)) / 2.0;
    let interval = |arm: &TrendArm| {
        let posterior = posterior(arm).ok()?;
        let value = |probability: f64| (posterior.quantile(probability).exp() - EPSILON).max(0.0);
        Some((arm.key.clone(), [value(tail), value(1.0 - tail)]))
    };
    Ok(arms.iter().map(interval).collect::<Option<Vec<_>>>().unwrap_or_default())
}

/// The verdict, from probabilities with control's first. The best-looking arm is the one with the largest *sum*, as the
/// reference has it: with groups of different sizes it may be just the largest group.
///
/// # Errors
/// `out_of_range` for a negative or non-finite number or probability.
pub fn significance(control: &TrendArm, tests: &[TrendArm], probabilities: &[f64]) -> Result<Significance> {
    let arms: Vec<TrendArm> = std::iter::once(control).chain(tests).cloned().collect();
    let exposures: Vec<f64> = tests.iter().map(|arm| arm.absolute_exposure).collect();
    for arm in &arms {
        posterior(arm)?;
    }
    climb(control.absolute_exposure, &exposures, probabilities, || {
        let Some((best, others)) = split_best(&arms, |arm| arm.count) else { return Ok(0.0) };
        if others.is_empty() {
            return Ok(0.0);
        }
        let posteriors = std::iter::once(&best).chain(&others).map(posterior).collect::<Result<Vec<_>>>()?;
        Ok(losses_of_exponentials(&posteriors)?.value.first().copied().unwrap_or_default())
    })
}

/// The posterior of the logarithm of the mean, from a normal-inverse-gamma prior with mean 0 and 1 for all else.
fn posterior(arm: &TrendArm) -> Result<BellPosterior> {
    check_not_negative(&arm.key, "count", arm.count)?;
    check_not_negative(&arm.key, "absolute_exposure", arm.absolute_exposure)?;
    let units = arm.absolute_exposure;
    let logarithm = (arm.count / units.max(f64::MIN_POSITIVE) + EPSILON).ln();
    let (kappa, alpha) = (1.0 + units, 1.0 + units / 2.0);
    let beta = 1.0 + 0.5 * units * LOG_VARIANCE;
    BellPosterior::student(units * logarithm / kappa, (beta / (kappa * alpha)).sqrt(), 2.0 * alpha)
}
