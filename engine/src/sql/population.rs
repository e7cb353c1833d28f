//! Which events are looked at, as conditions over the view `events AS e`.

use crate::plan::{EventMatch, Population};
use crate::sql::Sql;
use crate::sql::filter;

/// `e.timestamp` inside the range, and the population's filter.
pub(super) fn in_population(sql: &mut Sql, population: &Population) {
    sql.text("e.timestamp >= make_timestamp(").value(population.range.from_microseconds);
    sql.text(") AND e.timestamp < make_timestamp(").value(population.range.until_microseconds).text(")");
    if !population.filter.is_everything() {
        sql.text("\n  AND ");
        filter::condition(sql, &population.filter);
    }
}

/// The event's name and properties fit.
pub(super) fn matches(sql: &mut Sql, event: &EventMatch) {
    match &event.event {
        Some(name) => sql.text("e.event = ").value(name.as_str()),
        None => sql.text("TRUE"),
    };
    if !event.filter.is_everything() {
        sql.text(" AND ");
        filter::condition(sql, &event.filter);
    }
}

/// The text of a property that names a variant; null when absent.
///
/// Lists and objects would need their JSON text (Q-P1), but no variant is one of those, so the cheap cast serves.
pub(super) fn variant_text(sql: &mut Sql, property: &str) {
    sql.text("variant_extract(e.properties, ").value(property).text(")::VARCHAR");
}

/// A text is one of the known variants, case-sensitive (Q-V2).
pub(super) fn known_variants(sql: &mut Sql, population: &Population) {
    sql.text("(").separated(", ", &population.variants, |sql, key| {
        sql.value(key.as_str());
    });
    sql.text(")");
}
