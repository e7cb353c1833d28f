//! Persons out of narrow columns: the events of many persons lie one person after the other, and what each event is to the
//! metric is put together from the answers to small questions.

use std::ops::Range;

use crate::error::Result;
use crate::kernel::columns::UnitKey;
use crate::kernel::units::{UnitRecord, UnitRows, View, evaluate};
use crate::model::metric::FunnelOrder;
use crate::plan::{TimeRange, UnitMeasure, UnitValue};

/// The events of some persons: column by column, person by person, in order of time and id.
#[derive(Clone, Debug)]
pub struct PersonColumns<'a> {
    /// The persons.
    pub persons: &'a [u32],
    /// How many events each of them has.
    pub events_per_person: &'a [u32],
    /// When each event happened, in microseconds since 1970 UTC.
    pub timestamps: &'a [i64],
    /// The number of each event's name.
    pub event_names: &'a [u16],
    /// The roles that every event of a name has, by the name's number; bit i + 1 is source i.
    pub roles_of_name: &'a [u32],
    /// Further roles, and which events have them.
    pub asked: Vec<(u32, &'a [u8])>,
    /// The position of the variant that each event exposes to, from 1; 0 is none.
    pub exposures: &'a [u8],
    /// Which events count at all; without it, all do.
    pub filter: Option<&'a [u8]>,
    /// Per source the numbers of the events, where it takes any; not a number is none.
    pub numbers: Vec<Option<&'a [f64]>>,
}

/// Calls `each` with every exposed person, and what became of it; in the order of the persons.
///
/// The columns must have as many values as there are events.
pub fn for_each_exposed(
    measure: &UnitMeasure,
    exposed: TimeRange,
    columns: &PersonColumns<'_>,
    mut each: impl FnMut(u32, UnitRecord),
) {
    let view = View::whole(measure);
    let mut rows = UnitRows::of(measure);
    for (person, events) in each_person(columns) {
        // Whoever saw no variant at any time needs no second look.
        if columns.exposures[events.clone()].iter().any(|variant| *variant != 0) {
            rows.clear();
            push(&mut rows, measure, exposed, columns, events);
            if let Some(record) = evaluate(measure, exposed, &rows, view) {
                each(person, record);
            }
        }
    }
}

/// Calls `each` with the rows of every person that the metric looks at, exposed or not; in the order of the persons.
///
/// # Errors
/// Whatever `each` returns.
pub fn for_each_person(
    measure: &UnitMeasure,
    exposed: TimeRange,
    columns: &PersonColumns<'_>,
    each: &mut dyn FnMut(&UnitKey, &UnitRows) -> Result<()>,
) -> Result<u64> {
    let mut rows = UnitRows::of(measure);
    let mut all = 0;
    for (person, events) in each_person(columns) {
        rows.clear();
        push(&mut rows, measure, exposed, columns, events);
        if !rows.timestamps.is_empty() {
            all += rows.timestamps.len() as u64;
            each(&UnitKey::Person(person), &rows)?;
        }
    }
    Ok(all)
}

/// Each person with the places of its events.
fn each_person(columns: &PersonColumns<'_>) -> impl Iterator<Item = (u32, Range<usize>)> {
    let mut end = 0;
    columns.persons.iter().zip(columns.events_per_person).map(move |(person, events)| {
        let begin = end;
        end += *events as usize;
        (*person, begin..end)
    })
}

/// Puts together the rows that the metric looks at.
fn push(
    rows: &mut UnitRows,
    measure: &UnitMeasure,
    exposed: TimeRange,
    columns: &PersonColumns<'_>,
    events: Range<usize>,
) {
    // A strict funnel is broken by any event in between, so it has to see all of them.
    let is_strict = matches!(&measure.value, UnitValue::Funnel(rules) if rules.order == FunnelOrder::Strict);
    for event in events {
        let of_name = columns.roles_of_name.get(usize::from(columns.event_names[event]));
        let mut roles = of_name.copied().unwrap_or(0);
        for (role, asked) in &columns.asked {
            roles |= if asked[event] == 0 { 0 } else { *role };
        }
        let variant = columns.exposures[event];
        // Most events are nothing to the metric, and are seen to be so at once.
        if roles == 0 && variant == 0 && !is_strict {
            continue;
        }
        let timestamp = columns.timestamps[event];
        if !measure.scanned.contains(timestamp) || columns.filter.is_some_and(|filter| filter[event] == 0) {
            continue;
        }
        roles |= u32::from(variant != 0 && exposed.contains(timestamp));
        if roles == 0 && !is_strict {
            continue;
        }
        rows.timestamps.push(timestamp);
        rows.roles.push(roles);
        rows.variants.push(u32::from(variant));
        for (numbers, column) in rows.numbers.iter_mut().zip(&columns.numbers) {
            if let Some(column) = column {
                numbers.push(column[event]);
            }
        }
    }
}
