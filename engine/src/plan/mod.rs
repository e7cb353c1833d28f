//! What exactly is to be computed.
//!
//! [`compile`] turns the nouns of an experiment into a [`Plan`] with nothing left to decide: instants instead of dates,
//! conditions instead of names, bucket edges instead of a timezone. The plan holds no display names; it is hashed for the
//! cache ([`Plan::fingerprint`]), shown by `explain`, and rendered as SQL.

mod buckets;
mod cohort;
mod condition;
mod counting;
mod exposure;
mod fingerprint;
mod flag_question;
mod library;
mod matching;
mod measure;
mod moments;
mod population;
mod statistics;
mod table;
mod unit;
mod units;

pub use crate::model::stats_config::BASELINE;
pub use buckets::Buckets;
pub use cohort::{CohortCondition, Performed, Times, cohort_members};
pub use condition::{Condition, DateCondition, DateRange, PropertyCondition};
pub use counting::{Counting, IntervalStatistic, TrendValue};
pub use exposure::{Exposure, ExposureOrigin, ExposureUnit};
pub use fingerprint::Visible;
pub(crate) use fingerprint::hash_of;
pub use flag_question::{FlagQuestion, requires_flag_implementation};
pub use library::{KnownCohort, Library};
pub use matching::{EventMatch, EventPattern};
pub use measure::{Counted, Deadline, Exclusion, FunnelMeasure, Measure, TrendMeasure};
pub use moments::interval_ends;
pub use population::{Population, TimeRange};
pub use statistics::Statistics;
pub use table::table_variants;
pub use unit::Unit;
pub use units::{
    EventWindow, Origin, Period, RetentionRules, SequenceRules, SourceMeasure, TEST_ACCOUNT_ROLE, UnitMeasure,
    UnitValue, compile_exposure_view, compile_metric, compile_past,
};

use jiff::Timestamp;
use serde::Serialize;

use self::matching::both;

use crate::error::{Error, Result};
use crate::model::experiment::Experiment;
use crate::model::exposure::CustomExposure;
use crate::model::filter::Filter;
use crate::model::flag::FeatureFlag;
use crate::model::metric::Metric;
use crate::model::query_node::QueryNode;
use crate::model::secondary::SecondaryMetric;

/// Everything that decides the numbers of one metric of one experiment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Which rules apply.
    pub semantics: Semantics,
    /// What the metric is to its experiment.
    pub role: MetricRole,
    /// Which events and variants are looked at.
    pub population: Population,
    /// What is computed from them.
    pub measure: Measure,
    /// How that is judged.
    pub statistics: Statistics,
}

/// The generation of rules a plan follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Semantics {
    /// The reference system as of late 2024 (rules Q-).
    Compatible,
    /// The reference system of 2025 (rules M-): exposed units first.
    Modern,
    /// The same system's metrics given as query nodes (rules Q-N).
    QueryNode,
}

/// What a metric is to its experiment. Holdout and custom exposure hold for both roles alike (B-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricRole {
    /// The metric that decides.
    Primary,
    /// A metric that is looked at besides.
    Secondary,
}

/// The persons exposed to an experiment, as its results count them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExposurePlan {
    /// Which variants, and when.
    pub population: Population,
    /// What says that a person was exposed.
    pub exposure: Exposure,
}

/// What is asked of an experiment.
struct Asked<'a> {
    semantics: Semantics,
    role: MetricRole,
    metric: &'a Metric,
    /// The exposure in place of the flag's; trends alone look at it.
    exposure: Option<CustomExposure>,
    /// What every event must pass besides.
    filter: Filter,
}

impl<'a> Asked<'a> {
    fn legacy(role: MetricRole, metric: &'a Metric, experiment: &Experiment) -> Result<Self> {
        let exposure = match metric {
            Metric::Trend(_) => experiment.custom_exposure()?,
            Metric::Funnel(_) => None,
        };
        Ok(Self { semantics: Semantics::Compatible, role, metric, exposure, filter: Filter::EVERYTHING })
    }
}

/// Compiles the primary metric of an experiment, as of a moment.
///
/// # Errors
/// `NotReady` for a draft (B-6) and before the experiment begins; `Invalid` when the metric or the lab's test-account filters are wrong or not supported.
pub fn compile(experiment: &Experiment, flag: &FeatureFlag, library: &Library, as_of: Timestamp) -> Result<Plan> {
    if !experiment.filters.is_empty() {
        range(experiment, as_of)?;
    }
    let metric = Metric::parse(&experiment.filters)?;
    plan(Asked::legacy(MetricRole::Primary, &metric, experiment)?, experiment, flag, library, as_of)
}

/// Compiles a secondary metric of an experiment, as of a moment.
///
/// # Errors
/// As [`compile`], for the secondary metric.
pub fn compile_secondary(
    secondary: &SecondaryMetric,
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    as_of: Timestamp,
) -> Result<Plan> {
    range(experiment, as_of)?;
    let metric = secondary.metric()?;
    Asked::legacy(MetricRole::Secondary, &metric, experiment)
        .and_then(|asked| plan(asked, experiment, flag, library, as_of))
        .map_err(|error| secondary.located(error))
}

/// Compiles a metric given as a query node, as of a moment (Q-N1 to Q-N5).
///
/// # Errors
/// As [`compile`].
pub fn compile_query_node(
    node: &QueryNode,
    role: MetricRole,
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    as_of: Timestamp,
) -> Result<Plan> {
    let (exposure, filter) = (node.exposure.clone(), node.filter.clone());
    let asked = Asked { semantics: Semantics::QueryNode, role, metric: &node.metric, exposure, filter };
    plan(asked, experiment, flag, library, as_of)
}

/// Plans who is exposed to an experiment, as of a moment, by the definition its results use (B-27).
///
/// # Errors
/// As [`compile`]; but an experiment without a metric has exposures, too.
pub fn exposures(
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    as_of: Timestamp,
) -> Result<ExposurePlan> {
    let range = range(experiment, as_of)?;
    let library = &library.at(as_of);
    let metric = if experiment.filters.is_empty() { None } else { Some(Metric::parse(&experiment.filters)?) };
    let filter_test_accounts = metric.as_ref().is_some_and(Metric::filter_test_accounts);
    let population = Population::new(experiment, flag, library, range, filter_test_accounts)?;
    let custom = experiment.custom_exposure()?;
    let exposure = match &metric {
        Some(Metric::Trend(trend)) => Exposure::of_trend(trend, custom.as_ref(), &population, library)?,
        Some(Metric::Funnel(_)) | None => Exposure::of_experiment(custom.as_ref(), &population, library)?,
    };
    Ok(ExposurePlan { population, exposure })
}

fn plan(
    asked: Asked<'_>,
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    as_of: Timestamp,
) -> Result<Plan> {
    let Asked { semantics, role, metric, exposure, filter } = asked;
    let statistics = Statistics::of(experiment)?;
    let library = &library.at(as_of);
    let range = range(experiment, as_of)?;
    let mut population = Population::new(experiment, flag, library, range, metric.filter_test_accounts())?;
    population.filter = both(population.filter, Condition::of(&filter, library)?);
    let measure = match metric {
        Metric::Trend(trend) => {
            Measure::Trend(Box::new(TrendMeasure::new(trend, exposure.as_ref(), &population, library)?))
        }
        Metric::Funnel(funnel) => {
            population.unit = Unit::of_funnel(funnel, &library.settings);
            Measure::Funnel(FunnelMeasure::new(funnel, library)?)
        }
    };
    Ok(Plan { semantics, role, population, measure, statistics })
}

/// When an experiment is looked at, as of a moment.
fn range(experiment: &Experiment, as_of: Timestamp) -> Result<TimeRange> {
    let start = experiment.start_date.ok_or_else(no_start)?;
    if as_of < start {
        return Err(Error::not_ready(format!("the experiment begins on {start}, which is after {as_of}"))
            .hint("ask for results once it has begun, or for a later moment"));
    }
    Ok(TimeRange::new(start, experiment.end_date, as_of))
}

fn no_start() -> Error {
    Error::not_ready("Experiment does not have a start date").hint("launch it first: `abduck experiment launch KEY`")
}
