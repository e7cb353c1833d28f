//! Saved metrics: metrics that several experiments share (lifecycle rules 1.4 and 1.5).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A metric defined once and used by several experiments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedMetric {
    /// Chosen by the catalog; 0 until then.
    pub id: i64,
    /// The name, at most 400 characters.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// What is measured, as the client gave it; `kind` says which form it has.
    pub query: Map<String, Value>,
    /// Who made the metric.
    pub created_by: Option<String>,
    /// When the metric was made.
    pub created_at: Timestamp,
    /// When the metric was last changed.
    pub updated_at: Timestamp,
}

/// The use of a saved metric by an experiment. It follows the metric: editing the metric shows through here (L-43).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentSavedMetric {
    /// Chosen by the catalog; 0 until then.
    pub id: i64,
    /// The experiment's id.
    pub experiment: i64,
    /// The saved metric's id.
    pub saved_metric: i64,
    /// How the experiment uses the metric; `type` is `primary` or `secondary`.
    pub metadata: Map<String, Value>,
    /// When the metric was linked.
    pub created_at: Timestamp,
    /// When the link was last changed.
    pub updated_at: Timestamp,
    /// The saved metric's query, as it is now.
    pub query: Map<String, Value>,
    /// The saved metric's name, as it is now.
    pub name: String,
}
