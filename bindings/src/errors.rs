//! Errors of the engine as the exceptions of `abduck.errors`.

use abduck::{Error, ErrorKind};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The exception that stands for an error.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    match class_name(error.kind()) {
        Some(name) => instance(py, name, error).unwrap_or_else(|failure| failure),
        None => PyKeyboardInterrupt::new_err(error.to_string()),
    }
}

/// The class in `abduck.errors`; none for an interrupt, which is Python's own.
fn class_name(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::NotFound { .. } => Some("NotFoundError"),
        ErrorKind::Invalid { .. } => Some("InvalidError"),
        ErrorKind::NotAllowed { .. } => Some("NotAllowedError"),
        ErrorKind::NotReady { .. } => Some("NotReadyError"),
        ErrorKind::Busy { .. } => Some("BusyError"),
        ErrorKind::Schema { .. } => Some("SchemaError"),
        ErrorKind::Query { .. } => Some("QueryError"),
        ErrorKind::Storage { .. } => Some("StorageError"),
        ErrorKind::Io { .. } => Some("IoError"),
        ErrorKind::Interrupted => None,
        ErrorKind::Bug { .. } => Some("InternalError"),
    }
}

fn instance(py: Python<'_>, class_name: &str, error: &Error) -> PyResult<PyErr> {
    let class = py.import("abduck.errors")?.getattr(class_name)?;
    let details = PyDict::new(py);
    details.set_item("code", error.code())?;
    details.set_item("hints", error.hints())?;
    let value = class.call((error.to_string(),), Some(&details))?;
    match error.kind() {
        ErrorKind::Invalid { field, .. } => value.setattr("field", field)?,
        ErrorKind::Query { sql, .. } => value.setattr("sql", sql)?,
        ErrorKind::Storage { path, .. } => value.setattr("path", path)?,
        ErrorKind::Io { path, source } => {
            value.setattr("filename", path)?;
            value.setattr("errno", source.raw_os_error())?;
        }
        ErrorKind::NotFound { .. }
        | ErrorKind::NotAllowed { .. }
        | ErrorKind::NotReady { .. }
        | ErrorKind::Busy { .. }
        | ErrorKind::Schema { .. }
        | ErrorKind::Interrupted
        | ErrorKind::Bug { .. } => {}
    }
    Ok(PyErr::from_value(value))
}
