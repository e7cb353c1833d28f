//! A modern metric as questions about each event by itself, which have the same answer for every metric that asks them.

use super::{exposed_to, value_of};
use crate::model::experiment_metric::ValueOf;
use crate::plan::{Condition, EventMatch, Origin, Population, Unit, UnitMeasure};
use crate::sql::Sql;
use crate::sql::condition::condition;
use crate::sql::population::matches;

/// What a metric asks of each event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventQuestions {
    /// The position of the variant, counted from 1, that the event exposes its unit to at any time; else 0.
    pub exposure: EventQuestion,
    /// Whether the event counts at all, as 1 or 0; without it, all do.
    pub filter: Option<EventQuestion>,
    /// Of each source, which events belong to it.
    pub sources: Vec<Belonging>,
    /// Of each source, the number that is taken from an event; without it, none is.
    pub numbers: Vec<Option<EventQuestion>>,
}

/// One question about each event: an expression over `events AS e`, which is 0 or null unless it says something.
#[derive(Clone, Debug, PartialEq)]
pub struct EventQuestion {
    /// The name of the events that are asked; without one, all are.
    pub event: Option<String>,
    /// The expression.
    pub expression: Sql,
}

/// Which events belong to a source.
#[derive(Clone, Debug, PartialEq)]
pub enum Belonging {
    /// All.
    All,
    /// Those with one of these names.
    Named(Vec<String>),
    /// Those of which this is 1, not 0.
    Asked(EventQuestion),
}

/// The questions of a metric; `None` when it asks for something else besides: other units than persons, rows of tables, texts,
/// breakdowns, or every delivery of an event.
#[must_use]
pub(crate) fn of_events(population: &Population, measure: &UnitMeasure) -> Option<EventQuestions> {
    let is_plain = population.unit == Unit::Person
        && population.marked.is_everything()
        && !population.every_delivery
        && measure.breakdowns.is_empty()
        && population.variants.len() < usize::from(u8::MAX);
    if !is_plain {
        return None;
    }
    let source = |origin: &Origin| match origin {
        Origin::Events(matching) => Some(belonging(matching)),
        Origin::Table(_) => None,
    };
    let number = |value: &ValueOf| match value {
        ValueOf::Nothing => Some(None),
        ValueOf::Property(_) | ValueOf::Expression(_) => Some(Some(of_all(|sql| value_of(sql, value)))),
        ValueOf::Session | ValueOf::Group(_) | ValueOf::SessionNumber(_) | ValueOf::Column(_) => None,
    };
    let filter = (!population.filter.is_everything()).then(|| of_all(|sql| holds(sql, &population.filter)));
    Some(EventQuestions {
        exposure: exposure(population, measure),
        filter,
        sources: measure.sources.iter().map(|of| source(&of.origin)).collect::<Option<_>>()?,
        numbers: measure.sources.iter().map(|of| number(&of.value)).collect::<Option<_>>()?,
    })
}

fn belonging(matching: &EventMatch) -> Belonging {
    if matching.any_of.iter().all(|pattern| pattern.filter.is_everything()) {
        let names: Option<Vec<String>> = matching.any_of.iter().map(|pattern| pattern.event.clone()).collect();
        return names.map_or(Belonging::All, Belonging::Named);
    }
    // Of a single name only its events are asked, and the rest of the table is not looked at.
    Belonging::Asked(match matching.any_of.as_slice() {
        [pattern] => {
            let mut expression = Sql::new();
            holds(&mut expression, &pattern.filter);
            EventQuestion { event: pattern.event.clone(), expression }
        }
        _ => of_all(|sql| {
            sql.text("CASE WHEN ");
            matches(sql, matching);
            sql.text(" THEN 1 ELSE 0 END");
        }),
    })
}

fn exposure(population: &Population, measure: &UnitMeasure) -> EventQuestion {
    let [pattern] = measure.exposure.any_of.as_slice() else {
        return of_all(|sql| exposed_to(sql, population, measure, &|sql| matches(sql, &measure.exposure)));
    };
    let mut expression = Sql::new();
    exposed_to(&mut expression, population, measure, &|sql| condition(sql, &pattern.filter));
    EventQuestion { event: pattern.event.clone(), expression }
}

fn holds(sql: &mut Sql, filter: &Condition) {
    sql.text("CASE WHEN ");
    condition(sql, filter);
    sql.text(" THEN 1 ELSE 0 END");
}

fn of_all(write: impl Fn(&mut Sql)) -> EventQuestion {
    let mut expression = Sql::new();
    write(&mut expression);
    EventQuestion { event: None, expression }
}
