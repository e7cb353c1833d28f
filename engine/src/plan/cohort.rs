//! Who belongs to a behavioural cohort: the compatible membership (L-54, Q-P17, Q-P18).

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::action::Action;
use crate::model::entity::{Entity, EntitySource, action_id};
use crate::model::filter::Filter;
use crate::model::time::moment;
use crate::plan::EventMatch;

/// Whom a cohort consists of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CohortCondition {
    /// Persons that meet every part.
    All(Vec<CohortCondition>),
    /// Persons that meet some part.
    Any(Vec<CohortCondition>),
    /// Persons that did something.
    Performed(Performed),
    /// Persons that did not do something, of those with any event at all.
    NotPerformed(Performed),
    /// Persons named by a distinct id or by another system's name for them (static cohorts).
    Listed(Vec<String>),
}

/// That a person did something at least once between two instants, neither included (L-54).
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
}

/// Keys of a behavioural condition.
const KEYS: [&str; 9] = [
    "event_filters",
    "event_type",
    "explicit_datetime",
    "key",
    "negation",
    "time_interval",
    "time_value",
    "type",
    "value",
];

/// Plans who belongs to a cohort, from its `filters`.
///
/// # Errors
/// `Invalid` when the definition is malformed, without a condition, or names an action that does not exist; with the code
/// `unsupported` for conditions other than `performed_event`.
///
/// ```
/// use abduck::plan::cohort_members;
///
/// let bought = serde_json::json!({"type": "behavioral", "value": "performed_event", "key": "bought",
///     "event_type": "events", "time_value": 30, "time_interval": "day"});
/// let filters = serde_json::json!({"properties": {"type": "OR", "values": [bought]}});
/// let now = "2024-02-01T00:00:00Z".parse().unwrap();
/// assert!(cohort_members(filters.as_object().unwrap(), &[], now).is_ok());
/// ```
pub fn cohort_members(filters: &Map<String, Value>, actions: &[Action], now: Timestamp) -> Result<CohortCondition> {
    let properties = filters.get("properties").unwrap_or(&Value::Null);
    condition(properties, "filters.properties", actions, now)
}

fn condition(value: &Value, field: &str, actions: &[Action], now: Timestamp) -> Result<CohortCondition> {
    let Value::Object(object) = value else {
        return Err(invalid(field, "a condition of a cohort must be an object"));
    };
    if !object.contains_key("values") {
        return behavioral(object, field, actions, now);
    }
    let Some(Value::Array(items)) = object.get("values") else {
        return Err(invalid(field, "the values of a group must be a list"));
    };
    if items.is_empty() {
        return Err(invalid(field, "the cohort has no condition").hint("add one to `values`"));
    }
    let part = |(index, item)| condition(item, &format!("{field}.values[{index}]"), actions, now);
    let parts = items.iter().enumerate().map(part).collect::<Result<Vec<_>>>()?;
    match object.get("type").and_then(Value::as_str) {
        Some("AND") => Ok(CohortCondition::All(parts)),
        Some("OR") => Ok(CohortCondition::Any(parts)),
        _ => Err(invalid(field, "a group of conditions needs the type \"AND\" or \"OR\"")),
    }
}

fn behavioral(object: &Map<String, Value>, field: &str, actions: &[Action], now: Timestamp) -> Result<CohortCondition> {
    let given = |key: &str| object.get(key).filter(|value| !value.is_null());
    for (key, supported) in [("type", "behavioral"), ("value", "performed_event")] {
        if given(key).and_then(Value::as_str) != Some(supported) {
            let found = object.get(key).unwrap_or(&Value::Null);
            let message = format!("a condition of a cohort with the {key} {found} is not supported yet");
            return Err(Error::invalid_field(field, "unsupported", message).hint(format!("supported: {supported}")));
        }
    }
    if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(invalid(field, format!("unknown key '{key}' in a condition of a cohort"))
            .hint(format!("known keys: {}", KEYS.join(", "))));
    }
    let performed = Performed {
        matching: matching(object, field, actions)?,
        after_microseconds: after(object, field, now)?.as_microsecond(),
        before_microseconds: now.as_microsecond(),
    };
    match given("negation") {
        None | Some(Value::Bool(false)) => Ok(CohortCondition::Performed(performed)),
        Some(Value::Bool(true)) => Ok(CohortCondition::NotPerformed(performed)),
        Some(_) => Err(invalid(field, "the negation must be true or false")),
    }
}

fn matching(object: &Map<String, Value>, field: &str, actions: &[Action]) -> Result<EventMatch> {
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
    EventMatch::of(&Entity { source, filter, custom_name: None }, actions)?.ok_or_else(|| {
        Error::invalid_field(format!("{field}.key"), "does_not_exist", format!("the action {key} does not exist"))
    })
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
