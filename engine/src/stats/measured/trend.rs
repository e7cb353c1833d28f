//! What a trend counted.

use serde::{Deserialize, Serialize};

/// What the variants counted in a trend, and the events that belong to none of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrendCells {
    /// One cell per known variant.
    pub variants: Vec<TrendCell>,
    /// Events of the metric that carry no known variant (Q-V2).
    pub events_without_variant: u64,
}

/// What a variant counted in a trend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrendCell {
    /// The variant's key.
    pub variant: String,
    /// The number of events in each bucket (Q-T3).
    pub events_by_bucket: Vec<u64>,
    /// How much the variant was exposed: distinct persons that the flag answered with it (Q-X1), or events of the
    /// experiment's own exposure (Q-X4).
    pub exposures: u64,
}

impl TrendCell {
    /// The number of events over all buckets.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events_by_bucket.iter().sum()
    }
}
