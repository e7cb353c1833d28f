//! Feature flags: what splits the traffic (lifecycle rules 1.6 and F-0).

use std::borrow::Cow;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::payload::Payload;
use crate::error::{Error, Result};

/// A feature flag. Its key is unique among the flags that are not deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureFlag {
    /// Chosen by the catalog; 0 until then.
    pub id: i64,
    /// The name that assignments and events carry.
    pub key: String,
    /// The description.
    pub name: String,
    /// Who gets which variant.
    pub filters: FlagFilters,
    /// The rollout of a flag whose filters have no groups, in percent (F-0).
    #[serde(serialize_with = "percentage_or_null")]
    pub rollout_percentage: Option<f64>,
    /// Whether the flag is evaluated at all (F-1).
    pub active: bool,
    /// Whether the flag was deleted; its row stays while an experiment needs it (L-22).
    pub deleted: bool,
    /// Whether people keep the variant they had before they signed in (F-15).
    pub ensure_experience_continuity: bool,
    /// Counts the changes of the flag, from 1.
    pub version: i64,
    /// Who made the flag.
    pub created_by: Option<String>,
    /// When the flag was made.
    pub created_at: Timestamp,
}

/// Who gets which variant. Keys not named here are kept as the client gave them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FlagFilters {
    /// Release conditions, tried in order; absent in the legacy form (F-0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<ConditionGroup>>,
    /// The variants; null for a flag that is only on or off.
    #[serde(default)]
    pub multivariate: Option<Multivariate>,
    /// The group type (0 to 4) whose members are assigned together; null assigns persons.
    #[serde(default)]
    pub aggregation_group_type_index: Option<u8>,
    /// What to deliver with a variant, by variant key (F-13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payloads: Option<Map<String, Value>>,
    /// Conditions tried before everything else (F-5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub super_groups: Option<Vec<ConditionGroup>>,
    /// Who is held out of the experiment (F-6).
    #[serde(default)]
    pub holdout_groups: Option<Vec<ConditionGroup>>,
    /// Everything else the client gave.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One release condition: all properties hold, and the rollout lets the person in (F-8).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConditionGroup {
    /// Property filters, all of which must hold.
    #[serde(default)]
    pub properties: Vec<Value>,
    /// How many of the matching people are let in, in percent; null lets everyone in.
    #[serde(default, serialize_with = "percentage_or_null")]
    #[schemars(with = "Option<f64>", range(min = 0, max = 100))]
    pub rollout_percentage: Option<f64>,
    /// The variant that everyone in this group gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Everything else the client gave.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The variants of a flag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Multivariate {
    /// The variants in order; missing, null or not a list reads as none (F-0).
    #[serde(default, deserialize_with = "variants_or_none")]
    pub variants: Vec<Variant>,
}

/// One variant and its share of the traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Variant {
    /// The name that assignments and events carry, such as `control`.
    pub key: String,
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The share of the traffic, in percent.
    #[serde(serialize_with = "percentage")]
    #[schemars(with = "f64", range(min = 0, max = 100))]
    pub rollout_percentage: f64,
}

impl FeatureFlag {
    /// The variants in order; none for a flag that is only on or off.
    #[must_use]
    pub fn variants(&self) -> &[Variant] {
        self.filters.multivariate.as_ref().map_or(&[], |multivariate| &multivariate.variants)
    }

    /// The release conditions, where the legacy form reads as one group (F-0).
    #[must_use]
    pub fn groups(&self) -> Cow<'_, [ConditionGroup]> {
        if let Some(groups) = &self.filters.groups {
            return Cow::Borrowed(groups);
        }
        let properties = self.filters.other.get("properties").and_then(Value::as_array).cloned().unwrap_or_default();
        let rollout_percentage = self.rollout_percentage;
        Cow::Owned(vec![ConditionGroup { properties, rollout_percentage, ..ConditionGroup::default() }])
    }
}

/// The request to make a flag of its own, without an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateFlag {
    /// The name that assignments and events carry.
    pub key: String,
    /// The description.
    pub name: String,
    /// Who gets which variant.
    pub filters: FlagFilters,
    /// The rollout of a flag whose filters have no groups, in percent (F-0).
    #[serde(serialize_with = "percentage_or_null")]
    #[schemars(with = "Option<f64>")]
    pub rollout_percentage: Option<f64>,
    /// Whether the flag is evaluated at all.
    pub active: bool,
    /// Whether people keep the variant they had before they signed in.
    pub ensure_experience_continuity: bool,
}

/// What a client may give when it makes a flag.
const WRITABLE: [&str; 6] = ["key", "name", "filters", "rollout_percentage", "active", "ensure_experience_continuity"];

/// What a client may send back, without effect.
const READ_ONLY: [&str; 5] = ["id", "version", "deleted", "created_by", "created_at"];

impl CreateFlag {
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
        let mut payload = Payload::open(request, &WRITABLE, &READ_ONLY)?;
        let key = payload.required_text("key")?;
        let filters = serde_json::from_value(Value::Object(payload.object("filters")?)).map_err(|error| {
            Error::invalid_field("filters", "invalid", format!("the filters cannot be read: {error}"))
        })?;
        Ok(Self {
            key,
            name: payload.nullable_text("name")?.unwrap_or_default(),
            filters,
            rollout_percentage: payload.nullable_percentage("rollout_percentage")?,
            active: payload.boolean("active", true)?,
            ensure_experience_continuity: payload.boolean("ensure_experience_continuity", false)?,
        })
    }
}

fn variants_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Variant>, D::Error> {
    match Value::deserialize(deserializer)? {
        variants @ Value::Array(_) => serde_json::from_value(variants).map_err(serde::de::Error::custom),
        _ => Ok(Vec::new()),
    }
}

/// A percentage as clients write it: `50`, not `50.0`.
pub(crate) fn percentage_value(percentage: f64) -> Value {
    if percentage.fract() == 0.0 && percentage.abs() < 1e6 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small, so the conversion is exact")]
        return Value::from(percentage as i64);
    }
    Value::from(percentage)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serialize_with calls")]
fn percentage<S: Serializer>(percentage: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    percentage_value(*percentage).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "the form that serialize_with calls")]
fn percentage_or_null<S: Serializer>(percentage: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    percentage.map(percentage_value).serialize(serializer)
}
