//! The course of an experiment's results.

use std::sync::Arc;

use ::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use ::arrow::error::ArrowError;
use abduck::model::metric::Interval;
use abduck::results::{HistoryRow, history_rows};
use abduck::stats::number;
use abduck::{Backfill, Error, report};
use jiff::Timestamp;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::arrow;
use crate::errors::exception;
use crate::lab::json;

/// The course of an experiment's results.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct ResultHistory {
    pub(crate) history: abduck::results::ResultHistory,
}

#[pymethods]
impl ResultHistory {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let history =
            serde_json::from_str(text).map_err(|error| Error::invalid(format!("this is not a history: {error}")));
        history.map(|history| Self { history }).map_err(|error| exception(py, &error))
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.history)
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&history_rows(&self.history))
    }

    #[getter]
    fn verdict(&self) -> String {
        report::history_verdict(&self.history)
    }

    fn to_text(&self) -> String {
        report::history(&self.history, None)
    }

    fn html(&self) -> String {
        report::history_html(&self.history)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        let batch = batch(&history_rows(&self.history))
            .map_err(|error| exception(py, &Error::bug(format!("rows do not fit their table: {error}"))))?;
        arrow::stream(py, Ok(batch.schema()), vec![batch])
    }
}

/// How far apart the moments of a backfill are.
pub(crate) fn interval(name: &str) -> abduck::Result<Interval> {
    match name {
        "day" => Ok(Interval::Day),
        "week" => Ok(Interval::Week),
        other => Err(Error::invalid_field("backfill", "invalid_choice", format!("\"{other}\" is not a valid choice."))
            .hint("give \"day\" or \"week\"")),
    }
}

/// Tells a function how far a backfill is.
pub(crate) fn tell(py: Python<'_>, progress: Option<&Py<PyAny>>, done: Backfill) -> PyResult<()> {
    progress.map_or(Ok(()), |progress| progress.call1(py, (done.computed, done.missing)).map(drop))
}

fn batch(rows: &[HistoryRow<'_>]) -> Result<RecordBatch, ArrowError> {
    let moments = |moment: fn(&HistoryRow<'_>) -> Timestamp| -> ArrayRef {
        let microseconds = rows.iter().map(|row| Some(moment(row).as_microsecond()));
        Arc::new(microseconds.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let versions: UInt64Array = rows.iter().map(|row| row.data_version).collect();
    // A history does not say what its metric adds up: only sums of a property are not whole.
    let whole = |amount: f64| number::whole(amount).and_then(|amount| u64::try_from(amount).ok());
    let has_whole_counts = rows.iter().all(|row| whole(row.variant.units).and(whole(row.variant.count)).is_some());
    let counts = |count: fn(&HistoryRow<'_>) -> f64| -> ArrayRef {
        if has_whole_counts {
            Arc::new(rows.iter().map(|row| whole(count(row))).collect::<UInt64Array>())
        } else {
            Arc::new(rows.iter().map(|row| Some(count(row))).collect::<Float64Array>())
        }
    };
    let numbers = |number: fn(&HistoryRow<'_>) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(number).collect::<Float64Array>())
    };
    let truths = |truth: fn(&HistoryRow<'_>) -> Option<bool>| -> ArrayRef {
        Arc::new(rows.iter().map(truth).collect::<BooleanArray>())
    };
    let codes: StringArray = rows.iter().map(|row| row.significance_code).collect();
    let variants: StringArray = rows.iter().map(|row| Some(&row.variant.variant)).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("as_of", moments(|row| row.as_of), false),
        ("computed_at", moments(|row| row.computed_at), false),
        ("in_hindsight", truths(|row| Some(row.in_hindsight)), false),
        ("data_version", Arc::new(versions) as ArrayRef, false),
        ("significance_code", Arc::new(codes) as ArrayRef, true),
        ("significant", truths(|row| row.significant), true),
        ("variant", Arc::new(variants) as ArrayRef, false),
        ("units", counts(|row| row.variant.units), false),
        ("count", counts(|row| row.variant.count), false),
        ("rate", numbers(|row| row.variant.rate), true),
        ("chance_to_win", numbers(|row| row.variant.chance_to_win), true),
    ])
}
