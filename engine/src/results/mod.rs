//! What the caller is told.
//!
//! [`ExperimentResult`] is plain data: the envelope (which experiment, which data, computed when), the counts, the judgement
//! and the warnings. Its JSON form is the outward contract of the command line and the bindings; [`json_schema`] describes
//! it. Nothing is computed here.

mod allocation;
mod audit;
mod calibration;
mod decision;
mod explanation;
mod exposed;
mod exposure_view;
mod exposure_filters;
mod funnel;
mod history;
mod influence;
mod legacy;
mod listed;
mod reconciliation;
mod past;
mod posterior;
mod prior;
mod remaining;
mod report;
mod secondary;
mod series;
mod table;
mod table_analysis;
mod trend;
mod unit_explanation;
mod unit_list;
mod units;
mod warning;

pub use allocation::{FlagChange, flag_warnings};
pub use audit::{AssignmentAudit, AuditVerdict, assignment_audit};
pub use calibration::Calibration;
pub use decision::ExperimentDecision;
pub use explanation::{Explanation, Stage};
pub use exposed::{CohortMember, ExposedPerson};
pub use exposure_view::{
    ExposureCounts, ExposureDay, ExposureRow, ExposureView, SEVERAL, exposure_rows, exposure_view,
};
pub use funnel::{ActionSummary, FunnelSeries, FunnelStep, FunnelVariant, LeftOut};
pub use history::{HistoryPoint, HistoryRow, HistoryVariant, ResultHistory, history, history_rows};
pub use influence::{Influence, LargestUnit};
pub use legacy::{legacy, legacy_listed, legacy_secondary};
pub use listed::ListedResult;
pub use past::{PastNeed, PastPlan};
pub use posterior::{DifferencePosterior, DifferencePosteriors};
pub use prior::{PriorFromPast, RatePrior};
pub use reconciliation::{Reconciliation, ReconciliationRow};
pub use remaining::{Remaining, RemainingVariant};
pub use report::{Report, ReportedMetric};
pub use secondary::{SecondaryMetricSummary, SecondaryResult};
pub use series::{
    MetricSeries, Peeking, SeriesPoint, SeriesPoints, SeriesRow, SeriesVariant, SeriesView, metric_series, series_rows,
};
pub use table::{VariantRow, rows};
pub use table_analysis::{
    LeftOutRows, TableAnalysis, TableAnalysisRow, TableBreakdown, TableMetricResult, aggregate_analysis,
    table_analysis, table_analysis_rows,
};
pub use trend::{TrendCount, TrendSeries, TrendVariant};
pub use unit_explanation::{ExplainedEvent, ExplainedStep, UnitExplanation};
pub use unit_list::{LeftOutReason, ListedUnit, UnitSelection};
pub use units::{
    CovariateSums, DenominatorSums, MeanBounds, QuantileSummary, SeveralVariantsSummary, UnitBreakdown, UnitVariant,
    metric_type, unit_result,
};
pub use warning::{Warning, warnings};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::action::Action;
use crate::model::experiment::Experiment;
use crate::model::metric::{FunnelOrder, Metric};
use crate::plan::{ExposureUnit, Measure, Plan};
use crate::stats::{Display, Measured, Outcome};

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
        /// What exposures are counted in: persons, unless the experiment or the lab says otherwise (Q-X1, Q-X4).
        exposure_unit: ExposureUnit,
        /// What the statistics count: events, unless it is said.
        #[serde(default, skip_serializing_if = "is_default")]
        counted: TrendCount,
        /// How the series are made up: cumulative, unless it is said.
        #[serde(default, skip_serializing_if = "is_default")]
        display: Display,
        /// One series per variant with events, the largest first (Q-T1, Q-T9).
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
        /// In which order the steps count.
        order: FunnelOrder,
        /// The steps of each variant that somebody entered with.
        insight: Vec<FunnelSeries>,
        /// The variants, the baseline first.
        variants: Vec<FunnelVariant>,
        /// Persons that went through the funnel without belonging to a known variant.
        left_out: LeftOut,
        /// The judgement, or what it lacks.
        outcome: Outcome,
    },
    /// Of a modern metric (M-2, M-3).
    Units {
        /// The metric's definition.
        metric: Value,
        /// Its type, such as `mean` or `funnel`.
        metric_type: String,
        /// What is counted: `person`, `distinct_id` or `group_0` to `group_4`.
        unit: String,
        /// The variants, the baseline first.
        variants: Vec<UnitVariant>,
        /// The same by properties of the first exposure; empty without a breakdown.
        breakdowns: Vec<UnitBreakdown>,
        /// The units exposed to several variants, and what they could change.
        several_variants: SeveralVariantsSummary,
        /// Units left out because their window has not passed.
        immature_units: u64,
        /// The observed values.
        outcome: Outcome,
    },
}

/// Puts counts and judgement into their outward form, with the names of the definition.
///
/// `filters` define the metric, and `actions` are those of the lab.
///
/// # Errors
/// `Bug` for modern metrics: [`unit_result`] tells of them.
pub fn metric_result(
    experiment: &Experiment,
    filters: &Map<String, Value>,
    metric: &Metric,
    actions: &[Action],
    plan: &Plan,
    measured: &Measured,
    outcome: Outcome,
) -> Result<MetricResult> {
    let definition = Value::Object(filters.clone());
    Ok(match measured {
        Measured::Units(_) => return Err(Error::bug("a modern metric is told of by unit_result")),
        Measured::Trend(cells) => MetricResult::Trend {
            filters: definition,
            exposure_filters: exposure_filters::prepared(experiment, filters, metric, plan),
            exposure_unit: match &plan.measure {
                Measure::Trend(trend) => trend.exposure.unit(),
                Measure::Funnel(_) | Measure::Units(_) => ExposureUnit::Persons,
            },
            counted: trend::trend_count(plan),
            display: cells.display,
            insight: trend::trend_insight(plan, cells),
            variants: trend::trend_variants(cells, plan.semantics),
            events_without_variant: cells.events_without_variant,
            outcome,
        },
        Measured::Funnel(cells) => MetricResult::Funnel {
            filters: definition,
            order: match &plan.measure {
                Measure::Funnel(funnel) => funnel.order,
                Measure::Trend(_) | Measure::Units(_) => FunnelOrder::default(),
            },
            insight: funnel::funnel_insight(metric, actions, cells),
            variants: funnel::funnel_variants(cells),
            left_out: LeftOut {
                without_variant: cells.persons_without_variant,
                with_foreign_variant: cells.persons_with_foreign_variant,
            },
            outcome,
        },
    })
}

impl MetricResult {
    /// Whether the counts are whole numbers by definition: everything but sums of a property.
    #[must_use]
    pub fn has_whole_counts(&self) -> bool {
        match self {
            Self::Trend { counted, exposure_unit, .. } => {
                *counted != TrendCount::Sum && *exposure_unit != ExposureUnit::Sum
            }
            Self::Funnel { .. } => true,
            Self::Units { .. } => false,
        }
    }

    /// The judgement, or what it lacks.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        match self {
            Self::Trend { outcome, .. } | Self::Funnel { outcome, .. } | Self::Units { outcome, .. } => outcome,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The JSON Schema (2020-12) of [`ExperimentResult`].
#[must_use]
pub fn json_schema() -> Value {
    schemars::schema_for!(ExperimentResult).to_value()
}
