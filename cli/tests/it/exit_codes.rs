//! Every exit code, by what leads to it.

use std::fs::File;

use crate::support::{Place, assert_transcript};

#[test]
fn the_help_lists_all_codes() {
    let help = Place::empty().succeeds("--help");
    for code in ["0", "1", "2", "3", "4", "5", "6", "10", "11", "12", "130"] {
        assert!(help.contains(&format!("\n  {code:<5}")), "{code} is not in\n{help}");
    }
}

#[test]
fn usage_is_2() {
    let lab = Place::running();
    for arguments in
        ["", "fly", "results", "results checkout -o xml", "--wait -1 status", "explain checkout --as-of then"]
    {
        assert_eq!(lab.abduck(arguments).exit, 2, "{arguments}");
    }
}

#[test]
fn an_invalid_definition_is_2() {
    let lab = Place::lab();
    lab.write("list.yaml", "[]");
    assert_transcript!(lab.abduck("experiment create list.yaml"));
}

#[test]
fn nothing_found_is_3() {
    let lab = Place::lab();
    assert_transcript!(lab.abduck("results nonsense"));
    for arguments in ["--lab nowhere status", "ingest nothing.csv", "experiment create nothing.yaml"] {
        assert_eq!(lab.abduck(arguments).exit, 3, "{arguments}");
    }
}

#[test]
fn what_the_state_forbids_is_4() {
    let lab = Place::lab();
    lab.succeeds("experiment create --name Checkout --flag checkout --event bought");
    assert_transcript!(lab.abduck("results checkout"));
    assert_eq!(lab.abduck("experiment end checkout").exit, 4);
    lab.succeeds("experiment launch checkout");
    assert_eq!(lab.abduck("experiment launch checkout").exit, 4);
    assert_eq!(lab.abduck("init .").exit, 4);
}

#[test]
fn a_lab_in_use_is_5() {
    let lab = Place::lab();
    let lock = File::options().read(true).write(true).open(lab.path("events.lock")).unwrap();
    lock.lock().unwrap();
    assert_transcript!(lab.abduck("status --wait 0.1"));
    lock.unlock().unwrap();
    lab.succeeds("status");
}

#[test]
fn data_that_do_not_fit_are_6() {
    let lab = Place::lab();
    lab.write("events.csv", "a,b\n1,2\n");
    assert_transcript!(lab.abduck("ingest events.csv"));
    lab.write("events.parquet", "this is not Parquet");
    assert_eq!(lab.abduck("ingest events.parquet").exit, 6);
}

#[test]
fn a_damaged_lab_is_6() {
    let lab = Place::lab();
    lab.write("catalog.sqlite", &"this is not SQLite".repeat(100));
    assert_transcript!(lab.abduck("status"));
}

#[test]
fn a_decision_is_0_or_10_to_12() {
    let lab = Place::running();
    let undecided = lab.abduck("decide checkout --as-of 2026-03-07");
    assert_eq!(undecided.exit, 10, "{}", undecided.stderr);
    assert!(undecided.stdout.contains("keep running, because no primary metric can decide"), "{}", undecided.stdout);
    assert_eq!(lab.abduck("decide checkout").exit, 11);
    let json = lab.abduck("decide checkout -o json");
    assert!(json.stdout.contains("\"verdict\":\"hold\""), "{}", json.stdout);
    assert_eq!(lab.abduck("decide nothing").exit, 3);
}
