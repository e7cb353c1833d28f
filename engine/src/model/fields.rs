//! Reading the keys of an object, with the place of each for messages.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::suggest::closest;

/// An object, and where it stands.
pub(crate) struct Fields<'a> {
    pub(crate) map: &'a Map<String, Value>,
    pub(crate) place: String,
}

impl<'a> Fields<'a> {
    /// Where a key stands.
    pub(crate) fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.place)
    }

    /// The value of a key, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<String>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(invalid(&self.at(key), format!("must be a text, not {other}"))),
        }
    }

    pub(crate) fn required_text(&self, key: &str) -> Result<String> {
        let text = self.text(key)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| invalid(&self.at(key), "is missing"))
    }

    pub(crate) fn boolean(&self, key: &str) -> Result<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(invalid(&self.at(key), format!("must be true or false, not {other}"))),
        }
    }

    /// A number between two bounds, both inside.
    pub(crate) fn number(&self, key: &str, least: f64, most: f64) -> Result<Option<f64>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_f64() {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(invalid(&self.at(key), format!("must be a number from {least} to {most}, not {value}"))),
        }
    }

    /// A whole number between two bounds, both inside; clients send it as text, too.
    pub(crate) fn integer(&self, key: &str, least: i64, most: i64) -> Result<Option<i64>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_i64(),
        };
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(invalid(&self.at(key), format!("must be a whole number from {least} to {most}, not {value}"))),
        }
    }

    pub(crate) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let chosen = choices.iter().find(|(name, _)| *name == text);
        chosen.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            let hint = match closest(&text, names.iter().copied()) {
                Some(similar) => format!("did you mean '{similar}'?"),
                None => format!("choose one of: {}", names.join(", ")),
            };
            Error::invalid_field(self.at(key), "invalid_choice", format!("'{text}' is none of the choices")).hint(hint)
        })
    }

    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self { map, place: self.at(key) })),
            Some(other) => Err(invalid(&self.at(key), format!("must be an object, not {other}"))),
        }
    }

    pub(crate) fn required_object(&self, key: &str) -> Result<Self> {
        self.object(key)?.ok_or_else(|| invalid(&self.at(key), "is missing"))
    }

    pub(crate) fn objects(&self, key: &str) -> Result<Vec<Self>> {
        let items = match self.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => return Err(invalid(&self.at(key), format!("must be a list, not {other}"))),
        };
        let inner = |(index, item): (usize, &'a Value)| {
            let place = format!("{}[{index}]", self.at(key));
            match item {
                Value::Object(map) => Ok(Self { map, place }),
                other => Err(invalid(&place, format!("must be an object, not {other}"))),
            }
        };
        items.iter().enumerate().map(inner).collect()
    }

    pub(crate) fn refuse_unknown(&self, known: &[&str]) -> Result<()> {
        let Some(key) = self.map.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
        let hint = match closest(key, known.iter().copied()) {
            Some(similar) => format!("did you mean '{similar}'?"),
            None => format!("known keys: {}", known.join(", ")),
        };
        Err(invalid(&self.place, format!("unknown key '{key}'")).hint(hint))
    }
}

pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::invalid_field(field, "invalid_input", message)
}
