//! Who belongs to a cohort: the compatible membership (L-54, Q-P17, Q-P18).

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::entity::{Entity, EntitySource, action_id, known_keys};
use crate::model::filter::Filter;
use crate::model::time::moment;
use crate::plan::condition::Resolver;
use crate::plan::{EventMatch, Library, PropertyCondition};

/// A condition on a person.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CohortCondition {
    /// Persons that meet every part; without parts, everybody.
    All(Vec<CohortCondition>),
    /// Persons that meet some part; without parts, nobody.
    Any(Vec<CohortCondition>),
    /// Persons that do not meet the part.
    Not(Box<CohortCondition>),
    /// Persons that did something so many times.
    Performed(Performed),
    /// Persons with a property, by its latest value (Q-P22).
    Property(PropertyCondition),
    /// Persons named by a distinct id or by another system's name for them (static cohorts).
    Listed(Vec<String>),
}

/// That a person did something so many times between two instants, neither included (L-54).
///
/// Both bounds are exact to the microsecond: an event half a second after the start is after it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Performed {
    /// What was done.
    pub matching: EventMatch,
    /// The instant after which it was done, in microseconds since 1970 UTC.
    pub after_microseconds: i64,
    /// The instant before which it was done, in microseconds since 1970 UTC.
    pub before_microseconds: i64,
    /// How many times it was done.
    pub times: Times,
}

/// How many times something was done (Q-P18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// So often or more often.
    AtLeast(i64),
    /// More often.
    MoreThan(i64),
    /// So often or less often; also never.
    AtMost(i64),
    /// Less often; also never.
    LessThan(i64),
    /// So often.
    Exactly(i64),
}

impl Times {
    /// Whether it holds for somebody who never did it.
    #[must_use]
    pub fn allows_never(self) -> bool {
        match self {
            Self::AtLeast(times) => times <= 0,
            Self::MoreThan(times) => times < 0,
            Self::AtMost(times) => times >= 0,
            Self::LessThan(times) => times > 0,
            Self::Exactly(times) => times == 0,
        }
    }
}

impl CohortCondition {
    /// The condition that nobody meets.
    pub const NOBODY: Self = Self::Any(Vec::new());
}

/// Keys of a behavioural condition.
const KEYS: [&str; 11] = [
    "event_filters",
    "event_type",
    "explicit_datetime",
    "key",
    "negation",
    "operator",
    "operator_value",
    "time_interval",
    "time_value",
    "type",
    "value",
];

/// Plans who belongs to a cohort, from its `filters`.
///
/// # Errors
/// `Invalid` when the definition is malformed, without a condition, names an action that does not exist, or a cohort that is
/// defined by itself; with the code `unsupported` for behaviour other than `performed_event` and `performed_event_multiple`.
///
/// ```
/// use abduck::plan::{Library, cohort_members};
///
/// let bought = serde_json::json!({"type": "behavioral", "value": "performed_event", "key": "bought",
///     "event_type": "events", "time_value": 30, "time_interval": "day"});
/// let filters = serde_json::json!({"properties": {"type": "OR", "values": [bought]}});
/// let now = "2024-02-01T00:00:00Z".parse().unwrap();
/// assert!(cohort_members(filters.as_object().unwrap(), &Library::default(), now).is_ok());
/// ```
pub fn cohort_members(filters: &Map<String, Value>, library: &Library, now: Timestamp) -> Result<CohortCondition> {
    let properties = filters.get("properties").unwrap_or(&Value::Null);
    Resolver::new(&library.at(now)).group(properties, "filters.properties")
}

impl Resolver<'_> {
    /// Who belongs to a cohort; `None` when there is no such cohort.
    pub(super) fn members(&mut self, id: i64) -> Result<Option<CohortCondition>> {
        let Some(known) = self.library.cohort(id) else { return Ok(None) };
        let cohort = &known.cohort;
        if cohort.is_static {
            let listed = known.members.clone();
            let listed = listed.ok_or_else(|| Error::bug(format!("the members of cohort {id} were not loaded")))?;
            return Ok(Some(CohortCondition::Listed(listed)));
        }
        if self.open_cohorts.contains(&id) {
            return Err(invalid(&format!("cohorts.{id}"), format!("cohort '{}' is defined by itself", cohort.name))
                .hint("change its filters, or those of the cohorts they name"));
        }
        self.open_cohorts.push(id);
        let properties = cohort.filters.get("properties").unwrap_or(&Value::Null);
        let members = self.group(properties, &format!("cohorts.{id}.filters.properties"))?;
        self.open_cohorts.pop();
        Ok(Some(members))
    }

    fn group(&mut self, value: &Value, field: &str) -> Result<CohortCondition> {
        let Value::Object(object) = value else {
            return Err(invalid(field, "a condition of a cohort must be an object"));
        };
        if !object.contains_key("values") {
            return self.single(object, field);
        }
        let Some(Value::Array(items)) = object.get("values") else {
            return Err(invalid(field, "the values of a group must be a list"));
        };
        if items.is_empty() {
            return Err(invalid(field, "the cohort has no condition").hint("add one to `values`"));
        }
        let mut parts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            parts.push(self.group(item, &format!("{field}.values[{index}]"))?);
        }
        match object.get("type").and_then(Value::as_str) {
            Some("AND") => Ok(CohortCondition::All(parts)),
            Some("OR") => Ok(CohortCondition::Any(parts)),
            _ => Err(invalid(field, "a group of conditions needs the type \"AND\" or \"OR\"")),
        }
    }

    /// A condition that is no group: on a property of the person, on another cohort, or on what the person did.
    fn single(&mut self, object: &Map<String, Value>, field: &str) -> Result<CohortCondition> {
        match object.get("type").and_then(Value::as_str) {
            Some("behavioral") => self.behavioral(object, field),
            Some("person" | "cohort") => {
                let filter = Filter::parse(&Value::Object(object.clone()), field)?;
                self.of_person(&filter, field)
            }
            _ => Err(invalid(field, "a condition of a cohort needs the type person, cohort or behavioral")),
        }
    }

    fn of_person(&mut self, filter: &Filter, field: &str) -> Result<CohortCondition> {
        match filter {
            Filter::Person(test) => self.property(test).map(CohortCondition::Property),
            Filter::Cohort(cohort) => self.membership(cohort),
            Filter::Not(part) => self.of_person(part, field).map(|part| CohortCondition::Not(Box::new(part))),
            _ => Err(Error::bug(format!("{field}: a condition on a person was read as something else"))),
        }
    }

    fn behavioral(&mut self, object: &Map<String, Value>, field: &str) -> Result<CohortCondition> {
        if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(
                invalid(field, format!("unknown key '{key}' in a condition of a cohort")).hint(known_keys(key, &KEYS))
            );
        }
        let now = self.library.as_of;
        let performed = Performed {
            times: times(object, field)?,
            matching: self.performed(object, field)?,
            after_microseconds: after(object, field, now)?.as_microsecond(),
            before_microseconds: now.as_microsecond(),
        };
        let performed = CohortCondition::Performed(performed);
        match object.get("negation") {
            None | Some(Value::Null | Value::Bool(false)) => Ok(performed),
            Some(Value::Bool(true)) => Ok(CohortCondition::Not(Box::new(performed))),
            Some(_) => Err(invalid(field, "the negation must be true or false")),
        }
    }

    fn performed(&mut self, object: &Map<String, Value>, field: &str) -> Result<EventMatch> {
        let key = object.get("key").unwrap_or(&Value::Null);
        let source = match (object.get("event_type").and_then(Value::as_str), key) {
            (Some("actions"), _) => {
                let entity = Map::from_iter([("id".to_owned(), key.clone())]);
                EntitySource::Action(action_id(&entity, field)?)
            }
            (Some("events"), Value::String(name)) => EntitySource::Event(name.clone()),
            (Some("events"), Value::Null) => EntitySource::AllEvents,
            (Some("events"), _) => return Err(invalid(field, "the key must be an event's name, or null for all")),
            _ => return Err(invalid(field, "the event_type must be \"events\" or \"actions\"")),
        };
        let event_filters = object.get("event_filters").unwrap_or(&Value::Null);
        let filter = Filter::parse(event_filters, &format!("{field}.event_filters"))?;
        self.matching(&Entity { source, filter, custom_name: None })?.ok_or_else(|| {
            Error::invalid_field(format!("{field}.key"), "does_not_exist", format!("the action {key} does not exist"))
        })
    }
}

/// How many times something was done: at least once, or as often as a condition says (Q-P18).
fn times(object: &Map<String, Value>, field: &str) -> Result<Times> {
    let given = |key: &str| object.get(key).filter(|value| !value.is_null());
    match given("value").and_then(Value::as_str) {
        Some("performed_event") => match ["operator", "operator_value"].into_iter().find(|key| given(key).is_some()) {
            None => Ok(Times::AtLeast(1)),
            Some(key) => Err(invalid(field, format!("the behaviour performed_event takes no {key}"))
                .hint("count with the behaviour performed_event_multiple")),
        },
        Some("performed_event_multiple") => {
            let count = match given("operator_value") {
                Some(Value::String(text)) => text.trim().parse().ok(),
                value => value.and_then(Value::as_i64),
            };
            let count = count.ok_or_else(|| invalid(field, "the operator_value must be a whole number"))?;
            match given("operator").and_then(Value::as_str) {
                Some("gte") => Ok(Times::AtLeast(count)),
                Some("gt") => Ok(Times::MoreThan(count)),
                Some("lte") => Ok(Times::AtMost(count)),
                Some("lt") => Ok(Times::LessThan(count)),
                Some("eq" | "exact") => Ok(Times::Exactly(count)),
                _ => Err(invalid(field, "the operator of a count must be gte, gt, lte, lt or eq")),
            }
        }
        _ => {
            let found = object.get("value").unwrap_or(&Value::Null);
            let message = format!("the behaviour {found} of a cohort is not supported");
            Err(Error::invalid_field(field, "unsupported", message)
                .hint("supported: performed_event, performed_event_multiple"))
        }
    }
}

/// The instant after which something was done: a given one, or some time ago (Q-P18).
fn after(object: &Map<String, Value>, field: &str, now: Timestamp) -> Result<Timestamp> {
    if let Some(explicit) = object.get("explicit_datetime").filter(|value| !value.is_null()) {
        return explicit.as_str().and_then(moment).ok_or_else(|| {
            invalid(&format!("{field}.explicit_datetime"), format!("{explicit} is not a point in time"))
        });
    }
    let length = match object.get("time_value") {
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64().and_then(|length| u32::try_from(length).ok()),
        None => None,
    };
    let length = length.filter(|length| *length <= TIME_VALUE_MAX).map(i64::from).ok_or_else(|| {
        invalid(field, "a condition needs an explicit_datetime, or a time_value with its time_interval")
    })?;
    let span = match object.get("time_interval").and_then(Value::as_str) {
        Some("minute") => length.minutes(),
        Some("hour") => length.hours(),
        Some("day") => length.days(),
        Some("week") => length.weeks(),
        Some("month") => length.months(),
        Some("year") => length.years(),
        _ => return Err(invalid(field, "the time_interval must be minute, hour, day, week, month or year")),
    };
    let ago = now.to_zoned(TimeZone::UTC).checked_sub(span);
    ago.map(|ago| ago.timestamp()).map_err(|error| invalid(field, error.to_string()))
}

/// The largest number of any time interval: so many years are the whole calendar.
const TIME_VALUE_MAX: u32 = 9_000;

fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::invalid_field(field, "invalid_input", message)
}
