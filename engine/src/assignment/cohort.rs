//! Conditions as trees, and the cohorts that conditions name (Q-P17, V-25).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::property::{Missing, PropertyTest, invalid, is_negative};
use super::subject::{Properties, References, Subject};
use crate::error::{Error, Result};
use crate::model::cohort::Cohort;

/// Who belongs to a cohort.
#[derive(Clone, Debug, PartialEq)]
pub struct CohortDefinition {
    /// The name, for messages.
    pub name: String,
    /// The members of a dynamic cohort: `{"type": "AND" | "OR", "values": [...]}`, nested freely. None for a static cohort;
    /// there the subject says to which it belongs.
    pub properties: Option<Value>,
}

/// What a subject must meet.
#[derive(Clone, Debug)]
pub(super) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Property(PropertyTest),
    /// Listed in a static cohort.
    Listed(i64),
}

/// Whose properties the conditions are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Person,
    /// The group of the type with this index.
    Group(u8),
}

const KNOWN_KEYS: [&str; 9] =
    ["key", "value", "operator", "type", "group_type_index", "negation", "label", "cohort_name", "group_key_names"];

impl CohortDefinition {
    /// A definition as clients write it: `{"name", "is_static", "filters": {"properties": group}}`, or `{"properties": group}`,
    /// or the group alone.
    ///
    /// # Errors
    /// `Invalid` when there are no conditions in it, and it is not static.
    ///
    /// ```
    /// use abduck::assignment::CohortDefinition;
    /// use serde_json::json;
    ///
    /// let group = json!({"type": "OR", "values": [{"key": "plan", "value": "pro", "type": "person"}]});
    /// let cohort = CohortDefinition::from_json(3, &json!({"name": "Payers", "filters": {"properties": group}}))?;
    /// assert_eq!(cohort, CohortDefinition { name: "Payers".into(), properties: Some(group) });
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn from_json(id: i64, definition: &Value) -> Result<Self> {
        let name = definition["name"].as_str().map_or_else(|| id.to_string(), ToOwned::to_owned);
        if definition["is_static"] == true {
            return Ok(Self { name, properties: None });
        }
        let filters = definition.get("filters").unwrap_or(definition);
        let properties = filters.get("properties").or_else(|| filters.get("values").map(|_| filters));
        let Some(properties) = properties.filter(|properties| !properties.is_null()) else {
            return Err(invalid(&format!("cohorts.{id}"), format!("cohort '{name}' has no conditions"))
                .hint("give `filters.properties`, or `is_static: true`"));
        };
        Ok(Self { name, properties: Some(properties.clone()) })
    }
}

impl From<&Cohort> for CohortDefinition {
    fn from(cohort: &Cohort) -> Self {
        let properties = cohort.filters.get("properties").cloned().unwrap_or(Value::Null);
        Self { name: cohort.name.clone(), properties: (!cohort.is_static).then_some(properties) }
    }
}

impl Test {
    /// Reads the conditions of a release condition, all of which must be met; `field` is where the list stands.
    pub(super) fn parse(properties: &[Value], owner: Owner, references: &References, field: &str) -> Result<Vec<Self>> {
        let objects: Vec<_> = properties.iter().map(Value::as_object).collect();
        let asks_only_what_one_is_not = objects.iter().all(|object| object.is_some_and(is_negative));
        let missing = if asks_only_what_one_is_not { Missing::IsNot } else { Missing::Fails };
        let mut reader = TestReader { references, owner, missing, open_cohorts: Vec::new() };
        let indexed = objects.into_iter().enumerate();
        indexed.map(|(index, object)| reader.condition(object, &format!("{field}[{index}]"))).collect()
    }

    /// Whether a subject meets it; `properties` are those of the owner.
    pub(super) fn is_met(&self, subject: &Subject<'_>, properties: Option<&Properties>) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.is_met(subject, properties)),
            Self::Any(tests) => tests.iter().any(|test| test.is_met(subject, properties)),
            Self::Not(test) => !test.is_met(subject, properties),
            Self::Property(test) => test.matches(properties),
            Self::Listed(cohort) => subject.static_cohorts.contains(cohort),
        }
    }

    /// Whether it depends on who is listed in a static cohort.
    pub(super) fn asks_for_listing(&self) -> bool {
        match self {
            Self::All(tests) | Self::Any(tests) => tests.iter().any(Self::asks_for_listing),
            Self::Not(test) => test.asks_for_listing(),
            Self::Property(_) => false,
            Self::Listed(_) => true,
        }
    }

    /// Calls `see` with the name of every property that is looked at.
    pub(super) fn each_key<'a>(&'a self, see: &mut dyn FnMut(&'a str)) {
        match self {
            Self::All(tests) | Self::Any(tests) => tests.iter().for_each(|test| test.each_key(see)),
            Self::Not(test) => test.each_key(see),
            Self::Property(test) => see(test.key()),
            Self::Listed(_) => {}
        }
    }
}

/// Reads conditions, and follows them into cohorts.
struct TestReader<'a> {
    references: &'a References,
    owner: Owner,
    missing: Missing,
    /// The cohorts that are being read, to notice those that contain themselves.
    open_cohorts: Vec<i64>,
}

impl TestReader<'_> {
    fn condition(&mut self, object: Option<&Map<String, Value>>, field: &str) -> Result<Test> {
        let object = object.ok_or_else(|| invalid(field, "a property condition must be an object"))?;
        if let Some(unknown) = object.keys().find(|key| !KNOWN_KEYS.contains(&key.as_str())) {
            // A condition on events has keys of its own; that it is one is the better reason.
            self.check_type(object, field)?;
            return Err(invalid(field, format!("unknown key '{unknown}' in a property condition"))
                .hint(format!("known keys: {}", KNOWN_KEYS.join(", "))));
        }
        let test = if self.check_type(object, field)? == "cohort" {
            self.membership(object, field)?
        } else {
            Test::Property(PropertyTest::parse(object, field, self.missing, self.references.now)?)
        };
        Ok(if object.get("negation") == Some(&Value::Bool(true)) { Test::Not(Box::new(test)) } else { test })
    }

    /// The type of a condition, which must suit what the flag splits (V-21) and not be about events (V-25).
    fn check_type<'b>(&self, object: &'b Map<String, Value>, field: &str) -> Result<&'b str> {
        let index = object.get("group_type_index").filter(|index| !index.is_null());
        let kind = match object.get("type") {
            None | Some(Value::Null) => "",
            Some(Value::String(kind)) => kind,
            Some(other) => return Err(invalid(field, format!("the type of a condition must be a text, not {other}"))),
        };
        match (self.owner, kind) {
            (Owner::Person, "" | "person" | "cohort") | (Owner::Group(_), "") => Ok(kind),
            (Owner::Group(own), "group") if index.is_none_or(|index| *index == u64::from(own)) => Ok(kind),
            (_, "behavioral") if let Some(cohort) = self.open_cohorts.last() => Err(self.behavioral(*cohort, field)),
            (Owner::Group(_), _) => Err(invalid(field, "Filters are not valid (can only use group properties)")),
            (Owner::Person, _) => {
                Err(invalid(field, "Filters are not valid (can only use person and cohort properties)"))
            }
        }
    }

    fn behavioral(&self, cohort: i64, field: &str) -> Error {
        let name = self.references.cohorts.get(&cohort).map_or_else(String::new, |cohort| cohort.name.clone());
        let message = format!("Cohort '{name}' with filters on events cannot be used in feature flags.");
        Error::invalid_field(field, "behavioral_cohort_found", message)
    }

    /// Belonging to a cohort, or to one of several.
    fn membership(&mut self, object: &Map<String, Value>, field: &str) -> Result<Test> {
        let is_in = match object.get("operator").and_then(Value::as_str) {
            None if object.get("operator").is_none_or(Value::is_null) => true,
            Some("in" | "exact") => true,
            Some("not_in") => false,
            _ => {
                let message = format!("the operator {} is not supported for cohorts", object["operator"]);
                return Err(invalid(field, message).hint("supported operators: in, not_in, exact"));
            }
        };
        let value = object.get("value").unwrap_or(&Value::Null);
        let ids = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        let mut members = Vec::new();
        for id in ids {
            let number = id.as_i64().or_else(|| id.as_str()?.parse().ok());
            let number = number.ok_or_else(|| invalid(field, format!("{id} is not the id of a cohort")))?;
            members.push(self.members(number, field)?);
        }
        let any = if members.len() == 1 { members.remove(0) } else { Test::Any(members) };
        Ok(if is_in { any } else { Test::Not(Box::new(any)) })
    }

    fn members(&mut self, id: i64, field: &str) -> Result<Test> {
        let Some(cohort) = self.references.cohorts.get(&id) else {
            let message = format!("Cohort with id {id} does not exist");
            return Err(Error::invalid_field(field, "cohort_does_not_exist", message));
        };
        let Some(group) = &cohort.properties else { return Ok(Test::Listed(id)) };
        if self.open_cohorts.contains(&id) {
            return Err(invalid(field, format!("cohort '{}' is defined by itself", cohort.name)));
        }
        self.open_cohorts.push(id);
        let missing = std::mem::replace(&mut self.missing, Missing::Negated);
        let test = self.group(group, &format!("cohorts.{id}.properties"));
        self.missing = missing;
        self.open_cohorts.pop();
        test
    }

    /// A group of conditions or of further groups; without any, everybody belongs to it.
    fn group(&mut self, group: &Value, field: &str) -> Result<Test> {
        let (kind, values) = match group {
            Value::Array(values) => (Cow::Borrowed("AND"), values),
            Value::Object(object) if object.is_empty() => return Ok(Test::All(Vec::new())),
            Value::Object(object) => match object.get("values") {
                Some(Value::Array(values)) => (object.get("type").map_or(Cow::Borrowed(""), group_type), values),
                _ => return Err(invalid(field, "the values of a group of conditions must be a list")),
            },
            _ => return Err(invalid(field, "a group of conditions must be an object")),
        };
        let tests: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                let field = format!("{field}.values[{index}]");
                let is_group = value.get("values").is_some();
                if is_group { self.group(value, &field) } else { self.condition(value.as_object(), &field) }
            })
            .collect::<Result<_>>()?;
        match kind.as_ref() {
            "AND" => Ok(Test::All(tests)),
            "OR" if tests.is_empty() => Ok(Test::All(tests)),
            "OR" => Ok(Test::Any(tests)),
            _ => Err(invalid(field, "a group of conditions needs the type \"AND\" or \"OR\"")),
        }
    }
}

fn group_type(value: &Value) -> Cow<'_, str> {
    Cow::Borrowed(value.as_str().unwrap_or_default())
}
