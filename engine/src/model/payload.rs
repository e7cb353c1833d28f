//! Reading a request field by field, with the messages clients of the reference system match on.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::suggest::closest;
use super::time::moment;
use crate::error::{Error, Result};

/// The longest name, key or description, in characters.
const TEXT_LENGTH_MAX: usize = 400;

/// The fields of a request that have not been read yet.
pub(crate) struct Payload {
    fields: Map<String, Value>,
}

impl Payload {
    /// Opens a request. Fields in `read_only` are dropped, because clients send back whole objects they were given;
    /// any other field that is not in `writable` is refused.
    pub(crate) fn open(request: Value, writable: &[&str], read_only: &[&str]) -> Result<Self> {
        let Value::Object(mut fields) = request else {
            let message = format!("Invalid data. Expected a dictionary, but got {}.", type_name(&request));
            return Err(Error::invalid(message));
        };
        fields.retain(|field, _| !read_only.contains(&field.as_str()));
        match fields.keys().find(|field| !writable.contains(&field.as_str())) {
            Some(unknown) => Err(unknown_field(unknown, writable)),
            None => Ok(Self { fields }),
        }
    }

    /// Reads a field only if it was given: an update changes nothing else.
    pub(crate) fn if_given<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&mut Self, &str) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.fields.contains_key(field) { read(self, field).map(Some) } else { Ok(None) }
    }

    /// A text that must be given and must hold something (V-1).
    pub(crate) fn required_text(&mut self, field: &str) -> Result<String> {
        let value = self.fields.remove(field).ok_or_else(|| required(field))?;
        if value.is_null() {
            return Err(null(field));
        }
        let text = text(field, &value)?;
        if text.is_empty() {
            return Err(Error::invalid_field(field, "blank", "This field may not be blank."));
        }
        Ok(text)
    }

    /// A text that may be absent, null or blank.
    pub(crate) fn nullable_text(&mut self, field: &str) -> Result<Option<String>> {
        self.nullable(field).map(|value| text(field, &value)).transpose()
    }

    /// A point in time that may be absent or null.
    pub(crate) fn nullable_timestamp(&mut self, field: &str) -> Result<Option<Timestamp>> {
        self.nullable(field).map(|value| timestamp(field, &value)).transpose()
    }

    /// The number of another entity, which may be absent or null.
    pub(crate) fn nullable_id(&mut self, field: &str) -> Result<Option<i64>> {
        self.nullable(field).map(|value| id(field, &value)).transpose()
    }

    /// A share in percent, 0 to 100, that may be absent or null.
    pub(crate) fn nullable_percentage(&mut self, field: &str) -> Result<Option<f64>> {
        self.nullable(field).map(|value| percentage(field, &value)).transpose()
    }

    /// An object that may be absent or null.
    pub(crate) fn nullable_object(&mut self, field: &str) -> Result<Option<Map<String, Value>>> {
        self.nullable(field).map(|value| object(field, value)).transpose()
    }

    /// A list that may be absent or null; absent is empty.
    pub(crate) fn nullable_list(&mut self, field: &str) -> Result<Option<Vec<Value>>> {
        match self.fields.remove(field) {
            None => Ok(Some(Vec::new())),
            Some(Value::Null) => Ok(None),
            Some(value) => list(field, value).map(Some),
        }
    }

    /// One of the named choices, which may be absent or null; absent is the default.
    pub(crate) fn nullable_choice<T: Copy>(
        &mut self,
        field: &str,
        choices: &[(&str, T)],
        default: T,
    ) -> Result<Option<T>> {
        match self.fields.remove(field) {
            None => Ok(Some(default)),
            Some(Value::Null) => Ok(None),
            Some(value) => choice(field, &value, choices).map(Some),
        }
    }

    /// One of the named choices, or nothing.
    pub(crate) fn choice_or_null<T: Copy>(&mut self, field: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        self.nullable(field).map(|value| choice(field, &value, choices)).transpose()
    }

    /// A list that must be given.
    pub(crate) fn required_list(&mut self, field: &str) -> Result<Vec<Value>> {
        match self.fields.remove(field) {
            None => Err(required(field)),
            Some(Value::Null) => Err(null(field)),
            Some(value) => list(field, value),
        }
    }

    /// An object that must be given.
    pub(crate) fn required_object(&mut self, field: &str) -> Result<Map<String, Value>> {
        match self.fields.remove(field) {
            None => Err(required(field)),
            Some(Value::Null) => Err(null(field)),
            Some(value) => object(field, value),
        }
    }

    /// An object that may be absent, but not null; absent is empty.
    pub(crate) fn object(&mut self, field: &str) -> Result<Map<String, Value>> {
        match self.fields.remove(field) {
            None => Ok(Map::new()),
            Some(Value::Null) => Err(null(field)),
            Some(value) => object(field, value),
        }
    }

    /// A truth value that may be absent, but not null.
    pub(crate) fn boolean(&mut self, field: &str, default: bool) -> Result<bool> {
        match self.fields.remove(field) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(value),
            Some(Value::Null) => Err(null(field)),
            Some(_) => Err(Error::invalid_field(field, "invalid", "Must be a valid boolean.")),
        }
    }

    /// Whatever was given; null when nothing was.
    pub(crate) fn value(&mut self, field: &str) -> Value {
        self.fields.remove(field).unwrap_or_default()
    }

    fn nullable(&mut self, field: &str) -> Option<Value> {
        self.fields.remove(field).filter(|value| !value.is_null())
    }
}

/// The list in a field.
pub(crate) fn list(field: &str, value: Value) -> Result<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        other => {
            let message = format!("Expected a list of items but got type \"{}\".", type_name(&other));
            Err(Error::invalid_field(field, "not_a_list", message))
        }
    }
}

fn timestamp(field: &str, value: &Value) -> Result<Timestamp> {
    value.as_str().and_then(moment).ok_or_else(|| {
        let message = "Datetime has wrong format. Use one of these formats instead: \
                       YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";
        Error::invalid_field(field, "invalid", message)
    })
}

fn text(field: &str, value: &Value) -> Result<String> {
    let Some(text) = value.as_str().map(str::trim) else {
        return Err(Error::invalid_field(field, "invalid", "Not a valid string."));
    };
    if text.chars().count() > TEXT_LENGTH_MAX {
        let message = format!("Ensure this field has no more than {TEXT_LENGTH_MAX} characters.");
        return Err(Error::invalid_field(field, "max_length", message));
    }
    Ok(text.to_owned())
}

fn id(field: &str, value: &Value) -> Result<i64> {
    value.as_i64().ok_or_else(|| {
        let message = format!("Incorrect type. Expected pk value, received {}.", type_name(value));
        Error::invalid_field(field, "incorrect_type", message)
    })
}

fn percentage(field: &str, value: &Value) -> Result<f64> {
    let Some(percentage) = value.as_f64() else {
        return Err(Error::invalid_field(field, "invalid", "A valid number is required."));
    };
    if !(0.0..=100.0).contains(&percentage) {
        let message = "Rollout percentage must be between 0 and 100.";
        return Err(Error::invalid_field(field, "invalid_input", message));
    }
    Ok(percentage)
}

fn object(field: &str, value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Object(object) => Ok(object),
        other => {
            let message = format!("Expected a dictionary of items but got type \"{}\".", type_name(&other));
            Err(Error::invalid_field(field, "not_a_dict", message))
        }
    }
}

fn choice<T: Copy>(field: &str, value: &Value, choices: &[(&str, T)]) -> Result<T> {
    let chosen = choices.iter().find(|(name, _)| value.as_str() == Some(name));
    chosen.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let given = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Error::invalid_field(field, "invalid_choice", format!("\"{given}\" is not a valid choice."))
            .hint(format!("choose one of: {}", names.join(", ")))
    })
}

fn required(field: &str) -> Error {
    Error::invalid_field(field, "required", "This field is required.")
}

fn null(field: &str) -> Error {
    Error::invalid_field(field, "null", "This field may not be null.")
}

fn unknown_field(field: &str, writable: &[&str]) -> Error {
    let error = Error::invalid_field(field, "unknown_field", format!("unknown field '{field}'"));
    match closest(field, writable.iter().copied()) {
        Some(name) => error.hint(format!("did you mean '{name}'?")),
        None => error.hint(format!("known fields: {}", writable.join(", "))),
    }
}

/// The reference system's name for the type of a JSON value.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}
