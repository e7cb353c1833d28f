//! Cohorts: named sets of persons (lifecycle section 7, query rule Q-P17).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A named set of persons: listed (static), or whoever meets the filters (dynamic).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// Chosen by the catalog; 0 until then.
    pub id: i64,
    /// The name, at most 400 characters.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// Whether the members are listed rather than found by the filters.
    pub is_static: bool,
    /// Who belongs to a dynamic cohort, as the client gave it (L-51).
    pub filters: Map<String, Value>,
    /// The ids of the experiments whose exposure cohort this is (L-55).
    pub experiment_set: Vec<i64>,
    /// Who made the cohort.
    pub created_by: Option<String>,
    /// When the cohort was made.
    pub created_at: Timestamp,
    /// When the cohort was last changed.
    pub updated_at: Timestamp,
}
