//! Lifecycle cases: `given` operations, then one operation whose outcome is compared.

use abduck::Error;
use abduck::catalog::{Catalog, Change};
use abduck::lifecycle::{self, Surroundings};
use abduck::model::experiment::CreateExperiment;
use abduck::model::flag::CreateFlag;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Verdict;

/// Runs one record of `lifecycle.json`.
pub(super) fn run(record: &Value) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let mut catalog = Catalog::create(folder.path()).unwrap();
    for step in record["given"].as_array().unwrap() {
        match perform(&mut catalog, step) {
            None => return Verdict::NotBuilt,
            Some(Err(error)) => return Verdict::Failed(format!("given {}: {error}", step["operation"])),
            Some(Ok(_)) => {}
        }
    }
    let before = everything(&mut catalog);
    let Some(outcome) = perform(&mut catalog, record) else { return Verdict::NotBuilt };
    let compared = match outcome {
        Ok(made) => compare_made(&made, &record["expected"]),
        Err(error) if everything(&mut catalog) == before => compare_refusal(&error, &record["expected"]),
        Err(error) => Err(format!("refused ({error}), but something changed")),
    };
    compared.map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

/// Does one step and returns what it made; `None` when the operation is not built.
fn perform(catalog: &mut Catalog, step: &Value) -> Option<Result<Value, Error>> {
    let payload = step["payload"].clone();
    match step["operation"].as_str().unwrap() {
        "create_experiment" => Some(create_experiment(catalog, payload)),
        "create_flag" => Some(create_flag(catalog, payload)),
        _ => None,
    }
}

fn create_experiment(catalog: &mut Catalog, payload: Value) -> Result<Value, Error> {
    let request = CreateExperiment::from_json(payload)?;
    let mut transaction = catalog.transaction()?;
    let holdout = request.holdout_id.map(|id| transaction.holdout(id)).transpose()?.flatten();
    let flag = transaction.existing_flag(&request.feature_flag_key)?;
    let new = lifecycle::create(request, &Surroundings { flag, holdout }, now(), Some("ada"))?;
    let (experiment, flag) = transaction.insert_experiment(new, &change())?;
    transaction.commit()?;
    let stored = catalog.snapshot()?.experiment(&experiment.id.to_string())?;
    let mut outward = json!({"experiment": stored, "flag": flag});
    outward["experiment"]["is_draft"] = stored.is_draft().into();
    Ok(outward)
}

fn create_flag(catalog: &mut Catalog, payload: Value) -> Result<Value, Error> {
    let request = CreateFlag::from_json(payload)?;
    let mut transaction = catalog.transaction()?;
    let existing = transaction.existing_flag(&request.key)?;
    let new = lifecycle::create_flag(request, existing.as_ref(), now(), Some("ada"))?;
    let flag = transaction.insert_flag(new, &change())?;
    transaction.commit()?;
    Ok(json!({"flag": flag}))
}

/// All that a refused operation must leave alone.
fn everything(catalog: &mut Catalog) -> Value {
    let snapshot = catalog.snapshot().unwrap();
    json!([snapshot.experiments().unwrap(), snapshot.flags().unwrap()])
}

fn compare_made(made: &Value, expected: &Value) -> Result<(), String> {
    if expected["ok"] != json!(true) {
        return Err(format!("accepted, but expected {}", expected["error"]));
    }
    let Some(fields) = expected["fields"].as_object() else { return Ok(()) };
    for (path, value) in fields {
        let found = at(made, path);
        if found.as_ref() != Some(value) {
            return Err(format!("{path} is {found:?}, expected {value}"));
        }
    }
    Ok(())
}

fn compare_refusal(error: &Error, expected: &Value) -> Result<(), String> {
    let text = error.to_string();
    let wanted = expected["error"].as_str();
    let is_wanted = match wanted {
        None => true,
        Some(part) if expected["match"] == "contains" => text.contains(part),
        Some(whole) => text == whole,
    };
    if expected["ok"] != json!(false) || !is_wanted {
        return Err(format!("refused with '{text}', expected {wanted:?}"));
    }
    let field = match error.kind() {
        abduck::ErrorKind::Invalid { field, .. } => field.clone(),
        _ => None,
    };
    match expected.get("attr") {
        Some(attr) if *attr != json!(field) => Err(format!("at fault is {field:?}, expected {attr}")),
        _ => Ok(()),
    }
}

/// The value at a dotted path; `length` is the length of a list.
fn at(value: &Value, path: &str) -> Option<Value> {
    path.split('.').try_fold(value.clone(), |value, step| match &value {
        Value::Array(items) if step == "length" => Some(json!(items.len())),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?).cloned(),
        _ => value.get(step).cloned(),
    })
}

fn change() -> Change {
    Change { operation: "create", who: Some("ada".to_owned()), at: now() }
}

fn now() -> Timestamp {
    "2024-02-01T00:00:00Z".parse().unwrap()
}
