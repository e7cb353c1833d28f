//! The demo, end to end.

use abduck::ExperimentResult;
use serde_json::Value;

use crate::support::Place;

#[test]
fn the_demo_finds_the_truth_again() {
    let place = Place::empty();
    let demo: Value = serde_json::from_str(&place.succeeds("demo --quiet --directory shop -o json")).unwrap();
    let results: Vec<ExperimentResult> = serde_json::from_value(demo["results"].clone()).unwrap();
    assert_eq!(results.len(), 2);
    let rows = demo["comparison"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert_eq!(row["counts_equal"], true, "{row}");
        assert_ne!(row["planted_lift_allowed"], false, "{row}");
    }
    assert!(rows.iter().any(|row| row["planted_lift_allowed"] == true));
}

#[test]
fn the_demo_shows_both_verdicts_and_keeps_its_lab() {
    let place = Place::empty();
    let transcript = place.abduck("demo");
    assert_eq!(transcript.exit, 0, "{transcript}");
    for part in ["Quick checkout  (funnel", "Smart search  (trend", "●", "Every count is exact"] {
        assert!(transcript.stdout.contains(part), "{part} is not in\n{transcript}");
    }
    let lines = transcript.stderr.lines().map(str::trim);
    let next: Vec<_> = lines.filter_map(|line| line.strip_prefix("abduck ")).collect();
    assert!(next.len() >= 3, "{transcript}");
    for command in next {
        place.succeeds(&command.replace("[DIRECTORY]", &place.path("").display().to_string()));
    }
}

#[test]
fn the_demo_takes_no_lab_that_exists() {
    assert_eq!(Place::lab().abduck("demo --directory .").exit, 4);
}
