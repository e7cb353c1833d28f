//! Holdouts: people kept out of a family of experiments (lifecycle rule 1.3).

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::flag::ConditionGroup;
use super::payload::Payload;
use crate::error::Result;

/// People kept out of every experiment that uses this holdout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holdout {
    /// Chosen by the catalog; 0 until then.
    pub id: i64,
    /// The name, at most 400 characters.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// Who is held out; only the first element counts (L-33), and its variant is `holdout-<id>` (L-30).
    pub filters: Vec<ConditionGroup>,
    /// Who made the holdout.
    pub created_by: Option<String>,
    /// When the holdout was made.
    pub created_at: Timestamp,
    /// When the holdout was last changed.
    pub updated_at: Timestamp,
}

/// The request to make a holdout.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateHoldout {
    /// The name, 1 to 400 characters.
    #[schemars(length(min = 1, max = 400))]
    pub name: String,
    /// The description, at most 400 characters.
    #[schemars(length(max = 400))]
    pub description: Option<String>,
    /// Who is held out, each element `{"properties": [], "rollout_percentage": 0..100}`; only the first counts (L-33).
    pub filters: Vec<Value>,
}

/// The request to change a holdout: what is `None` was not given and stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateHoldout {
    /// The name, 1 to 400 characters.
    pub name: Option<String>,
    /// The description, at most 400 characters.
    pub description: Option<Option<String>>,
    /// Who is held out; replaced as a whole.
    pub filters: Option<Vec<Value>>,
}

const WRITABLE: [&str; 3] = ["name", "description", "filters"];
const READ_ONLY: [&str; 4] = ["id", "created_by", "created_at", "updated_at"];

impl CreateHoldout {
    /// The JSON Schema (2020-12) of a request.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Reads the request from JSON.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is missing, unknown or of the wrong form.
    ///
    /// ```
    /// use abduck::model::holdout::CreateHoldout;
    ///
    /// let request = serde_json::json!({"name": "2025", "filters": [{"rollout_percentage": 5}]});
    /// assert_eq!(CreateHoldout::from_json(request)?.filters.len(), 1);
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    pub fn from_json(request: Value) -> Result<Self> {
        let mut payload = Payload::open(request, &WRITABLE, &READ_ONLY)?;
        Ok(Self {
            name: payload.required_text("name")?,
            description: payload.nullable_text("description")?,
            filters: payload.nullable_list("filters")?.unwrap_or_default(),
        })
    }
}

impl UpdateHoldout {
    /// Reads the request from JSON.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is unknown or of the wrong form.
    pub fn from_json(request: Value) -> Result<Self> {
        let mut payload = Payload::open(request, &WRITABLE, &READ_ONLY)?;
        Ok(Self {
            name: payload.if_given("name", Payload::required_text)?,
            description: payload.if_given("description", Payload::nullable_text)?,
            filters: payload.if_given("filters", Payload::required_list)?,
        })
    }
}
