//! Which variant an id gets, one by one and by the file.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Place, assert_transcript};

/// A lab with a running experiment, whose flag splits persons 50 to 50.
fn lab() -> Place {
    let lab = Place::lab();
    lab.succeeds("experiment create --name AB --flag a-b-test --start 2026-03-01");
    lab
}

const IDS: &str = "distinct_id,plan\nuser-0,pro\nuser-1,\n\"user,2\",free\n";

#[test]
fn an_id_gets_a_variant_and_the_reason() {
    let lab = lab();
    assert_transcript!(lab.abduck("flag evaluate a-b-test user-2"));
    let answer: Value = serde_json::from_str(&lab.succeeds("flag evaluate a-b-test user-0 -o json")).unwrap();
    assert_eq!((&answer["value"], &answer["match"]), (&"test".into(), &true.into()));
    assert_eq!(lab.succeeds("flag evaluate a-b-test user-2 -o csv").lines().nth(1), Some("value,control"));
}

#[test]
fn what_is_known_is_taken_in_its_forms() {
    let known = "--property age=31 --property plan=pro --group 0=acme --group-property 0.size=7 --hash-key old";
    assert!(lab().succeeds(&format!("flag evaluate a-b-test user-2 {known}")).contains("condition_match"));
}

#[test]
fn a_flag_that_is_switched_off_answers_nothing() {
    let lab = Place::lab();
    lab.succeeds("experiment create --name AB --flag a-b-test");
    assert_transcript!(lab.abduck("flag evaluate a-b-test user-2"));
    assert_eq!(lab.succeeds("flag evaluate a-b-test user-2 -q -o json"), "null\n");
}

#[test]
fn the_rows_of_a_file_are_evaluated() {
    let lab = lab();
    lab.write("ids.csv", IDS);
    assert_transcript!(lab.abduck("flag evaluate a-b-test --ids ids.csv"));
    assert_transcript!(lab.abduck("flag evaluate a-b-test --ids ids.csv -o csv"));
    assert_transcript!(lab.abduck("flag evaluate a-b-test --ids ids.csv -o md"));
    assert_transcript!(lab.abduck("flag evaluate a-b-test --ids ids.csv -o json"));
}

#[test]
fn every_form_of_a_file_gives_the_same() {
    let lab = lab();
    lab.write("ids.csv", "user\nuser-0\nuser-1\nuser-2\n");
    lab.write("ids.txt", "{\"user\": \"user-0\"}\n{\"user\": \"user-1\", \"plan\": null}\n\n{\"user\": \"user-2\"}\n");
    let of = |arguments: &str| lab.succeeds(&format!("flag evaluate a-b-test -o csv {arguments}"));
    let csv = of("--ids ids.csv --id-column user");
    assert_eq!(csv.lines().count(), 4);
    assert_eq!(of("--ids ids.txt --id-column user --format ndjson"), csv);
    let read = lab.abduck_reading("flag evaluate a-b-test -o csv --ids -", "user-0\n\nuser-1\r\nuser-2");
    assert_eq!((read.exit, read.stdout), (0, csv));
}

#[test]
fn without_rows_there_are_the_names_of_the_columns() {
    let names = "distinct_id,value,variant,match,reason,condition_index\n";
    let read = lab().abduck_reading("flag evaluate a-b-test -o csv --ids -", "");
    assert_eq!((read.exit, read.stdout.as_str()), (0, names));
}

#[test]
fn a_reader_that_leaves_early_ends_the_work() {
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets/sample/shop.parquet");
    let lab = lab();
    let mut command = lab.command(&format!("flag evaluate a-b-test --ids {log}"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn the_events_of_a_lab_are_a_file_too() {
    let lab = lab();
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets/sample/shop.parquet");
    let answers = lab.succeeds(&format!("flag evaluate a-b-test -o json --ids {log}"));
    let mut lines = answers.lines();
    assert!(lines.clone().count() > 100_000);
    let first: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let id = first["distinct_id"].as_str().unwrap();
    let alone: Value = serde_json::from_str(&lab.succeeds(&format!("flag evaluate a-b-test {id} -o json"))).unwrap();
    assert_eq!(first["value"], alone["value"]);
}

#[test]
fn a_file_that_does_not_fit_is_refused() {
    let lab = lab();
    lab.write("ids.csv", IDS);
    lab.write("broken.csv", "distinct_id,plan\nuser-0\n");
    lab.write("broken.ndjson", "{\"distinct_id\": \"a\"}\n[1]\n");
    assert_transcript!(lab.abduck("flag evaluate a-b-test --ids ids.csv --id-column user"));
    assert_transcript!(lab.abduck("flag evaluate a-b-test --ids broken.csv"));
    assert_transcript!(lab.abduck("flag evaluate a-b-test --ids broken.ndjson"));
    for (arguments, exit) in [
        ("a-b-test --ids nowhere.csv", 3),
        ("a-b-tset user-0", 3),
        ("a-b-test", 2),
        ("a-b-test user-0 --ids ids.csv", 2),
        ("a-b-test --ids ids.csv --property a=1", 2),
        ("a-b-test user-0 --group-property size=1", 2),
    ] {
        assert_eq!(lab.abduck(&format!("flag evaluate {arguments}")).exit, exit, "{arguments}");
    }
}

#[test]
fn rows_do_not_say_who_is_in_a_static_cohort() {
    let lab = Place::lab();
    lab.succeeds("cohort create --name Testers --static");
    lab.succeeds("cohort add Testers ann");
    lab.write("beta.yaml", "filters: {groups: [{properties: [{key: id, type: cohort, value: 1}]}]}\n");
    lab.succeeds("flag create beta beta.yaml");
    lab.write("ids.csv", "distinct_id\nann\n");
    let refused = lab.refuses("flag evaluate beta --ids ids.csv", 2);
    assert!(refused.stderr.contains("static cohort"), "{refused}");
    assert_eq!(lab.json("flag evaluate beta ann")["match"], true);
    assert_eq!(lab.json("flag evaluate beta bob")["match"], false);
}
