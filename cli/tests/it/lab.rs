//! Making a lab, looking at it, and its settings.

use serde_json::Value;

use crate::support::{Place, assert_transcript};

#[test]
fn a_directory_becomes_a_lab() {
    let place = Place::empty();
    assert_transcript!(place.abduck("init shop"));
    assert!(place.path("shop/catalog.sqlite").is_file() && place.path("shop/events.duckdb").is_file());
}

#[test]
fn a_lab_is_not_made_twice() {
    assert_transcript!(Place::lab().abduck("init ."));
}

#[test]
fn outside_of_a_lab_one_learns_how_to_make_it() {
    assert_transcript!(Place::empty().abduck("status"));
}

#[test]
fn the_lab_comes_from_the_option_or_the_environment() {
    let place = Place::empty();
    place.succeeds("init shop");
    place.succeeds("--lab shop status");
    place.succeeds("status --lab shop");
    let transcript = place.transcript(place.command("status").env("ABDUCK_LAB", "shop"));
    assert_eq!(transcript.exit, 0, "{transcript}");
}

#[test]
fn the_status_of_an_empty_lab() {
    assert_transcript!(Place::lab().abduck("status"));
}

#[test]
fn the_status_of_a_lab_in_use() {
    assert_transcript!(Place::running().abduck("status"));
}

#[test]
fn the_status_as_data() {
    let status: Value = serde_json::from_str(&Place::running().succeeds("status -o json")).unwrap();
    assert_eq!((status["events"].as_u64(), status["persons"].as_u64()), (Some(900), Some(800)));
    assert_eq!(status["event_names"][0]["event"], "$feature_flag_called");
    assert_eq!(status["experiments"][0]["status"], "complete");
}

#[test]
fn settings_are_shown() {
    assert_transcript!(Place::lab().abduck("settings show"));
}

#[test]
fn settings_are_changed_one_by_one() {
    let lab = Place::lab();
    lab.succeeds("settings set --week-start monday");
    assert_transcript!(lab.abduck(
        "settings set --timezone Europe/Amsterdam --test-account-filters [{\"key\":\"email\",\"value\":\"a@b.c\"}]"
    ));
    let kept: Value = serde_json::from_str(&lab.succeeds("settings show -o json")).unwrap();
    assert_eq!((&kept["timezone"], &kept["week_start_day"]), (&"Europe/Amsterdam".into(), &"monday".into()));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let lab = Place::lab();
    assert_transcript!(lab.abduck("settings set --timezone Mars/Olympus"));
    for filters in ["[{\"key\":1}]", "{}", "nonsense"] {
        assert_eq!(lab.abduck(&format!("settings set --test-account-filters {filters}")).exit, 2, "{filters}");
    }
    assert_eq!(lab.abduck("settings set").exit, 2);
}
