//! First-generation statistics of conversion metrics (reference statistics, section 4), exact instead of simulated.
//!
//! The conversion rate of an arm has the posterior Beta(successes + 1, failures + 1).

use serde::{Deserialize, Serialize};

use super::bayes::{self, Posterior};
use super::significance::{
    Judgement, Ladder, Rule, Significance, check_interval, check_not_negative, check_test_count, first_largest,
    require_control,
};
use crate::error::Result;

/// Conversions of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunnelArm {
    /// The variant.
    pub key: String,
    /// Units that reached the last step.
    pub success_count: f64,
    /// Units that entered but did not reach the last step.
    pub failure_count: f64,
}

impl FunnelArm {
    /// An arm from its counts.
    pub fn new(key: impl Into<String>, success_count: f64, failure_count: f64) -> Self {
        Self { key: key.into(), success_count, failure_count }
    }

    /// Units that entered.
    #[must_use]
    pub fn exposure(&self) -> f64 {
        self.success_count + self.failure_count
    }

    fn rate(&self) -> f64 {
        self.success_count / self.exposure()
    }

    fn posterior(&self) -> Result<Posterior> {
        check_not_negative(&self.key, "success_count", self.success_count)?;
        check_not_negative(&self.key, "failure_count", self.failure_count)?;
        Posterior::beta(self.success_count + 1.0, self.failure_count + 1.0)
    }
}

/// Everything about one conversion metric: probabilities, central 95 % intervals, verdict.
///
/// ```
/// use abduck::stats::legacy_funnel::{FunnelArm, judge};
///
/// let control = FunnelArm::new("control", 1000.0, 9000.0);
/// let judgement = judge(Some(&control), &[FunnelArm::new("test", 1500.0, 8500.0)])?;
/// assert_eq!(judgement.significance.code.as_str(), "significant");
/// assert!(judgement.probabilities[1].1 > 0.9999);
/// assert!(judgement.significance.ladder.iter().all(|rung| rung.passed == Some(true)));
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
///
/// As [`win_probabilities`].
pub fn judge(control: Option<&FunnelArm>, tests: &[FunnelArm]) -> Result<Judgement> {
    let probabilities = win_probabilities(control, tests)?;
    let control = require_control(control)?;
    let arms: Vec<FunnelArm> = std::iter::once(control).chain(tests).cloned().collect();
    let plain: Vec<f64> = probabilities.iter().map(|(_, probability)| *probability).collect();
    let significance = significance(control, tests, &plain)?;
    Ok(Judgement { probabilities, credible_intervals: credible_intervals(&arms, 0.025, 0.975)?, significance })
}

/// The probability of every arm to convert best, control first.
///
/// # Errors
///
/// `no_data` without control or test arms, `too_much_data` for more than nine tests, `out_of_range` for a negative or
/// non-finite count.
pub fn win_probabilities(control: Option<&FunnelArm>, tests: &[FunnelArm]) -> Result<Vec<(String, f64)>> {
    let control = require_control(control)?;
    check_test_count(tests.len())?;
    let arms = || std::iter::once(control).chain(tests);
    let posteriors = arms().map(FunnelArm::posterior).collect::<Result<Vec<Posterior>>>()?;
    let best = bayes::probability_best(&posteriors)?.value;
    Ok(arms().map(|arm| arm.key.clone()).zip(best).collect())
}

/// What choosing `target` costs on average when the best of `others` converts better, as a difference of conversion rates.
///
/// # Errors
///
/// `too_few` without others, `out_of_range` for a negative or non-finite count.
pub fn expected_loss(target: &FunnelArm, others: &[FunnelArm]) -> Result<f64> {
    let posteriors = others.iter().map(FunnelArm::posterior).collect::<Result<Vec<Posterior>>>()?;
    Ok(bayes::expected_loss(&target.posterior()?, &posteriors)?.value)
}

/// The central interval of every arm's conversion rate between two quantiles; empty when an arm has a negative or
/// non-finite count, as the reference has it.
///
/// # Errors
///
/// `out_of_range` unless `0 < lower < upper < 1`.
pub fn credible_intervals(arms: &[FunnelArm], lower: f64, upper: f64) -> Result<Vec<(String, [f64; 2])>> {
    check_interval(lower, upper)?;
    let interval = |arm: &FunnelArm| {
        let posterior = arm.posterior().ok()?;
        Some((arm.key.clone(), [posterior.quantile(lower), posterior.quantile(upper)]))
    };
    Ok(arms.iter().map(interval).collect::<Option<Vec<_>>>().unwrap_or_default())
}

/// The verdict, from probabilities with control's first.
///
/// The loss is that of the better-looking of two arms only: control, and the test arm with the highest conversion rate.
///
/// # Errors
///
/// `no_data` without test arms, `out_of_range` for a negative or non-finite count or probability.
pub fn significance(control: &FunnelArm, tests: &[FunnelArm], probabilities: &[f64]) -> Result<Significance> {
    for arm in std::iter::once(control).chain(tests) {
        arm.posterior()?;
    }
    let exposures: Vec<f64> = tests.iter().map(FunnelArm::exposure).collect();
    let mut ladder = Ladder::start(control.exposure(), &exposures, probabilities)?;
    ladder.climb(Rule::ExpectedLoss, || {
        let best = best_converting(tests)?;
        let (chosen, other) = if best.rate() > control.rate() { (best, control) } else { (control, best) };
        expected_loss(chosen, std::slice::from_ref(other))
    })?;
    Ok(ladder.with_expected_loss())
}

/// The test arm with the highest raw conversion rate, the first of equals.
fn best_converting(tests: &[FunnelArm]) -> Result<&FunnelArm> {
    first_largest(tests, FunnelArm::rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::significance::SignificanceCode;

    fn arm(key: &str, success_count: f64, failure_count: f64) -> FunnelArm {
        FunnelArm::new(key, success_count, failure_count)
    }

    #[test]
    fn the_ladder_shows_every_rung_and_where_it_ended() {
        let judgement = judge(Some(&arm("control", 10.0, 190.0)), &[arm("test", 12.0, 60.0)]).unwrap();
        assert_eq!(judgement.significance.code, SignificanceCode::NotEnoughExposure);
        assert_eq!(judgement.significance.expected_loss, Some(1.0));
        assert_eq!(judgement.significance.p_value, None);
        let rungs: Vec<_> =
            judgement.significance.ladder.iter().map(|r| (r.rule.as_str(), r.observed, r.passed)).collect();
        let expected = [
            ("test_exposure", Some(72.0), Some(false)),
            ("control_exposure", None, None),
            ("win_probability", None, None),
            ("expected_loss", None, None),
        ];
        assert_eq!(rungs, expected);
    }

    #[test]
    fn two_good_tests_are_significant_together() {
        let tests = [arm("a", 1500.0, 8500.0), arm("b", 1500.0, 8500.0)];
        let judgement = judge(Some(&arm("control", 1000.0, 9000.0)), &tests).unwrap();
        assert_eq!(judgement.significance.code, SignificanceCode::Significant);
        assert!(judgement.probabilities.iter().all(|(_, probability)| *probability < 0.9));
        assert_eq!(judgement.probabilities.len(), 3);
        assert_eq!(judgement.credible_intervals.len(), 3);
    }

    #[test]
    fn the_loss_is_of_the_better_looking_arm_and_control_wins_ties() {
        let (control, test) = (arm("control", 300.0, 700.0), arm("test", 100.0, 900.0));
        let verdict = significance(&control, std::slice::from_ref(&test), &[1.0, 0.0]).unwrap();
        let loss = expected_loss(&control, std::slice::from_ref(&test)).unwrap();
        assert_eq!(verdict.expected_loss, Some(loss));
        assert!(0.0 < loss && loss < 1e-20, "a tiny loss keeps its size: {loss:e}");
        let narrow = arm("narrow", 1000.0, 9000.0);
        let verdict = significance(&narrow, std::slice::from_ref(&test), &[1.0, 0.0]).unwrap();
        assert_eq!(verdict.expected_loss, Some(expected_loss(&narrow, &[test]).unwrap()));
    }

    #[test]
    fn unusable_input_is_refused_or_empty() {
        let control = arm("control", 100.0, 900.0);
        let code = |result: Result<Vec<(String, f64)>>| result.unwrap_err().code();
        assert_eq!(code(win_probabilities(None, std::slice::from_ref(&control))), "no_data");
        assert_eq!(code(win_probabilities(Some(&control), &[])), "no_data");
        assert_eq!(code(win_probabilities(Some(&control), &vec![control.clone(); 10])), "too_much_data");
        assert_eq!(code(win_probabilities(Some(&control), &[arm("test", -1.0, 900.0)])), "out_of_range");
        assert_eq!(code(win_probabilities(Some(&control), &[arm("test", 1.0, f64::NAN)])), "out_of_range");
        assert_eq!(significance(&control, &[], &[0.95, 0.05]).unwrap_err().code(), "no_data");
        assert!(credible_intervals(&[control.clone(), arm("test", 1.0, -1.0)], 0.025, 0.975).unwrap().is_empty());
        assert_eq!(credible_intervals(&[control], 0.9, 0.1).unwrap_err().code(), "out_of_range");
    }
}
