//! What is known of metrics beyond their result: their course, exposures, the units behind them, and how they come about.

use std::sync::Arc;

use ::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use ::arrow::error::ArrowError;
use abduck::model::experiment_metric::ExperimentMetric;
use abduck::results::{
    ExposureRow, LeftOutReason, ListedUnit, ReconciliationRow, SeriesRow, SeriesView, exposure_rows, series_rows,
};
use abduck::{Error, report};
use jiff::Timestamp;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::arrow;
use crate::errors::exception;
use crate::lab::{self, json};

/// The course of a metric.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct MetricSeries {
    pub(crate) series: abduck::results::MetricSeries,
}

#[pymethods]
impl MetricSeries {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        read(py, "a series", text).map(|series| Self { series })
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.series)
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&series_rows(&self.series))
    }

    fn to_text(&self) -> String {
        report::series(&self.series, SeriesView::Cumulative, None)
    }

    fn html(&self) -> String {
        report::series_html(&self.series)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        export(py, series_batch(&series_rows(&self.series)))
    }
}

/// Who came into an experiment, and when.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct ExposureView {
    pub(crate) view: abduck::results::ExposureView,
}

#[pymethods]
impl ExposureView {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        read(py, "an exposure view", text).map(|view| Self { view })
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.view)
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&exposure_rows(&self.view))
    }

    fn to_text(&self) -> String {
        report::exposure_view(&self.view, None)
    }

    fn html(&self) -> String {
        report::exposure_view_html(&self.view)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        export(py, exposure_batch(&exposure_rows(&self.view)))
    }
}

/// The way from a naive count to a result.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct Reconciliation {
    pub(crate) reconciliation: abduck::results::Reconciliation,
}

#[pymethods]
impl Reconciliation {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        read(py, "a reconciliation", text).map(|reconciliation| Self { reconciliation })
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.reconciliation)
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&self.reconciliation.rows())
    }

    #[getter]
    fn verdict(&self) -> String {
        report::reconciled_text(&self.reconciliation)
    }

    fn to_text(&self) -> String {
        report::reconciliation(&self.reconciliation, None)
    }

    fn html(&self) -> String {
        report::reconciliation_html(&self.reconciliation)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        export(py, reconciliation_batch(&self.reconciliation.rows()))
    }
}

/// The units behind a metric, in the order of their first exposures.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct ListedUnits {
    pub(crate) units: Vec<ListedUnit>,
}

#[pymethods]
impl ListedUnits {
    fn __len__(&self) -> usize {
        self.units.len()
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&self.units)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        export(py, unit_batch(&self.units))
    }
}

pub(crate) fn read<T: DeserializeOwned>(py: Python<'_>, noun: &str, text: &str) -> PyResult<T> {
    let read = serde_json::from_str(text).map_err(|error| Error::invalid(format!("this is not {noun}: {error}")));
    read.map_err(|error| exception(py, &error))
}

pub(crate) fn export(py: Python<'_>, batch: Result<RecordBatch, ArrowError>) -> PyResult<Bound<'_, PyCapsule>> {
    let batch = batch.map_err(|error| exception(py, &Error::bug(format!("rows do not fit their table: {error}"))))?;
    arrow::stream(py, Ok(batch.schema()), vec![batch])
}

fn texts<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(texts.collect::<StringArray>())
}

fn counts(counts: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(counts.collect::<UInt64Array>())
}

fn numbers(numbers: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(numbers.collect::<Float64Array>())
}

fn series_batch(rows: &[SeriesRow<'_>]) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable([
        ("view", texts(rows.iter().map(|row| Some(row.view))), false),
        ("label", texts(rows.iter().map(|row| Some(row.label))), false),
        ("variant", texts(rows.iter().map(|row| Some(row.variant))), false),
        ("number_of_samples", counts(rows.iter().map(|row| Some(row.number_of_samples))), false),
        ("sum", numbers(rows.iter().map(|row| Some(row.sum))), false),
        ("value", numbers(rows.iter().map(|row| row.value)), true),
        ("variance", numbers(rows.iter().map(|row| row.variance)), true),
        ("relative_lift", numbers(rows.iter().map(|row| row.relative_lift)), true),
        ("rel_effect_size_ci_lower", numbers(rows.iter().map(|row| row.rel_effect_size_ci_lower)), true),
        ("rel_effect_size_ci_upper", numbers(rows.iter().map(|row| row.rel_effect_size_ci_upper)), true),
        ("p_value", numbers(rows.iter().map(|row| row.p_value)), true),
        ("p_value_fixed_horizon", numbers(rows.iter().map(|row| row.p_value_fixed_horizon)), true),
    ])
}

fn exposure_batch(rows: &[ExposureRow<'_>]) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable([
        ("day", texts(rows.iter().map(|row| Some(row.day))), false),
        ("variant", texts(rows.iter().map(|row| Some(row.variant))), false),
        ("first_exposures", counts(rows.iter().map(|row| Some(row.first_exposures))), false),
        ("cumulative", counts(rows.iter().map(|row| Some(row.cumulative))), false),
    ])
}

fn reconciliation_batch(rows: &[ReconciliationRow<'_>]) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable([
        ("rule", texts(rows.iter().map(|row| Some(row.rule.as_str()))), false),
        ("description", texts(rows.iter().map(|row| Some(row.description))), false),
        ("changed_units", counts(rows.iter().map(|row| Some(row.changed_units))), false),
        ("variant", texts(rows.iter().map(|row| Some(row.variant))), false),
        ("units", counts(rows.iter().map(|row| Some(row.units))), false),
        ("sum", numbers(rows.iter().map(|row| Some(row.sum))), false),
        ("denominator_sum", numbers(rows.iter().map(|row| Some(row.denominator_sum))), false),
    ])
}

fn unit_batch(units: &[ListedUnit]) -> Result<RecordBatch, ArrowError> {
    let moments = |moment: fn(&ListedUnit) -> Timestamp| -> ArrayRef {
        let microseconds = units.iter().map(|unit| Some(moment(unit).as_microsecond()));
        Arc::new(microseconds.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    RecordBatch::try_from_iter_with_nullable([
        ("unit", texts(units.iter().map(|unit| Some(unit.unit.as_str()))), false),
        ("variant", texts(units.iter().map(|unit| Some(unit.variant.as_str()))), false),
        ("first_exposure", moments(|unit| unit.first_exposure), false),
        ("last_exposure", moments(|unit| unit.last_exposure), false),
        ("value", numbers(units.iter().map(|unit| Some(unit.value))), false),
        ("denominator", numbers(units.iter().map(|unit| Some(unit.denominator))), false),
        ("steps", counts(units.iter().map(|unit| unit.steps.map(|steps| steps as u64))), true),
        ("left_out", texts(units.iter().map(|unit| unit.left_out.map(LeftOutReason::name))), true),
    ])
}

/// Refuses a metric that no experiment could take, in the words in which an experiment would.
#[pyfunction]
pub(crate) fn check_metric(py: Python<'_>, metric: &str) -> PyResult<()> {
    let metric: Map<String, Value> = lab::read(py, "metric", metric)?;
    ExperimentMetric::parse(&metric, "metric").map(|_| ()).map_err(|error| exception(py, &error))
}
