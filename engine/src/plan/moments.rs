//! For which moments a course of results is computed.

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::model::metric::Interval;
use crate::model::settings::LabSettings;
use crate::plan::{Buckets, TimeRange};

/// The last second of each interval of the lab's timezone, from the one that holds `start` on, and `until` in place of the
/// one that holds it; none when `until` is before `start`.
///
/// Both bounds of results are whole seconds and inside (Q-D1), so the last second is what ends an interval.
///
/// # Errors
/// `Invalid` when there would be more than 50,000.
///
/// ```
/// use abduck::model::{metric::Interval, settings::LabSettings};
/// use abduck::plan::interval_ends;
///
/// let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
/// let start = at("2024-01-01T10:00:00Z");
/// let ends = interval_ends(start, at("2024-01-02T15:00:00Z"), Interval::Day, &LabSettings::default())?;
/// assert_eq!(ends, [at("2024-01-01T23:59:59Z"), at("2024-01-02T15:00:00Z")]);
/// # Ok::<(), abduck::Error>(())
/// ```
pub fn interval_ends(
    start: Timestamp,
    until: Timestamp,
    interval: Interval,
    settings: &LabSettings,
) -> Result<Vec<Timestamp>> {
    if until < start {
        return Ok(Vec::new());
    }
    let range = TimeRange {
        from_microseconds: start.as_microsecond(),
        until_microseconds: until.as_microsecond().saturating_add(1),
    };
    let buckets = Buckets::cover(range, interval, settings)?;
    let last_second = |begin: &i64| Timestamp::from_microsecond(begin - 1_000_000);
    let ends: Vec<_> = buckets.begin_microseconds[1..]
        .iter()
        .map(last_second)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::invalid(format!("the experiment lies outside of the calendar: {error}")))?;
    let mut moments: Vec<_> = ends.into_iter().filter(|end| (start..until).contains(end)).collect();
    moments.push(until);
    Ok(moments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::{WeekStart, time_zone};

    fn ends(start: &str, until: &str, interval: Interval, settings: &LabSettings) -> Vec<String> {
        let at = |text: &str| text.parse().unwrap();
        let ends = interval_ends(at(start), at(until), interval, settings).unwrap();
        ends.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn days_end_where_the_lab_is() {
        // The clock goes forward on the 31st, so that day has 23 hours.
        let settings = LabSettings { timezone: time_zone("Europe/Berlin").unwrap(), ..LabSettings::default() };
        assert_eq!(
            ends("2024-03-30T05:00:00Z", "2024-04-01T12:00:00.5Z", Interval::Day, &settings),
            ["2024-03-30T22:59:59Z", "2024-03-31T21:59:59Z", "2024-04-01T12:00:00.5Z"]
        );
    }

    #[test]
    fn weeks_begin_on_the_labs_day() {
        let monday = LabSettings { week_start_day: WeekStart::Monday, ..LabSettings::default() };
        let week = |settings| ends("2024-01-03T00:00:00Z", "2024-01-15T00:00:00Z", Interval::Week, settings);
        assert_eq!(week(&monday), ["2024-01-07T23:59:59Z", "2024-01-14T23:59:59Z", "2024-01-15T00:00:00Z"]);
        assert_eq!(
            week(&LabSettings::default()),
            ["2024-01-06T23:59:59Z", "2024-01-13T23:59:59Z", "2024-01-15T00:00:00Z"]
        );
    }

    #[test]
    fn the_last_moment_stands_for_its_interval() {
        let day = |start, until| ends(start, until, Interval::Day, &LabSettings::default());
        assert_eq!(day("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"), ["2024-01-01T00:00:00Z"]);
        assert_eq!(day("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z"), ["2024-01-01T23:59:59Z"]);
        assert_eq!(day("2024-01-01T23:59:59.5Z", "2024-01-02T00:00:00Z"), ["2024-01-02T00:00:00Z"]);
        assert!(day("2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z").is_empty());
    }
}
