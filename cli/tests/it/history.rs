//! The course of results, and the audit of assignments.

use std::fs;

use serde_json::Value;

use crate::support::{Place, assert_transcript};

#[test]
fn the_past_is_computed_and_shown() {
    let lab = Place::running();
    assert_transcript!(lab.abduck("experiment history checkout"));
    assert_transcript!(lab.abduck("experiment history checkout --backfill day"));
    assert!(lab.abduck("experiment history checkout --backfill day").stderr.contains("no moment was missing"));
    assert_eq!(lab.abduck("experiment history checkout --backfill hour").exit, 2);
    assert_eq!(lab.abduck("experiment history nonsense").exit, 3);
}

#[test]
fn a_history_for_programs() {
    let lab = Place::running();
    lab.succeeds("experiment history checkout -q --backfill week");
    let csv = lab.succeeds("experiment history checkout -o csv");
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some(
            "as_of,computed_at,in_hindsight,data_version,significance_code,significant,variant,units,count,rate,chance_to_win"
        )
    );
    assert_eq!(lines.clone().count(), 2, "one week of two variants: {csv}");
    assert!(lines.all(|line| line.contains(",true,1,")), "{csv}");
    let history: abduck::results::ResultHistory =
        serde_json::from_str(&lab.succeeds("experiment history checkout -o json")).unwrap();
    assert_eq!(history.points.len(), 1);
    assert!(lab.succeeds("experiment history checkout -o md").starts_with("| as of"));
}

#[test]
fn an_age_can_be_asked_for() {
    let lab = Place::running();
    let is_cached = |options: &str| {
        let result: Value =
            serde_json::from_str(&lab.succeeds(&format!("results checkout -q -o json {options}"))).unwrap();
        result["is_cached"] == true
    };
    assert!(!is_cached(""));
    assert!(is_cached("--max-age 3600"));
    assert!(!is_cached("--max-age 0"));
    // B-8: the value is a truth value, not whatever stands there.
    assert!(is_cached("--refresh=false"));
    assert!(!is_cached("--refresh=true") && !is_cached("--refresh"));
    assert_eq!(lab.abduck("results checkout --refresh=perhaps").exit, 2);
    assert_eq!(lab.abduck("results checkout --max-age -5").exit, 2);
}

#[test]
fn an_audit_says_who_was_given_something_else() {
    // The log was assigned by a coin that is not the flag's: even persons are control.
    let lab = Place::running();
    assert_transcript!(lab.abduck("experiment audit checkout --examples 3"));
    let csv = lab.succeeds("experiment audit checkout -q -o csv");
    let written = lab.succeeds("experiment audit checkout -q -o json --disagreements wrong.csv");
    assert_eq!(fs::read_to_string(lab.path("wrong.csv")).unwrap(), csv);
    let audit: abduck::results::AssignmentAudit = serde_json::from_str(&written).unwrap();
    let disagreeing: u64 = audit.tally.sources.iter().map(|source| source.disagreeing).sum();
    assert_eq!((csv.lines().count() as u64, audit.tally.examples.len()), (1 + disagreeing, 10));
    assert!(lab.succeeds("experiment audit checkout -o md").starts_with("| logged in"));
    assert_eq!(lab.abduck("experiment audit checkout --disagreements no/such/place.csv").exit, 6);
    assert_eq!(lab.abduck("experiment audit checkout --as-of 2026-02-01").exit, 4);
}
