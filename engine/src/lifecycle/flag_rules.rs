//! What a flag may say (V-21 to V-28).

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::variants::check_variants;
use crate::error::{Error, Result};
use crate::model::cohort::Cohort;
use crate::model::flag::{ConditionGroup, FeatureFlag};
use crate::model::time::moment;

/// Operators that compare with one text (V-26).
const TEXT_OPERATORS: [&str; 8] = ["regex", "icontains", "not_regex", "not_icontains", "gt", "gte", "lt", "lte"];

/// A flag's variants, conditions and payloads fit together.
///
/// Holdout groups are the holdout's own, and are not looked at.
pub(in crate::lifecycle) fn check_flag(flag: &FeatureFlag, cohorts: &[Cohort]) -> Result<()> {
    check_sums(flag)?;
    let groups = flag.groups();
    let super_groups = flag.filters.super_groups.as_deref().unwrap_or_default();
    for (place, group) in places("groups", &groups).chain(places("super_groups", super_groups)) {
        check_group(flag, group, &place, cohorts)?;
    }
    check_payloads(flag)
}

/// The variants share out the traffic (V-22, B-13).
pub(in crate::lifecycle) fn check_sums(flag: &FeatureFlag) -> Result<()> {
    if flag.variants().is_empty() { Ok(()) } else { check_variants(flag.variants(), "filters") }
}

/// A key is made of letters, digits, `_` and `-` (V-28).
pub(in crate::lifecycle) fn check_key(key: &str) -> Result<()> {
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    match key.chars().find(|character| !fits(*character)) {
        None => Ok(()),
        Some(character) => {
            let message =
                format!("Only letters, numbers, hyphens (-) & underscores (_) are allowed, not {character:?}.");
            Err(Error::invalid_field("key", "invalid_key", message))
        }
    }
}

fn places<'a>(name: &'static str, groups: &'a [ConditionGroup]) -> impl Iterator<Item = (String, &'a ConditionGroup)> {
    groups.iter().enumerate().map(move |(index, group)| (format!("filters.{name}[{index}]"), group))
}

fn check_group(flag: &FeatureFlag, group: &ConditionGroup, place: &str, cohorts: &[Cohort]) -> Result<()> {
    if group.rollout_percentage.is_some_and(|percentage| !(0.0..=100.0).contains(&percentage)) {
        return Err(Error::invalid_field(place, "invalid_input", "Rollout percentage must be between 0 and 100."));
    }
    if let Some(key) = &group.variant
        && flag.variants().iter().all(|variant| variant.key != *key)
    {
        // The overrides of a flag that is only on or off have no effect (F-9), and are a mistake all the same (V-24).
        let message = "Filters are not valid (variant override does not exist)";
        return Err(Error::invalid_field(place, "invalid_input", message)
            .hint(format!("'{key}' is not a variant of this flag")));
    }
    for (index, property) in group.properties.iter().enumerate() {
        let place = format!("{place}.properties[{index}]");
        let Value::Object(property) = property else {
            return Err(Error::invalid_field(place, "invalid_input", "a property filter must be an object"));
        };
        check_kind(flag, property, &place)?;
        check_value(property, &place)?;
        check_cohort(property, &place, cohorts)?;
    }
    Ok(())
}

/// Persons are told apart by their own properties, groups by theirs (V-21).
fn check_kind(flag: &FeatureFlag, property: &Map<String, Value>, place: &str) -> Result<()> {
    let kind = property.get("type").and_then(Value::as_str).unwrap_or("person");
    let message = match flag.filters.aggregation_group_type_index {
        None if matches!(kind, "person" | "cohort") => return Ok(()),
        None => "Filters are not valid (can only use person and cohort properties)",
        Some(index) => {
            let given = property.get("group_type_index").and_then(Value::as_u64);
            if kind == "group" && given == Some(index.into()) {
                return Ok(());
            }
            "Filters are not valid (can only use group properties)"
        }
    };
    Err(Error::invalid_field(place, "invalid_input", message))
}

/// The value suits the operator (V-26).
fn check_value(property: &Map<String, Value>, place: &str) -> Result<()> {
    let operator = property.get("operator").and_then(Value::as_str).unwrap_or("exact");
    let value = property.get("value").unwrap_or(&Value::Null);
    let shown = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if matches!(operator, "is_date_before" | "is_date_after") && !is_date(value) {
        return Err(Error::invalid_field(place, "invalid_date", format!("Invalid date value: {}", shown()))
            .hint("give a date such as 2026-03-01, a time, or a time ago such as -7d"));
    }
    if TEXT_OPERATORS.contains(&operator) && !value.is_string() {
        let message = format!("Invalid value for operator {operator}: {}", shown());
        return Err(Error::invalid_field(place, "invalid_value", message).hint("write the value as a text, in quotes"));
    }
    Ok(())
}

/// A point in time, or so many hours, days, weeks, months or years ago.
fn is_date(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let parsed: Option<Timestamp> = moment(text);
    parsed.is_some() || is_time_ago(text)
}

fn is_time_ago(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let Some(number) = text.strip_suffix(['h', 'd', 'w', 'm', 'y']) else { return false };
    (1..=5).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// A cohort exists and can be decided without looking at events (V-25).
fn check_cohort(property: &Map<String, Value>, place: &str, cohorts: &[Cohort]) -> Result<()> {
    if property.get("type").and_then(Value::as_str) != Some("cohort") {
        return Ok(());
    }
    let mut seen = HashSet::new();
    let mut ahead = vec![property.get("value").cloned().unwrap_or(Value::Null)];
    while let Some(id) = ahead.pop() {
        let Some(cohort) = find(cohorts, &id) else {
            let shown = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            let message = format!("Cohort with id {shown} does not exist");
            return Err(Error::invalid_field(place, "cohort_does_not_exist", message));
        };
        if !seen.insert(cohort.id) {
            continue;
        }
        let mut conditions = vec![Value::Object(cohort.filters.clone())];
        while let Some(condition) = conditions.pop() {
            match condition.get("type").and_then(Value::as_str) {
                Some("behavioral") => {
                    let name = &cohort.name;
                    let message = format!("Cohort '{name}' with filters on events cannot be used in feature flags.");
                    return Err(Error::invalid_field(place, "behavioral_cohort_found", message));
                }
                Some("cohort") => ahead.extend(condition.get("value").cloned()),
                _ => {}
            }
            conditions.extend(condition.get("properties").cloned());
            conditions.extend(condition.get("values").and_then(Value::as_array).into_iter().flatten().cloned());
        }
    }
    Ok(())
}

fn find<'a>(cohorts: &'a [Cohort], id: &Value) -> Option<&'a Cohort> {
    let id = id.as_i64().or_else(|| id.as_str()?.parse().ok())?;
    cohorts.iter().find(|cohort| cohort.id == id)
}

/// Payloads belong to variants, or to being on (V-27).
fn check_payloads(flag: &FeatureFlag) -> Result<()> {
    let keys = || flag.filters.payloads.iter().flat_map(Map::keys);
    let message = if flag.variants().is_empty() {
        if keys().all(|key| key == "true") {
            return Ok(());
        }
        "Payload keys must be 'true' for boolean flags"
    } else {
        if keys().all(|key| flag.variants().iter().any(|variant| variant.key == *key)) {
            return Ok(());
        }
        "Payload keys must match a variant key for multivariate flags"
    };
    Err(Error::invalid_field("filters.payloads", "invalid_input", message))
}
