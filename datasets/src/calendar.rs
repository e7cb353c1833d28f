//! When people shop: the range of the log and the weight of each of its hours.
//!
//! A *position* in `[0, 1)` runs through the range at the pace of the shop's traffic: the busy evening hours take up
//! more of it than the night. Drawing uniform positions therefore gives the time-of-day and day-of-week pattern.
//! Weights belong to local hours but are laid over UTC hours, so on the day clocks go forward the skipped hour has no
//! visitors, and on the day they go back the repeated hour has visitors twice.

use crate::Error;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const HOUR_US: i64 = 3_600_000_000;

/// The longest time from the start of a visit to its last event; visits start at least this long before the end.
pub(crate) const VISIT_LIMIT_US: i64 = HOUR_US;

/// Share of a day's traffic, relative, by local hour.
const HOUR_WEIGHTS: [f64; 24] = [
    0.9, 0.5, 0.3, 0.2, 0.2, 0.4, 1.0, 2.0, 3.0, 3.6, 4.0, 4.2, 4.8, 4.4, 4.0, 4.0, 4.4, 5.0, 5.8, 6.8, 7.2, 6.0, 4.0,
    2.0,
];

/// The range of the log and its traffic pattern.
pub(crate) struct Calendar {
    pub(crate) start_us: i64,
    pub(crate) end_us: i64,
    pub(crate) days: f64,
    /// Where each hour cell ends on the scale of positions; the last is 1.
    cell_ends: Vec<f64>,
}

impl Calendar {
    /// The range from local midnight of `start` to local midnight `days` later.
    pub(crate) fn new(start: Date, days: u32, zone: &TimeZone) -> Result<Self, Error> {
        let start_us = midnight_us(start, zone)?;
        let end = start.checked_add(i64::from(days).days()).map_err(|error| Error::option("days", error))?;
        let end_us = midnight_us(end, zone)?;
        let mut total = 0.0;
        let mut cell_ends = Vec::new();
        let mut cell_us = start_us;
        while cell_us < end_us - VISIT_LIMIT_US {
            let length_us = HOUR_US.min(end_us - VISIT_LIMIT_US - cell_us);
            total += weight(cell_us, zone)? * length_us as f64 / HOUR_US as f64;
            cell_ends.push(total);
            cell_us += length_us;
        }
        for end in &mut cell_ends {
            *end /= total;
        }
        Ok(Self { start_us, end_us, days: f64::from(days), cell_ends })
    }

    /// The instant at a position in `[0, 1)`.
    pub(crate) fn instant_us(&self, position: f64) -> i64 {
        let cell = self.cell_ends.partition_point(|end| *end <= position).min(self.cell_ends.len() - 1);
        let cell_start = if cell == 0 { 0.0 } else { self.cell_ends[cell - 1] };
        let inside = (position - cell_start) / (self.cell_ends[cell] - cell_start);
        let cell_us = self.start_us + cell as i64 * HOUR_US;
        let length_us = HOUR_US.min(self.end_us - VISIT_LIMIT_US - cell_us);
        cell_us + (inside * length_us as f64) as i64
    }
}

fn midnight_us(date: Date, zone: &TimeZone) -> Result<i64, Error> {
    let midnight = date.to_zoned(zone.clone()).map_err(|error| Error::option("start", error))?;
    Ok(midnight.timestamp().as_microsecond())
}

fn weight(time_us: i64, zone: &TimeZone) -> Result<f64, Error> {
    let instant = Timestamp::from_microsecond(time_us).map_err(|error| Error::option("start", error))?;
    let local = zone.to_datetime(instant);
    let day = match local.weekday() {
        Weekday::Monday | Weekday::Thursday => 1.0,
        Weekday::Tuesday | Weekday::Wednesday => 0.95,
        Weekday::Friday => 0.9,
        Weekday::Saturday => 1.1,
        Weekday::Sunday => 1.3,
    };
    Ok(day * HOUR_WEIGHTS[usize::from(local.hour().unsigned_abs())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn local_hours(calendar: &Calendar, zone: &TimeZone, day: Date) -> Vec<i8> {
        let steps = 200_000;
        (0..steps)
            .map(|step| calendar.instant_us(f64::from(step) / f64::from(steps)))
            .map(|time_us| zone.to_datetime(Timestamp::from_microsecond(time_us).unwrap()))
            .filter(|local| local.date() == day)
            .map(jiff::civil::DateTime::hour)
            .collect()
    }

    #[test]
    fn a_range_with_a_clock_change_is_an_hour_shorter_and_has_a_gap() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let change = date(2026, 3, 29);
        let calendar = Calendar::new(date(2026, 3, 28), 3, &zone).unwrap();
        assert_eq!(calendar.end_us - calendar.start_us, (3 * 24 - 1) * HOUR_US);
        let hours = local_hours(&calendar, &zone, change);
        assert!(hours.contains(&1) && hours.contains(&3));
        assert!(!hours.contains(&2));
    }

    #[test]
    fn evenings_are_busier_than_nights_and_sundays_than_fridays() {
        let calendar = Calendar::new(date(2026, 3, 2), 7, &TimeZone::UTC).unwrap();
        let friday = local_hours(&calendar, &TimeZone::UTC, date(2026, 3, 6));
        let sunday = local_hours(&calendar, &TimeZone::UTC, date(2026, 3, 8));
        let at = |hours: &[i8], hour| hours.iter().filter(|each| **each == hour).count();
        assert!(at(&friday, 20) > 10 * at(&friday, 3));
        assert!(sunday.len() > friday.len());
    }

    #[test]
    fn positions_run_from_the_start_to_an_hour_before_the_end() {
        let calendar = Calendar::new(date(2026, 3, 2), 1, &TimeZone::UTC).unwrap();
        assert_eq!(calendar.instant_us(0.0), calendar.start_us);
        let last_us = calendar.instant_us(1.0 - f64::EPSILON);
        assert!(last_us <= calendar.end_us - VISIT_LIMIT_US);
        assert!(last_us > calendar.end_us - VISIT_LIMIT_US - HOUR_US);
    }
}
