//! Property filters: which events a metric looks at.
//!
//! The outward form is the reference system's: a list of filters (all must hold), or a nested group
//! `{"type": "AND" | "OR", "values": [...]}` (rules Q-P1 to Q-P19). Parsing checks everything, so that a [`Filter`] has
//! nothing left to misunderstand; a malformed filter is an error, never "match all" (Q-P23). What depends on the moment or on
//! the lab (relative dates, who belongs to a cohort) is settled when a plan is made.

mod cohort;
mod element;
mod property;
mod selector;

pub use cohort::CohortFilter;
pub use element::{ElementFilter, ElementPart};
pub use property::{DateFilter, DateSide, Operator, PropertyFilter, PropertyTest};
pub use selector::{Combinator, Compound, Selector};

use serde::Serialize;
use serde_json::{Map, Value};

use super::entity::known_keys;
use super::expression::{Expression, Kind};
use super::session::SessionProperty;
use crate::error::{Error, Result};

/// A checked condition on an event: its properties, and what belongs to its person, groups and session.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Every part holds; without parts, always.
    All(Vec<Filter>),
    /// Some part holds; there is at least one.
    Any(Vec<Filter>),
    /// The part does not hold.
    Not(Box<Filter>),
    /// One property of the event compared with values.
    Property(PropertyFilter),
    /// One property of the event compared with dates (Q-P11 to Q-P13).
    Date(DateFilter),
    /// One property of the event's person, with its latest value (Q-P22).
    Person(PropertyTest),
    /// One property of a group of the event, with its latest value.
    Group {
        /// The position of the group type, 0 to 4.
        group_type_index: u8,
        /// What is asked of the property.
        test: PropertyTest,
    },
    /// One property of the event's session.
    Session {
        /// Which.
        property: SessionProperty,
        /// What is asked of it.
        test: PropertyTest,
    },
    /// Some element that the event captured is like this (Q-P19).
    Element(ElementFilter),
    /// Some element that the event captured is selected (Q-P19).
    Selector(Selector),
    /// Whether the event's person belongs to a cohort (Q-P17).
    Cohort(CohortFilter),
    /// An expression that holds; null does not (Q-P15).
    Expression(Expression),
}

/// The types of filters that are understood.
const TYPES: [&str; 8] = ["event", "feature", "person", "group", "cohort", "element", "hogql", "session"];

/// Keys of a filter. The last three only help clients to show it.
const KEYS: [&str; 9] =
    ["key", "value", "operator", "type", "group_type_index", "negation", "label", "cohort_name", "group_key_names"];

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
            Value::Object(object) => parse_single(object, field),
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

/// A filter that is no group, by its type (Q-P1).
fn parse_single(object: &Map<String, Value>, field: &str) -> Result<Filter> {
    refuse_unknown_keys(object, &KEYS, field)?;
    let kind = match object.get("type") {
        None | Some(Value::Null) => "event",
        Some(Value::String(kind)) => kind,
        Some(other) => return Err(invalid(field, format!("the type of a filter must be a text, not {other}"))),
    };
    let is_negated = is_negated(object, field)?;
    let filter = match kind {
        // A cohort that does not exist matches nothing, negated or not, so it sees to its negation itself (Q-P17).
        "cohort" => return CohortFilter::parse(object, is_negated, field).map(Filter::Cohort),
        "event" | "feature" => match PropertyTest::parse(object, field)? {
            PropertyTest::Compared(compared) => Filter::Property(compared),
            PropertyTest::Date(date) => Filter::Date(date),
        },
        "person" => Filter::Person(PropertyTest::parse(object, field)?),
        "group" => Filter::Group {
            group_type_index: group_type_index(object, field)?,
            test: PropertyTest::parse(object, field)?,
        },
        "session" => session(PropertyTest::parse(object, field)?, field)?,
        "element" => element::parse(object, field)?,
        "hogql" => expression(object, field)?,
        other => {
            return Err(Error::invalid_field(
                field,
                "unsupported",
                format!("property filters of type '{other}' are not supported"),
            )
            .hint(format!("supported types: {}", TYPES.join(", "))));
        }
    };
    Ok(if is_negated { Filter::Not(Box::new(filter)) } else { filter })
}

fn is_negated(object: &Map<String, Value>, field: &str) -> Result<bool> {
    match object.get("negation") {
        None | Some(Value::Null | Value::Bool(false)) => Ok(false),
        Some(Value::Bool(true)) => Ok(true),
        Some(other) => Err(invalid(field, format!("the negation must be true or false, not {other}"))),
    }
}

fn group_type_index(object: &Map<String, Value>, field: &str) -> Result<u8> {
    let given = object.get("group_type_index").unwrap_or(&Value::Null);
    let index = given.as_u64().and_then(|index| u8::try_from(index).ok()).filter(|index| *index < 5);
    index.ok_or_else(|| {
        invalid(field, "a filter on a group needs its group_type_index, 0 to 4")
            .hint("it is the number in `$group_0` to `$group_4` of the events")
    })
}

fn session(test: PropertyTest, field: &str) -> Result<Filter> {
    if let Some(property) = SessionProperty::named(test.key()) {
        return Ok(Filter::Session { property, test });
    }
    let message = format!("the session property '{}' is not supported", test.key());
    Err(Error::invalid_field(field, "unsupported", message)
        .hint(format!("supported: {}", SessionProperty::names(false))))
}

fn expression(object: &Map<String, Value>, field: &str) -> Result<Filter> {
    let text = key(object, field)?;
    match object.get("operator") {
        None | Some(Value::Null) => {}
        Some(Value::String(operator)) if operator == "exact" => {}
        Some(other) => {
            return Err(invalid(field, format!("an expression holds by itself and takes no operator such as {other}"))
                .hint("leave the operator out, and compare in the expression"));
        }
    }
    let place = format!("{field}.key");
    let expression = Expression::parse(text, &place)?;
    if !matches!(expression.kind(), Kind::Boolean | Kind::Open) {
        return Err(invalid(&place, "the expression is a value, not a condition").hint("compare it with something"));
    }
    Ok(Filter::Expression(expression))
}

fn key<'a>(object: &'a Map<String, Value>, field: &str) -> Result<&'a str> {
    let key = object.get("key").and_then(Value::as_str).filter(|key| !key.is_empty());
    key.ok_or_else(|| invalid(field, "a property filter needs a key"))
}

fn refuse_unknown_keys(object: &Map<String, Value>, known: &[&str], field: &str) -> Result<()> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            Err(invalid(field, format!("unknown key '{key}' in a property filter")).hint(known_keys(key, known)))
        }
    }
}

fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::invalid_field(field, "invalid_input", message)
}

#[cfg(test)]
mod tests;
