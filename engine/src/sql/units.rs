//! The query of a modern metric: exposures and what is counted, unit by unit, for the kernel.

mod questions;

pub(crate) use questions::of_events as questions;
pub use questions::{Belonging, EventQuestion, EventQuestions};

use crate::model::experiment_metric::{TableSource, ValueOf};
use crate::model::metric::FunnelOrder;
use crate::plan::{Origin, Population, SourceMeasure, TEST_ACCOUNT_ROLE, Unit, UnitMeasure, UnitValue};
use crate::sql::Sql;
use crate::sql::condition::condition;
use crate::sql::instant::instant;
use crate::sql::population::{known_variants, matches, variant_text};
use crate::sql::property::{self, text};
use crate::sql::unit::{group_key, unit};
use crate::sql::{expression, session};

/// Exposures and events of the sources, by unit, time and id: one pass over the events.
///
/// Bit 0 of `roles` is set when the event exposes its unit to the known variant at position `variant`, counted from 1; bit
/// i + 1 when it belongs to source i. Rows of tables follow in the same form, with their unit found by the key.
pub(super) fn events(population: &Population, measure: &UnitMeasure) -> Sql {
    rows(population, measure, None)
}

/// All events of one unit in the same form, with the name of each as `event`: also those that the metric does not look at.
pub(super) fn history(population: &Population, measure: &UnitMeasure, unit: &str) -> Sql {
    rows(population, measure, Some(unit))
}

fn rows(population: &Population, measure: &UnitMeasure, only: Option<&str>) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT * EXCLUDE (id) FROM (\n");
    of_events(&mut sql, population, measure, only);
    for (index, source) in measure.sources.iter().enumerate() {
        if let Origin::Table(table) = &source.origin {
            sql.text("\n  UNION ALL\n");
            of_table(&mut sql, population, measure, (index, table), only);
        }
    }
    sql.text("\n)\nORDER BY unit, timestamp, id");
    sql
}

fn of_events(sql: &mut Sql, population: &Population, measure: &UnitMeasure, only: Option<&str>) {
    sql.text("  SELECT * FROM (\n    SELECT ");
    unit(sql, &population.unit);
    sql.text(" AS unit, epoch_us(e.timestamp) AS timestamp, CAST(e.uuid AS VARCHAR) AS id,\n      CAST(");
    exposes(sql, population, measure);
    for (index, source) in measure.sources.iter().enumerate() {
        let Origin::Events(matching) = &source.origin else { continue };
        sql.text("\n        + CASE WHEN ");
        matches(sql, matching);
        sql.text(" THEN ").value(role(index)).text(" ELSE 0 END");
    }
    if !population.marked.is_everything() {
        sql.text("\n        + CASE WHEN ");
        condition(sql, &population.marked);
        sql.text(" THEN 0 ELSE ").value(i64::from(TEST_ACCOUNT_ROLE)).text(" END");
    }
    sql.text(" AS UINTEGER) AS roles,\n      ");
    variant_position(sql, population, measure);
    sql.text(" AS variant");
    for (index, source) in measure.sources.iter().enumerate() {
        column(sql, index, source, Some(()));
    }
    for (index, property) in measure.breakdowns.iter().enumerate() {
        sql.text(",\n      ");
        text(sql, "e.properties", property);
        sql.text(" AS ").identifier(&format!("breakdown_{index}"));
    }
    if only.is_some() {
        sql.text(", e.event");
    }
    sql.text("\n    FROM ");
    if population.every_delivery {
        sql.text("(SELECT * FROM events UNION ALL SELECT v.* FROM events AS v JOIN (\n      SELECT uuid, ");
        sql.text("unnest(range(CAST(sum(times) AS BIGINT))) FROM deliveries.repeated GROUP BY uuid\n    ) AS d ON d.uuid = v.uuid)");
    } else {
        sql.text("events");
    }
    sql.text(" AS e");
    sessions(sql, measure);
    sql.text("\n    WHERE e.timestamp >= make_timestamp(").value(measure.scanned.from_microseconds);
    sql.text(") AND e.timestamp < make_timestamp(").value(measure.scanned.until_microseconds).text(")");
    if !population.filter.is_everything() {
        sql.text("\n      AND ");
        condition(sql, &population.filter);
    }
    if let Some(name) = only {
        sql.text("\n      AND ");
        is_unit(sql, population, name);
    }
    sql.text("\n  )\n  WHERE unit IS NOT NULL");
    if only.is_some() {
        return;
    }
    // A strict funnel is broken by any event in between, so it has to see all of them.
    if !matches!(&measure.value, UnitValue::Funnel(rules) if rules.order == FunnelOrder::Strict) {
        sql.text(" AND roles NOT IN (0, ").value(i64::from(TEST_ACCOUNT_ROLE)).text(")");
    }
}

/// The numbers of sessions that sources ask for, whatever else is looked at (M-24, Q-D2).
fn sessions(sql: &mut Sql, measure: &UnitMeasure) {
    let asked = measure.sources.iter().enumerate().filter_map(|(index, source)| match source.value {
        ValueOf::SessionNumber(property) => Some((index, property)),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return;
    }
    sql.text("\n    LEFT JOIN (SELECT ");
    session::id(sql);
    sql.text(" AS session");
    for (index, property) in asked {
        sql.text(", ");
        session::property(sql, property);
        sql.text(" AS ").identifier(&format!("number_{index}"));
    }
    sql.text("\n      FROM events AS e GROUP BY 1) AS s ON s.session = ");
    session::id(sql);
}

/// The event belongs to a unit: a person by any of its ids, anything else by its name.
fn is_unit(sql: &mut Sql, population: &Population, name: &str) {
    if population.unit == Unit::Person {
        sql.text("e.person_id IN (SELECT person_id FROM distinct_id WHERE distinct_id = ").value(name).text(")");
    } else {
        unit(sql, &population.unit);
        sql.text(" = ").value(name);
    }
}

/// 1 if the event exposes its unit: in the experiment's time, to a known variant (M-10, M-11).
fn exposes(sql: &mut Sql, population: &Population, measure: &UnitMeasure) {
    sql.text("CASE WHEN e.timestamp >= make_timestamp(").value(population.range.from_microseconds);
    sql.text(") AND e.timestamp < make_timestamp(").value(population.range.until_microseconds).text(") AND ");
    matches(sql, &measure.exposure);
    names_variant(sql, population, measure);
    sql.text(" THEN 1 ELSE 0 END");
}

/// And the event names a known variant, where it should name one.
fn names_variant(sql: &mut Sql, population: &Population, measure: &UnitMeasure) {
    if let Some(property) = &measure.variant_property {
        sql.text(" AND coalesce(");
        variant_text(sql, property);
        sql.text(" IN ");
        known_variants(sql, population);
        sql.text(", FALSE)");
    }
}

/// The position of the variant that the event exposes its unit to, at any time, if it is like an exposure; else 0.
fn exposed_to(sql: &mut Sql, population: &Population, measure: &UnitMeasure, is_like_one: &dyn Fn(&mut Sql)) {
    sql.text("CASE WHEN ");
    is_like_one(sql);
    names_variant(sql, population, measure);
    sql.text(" THEN ");
    variant_position(sql, population, measure);
    sql.text(" ELSE 0 END");
}

fn variant_position(sql: &mut Sql, population: &Population, measure: &UnitMeasure) {
    let Some(property) = &measure.variant_property else {
        sql.text("CAST(1 AS UINTEGER)");
        return;
    };
    sql.text("CAST(CASE ");
    variant_text(sql, property);
    for (position, key) in (1_i64..).zip(&population.variants) {
        sql.text(" WHEN ").value(key.as_str()).text(" THEN ").value(position);
    }
    sql.text(" ELSE 0 END AS UINTEGER)");
}

fn role(source: usize) -> i64 {
    1 << (source + 1)
}

/// The column of a source's values, if it has one; without an event, null.
fn column(sql: &mut Sql, index: usize, source: &SourceMeasure, event: Option<()>) {
    let number = format!("number_{index}");
    if matches!(source.value, ValueOf::SessionNumber(_)) {
        // Which session, and its number.
        column(sql, index, &SourceMeasure { value: ValueOf::Session, ..source.clone() }, event);
        sql.text(",\n      CAST(");
        match event {
            Some(()) => sql.text("s.").identifier(&number),
            None => sql.text("NULL"),
        };
        sql.text(" AS DOUBLE) AS ").identifier(&number);
        return;
    }
    let (name, kind) = match source.value {
        ValueOf::Nothing => return,
        ValueOf::Session | ValueOf::Group(_) => (format!("text_{index}"), " AS VARCHAR)"),
        _ => (number, " AS DOUBLE)"),
    };
    sql.text(",\n      CAST(");
    match (&source.value, event) {
        (value @ (ValueOf::Property(_) | ValueOf::Expression(_)), Some(())) => value_of(sql, value),
        (ValueOf::Session, Some(())) => session::id(sql),
        (ValueOf::Group(group_type_index), Some(())) => {
            sql.text(group_key(*group_type_index));
        }
        _ => {
            sql.text("NULL");
        }
    }
    sql.text(kind).text(" AS ").identifier(&name);
}

/// The number that is taken from an event; null where it is none.
fn value_of(sql: &mut Sql, value: &ValueOf) {
    match value {
        ValueOf::Property(key) => property::number_of(sql, "e.properties", key),
        ValueOf::Expression(value) => expression::number(sql, value),
        _ => {
            sql.text("NULL");
        }
    }
}

/// The rows of a table, as events of the units whose exposures carry their key (M-1).
fn of_table(
    sql: &mut Sql,
    population: &Population,
    measure: &UnitMeasure,
    (index, table): (usize, &TableSource),
    only: Option<&str>,
) {
    sql.text("  SELECT k.unit, epoch_us(t.moment) AS timestamp, CAST(t.row AS VARCHAR) AS id, CAST(")
        .value(role(index));
    sql.text(" AS UINTEGER) AS roles, CAST(0 AS UINTEGER) AS variant");
    for (other, source) in measure.sources.iter().enumerate() {
        match &source.value {
            ValueOf::Column(_) if other == index => {
                sql.text(",\n    ");
                property::number(sql, &|sql| {
                    sql.text("t.value");
                });
                sql.text(" AS ").identifier(&format!("number_{index}"));
            }
            _ => column(sql, other, source, None),
        }
    }
    for breakdown in 0..measure.breakdowns.len() {
        sql.text(", CAST(NULL AS VARCHAR) AS ").identifier(&format!("breakdown_{breakdown}"));
    }
    if only.is_some() {
        sql.text(", ").value(table.table.as_str()).text(" AS event");
    }
    sql.text("\n  FROM (SELECT row_number() OVER () AS row, ");
    instant(sql, &table.timestamp_column);
    sql.text(" AS moment, CAST(").identifier(&table.join_column).text(" AS VARCHAR) AS key");
    if let ValueOf::Column(value) = &measure.sources[index].value {
        sql.text(", CAST(").identifier(value).text(" AS VARCHAR) AS value");
    }
    sql.text("\n    FROM ")
        .identifier("tables")
        .text(".")
        .identifier(&table.table)
        .text(") AS t\n  JOIN (SELECT DISTINCT ");
    unit(sql, &population.unit);
    sql.text(" AS unit, ");
    expression::text(sql, &table.exposure_key);
    sql.text(" AS key\n    FROM events AS e WHERE ");
    exposes(sql, population, measure);
    sql.text(" = 1");
    if !population.filter.is_everything() {
        sql.text(" AND ");
        condition(sql, &population.filter);
    }
    if let Some(name) = only {
        sql.text(" AND ");
        is_unit(sql, population, name);
    }
    sql.text(") AS k ON k.key = t.key AND k.unit IS NOT NULL\n  WHERE t.moment >= make_timestamp(");
    sql.value(measure.scanned.from_microseconds).text(") AND t.moment < make_timestamp(");
    sql.value(measure.scanned.until_microseconds).text(")");
}
