//! Reading the events of a funnel out of Arrow batches, actor by actor.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, UInt32Type};

use crate::error::{Error, Result};
use crate::kernel::funnel::FunnelEvent;

/// Collects the events of one actor after another from batches that are sorted by actor and time.
///
/// Only the events of one actor are kept at a time, so memory does not grow with the data.
#[derive(Debug, Default)]
pub struct ActorEvents {
    actor: Option<u32>,
    events: Vec<FunnelEvent>,
}

impl ActorEvents {
    /// Reads a batch with the columns `person_id` (u32), `timestamp` (i64), `steps` (u32) and `variant` (u32), and calls
    /// `each` for every actor that is complete.
    ///
    /// # Errors
    /// `Bug` when the batch has other columns.
    pub fn read(&mut self, batch: &RecordBatch, mut each: impl FnMut(&[FunnelEvent])) -> Result<()> {
        let actors = column::<UInt32Type>(batch, "person_id")?;
        let timestamps = column::<Int64Type>(batch, "timestamp")?;
        let steps = column::<UInt32Type>(batch, "steps")?;
        let variants = column::<UInt32Type>(batch, "variant")?;
        for (((actor, timestamp), steps), variant) in actors.iter().zip(timestamps).zip(steps).zip(variants) {
            if self.actor != Some(*actor) {
                self.finish(&mut each);
                self.actor = Some(*actor);
            }
            self.events.push(FunnelEvent { timestamp: *timestamp, steps: *steps, variant: *variant });
        }
        Ok(())
    }

    /// Calls `each` for the last actor.
    pub fn finish(&mut self, mut each: impl FnMut(&[FunnelEvent])) {
        if self.actor.take().is_some() {
            each(&self.events);
            self.events.clear();
        }
    }
}

/// The values of a numeric column without nulls.
fn column<'a, T: arrow::datatypes::ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a [T::Native]> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>());
    match column {
        Some(column) if column.null_count() == 0 => Ok(column.values()),
        _ => Err(Error::bug(format!("the column {name} of the funnel query is missing, of another type or has nulls"))),
    }
}
