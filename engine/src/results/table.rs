//! A result as one row per variant, for tables and data frames.

use serde::Serialize;

use crate::results::{ExperimentResult, MetricResult};
use crate::stats::comparison::Comparison;
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
    /// How much larger the rate is than the baseline's, in its own unit.
    pub effect_size: Option<f64>,
    /// The lower end of the anytime-valid 95 % interval of `effect_size`; modern metrics only.
    pub effect_size_ci_lower: Option<f64>,
    /// The upper end of the anytime-valid 95 % interval of `effect_size`; modern metrics only.
    pub effect_size_ci_upper: Option<f64>,
    /// The sequential method that decides; modern metrics only.
    pub sequential_method: Option<&'static str>,
    /// The p-value of the answer that decides, with covariates taken out where there are some; modern metrics only.
    pub sequential_p_value: Option<f64>,
    /// The lower end of its interval of the relative difference; modern metrics only.
    pub sequential_ci_lower: Option<f64>,
    /// The upper end of its interval of the relative difference; modern metrics only.
    pub sequential_ci_upper: Option<f64>,
    /// The evidence against no difference of the answer that decides; of methods that have one.
    pub e_value: Option<f64>,
    /// Why the method that was chosen to decide does not.
    pub sequential_undecided: Option<String>,
    /// The share of the variance that covariates take out of the difference; modern metrics only.
    pub variance_reduction: Option<f64>,
    /// The days so far that this saves; modern metrics of events only.
    pub days_saved: Option<f64>,
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
    let baseline = counts.first().map_or("", |(key, ..)| *key);
    counts.iter().map(|(key, units, count)| row(key, baseline, *units, *count, result.result.outcome())).collect()
}

fn row(key: &str, baseline: &str, units: f64, count: f64, outcome: &Outcome) -> VariantRow {
    let (estimates, observed) = match outcome {
        Outcome::Estimated(estimates) => (Some(estimates), None),
        Outcome::Observed(observed) => (None, Some(observed)),
        Outcome::Undecided(_) => (None, None),
    };
    let rate = estimates.map(|estimates| &estimates.rate).or(observed.map(|observed| &observed.value));
    let rate_of = |key: &str| rate.and_then(|rate| rate.get(key).copied());
    let effect_size = rate_of(key).zip(rate_of(baseline)).filter(|_| key != baseline).map(|(own, other)| own - other);
    let lift = estimates.map(|estimates| &estimates.relative_lift).or(observed.map(|observed| &observed.relative_lift));
    let belief = observed.and_then(|observed| observed.comparisons.beliefs.get(key));
    let interval = estimates
        .and_then(|estimates| estimates.credible_intervals.get(key).copied())
        .or(belief.map(|belief| belief.credible_interval));
    let comparison = observed.and_then(|observed| observed.comparisons.against_baseline.get(key));
    let relative = comparison.and_then(|comparison| comparison.anytime_valid.relative_interval);
    let absolute = comparison.map(|comparison| comparison.anytime_valid.interval);
    let deciding = comparison.map(Comparison::deciding);
    let decided = deciding.and_then(Result::ok).map(|(_, inference)| inference);
    let decided_interval = decided.and_then(|inference| inference.relative_interval);
    let adjusted = comparison.and_then(|comparison| comparison.adjusted.as_ref());
    VariantRow {
        variant: key.to_owned(),
        units,
        count,
        rate: rate_of(key),
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
        effect_size,
        effect_size_ci_lower: absolute.map(|[lower, _]| lower),
        effect_size_ci_upper: absolute.map(|[_, upper]| upper),
        sequential_method: comparison.map(Comparison::sequential_method),
        sequential_p_value: decided.map(|inference| inference.p_value),
        sequential_ci_lower: decided_interval.map(|[lower, _]| lower),
        sequential_ci_upper: decided_interval.map(|[_, upper]| upper),
        e_value: decided.and_then(|inference| inference.e_value),
        sequential_undecided: deciding.and_then(Result::err).map(str::to_owned),
        variance_reduction: adjusted.map(|adjusted| adjusted.variance_reduction),
        days_saved: adjusted.and_then(|adjusted| adjusted.saved?.days),
    }
}
