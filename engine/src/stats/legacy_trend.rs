//! First-generation statistics of count metrics (reference statistics, section 5), exact instead of simulated.
//!
//! The arrival rate of an arm has a density proportional to Gamma(count + 1, exposure), with the exposure relative to
//! control for comparisons and the number of exposed units for intervals.

use serde::{Deserialize, Serialize};

use super::bayes::{self, Posterior};
use super::poisson::{EventCount, rate_p_value};
use super::significance::{
    Judgement, Ladder, Rule, Significance, check_interval, check_not_negative, check_test_count, first_largest,
    require_control,
};
use crate::error::Result;

/// Events of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrendArm {
    /// The variant.
    pub key: String,
    /// Number of events; may be fractional.
    pub count: f64,
    /// Exposure relative to control's, which has 1.
    pub exposure: f64,
    /// Number of exposed units.
    pub absolute_exposure: f64,
}

impl TrendArm {
    /// An arm from its number of events, its exposure relative to control, and its number of exposed units.
    pub fn new(key: impl Into<String>, count: f64, exposure: f64, absolute_exposure: f64) -> Self {
        Self { key: key.into(), count, exposure, absolute_exposure }
    }

    /// The posterior of the rate per exposed unit of control.
    fn relative_posterior(&self) -> Result<Posterior> {
        check_not_negative(&self.key, "count", self.count)?;
        Posterior::gamma(self.count + 1.0, self.exposure)
    }

    /// The posterior of the number of events per exposed unit.
    fn absolute_posterior(&self) -> Result<Posterior> {
        check_not_negative(&self.key, "count", self.count)?;
        Posterior::gamma(self.count + 1.0, self.absolute_exposure)
    }

    fn events(&self) -> EventCount {
        EventCount { count: self.count, exposure: self.exposure }
    }
}

/// Everything about one count metric: probabilities, central 95 % intervals, verdict.
///
/// ```
/// use abduck::stats::legacy_trend::{TrendArm, judge};
///
/// let control = TrendArm::new("control", 1000.0, 1.0, 10_000.0);
/// let judgement = judge(Some(&control), &[TrendArm::new("test", 1075.0, 1.0, 10_000.0)])?;
/// assert_eq!(judgement.significance.code.as_str(), "high_p_value");
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
///
/// As [`win_probabilities`].
pub fn judge(control: Option<&TrendArm>, tests: &[TrendArm]) -> Result<Judgement> {
    let probabilities = win_probabilities(control, tests)?;
    let control = require_control(control)?;
    let arms: Vec<TrendArm> = std::iter::once(control).chain(tests).cloned().collect();
    let plain: Vec<f64> = probabilities.iter().map(|(_, probability)| *probability).collect();
    let significance = significance(control, tests, &plain)?;
    Ok(Judgement { probabilities, credible_intervals: credible_intervals(&arms, 0.025, 0.975)?, significance })
}

/// The probability of every arm to have the highest rate, control first.
///
/// # Errors
///
/// `no_data` without control or test arms, `too_much_data` for more than nine tests, `out_of_range` for a negative or
/// non-finite count or an exposure that is not positive.
pub fn win_probabilities(control: Option<&TrendArm>, tests: &[TrendArm]) -> Result<Vec<(String, f64)>> {
    let control = require_control(control)?;
    check_test_count(tests.len())?;
    let arms = || std::iter::once(control).chain(tests);
    let posteriors = arms().map(TrendArm::relative_posterior).collect::<Result<Vec<Posterior>>>()?;
    let best = bayes::probability_best(&posteriors)?.value;
    Ok(arms().map(|arm| arm.key.clone()).zip(best).collect())
}

/// The p-value of control against the test arm with the most events (most, not densest: the reference has it so).
///
/// # Errors
///
/// `no_data` without test arms, `out_of_range` for a negative or non-finite count or an exposure that is not positive.
pub fn p_value(control: &TrendArm, tests: &[TrendArm]) -> Result<f64> {
    rate_p_value(control.events(), most_events(tests)?.events())
}

/// The central interval of every arm's events per exposed unit between two quantiles; empty when an arm has a negative
/// or non-finite count or no exposed units, as the reference has it.
///
/// # Errors
///
/// `out_of_range` unless `0 < lower < upper < 1`.
pub fn credible_intervals(arms: &[TrendArm], lower: f64, upper: f64) -> Result<Vec<(String, [f64; 2])>> {
    check_interval(lower, upper)?;
    let interval = |arm: &TrendArm| {
        let posterior = arm.absolute_posterior().ok()?;
        Some((arm.key.clone(), [posterior.quantile(lower), posterior.quantile(upper)]))
    };
    Ok(arms.iter().map(interval).collect::<Option<Vec<_>>>().unwrap_or_default())
}

/// The verdict, from probabilities with control's first.
///
/// # Errors
///
/// `no_data` without test arms, `out_of_range` for a negative or non-finite number or probability.
pub fn significance(control: &TrendArm, tests: &[TrendArm], probabilities: &[f64]) -> Result<Significance> {
    for arm in std::iter::once(control).chain(tests) {
        check_not_negative(&arm.key, "count", arm.count)?;
        check_not_negative(&arm.key, "absolute_exposure", arm.absolute_exposure)?;
    }
    let exposures: Vec<f64> = tests.iter().map(|arm| arm.absolute_exposure).collect();
    let mut ladder = Ladder::start(control.absolute_exposure, &exposures, probabilities)?;
    ladder.climb(Rule::PValue, || p_value(control, tests))?;
    Ok(ladder.with_p_value())
}

/// The test arm with the most events, the first of equals.
fn most_events(tests: &[TrendArm]) -> Result<&TrendArm> {
    first_largest(tests, |arm| arm.count)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the same computation gives the same number")]
mod tests {
    use super::*;
    use crate::stats::significance::SignificanceCode;

    fn arm(key: &str, count: f64, exposure: f64, absolute_exposure: f64) -> TrendArm {
        TrendArm::new(key, count, exposure, absolute_exposure)
    }

    #[test]
    fn the_p_value_is_that_of_the_most_events_not_the_highest_rate() {
        let control = arm("control", 100.0, 1.0, 1000.0);
        let (dense, large) = (arm("dense", 90.0, 0.5, 500.0), arm("large", 120.0, 1.0, 1000.0));
        let both = p_value(&control, &[dense, large.clone()]).unwrap();
        assert_eq!(both, p_value(&control, &[large]).unwrap());
    }

    #[test]
    fn only_ratios_of_exposure_matter_to_probabilities() {
        let relative =
            win_probabilities(Some(&arm("control", 50.0, 1.0, 260.0)), &[arm("test", 30.0, 1.4, 364.0)]).unwrap();
        let absolute = win_probabilities(Some(&arm("control", 50.0, 260.0, 260.0)), &[arm("test", 30.0, 364.0, 364.0)]);
        assert!((relative[1].1 - absolute.unwrap()[1].1).abs() < 1e-13);
    }

    #[test]
    fn the_ladder_ends_with_the_p_value() {
        let judgement = judge(Some(&arm("control", 1000.0, 1.0, 1e4)), &[arm("test", 1200.0, 1.0, 1e4)]).unwrap();
        assert_eq!(judgement.significance.code, SignificanceCode::Significant);
        assert_eq!(judgement.significance.expected_loss, None);
        let last = judgement.significance.ladder.last().unwrap();
        assert_eq!((last.rule.as_str(), last.observed), ("p_value", judgement.significance.p_value));
    }

    #[test]
    fn unusable_input_is_refused_or_empty() {
        let control = arm("control", 100.0, 1.0, 1000.0);
        let without_exposure = arm("test", 100.0, 0.0, 0.0);
        let refused = win_probabilities(Some(&control), std::slice::from_ref(&without_exposure)).unwrap_err();
        assert_eq!(refused.code(), "out_of_range");
        assert_eq!(win_probabilities(None, std::slice::from_ref(&control)).unwrap_err().code(), "no_data");
        assert_eq!(p_value(&control, &[]).unwrap_err().code(), "no_data");
        assert!(credible_intervals(&[control, without_exposure], 0.025, 0.975).unwrap().is_empty());
    }
}
