//! Which events are looked at, as conditions over the view `events AS e`.

use crate::plan::{Condition, EventMatch, EventPattern, Population, TimeRange};
use crate::sql::Sql;
use crate::sql::condition::condition;
use crate::sql::property::{self, OF_EVENT, number, plain_text};

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

/// The known variant that a property names; null when it names none (Q-V2).
pub(super) fn known_variant(sql: &mut Sql, population: &Population, property: &str) {
    sql.text("CASE WHEN ");
    variant_text(sql, property);
    sql.text(" IN ");
    known_variants(sql, population);
    sql.text(" THEN ");
    variant_text(sql, property);
    sql.text(" END");
}

/// The number in a property, or null (Q-T10).
pub(super) fn property_number(sql: &mut Sql, key: &str) {
    number(sql, &|sql| property::text(sql, OF_EVENT, key));
}

/// A text is one of the known variants, case-sensitive (Q-V2).
pub(super) fn known_variants(sql: &mut Sql, population: &Population) {
    sql.text("(").separated(", ", &population.variants, |sql, key| {
        sql.value(key.as_str());
    });
    sql.text(")");
}
