//! The types of modern metrics.

use serde::Serialize;

use super::outliers::{self, Outliers};
use super::source::{Aggregation, Source};
use super::span::{Span, SpanUnit, UNITS};
use crate::error::{Error, Result};
use crate::model::fields::{Fields, invalid};
use crate::model::metric::FunnelOrder;

/// What a modern metric measures of each exposed unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// A number (M-20).
    Mean {
        /// Where the number comes from.
        source: Source,
        /// How extreme numbers are clamped.
        outliers: Outliers,
    },
    /// Whether it went through a sequence of steps after its exposure (M-30).
    Funnel {
        /// The steps after the exposure, 1 to 30.
        steps: Vec<Source>,
        /// How the steps follow on each other (M-31).
        order: FunnelOrder,
        /// What must not happen in between (M-34).
        exclusions: Vec<Exclusion>,
    },
    /// Two numbers, whose sums are divided (M-40).
    Ratio {
        /// The upper number.
        numerator: Source,
        /// The lower number.
        denominator: Source,
        /// How extreme upper numbers are clamped (M-41).
        numerator_outliers: Outliers,
        /// How extreme lower numbers are clamped.
        denominator_outliers: Outliers,
    },
    /// Whether it came back after it began (M-50).
    Retention(Retention),
    /// A number or the single values of its events, of which a quantile is compared.
    Quantile {
        /// Where the values come from.
        source: Source,
        /// Which quantile, between 0 and 1.
        level: f64,
        /// Of what.
        of: QuantileOf,
    },
    /// How long it took from the first exposure to the end of the steps, in seconds, of units that got there.
    TimeToConvert {
        /// The steps after the exposure, 1 to 30.
        steps: Vec<Source>,
    },
}

impl Measured {
    /// Whether it is how many events each unit has, as they are.
    #[must_use]
    pub fn counts_events(&self) -> bool {
        let Self::Mean { source, outliers } = self else { return false };
        source.aggregation == Aggregation::Total
            && outliers.lower_percentile.is_none()
            && outliers.upper_percentile.is_none()
    }
}

/// Something that must not happen between two steps; step 0 is the exposure (M-34).
#[derive(Clone, Debug, PartialEq)]
pub struct Exclusion {
    /// What must not happen.
    pub source: Source,
    /// The step after which it must not happen.
    pub from_step: usize,
    /// The step before which it must not happen.
    pub to_step: usize,
}

/// Of those who did one thing, who did another some time later (M-50 to M-53).
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// What begins it.
    pub start: Source,
    /// What counts as coming back.
    pub completion: Source,
    /// The first period that counts, from 0.
    pub window_start: i64,
    /// The last period that counts.
    pub window_end: i64,
    /// The length of a period.
    pub unit: SpanUnit,
    /// Which of several starts it is measured from (M-51).
    pub start_handling: StartHandling,
}

/// Which of several starts counts (M-51).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StartHandling {
    /// The earliest.
    #[default]
    FirstSeen,
    /// The latest.
    LastSeen,
}

/// Of what a quantile is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantileOf {
    /// Of one value per unit.
    #[default]
    Unit,
    /// Of all events of all units; the uncertainty still counts units.
    Event,
}

#[derive(Clone, Copy)]
enum MetricType {
    Mean,
    Funnel,
    Ratio,
    Retention,
    Quantile,
    TimeToConvert,
}

const TYPES: [(&str, MetricType); 6] = [
    ("mean", MetricType::Mean),
    ("funnel", MetricType::Funnel),
    ("ratio", MetricType::Ratio),
    ("retention", MetricType::Retention),
    ("quantile", MetricType::Quantile),
    ("time_to_convert", MetricType::TimeToConvert),
];

const ORDERS: [(&str, FunnelOrder); 3] =
    [("ordered", FunnelOrder::Ordered), ("strict", FunnelOrder::Strict), ("unordered", FunnelOrder::Unordered)];

const MEAN: [&str; 5] = ["source", outliers::KEYS[0], outliers::KEYS[1], outliers::KEYS[2], outliers::KEYS[3]];

const RETENTION: [&str; 6] = [
    "start_event",
    "completion_event",
    "retention_window_start",
    "retention_window_end",
    "retention_window_unit",
    "start_handling",
];

/// The most sources of a metric: the steps of a funnel and its exclusions together.
pub(super) const SOURCES_MAX: usize = 30;

/// The longest retention: a century of days.
const PERIODS_MAX: i64 = 36_500;

/// What a metric measures, and the keys that its type has of its own.
pub(super) fn read(fields: &Fields<'_>) -> Result<(Measured, &'static [&'static str])> {
    let metric_type = fields.choice("metric_type", &TYPES)?.ok_or_else(|| {
        let names: Vec<_> = TYPES.iter().map(|(name, _)| *name).collect();
        invalid(&fields.at("metric_type"), "is missing").hint(format!("choose one of: {}", names.join(", ")))
    })?;
    Ok(match metric_type {
        MetricType::Mean => {
            (Measured::Mean { source: source(fields, "source")?, outliers: Outliers::read(fields)? }, &MEAN)
        }
        MetricType::Funnel => (funnel(fields)?, &["series", "funnel_order_type", "exclusions"]),
        MetricType::Ratio => (
            ratio(fields)?,
            &["numerator", "denominator", "numerator_outlier_handling", "denominator_outlier_handling"],
        ),
        MetricType::Retention => (Measured::Retention(retention(fields)?), &RETENTION),
        MetricType::Quantile => (quantile(fields)?, &["source", "quantile", "quantile_of"]),
        MetricType::TimeToConvert => (Measured::TimeToConvert { steps: steps(fields)? }, &["series"]),
    })
}

fn source(fields: &Fields<'_>, key: &'static str) -> Result<Source> {
    Source::read(&fields.required_object(key)?)
}

fn funnel(fields: &Fields<'_>) -> Result<Measured> {
    let steps = steps(fields)?;
    let exclusion = |fields: &Fields<'_>| exclusion(fields, steps.len());
    let exclusions = fields.objects("exclusions")?.iter().map(exclusion).collect::<Result<Vec<_>>>()?;
    if steps.len() + exclusions.len() > SOURCES_MAX {
        let message = format!("a funnel has at most {SOURCES_MAX} steps and exclusions together");
        return Err(invalid(&fields.at("exclusions"), message));
    }
    let order = fields.choice("funnel_order_type", &ORDERS)?.unwrap_or_default();
    let is_partial = |exclusion: &Exclusion| exclusion.from_step != 0 || exclusion.to_step != steps.len();
    if order == FunnelOrder::Unordered && exclusions.iter().any(is_partial) {
        // Q-E5
        return Err(invalid(&fields.at("exclusions"), "Partial Exclusions not allowed in unordered funnels"));
    }
    Ok(Measured::Funnel { steps, order, exclusions })
}

fn steps(fields: &Fields<'_>) -> Result<Vec<Source>> {
    let steps = fields.objects("series")?.iter().map(Source::read).collect::<Result<Vec<_>>>()?;
    if steps.is_empty() || steps.len() > SOURCES_MAX {
        let message = format!("a funnel has 1 to {SOURCES_MAX} steps after the exposure, this one has {}", steps.len());
        return Err(invalid(&fields.at("series"), message));
    }
    Ok(steps)
}

fn exclusion(fields: &Fields<'_>, steps: usize) -> Result<Exclusion> {
    let last = i64::try_from(steps).unwrap_or(i64::MAX);
    let step = |camel: &str, snake: &str| {
        let key = if fields.get(camel).is_some() { camel } else { snake };
        let step = fields.integer(key, 0, last)?.and_then(|step| usize::try_from(step).ok());
        step.ok_or_else(|| invalid(&fields.at(camel), format!("is missing: a step from 0, the exposure, to {steps}")))
    };
    let from_step = step("funnelFromStep", "funnel_from_step")?;
    let to_step = step("funnelToStep", "funnel_to_step")?;
    if from_step >= to_step {
        let message = "Exclusion event range is invalid. End of range should be greater than start.";
        return Err(invalid(&fields.place, message));
    }
    Ok(Exclusion { source: Source::read(fields)?, from_step, to_step })
}

fn ratio(fields: &Fields<'_>) -> Result<Measured> {
    let clamped = |key: &'static str| match fields.object(key)? {
        None => Ok(Outliers::default()),
        Some(inner) => {
            inner.refuse_unknown(&outliers::KEYS)?;
            Outliers::read(&inner)
        }
    };
    Ok(Measured::Ratio {
        numerator: source(fields, "numerator")?,
        denominator: source(fields, "denominator")?,
        numerator_outliers: clamped("numerator_outlier_handling")?,
        denominator_outliers: clamped("denominator_outlier_handling")?,
    })
}

fn retention(fields: &Fields<'_>) -> Result<Retention> {
    let period = |key: &'static str| {
        fields.integer(key, 0, PERIODS_MAX)?.ok_or_else(|| invalid(&fields.at(key), "is missing: a number of periods"))
    };
    let (window_start, window_end) = (period(RETENTION[2])?, period(RETENTION[3])?);
    if window_start > window_end {
        let message = format!("the window ends ({window_end}) before it begins ({window_start})");
        return Err(invalid(&fields.at(RETENTION[3]), message));
    }
    let handlings = [("first_seen", StartHandling::FirstSeen), ("last_seen", StartHandling::LastSeen)];
    Ok(Retention {
        start: source(fields, RETENTION[0])?,
        completion: source(fields, RETENTION[1])?,
        window_start,
        window_end,
        unit: fields.choice(RETENTION[4], &UNITS)?.unwrap_or(SpanUnit::Day),
        start_handling: fields.choice(RETENTION[5], &handlings)?.unwrap_or_default(),
    })
}

fn quantile(fields: &Fields<'_>) -> Result<Measured> {
    let level = fields.number("quantile", 0.0, 1.0)?.filter(|level| *level > 0.0 && *level < 1.0);
    let level = level.ok_or_else(|| invalid(&fields.at("quantile"), "a quantile lies between 0 and 1, such as 0.9"))?;
    let of =
        fields.choice("quantile_of", &[("unit", QuantileOf::Unit), ("event", QuantileOf::Event)])?.unwrap_or_default();
    let source = source(fields, "source")?;
    if of == QuantileOf::Event
        && matches!(source.value, super::ValueOf::Nothing | super::ValueOf::Session | super::ValueOf::Group(_))
    {
        return Err(Error::invalid_field(
            fields.at("source"),
            "invalid_input",
            "a quantile of events needs a number of each",
        )
        .hint("give the source a math such as sum with a math_property"));
    }
    Ok(Measured::Quantile { source, level, of })
}

/// How long a retention looks after its start, in microseconds: to the end of its last period.
impl Retention {
    /// The time from the start to the end of the last period that counts, in microseconds.
    #[must_use]
    pub fn microseconds(&self) -> i64 {
        Span { length: self.window_end + 1, unit: self.unit }.microseconds()
    }
}
