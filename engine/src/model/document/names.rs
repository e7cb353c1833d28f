//! Which number a name stands for, and which name a number has.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::DocumentKind;
use crate::error::{Error, Result};
use crate::model::suggest::closest;

/// The names of what documents refer to.
#[derive(Clone, Debug)]
pub struct Names {
    /// The cohorts.
    pub cohorts: NamesOfKind,
    /// The holdouts.
    pub holdouts: NamesOfKind,
    /// The saved metrics.
    pub saved_metrics: NamesOfKind,
}

/// The names of the things of one kind. Several things may have one name, but then none of them can be referred to.
#[derive(Clone, Debug)]
pub struct NamesOfKind {
    kind: DocumentKind,
    ids: HashMap<String, Vec<i64>>,
    names: HashMap<i64, String>,
    refused: HashSet<String>,
}

impl NamesOfKind {
    /// The names of these things.
    pub fn new(kind: DocumentKind, things: impl IntoIterator<Item = (i64, String)>) -> Self {
        let mut names = Self { kind, ids: HashMap::new(), names: HashMap::new(), refused: HashSet::new() };
        for (id, name) in things {
            names.insert(id, name);
        }
        names
    }

    /// Adds a thing.
    pub fn insert(&mut self, id: i64, name: String) {
        self.ids.entry(name.clone()).or_default().push(id);
        self.names.insert(id, name);
    }

    /// Notes that the document which defines a thing was refused, for messages of others that refer to it.
    pub fn refuse(&mut self, name: String) {
        self.refused.insert(name);
    }

    /// The number of the thing with a name; `None` when there is none.
    ///
    /// # Errors
    /// `Invalid` with code `ambiguous` when several have the name.
    pub fn id(&self, name: &str) -> Result<Option<i64>> {
        match self.ids.get(name).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([id]) => Ok(Some(*id)),
            Some(several) => {
                let message = format!("several {}s are called '{name}'", self.noun());
                let numbers = several.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                Err(Error::invalid_field("name", "ambiguous", message)
                    .hint(format!("give them names of their own; their numbers are {numbers}")))
            }
        }
    }

    /// The number of the thing that a field of a document names.
    pub(super) fn referred(&self, name: &Value, field: &str) -> Result<i64> {
        let Some(name) = name.as_str().map(str::trim) else {
            let message = format!("a {} is named by its name", self.noun());
            return Err(Error::invalid_field(field, "invalid", message).hint("write the name as a text, in quotes"));
        };
        let found = self.id(name).map_err(|error| {
            let moved = Error::invalid_field(field, "ambiguous", error.to_string());
            error.hints().iter().cloned().fold(moved, Error::hint)
        })?;
        found.ok_or_else(|| self.missing(name, field))
    }

    /// The name of the thing with a number; `None` when there is no such thing.
    ///
    /// # Errors
    /// `Invalid` with code `ambiguous` when another thing has the same name.
    pub fn name(&self, id: i64) -> Result<Option<&str>> {
        let Some(name) = self.names.get(&id) else { return Ok(None) };
        self.id(name).map(|_| Some(name.as_str()))
    }

    fn missing(&self, name: &str, field: &str) -> Error {
        let message = format!("{} '{name}' was not found", self.noun());
        let error = Error::invalid_field(field, "does_not_exist", message);
        if self.refused.contains(name) {
            return error.hint("its own document is refused: mend that first");
        }
        match closest(name, self.ids.keys().map(String::as_str)) {
            Some(meant) => error.hint(format!("did you mean '{meant}'?")),
            None => error
                .hint(format!("add a document of kind {} with this name, which does not refer back here", self.kind)),
        }
    }

    fn noun(&self) -> String {
        self.kind.name().replace('_', " ")
    }
}

impl Names {
    /// The fields with numbers of cohorts in place of their names.
    ///
    /// # Errors
    /// `Invalid`, with the path, when a cohort does not exist or several have its name.
    pub(super) fn number_cohorts(&self, fields: &Map<String, Value>) -> Result<Map<String, Value>> {
        translated(fields, &mut |value, path| match value {
            Value::String(text) => match self.cohorts.referred(value, path) {
                Ok(id) => Ok(id.into()),
                // A number in quotes, as other systems write it; the rules say whether there is such a cohort.
                Err(error) if error.code() == "does_not_exist" => match text.parse::<i64>() {
                    Ok(id) => Ok(id.into()),
                    Err(_) => Err(error),
                },
                Err(error) => Err(error),
            },
            other => Ok(other.clone()),
        })
    }

    /// The fields with names of cohorts in place of their numbers; a number that no cohort has stays.
    ///
    /// # Errors
    /// `Invalid` with code `ambiguous` when several cohorts have a name.
    pub(super) fn name_cohorts(&self, fields: &Map<String, Value>) -> Result<Map<String, Value>> {
        translated(fields, &mut |value, _| {
            let Some(id) = number(value) else { return Ok(value.clone()) };
            let name = self.cohorts.name(id)?;
            Ok(name.map_or_else(|| id.into(), Value::from))
        })
    }
}

/// The names of the cohorts that conditions of a document refer to.
pub(crate) fn referred_cohorts(fields: &Map<String, Value>) -> Vec<String> {
    let mut names = Vec::new();
    let mut note = |value: &Value, _: &str| {
        names.extend(value.as_str().map(str::to_owned));
        Ok(value.clone())
    };
    // Noting cannot fail.
    let _ = translated(fields, &mut note);
    names
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

type Translate<'a> = dyn FnMut(&Value, &str) -> Result<Value> + 'a;

/// The fields with the cohorts of all conditions translated.
fn translated(fields: &Map<String, Value>, translate: &mut Translate<'_>) -> Result<Map<String, Value>> {
    translated_at("", fields, translate)
}

fn translated_at(path: &str, fields: &Map<String, Value>, translate: &mut Translate<'_>) -> Result<Map<String, Value>> {
    let is_cohort = fields.get("type").and_then(Value::as_str) == Some("cohort");
    let mut after = Map::new();
    for (key, value) in fields {
        let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let value = match (key.as_str(), value) {
            // What a payload says is the client's own.
            ("payloads", value) => value.clone(),
            ("value", Value::Array(several)) if is_cohort => {
                several.iter().map(|one| translate(one, &place)).collect::<Result<_>>()?
            }
            ("value", one) if is_cohort => translate(one, &place)?,
            (_, value) => translated_value(&place, value, translate)?,
        };
        after.insert(key.clone(), value);
    }
    Ok(after)
}

fn translated_value(path: &str, value: &Value, translate: &mut Translate<'_>) -> Result<Value> {
    match value {
        Value::Object(fields) => translated_at(path, fields, translate).map(Value::Object),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(index, item)| translated_value(&format!("{path}[{index}]"), item, translate)).collect()
        }
        other => Ok(other.clone()),
    }
}
