//! How a plan is said to the event store.
//!
//! [`render`] turns a [`Plan`] into queries over one view, `events(uuid, event, distinct_id, person_id, timestamp, properties,
//! group_0 … group_4)`, where `timestamp` is UTC with microseconds and `properties` a VARIANT, and what stands beside it:
//! `persons`, `groups`, and the names of persons. Nothing is decided here, and
//! nothing is run.

mod assignments;
mod cohort;
mod condition;
mod element;
mod exposure;
mod expression;
mod flag_question;
mod funnel;
mod instant;
mod names;
mod population;
mod property;
mod session;
mod trend;
mod unit;
mod units;
mod write;

pub(crate) use instant::instant;

pub use assignments::logged_assignments;
pub use units::{Belonging, EventQuestion, EventQuestions};
pub use write::{Sql, Value};

use serde::Serialize;

use crate::plan::{CohortCondition, ExposurePlan, FlagQuestion, Measure, Plan, Population, UnitMeasure};

/// One query of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Query {
    /// What the query answers.
    pub purpose: Purpose,
    /// The query.
    pub sql: Sql,
}

/// What a query answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Events per variant (null: none of the known) and slot: columns `variant`, `slot`, `events`.
    Counts,
    /// Counted units per variant and slot of their first event: columns `variant`, `slot`, `units`, `events` (of these
    /// units, wherever they are).
    Units,
    /// How often each number of the events, or of their sessions, occurs per variant and slot: columns `variant`, `slot`,
    /// `value` (null for what is no number), `times`, and how many `events` that are; in that order.
    Values,
    /// How many units have each number of events per variant and bucket, named by its first slot: columns `variant`, `slot`,
    /// `value`, `times`, and how many `events` that are; in that order.
    EventsPerUnit,
    /// Exposed units, persons as a rule, per variant: columns `variant`, `exposures`.
    Exposures,
    /// Events of exposure per variant: columns `variant`, `exposures`.
    ExposureEvents,
    /// How often each number of the exposure's property occurs per variant: columns `variant`, `value`, `times`.
    ExposureValues,
    /// The events of a funnel, by unit and time: columns `unit`, `timestamp`, `steps`, `variant`.
    FunnelEvents,
    /// Exposures and what is counted, by unit and time: columns `unit`, `timestamp`, `roles`, `variant`, and per source
    /// `number_…` or `text_…`, per breakdown `breakdown_…`.
    UnitEvents,
}

impl Purpose {
    /// The name to show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Counts => "events per variant",
            Self::Units => "units per variant",
            Self::Values => "numbers per variant",
            Self::EventsPerUnit => "events per unit and variant",
            Self::ExposureValues => "numbers of exposure per variant",
            Self::Exposures => "exposed persons per variant",
            Self::ExposureEvents => "events of exposure per variant",
            Self::FunnelEvents => "events of the funnel",
            Self::UnitEvents => "exposures and events of the metric",
        }
    }
}

/// The queries that a plan needs.
#[must_use]
pub fn render(plan: &Plan) -> Vec<Query> {
    match &plan.measure {
        Measure::Trend(measure) => {
            vec![trend::values(&plan.population, measure), exposure::counts(&plan.population, &measure.exposure)]
        }
        Measure::Funnel(measure) => {
            vec![Query { purpose: Purpose::FunnelEvents, sql: funnel::events(&plan.population, measure) }]
        }
        Measure::Units(measure) => {
            vec![Query { purpose: Purpose::UnitEvents, sql: units::events(&plan.population, measure) }]
        }
    }
}

/// A modern metric as questions about each event by itself; `None` when it asks for more than that.
#[must_use]
pub fn render_questions(population: &Population, measure: &UnitMeasure) -> Option<EventQuestions> {
    units::questions(population, measure)
}

/// The exposed persons: columns `first_exposure` (microseconds since 1970 UTC), `person_id`, `variant`, `distinct_id` and
/// `exposures`, one row per person and variant, ordered by the first three.
#[must_use]
pub fn render_exposures(plan: &ExposurePlan) -> Sql {
    exposure::persons(plan)
}

/// The members of a cohort: columns `person_id`, by which they are ordered, and `distinct_id`.
#[must_use]
pub fn render_cohort_members(condition: &CohortCondition) -> Sql {
    cohort::members(condition)
}

/// All events of one unit, also those that a modern metric does not look at: as [`Purpose::UnitEvents`], with the name of each
/// as `event`.
#[must_use]
pub fn render_unit_history(population: &Population, measure: &UnitMeasure, unit: &str) -> Sql {
    units::history(population, measure, unit)
}

/// What persons are called: columns `person_id`, by which they are ordered, and `distinct_id`, the smallest of its ids.
#[must_use]
pub fn render_person_names() -> Sql {
    names::of_persons()
}

/// One row if some event carries the flag, else none.
#[must_use]
pub fn render_flag_question(question: &FlagQuestion) -> Sql {
    flag_question::some_event_with_flag(question)
}
