//! Feature flags: what splits the traffic (lifecycle rules 1.6 and F-0).

mod request;

pub use request::{CreateFlag, UpdateFlag};

use std::borrow::Cow;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

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
    /// Property filters, all of which must hold; null reads as none.
    #[serde(default, deserialize_with = "list_or_none")]
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
    /// Reads a flag that lies elsewhere than in a lab, to evaluate it. Only the key is required; keys that make no difference to
    /// the evaluation are passed over.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a field is missing or of the wrong form.
    ///
    /// ```
    /// use abduck::model::flag::FeatureFlag;
    ///
    /// let flag = FeatureFlag::from_json(serde_json::json!({"key": "new-checkout", "team_id": 3}))?;
    /// assert!(flag.active && !flag.deleted);
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn from_json(definition: Value) -> Result<Self> {
        let Value::Object(mut fields) = definition else {
            return Err(Error::invalid_field("flag", "invalid", "a flag must be an object"));
        };
        // Null is what other systems write for "not set".
        fields.retain(|field, value| EVALUATED.contains(&field.as_str()) && !value.is_null());
        let deleted = fields.remove("deleted").unwrap_or(Value::Bool(false));
        let deleted =
            deleted.as_bool().ok_or_else(|| Error::invalid_field("deleted", "invalid", "Must be a valid boolean."))?;
        let request = CreateFlag::from_json(Value::Object(fields))?;
        Ok(Self {
            id: 0,
            key: request.key,
            name: request.name,
            filters: request.filters,
            rollout_percentage: request.rollout_percentage,
            active: request.active,
            deleted,
            ensure_experience_continuity: request.ensure_experience_continuity,
            version: 1,
            created_by: None,
            created_at: Timestamp::UNIX_EPOCH,
        })
    }

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

/// What an evaluation depends on.
const EVALUATED: [&str; 6] =
    ["key", "filters", "rollout_percentage", "active", "deleted", "ensure_experience_continuity"];

fn list_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
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
