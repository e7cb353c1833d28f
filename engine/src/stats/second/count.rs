//! Events per unit: Gamma(1 + count, 1 + units) (reference statistics, section 6).

use super::{WinProbability, climb, judged, probabilities, split_best};
use crate::error::Result;
use crate::stats::TrendArm;
use crate::stats::bayes::{self, Posterior};
use crate::stats::significance::{
    Judgement, Significance, check_interval, check_not_negative, check_test_count, require_control,
};

/// Everything about one count metric, with the probabilities of the final form.
///
/// ```
/// use abduck::stats::TrendArm;
/// use abduck::stats::second::count;
///
/// let control = TrendArm::new("control", 1000.0, 1.0, 10_000.0);
/// let judgement = count::judge(Some(&control), &[TrendArm::new("test", 1200.0, 1.0, 10_000.0)])?;
/// assert_eq!(judgement.significance.code.as_str(), "significant");
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// As [`win_probabilities`].
pub fn judge(control: Option<&TrendArm>, tests: &[TrendArm]) -> Result<Judgement> {
    let probabilities = win_probabilities(control, tests, WinProbability::VsControl)?;
    judged(require_control(control)?, tests, probabilities, significance, credible_intervals)
}

/// The probability of every arm to have the highest rate, control first.
///
/// # Errors
/// `no_data` without control or test arms, `too_much_data` for more than nine tests, `out_of_range` for a negative or
/// non-finite count or exposure.
pub fn win_probabilities(
    control: Option<&TrendArm>,
    tests: &[TrendArm],
    mode: WinProbability,
) -> Result<Vec<(String, f64)>> {
    let control = require_control(control)?;
    check_test_count(tests.len())?;
    let arms = || std::iter::once(control).chain(tests);
    let posteriors = arms().map(posterior).collect::<Result<Vec<_>>>()?;
    let plain = probabilities(
        mode,
        || Ok(bayes::probability_best(&posteriors)?.value),
        |index| Ok(bayes::probability_beats(&posteriors[index], &posteriors[0])?.value),
    )?;
    Ok(arms().map(|arm| arm.key.clone()).zip(plain).collect())
}

/// The central interval of every arm's events per unit; empty when an arm has a negative or non-finite number, as the
/// reference has it.
///
/// # Errors
/// `out_of_range` unless `0 < lower < upper < 1`.
pub fn credible_intervals(arms: &[TrendArm], lower: f64, upper: f64) -> Result<Vec<(String, [f64; 2])>> {
    check_interval(lower, upper)?;
    let interval = |arm: &TrendArm| {
        let posterior = posterior(arm).ok()?;
        Some((arm.key.clone(), [posterior.quantile(lower), posterior.quantile(upper)]))
    };
    Ok(arms.iter().map(interval).collect::<Option<Vec<_>>>().unwrap_or_default())
}

/// The verdict, from probabilities with control's first.
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
        let rate = |arm: &TrendArm| arm.count / arm.absolute_exposure;
        let Some((best, others)) = split_best(&arms, rate) else { return Ok(0.0) };
        let others = others.iter().map(posterior).collect::<Result<Vec<_>>>()?;
        if others.is_empty() { Ok(0.0) } else { Ok(bayes::expected_loss(&posterior(&best)?, &others)?.value) }
    })
}

fn posterior(arm: &TrendArm) -> Result<Posterior> {
    check_not_negative(&arm.key, "count", arm.count)?;
    check_not_negative(&arm.key, "absolute_exposure", arm.absolute_exposure)?;
    Posterior::gamma(1.0 + arm.count, 1.0 + arm.absolute_exposure)
}
