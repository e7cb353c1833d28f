//! What is computed of exposed units: the modern metrics (query rules M-).

use jiff::Timestamp;
use serde::Serialize;

use super::exposure::test_accounts;
use super::{
    BASELINE, Buckets, Condition, EventMatch, Library, MetricRole, Plan, Population, Semantics, Statistics, TimeRange,
    Unit,
};
use super::{Measure, no_start};
use crate::error::{Error, Result};
use crate::model::entity::{Entity, EntitySource};
use crate::model::experiment::Experiment;
use crate::model::experiment_metric::{
    Aggregation, ExperimentMetric, Goal, Measured, Outliers, QuantileOf, Retention, Source, SourceKind, Span, SpanUnit,
    StartHandling, TableSource, ValueOf,
};
use crate::model::exposure_criteria::{ExposureConfig, ExposureCriteria, SeveralVariants};
use crate::model::flag::FeatureFlag;
use crate::model::metric::{FunnelOrder, Interval};

/// A value per exposed unit, summed up per variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitMeasure {
    /// The events that say that a unit was exposed (M-10).
    pub exposure: EventMatch,
    /// The property of such an event that names the variant (M-10).
    pub variant_property: String,
    /// What becomes of units that were exposed to several variants (M-13).
    pub several_variants: SeveralVariants,
    /// What is read besides exposures.
    pub sources: Vec<SourceMeasure>,
    /// How a unit's value comes about.
    pub value: UnitValue,
    /// How extreme values are clamped: those of the value, or of a ratio's numerator (M-23, M-41).
    pub outliers: Outliers,
    /// How extreme values of a ratio's denominator are clamped.
    pub denominator_outliers: Outliers,
    /// Which events of a unit count.
    pub window: EventWindow,
    /// How long before the first exposure the covariate reaches back; without it there is none (M-61).
    pub covariate_microseconds: Option<i64>,
    /// Properties of the first exposure that the result is broken down by (M-60).
    pub breakdowns: Vec<String>,
    /// The last instant of a first exposure whose window has passed; without it, all units count (M-15).
    pub matured_by_microseconds: Option<i64>,
    /// How long after an exposure the metric looks: the conversion window and the retention.
    pub reach_microseconds: i64,
    /// The days of the lab's timezone that the events lie in.
    pub days: Buckets,
    /// The range of all events that are read.
    pub scanned: TimeRange,
}

/// The bit of an event's roles that marks those of the lab's test accounts, where these are read at all. Bit 0 marks exposures
/// and bit i + 1 source i, so there are at most 30 sources.
pub const TEST_ACCOUNT_ROLE: u32 = 1 << 31;

/// Something that is read from events or rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceMeasure {
    /// Which.
    pub origin: Origin,
    /// How the values of one unit are put together.
    pub aggregation: Aggregation,
    /// What is taken from each.
    pub value: ValueOf,
}

/// Events, or rows of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Events.
    Events(EventMatch),
    /// Rows of a table of the lab.
    Table(TableSource),
}

/// How a unit's value comes about; sources are named by their position.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitValue {
    /// 1: that it was exposed is all that counts.
    Exposure,
    /// The aggregate of the first source (M-20).
    Mean,
    /// The aggregate of the first source, and of the second as the denominator (M-40).
    Ratio,
    /// 1 if all steps were done, else 0; the sources are the steps, then the exclusions (M-30).
    Funnel(SequenceRules),
    /// 1 if the unit came back, of units that began: the first source begins, the second is coming back (M-50).
    Retention(RetentionRules),
    /// Of the first source, a quantile.
    Quantile {
        /// Which, between 0 and 1.
        level: f64,
        /// Of units or of events.
        of: QuantileOf,
    },
    /// Seconds from the first exposure to the last step, of units that got there; the sources are the steps.
    TimeToConvert(SequenceRules),
}

/// The steps of a modern funnel; step 0 is the exposure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SequenceRules {
    /// The number of steps after the exposure.
    pub steps: usize,
    /// How they follow on each other.
    pub order: FunnelOrder,
    /// From which step to which something must not happen, in the order of the sources after the steps (M-34).
    pub exclusions: Vec<(usize, usize)>,
}

/// When a unit came back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RetentionRules {
    /// Which of several starts counts (M-51).
    pub start_handling: StartHandling,
    /// The first period after the start that counts.
    pub first_period: i64,
    /// The last period after the start that counts.
    pub last_period: i64,
    /// How periods are counted.
    pub period: Period,
    /// The last instant that counts, in microseconds since 1970 UTC (M-53).
    pub until_microseconds: i64,
}

/// How the periods of a retention are counted (M-52).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// By the calendar: the buckets of the timezone that the start and the return lie in.
    Calendar(Buckets),
    /// By the clock, from the start on.
    Exact {
        /// The length of a period.
        microseconds: i64,
    },
}

/// Which events of a unit count, by their time (M-21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EventWindow {
    /// How long after the first exposure events begin to count.
    pub delay_microseconds: i64,
    /// How long after an exposure they count; without it, until the experiment ends.
    pub conversion_microseconds: Option<i64>,
    /// How much of the experiment's last time counts; without it, all.
    pub lookback_microseconds: Option<i64>,
}

/// Compiles a modern metric of an experiment, as of a moment.
///
/// # Errors
/// `NotReady` for a draft and before the experiment begins; `Invalid` when an action does not exist, or a filter or the
/// exposure criteria are wrong.
pub fn compile_metric(
    metric: &ExperimentMetric,
    role: MetricRole,
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    as_of: Timestamp,
) -> Result<Plan> {
    let library = &library.at(as_of);
    let criteria = ExposureCriteria::of(experiment)?;
    let range = range(experiment, as_of)?;
    let population = population(&criteria, experiment, flag, library, range)?;
    let (exposure, variant_property) = exposure(&criteria, &population, library)?;
    let reach = Reach::of(metric);
    let end = range.until_microseconds - 1;
    let covariate_microseconds = covariate(metric, experiment)?;
    let scanned = TimeRange {
        from_microseconds: range.from_microseconds.saturating_sub(covariate_microseconds.unwrap_or(0)),
        until_microseconds: end.saturating_add(reach.total()).min(as_of.as_microsecond()).saturating_add(1),
    };
    let matured = criteria.only_count_matured_users && reach.total() > 0;
    let (value, sources) = value(metric, library, scanned, end.saturating_add(reach.total()))?;
    let (outliers, denominator_outliers) = outliers(&metric.measured);
    let measure = UnitMeasure {
        exposure,
        variant_property,
        several_variants: criteria.several_variants,
        sources,
        value,
        outliers,
        denominator_outliers,
        window: EventWindow {
            delay_microseconds: metric.window.delay.map_or(0, Span::microseconds),
            conversion_microseconds: metric.window.conversion.map(Span::microseconds),
            lookback_microseconds: metric.window.lookback.map(Span::microseconds),
        },
        covariate_microseconds,
        breakdowns: metric.breakdowns.clone(),
        matured_by_microseconds: matured.then(|| as_of.as_microsecond().saturating_sub(reach.total())),
        reach_microseconds: reach.total(),
        days: Buckets::cover(range, Interval::Day, &library.settings)?,
        scanned,
    };
    let lower_is_better = metric.goal == Goal::Decrease;
    let statistics = Statistics { lower_is_better, ..Statistics::of(experiment)? };
    let measure = Measure::Units(Box::new(measure));
    Ok(Plan { semantics: Semantics::Modern, role, population, measure, statistics })
}

/// Plans who is exposed to an experiment by the modern rules, and to which variants (M-10 to M-14).
///
/// # Errors
/// As [`compile_metric`].
pub fn compile_exposure_view(
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    as_of: Timestamp,
) -> Result<Plan> {
    let library = &library.at(as_of);
    let criteria = ExposureCriteria::of(experiment)?;
    let range = range(experiment, as_of)?;
    let population = population(&criteria, experiment, flag, library, range)?;
    let (exposure, variant_property) = exposure(&criteria, &population, library)?;
    let measure = UnitMeasure {
        exposure,
        variant_property,
        several_variants: criteria.several_variants,
        sources: Vec::new(),
        value: UnitValue::Exposure,
        outliers: Outliers::default(),
        denominator_outliers: Outliers::default(),
        window: EventWindow { delay_microseconds: 0, conversion_microseconds: None, lookback_microseconds: None },
        covariate_microseconds: None,
        breakdowns: Vec::new(),
        matured_by_microseconds: None,
        reach_microseconds: 0,
        days: Buckets::cover(range, Interval::Day, &library.settings)?,
        scanned: range,
    };
    let measure = Measure::Units(Box::new(measure));
    let statistics = Statistics::default();
    Ok(Plan { semantics: Semantics::Modern, role: MetricRole::Primary, population, measure, statistics })
}

/// How far after the end of the experiment a metric looks.
struct Reach {
    conversion: i64,
    retention: i64,
}

impl Reach {
    fn of(metric: &ExperimentMetric) -> Self {
        let retention = match &metric.measured {
            Measured::Retention(retention) => retention.unit.microseconds().saturating_mul(retention.window_end),
            _ => 0,
        };
        Self { conversion: metric.window.conversion.map_or(0, Span::microseconds), retention }
    }

    fn total(&self) -> i64 {
        self.conversion.saturating_add(self.retention)
    }
}

/// When units are exposed: from the start to the end, both inside and exact (M-11).
fn range(experiment: &Experiment, as_of: Timestamp) -> Result<TimeRange> {
    let start = experiment.start_date.ok_or_else(no_start)?;
    if as_of < start {
        return Err(Error::not_ready(format!("the experiment begins on {start}, which is after {as_of}"))
            .hint("ask for results once it has begun, or for a later moment"));
    }
    let end = experiment.end_date.map_or(as_of, |end| end.min(as_of));
    Ok(TimeRange { from_microseconds: start.as_microsecond(), until_microseconds: end.as_microsecond() + 1 })
}

fn population(
    criteria: &ExposureCriteria,
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    range: TimeRange,
) -> Result<Population> {
    let filter = test_accounts(criteria.filter_test_accounts, library)?;
    let mut population = Population { range, filter, ..Population::new(experiment, flag, library, range, false)? };
    population.variants.retain(|key| !criteria.excluded_variants.contains(key) || key == BASELINE);
    population.unit = match flag.filters.aggregation_group_type_index {
        Some(group_type_index) => Unit::Group { group_type_index },
        None if library.settings.aggregate_users_by_distinct_id => Unit::DistinctId,
        None => Unit::Person,
    };
    Ok(population)
}

/// The exposure event and the property that holds its variant (M-10).
fn exposure(criteria: &ExposureCriteria, population: &Population, library: &Library) -> Result<(EventMatch, String)> {
    match &criteria.config {
        ExposureConfig::Flag => {
            let is_flag = Condition::property_is("$feature_flag", &population.feature_flag_key);
            let matching = EventMatch::event(Some("$feature_flag_called"), is_flag);
            Ok((matching, "$feature_flag_response".to_owned()))
        }
        ExposureConfig::Custom(entity) => {
            let matching = events(entity, "exposure_criteria.exposure_config", library)?;
            let is_flag_event = entity.source == EntitySource::Event("$feature_flag_called".to_owned());
            let property =
                if is_flag_event { "$feature_flag_response".to_owned() } else { population.variant_property() };
            Ok((matching, property))
        }
    }
}

fn events(entity: &Entity, place: &str, library: &Library) -> Result<EventMatch> {
    EventMatch::of(entity, library)?.ok_or_else(|| {
        let id = if let EntitySource::Action(id) = entity.source { id } else { 0 };
        Error::invalid_field(place, "does_not_exist", format!("the action {id} does not exist"))
            .hint("create it, or choose another event")
    })
}

fn source(source: &Source, library: &Library) -> Result<SourceMeasure> {
    let origin = match &source.kind {
        SourceKind::Entity(entity) => Origin::Events(events(entity, "metric", library)?),
        SourceKind::Table(table) => Origin::Table(table.clone()),
    };
    Ok(SourceMeasure { origin, aggregation: source.aggregation, value: source.value.clone() })
}

/// A step counts because it happens; what its math says does not matter.
fn step(given: &Source, library: &Library) -> Result<SourceMeasure> {
    Ok(SourceMeasure { aggregation: Aggregation::Any, value: ValueOf::Nothing, ..source(given, library)? })
}

fn value(
    metric: &ExperimentMetric,
    library: &Library,
    scanned: TimeRange,
    until: i64,
) -> Result<(UnitValue, Vec<SourceMeasure>)> {
    let steps = |steps: &[Source]| steps.iter().map(|given| step(given, library)).collect::<Result<Vec<_>>>();
    Ok(match &metric.measured {
        Measured::Mean { source: given, .. } => (UnitValue::Mean, vec![source(given, library)?]),
        Measured::Ratio { numerator, denominator, .. } => {
            (UnitValue::Ratio, vec![source(numerator, library)?, source(denominator, library)?])
        }
        Measured::Funnel { steps: given, order, exclusions } => {
            let mut sources = steps(given)?;
            for exclusion in exclusions {
                sources.push(step(&exclusion.source, library)?);
            }
            let between = exclusions.iter().map(|exclusion| (exclusion.from_step, exclusion.to_step)).collect();
            (UnitValue::Funnel(SequenceRules { steps: given.len(), order: *order, exclusions: between }), sources)
        }
        Measured::Retention(retention) => {
            let rules = retention_rules(retention, library, scanned, until)?;
            (UnitValue::Retention(rules), vec![step(&retention.start, library)?, step(&retention.completion, library)?])
        }
        Measured::Quantile { source: given, level, of } => {
            (UnitValue::Quantile { level: *level, of: *of }, vec![source(given, library)?])
        }
        Measured::TimeToConvert { steps: given } => {
            let rules = SequenceRules { steps: given.len(), order: FunnelOrder::Ordered, exclusions: Vec::new() };
            (UnitValue::TimeToConvert(rules), steps(given)?)
        }
    })
}

/// Days and hours are those of the lab's timezone, other units run from the start on (M-52).
fn retention_rules(
    retention: &Retention,
    library: &Library,
    scanned: TimeRange,
    until_microseconds: i64,
) -> Result<RetentionRules> {
    let calendar = |interval| Buckets::cover(scanned, interval, &library.settings).map(Period::Calendar);
    let period = match retention.unit {
        SpanUnit::Day => calendar(Interval::Day)?,
        SpanUnit::Hour => calendar(Interval::Hour)?,
        unit => Period::Exact { microseconds: unit.microseconds() },
    };
    Ok(RetentionRules {
        start_handling: retention.start_handling,
        first_period: retention.window_start,
        last_period: retention.window_end,
        period,
        until_microseconds,
    })
}

fn outliers(measured: &Measured) -> (Outliers, Outliers) {
    match measured {
        Measured::Mean { outliers, .. } => (*outliers, Outliers::default()),
        Measured::Ratio { numerator_outliers, denominator_outliers, .. } => {
            (*numerator_outliers, *denominator_outliers)
        }
        _ => (Outliers::default(), Outliers::default()),
    }
}

/// How far the covariate reaches back, if the experiment wants one and the metric has one (M-61).
fn covariate(metric: &ExperimentMetric, experiment: &Experiment) -> Result<Option<i64>> {
    let days = experiment.covariate_lookback_days()?;
    let has_one = matches!(metric.measured, Measured::Mean { .. } | Measured::Funnel { .. });
    Ok(days.filter(|_| has_one).map(|days| days * SpanUnit::Day.microseconds()))
}
