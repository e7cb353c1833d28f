//! Property filters: which events a metric looks at.
//!
//! The outward form is the reference system's: a list of filters (all must hold), or a nested group
//! `{"type": "AND" | "OR", "values": [...]}` (rules Q-P1 to Q-P16). Parsing checks everything, so that a [`Filter`] has
//! nothing left to misunderstand; a malformed filter is an error, never "match all" (Q-P23).

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A checked condition on the properties of an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Every part holds; without parts, always.
    All(Vec<Filter>),
    /// Some part holds.
    Any(Vec<Filter>),
    /// One property compared with values.
    Property(PropertyFilter),
    /// Some element that the event captured is like this.
    Element(ElementFilter),
}

/// One property of the event, compared with values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PropertyFilter {
    /// The property's name.
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with, as text: JSON texts without quotes, everything else as JSON (Q-P1).
    pub values: Vec<String>,
}

/// A part of an element of a page, on an event that captured the elements around a click (Q-A1).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ElementFilter {
    /// The part.
    pub part: ElementPart,
    /// The text it equals.
    pub value: String,
}

/// A part of an element of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementPart {
    /// Its tag, such as `a`.
    TagName,
    /// The text in it.
    Text,
    /// The target of its link.
    Href,
}

/// How a property is compared with the values of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// Equal to some value (Q-P2).
    Exact,
    /// Equal to none, or absent (Q-P3).
    IsNot,
    /// Contains some value, ignoring case (Q-P4).
    Icontains,
    /// Contains none, or absent (Q-P5).
    NotIcontains,
    /// Contains some value, with case; only addresses of actions are compared so (Q-A1).
    Contains,
    /// Some pattern is found (Q-P6).
    Regex,
    /// No pattern is found, or absent (Q-P7).
    NotRegex,
    /// Greater than some value, as numbers (Q-P8).
    Gt,
    /// Greater than or equal to some value, as numbers (Q-P8).
    Gte,
    /// Less than some value, as numbers (Q-P8).
    Lt,
    /// Less than or equal to some value, as numbers (Q-P8).
    Lte,
    /// Present and not null (Q-P9).
    IsSet,
    /// Absent or null (Q-P10).
    IsNotSet,
}

const OPERATORS: [(&str, Operator); 12] = [
    ("exact", Operator::Exact),
    ("is_not", Operator::IsNot),
    ("icontains", Operator::Icontains),
    ("not_icontains", Operator::NotIcontains),
    ("regex", Operator::Regex),
    ("not_regex", Operator::NotRegex),
    ("gt", Operator::Gt),
    ("gte", Operator::Gte),
    ("lt", Operator::Lt),
    ("lte", Operator::Lte),
    ("is_set", Operator::IsSet),
    ("is_not_set", Operator::IsNotSet),
];

impl Filter {
    /// The filter that every event passes.
    pub const EVERYTHING: Self = Self::All(Vec::new());

    /// Reads a filter from its outward form; `null` is [`Filter::EVERYTHING`].
    ///
    /// `field` is where the filter stands in the definition, for the error message.
    ///
    /// # Errors
    /// `Invalid` when the form is wrong, names an unknown key, type or operator, or lacks a value (Q-P23).
    ///
    /// ```
    /// use abduck::model::filter::{Filter, Operator};
    ///
    /// let filter = Filter::parse(&serde_json::json!([{"key": "plan", "value": ["pro", 5]}]), "properties")?;
    /// let Filter::All(parts) = filter else { unreachable!() };
    /// let Filter::Property(plan) = &parts[0] else { unreachable!() };
    /// assert_eq!((plan.operator, plan.values.as_slice()), (Operator::Exact, &["pro".into(), "5".into()][..]));
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn parse(value: &Value, field: &str) -> Result<Self> {
        match value {
            Value::Null => Ok(Self::EVERYTHING),
            Value::Array(items) => Ok(Self::All(parse_all(items, field)?)),
            Value::Object(object) if object.is_empty() => Ok(Self::EVERYTHING),
            Value::Object(object) if object.contains_key("values") => parse_group(object, field),
            Value::Object(object) => parse_property(object, field),
            _ => Err(invalid(field, "a property filter must be an object, a group or a list")),
        }
    }

    /// Whether every event passes.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::All(parts) if parts.iter().all(Self::is_everything))
    }
}

fn parse_all(items: &[Value], field: &str) -> Result<Vec<Filter>> {
    items.iter().enumerate().map(|(index, item)| Filter::parse(item, &format!("{field}[{index}]"))).collect()
}

fn parse_group(object: &Map<String, Value>, field: &str) -> Result<Filter> {
    refuse_unknown_keys(object, &["type", "values"], field)?;
    let Some(Value::Array(items)) = object.get("values") else {
        return Err(invalid(field, "the values of a filter group must be a list"));
    };
    let parts = parse_all(items, &format!("{field}.values"))?;
    match object.get("type").and_then(Value::as_str) {
        Some("AND") => Ok(Filter::All(parts)),
        // An empty group matches everything, whatever its type (Q-P16).
        Some("OR") if parts.is_empty() => Ok(Filter::EVERYTHING),
        Some("OR") => Ok(Filter::Any(parts)),
        _ => Err(invalid(field, "a filter group needs the type \"AND\" or \"OR\"")),
    }
}

fn parse_property(object: &Map<String, Value>, field: &str) -> Result<Filter> {
    refuse_unknown_keys(object, &["key", "value", "operator", "type", "group_type_index", "label"], field)?;
    match object.get("type").filter(|kind| !kind.is_null()) {
        None => {}
        Some(Value::String(kind)) if kind == "event" || kind == "feature" => {}
        Some(other) => {
            return Err(invalid(field, format!("property filters of type {other} are not supported yet"))
                .hint("supported types: event, feature"));
        }
    }
    let Some(key) = object.get("key").and_then(Value::as_str).filter(|key| !key.is_empty()) else {
        return Err(invalid(field, "a property filter needs a key"));
    };
    let operator = parse_operator(object.get("operator"), field)?;
    let values = match object.get("value") {
        _ if matches!(operator, Operator::IsSet | Operator::IsNotSet) => Vec::new(),
        None | Some(Value::Null) => return Err(invalid(field, format!("the filter on '{key}' needs a value"))),
        Some(Value::Array(items)) => items.iter().map(value_text).collect(),
        Some(value) => vec![value_text(value)],
    };
    Ok(Filter::Property(PropertyFilter { key: key.to_owned(), operator, values }))
}

fn parse_operator(value: Option<&Value>, field: &str) -> Result<Operator> {
    let name = match value {
        None | Some(Value::Null) => return Ok(Operator::Exact),
        Some(Value::String(name)) => name.as_str(),
        Some(other) => return Err(invalid(field, format!("the operator of a filter must be a text, not {other}"))),
    };
    OPERATORS.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator).ok_or_else(|| {
        let known: Vec<_> = OPERATORS.iter().map(|(known, _)| *known).collect();
        invalid(field, format!("the operator '{name}' is not supported"))
            .hint(format!("supported operators: {}", known.join(", ")))
    })
}

/// The text of a JSON value as the reference compares it: texts without quotes, everything else as JSON (Q-P1).
fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn refuse_unknown_keys(object: &Map<String, Value>, known: &[&str], field: &str) -> Result<()> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(invalid(field, format!("unknown key '{key}' in a property filter"))
            .hint(format!("known keys: {}", known.join(", ")))),
    }
}

fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::invalid_field(field, "invalid_input", message)
}

#[cfg(test)]
mod tests {
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
            (json!([{"key": "a", "value": 1, "type": "person"}]), "properties[0]", "not supported yet"),
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
}
