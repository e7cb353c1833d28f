//! Which variants an experiment has.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::model::flag::{Variant, percentage_value};
use crate::model::payload::list;

/// The most variants an experiment may have (V-2).
const VARIANTS_MAX: usize = 10;

/// How far a sum of percentages may be from 100 by rounding alone; thirds given with two decimals are not that close.
const SUM_TOLERANCE: f64 = 1e-9;

/// The variants in a list; missing or null reads as none.
pub(super) fn read_variants(field: &str, variants: &Value) -> Result<Vec<Variant>> {
    if variants.is_null() {
        return Ok(Vec::new());
    }
    let given = list(field, variants.clone())?;
    // Before anything else, as the reference does (V-2).
    if given.len() > VARIANTS_MAX {
        return Err(Error::invalid_field(field, "invalid_input", "Feature flag variants must be less than 11"));
    }
    given.iter().enumerate().map(|(index, variant)| read_variant(field, index, variant)).collect()
}

/// The variants have keys of their own and share out exactly the whole traffic (V-22, B-13).
pub(super) fn check_variants(variants: &[Variant], field: &str) -> Result<()> {
    let mut keys = HashSet::new();
    for (index, variant) in variants.iter().enumerate() {
        if variant.key.is_empty() {
            return Err(invalid(field, format!("variant {index} has no key.")));
        }
        if !keys.insert(&variant.key) {
            return Err(invalid(field, format!("Variant keys must be unique, '{}' is not.", variant.key)));
        }
        if !(0.0..=100.0).contains(&variant.rollout_percentage) {
            let message = format!("variant {index} ('{}') must have a percentage from 0 to 100.", variant.key);
            return Err(invalid(field, message));
        }
    }
    let sum: f64 = variants.iter().map(|variant| variant.rollout_percentage).sum();
    if (sum - 100.0).abs() > SUM_TOLERANCE {
        return Err(invalid(field, "Variant rollout percentages must sum to 100."));
    }
    Ok(())
}

/// One variant of a request; what is missing is named together with its place in the list, from 0 (B-5).
fn read_variant(field: &str, index: usize, variant: &Value) -> Result<Variant> {
    let refuse = |message: &str| Err(invalid(field, format!("variant {index} {message}")));
    let Value::Object(fields) = variant else { return refuse("must be an object.") };
    let Some(key) = fields.get("key").and_then(Value::as_str).filter(|key| !key.is_empty()) else {
        return refuse("has no key.");
    };
    let Some(rollout_percentage) = fields.get("rollout_percentage").and_then(Value::as_f64) else {
        return refuse("has no rollout_percentage.");
    };
    let name = match fields.get("name") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(_) => return refuse("has a name that is not a text."),
    };
    Ok(Variant { key: key.to_owned(), name, rollout_percentage })
}

/// The variants of an experiment that names none: control and test by halves (L-3).
pub(super) fn default_variants() -> Vec<Variant> {
    [("control", "Control Group"), ("test", "Test Variant")]
        .map(|(key, name)| Variant { key: key.to_owned(), name: Some(name.to_owned()), rollout_percentage: 50.0 })
        .into()
}

/// The variants as a web page reads them (L-20).
pub(super) fn web_variants(variants: &[Variant]) -> Map<String, Value> {
    let share = |variant: &Variant| json!({"rollout_percentage": percentage_value(variant.rollout_percentage)});
    variants.iter().map(|variant| (variant.key.clone(), share(variant))).collect()
}

/// The variants as a web page reads them, once the flag's have changed (B-18): what they do to the page stays.
pub(super) fn following_web_variants(before: Option<&Map<String, Value>>, variants: &[Variant]) -> Map<String, Value> {
    let mut after = web_variants(variants);
    for (key, variant) in &mut after {
        let Some(Value::Object(kept)) = before.and_then(|before| before.get(key)) else { continue };
        let share = variant["rollout_percentage"].take();
        *variant = Value::Object(kept.clone());
        variant["rollout_percentage"] = share;
    }
    after
}

/// A variant in its outward form.
pub(super) fn variant_value(variant: &Variant) -> Value {
    let mut fields = Map::new();
    fields.insert("key".to_owned(), variant.key.clone().into());
    if let Some(name) = &variant.name {
        fields.insert("name".to_owned(), name.clone().into());
    }
    fields.insert("rollout_percentage".to_owned(), percentage_value(variant.rollout_percentage));
    Value::Object(fields)
}

fn invalid(field: &str, message: impl std::fmt::Display) -> Error {
    Error::invalid_field(field, "invalid_input", format!("Invalid variant definitions: {message}"))
}
