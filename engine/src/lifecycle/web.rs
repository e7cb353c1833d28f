//! Web experiments: variants that change a page, defined together with their changes (L-20a).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{NewExperiment, Surroundings, create};
use crate::error::{Error, Result};
use crate::model::experiment::{CreateExperiment, CreateWebExperiment, ExperimentKind};

/// Creates a draft web experiment whose flag is off; `taken` are the keys of all flags (L-20a).
///
/// The flag's key is made from the name. Where the reference adds a random suffix, ours adds a number, and only when the
/// key is taken.
///
/// # Errors
/// `Invalid` on `variants` when there are none, they are no object, none is called control, one has no percentage, or a
/// change lacks a selector; and as for [`create`].
pub fn create_web(
    request: CreateWebExperiment,
    taken: &[String],
    now: Timestamp,
    created_by: Option<&str>,
) -> Result<NewExperiment> {
    let variants = check_variants(request.variants)?;
    let shares = variants
        .iter()
        .map(|(key, variant)| json!({"key": key, "rollout_percentage": variant.get("rollout_percentage")}));
    let parameters = Map::from_iter([("feature_flag_variants".to_owned(), Value::Array(shares.collect()))]);
    let definition = CreateExperiment {
        feature_flag_key: key_of(&request.name, taken),
        name: request.name,
        description: request.description,
        start_date: None,
        end_date: None,
        holdout_id: None,
        parameters: Some(parameters),
        filters: Map::new(),
        secondary_metrics: Some(Vec::new()),
        saved_metrics_ids: None,
        metrics: Some(Vec::new()),
        metrics_secondary: Some(Vec::new()),
        stats_config: Map::new(),
        exposure_criteria: None,
        only_count_matured_users: false,
        kind: Some(ExperimentKind::Web),
        archived: false,
    };
    let mut new = create(definition, &Surroundings::default(), now, created_by)?;
    new.experiment.variants = Some(variants);
    Ok(new)
}

pub(super) fn check_variants(variants: Value) -> Result<Map<String, Value>> {
    let variants = match variants {
        Value::Null => return Err(invalid("Experiment does not have any variants")),
        Value::Object(variants) => variants,
        _ => return Err(invalid("Experiment variants should be a dictionary of keys -> transforms")),
    };
    if !variants.contains_key("control") {
        return Err(invalid("Experiment should contain a control variant"));
    }
    for (name, variant) in &variants {
        if variant.get("rollout_percentage").is_none_or(Value::is_null) {
            return Err(invalid(format!("Experiment variant '{name}' does not have any rollout percentage")));
        }
        let transforms = variant.get("transforms").and_then(Value::as_array).into_iter().flatten();
        for (index, transform) in transforms.enumerate().filter(|_| name != "control") {
            let selector = transform.get("selector").and_then(Value::as_str);
            if selector.is_none_or(str::is_empty) {
                return Err(invalid(format!(
                    "Experiment variant '{name}': transform {index} does not have a selector"
                )));
            }
        }
    }
    Ok(variants)
}

/// A key that no flag has, from the words of a name.
fn key_of(name: &str, taken: &[String]) -> String {
    const KIND: &str = "web-experiment-feature";
    let lower = name.to_lowercase();
    let words = lower.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let base = words.chain([KIND]).collect::<Vec<_>>().join("-");
    // The longest key is 400 characters, the number included.
    let base: String = base.chars().skip(base.len().saturating_sub(380)).collect();
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    std::iter::once(base.clone()).chain(numbered).find(|key| !taken.contains(key)).unwrap_or(base)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid_field("variants", "invalid_input", message)
}
