//! The queries of trends (Q-T1 to Q-T8).
//!
//! Each groups by variant and slot; the variant is the event's own (Q-V1, Q-V3), and null stands for none of the known.

use crate::plan::{Buckets, Counting, IntervalStatistic, Population, TrendMeasure, TrendValue, Unit};
use crate::sql::population::{in_population, known_variant, matches, property_number};
use crate::sql::unit::unit;
use crate::sql::{Purpose, Query, Sql};

/// The query of what a trend computes.
pub(super) fn values(population: &Population, measure: &TrendMeasure) -> Query {
    let (purpose, sql) = match &measure.value {
        TrendValue::Cumulative(Counting::Events) => (Purpose::Counts, events(population, measure)),
        TrendValue::Cumulative(Counting::Units(counted)) => (Purpose::Units, units(population, measure, counted)),
        TrendValue::Cumulative(Counting::Sum { property })
        | TrendValue::PerInterval(IntervalStatistic::Property { property, .. }) => {
            (Purpose::Values, numbers(population, measure, property))
        }
        TrendValue::PerInterval(IntervalStatistic::EventsPerUnit(_)) => {
            (Purpose::EventsPerUnit, events_per_unit(population, measure))
        }
    };
    Query { purpose, sql }
}

/// Events per variant and slot.
fn events(population: &Population, measure: &TrendMeasure) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT ");
    known_variant(&mut sql, population, &population.variant_property());
    sql.text(" AS variant,\n  ");
    slot(&mut sql, &measure.buckets);
    sql.text(" AS slot, count(*) AS events\n");
    from(&mut sql, population, measure);
    sql.text("\nGROUP BY 1, 2\nORDER BY 1, 2");
    sql
}

/// Units per variant and slot of their first event.
fn units(population: &Population, measure: &TrendMeasure, counted: &Unit) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT variant, slot, count(*) AS units, CAST(sum(events) AS BIGINT) AS events FROM (\n  SELECT ");
    known_variant(&mut sql, population, &population.variant_property());
    sql.text(" AS variant,\n  ");
    unit(&mut sql, counted);
    sql.text(" AS unit, min(");
    slot(&mut sql, &measure.buckets);
    sql.text(") AS slot, count(*) AS events\n");
    from(&mut sql, population, measure);
    sql.text("\nGROUP BY 1, 2\n)\nWHERE unit IS NOT NULL\nGROUP BY 1, 2\nORDER BY 1, 2");
    sql
}

/// How often each number of a property occurs per variant and slot, null for what is no number.
///
/// Adding up doubles in the database would depend on the order in which its threads come to them; this does not.
fn numbers(population: &Population, measure: &TrendMeasure, property: &str) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT ");
    known_variant(&mut sql, population, &population.variant_property());
    sql.text(" AS variant,\n  ");
    slot(&mut sql, &measure.buckets);
    sql.text(" AS slot, ");
    property_number(&mut sql, property);
    sql.text(" AS value, count(*) AS times\n");
    from(&mut sql, population, measure);
    sql.text("\nGROUP BY 1, 2, 3\nORDER BY 1, 2, 3");
    sql
}

/// How many units have each number of events in a bucket, per variant and first slot of the bucket.
fn events_per_unit(population: &Population, measure: &TrendMeasure) -> Sql {
    let slots = measure.buckets.slots();
    let mut sql = Sql::new();
    sql.text("SELECT variant, slot, CAST(events AS DOUBLE) AS value, count(*) AS times FROM (\n");
    sql.text(if slots.is_empty() { "  SELECT variant, slot" } else { "  SELECT variant, first_slot AS slot" });
    sql.text(", unit, count(*) AS events FROM (\n  SELECT ");
    known_variant(&mut sql, population, &population.variant_property());
    sql.text(" AS variant,\n  ");
    slot(&mut sql, &measure.buckets);
    sql.text(" AS slot, ");
    unit(&mut sql, &population.unit);
    sql.text(" AS unit\n");
    from(&mut sql, population, measure);
    sql.text("\n)");
    if !slots.is_empty() {
        sql.text(" JOIN (\n  SELECT first_slot, unnest(range(first_slot, end_slot)) AS slot FROM (VALUES ");
        sql.separated(", ", slots, |sql, (first, end)| {
            sql.text("(CAST(").value(first).text(" AS BIGINT), CAST(").value(end).text(" AS BIGINT))");
        });
        sql.text(") AS buckets(first_slot, end_slot)\n) USING (slot)");
    }
    sql.text("\nWHERE unit IS NOT NULL\nGROUP BY 1, 2, 3\n)\nGROUP BY 1, 2, 3\nORDER BY 1, 2, 3");
    sql
}

fn slot(sql: &mut Sql, buckets: &Buckets) {
    sql.text("(epoch_us(e.timestamp) - ").value(buckets.begin_microseconds[0]);
    sql.text(") // ").value(buckets.slot_microseconds);
}

fn from(sql: &mut Sql, population: &Population, measure: &TrendMeasure) {
    sql.text("FROM events AS e\nWHERE ");
    in_population(sql, population);
    sql.text("\n  AND ");
    matches(sql, &measure.counted);
}
