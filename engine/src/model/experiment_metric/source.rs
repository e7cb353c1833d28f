//! Sources: which events, or rows of a table, a metric looks at, and what it takes from each (M-1, M-20).

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::entity::{Entity, EntitySource};
use crate::model::expression::{Expression, aggregate_call};
use crate::model::fields::{Fields, invalid};
use crate::model::filter::Filter;
use crate::model::session::SessionProperty;

/// Where a metric takes its values from.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Events, or rows of a table.
    pub kind: SourceKind,
    /// How the values of one unit are put together.
    pub aggregation: Aggregation,
    /// What is taken from each event; without effect on counts.
    pub value: ValueOf,
}

/// Events, or rows of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceKind {
    /// Events or an action, with what else must hold.
    Entity(Entity),
    /// Rows of a table of the lab, joined by a key.
    Table(TableSource),
}

/// Rows of a table that is no event log, joined to units by a key (M-1, Q-N6).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableSource {
    /// The name of the table in the lab.
    pub table: String,
    /// The column that says when something happened.
    pub timestamp_column: String,
    /// The column that holds the key.
    pub join_column: String,
    /// What holds the key on the unit's exposures.
    pub exposure_key: Expression,
}

/// How the values of one unit are put together (M-20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// The number of events.
    Total,
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// How many different ones there are.
    Distinct,
    /// 1 if there is any event, else 0.
    Any,
}

/// What is taken from each event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueOf {
    /// Nothing: that it happened is all that counts.
    Nothing,
    /// A property as a number; what is none counts as 0 (M-20).
    Property(String),
    /// An expression as a number; null counts as 0.
    Expression(Expression),
    /// A column of the table as a number; what is none counts as 0.
    Column(String),
    /// The session the event belongs to.
    Session,
    /// A number of the session it belongs to; each session counts once (M-24).
    SessionNumber(SessionProperty),
    /// The key of the group of a type.
    Group(u8),
}

const KEYS: [&str; 22] = [
    "kind",
    "event",
    "id",
    "name",
    "custom_name",
    "math",
    "math_property",
    "math_property_type",
    "math_hogql",
    "math_group_type_index",
    "properties",
    "table_name",
    "timestamp_field",
    "events_join_key",
    "data_warehouse_join_key",
    "funnelFromStep",
    "funnelToStep",
    "funnel_from_step",
    "funnel_to_step",
    "version",
    "response",
    "type",
];

/// The maths by name, with how they aggregate.
const MATHS: [(&str, Aggregation); 9] = [
    ("total", Aggregation::Total),
    ("sum", Aggregation::Sum),
    ("avg", Aggregation::Average),
    ("min", Aggregation::Minimum),
    ("max", Aggregation::Maximum),
    ("unique_session", Aggregation::Distinct),
    ("unique_group", Aggregation::Distinct),
    ("dau", Aggregation::Any),
    ("hogql", Aggregation::Sum),
];

/// The names of kinds of sources.
#[derive(Clone, Copy)]
enum Kind {
    Events,
    Action,
    Table,
}

const KINDS: [(&str, Kind); 4] = [
    ("EventsNode", Kind::Events),
    ("ActionsNode", Kind::Action),
    ("ExperimentDataWarehouseNode", Kind::Table),
    ("DataWarehouseNode", Kind::Table),
];

impl Source {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self> {
        fields.refuse_unknown(&KEYS)?;
        let kind = kind(fields)?;
        let (aggregation, value) = value(fields, matches!(kind, SourceKind::Table(_)))?;
        Ok(Self { kind, aggregation, value })
    }
}

fn kind(fields: &Fields<'_>) -> Result<SourceKind> {
    let named = fields.choice("kind", &KINDS)?;
    let kind = named.unwrap_or(if fields.map.contains_key("table_name") { Kind::Table } else { Kind::Events });
    let source = match kind {
        Kind::Table => return Ok(SourceKind::Table(table(fields)?)),
        Kind::Action => EntitySource::Action(
            fields
                .integer("id", 1, i64::MAX)?
                .ok_or_else(|| invalid(&fields.at("id"), "an action is named by its number"))?,
        ),
        Kind::Events => match fields.text("event")? {
            Some(name) if !name.is_empty() => EntitySource::Event(name),
            Some(_) => return Err(invalid(&fields.at("event"), "the name of an event is empty")),
            None if fields.map.contains_key("event") => EntitySource::AllEvents,
            None => {
                return Err(invalid(&fields.place, "a source needs an event: its name, or null for all")
                    .hint("or an action's id with \"kind\": \"ActionsNode\""));
            }
        },
    };
    let filter = Filter::parse(fields.get("properties").unwrap_or(&serde_json::Value::Null), &fields.at("properties"))?;
    Ok(SourceKind::Entity(Entity { source, filter, custom_name: fields.text("custom_name")?.or(fields.text("name")?) }))
}

fn table(fields: &Fields<'_>) -> Result<TableSource> {
    if fields.get("properties").is_some_and(|filters| filters.as_array().is_none_or(|list| !list.is_empty())) {
        return Err(Error::invalid_field(
            fields.at("properties"),
            "unsupported",
            "filters on tables are not supported yet",
        )
        .hint("filter the table before it is loaded"));
    }
    let exposure_key = fields.required_text("events_join_key")?;
    Ok(TableSource {
        table: fields.required_text("table_name")?,
        timestamp_column: fields.required_text("timestamp_field")?,
        join_column: fields.required_text("data_warehouse_join_key")?,
        exposure_key: Expression::parse(&exposure_key, &fields.at("events_join_key"))?,
    })
}

fn value(fields: &Fields<'_>, is_table: bool) -> Result<(Aggregation, ValueOf)> {
    let aggregation = fields.choice("math", &MATHS)?.unwrap_or(Aggregation::Total);
    let math = fields.text("math")?.unwrap_or_default();
    let value = match (math.as_str(), aggregation) {
        ("hogql", _) => return expression(fields),
        (_, Aggregation::Total | Aggregation::Any) => ValueOf::Nothing,
        ("unique_group", _) => ValueOf::Group(group_type_index(fields)?),
        ("unique_session", _) => ValueOf::Session,
        _ if is_table => ValueOf::Column(math_property(fields)?),
        _ if fields.text("math_property_type")?.as_deref() == Some("session_properties") => session_property(fields)?,
        _ => ValueOf::Property(math_property(fields)?),
    };
    if is_table && matches!(value, ValueOf::Group(_) | ValueOf::Session | ValueOf::SessionNumber(_)) {
        return Err(invalid(&fields.at("math"), "rows of a table have neither sessions nor groups"));
    }
    Ok((aggregation, value))
}

fn math_property(fields: &Fields<'_>) -> Result<String> {
    match fields.text("math_property_type")?.as_deref() {
        None | Some("event_properties" | "event" | "data_warehouse_properties") => {}
        Some(other) => {
            let message = format!("numbers of the type '{other}' are not supported yet");
            return Err(Error::invalid_field(fields.at("math_property_type"), "unsupported", message)
                .hint("supported: event_properties, session_properties"));
        }
    }
    fields.required_text("math_property").map_err(|error| error.hint("name the property whose values are taken"))
}

/// A property of sessions that is a number.
fn session_property(fields: &Fields<'_>) -> Result<ValueOf> {
    let name = fields.required_text("math_property")?;
    let property = SessionProperty::named(&name).filter(|property| property.is_number());
    property.map(ValueOf::SessionNumber).ok_or_else(|| {
        let message = format!("'{name}' is no session property that is a number");
        Error::invalid_field(fields.at("math_property"), "unsupported", message)
            .hint(format!("supported: {}", SessionProperty::names(true)))
    })
}

fn group_type_index(fields: &Fields<'_>) -> Result<u8> {
    let index = fields.integer("math_group_type_index", 0, 4)?;
    let index = index.and_then(|index| u8::try_from(index).ok());
    index.ok_or_else(|| {
        invalid(&fields.at("math_group_type_index"), "is missing: the position of the group type, 0 to 4")
    })
}

/// An expression over each event, in an aggregate or, without one, summed: `avg(properties.price * properties.pieces)`.
fn expression(fields: &Fields<'_>) -> Result<(Aggregation, ValueOf)> {
    let text = fields.required_text("math_hogql")?;
    let field = fields.at("math_hogql");
    let aggregates = [
        ("sum", Aggregation::Sum),
        ("avg", Aggregation::Average),
        ("min", Aggregation::Minimum),
        ("max", Aggregation::Maximum),
        ("count", Aggregation::Total),
        ("uniq", Aggregation::Distinct),
    ];
    let Some((name, inside)) = aggregate_call(&text, &aggregates.map(|(name, _)| name)) else {
        return Ok((Aggregation::Sum, ValueOf::Expression(Expression::parse(text.trim(), &field)?)));
    };
    let aggregation = aggregates.iter().find(|(known, _)| *known == name).map_or(Aggregation::Sum, |(_, known)| *known);
    match (aggregation, inside) {
        (Aggregation::Total, "") => Ok((Aggregation::Total, ValueOf::Nothing)),
        (Aggregation::Total, _) => Err(invalid(&field, "count takes no argument")
            .hint("count() is the number of events; filter them with `properties`")),
        _ => Ok((aggregation, ValueOf::Expression(Expression::parse(inside, &field)?))),
    }
}
