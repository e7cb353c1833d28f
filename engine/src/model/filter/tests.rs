use serde_json::json;

use super::*;

#[test]
fn groups_nest_and_an_empty_group_matches_everything() {
    // Q-P16
    let nested = json!({"type": "OR", "values": [
        {"type": "AND", "values": [{"key": "a", "value": 1}, {"key": "b", "operator": "is_set"}]},
        {"key": "c", "value": ["x"], "operator": "icontains"},
    ]});
    let Filter::Any(parts) = Filter::parse(&nested, "properties").unwrap() else { panic!("not an OR group") };
    assert!(matches!(&parts[0], Filter::All(inner) if inner.len() == 2));
    for empty in [json!(null), json!([]), json!({}), json!({"type": "OR", "values": []})] {
        assert!(Filter::parse(&empty, "properties").unwrap().is_everything(), "{empty}");
    }
}

#[test]
fn malformed_filters_are_refused_with_their_place() {
    // Q-P23
    for (bad, place, text) in [
        (json!([{"key": "a"}]), "properties[0]", "needs a value"),
        (json!([{"value": 1}]), "properties[0]", "needs a key"),
        (json!([{"key": "a", "value": 1, "operator": "almost"}]), "properties[0]", "'almost' is not supported"),
        (json!([{"key": "a", "value": 1, "type": "recording"}]), "properties[0]", "not supported"),
        (json!({"type": "XOR", "values": []}), "properties", "\"AND\" or \"OR\""),
        (json!([{"key": "a", "value": 1, "oprator": "exact"}]), "properties[0]", "unknown key 'oprator'"),
        (json!("a"), "properties", "must be an object"),
    ] {
        let error = Filter::parse(&bad, "properties").unwrap_err();
        let crate::error::ErrorKind::Invalid { field, message, .. } = error.kind() else { panic!("{error:?}") };
        assert_eq!(field.as_deref(), Some(place), "{bad}");
        assert!(message.contains(text), "{message}");
    }
}
