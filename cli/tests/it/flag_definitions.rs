//! Flags: created, changed, deleted, restored.

use serde_json::json;

use crate::support::{Place, assert_transcript};

const DEFINITION: &str = "\
name: Only for pros
filters:
  groups:
    - {properties: [{key: plan, value: pro, type: person}], rollout_percentage: 50}
  multivariate: {variants: [{key: a, name: First, rollout_percentage: 40}, {key: b, rollout_percentage: 60}]}
  payloads: {a: {colour: red}}
";

#[test]
fn a_flag_is_created_from_options() {
    let lab = Place::lab();
    assert_transcript!(lab.abduck("flag create new-menu --name Menu --rollout 20% --variant a=50 --variant b=50"));
    lab.succeeds("flag create everyone");
    assert!(lab.succeeds("flag evaluate everyone anybody").contains("true"));
    assert_transcript!(lab.abduck("flag list"));
}

#[test]
fn a_flag_is_created_from_a_file_and_options_win() {
    let lab = Place::lab();
    lab.write("flag.yaml", DEFINITION);
    assert_transcript!(lab.abduck("flag create new-menu flag.yaml --rollout 60"));
    let read = lab.abduck_reading("flag create other - --name Mine", "{\"key\": \"other\", \"active\": false}");
    assert_eq!(read.exit, 0, "{read}");
    let other = lab.json("flag show other");
    assert_eq!((&other["name"], &other["active"]), (&json!("Mine"), &json!(false)));
}

#[test]
fn a_flag_is_changed() {
    let lab = Place::lab();
    lab.write("flag.yaml", DEFINITION);
    lab.succeeds("flag create new-menu flag.yaml");
    assert_transcript!(lab.abduck(
        "flag update new-menu --active false --rollout 75 --variant a=10 --variant b=90 --name Menu --key newer-menu"
    ));
    let filters = &lab.json("flag show newer-menu")["filters"];
    assert_eq!(filters["multivariate"]["variants"][0], json!({"key": "a", "name": "First", "rollout_percentage": 10}));
    assert_eq!(filters["payloads"], json!({"a": {"colour": "red"}}));
    assert_eq!(lab.abduck("flag show new-menu").exit, 3);
}

#[test]
fn what_is_printed_can_be_read_again() {
    let lab = Place::lab();
    lab.write("flag.yaml", DEFINITION);
    lab.succeeds("flag create new-menu flag.yaml");
    lab.write("printed.json", &lab.succeeds("flag show new-menu -o json"));
    lab.succeeds("flag update new-menu printed.json");
    assert_eq!(lab.json("flag show new-menu")["version"], 1);
}

#[test]
fn the_split_of_a_running_experiment_is_changed_on_its_flag() {
    let lab = Place::lab();
    lab.succeeds("experiment create --name A --flag a --start 2026-03-01");
    lab.succeeds("flag update a --variant control=10 --variant test=90");
    // The experiment follows (L-19).
    let parameters = &lab.json("experiment show a")["experiment"]["parameters"];
    assert_eq!(parameters["feature_flag_variants"][1]["rollout_percentage"], 90);
    lab.refuses("flag update a --variant control=10 --variant other=90", 2);
    lab.refuses("flag update a --key b", 2);
}

#[test]
fn the_rollout_of_a_flag_in_the_old_form_lies_beside_its_filters() {
    let lab = Place::lab();
    lab.write("old.yaml", "filters: {}\nrollout_percentage: 10\n");
    lab.succeeds("flag create old old.yaml");
    lab.succeeds("flag update old --rollout 30");
    let flag = lab.json("flag show old");
    assert_eq!((&flag["rollout_percentage"], flag["filters"].get("groups")), (&json!(30), None));
}

#[test]
fn a_flag_is_deleted_and_restored() {
    let lab = Place::lab();
    lab.succeeds("flag create new-menu");
    assert_transcript!(lab.abduck("flag delete new-menu"));
    assert_eq!(lab.json("flag list -q"), json!([]));
    assert_transcript!(lab.abduck("flag list"));
    assert_eq!(lab.json("flag list --deleted")[0]["deleted"], true);
    assert_transcript!(lab.abduck("flag restore new-menu"));
    lab.refuses("flag restore nonsense", 3);
    lab.refuses("flag delete nonsense", 3);
}

#[test]
fn flags_that_break_a_rule_are_refused() {
    let lab = Place::lab();
    lab.succeeds("flag create new-menu");
    lab.write("other.yaml", "key: other\n");
    lab.write("several.yaml", "filters: {groups: [{rollout_percentage: 1}, {rollout_percentage: 2}]}\n");
    lab.succeeds("flag create several several.yaml");
    assert_transcript!(lab.refuses("flag create new-menu", 2));
    assert_transcript!(lab.refuses("flag update several --rollout 5", 2));
    for (arguments, exit) in [
        ("create bad other.yaml", 2),
        ("create bad nowhere.yaml", 3),
        ("create b&d", 2),
        ("create bad --variant a=50 --variant b=60", 2),
        ("create bad --rollout half", 2),
        ("create bad --rollout 101", 2),
        ("update new-menu", 2),
        ("update new-menu --active maybe", 2),
        ("update new-menu --key several", 2),
        ("update nonsense --active true", 3),
        ("show nonsense", 3),
    ] {
        lab.refuses(&format!("flag {arguments}"), exit);
    }
}
