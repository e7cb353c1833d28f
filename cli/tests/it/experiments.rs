//! Experiments, from a definition to the end.

use serde_json::Value;

use crate::support::{Place, assert_transcript};

const DEFINITION: &str = "\
name: Checkout
feature_flag_key: checkout
description: One page instead of three
parameters:
  feature_flag_variants:
    - {key: control, rollout_percentage: 34}
    - {key: short, rollout_percentage: 33}
    - {key: long, rollout_percentage: 33}
filters:
  insight: FUNNELS
  events: [{id: viewed, order: 0}, {id: bought, order: 1}]
";

#[test]
fn an_experiment_is_created_from_a_file() {
    let lab = Place::lab();
    lab.write("checkout.yaml", DEFINITION);
    assert_transcript!(lab.abduck("experiment create checkout.yaml"));
}

#[test]
fn an_experiment_is_created_from_stdin() {
    let lab = Place::lab();
    let transcript =
        lab.abduck_reading("experiment create - -o json", "{\"name\": \"A\", \"feature_flag_key\": \"a\"}");
    let created: Value = serde_json::from_str(&transcript.stdout).unwrap();
    assert_eq!((&created["status"], &created["experiment"]["created_by"]), (&"draft".into(), &"ada".into()));
    assert_eq!(created["feature_flag"]["filters"]["multivariate"]["variants"][0]["key"], "control");
}

#[test]
fn an_experiment_is_created_from_options() {
    let lab = Place::lab();
    assert_transcript!(lab.abduck(
        "experiment create --name Checkout --flag checkout --metric funnel --event viewed --event bought --window-days 7 \
         --where plan=pro --where country=nl --variant control=20 --variant test=80% --start 2026-03-01 \
         --end 2026-03-15T12:00 --description Short"
    ));
}

#[test]
fn an_experiment_goes_through_its_life() {
    let lab = Place::lab();
    lab.succeeds("experiment create --name Checkout --flag checkout --event bought");
    assert_transcript!(lab.abduck("experiment launch checkout --at 2026-03-01T10:00:00+01:00"));
    assert!(lab.succeeds("experiment show checkout").contains("running"));
    assert_transcript!(lab.abduck("experiment end 1 --at 2026-03-15"));
    assert!(lab.succeeds("experiment show 1").contains("complete"));
}

#[test]
fn without_a_time_now_is_meant() {
    let lab = Place::lab();
    lab.succeeds("experiment create --name Checkout --flag checkout --event bought");
    lab.succeeds("experiment launch checkout --by eve");
    lab.succeeds("experiment end checkout");
    let shown: Value = serde_json::from_str(&lab.succeeds("experiment show checkout -o json")).unwrap();
    assert_eq!(shown["status"], "complete");
}

#[test]
fn experiments_are_listed() {
    let lab = Place::lab();
    assert_transcript!(lab.abduck("experiment list"));
    lab.succeeds("experiment create --name First --flag first");
    lab.succeeds("experiment create --name Second --flag second --start 2026-03-01");
    assert_transcript!(lab.abduck("experiment list"));
    assert_transcript!(lab.abduck("experiment list -o md"));
}

#[test]
fn a_definition_with_a_slip_is_explained() {
    let lab = Place::lab();
    lab.write("checkout.yaml", &DEFINITION.replace("description", "desciption"));
    assert_transcript!(lab.abduck("experiment create checkout.yaml"));
    assert!(lab.succeeds("experiment list -q -o json").starts_with("[]"));
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let lab = Place::lab();
    assert_transcript!(lab.abduck("experiment create --name A --flag a --event x --event y"));
    for options in [
        "--name A",
        "--flag a",
        "checkout.yaml --name A",
        "--name A --flag a --metric funnel",
        "--name A --flag a --event x --window-days 3",
        "--name A --flag a --where plan=pro",
        "--name A --flag a --variant control=50 --variant test=60",
        "--name A --flag a --variant control=half",
        "--name A --flag a --start yesterday",
        "--name A --flag a --start 2026-03-02 --end 2026-03-01",
    ] {
        assert_eq!(lab.abduck(&format!("experiment create {options}")).exit, 2, "{options}");
    }
    assert!(lab.succeeds("experiment list -q -o json").starts_with("[]"));
}

#[test]
fn the_exposed_are_listed_in_every_form() {
    let lab = Place::running();
    let table = lab.succeeds("experiment exposures checkout");
    assert_eq!(table.lines().count(), 801);
    assert!(table.starts_with("first exposure               variant "), "{table}");
    assert!(table.lines().nth(1).unwrap().ends_with("  person-0"), "{table}");
    let csv = lab.succeeds("experiment exposures checkout -o csv");
    assert_eq!(csv.lines().count(), 801);
    let first: Vec<_> = csv.lines().take(2).collect();
    assert_eq!(first[0], "first_exposure,variant,exposures,person_id,distinct_id");
    assert!(first[1].starts_with("2026-03-01T10:00:00Z,control,1,") && first[1].ends_with(",person-0"), "{csv}");
    let list: Vec<abduck::results::ExposedPerson> =
        serde_json::from_str(&lab.succeeds("experiment exposures checkout -o json")).unwrap();
    assert_eq!((list.len(), list[0].distinct_id.as_str(), list[0].variant.as_str()), (800, "person-0", "control"));
    assert_eq!(lab.succeeds("experiment exposures checkout -o md").lines().count(), 802);
    let early = lab.succeeds("experiment exposures checkout -o csv --as-of 2026-03-01T12:00:00Z");
    assert_eq!(early.lines().count(), 1 + 115);
}

#[test]
fn nobody_exposed_is_an_empty_list_and_a_draft_is_refused() {
    let lab = Place::lab();
    lab.succeeds("experiment create --name Empty --flag empty --event bought --start 2026-03-01");
    assert_eq!(lab.succeeds("experiment exposures empty -o json"), "[]\n");
    assert_eq!(lab.succeeds("experiment exposures empty -o csv").lines().count(), 1);
    lab.succeeds("experiment create --name Draft --flag draft --event bought");
    let refused = lab.abduck("experiment exposures draft -o json");
    assert_eq!((refused.exit, refused.stdout.as_str()), (4, ""));
}

#[test]
fn a_flag_that_is_missing_in_the_events_is_noticed() {
    let lab = Place::running();
    let asked = |arguments: &str| lab.succeeds(&format!("experiment requires-flag {arguments}"));
    assert_eq!(asked("checkout --as-of 2026-03-08 -o json"), "{\"result\":false}\n");
    assert_eq!(asked("checkout --as-of 2026-03-01 -o json"), "{\"result\":true}\n");
    lab.succeeds("experiment create --name Other --flag other --event bought");
    assert_eq!(asked("other --as-of 2026-03-08 -o json"), "{\"result\":true}\n");
    assert_eq!(asked("other --as-of 2026-03-08 -o json --any-flag"), "{\"result\":false}\n");
    assert!(asked("other --as-of 2026-03-08").starts_with("yes: no event of the metric carried the flag 'other'"));
}
