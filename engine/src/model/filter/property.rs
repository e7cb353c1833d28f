//! What is asked of one property, whoever it belongs to.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{invalid, key};
use crate::error::{Error, Result};
use crate::model::date;

/// What is asked of one property.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyTest {
    /// It is compared with values.
    Compared(PropertyFilter),
    /// It is compared with dates.
    Date(DateFilter),
}

/// One property, compared with values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PropertyFilter {
    /// The property's name.
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// What it is compared with, as text: JSON texts without quotes, everything else as JSON (Q-P1).
    pub values: Vec<String>,
}

/// One property, compared with points in time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DateFilter {
    /// The property's name.
    pub key: String,
    /// On which side of a date it lies.
    pub side: DateSide,
    /// The dates as they were given, one of which suffices (Q-P14): a day, a moment, or a length of time before now.
    pub dates: Vec<String>,
}

/// On which side of a date something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DateSide {
    /// Before it; before the day begins (Q-P12).
    Before,
    /// In the same second; on the day (Q-P11).
    At,
    /// After it; after the day has ended (Q-P13).
    After,
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

/// What an operator asks for.
#[derive(Clone, Copy)]
enum Asked {
    Comparison(Operator),
    Date(DateSide),
}

const OPERATORS: [(&str, Asked); 17] = [
    ("exact", Asked::Comparison(Operator::Exact)),
    ("is_not", Asked::Comparison(Operator::IsNot)),
    ("in", Asked::Comparison(Operator::Exact)),
    ("not_in", Asked::Comparison(Operator::IsNot)),
    ("icontains", Asked::Comparison(Operator::Icontains)),
    ("not_icontains", Asked::Comparison(Operator::NotIcontains)),
    ("regex", Asked::Comparison(Operator::Regex)),
    ("not_regex", Asked::Comparison(Operator::NotRegex)),
    ("gt", Asked::Comparison(Operator::Gt)),
    ("gte", Asked::Comparison(Operator::Gte)),
    ("lt", Asked::Comparison(Operator::Lt)),
    ("lte", Asked::Comparison(Operator::Lte)),
    ("is_set", Asked::Comparison(Operator::IsSet)),
    ("is_not_set", Asked::Comparison(Operator::IsNotSet)),
    ("is_date_exact", Asked::Date(DateSide::At)),
    ("is_date_before", Asked::Date(DateSide::Before)),
    ("is_date_after", Asked::Date(DateSide::After)),
];

impl PropertyTest {
    /// Reads what a filter asks of its property.
    pub(super) fn parse(object: &Map<String, Value>, field: &str) -> Result<Self> {
        let key = key(object, field)?.to_owned();
        Ok(match asked(object, field)? {
            Asked::Comparison(operator) => {
                Self::Compared(PropertyFilter { values: values(object, operator, &key, field)?, key, operator })
            }
            Asked::Date(side) => {
                let dates = values(object, Operator::Exact, &key, field)?;
                if let Some(wrong) = dates.iter().find(|text| !is_date(text)) {
                    // V-26
                    let message = format!("Invalid date value: {wrong}");
                    return Err(Error::invalid_field(field, "invalid_date", message)
                        .hint("dates are such as 2026-03-01, 2026-03-01T09:30:00+01:00 or -3d"));
                }
                Self::Date(DateFilter { key, side, dates })
            }
        })
    }

    /// The property's name.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Compared(compared) => &compared.key,
            Self::Date(date) => &date.key,
        }
    }
}

impl Operator {
    /// Whether it asks what a property is not: it is the negation of another operator, and holds without a value.
    #[must_use]
    pub fn is_negative(self) -> bool {
        matches!(self, Self::IsNot | Self::NotIcontains | Self::NotRegex | Self::IsNotSet)
    }
}

fn is_date(text: &str) -> bool {
    date::span(text).is_some() || date::absolute(text).is_some()
}

/// Reads how a filter compares; `exact` unless it says something else.
pub(super) fn operator(object: &Map<String, Value>, field: &str) -> Result<Operator> {
    match asked(object, field)? {
        Asked::Comparison(operator) => Ok(operator),
        Asked::Date(_) => Err(invalid(field, "dates are compared with properties of events, persons and groups only")),
    }
}

fn asked(object: &Map<String, Value>, field: &str) -> Result<Asked> {
    let name = match object.get("operator") {
        None | Some(Value::Null) => return Ok(Asked::Comparison(Operator::Exact)),
        Some(Value::String(name)) => name.as_str(),
        Some(other) => return Err(invalid(field, format!("the operator of a filter must be a text, not {other}"))),
    };
    OPERATORS.iter().find(|(known, _)| *known == name).map(|(_, asked)| *asked).ok_or_else(|| {
        let known: Vec<_> = OPERATORS.iter().map(|(known, _)| *known).collect();
        invalid(field, format!("the operator '{name}' is not supported"))
            .hint(format!("supported operators: {}", known.join(", ")))
    })
}

/// What a filter compares with; nothing if it only asks whether there is a value.
pub(super) fn values(object: &Map<String, Value>, operator: Operator, key: &str, field: &str) -> Result<Vec<String>> {
    match object.get("value") {
        _ if matches!(operator, Operator::IsSet | Operator::IsNotSet) => Ok(Vec::new()),
        None | Some(Value::Null) => Err(invalid(field, format!("the filter on '{key}' needs a value"))),
        Some(Value::Array(items)) => Ok(items.iter().map(value_text).collect()),
        Some(value) => Ok(vec![value_text(value)]),
    }
}

/// The text of a JSON value as the reference compares it: texts without quotes, everything else as JSON (Q-P1).
fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
