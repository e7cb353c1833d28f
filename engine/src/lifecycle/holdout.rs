//! Holdouts, and the flags that follow them.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::flag::with_holdout;
use crate::error::{Error, Result};
use crate::model::flag::{ConditionGroup, FeatureFlag};
use crate::model::holdout::{CreateHoldout, Holdout, UpdateHoldout};

/// What becomes of a holdout and of the flags of its experiments.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatedHoldout {
    /// The holdout.
    pub holdout: Holdout,
    /// The flags that change with it (L-31).
    pub flags: Vec<FeatureFlag>,
}

/// Creates a holdout; [`numbered_holdout`] completes it once the catalog has chosen its id.
///
/// # Errors
/// `Invalid` on `filters` when there are none (V-31), or a percentage is missing (V-32) or outside 0 to 100 (V-33).
pub fn create_holdout(request: CreateHoldout, now: Timestamp, created_by: Option<&str>) -> Result<Holdout> {
    let filters = read_filters(&request.filters)?;
    Ok(Holdout {
        id: 0,
        name: request.name,
        description: request.description,
        filters,
        created_by: created_by.map(str::to_owned),
        created_at: now,
        updated_at: now,
    })
}

/// The holdout under its id: every element's variant is `holdout-<id>`, whatever the client sent (L-30).
#[must_use]
pub fn numbered_holdout(holdout: Holdout, id: i64) -> Holdout {
    let variant = Some(format!("holdout-{id}"));
    let filters =
        holdout.filters.into_iter().map(|group| ConditionGroup { variant: variant.clone(), ..group }).collect();
    Holdout { id, filters, ..holdout }
}

/// Changes a holdout; the flags of its experiments follow, running ones included (L-31).
///
/// Changing the percentage moves people between held out and exposed (B-24); the audit log keeps when, and the results
/// of experiments that were running warn of it.
///
/// # Errors
/// `Invalid` on `filters` as for [`create_holdout`], also for an empty list (B-23).
pub fn update_holdout(
    holdout: &Holdout,
    flags: &[FeatureFlag],
    request: UpdateHoldout,
    now: Timestamp,
) -> Result<UpdatedHoldout> {
    let filters = request.filters.as_deref().map(read_filters).transpose()?;
    let after = Holdout {
        name: request.name.unwrap_or_else(|| holdout.name.clone()),
        description: request.description.unwrap_or_else(|| holdout.description.clone()),
        filters: filters.unwrap_or_else(|| holdout.filters.clone()),
        updated_at: now,
        ..holdout.clone()
    };
    let after = numbered_holdout(after, holdout.id);
    // Compared in one form, a list sent back unchanged changes nothing (B-23).
    let flags = if after.filters == holdout.filters { Vec::new() } else { followers(flags, Some(&after)) };
    Ok(UpdatedHoldout { holdout: after, flags })
}

/// The flags of a holdout's experiments once it is gone: nobody is held out (L-32).
#[must_use]
pub fn delete_holdout(flags: &[FeatureFlag]) -> Vec<FeatureFlag> {
    followers(flags, None)
}

fn followers(flags: &[FeatureFlag], holdout: Option<&Holdout>) -> Vec<FeatureFlag> {
    let follow = |flag: &FeatureFlag| FeatureFlag {
        filters: with_holdout(&flag.filters, holdout),
        version: flag.version + 1,
        ..flag.clone()
    };
    flags.iter().map(follow).collect()
}

fn read_filters(filters: &[Value]) -> Result<Vec<ConditionGroup>> {
    if filters.is_empty() {
        return Err(invalid("Filters are required to create an holdout group")
            .hint("give one element, such as {\"properties\": [], \"rollout_percentage\": 5}"));
    }
    filters.iter().enumerate().map(|(index, filter)| read_filter(index, filter)).collect()
}

fn read_filter(index: usize, filter: &Value) -> Result<ConditionGroup> {
    let Value::Object(fields) = filter else { return Err(invalid(format!("filter {index} must be an object"))) };
    let known = ["properties", "rollout_percentage", "variant"];
    if let Some(key) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(
            invalid(format!("unknown key '{key}' in filter {index}")).hint(format!("known keys: {}", known.join(", ")))
        );
    }
    let percentage = match fields.get("rollout_percentage") {
        None | Some(Value::Null) => return Err(invalid("Rollout percentage must be present.")),
        Some(value) => value.as_f64(),
    };
    let Some(percentage) = percentage.filter(|percentage| (0.0..=100.0).contains(percentage)) else {
        return Err(invalid("Rollout percentage must be between 0 and 100."));
    };
    let properties = match fields.get("properties") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(properties)) => properties.clone(),
        Some(_) => return Err(invalid(format!("the properties of filter {index} must be a list"))),
    };
    Ok(ConditionGroup { properties, rollout_percentage: Some(percentage), variant: None, other: Map::new() })
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid_field("filters", "invalid_input", message)
}
