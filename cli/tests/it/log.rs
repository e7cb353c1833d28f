//! The audit log: who changed what, and when.

use serde_json::json;

use crate::support::{Place, assert_transcript};

/// A lab in which something happened.
fn lab() -> Place {
    let lab = Place::lab();
    lab.succeeds("holdout create --name Winter --percent 5");
    lab.succeeds("experiment create --name A --flag a --by eve");
    lab.succeeds("experiment update a --name Better --holdout 1");
    lab.succeeds("experiment launch a --at 2026-03-01");
    lab.succeeds("flag update a --variant control=20 --variant test=80");
    lab.succeeds("cohort create --name Testers --static");
    lab.succeeds("cohort add Testers ann bob");
    lab.succeeds("settings set --timezone Europe/Amsterdam");
    lab
}

#[test]
fn the_log_says_what_happened() {
    let empty = Place::lab();
    assert_transcript!(empty.abduck("log"));
    let lab = lab();
    assert_transcript!(lab.abduck("log"));
    assert_transcript!(lab.abduck("log --limit 2 -o md"));
}

#[test]
fn the_log_of_an_experiment_has_its_flag() {
    let lab = lab();
    assert_transcript!(lab.abduck("log a -o csv"));
    assert_eq!(lab.json("log a --limit 1").as_array().map(Vec::len), Some(1));
    assert_eq!(lab.json("log 1"), lab.json("log a"));
}

#[test]
fn the_log_outlives_what_it_is_about() {
    let lab = lab();
    lab.succeeds("experiment delete a --yes");
    let entries = lab.json("log a");
    let operations: Vec<_> = entries.as_array().unwrap().iter().map(|entry| &entry["operation"]).collect();
    assert_eq!(operations.last(), Some(&&json!("delete")));
    assert!(operations.contains(&&json!("launch")));
    lab.succeeds("flag create alone");
    assert_eq!(lab.json("log alone").as_array().map(Vec::len), Some(1));
}

#[test]
fn json_has_all_of_before_and_after() {
    let entries = lab().json("log a");
    let update = entries
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| (&entry["operation"], &entry["noun"]) == (&json!("update"), &json!("experiment")));
    let update = update.unwrap();
    assert_eq!((&update["before"]["name"], &update["after"]["name"]), (&json!("A"), &json!("Better")));
    assert_eq!((&update["who"], &update["after"]["feature_flag_key"]), (&json!("ada"), &json!("a")));
    assert_eq!((&entries[0]["who"], &entries[0]["before"]), (&json!("eve"), &json!(null)));
}

#[test]
fn the_log_of_nothing_is_refused() {
    let lab = lab();
    assert_transcript!(lab.refuses("log b", 3));
    lab.refuses("log --limit few", 2);
}
