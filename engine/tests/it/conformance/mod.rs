//! Runs the conformance vectors: recorded cases of the reference system and exact values, as JSON.
//!
//! `ABDUCK_VECTORS` names a folder of vector files; the default is `engine/tests/vectors`, whose `pending.txt` lists the
//! families and single cases that are not built yet. The list can only be true: the test fails when a listed case passes
//! or an unlisted one fails. With any other folder the list is ignored and everything is reported.

mod flags;
mod journeys;
mod lifecycle;
mod modern;
mod statistics;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What became of a record.
pub(crate) enum Verdict {
    /// Every expected output agreed.
    Passed,
    /// Some output did not agree; says which.
    Failed(String),
    /// The engine does not offer this operation yet.
    NotBuilt,
}

struct Record {
    id: String,
    family: String,
    verdict: Verdict,
}

fn default_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// The family of a record: what one line of the pending list can stand for.
fn family(record: &Value) -> String {
    let text = |key: &str| record[key].as_str();
    match (text("engine"), text("kind"), text("method"), text("operation")) {
        (Some(engine), Some(kind), _, _) => format!("{engine}.{kind}"),
        (_, _, Some(method), _) => method.to_owned(),
        (_, Some(kind), _, _) => kind.to_owned(),
        (_, _, _, Some(operation)) => operation.to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn run(record: &Value) -> Verdict {
    if record.get("method").is_some() {
        statistics::run(record)
    } else if record.get("events").is_some() {
        journeys::run(record)
    } else if record.get("operation").is_some() {
        lifecycle::run(record)
    } else if record["kind"].as_str().is_some_and(|kind| kind.starts_with("flag_")) {
        flags::run(record)
    } else {
        Verdict::NotBuilt
    }
}

fn run_folder(folder: &Path) -> Vec<Record> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("ABDUCK_VECTORS: {}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut records = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let list: Vec<Value> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for record in list {
            let id = record["id"].as_str().unwrap_or("without id").to_owned();
            records.push(Record { id, family: family(&record), verdict: run(&record) });
        }
    }
    records
}

/// The families and ids of `pending.txt`; what follows a `#` is a remark.
fn pending(folder: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(folder.join("pending.txt")).unwrap();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}

#[test]
fn every_vector_passes_or_is_listed_as_pending() {
    let folder = std::env::var_os("ABDUCK_VECTORS").map_or_else(default_folder, PathBuf::from);
    let is_default = fs::canonicalize(&folder).ok() == fs::canonicalize(default_folder()).ok();
    let listed = if is_default { pending(&folder) } else { BTreeSet::new() };
    let records = run_folder(&folder);
    assert!(!records.is_empty(), "no vectors in {}", folder.display());

    let is_listed = |record: &&Record| listed.contains(&record.id) || listed.contains(&record.family);
    let mut passed = 0;
    let mut failed = Vec::new();
    let mut waiting = Vec::new();
    for record in &records {
        match &record.verdict {
            Verdict::Passed => passed += 1,
            Verdict::Failed(why) => failed.push((record, why.as_str())),
            Verdict::NotBuilt => waiting.push(record),
        }
    }
    println!("conformance: {passed} passed, {} failed, {} pending", failed.len(), waiting.len());
    for (record, why) in &failed {
        println!("failed {} ({}): {why}", record.id, record.family);
    }
    if !is_default {
        for record in &waiting {
            println!("pending {} ({})", record.id, record.family);
        }
        assert!(failed.is_empty(), "{} vectors failed", failed.len());
        return;
    }
    let listed_but_passing: Vec<_> = records
        .iter()
        .filter(|record| matches!(record.verdict, Verdict::Passed) && listed.contains(&record.id))
        .map(|record| &record.id)
        .collect();
    let family_passes = |name: &&String| {
        let mut members = records.iter().filter(|record| record.family == **name).peekable();
        members.peek().is_some() && members.all(|record| matches!(record.verdict, Verdict::Passed))
    };
    let passing_families: Vec<_> = listed.iter().filter(family_passes).collect();
    let unlisted: Vec<_> = waiting.iter().filter(|record| !is_listed(record)).map(|record| &record.id).collect();
    let unlisted_failures: Vec<_> =
        failed.iter().filter(|(record, _)| !is_listed(record)).map(|(record, _)| &record.id).collect();
    let known = |name: &&String| records.iter().any(|record| record.id == **name || record.family == **name);
    let stale: Vec<_> = listed.iter().filter(|name| !known(name)).collect();
    assert!(unlisted_failures.is_empty(), "failing and not listed as pending: {unlisted_failures:?}");
    assert!(unlisted.is_empty(), "not built and not listed as pending: {unlisted:?}");
    assert!(listed_but_passing.is_empty(), "listed as pending but passing: {listed_but_passing:?}");
    assert!(passing_families.is_empty(), "families listed as pending but passing: {passing_families:?}");
    assert!(stale.is_empty(), "listed as pending but no such vector: {stale:?}");
}
