//! The requests to make and to change a flag.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{FlagFilters, percentage_or_null};
use crate::error::{Error, Result};
use crate::model::payload::Payload;

/// The request to make a flag of its own, without an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateFlag {
    /// The name that assignments and events carry.
    pub key: String,
    /// The description.
    #[schemars(default)]
    pub name: String,
    /// Who gets which variant; absent gives the flag to everyone.
    #[schemars(default)]
    pub filters: FlagFilters,
    /// The rollout of a flag whose filters have no groups, in percent (F-0).
    #[serde(serialize_with = "percentage_or_null")]
    #[schemars(with = "Option<f64>")]
    pub rollout_percentage: Option<f64>,
    /// Whether the flag is evaluated at all; absent means that it is.
    #[schemars(default = "always")]
    pub active: bool,
    /// Whether people keep the variant they had before they signed in.
    #[schemars(default)]
    pub ensure_experience_continuity: bool,
}

fn always() -> bool {
    true
}

/// What a client may give when it makes a flag.
const WRITABLE: [&str; 6] = ["key", "name", "filters", "rollout_percentage", "active", "ensure_experience_continuity"];

/// What a client may send back, without effect.
const READ_ONLY: [&str; 4] = ["id", "version", "created_by", "created_at"];

impl CreateFlag {
    /// The JSON Schema (2020-12) of a request.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Reads the request.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is missing, unknown or of the wrong form.
    ///
    /// ```
    /// use abduck::model::flag::CreateFlag;
    ///
    /// let request = CreateFlag::from_json(serde_json::json!({"key": "new-checkout"}))?;
    /// assert!(request.active);
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    pub fn from_json(request: Value) -> Result<Self> {
        let mut payload = Payload::open(request, &WRITABLE, &[&READ_ONLY[..], &["deleted"]].concat())?;
        let key = payload.required_text("key")?;
        Ok(Self {
            key,
            name: payload.nullable_text("name")?.unwrap_or_default(),
            filters: filters(&mut payload, "filters")?,
            rollout_percentage: payload.nullable_percentage("rollout_percentage")?,
            active: payload.boolean("active", true)?,
            ensure_experience_continuity: payload.boolean("ensure_experience_continuity", false)?,
        })
    }
}

/// The request to change a flag: what is `None` was not given and stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateFlag {
    /// The name that assignments and events carry.
    pub key: Option<String>,
    /// The description.
    pub name: Option<String>,
    /// Who gets which variant; replaced as a whole.
    pub filters: Option<FlagFilters>,
    /// The rollout of a flag whose filters have no groups, in percent (F-0).
    pub rollout_percentage: Option<Option<f64>>,
    /// Whether the flag is evaluated at all.
    pub active: Option<bool>,
    /// Whether the flag is deleted.
    pub deleted: Option<bool>,
    /// Whether people keep the variant they had before they signed in.
    pub ensure_experience_continuity: Option<bool>,
}

/// What can be changed.
const UPDATABLE: [&str; 7] =
    ["key", "name", "filters", "rollout_percentage", "active", "deleted", "ensure_experience_continuity"];

impl UpdateFlag {
    /// The JSON Schema (2020-12) of a request.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Reads the request.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is unknown or of the wrong form.
    ///
    /// ```
    /// use abduck::model::flag::UpdateFlag;
    ///
    /// let request = UpdateFlag::from_json(serde_json::json!({"active": false}))?;
    /// assert_eq!((request.active, request.filters), (Some(false), None));
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    pub fn from_json(request: Value) -> Result<Self> {
        let mut payload = Payload::open(request, &UPDATABLE, &READ_ONLY)?;
        let boolean = |payload: &mut Payload, field: &str| payload.boolean(field, false);
        Ok(Self {
            key: payload.if_given("key", Payload::required_text)?,
            name: payload.if_given("name", |payload, field| Ok(payload.nullable_text(field)?.unwrap_or_default()))?,
            filters: payload.if_given("filters", filters)?,
            rollout_percentage: payload.if_given("rollout_percentage", Payload::nullable_percentage)?,
            active: payload.if_given("active", boolean)?,
            deleted: payload.if_given("deleted", boolean)?,
            ensure_experience_continuity: payload.if_given("ensure_experience_continuity", boolean)?,
        })
    }
}

fn filters(payload: &mut Payload, field: &str) -> Result<FlagFilters> {
    let object: Map<String, Value> = payload.object(field)?;
    serde_json::from_value(Value::Object(object))
        .map_err(|error| Error::invalid_field(field, "invalid", format!("the filters cannot be read: {error}")))
}
