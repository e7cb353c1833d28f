//! Against an oracle that is slow and obvious.

#![expect(clippy::format_collect, clippy::cast_precision_loss, reason = "the oracle follows the words of the rules")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use super::super::*;
use super::evaluator;
use crate::model::flag::FeatureFlag;

/// F-3 by its words: hexadecimal text, its first 15 digits read as a number, divided.
fn hash_by_text(prefix: &str, id: &str, salt: &str) -> f64 {
    let digest = Sha1::digest(format!("{prefix}{id}{salt}").as_bytes());
    let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    u64::from_str_radix(&text[..15], 16).unwrap() as f64 / u64::from_str_radix("fffffffffffffff", 16).unwrap() as f64
}

/// F-6 to F-13 by their words, for flags whose conditions ask for one property.
fn oracle(definition: &Value, id: &str, known: &Map<String, Value>) -> Value {
    let key = definition["key"].as_str().unwrap();
    let filters = &definition["filters"];
    let share = |element: &Value| element["rollout_percentage"].as_f64().map(|percentage| percentage / 100.0);
    let lookup = || {
        let position = hash_by_text(&format!("{key}."), id, "variant");
        let mut before = 0.0;
        for variant in filters["multivariate"]["variants"].as_array().unwrap() {
            let after = before + share(variant).unwrap();
            if before <= position && position < after {
                return variant["key"].clone();
            }
            before = after;
        }
        Value::Null
    };
    let on = |variant: Value, reason: &str, index: usize| {
        let payload = filters["payloads"][variant.as_str().unwrap_or("true")].clone();
        let value = if variant.is_null() { json!(true) } else { variant.clone() };
        json!({"value": value, "variant": variant, "match": true, "reason": reason, "condition_index": index,
            "payload": payload})
    };
    if let Some(holdout) = filters["holdout_groups"].get(0)
        && share(holdout).is_none_or(|share| hash_by_text("holdout-", id, "") <= share)
    {
        return on(holdout["variant"].clone(), "holdout_condition_value", 0);
    }
    let groups = filters["groups"].as_array().unwrap();
    let has_override = |group: &Value| group["variant"].is_string();
    let order = (0..groups.len()).filter(|index| has_override(&groups[*index]));
    let order = order.chain((0..groups.len()).filter(|index| !has_override(&groups[*index])));
    let mut kept = (0, "no_condition_match", 0);
    for index in order {
        let group = &groups[index];
        let asked = group["properties"].get(0);
        let (rank, reason) = if asked.is_some_and(|asked| known.get("p") != Some(&asked["value"])) {
            (0, "no_condition_match")
        } else if share(group).is_some_and(|share| hash_by_text(&format!("{key}."), id, "") > share) {
            (1, "out_of_rollout_bound")
        } else {
            let variants = filters["multivariate"]["variants"].as_array().unwrap();
            let exists = variants.iter().any(|variant| variant["key"] == group["variant"]);
            return on(if exists { group["variant"].clone() } else { lookup() }, "condition_match", index);
        };
        if rank >= kept.0 {
            kept = (rank, reason, index);
        }
    }
    json!({"value": false, "variant": null, "match": false, "reason": kept.1, "condition_index": kept.2, "payload": null})
}

fn any_percentage() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        (0_u32..=100).prop_map(|whole| json!(whole)),
        (0.0..100.0).prop_map(|part: f64| json!(part))
    ]
}

fn any_group() -> impl Strategy<Value = Value> {
    let variant = prop_oneof![Just(Value::Null), "[ab]|nobody".prop_map(|key| json!(key))];
    let properties =
        prop_oneof![Just(json!([])), "[xy]".prop_map(|value| json!([{"key": "p", "value": value, "type": "person"}])),];
    (properties, any_percentage(), variant).prop_map(|(properties, rollout, variant)| {
        json!({"properties": properties, "rollout_percentage": rollout, "variant": variant})
    })
}

fn any_flag() -> impl Strategy<Value = Value> {
    let variants = prop::collection::vec(0.0..50.0, 0..4).prop_map(|shares| {
        let keys = ["a", "b", "c", "d"].iter();
        Value::Array(keys.zip(shares).map(|(key, share)| json!({"key": key, "rollout_percentage": share})).collect())
    });
    let holdouts = prop_oneof![
        2 => Just(json!([])),
        1 => any_percentage().prop_map(|share| json!([{"rollout_percentage": share, "variant": "holdout-1"}])),
    ];
    ("[a-z\\-ü]{1,70}", prop::collection::vec(any_group(), 0..5), variants, holdouts).prop_map(
        |(key, groups, variants, holdouts)| {
            json!({"key": key, "filters": {
                "groups": groups, "multivariate": {"variants": variants}, "holdout_groups": holdouts,
                "payloads": {"true": 1, "a": [2], "holdout-1": "3"},
            }})
        },
    )
}

proptest! {
    #[test]
    fn the_hash_is_the_one_of_the_words(prefix in ".{0,80}", id in ".{0,80}", salt in ".{0,10}") {
        // F-3
        let found = hash(&prefix, &id, &salt);
        prop_assert_eq!(found, hash_by_text(&prefix, &id, &salt));
        prop_assert!((0.0..=1.0).contains(&found));
    }

    #[test]
    fn every_answer_is_the_one_of_the_words(definition in any_flag(), id in ".{0,40}", property in "[xyz]") {
        // F-6 to F-13
        let flag = FeatureFlag::from_json(definition.clone()).unwrap();
        let known = json!({"p": property});
        let known = known.as_object().unwrap();
        let subject = Subject { person_properties: Some(known), ..Subject::new(&id) };
        prop_assert_eq!(json!(evaluator(&flag).evaluate(&subject)), oracle(&definition, &id, known));
    }

    #[test]
    fn many_ids_get_what_each_gets_alone(definition in any_flag(), ids in prop::collection::vec(".{0,20}", 0..20)) {
        let flag = FeatureFlag::from_json(definition).unwrap();
        let evaluator = evaluator(&flag);
        let together: Vec<_> = evaluator.evaluate_ids(ids.iter().map(String::as_str)).collect();
        let alone: Vec<_> = ids.iter().map(|id| evaluator.evaluate(&Subject::new(id))).collect();
        prop_assert_eq!(together, alone);
    }
}
