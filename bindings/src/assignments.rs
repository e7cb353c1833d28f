//! The audit of an experiment's assignments.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use ::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use ::arrow::error::ArrowError;
use abduck::assignment::MatrixCell;
use abduck::{Engine, Error, report};
use jiff::Timestamp;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::arrow;
use crate::errors::exception;
use crate::lab::json;

/// The audit of an experiment's assignments.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct AssignmentAudit {
    pub(crate) audit: abduck::results::AssignmentAudit,
}

#[pymethods]
impl AssignmentAudit {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let audit =
            serde_json::from_str(text).map_err(|error| Error::invalid(format!("this is not an audit: {error}")));
        audit.map(|audit| Self { audit }).map_err(|error| exception(py, &error))
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.audit)
    }

    #[getter]
    fn verdict(&self) -> String {
        report::audit_verdict(&self.audit)
    }

    fn to_text(&self) -> String {
        report::audit(&self.audit, None)
    }

    fn html(&self) -> String {
        report::audit_html(&self.audit)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        let batch = batch(&self.audit)
            .map_err(|error| exception(py, &Error::bug(format!("rows do not fit their table: {error}"))))?;
        arrow::stream(py, Ok(batch.schema()), vec![batch])
    }
}

/// Audits an experiment, and lists all who disagree in a CSV file if one is named.
pub(crate) fn audit(
    engine: &mut Engine,
    key: &str,
    as_of: Timestamp,
    examples: usize,
    disagreements: Option<PathBuf>,
) -> abduck::Result<abduck::results::AssignmentAudit> {
    let Some(path) = disagreements else { return engine.audit_assignments(key, as_of, examples, &mut |_| Ok(())) };
    let created = File::create(&path);
    let failed = move |error| Error::io(&path, error);
    let mut file = BufWriter::new(created.map_err(&failed)?);
    file.write_all(report::disagreement_header()?.as_bytes()).map_err(&failed)?;
    let audit = engine.audit_assignments(key, as_of, examples, &mut |one| {
        file.write_all(report::disagreement_csv(one)?.as_bytes()).map_err(&failed)
    })?;
    file.flush().map_err(&failed)?;
    Ok(audit)
}

/// Logged against recomputed values, a row each.
fn batch(audit: &abduck::results::AssignmentAudit) -> Result<RecordBatch, ArrowError> {
    let sources = audit.tally.sources.iter();
    let cells: Vec<_> = sources.flat_map(|source| source.matrix.iter().map(|cell| (source.source, cell))).collect();
    let names: StringArray = cells.iter().map(|(source, _)| Some(source.as_str())).collect();
    let logged: StringArray = cells.iter().map(|(_, cell)| Some(&cell.logged)).collect();
    let recomputed: StringArray = cells.iter().map(|(_, cell)| cell.recomputed.as_ref()).collect();
    let counts = |count: fn(&MatrixCell) -> u64| -> ArrayRef {
        Arc::new(cells.iter().map(|(_, cell)| count(cell)).collect::<UInt64Array>())
    };
    RecordBatch::try_from_iter_with_nullable([
        ("source", Arc::new(names) as ArrayRef, false),
        ("logged", Arc::new(logged) as ArrayRef, false),
        ("recomputed", Arc::new(recomputed) as ArrayRef, true),
        ("assignments", counts(|cell| cell.assignments), false),
        ("events", counts(|cell| cell.events), false),
    ])
}
