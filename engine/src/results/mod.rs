//! What the caller is told.
//!
//! [`ExperimentResult`] is plain data: the envelope (which experiment, which data, computed when), the counts, the judgement
//! and the warnings. Its JSON form is the outward contract of the command line and the bindings; [`json_schema`] describes
//! it. Nothing is computed here.

mod allocation;
mod audit;
mod explanation;
mod exposed;
mod exposure_filters;
mod history;
mod legacy;
mod secondary;
mod table;
mod warning;

pub use allocation::{FlagChange, flag_warnings};
pub use audit::{AssignmentAudit, AuditVerdict, assignment_audit};
pub use explanation::{Explanation, Stage};
pub use exposed::{CohortMember, ExposedPerson};
pub use history::{HistoryPoint, HistoryRow, HistoryVariant, ResultHistory, history, history_rows};
pub use legacy::{legacy, legacy_secondary};
pub use secondary::{SecondaryMetricSummary, SecondaryResult};
pub use table::{VariantRow, rows};
pub use warning::{Warning, warnings};

use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::action::Action;
use crate::model::entity::{ALL_EVENTS, Entity, EntitySource};
use crate::model::experiment::Experiment;
use crate::model::metric::Metric;
use crate::plan::{ExposureUnit, Measure, Plan};
use crate::stats::{FunnelCell, FunnelCells, Measured, Outcome, TrendCell, TrendCells, funnel_arms, trend_arms};

/// The version of the JSON form of [`ExperimentResult`]; it grows when a reader would have to change.
pub const FORMAT_VERSION: u32 = 1;

/// The result of a metric of an experiment: of the primary one, unless a [`SecondaryResult`] holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentResult {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// What the result was computed from.
    pub provenance: Provenance,
    /// When the numbers were computed.
    pub last_refresh: Timestamp,
    /// Whether the numbers were computed earlier and kept.
    pub is_cached: bool,
    /// The counts and the judgement.
    pub result: MetricResult,
    /// What to be careful about, each with a next step.
    pub warnings: Vec<Warning>,
}

/// Which experiment a result belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentSummary {
    /// The experiment's number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The key of its flag.
    pub feature_flag_key: String,
    /// When it began.
    pub start_date: Option<Timestamp>,
    /// When it ended; null while it runs.
    pub end_date: Option<Timestamp>,
}

/// What a result was computed from: enough to compute it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The version of the engine.
    pub engine_version: String,
    /// The version of the event data; it rises with every change of the data.
    pub data_version: u64,
    /// A hash of all changes of the event data: it tells stores with equal versions apart.
    pub data_digest: String,
    /// The hash of the plan and the data, the key of the cache.
    pub fingerprint: String,
    /// The moment the result holds for.
    pub as_of: Timestamp,
}

/// The counts and the judgement of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum MetricResult {
    /// Of a trend.
    Trend {
        /// The metric's definition as the experiment has it.
        filters: Value,
        /// The definition of the exposure, as the reference system prepares it.
        exposure_filters: Value,
        /// What exposures are counted in: persons, or events of the experiment's own exposure (Q-X1, Q-X4).
        exposure_unit: ExposureUnit,
        /// One series per variant with events, most events first (Q-T1, Q-T9).
        insight: Vec<TrendSeries>,
        /// The variants, the baseline first.
        variants: Vec<TrendVariant>,
        /// Events of the metric that carry no known variant (Q-V2).
        events_without_variant: u64,
        /// The judgement, or what it lacks.
        outcome: Outcome,
    },
    /// Of a funnel.
    Funnel {
        /// The metric's definition as the experiment has it.
        filters: Value,
        /// The steps of each variant that somebody entered with.
        insight: Vec<FunnelSeries>,
        /// The variants, the baseline first.
        variants: Vec<FunnelVariant>,
        /// Persons that went through the funnel without belonging to a known variant.
        left_out: LeftOut,
        /// The judgement, or what it lacks.
        outcome: Outcome,
    },
}

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

/// The steps of a variant's funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelSeries {
    /// The variant's key.
    pub variant: String,
    /// The steps in order.
    pub steps: Vec<FunnelStep>,
}

/// One step of a funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelStep {
    /// The position of the step, from 0.
    pub order: usize,
    /// The name of the step: the definition's own, else the event's or the action's.
    pub name: String,
    /// The event of the step; null is every event (Q-A3), unless there is an action.
    pub event: Option<String>,
    /// The action of the step, if it is one.
    pub action: Option<ActionSummary>,
    /// The number of persons that reached at least this step (Q-F2).
    pub count: u64,
    /// The mean time the persons took from the step before, in seconds; null for the first step and where nobody came.
    pub average_conversion_seconds: Option<f64>,
    /// The median of these times, in seconds.
    pub median_conversion_seconds: Option<f64>,
}

/// The action a step is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionSummary {
    /// The action's number.
    pub id: i64,
    /// Its name.
    pub name: String,
}

/// A variant of a funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelVariant {
    /// The variant's key.
    pub key: String,
    /// Persons that reached the last step.
    pub success_count: u64,
    /// Persons that entered but did not reach the last step.
    pub failure_count: u64,
}

/// Persons that entered a funnel without belonging to a known variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// No event of theirs carries a flag value (Q-F7).
    pub without_variant: u64,
    /// Their first flag value is not a known variant (Q-F6).
    pub with_foreign_variant: u64,
}

/// Puts counts and judgement into their outward form, with the names of the definition.
///
/// `filters` define the metric, and `actions` are those of the lab.
#[must_use]
pub fn metric_result(
    experiment: &Experiment,
    filters: &Map<String, Value>,
    metric: &Metric,
    actions: &[Action],
    plan: &Plan,
    measured: &Measured,
    outcome: Outcome,
) -> MetricResult {
    let filters = Value::Object(filters.clone());
    match measured {
        Measured::Trend(cells) => MetricResult::Trend {
            filters,
            exposure_filters: exposure_filters::prepared(experiment, metric, plan),
            exposure_unit: match &plan.measure {
                Measure::Trend(trend) => trend.exposure.unit,
                Measure::Funnel(_) => ExposureUnit::Persons,
            },
            insight: trend_insight(plan, cells),
            variants: trend_variants(cells),
            events_without_variant: cells.events_without_variant,
            outcome,
        },
        Measured::Funnel(cells) => MetricResult::Funnel {
            filters,
            insight: funnel_insight(metric, actions, cells),
            variants: funnel_variants(cells),
            left_out: LeftOut {
                without_variant: cells.persons_without_variant,
                with_foreign_variant: cells.persons_with_foreign_variant,
            },
            outcome,
        },
    }
}

impl MetricResult {
    /// The judgement, or what it lacks.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        match self {
            Self::Trend { outcome, .. } | Self::Funnel { outcome, .. } => outcome,
        }
    }
}

/// The JSON Schema (2020-12) of [`ExperimentResult`].
#[must_use]
pub fn json_schema() -> Value {
    schemars::schema_for!(ExperimentResult).to_value()
}

fn trend_insight(plan: &Plan, cells: &TrendCells) -> Vec<TrendSeries> {
    let labels = match &plan.measure {
        Measure::Trend(measure) => measure.buckets.labels.clone(),
        Measure::Funnel(_) => Vec::new(),
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

fn trend_variants(cells: &TrendCells) -> Vec<TrendVariant> {
    let exposed: IndexMap<_, _> = cells.variants.iter().map(|cell| (cell.variant.as_str(), cell)).collect();
    let variant = |arm: crate::stats::legacy_trend::TrendArm| {
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

fn funnel_insight(metric: &Metric, actions: &[Action], cells: &FunnelCells) -> Vec<FunnelSeries> {
    let steps = metric.entities();
    let series = |cell: &FunnelCell| FunnelSeries {
        variant: cell.variant.clone(),
        steps: steps.iter().enumerate().map(|(order, entity)| funnel_step(cell, order, entity, actions)).collect(),
    };
    cells.variants.iter().filter(|cell| cell.entered() > 0).map(series).collect()
}

fn funnel_step(cell: &FunnelCell, order: usize, entity: &Entity, actions: &[Action]) -> FunnelStep {
    let (event, action) = match &entity.source {
        EntitySource::Event(name) => (Some(name.clone()), None),
        EntitySource::AllEvents => (None, None),
        EntitySource::Action(id) => (None, actions.iter().find(|action| action.id == *id)),
    };
    let own_name = action.map(|action| action.name.as_str()).or(event.as_deref()).unwrap_or(ALL_EVENTS);
    let time = order.checked_sub(1).and_then(|before| cell.conversion_times[before]);
    FunnelStep {
        order,
        name: entity.custom_name.as_deref().unwrap_or(own_name).to_owned(),
        action: action.map(|action| ActionSummary { id: action.id, name: action.name.clone() }),
        event,
        count: cell.persons_by_step[order],
        average_conversion_seconds: time.map(|time| time.average_seconds),
        median_conversion_seconds: time.map(|time| time.median_seconds),
    }
}

fn funnel_variants(cells: &FunnelCells) -> Vec<FunnelVariant> {
    let counts: IndexMap<_, _> = cells.variants.iter().map(|cell| (cell.variant.as_str(), cell)).collect();
    let variant = |arm: crate::stats::legacy_funnel::FunnelArm| {
        let cell = counts[arm.key.as_str()];
        FunnelVariant {
            success_count: cell.completed(),
            failure_count: cell.entered() - cell.completed(),
            key: arm.key,
        }
    };
    funnel_arms(cells).into_iter().map(variant).collect()
}
