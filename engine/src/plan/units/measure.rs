//! What is computed per unit, from a modern metric.

use jiff::Timestamp;

use super::{EventWindow, Origin, Period, RetentionRules, SequenceRules, SourceMeasure, UnitMeasure, UnitValue};
use crate::error::{Error, Result};
use crate::model::entity::{Entity, EntitySource};
use crate::model::experiment_metric::{
    Aggregation, ExperimentMetric, Measured, Outliers, Retention, Source, SourceKind, Span, SpanUnit, ValueOf,
};
use crate::model::exposure_criteria::SeveralVariants;
use crate::model::metric::{FunnelOrder, Interval};
use crate::plan::{Buckets, EventMatch, Library, TimeRange};

/// Who is exposed, and what is looked at besides.
pub(super) struct Exposed {
    pub(super) exposure: EventMatch,
    pub(super) variant_property: Option<String>,
    pub(super) several_variants: SeveralVariants,
    pub(super) are_mature: bool,
    pub(super) covariate_microseconds: Option<i64>,
}

pub(super) fn measure(
    metric: &ExperimentMetric,
    exposed: Exposed,
    range: TimeRange,
    library: &Library,
    as_of: Timestamp,
) -> Result<UnitMeasure> {
    let Exposed { exposure, variant_property, several_variants, are_mature, covariate_microseconds } = exposed;
    let reach = Reach::of(metric);
    let end = range.until_microseconds - 1;
    let scanned = TimeRange {
        from_microseconds: range.from_microseconds.saturating_sub(covariate_microseconds.unwrap_or(0)),
        until_microseconds: end.saturating_add(reach.total()).min(as_of.as_microsecond()).saturating_add(1),
    };
    let (value, mut sources) = value(metric, library, scanned, end.saturating_add(reach.total()))?;
    let further = metric.covariates.iter().map(|covariate| source(covariate, library)).collect::<Result<Vec<_>>>()?;
    let further_covariates = further.len();
    if further_covariates > 0 && covariate_microseconds.is_none() {
        let message = "the metric names covariates, but none are taken out";
        return Err(Error::invalid_field("metric.covariates", "invalid_input", message)
            .hint("set {\"cuped\": {\"enabled\": true}} in the metric, or in the experiment's stats_config"));
    }
    sources.extend(further);
    let (outliers, denominator_outliers) = outliers(&metric.measured);
    let matured = are_mature && reach.total() > 0;
    Ok(UnitMeasure {
        exposure,
        variant_property,
        several_variants,
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
        further_covariates,
        breakdowns: metric.breakdowns.clone(),
        matured_by_microseconds: matured.then(|| as_of.as_microsecond().saturating_sub(reach.total())),
        reach_microseconds: reach.total(),
        days: Buckets::cover(range, Interval::Day, &library.settings)?,
        scanned,
    })
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

pub(super) fn events(entity: &Entity, place: &str, library: &Library) -> Result<EventMatch> {
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

/// How far the covariate reaches back, if one is wanted and the metric has one (M-61).
pub(super) fn covariate(metric: &ExperimentMetric, days: Option<i64>) -> Option<i64> {
    let has_one = matches!(metric.measured, Measured::Mean { .. } | Measured::Funnel { .. } | Measured::Ratio { .. });
    days.filter(|_| has_one).map(|days| days * SpanUnit::Day.microseconds())
}
