//! Until when something counts.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::metric::{ConversionWindow, WindowUnit};

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

impl Deadline {
    pub(in crate::plan) fn new(window: ConversionWindow, timezone: &TimeZone) -> Result<Self> {
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
