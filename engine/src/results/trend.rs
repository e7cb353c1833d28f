//! Trends as the caller is told of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{BASELINE, Counting, Measure, Plan, Semantics, TrendValue, Unit};
use crate::stats::{Display, TrendCell, TrendCells, number};

/// What the statistics of a trend count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrendCount {
    /// Events (Q-T3, Q-T6).
    #[default]
    Events,
    /// Distinct persons (Q-T8).
    Persons,
    /// Distinct ids, whoever's they are, where the lab counts these instead of persons.
    DistinctIds,
    /// Distinct groups (Q-T8).
    Groups,
    /// Distinct sessions (Q-T8).
    Sessions,
    /// Distinct values of an expression.
    Values,
    /// The sum of a property (Q-T4).
    Sum,
}

/// What was computed for a variant, interval by interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrendSeries {
    /// The variant's key.
    pub variant: String,
    /// The sum over all buckets.
    #[serde(serialize_with = "number::one")]
    pub count: f64,
    /// The local date or time each bucket begins at.
    pub labels: Vec<String>,
    /// A running total up to and including each bucket; in a linear display the value of each bucket for itself.
    #[serde(serialize_with = "number::many")]
    pub data: Vec<f64>,
}

/// A variant of a trend, as the statistics look at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrendVariant {
    /// The variant's key.
    pub key: String,
    /// The total of the series; in a linear display the number of events (Q-T6).
    #[serde(serialize_with = "number::one")]
    pub count: f64,
    /// The exposure; 0 when there was none, although the compatible statistics then use 1 (Q-X6).
    #[serde(serialize_with = "number::one")]
    pub absolute_exposure: f64,
    /// The exposure as a ratio to the baseline's, as the compatible statistics use it (Q-X3, Q-X6); of query nodes 0 where
    /// there is none (Q-N2).
    pub exposure: f64,
}

pub(super) fn trend_count(plan: &Plan) -> TrendCount {
    let Measure::Trend(trend) = &plan.measure else { return TrendCount::Events };
    match &trend.value {
        TrendValue::Cumulative(Counting::Events) | TrendValue::PerInterval(_) => TrendCount::Events,
        TrendValue::Cumulative(Counting::Sum(_)) => TrendCount::Sum,
        TrendValue::Cumulative(Counting::Units(unit)) => match unit {
            Unit::Person => TrendCount::Persons,
            Unit::DistinctId => TrendCount::DistinctIds,
            Unit::Group { .. } => TrendCount::Groups,
            Unit::Session => TrendCount::Sessions,
            Unit::Expression(_) => TrendCount::Values,
        },
    }
}

pub(super) fn trend_insight(plan: &Plan, cells: &TrendCells) -> Vec<TrendSeries> {
    let labels = match &plan.measure {
        Measure::Trend(measure) => measure.buckets.labels.clone(),
        Measure::Funnel(_) | Measure::Units(_) => Vec::new(),
    };
    let series = |cell: &TrendCell| TrendSeries {
        variant: cell.variant.clone(),
        count: cell.total(),
        labels: labels.clone(),
        data: match cells.display {
            Display::Cumulative => cell.running_total(),
            Display::Linear => cell.value_by_bucket.clone(),
        },
    };
    let mut insight: Vec<_> = cells.variants.iter().filter(|cell| cell.events > 0).map(series).collect();
    // Q-T9
    insight.sort_by(|a, b| b.count.total_cmp(&a.count).then_with(|| a.variant.cmp(&b.variant)));
    insight
}

pub(super) fn trend_variants(cells: &TrendCells, semantics: Semantics) -> Vec<TrendVariant> {
    let baseline = cells.variants.iter().find(|cell| cell.variant == BASELINE).map_or(0.0, |cell| cell.exposures);
    let variant = |cell: &TrendCell| TrendVariant {
        key: cell.variant.clone(),
        count: cells.count(cell),
        absolute_exposure: cell.exposures,
        exposure: match semantics {
            Semantics::QueryNode if cell.exposures <= 0.0 => 0.0,
            Semantics::Compatible | Semantics::QueryNode | Semantics::Modern => {
                let is_comparable = cell.exposures > 0.0 && baseline > 0.0 && cell.variant != BASELINE;
                if is_comparable { cell.exposures / baseline } else { 1.0 }
            }
        },
    };
    cells.present().into_iter().map(variant).collect()
}
