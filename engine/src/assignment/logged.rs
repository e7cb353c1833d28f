//! Logged assignments, as rows of the event store's query.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Int64Type, UInt32Type};

use super::audit::Source;
use crate::error::{Error, Result};

/// That a value of a flag was logged for an id: all its events of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged<'a> {
    /// The person that the id belongs to now.
    pub person: u32,
    /// The id.
    pub distinct_id: &'a str,
    /// The key of the group, of a flag that splits groups.
    pub group: Option<&'a str>,
    /// Where it was logged.
    pub source: Source,
    /// The value as text: a variant's key, `true` or `false` (F-16); none where a call had no answer.
    pub value: Option<&'a str>,
    /// The time of the first event, in microseconds since 1970 UTC.
    pub first_seen_microseconds: i64,
    /// The time of the last event, in microseconds since 1970 UTC.
    pub last_seen_microseconds: i64,
    /// The number of events.
    pub events: u64,
}

/// Hands over the rows of a batch in the columns of [`crate::sql::logged_assignments`], in their order.
///
/// # Errors
/// `Bug` when a column is missing; and whatever `each` returns.
pub fn read_logged(batch: &RecordBatch, each: &mut dyn FnMut(&Logged<'_>) -> Result<()>) -> Result<()> {
    let (ids, groups, values) = (texts(batch, "distinct_id")?, texts(batch, "group_key")?, texts(batch, "value")?);
    let persons = numbers::<UInt32Type>(batch, "person_id")?;
    let sources = numbers::<UInt32Type>(batch, "source")?;
    let first_seen = numbers::<Int64Type>(batch, "first_seen")?;
    let last_seen = numbers::<Int64Type>(batch, "last_seen")?;
    let events = numbers::<Int64Type>(batch, "events")?;
    for row in 0..batch.num_rows() {
        each(&Logged {
            person: persons[row],
            distinct_id: ids.value(row),
            group: groups.is_valid(row).then(|| groups.value(row)),
            source: if sources[row] == 0 { Source::FlagCalled } else { Source::EventProperty },
            // An empty text is no answer either.
            value: values.is_valid(row).then(|| values.value(row)).filter(|value| !value.is_empty()),
            first_seen_microseconds: first_seen[row],
            last_seen_microseconds: last_seen[row],
            events: u64::try_from(events[row]).unwrap_or_default(),
        })?;
    }
    Ok(())
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>()).ok_or_else(|| missing(name))
}

fn numbers<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a [T::Native]> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
    column.map(|column| &**column.values()).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Error {
    Error::bug(format!("the column {name} of the assignment query is missing"))
}
