//! What differs between two values, in short.

use serde_json::Value;

/// The longest text of a value, in characters.
const SHORT: usize = 40;

/// What changes with every change.
const ALWAYS: [&str; 2] = ["updated_at", "version"];

/// The places where two values differ, each with what stood there and what stands there now.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect("", before, after, &mut found);
    found
}

fn collect(place: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added).filter(|key| !place.is_empty() || !ALWAYS.contains(&key.as_str())) {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                let part = |whole: &Value| whole.get(key).cloned().unwrap_or_default();
                collect(&place, &part(before), &part(after), found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (before, after)) in old.iter().zip(new).enumerate() {
                collect(&format!("{place}[{index}]"), before, after, found);
            }
        }
        _ => found.push(format!("{place}: {} → {}", short(before), short(after))),
    }
}

/// A value as it fits into a line.
pub(crate) fn short(value: &Value) -> String {
    let text = match value {
        Value::Null => return "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut characters = text.chars();
    let begin: String = characters.by_ref().take(SHORT).collect();
    if characters.next().is_none() { begin } else { format!("{begin}…") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named_by_its_place() {
        let before =
            json!({"name": "A", "updated_at": 1, "filters": {"groups": [{"rollout": 50}], "version": 1}, "old": 1});
        let after =
            json!({"name": "B", "updated_at": 2, "filters": {"groups": [{"rollout": 80}], "version": 2}, "new": []});
        let expected = [
            "name: A → B",
            "filters.groups[0].rollout: 50 → 80",
            "filters.version: 1 → 2",
            "old: 1 → –",
            "new: – → []",
        ];
        assert_eq!(differences(&before, &after), expected);
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn lists_of_other_lengths_are_shown_whole_and_long_values_in_part() {
        let found = differences(&json!({"list": []}), &json!({"list": ["x".repeat(100)]}));
        assert_eq!(found, [format!("list: [] → [\"{}…", "x".repeat(SHORT - 2))]);
    }
}
