//! Entities: the events and actions that metrics and exposures are made of (query rules Q-A2 to Q-A4).

use serde_json::{Map, Value};

use super::filter::Filter;
use super::math::Math;
use super::suggest::closest;
use crate::error::{Error, Result};

/// Events that count: those of a source that pass a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Which events, before the filter.
    pub source: EntitySource,
    /// What else must hold (Q-A4).
    pub filter: Filter,
    /// The name shown instead of the source's, if the definition gives one.
    pub custom_name: Option<String>,
}

/// Which events an entity means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntitySource {
    /// Those with a name.
    Event(String),
    /// Every event (Q-A3).
    AllEvents,
    /// Those of the action with this id (Q-A1).
    Action(i64),
}

/// The name shown for an entity that every event fits (Q-A3).
pub const ALL_EVENTS: &str = "all events";

/// Keys of an entity (an element of `events` or `actions`).
const ENTITY_KEYS: [&str; 11] = [
    "custom_name",
    "id",
    "index",
    "math",
    "math_group_type_index",
    "math_hogql",
    "math_property",
    "name",
    "order",
    "properties",
    "type",
];

/// The two lists that entities stand in. At equal order actions come first, as in the reference (Q-A2).
const LISTS: [&str; 2] = ["actions", "events"];

/// The entities of a definition in their order (Q-A2); `field` is where the definition stands, for messages.
pub(crate) fn entities(definition: &Map<String, Value>, field: &str) -> Result<Vec<Entity>> {
    let mut entities = Vec::new();
    for given in ordered(definition, field)? {
        entities.push(read(&given)?);
    }
    Ok(entities)
}

/// As [`entities`], each with what is computed from its events; funnels do not look at that.
pub(crate) fn entities_with_math(definition: &Map<String, Value>, field: &str) -> Result<Vec<(Entity, Math)>> {
    let read = |given: GivenEntity<'_>| Ok((read(&given)?, Math::read(given.fields, &given.place)?));
    ordered(definition, field)?.into_iter().map(read).collect()
}

/// An entity as it stands in a definition, unread.
pub(crate) struct GivenEntity<'a> {
    /// The list it stands in, `events` or `actions`.
    pub(crate) list: &'static str,
    /// Where it stands, for messages.
    pub(crate) place: String,
    /// Itself.
    pub(crate) fields: &'a Map<String, Value>,
}

/// The entities of a definition in their order, unread.
pub(crate) fn ordered<'a>(definition: &'a Map<String, Value>, field: &str) -> Result<Vec<GivenEntity<'a>>> {
    let mut ordered = Vec::new();
    for list in LISTS {
        let items = match definition.get(list) {
            None | Some(Value::Null) => &[][..],
            Some(Value::Array(items)) => items.as_slice(),
            Some(_) => {
                return Err(invalid(&format!("{field}.{list}"), format!("the {list} of a metric must be a list")));
            }
        };
        for (index, item) in items.iter().enumerate() {
            let place = format!("{field}.{list}[{index}]");
            let Value::Object(fields) = item else {
                return Err(invalid(&place, format!("an element of `{list}` must be an object")));
            };
            ordered.push((order(fields, &place)?, GivenEntity { list, place, fields }));
        }
    }
    ordered.sort_by_key(|(order, _)| *order);
    Ok(ordered.into_iter().map(|(_, given)| given).collect())
}

/// The position an entity asks for. One that asks for none, or for 0, comes first, as in the reference.
fn order(entity: &Map<String, Value>, place: &str) -> Result<i64> {
    match entity.get("order") {
        None | Some(Value::Null) => Ok(-1),
        Some(order) => match order.as_i64() {
            Some(0) => Ok(-1),
            Some(order) => Ok(order),
            None => Err(invalid(place, "the order must be a whole number")),
        },
    }
}

/// Whether a definition leaves out the lab's test accounts (Q-P20).
pub(crate) fn test_accounts(definition: &Map<String, Value>, field: &str) -> Result<bool> {
    match definition.get("filter_test_accounts") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(filter)) => Ok(*filter),
        Some(other) => {
            Err(invalid(&format!("{field}.filter_test_accounts"), format!("must be true or false, not {other}")))
        }
    }
}

/// A single entity outside of the two lists; its `type` says what it is, an event by default.
pub(super) fn entity(fields: &Map<String, Value>, place: &str) -> Result<Entity> {
    let kind = fields.get("type").and_then(Value::as_str);
    let list = LISTS.into_iter().find(|list| kind == Some(list)).unwrap_or("events");
    read(&GivenEntity { list, place: place.to_owned(), fields })
}

fn read(given: &GivenEntity<'_>) -> Result<Entity> {
    let GivenEntity { list, place, fields: entity } = given;
    if let Some(key) = entity.keys().find(|key| !ENTITY_KEYS.contains(&key.as_str())) {
        return Err(invalid(place, format!("unknown key '{key}' in an element of `{list}`"))
            .hint(known_keys(key, &ENTITY_KEYS)));
    }
    match entity.get("type").filter(|kind| !kind.is_null()) {
        None => {}
        Some(Value::String(kind)) if kind == list => {}
        Some(other) => return Err(unsupported(&format!("{place}.type"), format!("the type {other}"), list)),
    }
    let source = match *list {
        "actions" => EntitySource::Action(action_id(entity, place)?),
        _ => event(entity, place)?,
    };
    let filter = Filter::parse(entity.get("properties").unwrap_or(&Value::Null), &format!("{place}.properties"))?;
    let custom_name = match entity.get("custom_name") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(other) => return Err(invalid(place, format!("the custom_name must be a text, not {other}"))),
    };
    Ok(Entity { source, filter, custom_name })
}

fn event(entity: &Map<String, Value>, place: &str) -> Result<EntitySource> {
    match entity.get("id") {
        Some(Value::String(name)) if !name.is_empty() => Ok(EntitySource::Event(name.clone())),
        Some(Value::Null) => Ok(EntitySource::AllEvents),
        None => Err(invalid(place, "an event of the metric needs an id: the event's name, or null for all")),
        Some(other) => Err(invalid(place, format!("the id must be an event's name or null, not {other}"))),
    }
}

/// The number of an action; clients send it as text, too (L-53).
pub(crate) fn action_id(entity: &Map<String, Value>, place: &str) -> Result<i64> {
    let id = match entity.get("id") {
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(id) => id.as_i64(),
        None => None,
    };
    id.ok_or_else(|| {
        Error::invalid_field(format!("{place}.id"), "invalid_input", "Invalid action ID")
            .hint("an action is named by its number")
    })
}

pub(crate) fn known_keys(unknown: &str, known: &[&str]) -> String {
    match closest(unknown, known.iter().copied()) {
        Some(similar) => format!("did you mean '{similar}'?"),
        None => format!("known keys: {}", known.join(", ")),
    }
}

/// What clients match on when there is no metric.
const NO_TARGET_METRIC: &str = "Experiment has no target metric";

/// Whether a metric was refused because there is none.
pub(crate) fn is_absent(error: &Error) -> bool {
    error.to_string() == NO_TARGET_METRIC
}

pub(super) fn no_target_metric() -> Error {
    Error::invalid_field("filters", "invalid_input", NO_TARGET_METRIC)
}

pub(super) fn unsupported(field: &str, what: impl std::fmt::Display, supported: &str) -> Error {
    Error::invalid_field(field, "unsupported", format!("{what} is not supported yet"))
        .hint(format!("supported: {supported}"))
}

pub(super) fn invalid(field: &str, message: impl Into<String>) -> Error {
    Error::invalid_field(field, "invalid_input", message)
}
