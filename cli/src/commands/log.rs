//! The audit log: who changed what, and when.

use abduck::catalog::AuditEntry;
use abduck::report::{Cell, Table};
use abduck::{Engine, ErrorKind, Result};
use serde_json::Value;

use crate::args::{Global, LogArguments};
use crate::output::difference::{differences, short};
use crate::output::{Answer, Output};

/// Shows the latest changes, oldest first.
pub(crate) fn run(global: &Global, arguments: &LogArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let entries = entries(&mut engine, arguments)?;
    if entries.is_empty() {
        output.note("nothing has been changed yet");
    }
    let mut table = Table::new(&["at", "who", "operation", "what", "changes"]);
    for entry in &entries {
        table.push(vec![
            Cell::text(entry.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            Cell::text(entry.who.as_deref().unwrap_or("–")),
            Cell::text(&entry.operation),
            Cell::text(what(entry)),
            Cell::text(changes(entry)),
        ]);
    }
    output.answer(&Answer::list(table, &entries)?)
}

fn entries(engine: &mut Engine, arguments: &LogArguments) -> Result<Vec<AuditEntry>> {
    let Some(key) = &arguments.key else { return engine.audit_log(arguments.limit) };
    let mut entries = match engine.audit_log_of_experiment(key) {
        Ok(entries) => entries,
        // A flag of its own, or what is left of an experiment that was deleted.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => match engine.flag(key) {
            Ok(flag) => of_flag(engine.audit_log(u32::MAX)?, flag.id),
            Err(_) => return Err(error),
        },
        Err(error) => return Err(error),
    };
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    entries.drain(..entries.len().saturating_sub(limit));
    Ok(entries)
}

/// What happened to a flag and to its experiments, also to those that are no more.
fn of_flag(entries: Vec<AuditEntry>, id: i64) -> Vec<AuditEntry> {
    let is_of_flag = |entry: &AuditEntry| match entry.noun.as_str() {
        "feature_flag" => entry.noun_id == id,
        "experiment" => state(entry).get("feature_flag_id").and_then(Value::as_i64) == Some(id),
        _ => false,
    };
    entries.into_iter().filter(is_of_flag).collect()
}

/// What it became, or was.
fn state(entry: &AuditEntry) -> &Value {
    entry.after.as_ref().or(entry.before.as_ref()).unwrap_or(&Value::Null)
}

/// The thing that was changed.
fn what(entry: &AuditEntry) -> String {
    let noun = entry.noun.replace('_', " ");
    if entry.noun == "lab_settings" {
        return noun;
    }
    let names = ["feature_flag_key", "key", "name"];
    match names.iter().find_map(|name| state(entry).get(name)).and_then(Value::as_str) {
        Some(name) => format!("{noun} {name}"),
        None => format!("{noun} {}", entry.noun_id),
    }
}

/// What differs, in short.
fn changes(entry: &AuditEntry) -> String {
    match (&entry.before, &entry.after) {
        (Some(before), Some(after)) => differences(before, after).join(", "),
        (Some(_), None) => "gone".to_owned(),
        // Only a thing has a number; numbers of members are no thing.
        (None, Some(Value::Object(fields))) if !fields.contains_key("id") => {
            let parts = fields.iter().map(|(name, value)| format!("{name}: {}", short(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
        (None, _) => "new".to_owned(),
    }
}
