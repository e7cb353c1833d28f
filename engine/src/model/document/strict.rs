//! Refusing what a document cannot mean: unknown fields, and misspelt ones where others are kept as they are.

use serde_json::{Map, Value};

use super::definition::FLAG_FIELDS;
use super::{Document, DocumentKind};
use crate::error::{Error, Result};
use crate::model::flag::{ConditionGroup, FlagFilters, Multivariate, Variant};
use crate::model::suggest::closest;

/// The parts of a flag's filters.
pub(super) const FILTERS: [&str; 6] =
    ["groups", "multivariate", "aggregation_group_type_index", "payloads", "super_groups", "holdout_groups"];
const GROUP: [&str; 3] = ["properties", "rollout_percentage", "variant"];
const VARIANT: [&str; 3] = ["key", "name", "rollout_percentage"];
const SAVED_METRIC: [&str; 3] = ["name", "type", "metadata"];

/// Refuses unknown fields.
pub(super) fn check(document: &Document) -> Result<()> {
    let Document { kind, fields, .. } = document;
    refuse_unknown(fields, kind.fields(), "", &format!(" of a document of kind {kind}"))?;
    match kind {
        DocumentKind::Flag => check_filters(fields.get("filters"), "filters"),
        DocumentKind::Experiment => {
            if let Some(Value::Object(flag)) = fields.get("flag") {
                refuse_unknown(flag, &FLAG_FIELDS, "flag", " of the flag")?;
                check_filters(flag.get("filters"), "flag.filters")?;
            }
            for (place, item) in elements(fields.get("saved_metrics"), "saved_metrics") {
                refuse_unknown(item, &SAVED_METRIC, &place, " of a saved metric in use")?;
            }
            let variants = fields.get("parameters").and_then(|parameters| parameters.get("feature_flag_variants"));
            for (place, item) in elements(variants, "parameters.feature_flag_variants") {
                refuse_misspelt(item, &VARIANT, &place)?;
            }
            Ok(())
        }
        DocumentKind::Holdout => {
            for (place, item) in elements(fields.get("filters"), "filters") {
                refuse_unknown(item, &GROUP, &place, " of a holdout's filter")?;
            }
            Ok(())
        }
        DocumentKind::Cohort | DocumentKind::SavedMetric | DocumentKind::Settings => Ok(()),
    }
}

fn check_filters(filters: Option<&Value>, path: &str) -> Result<()> {
    let Some(Value::Object(filters)) = filters else { return Ok(()) };
    refuse_misspelt(filters, &FILTERS, path)?;
    for name in ["groups", "super_groups", "holdout_groups"] {
        for (place, group) in elements(filters.get(name), &format!("{path}.{name}")) {
            refuse_misspelt(group, &GROUP, &place)?;
        }
    }
    let multivariate = filters.get("multivariate");
    if let Some(Value::Object(multivariate)) = multivariate {
        refuse_unknown(multivariate, &["variants"], &format!("{path}.multivariate"), "")?;
    }
    let variants = multivariate.and_then(|multivariate| multivariate.get("variants"));
    for (place, variant) in elements(variants, &format!("{path}.multivariate.variants")) {
        refuse_unknown(variant, &VARIANT, &place, " of a variant")?;
    }
    Ok(())
}

/// The objects in a list, with their paths.
fn elements<'a>(
    list: Option<&'a Value>,
    path: &str,
) -> impl Iterator<Item = (String, &'a Map<String, Value>)> + use<'a> {
    let path = path.to_owned();
    let items = list.and_then(Value::as_array).into_iter().flatten().enumerate();
    items.filter_map(move |(index, item)| Some((format!("{path}[{index}]"), item.as_object()?)))
}

fn refuse_unknown(fields: &Map<String, Value>, known: &[&str], path: &str, of: &str) -> Result<()> {
    let Some(unknown) = fields.keys().find(|field| !known.contains(&field.as_str())) else { return Ok(()) };
    let error = Error::invalid_field(below(path, unknown), "unknown_field", format!("unknown field '{unknown}'{of}"));
    Err(match closest(unknown, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean '{meant}'?")),
        None => error.hint(format!("known fields: {}", known.join(", "))),
    })
}

/// Other fields are kept as they are, but one that is nearly a known one is a slip.
fn refuse_misspelt(fields: &Map<String, Value>, known: &[&str], path: &str) -> Result<()> {
    for field in fields.keys().filter(|field| !known.contains(&field.as_str())) {
        if let Some(meant) = closest(field, known.iter().copied()) {
            let message = format!("unknown field '{field}'");
            return Err(Error::invalid_field(below(path, field), "unknown_field", message)
                .hint(format!("did you mean '{meant}'?")));
        }
    }
    Ok(())
}

/// Reads the filters of a flag; what has the wrong form is named by its path.
pub(super) fn read_filters(fields: &Map<String, Value>, path: &str) -> Result<FlagFilters> {
    serde_json::from_value(Value::Object(fields.clone())).map_err(|error| {
        let (place, reason) = wrong_part(fields, path).unwrap_or_else(|| (path.to_owned(), error.to_string()));
        Error::invalid_field(place, "invalid", format!("wrong form: {reason}"))
    })
}

/// The smallest part of filters that cannot be read, and why.
fn wrong_part(filters: &Map<String, Value>, path: &str) -> Option<(String, String)> {
    for name in ["groups", "super_groups", "holdout_groups"] {
        for (place, group) in elements(filters.get(name), &format!("{path}.{name}")) {
            if let Some(wrong) =
                group.iter().find_map(|(field, value)| wrong_field::<ConditionGroup>(field, value, &place))
            {
                return Some(wrong);
            }
        }
    }
    let multivariate = filters.get("multivariate");
    let variants = multivariate.and_then(|multivariate| multivariate.get("variants"));
    for (place, variant) in elements(variants, &format!("{path}.multivariate.variants")) {
        if let Err(error) = serde_json::from_value::<Variant>(Value::Object(variant.clone())) {
            return Some((place, error.to_string()));
        }
    }
    if let Some(error) =
        multivariate.and_then(|value| serde_json::from_value::<Option<Multivariate>>(value.clone()).err())
    {
        return Some((below(path, "multivariate"), error.to_string()));
    }
    filters.iter().find_map(|(field, value)| wrong_field::<FlagFilters>(field, value, path))
}

fn wrong_field<T: for<'de> serde::Deserialize<'de>>(
    field: &str,
    value: &Value,
    path: &str,
) -> Option<(String, String)> {
    let alone = Map::from_iter([(field.to_owned(), value.clone())]);
    let error = serde_json::from_value::<T>(Value::Object(alone)).err()?;
    Some((below(path, field), error.to_string()))
}

fn below(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}
