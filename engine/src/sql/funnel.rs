//! The query of a funnel: its events, unit by unit, for the kernel.

use crate::model::metric::FunnelOrder;
use crate::plan::{EventMatch, FunnelMeasure, Population};
use crate::sql::Sql;
use crate::sql::population::{in_population, matches, variant_text};
use crate::sql::unit::unit;

/// The events that match any step or exclusion, of a strict funnel all events, by unit, time and id.
///
/// `steps` has bit k set when the event matches step k; the exclusions' bits follow those of the steps. `variant` is 0 when
/// the event carries no flag value, the position of the known variant counted from 1, and one more than the number of
/// variants for a foreign value, which still decides whom the person belongs to (Q-F5, Q-F6).
pub(super) fn events(population: &Population, measure: &FunnelMeasure) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT unit, timestamp, steps, variant FROM (\n  SELECT ");
    unit(&mut sql, &population.unit);
    sql.text(" AS unit, epoch_us(e.timestamp) AS timestamp, e.uuid, ");
    step_bits(&mut sql, measure);
    sql.text(" AS steps,\n    ");
    variant_position(&mut sql, population);
    sql.text(" AS variant\n  FROM events AS e\n  WHERE ");
    in_population(&mut sql, population);
    // Q-O2: any event may come between.
    if measure.order != FunnelOrder::Strict {
        sql.text("\n  AND (").separated(" OR ", looked_for(measure), |sql, matching| {
            sql.text("(");
            matches(sql, matching);
            sql.text(")");
        });
        sql.text(")");
    }
    sql.text("\n)\nWHERE unit IS NOT NULL\nORDER BY unit, timestamp, uuid");
    sql
}

/// What has a bit each: the steps, then the exclusions.
fn looked_for(measure: &FunnelMeasure) -> impl Iterator<Item = &EventMatch> {
    measure.steps.iter().chain(measure.exclusions.iter().map(|exclusion| &exclusion.matching))
}

fn step_bits(sql: &mut Sql, measure: &FunnelMeasure) {
    sql.text("CAST(").separated(" + ", looked_for(measure).enumerate(), |sql, (index, matching)| {
        sql.text("(CASE WHEN ");
        matches(sql, matching);
        sql.text(" THEN ").value(1_i64 << index).text(" ELSE 0 END)");
    });
    sql.text(" AS UINTEGER)");
}

fn variant_position(sql: &mut Sql, population: &Population) {
    let property = population.variant_property();
    sql.text("CAST(CASE coalesce(");
    variant_text(sql, &property);
    sql.text(", '') WHEN '' THEN 0");
    for (position, key) in (1_i64..).zip(&population.variants) {
        sql.text(" WHEN ").value(key.as_str()).text(" THEN ").value(position);
    }
    let foreign = i64::try_from(population.variants.len()).unwrap_or(i64::MAX).saturating_add(1);
    sql.text(" ELSE ").value(foreign).text(" END AS UINTEGER)");
}
