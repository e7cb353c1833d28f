//! The metrics of an experiment in all their forms, and finding one of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::experiment::Experiment;
use super::suggest::closest;
use crate::error::{Error, Result};

/// A metric of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricEntry {
    /// Where it stands in the experiment: `filters`, `metrics[0]`, `secondary_metrics[0]`, `metrics_secondary[0]`, or
    /// `saved_metrics[7]` for the saved metric with the number 7.
    pub id: String,
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its name; empty when the definition gives none.
    pub name: String,
    /// What it is to the experiment.
    pub role: EntryRole,
    /// The form it is given in: `filters` for the legacy form, else the `kind` of its query.
    pub kind: String,
    /// Its definition.
    pub query: Map<String, Value>,
}

/// What a metric is to its experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryRole {
    /// One that decides.
    Primary,
    /// One that is looked at besides.
    Secondary,
}

/// The kind of a metric in the legacy form.
pub const LEGACY: &str = "filters";

impl Experiment {
    /// The metrics in their order: the primary ones, then the secondary ones; of each the legacy form first, then those
    /// given as queries, then saved metrics.
    #[must_use]
    pub fn metric_list(&self) -> Vec<MetricEntry> {
        let mut entries = Vec::new();
        if !self.filters.is_empty() {
            entries.push(entry("filters".into(), "", EntryRole::Primary, &self.filters));
        }
        entries.extend(given("metrics", self.metrics.as_deref(), EntryRole::Primary));
        entries.extend(self.linked(EntryRole::Primary));
        for (index, metric) in self.secondary_metrics.iter().flatten().enumerate() {
            let filters = metric.get("filters").and_then(Value::as_object).cloned().unwrap_or_default();
            let mut entry = entry(format!("secondary_metrics[{index}]"), "", EntryRole::Secondary, &filters);
            metric.get("name").and_then(Value::as_str).unwrap_or_default().clone_into(&mut entry.name);
            entries.push(entry);
        }
        entries.extend(given("metrics_secondary", self.metrics_secondary.as_deref(), EntryRole::Secondary));
        entries.extend(self.linked(EntryRole::Secondary));
        for (index, entry) in entries.iter_mut().enumerate() {
            entry.index = index;
        }
        entries
    }

    /// The saved metrics that are used so; what is not said to be primary is secondary.
    fn linked(&self, role: EntryRole) -> impl Iterator<Item = MetricEntry> {
        let role_of = |metadata: &Map<String, Value>| {
            let is_primary = metadata.get("type").is_some_and(|kind| kind == "primary");
            if is_primary { EntryRole::Primary } else { EntryRole::Secondary }
        };
        let links = self.saved_metrics.iter().filter(move |link| role_of(&link.metadata) == role);
        links.map(move |link| entry(format!("saved_metrics[{}]", link.saved_metric), &link.name, role, &link.query))
    }

    /// The metric with an id, a place in the list, or a name of its own.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Invalid` when several have the name.
    pub fn listed_metric(&self, wanted: &str) -> Result<MetricEntry> {
        let mut entries = self.metric_list();
        let place = entries.iter().position(|entry| entry.id == wanted);
        let place = place.or_else(|| wanted.parse().ok().filter(|place| *place < entries.len()));
        if let Some(place) = place {
            return Ok(entries.swap_remove(place));
        }
        let mut named = entries.iter().filter(|entry| entry.name == wanted && !wanted.is_empty());
        match (named.next(), named.next()) {
            (Some(entry), None) => Ok(entry.clone()),
            (Some(one), Some(other)) => {
                let message = format!("several metrics have the name '{wanted}'");
                let hint = format!("name it by its id, such as '{}' or '{}'", one.id, other.id);
                Err(Error::invalid_field("metric", "invalid_choice", message).hint(hint))
            }
            (None, _) => Err(Error::not_found("metric", wanted).hint(known(wanted, &entries))),
        }
    }
}

fn known(wanted: &str, entries: &[MetricEntry]) -> String {
    let names =
        entries.iter().flat_map(|entry| [entry.name.as_str(), entry.id.as_str()]).filter(|name| !name.is_empty());
    match closest(wanted, names) {
        Some(similar) => format!("did you mean '{similar}'?"),
        None if entries.is_empty() => "the experiment has no metrics".into(),
        None if entries.len() == 1 => "the experiment has one metric, number 0".into(),
        None => format!("the metrics of the experiment are numbered 0 to {}", entries.len() - 1),
    }
}

fn given(list: &str, metrics: Option<&[Value]>, role: EntryRole) -> impl Iterator<Item = MetricEntry> {
    let nothing = Map::new();
    metrics.unwrap_or_default().iter().enumerate().map(move |(index, metric)| {
        let query = metric.as_object().unwrap_or(&nothing);
        let name = query.get("name").and_then(Value::as_str).unwrap_or_default();
        entry(format!("{list}[{index}]"), name, role, query)
    })
}

/// An entry of a query, whose own name counts before another.
fn entry(id: String, name: &str, role: EntryRole, query: &Map<String, Value>) -> MetricEntry {
    let text = |key: &str| query.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let is_legacy = id == "filters" || id.starts_with("secondary_metrics");
    MetricEntry {
        index: 0,
        name: text("name").unwrap_or(name).to_owned(),
        role,
        kind: if is_legacy { LEGACY.to_owned() } else { text("kind").unwrap_or_default().to_owned() },
        query: query.clone(),
        id,
    }
}
