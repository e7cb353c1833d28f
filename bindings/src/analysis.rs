//! Metrics of a table or of sums, without a lab.

use std::sync::Arc;

use ::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use ::arrow::error::ArrowError;
use abduck::events::Format;
use abduck::model::table_aggregate::Aggregates;
use abduck::model::table_metric::TableQuestion;
use abduck::results::{TableAnalysisRow, table_analysis_rows};
use abduck::{Error, Interrupt, Source, analyze, analyze_aggregates, read_aggregates, report};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use serde_json::Value;

use crate::arrow;
use crate::errors::exception;
use crate::lab::{json, read};
use crate::wait::wait;

/// The metrics of a table or of sums.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct TableAnalysis {
    analysis: abduck::results::TableAnalysis,
}

#[pymethods]
impl TableAnalysis {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        read(py, "analysis", text).map(|analysis| Self { analysis })
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.analysis)
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&table_analysis_rows(&self.analysis))
    }

    #[getter]
    fn verdict(&self) -> String {
        report::table_analysis_verdict(&self.analysis)
    }

    fn to_text(&self) -> String {
        report::table_analysis(&self.analysis, None)
    }

    fn html(&self) -> String {
        report::table_analysis_html(&self.analysis)
    }

    fn table_markdown(&self) -> String {
        report::table_analysis_table(&self.analysis).to_markdown()
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        let batch = batch(&self.analysis)
            .map_err(|error| exception(py, &Error::bug(format!("rows do not fit their table: {error}"))))?;
        arrow::stream(py, Ok(batch.schema()), vec![batch])
    }
}

/// The metrics of files with one row per unit.
#[pyfunction]
pub(crate) fn analyze_files(
    py: Python<'_>,
    files: Vec<String>,
    format: &str,
    question: &str,
) -> PyResult<TableAnalysis> {
    let format: Option<Format> = read(py, "format", format)?;
    analyzed(py, Source::Files(files), format, question)
}

/// The metrics of a frame with one row per unit.
#[pyfunction]
pub(crate) fn analyze_frame(frame: &Bound<'_, PyAny>, question: &str) -> PyResult<TableAnalysis> {
    analyzed(frame.py(), arrow::import(frame)?, None, question)
}

fn analyzed(py: Python<'_>, source: Source, format: Option<Format>, question: &str) -> PyResult<TableAnalysis> {
    let question: Value = read(py, "question", question)?;
    let question = TableQuestion::from_json(&question).map_err(|error| exception(py, &error))?;
    let interrupt = Interrupt::new();
    let work = |_: &mut dyn FnMut(())| analyze(source, format, &question, &interrupt);
    wait(py, &interrupt, work, |_, ()| Ok(())).map(|analysis| TableAnalysis { analysis })
}

/// The metrics of sums, as JSON.
#[pyfunction]
pub(crate) fn analyze_sums(py: Python<'_>, sums: &str, baseline: Option<String>) -> PyResult<TableAnalysis> {
    let sums: Value = read(py, "aggregates", sums)?;
    let analysis = Aggregates::from_json(&sums, baseline).and_then(|aggregates| analyze_aggregates(&aggregates));
    analysis.map(|analysis| TableAnalysis { analysis }).map_err(|error| exception(py, &error))
}

/// The metrics of a frame of sums.
#[pyfunction]
pub(crate) fn analyze_sums_frame(frame: &Bound<'_, PyAny>, baseline: Option<String>) -> PyResult<TableAnalysis> {
    let (py, source, interrupt) = (frame.py(), arrow::import(frame)?, Interrupt::new());
    let work = |_: &mut dyn FnMut(())| {
        read_aggregates(source, None, baseline, &interrupt).and_then(|aggregates| analyze_aggregates(&aggregates))
    };
    wait(py, &interrupt, work, |_, ()| Ok(())).map(|analysis| TableAnalysis { analysis })
}

/// The rows as a table, with a column for each that the table is broken down by.
fn batch(analysis: &abduck::results::TableAnalysis) -> Result<RecordBatch, ArrowError> {
    let rows = table_analysis_rows(analysis);
    let texts = |text: fn(&TableAnalysisRow) -> &str| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(text(row))).collect::<StringArray>())
    };
    let numbers = |number: fn(&TableAnalysisRow) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(number).collect::<Float64Array>())
    };
    let value =
        |row: &TableAnalysisRow, column: &str| row.breakdown.as_ref()?.get(column)?.as_str().map(ToOwned::to_owned);
    let breakdowns = analysis.breakdown_columns.iter().map(|column| {
        let values: StringArray = rows.iter().map(|row| value(row, column)).collect();
        (format!("breakdown_{column}"), Arc::new(values) as ArrayRef, true)
    });
    let is_part: ::arrow::array::BooleanArray = rows.iter().map(|row| Some(row.breakdown.is_some())).collect();
    let marks = (!analysis.breakdown_columns.is_empty())
        .then(|| ("is_breakdown".to_owned(), Arc::new(is_part) as ArrayRef, false));
    let first = [("metric", texts(|row| &row.metric), false), ("metric_type", texts(|row| &row.metric_type), false)];
    let units: UInt64Array = rows.iter().map(|row| row.units).collect();
    let last = [
        ("variant", texts(|row| &row.variant), false),
        ("units", Arc::new(units) as ArrayRef, false),
        ("sum", numbers(|row| Some(row.sum)), false),
        ("value", numbers(|row| row.value), true),
        ("rel_effect_size", numbers(|row| row.rel_effect_size), true),
        ("rel_effect_size_ci_lower", numbers(|row| row.rel_effect_size_ci_lower), true),
        ("rel_effect_size_ci_upper", numbers(|row| row.rel_effect_size_ci_upper), true),
        ("p_value", numbers(|row| row.p_value), true),
        ("p_value_fixed_horizon", numbers(|row| row.p_value_fixed_horizon), true),
        ("effect_size", numbers(|row| row.effect_size), true),
        ("effect_size_ci_lower", numbers(|row| row.effect_size_ci_lower), true),
        ("effect_size_ci_upper", numbers(|row| row.effect_size_ci_upper), true),
        ("chance_to_win", numbers(|row| row.chance_to_win), true),
        ("expected_loss", numbers(|row| row.expected_loss), true),
    ];
    let owned = |(name, column, nullable): (&str, ArrayRef, bool)| (name.to_owned(), column, nullable);
    let columns = first.into_iter().map(owned).chain(marks).chain(breakdowns).chain(last.into_iter().map(owned));
    RecordBatch::try_from_iter_with_nullable(columns)
}
