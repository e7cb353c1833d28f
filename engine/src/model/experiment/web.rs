//! The request to create a web experiment (L-20a).

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::error::Result;
use crate::model::payload::Payload;

/// The request to create a web experiment: its variants come with the changes they make to a page.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateWebExperiment {
    /// The name, 1 to 400 characters; the key of the flag is made from it.
    #[schemars(length(min = 1, max = 400))]
    pub name: String,
    /// The description, at most 400 characters.
    #[schemars(length(max = 400))]
    pub description: Option<String>,
    /// `{"<key>": {"rollout_percentage": n, "transforms": [{"selector": "#id", ...}]}}`, one of them `control`.
    pub variants: Value,
}

impl CreateWebExperiment {
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
        const READ_ONLY: [&str; 5] = ["id", "feature_flag_key", "created_by", "created_at", "updated_at"];
        let mut payload = Payload::open(request, &["name", "description", "variants"], &READ_ONLY)?;
        Ok(Self {
            name: payload.required_text("name")?,
            description: payload.nullable_text("description")?,
            variants: payload.value("variants"),
        })
    }
}
