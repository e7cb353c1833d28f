//! Filters on the elements of a page, on events that captured those around a click (Q-P19, Q-A1).

use regex::Regex;
use serde::Serialize;
use serde_json::{Map, Value};

use super::property::{operator, values};
use super::{Filter, Operator, Selector, invalid, key};
use crate::error::Result;

/// Some captured element has a part that compares with some value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ElementFilter {
    /// The part.
    pub part: ElementPart,
    /// How it is compared: [`Operator::Exact`], [`Operator::Icontains`], [`Operator::Regex`] or [`Operator::IsSet`].
    pub operator: Operator,
    /// What it is compared with, one of which suffices.
    pub values: Vec<String>,
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

const PARTS: [(&str, ElementPart); 3] =
    [("tag_name", ElementPart::TagName), ("text", ElementPart::Text), ("href", ElementPart::Href)];

impl ElementFilter {
    /// Some element whose part equals a text.
    #[must_use]
    pub fn exact(part: ElementPart, value: &str) -> Self {
        Self { part, operator: Operator::Exact, values: vec![value.to_owned()] }
    }
}

/// Reads a filter of type `element`.
pub(super) fn parse(object: &Map<String, Value>, field: &str) -> Result<Filter> {
    let key = key(object, field)?;
    let operator = operator(object, field)?;
    let values = values(object, operator, key, field)?;
    let is_plain = matches!(operator, Operator::Exact | Operator::IsNot);
    let filter = match PARTS.iter().find(|(name, _)| *name == key) {
        _ if values.is_empty() && !matches!(operator, Operator::IsSet | Operator::IsNotSet) => {
            // An empty list restricts nothing (Q-P2).
            return Ok(Filter::EVERYTHING);
        }
        None if key == "selector" && is_plain => selectors(&values, field)?,
        Some((_, ElementPart::TagName)) if is_plain => {
            Filter::Element(ElementFilter { part: ElementPart::TagName, operator: Operator::Exact, values })
        }
        Some((_, part)) if *part != ElementPart::TagName => {
            Filter::Element(ElementFilter { part: *part, operator: positive(operator, &values, field)?, values })
        }
        None if key != "selector" => {
            return Err(invalid(field, format!("elements have no part '{key}'"))
                .hint("known parts: tag_name, text, href, selector"));
        }
        _ => {
            return Err(invalid(field, format!("the {key} of an element is compared with exact or is_not only")));
        }
    };
    Ok(if operator.is_negative() { Filter::Not(Box::new(filter)) } else { filter })
}

fn selectors(values: &[String], field: &str) -> Result<Filter> {
    let selectors = values.iter().map(|text| Selector::parse(text, field).map(Filter::Selector));
    Ok(Filter::Any(selectors.collect::<Result<_>>()?))
}

/// The operator whose negation an operator is, or itself.
fn positive(operator: Operator, values: &[String], field: &str) -> Result<Operator> {
    match operator {
        Operator::Exact | Operator::IsNot => Ok(Operator::Exact),
        Operator::Icontains | Operator::NotIcontains => Ok(Operator::Icontains),
        Operator::IsSet | Operator::IsNotSet => Ok(Operator::IsSet),
        Operator::Regex | Operator::NotRegex => match values.iter().find_map(|pattern| Regex::new(pattern).err()) {
            None => Ok(Operator::Regex),
            Some(error) => Err(invalid(field, format!("the pattern cannot be used: {error}"))
                .hint("compare literally with icontains or exact")),
        },
        Operator::Contains | Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => {
            Err(invalid(field, "elements are compared as text").hint(
                "operators for elements: exact, is_not, icontains, not_icontains, regex, not_regex, is_set, is_not_set",
            ))
        }
    }
}
