//! Saved metrics: metrics that several experiments share (lifecycle rules 1.4 and 1.5).

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::payload::Payload;
use crate::error::Result;

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

/// The request to make a saved metric.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateSavedMetric {
    /// The name, 1 to 400 characters.
    #[schemars(length(min = 1, max = 400))]
    pub name: String,
    /// The description, at most 400 characters.
    #[schemars(length(max = 400))]
    pub description: Option<String>,
    /// What is measured: an `ExperimentTrendsQuery` or an `ExperimentFunnelsQuery` (L-40).
    pub query: Map<String, Value>,
}

/// The request to change a saved metric: what is `None` was not given and stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateSavedMetric {
    /// The name, 1 to 400 characters.
    pub name: Option<String>,
    /// The description, at most 400 characters.
    pub description: Option<Option<String>>,
    /// What is measured; replaced as a whole.
    pub query: Option<Map<String, Value>>,
}

const WRITABLE: [&str; 3] = ["name", "description", "query"];
const READ_ONLY: [&str; 4] = ["id", "created_by", "created_at", "updated_at"];

impl CreateSavedMetric {
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
        let mut payload = Payload::open(request, &WRITABLE, &READ_ONLY)?;
        Ok(Self {
            name: payload.required_text("name")?,
            description: payload.nullable_text("description")?,
            query: payload.required_object("query")?,
        })
    }
}

impl UpdateSavedMetric {
    /// Reads the request from JSON.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is unknown or of the wrong form.
    pub fn from_json(request: Value) -> Result<Self> {
        let mut payload = Payload::open(request, &WRITABLE, &READ_ONLY)?;
        Ok(Self {
            name: payload.if_given("name", Payload::required_text)?,
            description: payload.if_given("description", Payload::nullable_text)?,
            query: payload.if_given("query", Payload::required_object)?,
        })
    }
}
