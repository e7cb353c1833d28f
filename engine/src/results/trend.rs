//! Trends as the caller is told of them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Measure, Plan};
use crate::stats::legacy_trend::TrendArm;
use crate::stats::{TrendCell, TrendCells, trend_arms};

/// The cumulative number of events of a variant (Q-T3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrendSeries {
    /// The variant's key.
    pub variant: String,
    /// The number of events.
    pub count: u64,
    /// The local date or time each bucket begins at.
    pub labels: Vec<String>,
    /// The number of events up to and including each bucket.
    pub data: Vec<u64>,
}

/// A variant of a trend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrendVariant {
    /// The variant's key.
    pub key: String,
    /// The number of events.
    pub count: u64,
    /// The number of exposures; 0 when nobody was seen, although the compatible statistics then use 1 (Q-X6).
    pub absolute_exposure: u64,
    /// The exposures as a ratio to the baseline's, as the compatible statistics use it (Q-X3, Q-X6).
    pub exposure: f64,
}

pub(super) fn trend_insight(plan: &Plan, cells: &TrendCells) -> Vec<TrendSeries> {
    let labels = match &plan.measure {
        Measure::Trend(measure) => measure.buckets.labels.clone(),
        Measure::Funnel(_) | Measure::Units(_) => Vec::new(),
    };
    let series = |cell: &TrendCell| TrendSeries {
        variant: cell.variant.clone(),
        count: cell.events(),
        labels: labels.clone(),
        data: running_total(&cell.events_by_bucket),
    };
    let mut insight: Vec<_> = cells.variants.iter().filter(|cell| cell.events() > 0).map(series).collect();
    insight.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.variant.cmp(&b.variant)));
    insight
}

fn running_total(counts: &[u64]) -> Vec<u64> {
    let add = |total: &mut u64, count: &u64| {
        *total += count;
        Some(*total)
    };
    counts.iter().scan(0, add).collect()
}

pub(super) fn trend_variants(cells: &TrendCells) -> Vec<TrendVariant> {
    let exposed: IndexMap<_, _> = cells.variants.iter().map(|cell| (cell.variant.as_str(), cell)).collect();
    let variant = |arm: TrendArm| {
        let cell = exposed.get(arm.key.as_str());
        TrendVariant {
            count: cell.map_or(0, |cell| cell.events()),
            absolute_exposure: cell.map_or(0, |cell| cell.exposures),
            exposure: arm.exposure,
            key: arm.key,
        }
    };
    trend_arms(cells).into_iter().map(variant).collect()
}
