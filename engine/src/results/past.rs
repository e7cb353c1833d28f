//! A plan from the lab's own past, as the caller is told.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::stats::past::PastNeed;

/// How many units and days an experiment will need, from the events before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PastPlan {
    /// The version of this form.
    pub format_version: u32,
    /// The moment until which the past was looked at.
    pub as_of: Timestamp,
    /// The events by which people come in.
    pub exposure: Value,
    /// The metric's definition.
    pub metric: Value,
    /// The relative effect to see.
    pub lift: f64,
    /// With which probability.
    pub power: f64,
    /// The number of variants, the baseline included.
    pub variants: u32,
    /// The two-sided error rate.
    pub alpha: f64,
    /// Units whose window has passed, from which the value comes.
    pub units: u64,
    /// The metric's value.
    pub value: f64,
    /// Its variance per unit.
    pub unit_variance: f64,
    /// The share of the variance that the value of the two weeks before explains; 0 where it is not known.
    pub variance_reduction: f64,
    /// How many units came for the first time on each day of 24 hours, the earliest first.
    pub arrivals: Vec<u64>,
    /// What each way of looking needs.
    pub needs: Vec<PastNeed>,
}
