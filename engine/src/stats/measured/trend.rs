//! What a trend counted.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::BASELINE;
use crate::stats::number;

/// What the variants counted in a trend, and the events that belong to none of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrendCells {
    /// One cell per known variant.
    pub variants: Vec<TrendCell>,
    /// Events of the metric that carry no known variant (Q-V2).
    pub events_without_variant: u64,
    /// How the buckets make up the series, and what the statistics look at.
    pub display: Display,
}

/// How the buckets of a trend make up its series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// A running total (Q-T3, Q-T4, Q-T8). The statistics look at the total.
    #[default]
    Cumulative,
    /// Each bucket for itself (Q-T5). The statistics look at the number of events (Q-T6).
    Linear,
}

/// What a variant counted in a trend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrendCell {
    /// The variant's key.
    pub variant: String,
    /// The number of events.
    pub events: u64,
    /// What was computed for each bucket.
    #[serde(serialize_with = "number::many")]
    pub value_by_bucket: Vec<f64>,
    /// How much the variant was exposed, in the unit of the plan's exposure (Q-X1, Q-X4, Q-X7).
    #[serde(serialize_with = "number::one")]
    pub exposures: f64,
}

impl TrendCells {
    /// The variants that have events (Q-T1), the baseline first, then by what the statistics look at and by key (Q-T9, R-6).
    #[must_use]
    pub fn present(&self) -> Vec<&TrendCell> {
        let mut present: Vec<_> = self.variants.iter().filter(|cell| cell.events > 0).collect();
        present.sort_by(|a, b| {
            let order = |cell: &TrendCell| (cell.variant != BASELINE, Reverse(number::Ordered(self.count(cell))));
            order(a).cmp(&order(b)).then_with(|| a.variant.cmp(&b.variant))
        });
        present
    }

    /// What the statistics look at: the total, or the number of events (Q-T6, Q-X7).
    #[must_use]
    pub fn count(&self, cell: &TrendCell) -> f64 {
        match self.display {
            Display::Cumulative => cell.total(),
            Display::Linear => number::from_count(cell.events),
        }
    }
}

impl TrendCell {
    /// The sum over all buckets.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.value_by_bucket.iter().sum()
    }

    /// The running total up to and including each bucket.
    #[must_use]
    pub fn running_total(&self) -> Vec<f64> {
        let add = |total: &mut f64, value: &f64| {
            *total += value;
            Some(*total)
        };
        self.value_by_bucket.iter().scan(0.0, add).collect()
    }

    /// The mean of all buckets, empty ones included as 0 (Q-S5).
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.total() / number::from_count(self.value_by_bucket.len() as u64)
    }
}
