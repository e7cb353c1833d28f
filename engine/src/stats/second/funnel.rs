//! Conversion: Beta(1 + successes, 1 + failures), with the loss of a repeated experiment (reference statistics, section 8).

mod repeated;

use super::{WinProbability, climb, judged, probabilities, split_best};
use crate::error::Result;
use crate::stats::FunnelArm;
use crate::stats::bayes::{self, Posterior};
use crate::stats::legacy_funnel;
use crate::stats::significance::{Judgement, Significance, check_not_negative, require_control};

/// Everything about one conversion metric, with the probabilities of the final form.
///
/// ```
/// use abduck::stats::FunnelArm;
/// use abduck::stats::second::funnel;
///
/// let control = FunnelArm::new("control", 60.0, 61.0);
/// let judgement = funnel::judge(Some(&control), &[FunnelArm::new("test", 70.0, 51.0)])?;
/// assert!((judgement.significance.expected_loss.unwrap() - 0.008_952_087_576_090_579).abs() < 1e-12);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `no_data` without control, `out_of_range` for a negative or non-finite count.
pub fn judge(control: Option<&FunnelArm>, tests: &[FunnelArm]) -> Result<Judgement> {
    let control = require_control(control)?;
    let probabilities = win_probabilities(control, tests, WinProbability::VsControl)?;
    judged(control, tests, probabilities, significance, credible_intervals)
}

/// The probability of every arm to convert best, control first; of any number of tests, none included.
///
/// # Errors
/// `out_of_range` for a negative or non-finite count.
pub fn win_probabilities(control: &FunnelArm, tests: &[FunnelArm], mode: WinProbability) -> Result<Vec<(String, f64)>> {
    let arms = || std::iter::once(control).chain(tests);
    let posteriors = arms().map(posterior).collect::<Result<Vec<_>>>()?;
    if tests.is_empty() {
        return Ok(vec![(control.key.clone(), 1.0)]);
    }
    let plain = probabilities(
        mode,
        || Ok(bayes::probability_best(&posteriors)?.value),
        |index| Ok(bayes::probability_beats(&posteriors[index], &posteriors[0])?.value),
    )?;
    Ok(arms().map(|arm| arm.key.clone()).zip(plain).collect())
}

/// The central interval of every arm's conversion rate; that of the first generation, whose posterior is the same.
///
/// # Errors
/// As [`legacy_funnel::credible_intervals`].
pub fn credible_intervals(arms: &[FunnelArm], lower: f64, upper: f64) -> Result<Vec<(String, [f64; 2])>> {
    legacy_funnel::credible_intervals(arms, lower, upper)
}

/// The verdict, from probabilities with control's first. The loss is that of rates observed in an experiment of the same size
/// once more, which is larger than that of the rates themselves.
///
/// # Errors
/// `out_of_range` for a negative or non-finite number or probability.
pub fn significance(control: &FunnelArm, tests: &[FunnelArm], probabilities: &[f64]) -> Result<Significance> {
    let arms: Vec<FunnelArm> = std::iter::once(control).chain(tests).cloned().collect();
    let exposures: Vec<f64> = tests.iter().map(FunnelArm::exposure).collect();
    for arm in &arms {
        posterior(arm)?;
    }
    climb(control.exposure(), &exposures, probabilities, || {
        let rate = |arm: &FunnelArm| arm.success_count / arm.exposure();
        let Some((best, others)) = split_best(&arms, rate) else { return Ok(0.0) };
        Ok(repeated::expected_loss(&best, &others))
    })
}

fn posterior(arm: &FunnelArm) -> Result<Posterior> {
    check_not_negative(&arm.key, "success_count", arm.success_count)?;
    check_not_negative(&arm.key, "failure_count", arm.failure_count)?;
    Posterior::beta(1.0 + arm.success_count, 1.0 + arm.failure_count)
}
