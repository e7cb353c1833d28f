//! How much longer an experiment has to run, as the caller is told.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::ExperimentSummary;

/// How much longer an experiment has to run to see an effect of a size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remaining {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// The moment it holds for.
    pub as_of: Timestamp,
    /// The metric's definition.
    pub metric: Value,
    /// The relative effect to see.
    pub lift: f64,
    /// With which probability.
    pub power: f64,
    /// The two-sided error rate.
    pub alpha: f64,
    /// The baseline's value now.
    pub baseline_value: f64,
    /// Units first exposed per day, over the last seven whole days or as many as there are.
    pub exposed_per_day: f64,
    /// What each variant needs, compared with the baseline.
    pub variants: Vec<RemainingVariant>,
}

/// What the comparison of a variant with the baseline needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemainingVariant {
    /// The variant.
    pub variant: String,
    /// Units of the baseline and of the variant now.
    pub units_now: [u64; 2],
    /// The share of the variance that the covariate takes out; 0 without one.
    pub variance_reduction: f64,
    /// The relative effect that would be seen now, by a single look.
    pub detectable_lift_now: f64,
    /// Units of both that are needed for a single look.
    pub units_single_look: f64,
    /// Units of both that are needed when one looks as often as one likes.
    pub units_any_time: f64,
    /// Days until there are enough for a single look; null when nobody comes.
    pub days_single_look: Option<f64>,
    /// Days until there are enough for any number of looks.
    pub days_any_time: Option<f64>,
}
