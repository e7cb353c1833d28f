//! The JSON Schema of documents, for editors.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::DocumentKind;
use crate::model::cohort::CreateCohort;
use crate::model::experiment::{Conclusion, CreateExperiment};
use crate::model::flag::{CreateFlag, FlagFilters};
use crate::model::holdout::CreateHoldout;
use crate::model::saved_metric::CreateSavedMetric;

/// The JSON Schema (2020-12) of a document.
#[must_use]
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    let kinds: Vec<Value> = DocumentKind::ALL.into_iter().map(|kind| of_kind(kind, &mut definitions)).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Document",
        "description": "A definition of a lab, as `abduck apply` reads it and `abduck export` writes it.",
        "type": "object",
        "oneOf": kinds,
        "$defs": definitions,
    })
}

fn of_kind(kind: DocumentKind, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = match kind {
        DocumentKind::Cohort => properties::<CreateCohort>(definitions),
        DocumentKind::Holdout => properties::<CreateHoldout>(definitions),
        DocumentKind::SavedMetric => properties::<CreateSavedMetric>(definitions),
        DocumentKind::Flag => properties::<CreateFlag>(definitions),
        DocumentKind::Experiment => experiment_properties(definitions),
        DocumentKind::Settings => settings_properties(),
    };
    if kind == DocumentKind::Cohort {
        let members = json!({
            "type": "array", "items": {"type": "string"},
            "description": "The members of a static cohort; left out, they stay as they are.",
        });
        properties.insert("members".to_owned(), members);
    }
    properties.insert("kind".to_owned(), json!({"const": kind.name()}));
    let required: Vec<&str> = std::iter::once("kind").chain(kind.key_field()).chain(others_required(kind)).collect();
    json!({
        "title": kind.name(), "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

fn others_required(kind: DocumentKind) -> Option<&'static str> {
    match kind {
        DocumentKind::Experiment => Some("name"),
        DocumentKind::Holdout => Some("filters"),
        DocumentKind::SavedMetric => Some("query"),
        DocumentKind::Cohort | DocumentKind::Flag | DocumentKind::Settings => None,
    }
}

fn experiment_properties(definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let mut properties = properties::<CreateExperiment>(definitions);
    for by_number in ["holdout_id", "saved_metrics_ids"] {
        properties.shift_remove(by_number);
    }
    schema::<FlagFilters>(definitions);
    let conclusion = schema::<Conclusion>(definitions);
    let others = json!({
        "holdout": {"type": ["string", "null"], "description": "The name of the holdout to use."},
        "saved_metrics": {
            "type": ["array", "null"],
            "description": "The saved metrics to use, by name.",
            "items": {
                "type": "object", "required": ["name"], "additionalProperties": false,
                "properties": {
                    "name": {"type": "string"},
                    "type": {"type": "string", "examples": ["primary", "secondary"]},
                    "metadata": {"type": "object"},
                },
            },
        },
        "flag": {
            "type": ["object", "null"],
            "description": "How the flag differs from the one that creating the experiment makes.",
            "additionalProperties": false,
            "properties": {
                "name": {"type": "string", "description": "The description of the flag."},
                "filters": {"type": "object", "description": "The parts of the filters that differ, such as groups and payloads."},
                "rollout_percentage": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
                "active": {"type": "boolean", "description": "Whether the flag is on; left out, it stays as it is."},
                "deleted": {"type": "boolean", "description": "Whether the flag is deleted; left out, it stays as it is."},
                "ensure_experience_continuity": {"type": "boolean"},
            },
        },
        "variants": {"type": ["object", "null"], "description": "The variants of a web page with the changes they make to it."},
        "conclusion": {"anyOf": [conclusion, {"type": "null"}], "description": "What was concluded."},
        "conclusion_comment": {"type": ["string", "null"], "maxLength": 400, "description": "Why."},
        "exposure_cohort": {"type": ["string", "null"], "description": "The name of the cohort of the people exposed."},
    });
    properties.extend(others.as_object().cloned().unwrap_or_default());
    properties
}

fn settings_properties() -> Map<String, Value> {
    let properties = json!({
        "timezone": {"type": "string", "description": "Where days begin and end; an IANA name.", "examples": ["Europe/Amsterdam"]},
        "week_start_day": {"enum": ["sunday", "monday"], "description": "Where weeks begin."},
        "test_account_filters": {"type": "array", "description": "Property filters that leave out the lab's own people."},
        "aggregate_users_by_distinct_id": {"type": "boolean", "description": "Whether metrics count distinct ids rather than persons."},
    });
    properties.as_object().cloned().unwrap_or_default()
}

/// The properties of a request; what they refer to goes to the definitions.
fn properties<T: JsonSchema>(definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let mut schema = schema::<T>(definitions);
    let properties = schema.get_mut("properties").map(Value::take);
    properties.and_then(|properties| properties.as_object().cloned()).unwrap_or_default()
}

fn schema<T: JsonSchema>(definitions: &mut Map<String, Value>) -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    if let Some(fields) = schema.as_object_mut() {
        if let Some(Value::Object(own)) = fields.shift_remove("$defs") {
            definitions.extend(own);
        }
        fields.shift_remove("$schema");
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_exactly_the_fields_of_each_kind() {
        let schema = json_schema();
        for (kind, of_kind) in DocumentKind::ALL.into_iter().zip(schema["oneOf"].as_array().unwrap()) {
            let mut described: Vec<&str> = of_kind["properties"]
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .filter(|field| *field != "kind")
                .collect();
            let mut known = kind.fields().to_vec();
            described.sort_unstable();
            known.sort_unstable();
            assert_eq!(described, known, "{kind}");
        }
        let text = schema.to_string();
        for reference in text.split("\"#/$defs/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schema["$defs"].get(name).is_some(), "{name}");
        }
    }
}
