//! How a modern metric came to be: over time, by day of exposure, and by days since exposure, all from one scan (M-62).

use super::for_each_unit;
use super::reduce::{cells, kept};
use crate::error::{Error, Result};
use crate::events::{Interrupt, Reader};
use crate::kernel::units::{UnitRecord, UnitRows, View, evaluate};
use crate::plan::{Buckets, Measure, Plan, TimeRange, UnitMeasure, UnitValue};
use crate::stats::UnitCell;

/// The cells of a series; each point has one cell per known variant.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesCells {
    /// As of the end of each day, over all data since the start.
    pub cumulative: Vec<Vec<UnitCell>>,
    /// Of the units first exposed on each day.
    pub by_exposure_day: Vec<Vec<UnitCell>>,
    /// By days since the first exposure, of units observed that long: of means and ratios the events of that day alone, of
    /// everything else what was reached by its end.
    pub by_age: Vec<Vec<UnitCell>>,
}

const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// How one unit changed.
struct UnitCourse {
    /// What became of it as of the end of a day, for days on which that changed.
    by_day: Vec<(usize, UnitRecord)>,
    /// What it did at an age in days, for ages with events.
    by_age: Vec<(usize, UnitRecord)>,
    /// What it is at an age without events.
    idle: UnitRecord,
    /// How many whole days it was observed after its first exposure.
    observed_days: usize,
}

/// Computes the series of a modern metric in one scan. The last point of the cumulative series is the metric's result.
///
/// Kept in memory is what changed per unit and day, so it grows with units and days, not with events.
///
/// # Errors
/// `Query` when the event store refuses; `Interrupted`; `Bug` for other metrics.
pub fn unit_series(plan: &Plan, reader: &Reader, interrupt: &Interrupt) -> Result<SeriesCells> {
    let Measure::Units(measure) = &plan.measure else {
        return Err(Error::bug("a series of units needs a metric of units"));
    };
    let exposed = plan.population.range;
    let mut courses = Vec::new();
    for_each_unit(plan, measure, reader, interrupt, &mut |_, rows| {
        courses.extend(course(measure, exposed, rows));
        Ok(())
    })?;
    let variants = &plan.population.variants;
    let point = |records: &[&UnitRecord]| {
        let mature: Vec<_> = records.iter().copied().filter(|record| record.is_mature).collect();
        cells(variants, measure, &kept(&mature, measure.several_variants))
    };
    Ok(SeriesCells {
        cumulative: (0..measure.days.count()).map(|day| point(&as_of_day(&courses, day))).collect(),
        by_exposure_day: by_exposure_day(&courses, &measure.days).iter().map(|records| point(records)).collect(),
        by_age: by_age(&courses, measure).iter().map(|records| point(records)).collect(),
    })
}

fn course(measure: &UnitMeasure, exposed: TimeRange, rows: &UnitRows) -> Option<UnitCourse> {
    let whole = View::whole(measure);
    let last = evaluate(measure, exposed, rows, whole)?;
    let idle_view = View { age_microseconds: Some((0, 0)), ..whole };
    let observed = (whole.as_of_microseconds + 1 - last.first_exposure) / DAY_MICROSECONDS;
    let observed_days = usize::try_from(observed).unwrap_or(0);
    Some(UnitCourse {
        by_day: changes_by_day(measure, exposed, rows, &last),
        by_age: values_by_age(measure, exposed, rows, &last, observed_days),
        idle: evaluate(measure, exposed, rows, idle_view)?,
        observed_days,
    })
}

/// The last instant of a day; of the last day, everything that was read.
fn end_of_day(measure: &UnitMeasure, day: usize) -> i64 {
    let whole = View::whole(measure).as_of_microseconds;
    measure.days.begin_microseconds.get(day + 1).map_or(whole, |next| next - 1)
}

fn changes_by_day(
    measure: &UnitMeasure,
    exposed: TimeRange,
    rows: &UnitRows,
    last: &UnitRecord,
) -> Vec<(usize, UnitRecord)> {
    let days = &measure.days;
    let first_day = days.of_instant(last.first_exposure);
    let mut candidates: Vec<usize> = if measure.window.lookback_microseconds.is_some() {
        // What counts moves along with the end.
        (first_day..days.count()).collect()
    } else {
        let matured = last.first_exposure.saturating_add(measure.reach_microseconds);
        rows.timestamps.iter().copied().chain([matured]).map(|instant| days.of_instant(instant)).collect()
    };
    candidates.retain(|day| *day >= first_day);
    candidates.push(days.count() - 1);
    candidates.sort_unstable();
    candidates.dedup();
    let as_of = |day: usize| View { as_of_microseconds: end_of_day(measure, day), age_microseconds: None };
    let record = |day: usize| Some((day, evaluate(measure, exposed, rows, as_of(day))?));
    let mut changes: Vec<(usize, UnitRecord)> = candidates.into_iter().filter_map(record).collect();
    changes.dedup_by(|later, earlier| later.1 == earlier.1);
    changes
}

fn values_by_age(
    measure: &UnitMeasure,
    exposed: TimeRange,
    rows: &UnitRows,
    last: &UnitRecord,
    observed_days: usize,
) -> Vec<(usize, UnitRecord)> {
    let age = |timestamp: &i64| usize::try_from((timestamp - last.first_exposure).div_euclid(DAY_MICROSECONDS)).ok();
    let mut ages: Vec<usize> = rows.timestamps.iter().filter_map(age).filter(|age| *age < observed_days).collect();
    ages.dedup();
    let is_of_a_day = matches!(measure.value, UnitValue::Mean | UnitValue::Ratio | UnitValue::Quantile { .. });
    let at = |age: usize| {
        let end = (i64::try_from(age).unwrap_or(i64::MAX).saturating_add(1)).saturating_mul(DAY_MICROSECONDS);
        let begin = if is_of_a_day { end - DAY_MICROSECONDS } else { 0 };
        let view = View { age_microseconds: Some((begin, end)), ..View::whole(measure) };
        Some((age, evaluate(measure, exposed, rows, view)?))
    };
    ages.into_iter().filter_map(at).collect()
}

/// What each unit is as of the end of a day; units that were not exposed by then are left out.
fn as_of_day(courses: &[UnitCourse], day: usize) -> Vec<&UnitRecord> {
    let record = |course: &'_ UnitCourse| {
        let known = course.by_day.partition_point(|(changed, _)| *changed <= day);
        known.checked_sub(1)
    };
    courses.iter().filter_map(|course| record(course).map(|index| &course.by_day[index].1)).collect()
}

fn by_exposure_day<'a>(courses: &'a [UnitCourse], days: &Buckets) -> Vec<Vec<&'a UnitRecord>> {
    let mut by_day = vec![Vec::new(); days.count()];
    for record in courses.iter().filter_map(|course| course.by_day.last().map(|(_, record)| record)) {
        by_day[days.of_instant(record.first_exposure)].push(record);
    }
    by_day
}

fn by_age<'a>(courses: &'a [UnitCourse], measure: &UnitMeasure) -> Vec<Vec<&'a UnitRecord>> {
    let is_of_a_day = matches!(measure.value, UnitValue::Mean | UnitValue::Ratio | UnitValue::Quantile { .. });
    let ages = courses.iter().map(|course| course.observed_days).max().unwrap_or(0);
    let at = |age: usize| {
        let observed = courses.iter().filter(|course| course.observed_days > age);
        let record = |course: &'a UnitCourse| {
            let known = course.by_age.partition_point(|(changed, _)| *changed <= age);
            let latest = known.checked_sub(1).map(|index| &course.by_age[index]);
            let latest = latest.filter(|(changed, _)| !is_of_a_day || *changed == age);
            latest.map_or(&course.idle, |(_, record)| record)
        };
        observed.map(record).collect()
    };
    (0..ages).map(at).collect()
}
