//! Flag cases: single assignments, sequences of ids, and the hash.

use std::collections::BTreeMap;

use abduck::assignment::{CohortDefinition, Evaluator, Properties, References, Subject, hash};
use abduck::model::flag::FeatureFlag;
use serde_json::{Map, Value, json};

use super::Verdict;

/// Runs one record of `flags.json`.
pub(super) fn run(record: &Value) -> Verdict {
    let outcome = match record["kind"].as_str() {
        Some("flag_assignment") => assignment(record),
        Some("flag_sequence") => sequence(record),
        Some("flag_hash") => hashes(record),
        _ => return Verdict::NotBuilt,
    };
    outcome.map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

fn assignment(record: &Value) -> Result<(), String> {
    let expected = &record["expected"];
    let answer = match evaluate(record) {
        Ok(answer) => answer,
        Err(error) => return compare_refusal(&error, expected),
    };
    if expected.get("error").is_some() {
        return Err(format!("answered {answer}, but expected {expected}"));
    }
    // A flag that is switched off is absent from the answer (F-1).
    let is_absent = expected.is_null() || expected["absent"] == true;
    if answer.is_null() || is_absent {
        let is_expected = is_absent || expected["value"].is_null();
        return if answer.is_null() && is_expected {
            Ok(())
        } else {
            Err(format!("answered {answer}, not {expected}"))
        };
    }
    let fields = expected.as_object().ok_or("expected must be an object")?;
    for (field, value) in fields {
        match answer.get(field) {
            None => return Err(format!("an answer has no '{field}'")),
            Some(found) if found != value => return Err(format!("{field} is {found}, expected {value}")),
            Some(_) => {}
        }
    }
    Ok(())
}

/// The answer in its JSON form; null when the flag is absent from it.
fn evaluate(record: &Value) -> Result<Value, abduck::Error> {
    let flag = FeatureFlag::from_json(record["flag"].clone())?;
    let distinct_id = record["distinct_id"].as_str().unwrap_or_default();
    let evaluator = Evaluator::new(&flag, &references(record)?)?;
    let groups: BTreeMap<_, _> =
        object(&record["groups"]).iter().map(|(name, key)| (name.clone(), text(key))).collect();
    let group_properties: BTreeMap<_, _> =
        object(&record["group_properties"]).iter().map(|(name, value)| (name.clone(), object(value))).collect();
    let person_properties = object(&record["person_properties"]);
    let kept = record["hash_key_override"].as_str().or_else(|| record["hash_key_overrides"][&flag.key].as_str());
    let answer = evaluator.evaluate(&Subject {
        distinct_id,
        person_properties: Some(&person_properties),
        groups: Some(&groups),
        group_properties: Some(&group_properties),
        hash_key_override: kept,
        static_cohorts: &static_cohorts(record, distinct_id),
    });
    Ok(json!(answer))
}

fn references(record: &Value) -> Result<References, abduck::Error> {
    let group_types = object(&record["group_types"]);
    let group_types = group_types.iter().filter_map(|(index, name)| Some((index.parse().ok()?, text(name)))).collect();
    let mut cohorts = BTreeMap::new();
    for cohort in record["cohorts"].as_array().into_iter().flatten() {
        let id = cohort["id"].as_i64().unwrap_or_default();
        cohorts.insert(id, CohortDefinition::from_json(id, cohort)?);
    }
    let now = record["now"].as_str().and_then(abduck::model::time::moment);
    Ok(References { group_types, cohorts, now })
}

/// The static cohorts whose persons include the id.
fn static_cohorts(record: &Value, distinct_id: &str) -> Vec<i64> {
    let cohorts = record["cohorts"].as_array().into_iter().flatten();
    let lists = |cohort: &&Value| cohort["persons"].as_array().is_some_and(|ids| ids.contains(&json!(distinct_id)));
    cohorts.filter(lists).filter_map(|cohort| cohort["id"].as_i64()).collect()
}

fn sequence(record: &Value) -> Result<(), String> {
    let flag = FeatureFlag::from_json(record["flag"].clone()).map_err(|error| error.to_string())?;
    let evaluator = Evaluator::new(&flag, &References::default()).map_err(|error| error.to_string())?;
    let bound = |field: &str| record[field].as_u64().ok_or(format!("'{field}' must be a number"));
    let pattern = record["distinct_id_pattern"].as_str().ok_or("no pattern")?;
    let ids: Vec<_> =
        (bound("from")?..=bound("to")?).map(|number| pattern.replace("{i}", &number.to_string())).collect();
    let expected = record["expected"].as_array().ok_or("expected must be a list")?;
    if expected.len() != ids.len() {
        return Err(format!("{} ids, but {} expected values", ids.len(), expected.len()));
    }
    let answers = evaluator.evaluate_ids(ids.iter().map(String::as_str));
    for ((id, answer), expected) in ids.iter().zip(answers).zip(expected) {
        let value = json!(answer.map(|answer| answer.value()));
        if value != *expected {
            return Err(format!("{id}: {value}, expected {expected}"));
        }
    }
    Ok(())
}

fn hashes(record: &Value) -> Result<(), String> {
    let cases = record["cases"].as_array().filter(|cases| !cases.is_empty()).ok_or("no cases")?;
    for case in cases {
        let part = |name: &str| case[name].as_str().unwrap_or_default();
        let found = hash(part("prefix"), part("identifier"), part("salt"));
        if Some(found) != case["hash"].as_f64() {
            return Err(format!("{case}: {found}"));
        }
    }
    Ok(())
}

fn compare_refusal(error: &abduck::Error, expected: &Value) -> Result<(), String> {
    let said = error.to_string();
    match expected["error"].as_str() {
        Some(wanted) if said.contains(wanted) => Ok(()),
        wanted => Err(format!("refused with '{said}', expected {wanted:?}")),
    }
}

fn object(value: &Value) -> Properties {
    value.as_object().cloned().unwrap_or_else(Map::new)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
