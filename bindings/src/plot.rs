//! Pictures and reports as text, and writing them.

use std::path::PathBuf;

use abduck::report::{self, PlotKind, PlotSource};
use abduck::results::Report;
use abduck::{Error, Result};
use pyo3::prelude::*;

use crate::errors::exception;

/// Writes a file as a whole or not at all.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands paths over")]
pub(crate) fn write_text(py: Python<'_>, path: PathBuf, text: &str) -> PyResult<()> {
    abduck::write_text(&path, text).map_err(|error| exception(py, &error))
}

/// The kind of a plot by its name.
pub(crate) fn plot_kind(name: &str) -> Result<PlotKind> {
    PlotKind::named(name).ok_or_else(|| {
        let known: Vec<_> = PlotKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Error::invalid_field("kind", "invalid_choice", format!("there is no plot '{name}'"))
            .hint(format!("choose one of: {}", known.join(", ")))
    })
}

/// A plot of a result.
pub(crate) fn drawn(py: Python<'_>, kind: &str, source: PlotSource<'_>) -> PyResult<String> {
    let drawn = plot_kind(kind).and_then(|kind| {
        report::svg(kind, source).ok_or_else(|| {
            let message = format!("there is nothing to draw: the result has no {}", kind.needs());
            Error::invalid_field("kind", "nothing_to_show", message)
                .hint("a result alone has the plots forest and funnel; an experiment has all: experiment.plot(kind)")
        })
    });
    drawn.map_err(|error| exception(py, &error))
}

/// A report in one of its forms.
pub(crate) fn formed(report: &Report, form: &str) -> Result<String> {
    match form {
        "html" => Ok(report::report_html(report)),
        "markdown" => Ok(report::report_markdown(report)),
        other => Err(Error::invalid_field("format", "invalid_choice", format!("a report has no form '{other}'"))
            .hint("choose html or markdown")),
    }
}
