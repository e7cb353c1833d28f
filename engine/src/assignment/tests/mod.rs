//! The rules of evaluation, one by one.

#![expect(clippy::needless_pass_by_value, reason = "tests read better with values in place")]

mod audit;
mod columns;
mod oracle;
mod properties;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::error::ErrorKind;
use crate::model::flag::FeatureFlag;

/// The two halves of a flag that most rules are tried on.
fn halves() -> Value {
    json!({"variants": [{"key": "control", "rollout_percentage": 50}, {"key": "test", "rollout_percentage": 50}]})
}

fn flag(key: &str, filters: Value) -> FeatureFlag {
    FeatureFlag::from_json(json!({"key": key, "filters": filters})).unwrap()
}

fn with_groups(groups: Value) -> FeatureFlag {
    flag("a-b-test", json!({"groups": groups, "multivariate": halves()}))
}

fn evaluator(flag: &FeatureFlag) -> Evaluator {
    Evaluator::new(flag, &references()).unwrap()
}

fn references() -> References {
    References {
        group_types: BTreeMap::from([(0, "company".to_owned())]),
        cohorts: BTreeMap::new(),
        now: Some("2024-06-15T12:00:00Z".parse().unwrap()),
    }
}

/// The answer for an id with properties, in its JSON form.
fn answer(flag: &FeatureFlag, id: &str, properties: Value) -> Value {
    let Value::Object(properties) = properties else { panic!("properties must be an object") };
    let subject = Subject { person_properties: Some(&properties), ..Subject::new(id) };
    json!(evaluator(flag).evaluate(&subject))
}

/// Variant, reason and index of an answer.
fn brief(answer: &Value) -> (Value, String, Value) {
    (answer["value"].clone(), answer["reason"].as_str().unwrap().to_owned(), answer["condition_index"].clone())
}

/// Whether one property condition of a flag lets a person with one property in.
fn passes(condition: &Value, property: &Value) -> bool {
    let flag = flag("f", json!({"groups": [{"properties": [condition]}]}));
    answer(&flag, "id", json!({"p": property}))["match"] == true
}

fn condition(operator: &str, value: &Value) -> Value {
    json!({"key": "p", "operator": operator, "value": value, "type": "person"})
}

/// What a malformed flag is refused with: the field and the message.
fn refusal(flag: &FeatureFlag, references: &References) -> (String, String) {
    let error = Evaluator::new(flag, references).unwrap_err();
    let ErrorKind::Invalid { field, message, .. } = error.kind() else { panic!("{error:?}") };
    (field.clone().unwrap(), message.clone())
}

#[test]
fn without_groups_the_legacy_form_is_one_group() {
    // F-0
    let legacy = |percentage: u32| {
        let definition = json!({"key": "f", "rollout_percentage": percentage, "filters": {
            "properties": [{"key": "p", "value": "a", "type": "person"}], "multivariate": {"variants": null},
        }});
        FeatureFlag::from_json(definition).unwrap()
    };
    let on = (json!(true), "condition_match".to_owned(), json!(0));
    assert_eq!(brief(&answer(&legacy(100), "id", json!({"p": "a"}))), on);
    assert_eq!(answer(&legacy(100), "id", json!({"p": "b"}))["reason"], "no_condition_match");
    assert_eq!(answer(&legacy(0), "id", json!({"p": "a"}))["reason"], "out_of_rollout_bound");
}

#[test]
fn a_flag_that_is_off_or_deleted_gives_no_answer() {
    // F-1
    for off in [json!({"active": false}), json!({"deleted": true})] {
        let mut definition = json!({"key": "f", "filters": {"groups": [{}]}});
        definition.as_object_mut().unwrap().extend(off.as_object().unwrap().clone());
        assert_eq!(answer(&FeatureFlag::from_json(definition).unwrap(), "id", json!({})), Value::Null);
    }
}

#[test]
fn a_kept_id_decides_only_with_experience_continuity() {
    // F-2, F-15
    let mut flag = with_groups(json!([{}]));
    let kept = |flag: &FeatureFlag| {
        let subject = Subject { hash_key_override: Some("user-2"), ..Subject::new("user-0") };
        evaluator(flag).evaluate(&subject).map(|answer| answer.value().as_text().to_owned())
    };
    assert_eq!(kept(&flag).as_deref(), Some("test"));
    flag.ensure_experience_continuity = true;
    assert_eq!(kept(&flag).as_deref(), Some("control"));
    let bare = evaluator(&flag).evaluate(&Subject::new("user-0")).map(|answer| answer.value().as_text().to_owned());
    assert_eq!(bare.as_deref(), Some("test"));
}

#[test]
fn a_flag_that_splits_groups_goes_by_the_groups_key_and_properties() {
    // F-2
    let filters = |index: u8| {
        json!({"groups": [{"properties": [
            {"key": "size", "operator": "gt", "value": 10, "type": "group", "group_type_index": index},
        ]}], "multivariate": halves(), "aggregation_group_type_index": index})
    };
    let groups = BTreeMap::from([("company".to_owned(), "user-2".to_owned())]);
    let properties = BTreeMap::from([("company".to_owned(), json!({"size": 11}).as_object().unwrap().clone())]);
    let member = Subject { groups: Some(&groups), group_properties: Some(&properties), ..Subject::new("user-0") };
    let company = evaluator(&flag("a-b-test", filters(0)));
    assert_eq!(company.evaluate(&member).unwrap().variant, Some("control"));
    assert_eq!(company.group_type(), Some("company"));
    let no_group = (false, Reason::NoGroupType, None);
    let seen = |answer: Evaluation<'_>| (answer.is_match, answer.reason, answer.condition_index);
    assert_eq!(seen(company.evaluate(&Subject::new("user-0")).unwrap()), no_group);
    // An index without a name is an unknown type.
    assert_eq!(seen(evaluator(&flag("a-b-test", filters(1))).evaluate(&member).unwrap()), no_group);
}

#[test]
fn the_first_super_group_decides_for_those_who_have_its_property() {
    // F-4, F-5
    let flag = flag(
        "f",
        json!({
            "groups": [{"rollout_percentage": 0}],
            "super_groups": [
                {"properties": [{"key": "enrolled", "value": ["true"], "type": "person"}], "rollout_percentage": 100},
                {"properties": [], "rollout_percentage": 100},
            ],
            "holdout_groups": [{"rollout_percentage": 100, "variant": "holdout-1"}],
            "multivariate": halves(), "payloads": {"true": 1, "holdout-1": 2},
        }),
    );
    let enrolled = answer(&flag, "id", json!({"enrolled": true}));
    assert_eq!(brief(&enrolled), (json!(true), "super_condition_value".to_owned(), json!(0)));
    assert_eq!((&enrolled["variant"], &enrolled["payload"]), (&Value::Null, &json!(1)));
    let declined = answer(&flag, "id", json!({"enrolled": "false"}));
    assert_eq!(brief(&declined), (json!(false), "super_condition_value".to_owned(), json!(0)));
    for unset in [json!({}), json!({"enrolled": null})] {
        let answer = answer(&flag, "id", unset);
        assert_eq!((&answer["reason"], &answer["payload"]), (&json!("holdout_condition_value"), &json!(2)));
    }
}

#[test]
fn a_super_group_without_properties_always_ends_the_evaluation() {
    // F-5; the rollout hash of "11" is 0.3876 and of "3" is 0.9123.
    let filters = json!({"groups": [{}], "super_groups": [{"properties": [], "rollout_percentage": 40}]});
    let flag = flag("beta-feature", filters);
    let seen = |id| brief(&answer(&flag, id, json!({})));
    assert_eq!(seen("11"), (json!(true), "super_condition_value".to_owned(), json!(0)));
    assert_eq!(seen("3"), (json!(false), "out_of_rollout_bound".to_owned(), json!(0)));
}

#[test]
fn the_first_holdout_holds_out_by_a_hash_of_its_own() {
    // F-6; the holdout hash of example_id is 0.9402 and of example_id2 is 0.6293.
    let held_out = |holdouts: Value| {
        let filters = json!({"groups": [{}], "multivariate": halves(), "holdout_groups": holdouts,
            "payloads": {"holdout-1": "out"}});
        ["example_id", "example_id2"].map(|id| answer(&flag("any", filters.clone()), id, json!({})))
    };
    let reasons = |holdouts: Value| {
        held_out(holdouts).map(|answer| answer["reason"].as_str().unwrap() == "holdout_condition_value")
    };
    let [inside, outside] = held_out(json!([{"rollout_percentage": 70, "variant": "holdout-1"}]));
    assert_eq!(inside["reason"], "condition_match");
    assert_eq!(brief(&outside), (json!("holdout-1"), "holdout_condition_value".to_owned(), json!(0)));
    assert_eq!(outside["payload"], "out");
    assert_eq!(reasons(json!([{"rollout_percentage": null, "variant": "holdout-1"}])), [true, true]);
    assert_eq!(reasons(json!([])), [false, false]);
    let ignored = json!({"properties": [{"key": "p", "value": 1, "type": "person"}], "rollout_percentage": 100});
    assert_eq!(reasons(json!([ignored, {"rollout_percentage": 100}])), [false, false]);
    // Without a variant of its own, the normal one.
    let [normal, _] = held_out(json!([{"rollout_percentage": 100}]));
    assert!(normal["variant"] == "control" || normal["variant"] == "test");
}

#[test]
fn groups_with_a_variant_come_first_and_keep_their_index() {
    // F-7, F-9
    let flag = with_groups(json!([
        {}, {"variant": ""}, {"variant": "nobody"}, {"variant": "control"}, {"variant": "test"},
    ]));
    // "user-0" is in test; an override that is no variant leaves that to the lookup.
    assert_eq!(brief(&answer(&flag, "user-0", json!({}))), (json!("test"), "condition_match".to_owned(), json!(2)));
    let flag = with_groups(json!([{}, {"variant": "control"}, {"variant": "test"}]));
    assert_eq!(brief(&answer(&flag, "user-0", json!({}))), (json!("control"), "condition_match".to_owned(), json!(1)));
}

#[test]
fn a_rollout_leaves_out_only_what_is_strictly_above() {
    // F-8
    let hash_of_11 = hash("beta-feature.", "11", "");
    for (percentage, is_in) in
        [(hash_of_11 * 100.0, true), (hash_of_11 * 100.0 - 1e-12, false), (0.0, false), (100.0, true)]
    {
        let flag = flag("beta-feature", json!({"groups": [{"rollout_percentage": percentage}]}));
        assert_eq!(answer(&flag, "11", json!({}))["match"], is_in, "{percentage}");
    }
    let open = flag("f", json!({"groups": [{"rollout_percentage": null, "properties": null}]}));
    assert_eq!(answer(&open, "", json!({}))["match"], true);
}

#[test]
fn a_hash_in_no_variant_gives_no_variant() {
    // F-9, F-10, F-12
    let none =
        json!({"variants": [{"key": "control", "rollout_percentage": 0}, {"key": "test", "rollout_percentage": 0}]});
    let flag = flag("gap", json!({"groups": [{}], "multivariate": none, "payloads": {"true": "plain", "test": "x"}}));
    let answer = answer(&flag, "user-1", json!({}));
    assert_eq!(brief(&answer), (json!(true), "condition_match".to_owned(), json!(0)));
    assert_eq!((&answer["variant"], &answer["payload"]), (&Value::Null, &json!("plain")));
}

#[test]
fn of_the_reasons_for_off_the_highest_rank_is_kept_and_later_ones_win() {
    // F-11
    let unmet = json!([{"key": "p", "value": "x", "type": "person"}]);
    let reason = |groups: Value| brief(&answer(&with_groups(groups), "id", json!({})));
    let out = |index: usize| (json!(false), "out_of_rollout_bound".to_owned(), json!(index));
    assert_eq!(reason(json!([{"rollout_percentage": 0}, {"properties": unmet}])), out(0));
    assert_eq!(reason(json!([{"rollout_percentage": 0}, {"rollout_percentage": 0}])), out(1));
    // Later is later in the order of trial: groups with a variant come first.
    assert_eq!(reason(json!([{"rollout_percentage": 0}, {"rollout_percentage": 0, "variant": "test"}])), out(0));
    let unmatched = |index: usize| (json!(false), "no_condition_match".to_owned(), json!(index));
    assert_eq!(reason(json!([{"properties": unmet}, {"properties": unmet}])), unmatched(1));
    assert_eq!(reason(json!([])), unmatched(0));
    let ranks: Vec<_> = Reason::ALL.windows(2).map(|pair| pair[0] < pair[1]).collect();
    assert_eq!(ranks, [true; 5]);
    assert!(Reason::ALL.iter().all(|reason| json!(reason) == reason.name()));
}

#[test]
fn payloads_come_with_matches_only() {
    // F-13
    let flag = flag(
        "f",
        json!({"groups": [{"properties": [{"key": "p", "value": 1, "type": "person"}]}],
        "payloads": {"true": {"a": 1}}}),
    );
    assert_eq!(answer(&flag, "id", json!({"p": 1}))["payload"], json!({"a": 1}));
    assert_eq!(answer(&flag, "id", json!({"p": 2}))["payload"], Value::Null);
}
