//! The buckets of a series: hours, days, weeks or months of a timezone as instants (Q-T7).

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Unit, Zoned, ZonedRound};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::metric::Interval;
use crate::model::settings::{LabSettings, WeekStart};
use crate::plan::TimeRange;

/// The most buckets of one series: ten years of hours would be more.
const BUCKETS_MAX: usize = 50_000;

/// Buckets that cover a time range, as instants.
///
/// Databases disagree about timezones, so no query sees one: it counts events per *slot* of equal width, and every bucket
/// is a whole number of slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Buckets {
    /// Where each bucket begins, in microseconds since 1970 UTC, ascending; the first holds the range's start, the last
    /// its end.
    pub begin_microseconds: Vec<i64>,
    /// Where the last bucket ends, in microseconds since 1970 UTC.
    pub end_microseconds: i64,
    /// The width of a slot: the largest that divides the distance between any two begins.
    pub slot_microseconds: i64,
    /// The local date or time each bucket begins at, to label it.
    pub labels: Vec<String>,
}

impl Buckets {
    /// The buckets of the lab's timezone that cover a range.
    ///
    /// # Errors
    /// `Invalid` when the range is so long that there would be more than 50,000.
    pub fn cover(range: TimeRange, interval: Interval, settings: &LabSettings) -> Result<Self> {
        let first = local(range.from_microseconds, &settings.timezone)?;
        let mut begin = floor(&first, interval, settings.week_start_day).map_err(|error| out_of_range(&error))?;
        let mut begins = Vec::new();
        let mut labels = Vec::new();
        // An experiment that has not begun yet still has the bucket of its start.
        while begins.is_empty() || begin.timestamp().as_microsecond() < range.until_microseconds {
            if begins.len() == BUCKETS_MAX {
                return Err(Error::invalid(format!("the experiment spans more than {BUCKETS_MAX} intervals"))
                    .hint("choose a wider `interval` in the metric"));
            }
            begins.push(begin.timestamp().as_microsecond());
            labels.push(label(&begin, interval));
            begin = next(&begin, interval).map_err(|error| out_of_range(&error))?;
        }
        let end_microseconds = begin.timestamp().as_microsecond();
        let slot_microseconds = slot(&begins, end_microseconds);
        Ok(Self { begin_microseconds: begins, end_microseconds, slot_microseconds, labels })
    }

    /// The index of the bucket that holds a slot, counted from the first bucket's begin.
    #[must_use]
    pub fn of_slot(&self, slot: i64) -> usize {
        let instant = self.begin_microseconds[0] + slot * self.slot_microseconds;
        self.begin_microseconds.partition_point(|begin| *begin <= instant).saturating_sub(1)
    }

    /// The index of the bucket that holds an instant; the first or the last for what lies outside.
    #[must_use]
    pub fn of_instant(&self, microseconds: i64) -> usize {
        self.begin_microseconds.partition_point(|begin| *begin <= microseconds).saturating_sub(1)
    }

    /// The first slot of each bucket and the first after it; none when every slot is a bucket of its own.
    #[must_use]
    pub fn slots(&self) -> Vec<(i64, i64)> {
        let edges = self.begin_microseconds.iter().chain(std::iter::once(&self.end_microseconds));
        let edges: Vec<i64> = edges.map(|edge| (edge - self.begin_microseconds[0]) / self.slot_microseconds).collect();
        let is_regular = (0_i64..).zip(&edges).all(|(bucket, edge)| bucket == *edge);
        if is_regular { Vec::new() } else { edges.windows(2).map(|pair| (pair[0], pair[1])).collect() }
    }

    /// The number of buckets; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.begin_microseconds.len()
    }
}

fn local(microseconds: i64, timezone: &TimeZone) -> Result<Zoned> {
    let instant = Timestamp::from_microsecond(microseconds).map_err(|error| out_of_range(&error))?;
    Ok(instant.to_zoned(timezone.clone()))
}

fn floor(instant: &Zoned, interval: Interval, week_start: WeekStart) -> Result<Zoned, jiff::Error> {
    let hour = ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Floor);
    match interval {
        Interval::Hour => instant.round(hour),
        Interval::Day => instant.start_of_day(),
        Interval::Week => {
            let days = instant.weekday().since(first_weekday(week_start));
            instant.checked_sub(i64::from(days).days())?.start_of_day()
        }
        Interval::Month => instant.first_of_month()?.start_of_day(),
    }
}

fn first_weekday(week_start: WeekStart) -> Weekday {
    match week_start {
        WeekStart::Sunday => Weekday::Sunday,
        WeekStart::Monday => Weekday::Monday,
    }
}

/// The begin of the next bucket. A day may be 23 or 25 hours long and may lack its midnight.
fn next(begin: &Zoned, interval: Interval) -> Result<Zoned, jiff::Error> {
    match interval {
        Interval::Hour => begin.checked_add(1.hour()),
        Interval::Day => begin.checked_add(1.day())?.start_of_day(),
        Interval::Week => begin.checked_add(1.week())?.start_of_day(),
        Interval::Month => begin.checked_add(1.month())?.start_of_day(),
    }
}

fn label(begin: &Zoned, interval: Interval) -> String {
    match interval {
        Interval::Hour => begin.datetime().to_string(),
        Interval::Day | Interval::Week | Interval::Month => begin.date().to_string(),
    }
}

/// The largest width of which every bucket is a whole number.
fn slot(begins: &[i64], after_last: i64) -> i64 {
    let ends = begins.iter().skip(1).chain(std::iter::once(&after_last));
    ends.zip(begins).fold(0, |width, (end, begin)| greatest_common_divisor(width, end - begin))
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn out_of_range(error: &jiff::Error) -> Error {
    Error::invalid(format!("the dates of the experiment are outside the calendar: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn settings(timezone: TimeZone, week_start_day: WeekStart) -> LabSettings {
        LabSettings { timezone, week_start_day, ..LabSettings::default() }
    }

    fn cover(from: &str, until: &str, interval: Interval, zone: &str) -> Buckets {
        let range = TimeRange { from_microseconds: at(from), until_microseconds: at(until) };
        Buckets::cover(range, interval, &settings(TimeZone::get(zone).unwrap(), WeekStart::Sunday)).unwrap()
    }

    #[test]
    fn days_follow_the_clock_change() {
        // Q-T7: 29 March 2026 has 23 hours in Berlin, 25 October 25.
        let spring = cover("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", Interval::Day, "Europe/Berlin");
        assert_eq!(
            spring.begin_microseconds,
            [at("2026-03-27T23:00:00Z"), at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z")]
        );
        assert_eq!((spring.slot_microseconds, spring.labels[1].as_str()), (3_600_000_000, "2026-03-29"));
        let autumn = cover("2026-10-25T12:00:00Z", "2026-10-26T12:00:00Z", Interval::Day, "Europe/Berlin");
        assert_eq!(autumn.begin_microseconds, [at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z")]);
    }

    #[test]
    fn half_hour_zones_weeks_and_months_begin_locally() {
        let india = cover("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", Interval::Hour, "Asia/Kolkata");
        assert_eq!(india.begin_microseconds[0], at("2023-12-31T23:30:00Z"));
        // 3 January 2024 is a Wednesday; the week began on Sunday, 31 December.
        let week = cover("2024-01-03T00:00:00Z", "2024-01-08T00:00:00Z", Interval::Week, "UTC");
        assert_eq!(week.labels, ["2023-12-31", "2024-01-07"]);
        let month = cover("2024-01-31T00:00:00Z", "2024-03-01T00:00:01Z", Interval::Month, "UTC");
        assert_eq!(month.labels, ["2024-01-01", "2024-02-01", "2024-03-01"]);
    }

    proptest! {
        /// Every slot of the range lies in the bucket that holds its instants, in zones with all kinds of offsets.
        #[test]
        fn slots_never_straddle_buckets(
            from in 0_i64..2_000_000_000, seconds in 0_i64..40_000_000,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca"]),
            interval in prop::sample::select(vec![Interval::Day, Interval::Week, Interval::Month]),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let range = TimeRange { from_microseconds: from * 1_000_000, until_microseconds: (from + seconds + 1) * 1_000_000 };
            let buckets = Buckets::cover(range, interval, &settings(zone.clone(), WeekStart::Monday)).unwrap();
            let first = buckets.begin_microseconds[0];
            prop_assert!(first <= range.from_microseconds);
            prop_assert!(*buckets.begin_microseconds.last().unwrap() < range.until_microseconds);
            for instant in [range.from_microseconds, range.until_microseconds - 1, i64::midpoint(range.from_microseconds, range.until_microseconds)] {
                let slot = (instant - first) / buckets.slot_microseconds;
                let bucket = buckets.of_slot(slot);
                let index = i64::try_from(bucket).unwrap();
                let (begin, end) = buckets.slots().get(bucket).copied().unwrap_or((index, index + 1));
                prop_assert!((begin..end).contains(&slot));
                prop_assert!(buckets.begin_microseconds[bucket] <= instant);
                prop_assert!(buckets.begin_microseconds.get(bucket + 1).is_none_or(|next| instant < *next));
                let date = Timestamp::from_microsecond(instant).unwrap().to_zoned(zone.clone()).date();
                if interval == Interval::Day {
                    prop_assert_eq!(buckets.labels[bucket].clone(), date.to_string());
                }
            }
        }
    }
}
