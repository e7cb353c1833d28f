//! The log of all changes of definitions.

use std::sync::Arc;

use abduck::Error;
use abduck::catalog::AuditEntry;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::error::ArrowError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use serde_json::Value;

use crate::arrow::stream;
use crate::errors::exception;
use crate::lab::json;

/// Changes of definitions, oldest first.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct AuditLog {
    pub(crate) entries: Vec<AuditEntry>,
}

#[pymethods]
impl AuditLog {
    fn to_json(&self) -> PyResult<String> {
        json(&self.entries)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        let batch = batch(&self.entries)
            .map_err(|error| exception(py, &Error::bug(format!("the log does not fit its table: {error}"))))?;
        stream(py, Ok(batch.schema()), vec![batch])
    }
}

/// The log as a table; what a thing was and became is JSON text.
fn batch(entries: &[AuditEntry]) -> Result<RecordBatch, ArrowError> {
    let numbers = |number: fn(&AuditEntry) -> i64| -> ArrayRef {
        Arc::new(entries.iter().map(|entry| Some(number(entry))).collect::<Int64Array>())
    };
    let texts = |text: fn(&AuditEntry) -> Option<String>| -> ArrayRef {
        Arc::new(entries.iter().map(text).collect::<StringArray>())
    };
    let moments = entries.iter().map(|entry| Some(entry.at.as_microsecond()));
    let moments = moments.collect::<TimestampMicrosecondArray>().with_timezone("UTC");
    RecordBatch::try_from_iter_with_nullable([
        ("id", numbers(|entry| entry.id), false),
        ("at", Arc::new(moments) as ArrayRef, false),
        ("who", texts(|entry| entry.who.clone()), true),
        ("operation", texts(|entry| Some(entry.operation.clone())), false),
        ("noun", texts(|entry| Some(entry.noun.clone())), false),
        ("noun_id", numbers(|entry| entry.noun_id), false),
        ("before", texts(|entry| entry.before.as_ref().map(Value::to_string)), true),
        ("after", texts(|entry| entry.after.as_ref().map(Value::to_string)), true),
    ])
}
