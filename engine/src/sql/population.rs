//! Which events are looked at, as conditions over the view `events AS e`.

use crate::model::math::EventNumber;
use crate::plan::{Condition, EventMatch, EventPattern, Population, TimeRange};
use crate::sql::Sql;
use crate::sql::condition::condition;
use crate::sql::property::{self, OF_EVENT, plain_text};
use crate::sql::{expression, session};

/// `e.timestamp` inside the range, and the population's filter.
pub(super) fn in_population(sql: &mut Sql, population: &Population) {
    in_range(sql, population.range, &population.filter);
}

/// `e.timestamp` inside a range, and a filter.
pub(super) fn in_range(sql: &mut Sql, range: TimeRange, filter: &Condition) {
    sql.text("e.timestamp >= make_timestamp(").value(range.from_microseconds);
    sql.text(") AND e.timestamp < make_timestamp(").value(range.until_microseconds).text(")");
    if !filter.is_everything() {
        sql.text("\n  AND ");
        condition(sql, filter);
    }
}

/// The event's name and properties fit. Several patterns stand in parentheses, one does not.
pub(super) fn matches(sql: &mut Sql, event: &EventMatch) {
    match event.any_of.as_slice() {
        [] => {
            sql.text("FALSE");
        }
        [pattern] => fits(sql, pattern),
        patterns => {
            sql.text("(").separated(" OR ", patterns, |sql, pattern| {
                sql.text("(");
                fits(sql, pattern);
                sql.text(")");
            });
            sql.text(")");
        }
    }
}

fn fits(sql: &mut Sql, pattern: &EventPattern) {
    match &pattern.event {
        Some(name) => sql.text("e.event = ").value(name.as_str()),
        None => sql.text("TRUE"),
    };
    if !pattern.filter.is_everything() {
        sql.text(" AND ");
        condition(sql, &pattern.filter);
    }
}

/// The text of a property that names a variant; null when absent.
///
/// Lists and objects would need their JSON text (Q-P1), but no variant is one of those, so the cheap cast serves.
pub(super) fn variant_text(sql: &mut Sql, property: &str) {
    plain_text(sql, OF_EVENT, property);
}

/// The known variant that a text names; null when it names none (Q-V2).
pub(super) fn known_variant(sql: &mut Sql, population: &Population, text: &dyn Fn(&mut Sql)) {
    sql.text("CASE WHEN ");
    text(sql);
    sql.text(" IN ");
    known_variants(sql, population);
    sql.text(" THEN ");
    text(sql);
    sql.text(" END");
}

/// The number of an event, or null (Q-T10); that of its session stands in a join.
pub(super) fn event_number(sql: &mut Sql, number: &EventNumber) {
    match number {
        EventNumber::Property(key) => property::number_of(sql, OF_EVENT, key),
        EventNumber::Expression(value) => expression::number(sql, value),
        EventNumber::Session(_) => {
            sql.text("CAST(s.number AS DOUBLE)");
        }
        EventNumber::Column(_) => property::number(sql, &|sql| {
            sql.text("e.value");
        }),
    }
}

/// The events with what their numbers need besides.
pub(super) fn events_with(sql: &mut Sql, number: &EventNumber) {
    sql.text("FROM events AS e");
    if let EventNumber::Session(property) = number {
        sql.text(" LEFT JOIN (SELECT ");
        session::id(sql);
        sql.text(" AS session, ");
        session::property(sql, *property);
        sql.text(" AS number FROM events AS e GROUP BY 1) AS s ON s.session = ");
        session::id(sql);
    }
    sql.text("\nWHERE ");
}

/// A text is one of the known variants, case-sensitive (Q-V2).
pub(super) fn known_variants(sql: &mut Sql, population: &Population) {
    sql.text("(").separated(", ", &population.variants, |sql, key| {
        sql.value(key.as_str());
    });
    sql.text(")");
}
