//! The checks before any test, and answers with nulls where they cannot be given (reference statistics, section 10.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Statistic;
use super::effect::{DifferenceType, Pair};
use super::gaussian::{self, GaussianTest};
use super::welch::{self, WelchTest};

/// Why a variant is not tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationFailure {
    /// Fewer than 50 units.
    NotEnoughExposures,
    /// A funnel or retention metric with fewer than 5 successes.
    NotEnoughMetricData,
    /// The baseline comes to 0.
    BaselineMeanIsZero,
}

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricType {
    /// A mean over units.
    Mean,
    /// The share of units that get through all steps.
    Funnel,
    /// A ratio of two sums.
    Ratio,
    /// The share of units that come back.
    Retention,
}

/// Fewest units of a variant.
const MINIMUM_EXPOSURES: f64 = 50.0;
/// Fewest successes of a funnel or retention metric.
const MINIMUM_SUCCESSES: f64 = 5.0;

/// What speaks against testing a variant, in the order of the reference.
///
/// ```
/// use abduck::stats::modern::response::{MetricType, ValidationFailure, failures};
///
/// assert_eq!(failures(MetricType::Mean, 30.0, 12.0, false), [ValidationFailure::NotEnoughExposures]);
/// assert!(failures(MetricType::Funnel, 50.0, 5.0, true).is_empty());
/// ```
#[must_use]
pub fn failures(metric: MetricType, units: f64, sum: f64, is_baseline: bool) -> Vec<ValidationFailure> {
    let needs_successes = matches!(metric, MetricType::Funnel | MetricType::Retention);
    let checks = [
        (units < MINIMUM_EXPOSURES, ValidationFailure::NotEnoughExposures),
        (needs_successes && sum < MINIMUM_SUCCESSES, ValidationFailure::NotEnoughMetricData),
        (is_baseline && sum.abs() <= 0.0, ValidationFailure::BaselineMeanIsZero),
    ];
    checks.into_iter().filter(|(fails, _)| *fails).map(|(_, failure)| failure).collect()
}

/// A level given in a configuration: what is no number between 0 and 1 silently becomes the default, as in the reference.
#[must_use]
pub fn level_or(default: f64, given: Option<f64>) -> f64 {
    given.filter(|level| (0.0..=1.0).contains(level)).unwrap_or(default)
}

/// Welch's test of a valid pair; `None` where a check fails or the test refuses.
#[must_use]
pub fn frequentist(
    metric: MetricType,
    [control, treatment]: [Statistic; 2],
    difference: DifferenceType,
    alpha: Option<f64>,
) -> Option<WelchTest> {
    let pair = valid_pair(metric, control, treatment, difference)?;
    welch::test(&pair, level_or(0.05, alpha)).ok()
}

/// The Gaussian answer about a valid pair; `None` where a check fails or the method refuses.
#[must_use]
pub fn bayesian(
    metric: MetricType,
    [control, treatment]: [Statistic; 2],
    difference: DifferenceType,
    settings: gaussian::Settings,
) -> Option<GaussianTest> {
    let pair = valid_pair(metric, control, treatment, difference)?;
    gaussian::test(&pair, settings).ok()
}

fn valid_pair(
    metric: MetricType,
    control: Statistic,
    treatment: Statistic,
    difference: DifferenceType,
) -> Option<Pair> {
    let fails = |statistic: &Statistic, is_baseline| {
        !failures(metric, statistic.units(), statistic.sum(), is_baseline).is_empty()
    };
    if fails(&control, true) || fails(&treatment, false) {
        return None;
    }
    Pair::new(treatment, control, difference).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_come_in_the_order_of_the_reference() {
        use ValidationFailure::{BaselineMeanIsZero, NotEnoughExposures, NotEnoughMetricData};
        assert_eq!(
            failures(MetricType::Retention, 49.0, 0.0, true),
            [NotEnoughExposures, NotEnoughMetricData, BaselineMeanIsZero]
        );
        assert_eq!(failures(MetricType::Mean, 49.0, 0.0, false), [NotEnoughExposures]);
        assert_eq!(serde_json::to_value(BaselineMeanIsZero).unwrap(), "baseline-mean-is-zero");
    }

    #[test]
    fn a_level_outside_its_range_becomes_the_default_but_its_ends_pass() {
        assert_eq!(level_or(0.05, Some(5.0)).to_bits(), 0.05_f64.to_bits());
        assert_eq!(level_or(0.05, Some(f64::NAN)).to_bits(), 0.05_f64.to_bits());
        assert_eq!(level_or(0.05, Some(1.0)).to_bits(), 1.0_f64.to_bits());
    }
}
