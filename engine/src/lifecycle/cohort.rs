//! Cohorts.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::cohort::{Cohort, CreateCohort, UpdateCohort};
use crate::model::flag::FeatureFlag;

/// Creates a cohort: listed members (static), or whoever meets the filters (dynamic).
///
/// # Errors
/// `Invalid` on `filters` when a static cohort has some, a dynamic one has none, or they are malformed.
pub fn create_cohort(request: CreateCohort, now: Timestamp, created_by: Option<&str>) -> Result<Cohort> {
    if request.is_static && !request.filters.is_empty() {
        return Err(invalid("a static cohort has listed members and no filters")
            .hint("leave out the filters, or make the cohort dynamic"));
    }
    if !request.is_static {
        check_filters(&request.filters)?;
    }
    Ok(Cohort {
        id: 0,
        name: request.name,
        description: request.description,
        is_static: request.is_static,
        filters: request.filters,
        experiment_set: Vec::new(),
        created_by: created_by.map(str::to_owned),
        created_at: now,
        updated_at: now,
    })
}

/// Changes a cohort.
///
/// # Errors
/// As for [`create_cohort`]; `NotAllowed` when the members of an experiment's exposure cohort would change.
pub fn update_cohort(cohort: &Cohort, request: UpdateCohort, now: Timestamp) -> Result<Cohort> {
    if let Some(filters) = &request.filters {
        if cohort.is_static && !filters.is_empty() {
            return Err(invalid("a static cohort has listed members and no filters"));
        }
        if !cohort.is_static {
            check_filters(filters)?;
        }
        if !cohort.experiment_set.is_empty() && *filters != cohort.filters {
            return Err(Error::not_allowed(format!(
                "cohort '{}' holds the people exposed to an experiment, whose definition follows the experiment",
                cohort.name
            ))
            .hint("make a cohort of your own for other people"));
        }
    }
    Ok(Cohort {
        name: request.name.unwrap_or_else(|| cohort.name.clone()),
        description: request.description.unwrap_or_else(|| cohort.description.clone()),
        filters: request.filters.unwrap_or_else(|| cohort.filters.clone()),
        updated_at: now,
        ..cohort.clone()
    })
}

/// A cohort can go: no live flag and no other cohort names it.
///
/// # Errors
/// `NotAllowed` otherwise.
pub fn delete_cohort(cohort: &Cohort, flags: &[FeatureFlag], cohorts: &[Cohort]) -> Result<()> {
    let names = |filters: &Value| named_cohorts(filters).contains(&cohort.id);
    let by_flag = flags.iter().filter(|flag| !flag.deleted).find(|flag| {
        let groups = flag.groups();
        let super_groups = flag.filters.super_groups.iter().flatten();
        groups.iter().chain(super_groups).any(|group| group.properties.iter().any(names))
    });
    let by_cohort = cohorts.iter().filter(|other| other.id != cohort.id);
    let by_cohort = by_cohort.into_iter().find(|other| names(&Value::Object(other.filters.clone())));
    let user = match (by_flag, by_cohort) {
        (Some(flag), _) => format!("flag '{}'", flag.key),
        (None, Some(other)) => format!("cohort '{}'", other.name),
        (None, None) => return Ok(()),
    };
    Err(Error::not_allowed(format!("cohort '{}' is used by {user}", cohort.name)).hint("change that first"))
}

/// The numbers of the cohorts that conditions name, each as often as it is named.
#[must_use]
pub fn named_cohorts(conditions: &Value) -> Vec<i64> {
    let mut named = Vec::new();
    let mut ahead = vec![conditions];
    while let Some(condition) = ahead.pop() {
        match condition {
            Value::Array(items) => ahead.extend(items),
            Value::Object(fields) => {
                if fields.get("type").and_then(Value::as_str) == Some("cohort") {
                    let value = fields.get("value").unwrap_or(&Value::Null);
                    let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
                    let number = |id: &Value| id.as_i64().or_else(|| id.as_str()?.trim().parse().ok());
                    named.extend(values.iter().filter_map(number));
                }
                ahead.extend(fields.values());
            }
            _ => {}
        }
    }
    named
}

/// Who belongs to a dynamic cohort: nested AND/OR groups of conditions on persons and on what they did.
fn check_filters(filters: &Map<String, Value>) -> Result<()> {
    if let Some(key) = filters.keys().find(|key| *key != "properties") {
        return Err(invalid(format!("unknown key '{key}'")).hint("known keys: properties"));
    }
    let Some(Value::Object(properties)) = filters.get("properties") else {
        return Err(invalid("a dynamic cohort needs filters: {\"properties\": {\"type\": \"OR\", \"values\": [...]}}"));
    };
    check_group(properties, "filters.properties")
}

fn check_group(group: &Map<String, Value>, place: &str) -> Result<()> {
    if !matches!(group.get("type").and_then(Value::as_str), Some("AND" | "OR")) {
        return Err(at(place, "a group of conditions needs the type \"AND\" or \"OR\""));
    }
    let Some(Value::Array(values)) = group.get("values") else {
        return Err(at(place, "the values of a group of conditions must be a list"));
    };
    if values.is_empty() {
        return Err(at(place, "a group of conditions needs at least one"));
    }
    for (index, value) in values.iter().enumerate() {
        let place = format!("{place}.values[{index}]");
        match value {
            Value::Object(inner) if inner.contains_key("values") => check_group(inner, &place)?,
            Value::Object(condition) => check_condition(condition, &place)?,
            _ => return Err(at(&place, "a condition must be an object")),
        }
    }
    Ok(())
}

fn check_condition(condition: &Map<String, Value>, place: &str) -> Result<()> {
    let value = condition.get("value");
    match condition.get("type").and_then(Value::as_str) {
        Some("person") => {}
        Some("cohort") => {
            let id = value.and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
            return id.map(drop).ok_or_else(|| at(place, "a cohort is named by its number"));
        }
        Some("behavioral") => match value.and_then(Value::as_str) {
            Some("performed_event" | "performed_event_multiple") => {}
            other => {
                let shown = other.unwrap_or("nothing");
                return Err(at(place, format!("the behaviour '{shown}' is not known"))
                    .hint("known: performed_event, performed_event_multiple"));
            }
        },
        _ => return Err(at(place, "a condition needs the type person, cohort or behavioral")),
    }
    match condition.get("key") {
        Some(Value::String(key)) if !key.is_empty() => Ok(()),
        // An action is named by its number.
        Some(Value::Number(_)) => Ok(()),
        _ => Err(at(place, "a condition needs a key")),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid_field("filters", "invalid_input", message)
}

fn at(place: &str, message: impl Into<String>) -> Error {
    Error::invalid_field(place, "invalid_input", message)
}
