//! What is computed from the events of an entity (query rules Q-T3 to Q-T5, Q-T8).

use serde::Serialize;
use serde_json::{Map, Value};

use super::entity::{invalid, unsupported};
use super::expression::{Expression, aggregate_call};
use super::session::SessionProperty;
use super::suggest::closest;
use crate::error::Result;

/// What is computed from events.
#[derive(Clone, Debug, PartialEq)]
pub enum Math {
    /// Their number (Q-T3).
    Total,
    /// The persons they belong to, each once (Q-T8).
    UniquePersons,
    /// The groups of a type they belong to, each once (Q-T8).
    UniqueGroups {
        /// The position of the group type, 0 to 4.
        group_type_index: u8,
    },
    /// The sessions they belong to, each once (Q-T8).
    UniqueSessions,
    /// A statistic of the events' numbers (Q-T4, Q-T5).
    Numbers {
        /// What number each event has.
        number: EventNumber,
        /// Which statistic.
        statistic: Statistic,
    },
    /// A statistic of how many events each person has (Q-T5).
    PerPerson(Statistic),
}

/// The number that each event has; what is none is skipped (Q-T10).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventNumber {
    /// A property of the event.
    Property(String),
    /// An expression over the event.
    Expression(Expression),
    /// A number of the event's session; each session counts once.
    Session(SessionProperty),
    /// A column of a table whose rows stand for events (Q-N6).
    Column(String),
}

/// One number that stands for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// All added up.
    Sum,
    /// The arithmetic mean.
    Mean,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// The number that a share of the others does not exceed, interpolated between neighbours (Q-T11).
    Quantile {
        /// The share in percent, 0 to 100.
        percent: u8,
    },
}

/// The statistics of property values by name; that of the number of events per person is named by the same with
/// [`PER_PERSON`] behind, except for the sum.
const STATISTICS: [(&str, Statistic); 9] = [
    ("sum", Statistic::Sum),
    ("avg", Statistic::Mean),
    ("min", Statistic::Minimum),
    ("max", Statistic::Maximum),
    ("median", Statistic::Quantile { percent: 50 }),
    ("p75", Statistic::Quantile { percent: 75 }),
    ("p90", Statistic::Quantile { percent: 90 }),
    ("p95", Statistic::Quantile { percent: 95 }),
    ("p99", Statistic::Quantile { percent: 99 }),
];

const PER_PERSON: &str = "_count_per_actor";

/// Maths that are no statistic.
const COUNTS: [&str; 4] = ["total", "dau", "unique_group", "unique_session"];

/// The math that is an expression.
const EXPRESSION: &str = "hogql";

/// Maths of the reference's other insights that would change the numbers and are not built.
const NOT_BUILT: [&str; 4] =
    ["weekly_active", "monthly_active", "first_time_for_user", "first_matching_event_for_user"];

/// Group types are numbered from 0 to 4.
const GROUP_TYPE_INDEX_MAX: u64 = 4;

impl Math {
    /// Reads the math of an entity; `place` is where the entity stands, for messages.
    ///
    /// # Errors
    /// `Invalid` for an unknown math, one that is not built, and one that lacks its property or its type of groups.
    ///
    /// ```
    /// use abduck::model::math::{EventNumber, Math, Statistic};
    ///
    /// let entity = serde_json::json!({"id": "buy", "math": "median", "math_property": "amount"});
    /// let math = Math::read(entity.as_object().unwrap(), "filters.events[0]")?;
    /// let statistic = Statistic::Quantile { percent: 50 };
    /// assert_eq!(math, Math::Numbers { number: EventNumber::Property("amount".into()), statistic });
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn read(entity: &Map<String, Value>, place: &str) -> Result<Self> {
        let field = format!("{place}.math");
        let name = match entity.get("math") {
            None | Some(Value::Null) => return Ok(Self::Total),
            Some(Value::String(name)) => name.as_str(),
            Some(other) => return Err(invalid(&field, format!("the math must be a text, not {other}"))),
        };
        let statistic = |name: &str| STATISTICS.iter().find(|(known, _)| *known == name).map(|(_, known)| *known);
        match name {
            "total" => Ok(Self::Total),
            "dau" => Ok(Self::UniquePersons),
            "unique_session" => Ok(Self::UniqueSessions),
            "unique_group" => Ok(Self::UniqueGroups { group_type_index: group_type_index(entity, place)? }),
            EXPRESSION => expression(entity, place),
            name if NOT_BUILT.contains(&name) => {
                Err(unsupported(&field, format!("the math \"{name}\""), &names().join(", ")))
            }
            name => {
                let per_person = name.strip_suffix(PER_PERSON).and_then(statistic);
                match (statistic(name), per_person) {
                    (Some(statistic), _) => Ok(Self::Numbers { number: number(entity, place, name)?, statistic }),
                    (None, Some(statistic)) if statistic != Statistic::Sum => Ok(Self::PerPerson(statistic)),
                    (None, _) => Err(unknown(&field, name)),
                }
            }
        }
    }
}

/// The names of everything that can be computed.
fn names() -> Vec<String> {
    let counts = COUNTS.iter().chain([&EXPRESSION]).map(ToString::to_string);
    let statistics = STATISTICS.iter().map(|(name, _)| (*name).to_owned());
    let per_person = STATISTICS[1..].iter().map(|(name, _)| format!("{name}{PER_PERSON}"));
    counts.chain(statistics).chain(per_person).collect()
}

fn unknown(field: &str, name: &str) -> crate::Error {
    let names = names();
    let hint = match closest(name, names.iter().map(String::as_str)) {
        Some(similar) => format!("did you mean '{similar}'?"),
        None => format!("known maths: {}", names.join(", ")),
    };
    invalid(field, format!("unknown math '{name}'")).hint(hint)
}

fn number(entity: &Map<String, Value>, place: &str, math: &str) -> Result<EventNumber> {
    let field = format!("{place}.math_property");
    match entity.get("math_property") {
        // The reference knows the length of a session by its name, whatever the type says.
        Some(Value::String(property)) if property == "$session_duration" => {
            Ok(EventNumber::Session(SessionProperty::Duration))
        }
        Some(Value::String(property)) if !property.is_empty() => Ok(EventNumber::Property(property.clone())),
        None | Some(Value::Null | Value::String(_)) => {
            Err(invalid(&field, format!("the math '{math}' needs a property"))
                .hint("give `math_property` the key of a property with numbers"))
        }
        Some(other) => Err(invalid(&field, format!("the math_property must be a property's key, not {other}"))),
    }
}

/// An aggregate of an expression (`avg(properties.price * 2)`), or the sum of one without an aggregate.
fn expression(entity: &Map<String, Value>, place: &str) -> Result<Math> {
    let field = format!("{place}.math_hogql");
    let Some(Value::String(text)) = entity.get("math_hogql") else {
        return Err(invalid(&field, "the math 'hogql' needs an expression").hint("such as sum(properties.price * 2)"));
    };
    let named = STATISTICS.map(|(name, _)| name);
    match aggregate_call(text, &["count"]) {
        Some((_, "")) => return Ok(Math::Total),
        Some(_) => {
            return Err(invalid(&field, "count takes no argument")
                .hint("count() is the number of events; filter them with `properties`"));
        }
        None => {}
    }
    let (name, inside) = aggregate_call(text, &named).unwrap_or(("sum", text.trim()));
    let statistic = STATISTICS.iter().find(|(known, _)| *known == name).map_or(Statistic::Sum, |(_, known)| *known);
    Ok(Math::Numbers { number: EventNumber::Expression(Expression::parse(inside, &field)?), statistic })
}

fn group_type_index(entity: &Map<String, Value>, place: &str) -> Result<u8> {
    let index = match entity.get("math_group_type_index") {
        // Clients send the number as text, too.
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(index) => index.as_u64(),
        None => None,
    };
    let index = index.filter(|index| *index <= GROUP_TYPE_INDEX_MAX).and_then(|index| u8::try_from(index).ok());
    index.ok_or_else(|| {
        let field = format!("{place}.math_group_type_index");
        invalid(&field, "the math 'unique_group' needs a type of groups")
            .hint("give `math_group_type_index` the position of the group type, 0 to 4")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ErrorKind;

    fn read(entity: &Value) -> Result<Math> {
        Math::read(entity.as_object().unwrap(), "filters.events[0]")
    }

    #[test]
    fn every_name_means_one_math() {
        // Q-T3 to Q-T5, Q-T8
        assert_eq!(read(&json!({})).unwrap(), Math::Total);
        assert_eq!(read(&json!({"math": null})).unwrap(), Math::Total);
        let mut seen: Vec<Math> = Vec::new();
        for name in names() {
            let math = read(&json!({"math": name, "math_property": "amount", "math_group_type_index": "4",
                "math_hogql": "properties.amount * 2"}))
            .unwrap();
            assert!(!seen.contains(&math), "{name} means the same as another: {math:?}");
            seen.push(math);
        }
        assert_eq!(seen.len(), 4 + 1 + 9 + 8);
        assert!(seen.contains(&Math::UniqueGroups { group_type_index: 4 }));
        assert!(seen.contains(&Math::PerPerson(Statistic::Quantile { percent: 99 })));
    }

    #[test]
    fn maths_that_lack_something_are_refused_with_the_next_step() {
        for (entity, field, code, hint) in [
            (json!({"math": "totl"}), "math", "invalid_input", "did you mean 'total'?"),
            (json!({"math": "sum_count_per_actor"}), "math", "invalid_input", "did you mean"),
            (json!({"math": 5}), "math", "invalid_input", ""),
            (json!({"math": "weekly_active"}), "math", "unsupported", "supported: total, dau"),
            (json!({"math": "hogql"}), "math_hogql", "invalid_input", "such as sum("),
            (json!({"math": "hogql", "math_hogql": "count(event)"}), "math_hogql", "invalid_input", "count()"),
            (json!({"math": "sum"}), "math_property", "invalid_input", "give `math_property`"),
            (json!({"math": "p90", "math_property": ""}), "math_property", "invalid_input", "give `math_property`"),
            (json!({"math": "unique_group"}), "math_group_type_index", "invalid_input", "0 to 4"),
            (
                json!({"math": "unique_group", "math_group_type_index": 5}),
                "math_group_type_index",
                "invalid_input",
                "0 to 4",
            ),
        ] {
            let error = read(&entity).unwrap_err();
            let ErrorKind::Invalid { field: Some(place), .. } = error.kind() else { panic!("{error:?}") };
            assert_eq!(
                (place.as_str(), error.code()),
                (format!("filters.events[0].{field}").as_str(), code),
                "{entity}"
            );
            assert!(error.hints().join(" ").contains(hint), "{entity}: {:?}", error.hints());
        }
    }
}
