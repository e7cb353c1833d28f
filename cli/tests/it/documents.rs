//! Definitions as files: `abduck apply` and `abduck export`.

use std::fs;

use serde_json::Value;

use crate::support::Place;

const SHOP: &str = "\
kind: experiment
feature_flag_key: checkout
name: Checkout
holdout: Everyone
---
kind: holdout
name: Everyone
filters: [{rollout_percentage: 5}]
";

#[test]
fn a_dry_run_says_what_apply_then_does() {
    let lab = Place::lab();
    lab.write("shop.yaml", SHOP);
    let dry = lab.abduck("apply shop.yaml --dry-run");
    assert_eq!(dry.exit, 0, "{dry}");
    assert!(
        dry.stderr.contains("a dry run, nothing was changed: 2 to create, 0 to update, 0 as they should be"),
        "{dry}"
    );
    assert_eq!(lab.succeeds("experiment list -o json").trim(), "[]");
    let real = lab.abduck("apply shop.yaml");
    assert_eq!(real.stdout, dry.stdout);
    assert!(real.stderr.contains("done: 2 created, 0 updated, 0 as they should be"), "{real}");
    assert!(lab.abduck("apply shop.yaml").stderr.contains("2 as they should be"));

    let text = SHOP.replace("name: Checkout", "name: Quick checkout");
    let changed = lab.abduck_reading("apply - -o json", &text);
    let report: Value = serde_json::from_str(&changed.stdout).unwrap();
    assert_eq!(report["changes"][0]["changes"][0]["after"], "Quick checkout", "{changed}");
    assert_eq!(report["changes"][1]["action"], "no_change");
    assert_eq!(report["is_applied"], true);
}

#[test]
fn refusals_are_told_with_their_place_and_change_nothing() {
    let lab = Place::lab();
    lab.write("shop.yaml", &SHOP.replace("holdout: Everyone", "holdot: Everyone"));
    let refused = lab.abduck("apply shop.yaml");
    assert_eq!(refused.exit, 2, "{refused}");
    let expected =
        "shop.yaml:4:1: experiment 'checkout': holdot: unknown field 'holdot' of a document of kind experiment";
    assert!(refused.stderr.contains("1 of 2 documents refused, nothing was changed"), "{refused}");
    assert!(refused.stderr.contains(expected) && refused.stderr.contains("did you mean 'holdout'?"), "{refused}");
    assert!(refused.stdout.contains("refuse"), "{refused}");
    assert_eq!(lab.succeeds("export"), "");
    assert_eq!(lab.abduck("apply nowhere.yaml").exit, 3);
    lab.write("twice.yaml", "kind: flag\nkind: flag\n");
    assert!(lab.abduck("apply twice.yaml").stderr.contains("twice.yaml:2:1: the key 'kind' is given twice"));
}

#[test]
fn a_folder_is_written_and_applied_again() {
    let lab = Place::lab();
    lab.write("shop.yaml", SHOP);
    lab.succeeds("apply shop.yaml");
    let files = lab.succeeds("export --to definitions");
    assert_eq!(files, "definitions/holdouts/everyone.yaml\ndefinitions/experiments/checkout.yaml\n");
    assert_eq!(lab.succeeds("export --to definitions"), "");
    let text = fs::read_to_string(lab.path("definitions/experiments/checkout.yaml")).unwrap();
    assert_eq!(lab.succeeds("export checkout"), text);
    assert_eq!(text, "kind: experiment\nfeature_flag_key: checkout\nname: Checkout\nholdout: Everyone\n");

    lab.write("definitions/experiments/checkout.yaml", "kind: flag\n");
    let refused = lab.abduck("export --to definitions");
    assert_eq!(refused.exit, 4, "{refused}");
    assert!(refused.stderr.contains("--force"), "{refused}");
    lab.succeeds("export --to definitions --force");
    assert_eq!(fs::read_to_string(lab.path("definitions/experiments/checkout.yaml")).unwrap(), text);
    lab.succeeds("init other");
    lab.succeeds("--lab other apply definitions");
    assert_eq!(lab.succeeds("--lab other export"), lab.succeeds("export"));
}

#[test]
fn the_schema_of_a_document_is_for_editors() {
    let schema: Value = serde_json::from_str(&Place::empty().succeeds("schema document")).unwrap();
    let kinds: Vec<_> =
        schema["oneOf"].as_array().unwrap().iter().map(|kind| kind["title"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["cohort", "holdout", "saved_metric", "flag", "experiment", "settings"]);
}
