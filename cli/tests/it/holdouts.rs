//! Holdouts, and the experiments that use them.

use serde_json::json;

use crate::support::{Place, assert_transcript};

/// A lab with a holdout that a running experiment uses.
fn lab() -> Place {
    let lab = Place::lab();
    lab.succeeds("holdout create --name Winter --percent 5 --description Nobody");
    lab.succeeds("experiment create --name A --flag a");
    lab.succeeds("experiment update a --holdout Winter --start 2026-03-01");
    lab
}

#[test]
fn a_holdout_is_created_and_shown() {
    let lab = Place::lab();
    assert_transcript!(lab.abduck("holdout list"));
    assert_transcript!(lab.abduck("holdout create --name Winter --percent 5.5%"));
    lab.succeeds("experiment create --name A --flag a");
    lab.succeeds("experiment update a --holdout 1");
    assert_transcript!(lab.abduck("holdout show Winter"));
    assert_transcript!(lab.abduck("holdout list"));
    assert_eq!(lab.json("holdout show 1")["experiments"][0]["experiment"]["name"], "A");
    assert!(lab.succeeds("experiment show a").contains("holdout     Winter  5.50 %"));
    lab.succeeds("experiment update a --holdout none");
    assert_eq!(lab.json("experiment show a")["holdout"], json!(null));
}

#[test]
fn another_percentage_moves_people_and_says_so() {
    let lab = lab();
    assert_transcript!(lab.abduck("holdout update Winter --percent 10 --name Summer"));
    let groups = &lab.json("flag show a")["filters"]["holdout_groups"];
    assert_eq!(groups, &json!([{"properties": [], "rollout_percentage": 10, "variant": "holdout-1"}]));
    // The same percentage moves nobody (B-23).
    let same = lab.abduck("holdout update 1 --percent 10");
    assert!(same.exit == 0 && !same.stderr.contains("warning"), "{same}");
    lab.succeeds("holdout update 1 --description Everybody");
    assert_eq!(lab.json("holdout show 1")["holdout"]["description"], "Everybody");
}

#[test]
fn a_holdout_is_deleted() {
    let lab = lab();
    assert_transcript!(lab.abduck("holdout delete Winter"));
    assert_eq!(lab.json("experiment show a")["experiment"]["holdout_id"], json!(null));
    assert_eq!(lab.json("flag show a")["filters"]["holdout_groups"], json!(null));
}

#[test]
fn holdouts_that_break_a_rule_are_refused() {
    let lab = lab();
    assert_transcript!(lab.refuses("holdout create --name Summer --percent 101", 2));
    assert_transcript!(lab.refuses("holdout show Wintre", 3));
    lab.succeeds("holdout create --name Twice --percent 1");
    lab.succeeds("holdout create --name Twice --percent 2");
    for (arguments, exit) in [
        ("create --name Summer", 2),
        ("create --percent 5", 2),
        ("update Winter", 2),
        ("update Winter --percent 101", 2),
        ("update Winter --percent few", 2),
        ("update Nobody --percent 1", 3),
        ("update Twice --percent 1", 2),
        ("delete Nobody", 3),
    ] {
        lab.refuses(&format!("holdout {arguments}"), exit);
    }
}
