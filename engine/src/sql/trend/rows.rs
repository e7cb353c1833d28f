//! Rows of a table in place of events (Q-N6).

use crate::model::math::EventNumber;
use crate::model::metric::TableRows;
use crate::plan::{Counting, EventMatch, Population, TrendMeasure, TrendValue, Unit};
use crate::sql::Sql;
use crate::sql::instant::instant;
use crate::sql::population::{in_range, matches, variant_text};
use crate::sql::unit::unit;

/// Rows of a table as `e(timestamp, variant, unit, value)`: each with the variant of the last exposure of its person before
/// it, in the experiment's time. A row of somebody who was not exposed before has no variant.
pub(super) fn from(
    sql: &mut Sql,
    population: &Population,
    measure: &TrendMeasure,
    (rows, exposure, variant_property): (&TableRows, &EventMatch, &str),
) {
    sql.text("FROM (\n  SELECT t.moment AS timestamp, x.variant, x.unit, t.value FROM (\n    SELECT ");
    person(sql, population, rows);
    sql.text(" AS person, ");
    instant(sql, &rows.timestamp_column);
    sql.text(" AS moment, ");
    match &measure.value {
        TrendValue::Cumulative(Counting::Sum(EventNumber::Column(column))) => {
            sql.text("CAST(r.").identifier(column).text(" AS VARCHAR)");
        }
        _ => {
            sql.text("NULL");
        }
    }
    sql.text(" AS value\n    FROM ").identifier("tables").text(".").identifier(&rows.table).text(" AS r\n  ) AS t");
    sql.text(" ASOF LEFT JOIN (\n    SELECT ").text(owner(population)).text(" AS person, e.timestamp,\n      arg_max(");
    variant_text(sql, variant_property);
    // Of several exposures at one instant, the one with the largest id counts, in whatever order they came.
    sql.text(", e.uuid) AS variant, arg_max(");
    unit(sql, &population.unit);
    sql.text(", e.uuid) AS unit\n    FROM events AS e WHERE ");
    in_range(sql, population.range, &population.filter);
    sql.text(" AND ");
    matches(sql, exposure);
    sql.text("\n    GROUP BY 1, 2\n  ) AS x ON x.person = t.person AND t.moment >= x.timestamp\n  WHERE t.moment >= make_timestamp(");
    sql.value(population.range.from_microseconds).text(") AND t.moment < make_timestamp(");
    sql.value(population.range.until_microseconds).text(")\n) AS e");
}

/// What a row and an exposure have in common: the person, or the distinct id where the lab counts these.
fn owner(population: &Population) -> &'static str {
    if population.unit == Unit::DistinctId { "e.distinct_id" } else { "e.person_id" }
}

fn person(sql: &mut Sql, population: &Population, rows: &TableRows) {
    let key = |sql: &mut Sql| {
        sql.text("CAST(r.").identifier(&rows.distinct_id_column).text(" AS VARCHAR)");
    };
    if population.unit == Unit::DistinctId {
        return key(sql);
    }
    sql.text("(SELECT d.person_id FROM distinct_id AS d WHERE d.distinct_id = ");
    key(sql);
    sql.text(")");
}
