//! What is computed from the events of a population.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::experiment::Experiment;
use crate::model::filter::Filter;
use crate::model::metric::{ConversionWindow, Entity, FunnelMetric, TrendMetric, WindowUnit};
use crate::model::settings::LabSettings;
use crate::plan::Buckets;

/// What is computed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Events per variant, and exposed persons per variant.
    Trend(TrendMeasure),
    /// Persons per variant and step.
    Funnel(FunnelMeasure),
}

/// A condition on single events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventMatch {
    /// The event's name; `None` is every event (Q-A3).
    pub event: Option<String>,
    /// What its properties must pass.
    pub filter: Filter,
}

/// The number of events per variant and bucket, with the default exposure (Q-T1, Q-T3, Q-X1).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendMeasure {
    /// The events that count.
    pub counted: EventMatch,
    /// The buckets of the series.
    pub buckets: Buckets,
}

/// An ordered funnel with first-touch attribution (Q-F1 to Q-F9).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelMeasure {
    /// The steps in order.
    pub steps: Vec<EventMatch>,
    /// For each step, a bit for each earlier step that it may not share an instant with (Q-F9).
    pub never_with: Vec<u32>,
    /// Until when a funnel entered at some instant may be completed (Q-F4).
    pub deadline: Deadline,
}

/// Until when a funnel may be completed, given when it was entered.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deadline {
    /// A fixed number of microseconds later.
    After {
        /// The length of the window.
        microseconds: i64,
    },
    /// The same time of day a number of calendar months later, in a timezone.
    AfterMonths {
        /// The number of months.
        months: u32,
        /// The IANA name of the timezone.
        timezone: String,
    },
}

impl From<&Entity> for EventMatch {
    fn from(entity: &Entity) -> Self {
        Self { event: entity.event.clone(), filter: entity.filter.clone() }
    }
}

impl TrendMeasure {
    pub(super) fn new(metric: &TrendMetric, buckets: Buckets) -> Self {
        Self { counted: EventMatch::from(&metric.entity), buckets }
    }
}

impl FunnelMeasure {
    pub(super) fn new(metric: &FunnelMetric, settings: &LabSettings) -> Result<Self> {
        let never_with = metric.steps.iter().enumerate().map(|(index, step)| {
            let earlier = metric.steps[..index].iter().enumerate();
            earlier.filter(|(_, before)| step.covers(before)).fold(0, |bits, (earlier, _)| bits | (1 << earlier))
        });
        Ok(Self {
            steps: metric.steps.iter().map(EventMatch::from).collect(),
            never_with: never_with.collect(),
            deadline: Deadline::new(metric.window, &settings.timezone)?,
        })
    }
}

impl Deadline {
    fn new(window: ConversionWindow, timezone: &TimeZone) -> Result<Self> {
        let seconds = match window.unit {
            WindowUnit::Second => 1,
            WindowUnit::Minute => 60,
            WindowUnit::Hour => 3_600,
            WindowUnit::Day => 86_400,
            WindowUnit::Week => 604_800,
            WindowUnit::Month => {
                let name = timezone.iana_name().ok_or_else(|| Error::bug("the lab's timezone has no name"))?;
                return Ok(Self::AfterMonths { months: window.length, timezone: name.to_owned() });
            }
        };
        Ok(Self::After { microseconds: i64::from(window.length) * seconds * 1_000_000 })
    }

    /// The rule as a function from entry to last allowed instant, both in microseconds since 1970 UTC.
    ///
    /// # Errors
    /// `Invalid` when the timezone is unknown.
    pub fn rule(&self) -> Result<impl Fn(i64) -> i64 + use<>> {
        let (microseconds, months) = match self {
            Self::After { microseconds } => (*microseconds, None),
            Self::AfterMonths { months, timezone } => {
                let zone = TimeZone::get(timezone).map_err(|error| Error::invalid(error.to_string()))?;
                (0, Some((i64::from(*months), zone)))
            }
        };
        Ok(move |entered: i64| match &months {
            None => entered.saturating_add(microseconds),
            Some((months, zone)) => months_later(entered, *months, zone),
        })
    }
}

/// The same local time some months later; the end of time when that is beyond the calendar.
fn months_later(entered: i64, months: i64, zone: &TimeZone) -> i64 {
    Timestamp::from_microsecond(entered)
        .and_then(|instant| instant.to_zoned(zone.clone()).checked_add(months.months()))
        .map_or(i64::MAX, |later| later.timestamp().as_microsecond())
}

/// Refuses an exposure of the experiment's own: only the default exposure (Q-X1) is built.
pub(super) fn refuse_custom_exposure(experiment: &Experiment) -> Result<()> {
    match experiment.parameters.as_ref().and_then(|parameters| parameters.get("custom_exposure_filter")) {
        None | Some(serde_json::Value::Null) => Ok(()),
        Some(_) => Err(Error::invalid_field(
            "parameters.custom_exposure_filter",
            "unsupported",
            "a custom exposure is not supported yet",
        )
        .hint("leave it out to use the default exposure, $feature_flag_called")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_calendar_months_of_the_timezone() {
        // Q-F4
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
        let rule = Deadline::AfterMonths { months: 1, timezone: "Europe/Berlin".into() }.rule().unwrap();
        assert_eq!(rule(at("2024-01-31T12:00:00Z")), at("2024-02-29T12:00:00Z"));
        // The clock goes forward in between: the same local time is an hour earlier in UTC.
        assert_eq!(rule(at("2024-03-15T12:00:00Z")), at("2024-04-15T11:00:00Z"));
    }
}
