//! Conditions on events: filters with every decision taken.
//!
//! A filter of the model names cohorts and counts from "now"; a [`Condition`] holds what these come down to at one moment,
//! so that it can be hashed and kept.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::date;
use crate::model::expression::Expression;
use crate::model::filter::{
    CohortFilter, DateFilter, DateSide, ElementFilter, Filter, Operator, PropertyFilter, PropertyTest, Selector,
};
use crate::model::session::SessionProperty;
use crate::plan::{CohortCondition, Library};

/// A condition on an event, its person, its groups and its session.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Every part holds; without parts, always.
    All(Vec<Condition>),
    /// Some part holds; without parts, never.
    Any(Vec<Condition>),
    /// The part does not hold.
    Not(Box<Condition>),
    /// One property of the event compared with values.
    Property(PropertyFilter),
    /// One property of the event compared with dates.
    Date(DateCondition),
    /// What the event's person is or did.
    Person(CohortCondition),
    /// One property of a group of the event.
    Group {
        /// The position of the group type, 0 to 4.
        group_type_index: u8,
        /// What is asked of the property.
        property: PropertyCondition,
    },
    /// One property of the event's session.
    Session {
        /// Which.
        session_property: SessionProperty,
        /// What is asked of it.
        property: PropertyCondition,
    },
    /// Some element that the event captured is like this.
    Element(ElementFilter),
    /// Some element that the event captured is selected.
    Selector(Selector),
    /// An expression that holds; null does not.
    Expression(Expression),
}

/// What is asked of one property.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyCondition {
    /// It is compared with values.
    Compared(PropertyFilter),
    /// It is compared with dates.
    Date(DateCondition),
}

/// One property that, read as a point in time, lies in some range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DateCondition {
    /// The property's name.
    pub key: String,
    /// The ranges, one of which suffices. Without any, nothing is asked (Q-P2).
    pub ranges: Vec<DateRange>,
}

/// A half-open range of instants, in microseconds since 1970 UTC; open where a bound is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DateRange {
    /// The first instant inside.
    pub from_microseconds: Option<i64>,
    /// The first instant after.
    pub until_microseconds: Option<i64>,
}

impl Condition {
    /// The condition that every event meets.
    pub const EVERYTHING: Self = Self::All(Vec::new());

    /// The condition that no event meets.
    pub const NOTHING: Self = Self::Any(Vec::new());

    /// What a filter comes down to in a lab, at the library's moment.
    ///
    /// # Errors
    /// `Invalid` when the filter names a cohort that is defined by itself, or one whose definition cannot be understood.
    pub fn of(filter: &Filter, library: &Library) -> Result<Self> {
        Resolver::new(library).condition(filter)
    }

    /// A property of the event equals a text.
    #[must_use]
    pub fn property_is(key: &str, value: &str) -> Self {
        Self::Property(PropertyFilter {
            key: key.to_owned(),
            operator: Operator::Exact,
            values: vec![value.to_owned()],
        })
    }

    /// Whether every event meets it.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::All(parts) if parts.iter().all(Self::is_everything))
    }
}

/// Reads definitions with what they refer to.
pub(super) struct Resolver<'a> {
    pub(super) library: &'a Library,
    /// The cohorts that are being read, to notice those that contain themselves.
    pub(super) open_cohorts: Vec<i64>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(library: &'a Library) -> Self {
        Self { library, open_cohorts: Vec::new() }
    }

    pub(super) fn condition(&mut self, filter: &Filter) -> Result<Condition> {
        Ok(match filter {
            Filter::All(parts) => Condition::All(self.conditions(parts)?),
            Filter::Any(parts) => Condition::Any(self.conditions(parts)?),
            Filter::Not(part) => Condition::Not(Box::new(self.condition(part)?)),
            Filter::Property(property) => Condition::Property(property.clone()),
            Filter::Date(date) => Condition::Date(self.dates(date)?),
            Filter::Person(test) => Condition::Person(CohortCondition::Property(self.property(test)?)),
            Filter::Group { group_type_index, test } => {
                Condition::Group { group_type_index: *group_type_index, property: self.property(test)? }
            }
            Filter::Session { property, test } => {
                Condition::Session { session_property: *property, property: self.property(test)? }
            }
            Filter::Element(element) => Condition::Element(element.clone()),
            Filter::Selector(selector) => Condition::Selector(selector.clone()),
            Filter::Cohort(cohort) => Condition::Person(self.membership(cohort)?),
            Filter::Expression(expression) => Condition::Expression(expression.clone()),
        })
    }

    fn conditions(&mut self, filters: &[Filter]) -> Result<Vec<Condition>> {
        filters.iter().map(|filter| self.condition(filter)).collect()
    }

    pub(super) fn property(&self, test: &PropertyTest) -> Result<PropertyCondition> {
        Ok(match test {
            PropertyTest::Compared(property) => PropertyCondition::Compared(property.clone()),
            PropertyTest::Date(date) => PropertyCondition::Date(self.dates(date)?),
        })
    }

    /// Belonging to one of several cohorts, or to none of them.
    pub(super) fn membership(&mut self, filter: &CohortFilter) -> Result<CohortCondition> {
        let mut parts = Vec::new();
        for id in &filter.cohorts {
            match (self.members(*id)?, filter.is_in) {
                (Some(members), true) => parts.push(members),
                (Some(members), false) => parts.push(CohortCondition::Not(Box::new(members))),
                (None, true) => {}
                // A cohort that does not exist matches nothing, not even what is outside of it (Q-P17).
                (None, false) => return Ok(CohortCondition::NOBODY),
            }
        }
        Ok(match (parts.len(), filter.is_in) {
            (1, _) => parts.remove(0),
            (_, true) => CohortCondition::Any(parts),
            (_, false) => CohortCondition::All(parts),
        })
    }

    /// Before, on and after a date are the only cases there are: a day is 24 hours of UTC, a moment one second, because that
    /// is the precision of all bounds (Q-D2).
    fn dates(&self, filter: &DateFilter) -> Result<DateCondition> {
        let ranges = filter.dates.iter().map(|text| self.range(filter.side, text)).collect::<Result<_>>()?;
        Ok(DateCondition { key: filter.key.clone(), ranges })
    }

    fn range(&self, side: DateSide, text: &str) -> Result<DateRange> {
        let zone = &self.library.settings.timezone;
        let relative = || date::relative(text, self.library.as_of, zone);
        let moment = date::absolute(text).or_else(relative).ok_or_else(|| {
            // V-26; the form was checked, so it lies outside of the calendar.
            Error::invalid_field("properties", "invalid_date", format!("Invalid date value: {text}"))
                .hint("dates are such as 2026-03-01, 2026-03-01T09:30:00+01:00 or -3d")
        })?;
        let seconds = if date::is_day(text) { 86_400 } else { 1 };
        let from = moment.as_second().div_euclid(seconds) * seconds;
        let (from, until) = (from * 1_000_000, (from + seconds) * 1_000_000);
        let (from_microseconds, until_microseconds) = match side {
            DateSide::Before => (None, Some(from)),
            DateSide::At => (Some(from), Some(until)),
            DateSide::After => (Some(until), None),
        };
        Ok(DateRange { from_microseconds, until_microseconds })
    }
}
