//! A prior learned from the lab's past experiments, as the caller is told.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::results::ExperimentSummary;

/// A prior for a metric, and what it was learned from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PriorFromPast {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment it is for.
    pub experiment: ExperimentSummary,
    /// The moment it holds for.
    pub as_of: Timestamp,
    /// The metric's definition.
    pub metric: Value,
    /// The prior, as it stands in a metric under `prior`.
    pub prior: Map<String, Value>,
    /// Of a metric that counts events, the prior of their rate, which may stand there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_prior: Option<RatePrior>,
    /// The number of past arms it was learned from.
    pub arms: usize,
    /// Whether the arms differ no more than chance: then the prior is as sure as all their units together, and no surer.
    pub is_limited: bool,
    /// The past experiments, by the keys of their flags.
    pub experiments: Vec<String>,
    /// Past experiments that the metric could not be computed for, and why.
    pub left_out: IndexMap<String, String>,
}

/// What to believe of the rate of a metric that counts events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RatePrior {
    /// The prior, as it stands in a metric under `prior`.
    pub prior: Map<String, Value>,
    /// How many times larger the variance of the past counts is than their mean; events and units count for as much less.
    pub dispersion: f64,
    /// Whether the arms differ no more than chance.
    pub is_limited: bool,
}
