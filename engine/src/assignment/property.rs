//! Conditions on properties: read once, checked for every subject (F-14).

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Number, Value};

use super::date;
use super::subject::Properties;
use crate::error::{Error, Result};

/// A condition on one property.
#[derive(Clone, Debug)]
pub(super) struct PropertyTest {
    key: String,
    check: Check,
    /// The answer for a property that is not known.
    if_missing: bool,
}

#[derive(Clone, Debug)]
enum Check {
    /// Equal to one of the lower-cased texts.
    Exact { texts: Vec<String>, is_negated: bool },
    /// Contains one of the lower-cased texts.
    Contains { texts: Vec<String>, is_negated: bool },
    /// One of the patterns is found; without any, nothing matches, negated or not.
    Pattern { patterns: Vec<Regex>, is_negated: bool },
    /// Before or after a bound.
    Compare { order: Order, bound: Bound },
    /// Known and not null.
    IsSet,
    /// Unknown or null.
    IsNotSet,
    /// Before, after or at a date.
    Date { side: Side, moment: Timestamp, is_day: bool },
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// What `gt` and its like compare with.
#[derive(Clone, Debug)]
enum Bound {
    /// A number, and the text it was written as, which text properties are compared with.
    Number(f64, String),
    /// Any other text.
    Text(String),
    /// A list never matches.
    Never,
}

#[derive(Clone, Copy, Debug)]
enum Side {
    Before,
    After,
    At,
}

const OPERATORS: [&str; 15] = [
    "exact",
    "is_not",
    "icontains",
    "not_icontains",
    "regex",
    "not_regex",
    "gt",
    "gte",
    "lt",
    "lte",
    "is_set",
    "is_not_set",
    "is_date_before",
    "is_date_after",
    "is_date_exact",
];

/// How a condition treats properties that are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// In a release condition: they match nothing but `is_not_set`.
    Fails,
    /// In a release condition that asks only what somebody is not: they match `is_not` too, so that a person who is not
    /// known yet gets in.
    IsNot,
    /// In the definition of a cohort: they match whatever is negated (Q-P3, Q-P5, Q-P7, Q-P10).
    Negated,
}

impl PropertyTest {
    /// Reads a condition; `field` is where it stands.
    pub(super) fn parse(
        object: &Map<String, Value>,
        field: &str,
        missing: Missing,
        now: Option<Timestamp>,
    ) -> Result<Self> {
        let Some(key) = object.get("key").and_then(Value::as_str).filter(|key| !key.is_empty()) else {
            return Err(invalid(field, "a property condition needs a key"));
        };
        let operator = operator(object, field)?;
        let value = match object.get("value") {
            _ if matches!(operator, "is_set" | "is_not_set") => &Value::Null,
            None | Some(Value::Null) => return Err(invalid(field, format!("the condition on '{key}' needs a value"))),
            Some(value) => value,
        };
        let check = Check::of(operator, value, field, now)?;
        let if_missing = match operator {
            "is_not_set" => true,
            "is_not" => missing != Missing::Fails,
            "not_icontains" | "not_regex" => missing == Missing::Negated,
            _ => false,
        };
        Ok(Self { key: key.to_owned(), check, if_missing })
    }

    /// The name of the property.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn matches(&self, properties: Option<&Properties>) -> bool {
        match properties.and_then(|properties| properties.get(&self.key)) {
            None => self.if_missing,
            // Null is no value, but it is not anything else either.
            Some(Value::Null) => match &self.check {
                Check::Exact { is_negated, .. } => *is_negated,
                check => matches!(check, Check::IsNotSet),
            },
            Some(value) => self.check.matches(value),
        }
    }
}

/// The operator of a condition; `exact` unless it names one.
fn operator<'a>(object: &'a Map<String, Value>, field: &str) -> Result<&'a str> {
    match object.get("operator") {
        None | Some(Value::Null) => Ok("exact"),
        Some(Value::String(name)) if OPERATORS.contains(&name.as_str()) => Ok(name),
        Some(other) => Err(invalid(field, format!("the operator {other} is not supported for flags"))
            .hint(format!("supported operators: {}", OPERATORS.join(", ")))),
    }
}

/// Whether a condition only asks what a property is not, so that somebody unknown can meet it (F-14).
pub(super) fn is_negative(object: &Map<String, Value>) -> bool {
    let is_property = !matches!(object.get("type").and_then(Value::as_str), Some("cohort"));
    is_property && matches!(object.get("operator").and_then(Value::as_str), Some("is_not" | "is_not_set"))
}

impl Check {
    fn of(operator: &str, value: &Value, field: &str, now: Option<Timestamp>) -> Result<Self> {
        let is_negated = matches!(operator, "is_not" | "not_icontains" | "not_regex");
        let order = |order| Ok(Self::Compare { order, bound: Bound::of(value) });
        match operator {
            "is_set" => Ok(Self::IsSet),
            "is_not_set" => Ok(Self::IsNotSet),
            "icontains" | "not_icontains" => Ok(Self::Contains { texts: lower_texts(value), is_negated }),
            "regex" | "not_regex" => Ok(Self::Pattern { patterns: patterns(value, field)?, is_negated }),
            "gt" => order(Order::Greater),
            "gte" => order(Order::GreaterOrEqual),
            "lt" => order(Order::Less),
            "lte" => order(Order::LessOrEqual),
            "is_date_before" => Self::date(Side::Before, value, field, now),
            "is_date_after" => Self::date(Side::After, value, field, now),
            "is_date_exact" => Self::date(Side::At, value, field, now),
            _ => Ok(Self::Exact { texts: lower_texts(value), is_negated }),
        }
    }

    fn date(side: Side, value: &Value, field: &str, now: Option<Timestamp>) -> Result<Self> {
        let text = text(value);
        let moment = if date::is_relative(&text) {
            let now = now.ok_or_else(|| {
                invalid(field, format!("the relative date {text} needs to know what time it is")).hint("give `now`")
            })?;
            date::relative(&text, now)
        } else {
            date::absolute(&text)
        };
        let moment = moment.ok_or_else(|| {
            // V-26
            Error::invalid_field(field, "invalid_date", format!("Invalid date value: {text}"))
                .hint("dates are such as 2026-03-01, 2026-03-01T09:30:00+01:00 or -3d")
        })?;
        Ok(Self::Date { side, moment, is_day: date::is_day(&text) })
    }

    /// Whether a value that is not null passes.
    fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Exact { texts, is_negated } => {
                let text = lower_text(only(value));
                texts.contains(&text) != *is_negated
            }
            Self::Contains { texts, is_negated } => {
                let text = lower_text(value);
                texts.iter().any(|part| text.contains(part)) != *is_negated
            }
            Self::Pattern { patterns, .. } if patterns.is_empty() => false,
            Self::Pattern { patterns, is_negated } => {
                let text = text(value);
                patterns.iter().any(|pattern| pattern.is_match(&text)) != *is_negated
            }
            Self::Compare { order, bound } => bound.compare(value).is_some_and(|ordering| order.holds(ordering)),
            Self::IsSet => true,
            Self::IsNotSet => false,
            Self::Date { side, moment, is_day } => {
                let found = value.as_str().and_then(date::absolute);
                found.is_some_and(|found| side.holds(found, *moment, *is_day))
            }
        }
    }
}

impl Order {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
        }
    }
}

impl Side {
    /// Q-P11 for equality; before and after are as the SDK has them, where a day stands for its first instant.
    fn holds(self, found: Timestamp, moment: Timestamp, is_day: bool) -> bool {
        let unit = if is_day { 86_400 } else { 1 };
        match self {
            Self::Before => found < moment,
            Self::After => found > moment,
            Self::At => found.as_second().div_euclid(unit) == moment.as_second().div_euclid(unit),
        }
    }
}

impl Bound {
    fn of(value: &Value) -> Self {
        match value {
            Value::Array(_) | Value::Object(_) => Self::Never,
            Value::Bool(truth) => Self::Number(f64::from(u8::from(*truth)), text(value).into_owned()),
            value => {
                let text = text(value).into_owned();
                match text.trim().parse() {
                    Ok(number) => Self::Number(number, text),
                    Err(_) => Self::Text(text),
                }
            }
        }
    }

    /// How a value stands to the bound: as numbers, unless one of them is a text; then as texts, which is how the SDK does
    /// it.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Number(_, bound), Value::String(text)) => Some(text.as_str().cmp(bound)),
            (Self::Number(bound, _), Value::Number(number)) => compare_numbers(number, *bound),
            (Self::Number(bound, _), Value::Bool(truth)) => f64::from(u8::from(*truth)).partial_cmp(bound),
            (Self::Never | Self::Number(..), _) => None,
            (Self::Text(bound), value) => Some(text(value).as_ref().cmp(bound)),
        }
    }
}

/// Integers are not rounded on the way, so that large ids next to each other stay apart.
fn compare_numbers(number: &Number, bound: f64) -> Option<Ordering> {
    let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match integer {
        Some(integer) if bound.abs() < 1e30 => {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within the range")]
            let whole = bound.floor() as i128;
            Some(integer.cmp(&whole).then(if bound > bound.floor() { Ordering::Less } else { Ordering::Equal }))
        }
        _ => number.as_f64()?.partial_cmp(&bound),
    }
}

/// The text of a value: texts without quotes, everything else as JSON.
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

fn lower_text(value: &Value) -> String {
    text(value).to_lowercase()
}

/// The lower-cased texts of a value or of the elements of a list.
fn lower_texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(lower_text).collect(),
        value => vec![lower_text(value)],
    }
}

/// A list of one value is that value: `["307"]`, `[307]`, `"307"` and `307` are equal (F-14).
fn only(value: &Value) -> &Value {
    match value {
        Value::Array(items) if items.len() == 1 => &items[0],
        value => value,
    }
}

/// Patterns that are no patterns match nothing (Q-P6), so they are left out. One that other engines understand but this one
/// does not is refused, because leaving it out would change who gets in.
fn patterns(value: &Value, field: &str) -> Result<Vec<Regex>> {
    let texts: Vec<_> = match value {
        Value::Array(items) => items.iter().map(text).collect(),
        value => vec![text(value)],
    };
    let mut patterns = Vec::new();
    for text in texts {
        match Regex::new(&text) {
            Ok(pattern) => patterns.push(pattern),
            Err(regex::Error::Syntax(message)) if !message.contains("not supported") => {}
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                return Err(invalid(field, format!("the pattern {text:?} cannot be used: {reason}"))
                    .hint("write it without look-around and backreferences"));
            }
        }
    }
    Ok(patterns)
}

pub(super) fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::invalid_field(field, "invalid_input", message)
}
