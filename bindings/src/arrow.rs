//! Arrow streams in and out, by the Arrow `PyCapsule` interface.

use std::ffi::CStr;
use std::sync::Arc;

use abduck::results::{VariantRow, rows};
use abduck::stats::number;
use abduck::{Error, ExperimentResult, Source};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, RecordBatchIterator, StringArray, UInt64Array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::errors::exception;

/// The name that the interface gives to capsules with a stream.
const STREAM: &CStr = c"arrow_array_stream";

/// The stream of any object that has `__arrow_c_stream__`.
pub(crate) fn import(frame: &Bound<'_, PyAny>) -> PyResult<Source> {
    reader(frame).map(|reader| Source::Batches(Box::new(reader)))
}

/// The record batches of any object that has `__arrow_c_stream__`.
pub(crate) fn reader(frame: &Bound<'_, PyAny>) -> PyResult<RecordBatchStreamReader> {
    let capsule = frame.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
    let stream = take(&capsule)?;
    RecordBatchStreamReader::try_new(stream)
        .map_err(|error| exception(frame.py(), &Error::schema(format!("the Arrow stream cannot be read: {error}"))))
}

/// Moves the stream out of its capsule.
#[expect(unsafe_code, reason = "the interface hands streams over as pointers")]
fn take(capsule: &Bound<'_, PyCapsule>) -> PyResult<FFI_ArrowArrayStream> {
    let pointer = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds a pointer, valid while the capsule lives, to a stream laid out as the C stream
    // interface says; `pointer_checked` has checked the name. No other code runs between that check and this line, as the
    // interpreter is attached. What is left behind is marked as released, so that the capsule does not free it again.
    Ok(unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) })
}

/// The rows of a result as a capsule with a stream.
pub(crate) fn export<'py>(py: Python<'py>, result: &ExperimentResult) -> PyResult<Bound<'py, PyCapsule>> {
    let batch = batch(&rows(result), result.result.has_whole_counts()).map_err(|error| misfit(py, &error))?;
    stream(py, Ok(batch.schema()), vec![batch])
}

/// Batches of one schema as a capsule with a stream.
pub(crate) fn stream(
    py: Python<'_>,
    schema: Result<SchemaRef, ArrowError>,
    batches: Vec<RecordBatch>,
) -> PyResult<Bound<'_, PyCapsule>> {
    let schema = schema.map_err(|error| misfit(py, &error))?;
    let reader = RecordBatchIterator::new(batches.into_iter().map(Ok), schema);
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
}

fn misfit(py: Python<'_>, error: &ArrowError) -> PyErr {
    exception(py, &Error::bug(format!("rows do not fit their table: {error}")))
}

/// Counts are whole numbers, unless the metric adds up a property: its definition decides on the type, not its data.
fn batch(rows: &[VariantRow], has_whole_counts: bool) -> Result<RecordBatch, ArrowError> {
    let variants: StringArray = rows.iter().map(|row| Some(&row.variant)).collect();
    let counts = |count: fn(&VariantRow) -> f64| -> ArrayRef {
        let whole = |row: &VariantRow| number::whole(count(row)).and_then(|count| u64::try_from(count).ok());
        if has_whole_counts {
            Arc::new(rows.iter().map(whole).collect::<UInt64Array>())
        } else {
            Arc::new(rows.iter().map(|row| Some(count(row))).collect::<Float64Array>())
        }
    };
    let numbers = |number: fn(&VariantRow) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(number).collect::<Float64Array>())
    };
    let texts = |text: fn(&VariantRow) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(text).collect::<StringArray>())
    };
    RecordBatch::try_from_iter_with_nullable([
        ("variant", Arc::new(variants) as ArrayRef, false),
        ("units", counts(|row| row.units), false),
        ("count", counts(|row| row.count), false),
        ("rate", numbers(|row| row.rate), true),
        ("rel_effect_size", numbers(|row| row.rel_effect_size), true),
        ("rate_ci_lower", numbers(|row| row.rate_ci_lower), true),
        ("rate_ci_upper", numbers(|row| row.rate_ci_upper), true),
        ("chance_to_win", numbers(|row| row.chance_to_win), true),
        ("expected_loss", numbers(|row| row.expected_loss), true),
        ("rel_effect_size_ci_lower", numbers(|row| row.rel_effect_size_ci_lower), true),
        ("rel_effect_size_ci_upper", numbers(|row| row.rel_effect_size_ci_upper), true),
        ("p_value", numbers(|row| row.p_value), true),
        ("p_value_fixed_horizon", numbers(|row| row.p_value_fixed_horizon), true),
        ("effect_size", numbers(|row| row.effect_size), true),
        ("effect_size_ci_lower", numbers(|row| row.effect_size_ci_lower), true),
        ("effect_size_ci_upper", numbers(|row| row.effect_size_ci_upper), true),
        ("sequential_method", texts(|row| row.sequential_method), true),
        ("sequential_p_value", numbers(|row| row.sequential_p_value), true),
        ("sequential_ci_lower", numbers(|row| row.sequential_ci_lower), true),
        ("sequential_ci_upper", numbers(|row| row.sequential_ci_upper), true),
        ("e_value", numbers(|row| row.e_value), true),
        ("sequential_undecided", texts(|row| row.sequential_undecided.as_deref()), true),
        ("variance_reduction", numbers(|row| row.variance_reduction), true),
        ("days_saved", numbers(|row| row.days_saved), true),
    ])
}
