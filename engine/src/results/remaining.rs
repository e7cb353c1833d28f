//! How much longer an experiment has to run, as the caller is told.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::ExperimentSummary;
pub use crate::stats::remaining::RemainingVariant;

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
