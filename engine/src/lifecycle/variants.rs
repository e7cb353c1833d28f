//! Which variants an experiment has.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::flag::Variant;
use crate::model::payload::list;

/// The most variants an experiment may have (V-2).
const VARIANTS_MAX: usize = 10;

/// How far a sum of percentages may be from 100 by rounding alone; thirds given with two decimals are not that close.
const SUM_TOLERANCE: f64 = 1e-9;

/// The variants that the parameters ask for, checked; without any, control and test by halves (L-3).
pub(super) fn planned_variants(parameters: Option<&Map<String, Value>>) -> Result<Vec<Variant>> {
    const FIELD: &str = "parameters";
    let given = match parameters.and_then(|parameters| parameters.get("feature_flag_variants")) {
        None | Some(Value::Null) => Vec::new(),
        Some(variants) => list(FIELD, variants.clone())?,
    };
    if given.is_empty() {
        return Ok(default_variants());
    }
    if given.len() > VARIANTS_MAX {
        return Err(Error::invalid_field(FIELD, "invalid_input", "Feature flag variants must be less than 11"));
    }
    let variants = given.iter().enumerate().map(|(index, variant)| read_variant(index, variant));
    let variants = variants.collect::<Result<Vec<_>>>()?;
    if !variants.iter().any(|variant| variant.key == "control") {
        let message = "Feature flag variants must contain a control variant";
        return Err(Error::invalid_field(FIELD, "invalid_input", message));
    }
    check_variants(&variants, FIELD)?;
    Ok(variants)
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
fn read_variant(index: usize, variant: &Value) -> Result<Variant> {
    let refuse = |message: &str| Err(invalid("parameters", format!("variant {index} {message}")));
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

fn default_variants() -> Vec<Variant> {
    [("control", "Control Group"), ("test", "Test Variant")]
        .map(|(key, name)| Variant { key: key.to_owned(), name: Some(name.to_owned()), rollout_percentage: 50.0 })
        .into()
}

fn invalid(field: &str, message: impl std::fmt::Display) -> Error {
    Error::invalid_field(field, "invalid_input", format!("Invalid variant definitions: {message}"))
}
