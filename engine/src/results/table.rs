//! A result as one row per variant, for tables and data frames.

use serde::Serialize;

use crate::results::{ExperimentResult, MetricResult};
use crate::stats::Outcome;

/// One variant of a result, flat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantRow {
    /// The variant's key.
    pub variant: String,
    /// Exposures of a trend (persons, or events of the experiment's own exposure), persons that entered a funnel.
    pub units: u64,
    /// Events of a trend, persons that completed a funnel.
    pub count: u64,
    /// The observed rate: `count` per unit.
    pub rate: Option<f64>,
    /// How much larger the rate is than the baseline's, as a share of it.
    pub rel_effect_size: Option<f64>,
    /// The lower end of the central 95 % interval of the rate.
    pub rate_ci_lower: Option<f64>,
    /// The upper end of the central 95 % interval of the rate.
    pub rate_ci_upper: Option<f64>,
    /// The probability that the variant is the best of all.
    pub chance_to_win: Option<f64>,
}

/// The rows of a result, the baseline first.
#[must_use]
pub fn rows(result: &ExperimentResult) -> Vec<VariantRow> {
    let counts: Vec<(&str, u64, u64)> = match &result.result {
        MetricResult::Trend { variants, .. } => {
            variants.iter().map(|variant| (variant.key.as_str(), variant.absolute_exposure, variant.count)).collect()
        }
        MetricResult::Funnel { variants, .. } => variants
            .iter()
            .map(|variant| (variant.key.as_str(), variant.success_count + variant.failure_count, variant.success_count))
            .collect(),
    };
    counts.into_iter().map(|(key, units, count)| row(key, units, count, result.result.outcome())).collect()
}

fn row(key: &str, units: u64, count: u64, outcome: &Outcome) -> VariantRow {
    let estimates = match outcome {
        Outcome::Estimated(estimates) => Some(estimates),
        Outcome::Undecided(_) => None,
    };
    let interval = estimates.and_then(|estimates| estimates.credible_intervals.get(key).copied());
    VariantRow {
        variant: key.to_owned(),
        units,
        count,
        rate: estimates.and_then(|estimates| estimates.rate.get(key).copied()),
        rel_effect_size: estimates.and_then(|estimates| estimates.relative_lift.get(key).copied()),
        rate_ci_lower: interval.map(|[lower, _]| lower),
        rate_ci_upper: interval.map(|[_, upper]| upper),
        chance_to_win: estimates.and_then(|estimates| estimates.probability.get(key).copied()),
    }
}
