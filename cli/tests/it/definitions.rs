//! Definitions in files: their forms, and what is said of malformed ones.

use serde_json::Value;

use crate::support::{Place, assert_transcript};

const CREATING: [&str; 5] =
    ["experiment create", "experiment create-web", "flag create a", "metric create", "cohort create"];
const CHANGING: [&str; 4] = ["experiment update a", "flag update a", "metric update a", "cohort update a"];

#[test]
fn a_malformed_file_is_reported_with_its_place() {
    let lab = Place::lab();
    lab.write("slip.yaml", "name: A\nfilters: [1\nother: 2\n");
    lab.write("slip.json", "{\"name\": \"A\",\n \"filters\" {}}\n");
    assert_transcript!(lab.refuses("experiment create slip.yaml", 2));
    assert_transcript!(lab.refuses("experiment create slip.json", 2));
    for command in CREATING.iter().chain(&CHANGING) {
        let refused = lab.refuses(&format!("{command} slip.json"), 2);
        assert!(refused.stderr.contains("slip.json: the definition is not JSON: "), "{refused}");
        assert!(refused.stderr.contains("at line 2 column 12"), "{refused}");
    }
}

#[test]
fn a_key_that_occurs_twice_is_refused() {
    let lab = Place::lab();
    lab.write("twice.yaml", "name: A\nfilters:\n  groups: []\n  groups: []\n");
    assert_transcript!(lab.refuses("flag create a twice.yaml", 2));
    let read = lab.abduck_reading("experiment create -", "{\"name\": \"A\", \"name\": \"B\"}");
    assert_eq!(read.exit, 2);
    assert!(read.stderr.contains("standard input: the definition is not JSON: the key 'name' occurs twice"), "{read}");
}

#[test]
fn a_definition_that_is_no_object_or_no_text_is_refused() {
    let lab = Place::lab();
    lab.write("list.yaml", "- a\n");
    for command in ["flag create a", "metric create", "cohort create", "experiment create-web"] {
        let refused = lab.refuses(&format!("{command} list.yaml"), 2);
        assert!(refused.stderr.contains("Expected a dictionary, but got list."), "{refused}");
        assert!(refused.stderr.contains("hint: see its form with `abduck schema "), "{refused}");
    }
    std::fs::write(lab.path("latin.yaml"), b"name: caf\xe9\n").unwrap();
    lab.refuses("experiment create latin.yaml", 6);
}

#[test]
fn a_field_that_is_missing_is_named() {
    let lab = Place::lab();
    lab.write("keyless.yaml", "name: A\n");
    assert_transcript!(lab.refuses("experiment create keyless.yaml", 2));
}

#[test]
fn every_form_has_a_schema() {
    let place = Place::empty();
    for (noun, required, known) in [
        ("experiment", &["name", "feature_flag_key"][..], "filters"),
        ("experiment-update", &[], "conclusion"),
        ("web-experiment", &["name", "variants"], "description"),
        ("flag", &["key"], "filters"),
        ("flag-update", &[], "active"),
        ("holdout", &["name", "filters"], "description"),
        ("saved-metric", &["name", "query"], "description"),
        ("cohort", &["name"], "is_static"),
    ] {
        let schema: Value = serde_json::from_str(&place.succeeds(&format!("schema {noun}"))).unwrap();
        assert_eq!(schema["additionalProperties"], false, "{noun}");
        assert!(schema["properties"][known].is_object(), "{noun}");
        let names: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(names, required, "{noun}");
    }
    assert_eq!(place.abduck("schema nonsense").exit, 2);
}

#[test]
fn every_command_has_a_help() {
    let place = Place::empty();
    for noun in ["experiment", "flag", "holdout", "metric", "cohort"] {
        let help = place.succeeds(&format!("{noun} --help"));
        let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let names: Vec<_> = commands
            .lines()
            .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(names.len() > 5 && names.contains(&"update"), "{names:?}");
        for name in names.iter().filter(|name| **name != "help") {
            assert!(place.succeeds(&format!("{noun} {name} --help")).contains("Usage:"), "{noun} {name}");
        }
    }
}

#[test]
fn every_list_has_every_form() {
    let lab = Place::lab();
    lab.succeeds("experiment create --name A --flag a");
    lab.succeeds("holdout create --name A --percent 1");
    lab.succeeds("cohort create --name A --static");
    lab.write("metric.yaml", "{name: A, query: {kind: ExperimentFunnelsQuery, funnels_query: {series: []}}}");
    lab.succeeds("metric create metric.yaml");
    for noun in ["experiment", "flag", "holdout", "metric", "cohort"] {
        let (list, key) = (format!("{noun} list"), if noun == "flag" { "a" } else { "1" });
        assert_eq!(lab.json(&list).as_array().map(Vec::len), Some(1), "{noun}");
        assert_eq!(lab.succeeds(&format!("{list} -o csv")).lines().count(), 2, "{noun}");
        assert!(lab.succeeds(&format!("{list} -o md")).starts_with("| "), "{noun}");
        assert!(lab.json(&format!("{noun} show {key}")).is_object(), "{noun}");
        assert!(lab.succeeds(&format!("{noun} show {key} -o csv")).starts_with("field,value\n"), "{noun}");
        assert!(lab.succeeds(&format!("{noun} show {key} -o md")).starts_with("| field"), "{noun}");
    }
}
