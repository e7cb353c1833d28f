//! Lists of persons, and questions about single events.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Int64Type, UInt32Type};
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::events::{Interrupt, Reader};
use crate::plan::{CohortCondition, ExposurePlan, FlagQuestion};
use crate::results::{CohortMember, ExposedPerson};
use crate::sql;

/// Hands over the exposed persons piece by piece, in their total order; returns their number.
///
/// # Errors
/// `Query` when the event store refuses; `Interrupted`; and whatever `each` returns.
pub fn exposures(
    plan: &ExposurePlan,
    reader: &Reader,
    interrupt: &Interrupt,
    each: &mut dyn FnMut(&[ExposedPerson]) -> Result<()>,
) -> Result<u64> {
    reader.scan(&sql::render_exposures(plan), interrupt, &mut |batch| each(&exposed_persons(batch)?))
}

/// The members of a cohort, by the store's number of the person.
///
/// # Errors
/// `Query` when the event store refuses; `Interrupted`.
pub fn cohort_members(
    condition: &CohortCondition,
    reader: &Reader,
    interrupt: &Interrupt,
) -> Result<Vec<CohortMember>> {
    let mut members = Vec::new();
    reader.scan(&sql::render_cohort_members(condition), interrupt, &mut |batch| {
        let persons = numbers::<UInt32Type>(batch, "person_id")?;
        let distinct_ids = texts(batch, "distinct_id")?;
        let member =
            |row: usize| CohortMember { person_id: persons[row], distinct_id: distinct_ids.value(row).to_owned() };
        members.extend((0..batch.num_rows()).map(member));
        Ok(())
    })?;
    Ok(members)
}

/// What some persons are called: the smallest distinct id of each.
///
/// # Errors
/// `Query` when the event store refuses; `Interrupted`.
pub fn person_names(wanted: &BTreeSet<u32>, reader: &Reader, interrupt: &Interrupt) -> Result<BTreeMap<u32, String>> {
    let mut names = BTreeMap::new();
    reader.scan(&sql::render_person_names(), interrupt, &mut |batch| {
        let persons = numbers::<UInt32Type>(batch, "person_id")?;
        let distinct_ids = texts(batch, "distinct_id")?;
        let rows = persons.iter().enumerate().filter(|(_, person)| wanted.contains(person));
        names.extend(rows.map(|(row, person)| (*person, distinct_ids.value(row).to_owned())));
        Ok(())
    })?;
    Ok(names)
}

/// Whether no event carries the flag yet, so that it still needs to be implemented (Q-W1).
///
/// # Errors
/// `Query` when the event store refuses; `Interrupted`.
pub fn requires_flag_implementation(question: &FlagQuestion, reader: &Reader, interrupt: &Interrupt) -> Result<bool> {
    Ok(reader.scan(&sql::render_flag_question(question), interrupt, &mut |_| Ok(()))? == 0)
}

fn exposed_persons(batch: &RecordBatch) -> Result<Vec<ExposedPerson>> {
    let instants = numbers::<Int64Type>(batch, "first_exposure")?;
    let persons = numbers::<UInt32Type>(batch, "person_id")?;
    let exposures = numbers::<Int64Type>(batch, "exposures")?;
    let variants = texts(batch, "variant")?;
    let distinct_ids = texts(batch, "distinct_id")?;
    let person = |row: usize| {
        Ok(ExposedPerson {
            first_exposure: Timestamp::from_microsecond(instants[row])
                .map_err(|error| Error::bug(format!("an exposure outside the calendar: {error}")))?,
            variant: variants.value(row).to_owned(),
            distinct_id: distinct_ids.value(row).to_owned(),
            person_id: persons[row],
            exposures: u64::try_from(exposures[row]).unwrap_or(0),
        })
    };
    (0..batch.num_rows()).map(person).collect()
}

fn numbers<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a [T::Native]> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
    column.map(|column| &**column.values()).ok_or_else(|| missing(name))
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Error {
    Error::bug(format!("the column {name} of a query is missing"))
}
