//! Saved metrics, and their use by experiments.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::experiment_metric::{self, ExperimentMetric};
use crate::model::saved_metric::{CreateSavedMetric, SavedMetric, UpdateSavedMetric};

/// A saved metric to be linked to an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct NewLink {
    /// The saved metric's id.
    pub saved_metric: i64,
    /// How the experiment uses it.
    pub metadata: Map<String, Value>,
}

/// Creates a saved metric.
///
/// # Errors
/// `Invalid` on `query` when it is empty (V-41), of another kind (V-42), or does not fit its kind (L-40).
pub fn create_saved_metric(
    request: CreateSavedMetric,
    now: Timestamp,
    created_by: Option<&str>,
) -> Result<SavedMetric> {
    check_query(&request.query)?;
    Ok(SavedMetric {
        id: 0,
        name: request.name,
        description: request.description,
        query: request.query,
        created_by: created_by.map(str::to_owned),
        created_at: now,
        updated_at: now,
    })
}

/// Changes a saved metric; the change shows through on every experiment that uses it (L-43).
///
/// # Errors
/// As for [`create_saved_metric`].
pub fn update_saved_metric(metric: &SavedMetric, request: UpdateSavedMetric, now: Timestamp) -> Result<SavedMetric> {
    if let Some(query) = &request.query {
        check_query(query)?;
    }
    Ok(SavedMetric {
        name: request.name.unwrap_or_else(|| metric.name.clone()),
        description: request.description.unwrap_or_else(|| metric.description.clone()),
        query: request.query.unwrap_or_else(|| metric.query.clone()),
        updated_at: now,
        ..metric.clone()
    })
}

/// Reads which saved metrics an experiment is to use (L-41, L-42); `known` are the ids of all saved metrics.
pub(super) fn links(ids: Option<&[Value]>, known: &[i64]) -> Result<Vec<NewLink>> {
    let links = ids.unwrap_or_default().iter().map(read_link).collect::<Result<Vec<_>>>()?;
    let mut seen = HashSet::new();
    for link in &links {
        if !known.contains(&link.saved_metric) {
            return Err(invalid("Saved metric does not exist").hint("list them with `abduck metric list`"));
        }
        if !seen.insert(link.saved_metric) {
            // The reference says that it does not exist (B-14).
            return Err(invalid(format!("Saved metric {} is given twice", link.saved_metric)));
        }
    }
    Ok(links)
}

fn read_link(element: &Value) -> Result<NewLink> {
    let Value::Object(fields) = element else { return Err(invalid("Saved metric must be an object")) };
    let Some(id) = fields.get("id") else { return Err(invalid("Saved metric must have an id")) };
    let metadata = match fields.get("metadata") {
        None => Map::new(),
        Some(Value::Object(metadata)) if metadata.contains_key("type") => metadata.clone(),
        Some(Value::Object(_)) => return Err(invalid("Metadata must have a type key")),
        Some(_) => return Err(invalid("Metadata must be an object")),
    };
    let saved_metric = id.as_i64().ok_or_else(|| invalid("Saved metric does not exist"))?;
    Ok(NewLink { saved_metric, metadata })
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid_field("saved_metrics_ids", "invalid_input", message)
}

fn check_query(query: &Map<String, Value>) -> Result<()> {
    if query.is_empty() {
        return Err(query_error("Query is required to create a saved metric"));
    }
    let mismatches = match query.get("kind").and_then(Value::as_str) {
        Some("ExperimentTrendsQuery") => {
            let mut mismatches = check_part(query, "count_query", "TrendsQuery", true);
            mismatches.extend(check_part(query, "exposure_query", "TrendsQuery", false));
            mismatches
        }
        // Since 2025; malformed ones are refused with their place.
        Some(experiment_metric::KIND) => return ExperimentMetric::parse(query, "query").map(drop),
        Some("ExperimentFunnelsQuery") => check_part(query, "funnels_query", "FunnelsQuery", true),
        _ => {
            let message = "Metric query kind must be 'ExperimentTrendsQuery' or 'ExperimentFunnelsQuery'";
            return Err(query_error(message));
        }
    };
    if mismatches.is_empty() {
        return Ok(());
    }
    Err(query_error(format!("[{}]", mismatches.join(", "))))
}

/// How a part of a query differs from what its kind asks for, in the words clients look for (L-40).
fn check_part(query: &Map<String, Value>, name: &str, kind: &str, is_required: bool) -> Vec<String> {
    let part = match query.get(name) {
        None | Some(Value::Null) if !is_required => return Vec::new(),
        None => return vec![mismatch("missing", &format!("'{name}',"), "Field required")],
        Some(Value::Object(part)) => part,
        Some(_) => return vec![mismatch("model_type", &format!("'{name}',"), "Input should be a valid dictionary")],
    };
    let mut mismatches = Vec::new();
    if part.get("kind").is_some_and(|given| given != kind) {
        mismatches.push(mismatch("literal_error", &format!("'{name}', 'kind'"), &format!("Input should be '{kind}'")));
    }
    match part.get("series") {
        None => mismatches.push(mismatch("missing", &format!("'{name}', 'series'"), "Field required")),
        Some(Value::Array(series)) => {
            let is_node = |node: &&Value| {
                matches!(
                    node.get("kind").and_then(Value::as_str),
                    Some("EventsNode" | "ActionsNode" | "DataWarehouseNode")
                )
            };
            mismatches.extend(series.iter().enumerate().filter(|(_, node)| !is_node(node)).map(|(index, _)| {
                let place = format!("'{name}', 'series', {index}");
                mismatch("literal_error", &place, "Input should be an EventsNode, ActionsNode or DataWarehouseNode")
            }));
        }
        Some(_) => {
            mismatches.push(mismatch("list_type", &format!("'{name}', 'series'"), "Input should be a valid list"));
        }
    }
    mismatches
}

fn mismatch(kind: &str, place: &str, message: &str) -> String {
    // The quotes are those of a Python text.
    let quote = if message.contains('\'') { '"' } else { '\'' };
    format!("{{'type': '{kind}', 'loc': ({place}), 'msg': {quote}{message}{quote}}}")
}

fn query_error(message: impl Into<String>) -> Error {
    Error::invalid_field("query", "invalid_input", message)
}
