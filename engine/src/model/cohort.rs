//! Cohorts: named sets of persons (lifecycle section 7, query rule Q-P17).

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::payload::Payload;
use crate::error::Result;

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

/// The request to make a cohort.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateCohort {
    /// The name, 1 to 400 characters.
    #[schemars(length(min = 1, max = 400))]
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// Whether the members are listed rather than found by the filters.
    #[schemars(default)]
    pub is_static: bool,
    /// Who belongs to a dynamic cohort: `{"properties": {"type": "OR" | "AND", "values": [...]}}`.
    #[schemars(default)]
    pub filters: Map<String, Value>,
}

/// The request to change a cohort: what is `None` was not given and stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateCohort {
    /// The name, 1 to 400 characters.
    pub name: Option<String>,
    /// The description.
    pub description: Option<Option<String>>,
    /// Who belongs to a dynamic cohort; replaced as a whole.
    pub filters: Option<Map<String, Value>>,
}

const READ_ONLY: [&str; 5] = ["id", "experiment_set", "created_by", "created_at", "updated_at"];

impl CreateCohort {
    /// The JSON Schema (2020-12) of a request.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Reads the request from JSON.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is missing, unknown or of the wrong form.
    pub fn from_json(request: Value) -> Result<Self> {
        let mut payload = Payload::open(request, &["name", "description", "is_static", "filters"], &READ_ONLY)?;
        Ok(Self {
            name: payload.required_text("name")?,
            description: payload.nullable_text("description")?,
            is_static: payload.boolean("is_static", false)?,
            filters: payload.object("filters")?,
        })
    }
}

impl UpdateCohort {
    /// Reads the request from JSON.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is unknown or of the wrong form.
    pub fn from_json(request: Value) -> Result<Self> {
        let read_only = [&READ_ONLY[..], &["is_static"]].concat();
        let mut payload = Payload::open(request, &["name", "description", "filters"], &read_only)?;
        Ok(Self {
            name: payload.if_given("name", Payload::required_text)?,
            description: payload.if_given("description", Payload::nullable_text)?,
            filters: payload.if_given("filters", Payload::object)?,
        })
    }
}
