//! Tables of the lab that are no events.

use abduck::events::Format;
use abduck::{LoadReport, Source};
use pyo3::prelude::*;
use serde::Deserialize;

use crate::session::Session;

/// How a table is loaded.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoadRequest {
    name: String,
    format: Option<Format>,
    timestamp: Option<String>,
}

/// Loads a table.
pub(crate) fn load(session: &Session, py: Python<'_>, source: Source, request: LoadRequest) -> PyResult<LoadReport> {
    let LoadRequest { name, format, timestamp } = request;
    session.run(py, move |engine| engine.load_table(&name, source, format, timestamp.as_deref()))
}
