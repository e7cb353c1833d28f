//! Definitions, from text: YAML or JSON.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use crate::error::{Error, Result};

/// Reads a definition: YAML or JSON, in which no key occurs twice.
///
/// # Errors
/// `Invalid` when the text is neither, or a key occurs twice; the message names the line and the column.
///
/// ```
/// use abduck::model::definition;
///
/// assert_eq!(definition::read("name: Checkout")?, serde_json::json!({"name": "Checkout"}));
/// let error = definition::read("name: A\nname: B").unwrap_err();
/// assert_eq!(error.to_string(), "the definition is not YAML: the key 'name' occurs twice at line 2 column 1");
/// # Ok::<(), abduck::Error>(())
/// ```
pub fn read(text: &str) -> Result<Value> {
    let begin: String = text.chars().filter(|character| !character.is_whitespace()).take(2).collect();
    if begin.starts_with(['{', '[']) {
        // JSON comes first, because YAML does not know all of its escapes; YAML has brackets, too.
        let is_json = ["{\"", "{}", "[{", "[\"", "[]"].contains(&begin.as_str());
        match serde_json::from_str::<Unique>(text) {
            Ok(definition) => return Ok(definition.0),
            Err(error) if error.classify() == Category::Data => return Err(malformed("JSON", &error)),
            Err(error) => match serde_yaml_ng::from_str::<Unique>(text) {
                Ok(definition) => return Ok(definition.0),
                Err(_) if is_json => return Err(malformed("JSON", &error)),
                Err(error) => return Err(malformed("YAML", &error)),
            },
        }
    }
    let definition = serde_yaml_ng::from_str::<Unique>(text).map_err(|error| malformed("YAML", &error))?;
    Ok(definition.0)
}

fn malformed(language: &str, error: &dyn fmt::Display) -> Error {
    Error::invalid(format!("the definition is not {language}: {error}"))
}

/// A value in which no key occurs twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a truth value, null, a list or an object")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let (mut fields, mut seen) = (Map::new(), HashSet::new());
        while let Some(key) = object.next_key_seed(NewKey(&mut seen))? {
            let Unique(value) = object.next_value()?;
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

/// A key that has not been seen. It is refused where it is read, so that the error has its place.
struct NewKey<'a>(&'a mut HashSet<String>);

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NewKey<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if self.0.insert(key.to_owned()) {
            return Ok(key.to_owned());
        }
        Err(E::custom(format!("the key '{key}' occurs twice")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn yaml_and_json_give_the_same() {
        let expected = json!({"name": "A", "list": [1, 2.5, true, null], "nested": {"b": -1}});
        for text in [
            "name: A\nlist: [1, 2.5, true, null]\nnested:\n  b: -1\n",
            "{name: A, list: [1, 2.5, true, ~], nested: {b: -1}}",
            "{\"name\": \"A\", \"list\": [1, 2.5, true, null], \"nested\": {\"b\": -1}}",
            " {\n\t\"name\":\"A\",\"list\":[1,2.5,true,null],\"nested\":{\"b\":-1}}",
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        // An escape that YAML does not have.
        assert_eq!(read(r#"{"smile": "\ud83d\ude00"}"#).unwrap(), json!({"smile": "😀"}));
    }

    #[test]
    fn what_is_malformed_has_a_place() {
        for (text, expected) in [
            ("name: A\nname: B", "not YAML: the key 'name' occurs twice at line 2 column 1"),
            ("a:\n  - {b: 1,\n     b: 2}", "occurs twice at line 3 column 6"),
            ("{\"a\": 1,\n \"a\": 2}", "not JSON: the key 'a' occurs twice at line 2"),
            ("{\"a\": 1,\n \"b\" 2}", "not JSON: expected `:` at line 2 column 6"),
            ("{\"a\": [1, 2}", "not JSON: "),
            ("{a: 1, b: [}", "not YAML: "),
            ("name: [", "line 2 column 1"),
            ("a: .nan", "a number must be finite at line 1 column 4"),
            ("a: !secret b", "line 1 column 4"),
            ("a: 1\n---\nb: 2", "more than one document"),
            ("", "not YAML: "),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}\n{error}");
        }
    }
}
