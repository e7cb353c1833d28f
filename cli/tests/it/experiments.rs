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
