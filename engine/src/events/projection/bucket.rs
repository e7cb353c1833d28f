//! The events of some persons, column by column.

use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{ArrowPrimitiveType, Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type};

use super::answer::Question;
use super::file::ColumnFile;
use crate::error::{Error, Result};

/// The events of the persons in a bucket: person by person, in order of time and uuid.
#[derive(Debug)]
pub struct Bucket<'a> {
    /// The persons, in ascending order.
    pub persons: &'a [u32],
    /// How many events each of them has.
    pub events_per_person: &'a [u32],
    /// When each event happened, in microseconds since 1970 UTC.
    pub timestamps: &'a [i64],
    /// The number of each event's name.
    pub event_names: &'a [u16],
    answers: &'a [ArrayRef],
}

impl Bucket<'_> {
    /// What was answered to the question at a position, with a number up to 255.
    ///
    /// # Errors
    ///
    /// `Bug` when it asks for another kind of answer.
    pub fn codes(&self, question: usize) -> Result<&[u8]> {
        values::<UInt8Type>(self.answers.get(question))
    }

    /// What was answered to the question at a position, with numbers; not a number where there is none.
    ///
    /// # Errors
    ///
    /// `Bug` when it asks for another kind of answer.
    pub fn numbers(&self, question: usize) -> Result<&[f64]> {
        values::<Float64Type>(self.answers.get(question))
    }
}

fn values<T: ArrowPrimitiveType>(array: Option<&ArrayRef>) -> Result<&[T::Native]> {
    let values = array.and_then(|array| array.as_primitive_opt::<T>());
    values.map(|values| &**values.values()).ok_or_else(|| Error::bug("a column of the projection has another type"))
}

/// Reads buckets, one at a time.
pub(super) struct Loader {
    units: ColumnFile,
    timestamps: ColumnFile,
    event_names: ColumnFile,
    answers: Vec<ColumnFile>,
}

impl Loader {
    pub(super) fn open(folder: &Path, questions: &[Question]) -> Result<Self> {
        let open = |name: &str| ColumnFile::open(folder.join(name));
        Ok(Self {
            units: open("units.arrow")?,
            timestamps: open("timestamp.arrow")?,
            event_names: open("event_name.arrow")?,
            answers: questions.iter().map(|question| open(&question.file_name())).collect::<Result<_>>()?,
        })
    }

    /// Calls `each` with a bucket.
    pub(super) fn with<T>(&mut self, bucket: usize, each: &mut dyn FnMut(&Bucket<'_>) -> Result<T>) -> Result<T> {
        let units = self.units.read(bucket)?;
        let timestamps = column(&self.timestamps.read(bucket)?, 0)?;
        let event_names = column(&self.event_names.read(bucket)?, 0)?;
        let answers = self.answers.iter_mut().map(|file| column(&file.read(bucket)?, 0)).collect::<Result<Vec<_>>>()?;
        let (persons, events_per_person) = (column(&units, 0)?, column(&units, 1)?);
        let bucket = Bucket {
            persons: values::<UInt32Type>(Some(&persons))?,
            events_per_person: values::<UInt32Type>(Some(&events_per_person))?,
            timestamps: values::<Int64Type>(Some(&timestamps))?,
            event_names: values::<UInt16Type>(Some(&event_names))?,
            answers: &answers,
        };
        let all = bucket.timestamps.len();
        let persons_events: u64 = bucket.events_per_person.iter().map(|events| u64::from(*events)).sum();
        let is_whole = persons_events == all as u64
            && bucket.persons.len() == bucket.events_per_person.len()
            && bucket.event_names.len() == all
            && answers.iter().all(|answer| answer.len() == all);
        if !is_whole {
            return Err(self.units.damaged("it does not fit the other columns"));
        }
        each(&bucket)
    }
}

fn column(batch: &RecordBatch, index: usize) -> Result<ArrayRef> {
    batch.columns().get(index).cloned().ok_or_else(|| Error::bug("a column of the projection is missing"))
}
