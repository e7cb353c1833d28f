//! Whether a few units make a result, as the caller is told.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::ExperimentSummary;
use crate::stats::Observations;

/// A metric with and without its largest units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Influence {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// The moment it holds for.
    pub as_of: Timestamp,
    /// The metric's definition.
    pub metric: Value,
    /// The largest units, which are left out, the largest first.
    pub largest: Vec<LargestUnit>,
    /// What the metric comes to with all units.
    pub all: Observations,
    /// What it comes to without the largest.
    pub without: Observations,
}

/// A unit with one of the largest values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LargestUnit {
    /// The unit: the smallest distinct id of a person, or the key of a group.
    pub unit: String,
    /// Its variant.
    pub variant: String,
    /// Its value, before outliers are clamped.
    pub value: f64,
}
