//! The query of a trend (Q-T1, Q-T3).

use crate::plan::{Population, TrendMeasure};
use crate::sql::Sql;
use crate::sql::population::{in_population, known_variants, matches, variant_text};

/// Counted events per variant and slot. The variant is the event's own (Q-V1, Q-V3); null stands for none of the known.
pub(super) fn counts(population: &Population, measure: &TrendMeasure) -> Sql {
    let property = population.variant_property();
    let mut sql = Sql::new();
    sql.text("SELECT CASE WHEN ");
    variant_text(&mut sql, &property);
    sql.text(" IN ");
    known_variants(&mut sql, population);
    sql.text(" THEN ");
    variant_text(&mut sql, &property);
    sql.text(" END AS variant,\n  (epoch_us(e.timestamp) - ").value(measure.buckets.begin_microseconds[0]);
    sql.text(") // ").value(measure.buckets.slot_microseconds).text(" AS slot, count(*) AS events\n");
    sql.text("FROM events AS e\nWHERE ");
    in_population(&mut sql, population);
    sql.text("\n  AND ");
    matches(&mut sql, &measure.counted);
    sql.text("\nGROUP BY 1, 2\nORDER BY 1, 2");
    sql
}
