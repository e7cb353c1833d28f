//! The result of an experiment.

use abduck::report::PlotSource;
use abduck::{Error, report, results};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use serde::de::DeserializeOwned;

use crate::arrow;
use crate::errors::exception;
use crate::lab::json;
use crate::plot::drawn;

/// The result of a secondary metric.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct SecondaryResult {
    pub(crate) result: abduck::SecondaryResult,
}

#[pymethods]
impl SecondaryResult {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        read(py, text).map(|result| Self { result })
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.result)
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&results::rows(&self.result.result))
    }

    fn legacy_json(&self) -> PyResult<String> {
        json(&results::legacy_secondary(&self.result))
    }

    #[getter]
    fn verdict(&self) -> String {
        report::verdict(&self.result.result)
    }

    fn to_text(&self) -> String {
        report::secondary_result(&self.result, None)
    }

    fn html(&self) -> String {
        report::secondary_html(&self.result)
    }

    fn table_markdown(&self) -> String {
        report::secondary_table(&self.result).to_markdown()
    }

    fn plot(&self, py: Python<'_>, kind: &str) -> PyResult<String> {
        drawn(py, kind, PlotSource::Result(&self.result.result))
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        arrow::export(py, &self.result.result)
    }
}

/// The result of one of an experiment's metrics.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct ListedResult {
    pub(crate) result: abduck::ListedResult,
}

#[pymethods]
impl ListedResult {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        read(py, text).map(|result| Self { result })
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.result)
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&results::rows(&self.result.result))
    }

    fn legacy_json(&self, py: Python<'_>) -> PyResult<String> {
        results::legacy_listed(&self.result).map_err(|error| exception(py, &error)).and_then(|legacy| json(&legacy))
    }

    #[getter]
    fn verdict(&self) -> String {
        report::verdict(&self.result.result)
    }

    fn to_text(&self) -> String {
        report::listed_result(&self.result, None)
    }

    fn html(&self) -> String {
        report::listed_html(&self.result)
    }

    fn table_markdown(&self) -> String {
        report::listed_table(&self.result).to_markdown()
    }

    fn plot(&self, py: Python<'_>, kind: &str) -> PyResult<String> {
        drawn(py, kind, PlotSource::Listed(&self.result))
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        arrow::export(py, &self.result.result)
    }
}

fn read<T: DeserializeOwned>(py: Python<'_>, text: &str) -> PyResult<T> {
    let read = serde_json::from_str(text).map_err(|error| Error::invalid(format!("this is not a result: {error}")));
    read.map_err(|error| exception(py, &error))
}

/// The result of an experiment's primary metric.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct ExperimentResult {
    pub(crate) result: abduck::ExperimentResult,
}

#[pymethods]
impl ExperimentResult {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        read(py, text).map(|result| Self { result })
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.result)
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&results::rows(&self.result))
    }

    fn legacy_json(&self, py: Python<'_>) -> PyResult<String> {
        results::legacy(&self.result).map_err(|error| exception(py, &error)).and_then(|legacy| json(&legacy))
    }

    #[getter]
    fn verdict(&self) -> String {
        report::verdict(&self.result)
    }

    fn to_text(&self) -> String {
        report::result(&self.result, None)
    }

    fn html(&self) -> String {
        report::html(&self.result)
    }

    fn table_markdown(&self) -> String {
        report::variant_table(&self.result).to_markdown()
    }

    fn plot(&self, py: Python<'_>, kind: &str) -> PyResult<String> {
        drawn(py, kind, PlotSource::Result(&self.result))
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        arrow::export(py, &self.result)
    }
}
