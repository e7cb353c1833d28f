//! Reading rows out of Arrow batches, unit by unit.

mod table;
mod unit_rows;

pub use table::{TableColumns, TableReader, TextColumn};
pub use unit_rows::UnitRowsReader;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Int64Type, UInt32Type};

use crate::error::{Error, Result};
use crate::kernel::funnel::FunnelEvent;

/// Collects the events of one unit after another from batches that are sorted by unit and time.
///
/// Only the events of one unit are kept at a time, so memory does not grow with the data.
#[derive(Debug, Default)]
pub struct UnitEvents {
    unit: Option<UnitKey>,
    events: Vec<FunnelEvent>,
}

/// Which unit a row belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitKey {
    /// The store's number of a person.
    Person(u32),
    /// The key of a group, a distinct id, or the value of an expression.
    Text(String),
}

/// The column `unit` of a batch.
#[derive(Debug)]
pub enum UnitColumn<'a> {
    /// Persons.
    Persons(&'a [u32]),
    /// Everything else.
    Texts(&'a StringArray),
}

impl UnitEvents {
    /// Reads a batch with the columns `unit` (u32 or text), `timestamp` (i64), `steps` (u32) and `variant` (u32), and calls
    /// `each` for every unit that is complete.
    ///
    /// # Errors
    /// `Bug` when the batch has other columns.
    pub fn read(&mut self, batch: &RecordBatch, mut each: impl FnMut(&[FunnelEvent])) -> Result<()> {
        let units = UnitColumn::of(batch)?;
        let timestamps = column::<Int64Type>(batch, "timestamp")?;
        let steps = column::<UInt32Type>(batch, "steps")?;
        let variants = column::<UInt32Type>(batch, "variant")?;
        for (row, ((timestamp, steps), variant)) in timestamps.iter().zip(steps).zip(variants).enumerate() {
            if !self.unit.as_ref().is_some_and(|unit| units.is(row, unit)) {
                self.finish(&mut each);
                self.unit = Some(units.key(row));
            }
            self.events.push(FunnelEvent { timestamp: *timestamp, steps: *steps, variant: *variant });
        }
        Ok(())
    }

    /// Calls `each` for the last unit.
    pub fn finish(&mut self, mut each: impl FnMut(&[FunnelEvent])) {
        if self.unit.take().is_some() {
            each(&self.events);
            self.events.clear();
        }
    }
}

impl<'a> UnitColumn<'a> {
    /// The column of a batch.
    ///
    /// # Errors
    /// `Bug` when it is missing, of another type or has nulls.
    pub fn of(batch: &'a RecordBatch) -> Result<Self> {
        let column = batch.column_by_name("unit").filter(|column| column.null_count() == 0);
        let persons = column.and_then(|column| column.as_primitive_opt::<UInt32Type>());
        let texts = || column.and_then(|column| column.as_string_opt::<i32>());
        match (persons, texts()) {
            (Some(persons), _) => Ok(Self::Persons(persons.values())),
            (None, Some(texts)) => Ok(Self::Texts(texts)),
            (None, None) => Err(unexpected("unit")),
        }
    }

    /// The unit of a row.
    #[must_use]
    pub fn key(&self, row: usize) -> UnitKey {
        match self {
            Self::Persons(persons) => UnitKey::Person(persons[row]),
            Self::Texts(texts) => UnitKey::Text(texts.value(row).to_owned()),
        }
    }

    /// Whether a row belongs to a unit.
    #[must_use]
    pub fn is(&self, row: usize, unit: &UnitKey) -> bool {
        match (self, unit) {
            (Self::Persons(persons), UnitKey::Person(person)) => persons[row] == *person,
            (Self::Texts(texts), UnitKey::Text(text)) => texts.value(row) == text,
            _ => false,
        }
    }
}

/// The values of a numeric column without nulls.
///
/// # Errors
/// `Bug` when it is missing, of another type or has nulls.
pub fn column<'a, T: arrow::datatypes::ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a [T::Native]> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
    match column {
        Some(column) if column.null_count() == 0 => Ok(column.values()),
        _ => Err(unexpected(name)),
    }
}

fn unexpected(name: &str) -> Error {
    Error::bug(format!("the column {name} of a query is missing, of another type or has nulls"))
}
