//! Who was exposed to an experiment.

use std::sync::Arc;

use abduck::results::ExposedPerson;
use arrow::array::{Array, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array, UInt64Array};
use arrow::datatypes::{TimestampMicrosecondType, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::arrow::stream;

/// The persons exposed to an experiment, as Arrow batches.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct Exposures {
    pub(crate) batches: Vec<RecordBatch>,
}

/// A person's first exposure in microseconds since 1970, variant, distinct id, number and exposures.
type Row = (i64, String, String, u32, u64);

#[pymethods]
impl Exposures {
    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn rows(&self) -> Vec<Row> {
        self.batches.iter().flat_map(rows).collect()
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        let schema = batch(&[]).map(|batch| batch.schema());
        stream(py, schema, self.batches.clone())
    }
}

/// Persons as an Arrow batch.
pub(crate) fn batch(persons: &[ExposedPerson]) -> Result<RecordBatch, ArrowError> {
    let instants = persons.iter().map(|person| person.first_exposure.as_microsecond());
    let instants = TimestampMicrosecondArray::from_iter_values(instants).with_timezone("UTC");
    let variants = StringArray::from_iter_values(persons.iter().map(|person| &person.variant));
    let distinct_ids = StringArray::from_iter_values(persons.iter().map(|person| &person.distinct_id));
    let numbers = UInt32Array::from_iter_values(persons.iter().map(|person| person.person_id));
    let exposures = UInt64Array::from_iter_values(persons.iter().map(|person| person.exposures));
    RecordBatch::try_from_iter_with_nullable([
        ("first_exposure", Arc::new(instants) as Arc<dyn Array>, false),
        ("variant", Arc::new(variants), false),
        ("distinct_id", Arc::new(distinct_ids), false),
        ("person_id", Arc::new(numbers), false),
        ("exposures", Arc::new(exposures), false),
    ])
}

fn rows(batch: &RecordBatch) -> impl Iterator<Item = Row> {
    let instants = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let [variants, distinct_ids] = [1, 2].map(|index| batch.column(index).as_string::<i32>());
    let numbers = batch.column(3).as_primitive::<UInt32Type>();
    let exposures = batch.column(4).as_primitive::<UInt64Type>();
    (0..batch.num_rows()).map(move |row| {
        let text = |column: &StringArray| column.value(row).to_owned();
        (instants.value(row), text(variants), text(distinct_ids), numbers.value(row), exposures.value(row))
    })
}
