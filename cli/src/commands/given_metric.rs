//! The metric that a command is about, from what was typed.

use std::path::Path;

use abduck::model::definition;
use abduck::{Engine, Error, ErrorKind, Result};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::definition::{name, text};

/// A metric as it was typed.
#[derive(Debug)]
pub(crate) enum GivenMetric {
    /// Its definition.
    Definition(Map<String, Value>),
    /// One that the experiment has: its number, id or name; the first modern one unless said.
    Stored(Option<String>),
}

impl GivenMetric {
    /// Reads JSON in braces, or a file, or else takes it for a metric of the experiment; before a lab is opened, because
    /// stdin may take a while.
    pub(crate) fn read(typed: Option<&str>) -> Result<Self> {
        let Some(typed) = typed else { return Ok(Self::Stored(None)) };
        let is_inline = typed.trim_start().starts_with('{');
        let file = Path::new(typed);
        let is_file = typed == "-" || file.is_file() || file.extension().is_some();
        let (place, text) = match (is_inline, is_file) {
            (true, _) => ("the metric".to_owned(), typed.to_owned()),
            (false, true) => (name(file), text(file).map_err(see_forms)?),
            (false, false) => return Ok(Self::Stored(Some(typed.to_owned()))),
        };
        let value = definition::read(&text).map_err(|error| match error.kind() {
            ErrorKind::Invalid { message, .. } => Error::invalid(format!("{place}: {message}")),
            _ => error,
        })?;
        match value {
            Value::Object(definition) => Ok(Self::Definition(definition)),
            _ => Err(see_forms(Error::invalid_field("metric", "invalid_input", format!("{place} is not an object")))),
        }
    }

    /// Its definition; one that is stored is looked up in the experiment.
    pub(crate) fn of(self, engine: &mut Engine, key: &str) -> Result<Map<String, Value>> {
        match self {
            Self::Definition(definition) => Ok(definition),
            Self::Stored(metric) => engine.modern_metric(key, metric.as_deref()),
        }
    }
}

/// The moment that was typed, else the present.
pub(crate) fn moment(as_of: Option<Timestamp>) -> Timestamp {
    as_of.unwrap_or_else(super::now)
}

fn see_forms(error: Error) -> Error {
    error.hint(
        "a metric is a YAML or JSON file, - for stdin, or JSON such as \
         '{\"metric_type\": \"mean\", \"source\": {\"kind\": \"EventsNode\", \"event\": \"purchase\"}}'",
    )
}
