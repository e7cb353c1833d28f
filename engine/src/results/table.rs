//! A result as one row per variant, for tables and data frames.

use serde::Serialize;

use crate::results::{ExperimentResult, MetricResult};
use crate::stats::{Outcome, number};

/// One variant of a result, flat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantRow {
    /// The variant's key.
    pub variant: String,
    /// Exposures of a trend (persons, unless the experiment's own exposure says otherwise), persons that entered a funnel.
    #[serde(serialize_with = "number::one")]
    pub units: f64,
    /// What a trend counted (events, persons, the sum of a property), persons that completed a funnel.
    #[serde(serialize_with = "number::one")]
    pub count: f64,
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
    /// What choosing the variant costs on average where another is better, in the unit of the rate; modern metrics only.
    pub expected_loss: Option<f64>,
    /// The lower end of the anytime-valid 95 % interval of `rel_effect_size`; modern metrics only.
    pub rel_effect_size_ci_lower: Option<f64>,
    /// The upper end of the anytime-valid 95 % interval of `rel_effect_size`; modern metrics only.
    pub rel_effect_size_ci_upper: Option<f64>,
    /// The anytime-valid p-value of no difference from the baseline; modern metrics only.
    pub p_value: Option<f64>,
    /// The p-value for a single look at a moment chosen beforehand; modern metrics only.
    pub p_value_fixed_horizon: Option<f64>,
}

/// The rows of a result, the baseline first.
#[must_use]
pub fn rows(result: &ExperimentResult) -> Vec<VariantRow> {
    let counts: Vec<(&str, f64, f64)> = match &result.result {
        MetricResult::Trend { variants, .. } => {
            variants.iter().map(|variant| (variant.key.as_str(), variant.absolute_exposure, variant.count)).collect()
        }
        MetricResult::Funnel { variants, .. } => variants
            .iter()
            .map(|variant| {
                let entered = variant.success_count + variant.failure_count;
                (variant.key.as_str(), number::from_count(entered), number::from_count(variant.success_count))
            })
            .collect(),
        MetricResult::Units { variants, .. } => variants
            .iter()
            .map(|variant| (variant.key.as_str(), number::from_count(variant.number_of_samples), variant.sum))
            .collect(),
    };
    counts.into_iter().map(|(key, units, count)| row(key, units, count, result.result.outcome())).collect()
}

fn row(key: &str, units: f64, count: f64, outcome: &Outcome) -> VariantRow {
    let (estimates, observed) = match outcome {
        Outcome::Estimated(estimates) => (Some(estimates), None),
        Outcome::Observed(observed) => (None, Some(observed)),
        Outcome::Undecided(_) => (None, None),
    };
    let rate = estimates.map(|estimates| &estimates.rate).or(observed.map(|observed| &observed.value));
    let lift = estimates.map(|estimates| &estimates.relative_lift).or(observed.map(|observed| &observed.relative_lift));
    let belief = observed.and_then(|observed| observed.comparisons.beliefs.get(key));
    let interval = estimates
        .and_then(|estimates| estimates.credible_intervals.get(key).copied())
        .or(belief.map(|belief| belief.credible_interval));
    let comparison = observed.and_then(|observed| observed.comparisons.against_baseline.get(key));
    let relative = comparison.and_then(|comparison| comparison.anytime_valid.relative_interval);
    VariantRow {
        variant: key.to_owned(),
        units,
        count,
        rate: rate.and_then(|rate| rate.get(key).copied()),
        rel_effect_size: lift.and_then(|lift| lift.get(key).copied()),
        rate_ci_lower: interval.map(|[lower, _]| lower),
        rate_ci_upper: interval.map(|[_, upper]| upper),
        chance_to_win: estimates
            .and_then(|estimates| estimates.probability.get(key).copied())
            .or(belief.map(|belief| belief.probability_best)),
        expected_loss: belief.map(|belief| belief.expected_loss),
        rel_effect_size_ci_lower: relative.map(|[lower, _]| lower),
        rel_effect_size_ci_upper: relative.map(|[_, upper]| upper),
        p_value: comparison.map(|comparison| comparison.anytime_valid.p_value),
        p_value_fixed_horizon: comparison.map(|comparison| comparison.fixed_horizon.p_value),
    }
}
