//! The queries of trends (Q-T1 to Q-T8).
//!
//! Each groups by variant and slot; the variant is the event's own (Q-V1, Q-V3), and null stands for none of the known.

mod rows;

use crate::model::math::EventNumber;
use crate::plan::{Buckets, Counted, Counting, IntervalStatistic, Population, TrendMeasure, TrendValue, Unit};
use crate::sql::population::{event_number, events_with, in_population, known_variant, matches, variant_text};
use crate::sql::session;
use crate::sql::unit::unit;
use crate::sql::{Purpose, Query, Sql};

/// The query of what a trend computes.
pub(super) fn values(population: &Population, measure: &TrendMeasure) -> Query {
    let (purpose, sql) = match &measure.value {
        TrendValue::Cumulative(Counting::Events) => (Purpose::Counts, events(population, measure)),
        TrendValue::Cumulative(Counting::Units(counted)) => (Purpose::Units, units(population, measure, counted)),
        TrendValue::Cumulative(Counting::Sum(number @ EventNumber::Session(_))) => {
            (Purpose::Values, numbers_of_sessions(population, measure, number, false))
        }
        TrendValue::PerInterval(IntervalStatistic::Numbers { number: number @ EventNumber::Session(_), .. }) => {
            (Purpose::Values, numbers_of_sessions(population, measure, number, true))
        }
        TrendValue::Cumulative(Counting::Sum(number))
        | TrendValue::PerInterval(IntervalStatistic::Numbers { number, .. }) => {
            (Purpose::Values, numbers(population, measure, number))
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
    variant(&mut sql, population, measure);
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
    variant(&mut sql, population, measure);
    sql.text(" AS variant,\n  ");
    counted_unit(&mut sql, measure, counted);
    sql.text(" AS unit, min(");
    slot(&mut sql, &measure.buckets);
    sql.text(") AS slot, count(*) AS events\n");
    from(&mut sql, population, measure);
    sql.text("\nGROUP BY 1, 2\n)\nWHERE unit IS NOT NULL\nGROUP BY 1, 2\nORDER BY 1, 2");
    sql
}

/// How often each number of the events occurs per variant and slot, null for what is no number.
///
/// Adding up doubles in the database would depend on the order in which its threads come to them; this does not.
fn numbers(population: &Population, measure: &TrendMeasure, number: &EventNumber) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT ");
    variant(&mut sql, population, measure);
    sql.text(" AS variant,\n  ");
    slot(&mut sql, &measure.buckets);
    sql.text(" AS slot, ");
    event_number(&mut sql, number);
    sql.text(" AS value, count(*) AS times, count(*) AS events\n");
    from(&mut sql, population, measure);
    sql.text("\nGROUP BY 1, 2, 3\nORDER BY 1, 2, 3");
    sql
}

/// As [`numbers`], each session once per variant: where its first event is, or in every bucket.
fn numbers_of_sessions(
    population: &Population,
    measure: &TrendMeasure,
    number: &EventNumber,
    in_every_bucket: bool,
) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT variant, slot, value, count(*) AS times, CAST(sum(events) AS BIGINT) AS events FROM (\n");
    let slot_of_session = match (in_every_bucket, measure.buckets.slots().is_empty()) {
        (false, _) => "min(slot)",
        (true, true) => "slot",
        (true, false) => "first_slot",
    };
    sql.text("  SELECT variant, session, any_value(value) AS value, count(*) AS events, ").text(slot_of_session);
    sql.text(" AS slot FROM (\n  SELECT ");
    variant(&mut sql, population, measure);
    sql.text(" AS variant,\n  ");
    slot(&mut sql, &measure.buckets);
    sql.text(" AS slot, ");
    session::id(&mut sql);
    sql.text(" AS session, ");
    event_number(&mut sql, number);
    sql.text(" AS value\n");
    events_with(&mut sql, number);
    conditions(&mut sql, population, measure);
    sql.text("\n)");
    if in_every_bucket {
        buckets(&mut sql, &measure.buckets);
    }
    sql.text("\nGROUP BY variant, session");
    if in_every_bucket {
        sql.text(", ").text(slot_of_session);
    }
    sql.text("\n)\nGROUP BY 1, 2, 3\nORDER BY 1, 2, 3");
    sql
}

/// How many units have each number of events in a bucket, per variant and first slot of the bucket.
fn events_per_unit(population: &Population, measure: &TrendMeasure) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT variant, slot, CAST(in_bucket AS DOUBLE) AS value, count(*) AS times,\n");
    sql.text("  CAST(sum(in_bucket) AS BIGINT) AS events FROM (\n");
    let is_slot = measure.buckets.slots().is_empty();
    sql.text(if is_slot { "  SELECT variant, slot" } else { "  SELECT variant, first_slot AS slot" });
    sql.text(", unit, count(*) AS in_bucket FROM (\n  SELECT ");
    variant(&mut sql, population, measure);
    sql.text(" AS variant,\n  ");
    slot(&mut sql, &measure.buckets);
    sql.text(" AS slot, ");
    counted_unit(&mut sql, measure, &population.unit);
    sql.text(" AS unit\n");
    from(&mut sql, population, measure);
    sql.text("\n)");
    buckets(&mut sql, &measure.buckets);
    sql.text("\nWHERE unit IS NOT NULL\nGROUP BY 1, 2, 3\n)\nGROUP BY 1, 2, 3\nORDER BY 1, 2, 3");
    sql
}

/// Joins the first slot of the bucket to each slot, where buckets are longer than slots.
fn buckets(sql: &mut Sql, buckets: &Buckets) {
    if buckets.slots().is_empty() {
        return;
    }
    sql.text(" JOIN (\n  SELECT first_slot, unnest(range(first_slot, end_slot)) AS slot FROM (VALUES ");
    sql.separated(", ", buckets.slots(), |sql, (first, end)| {
        sql.text("(CAST(").value(first).text(" AS BIGINT), CAST(").value(end).text(" AS BIGINT))");
    });
    sql.text(") AS buckets(first_slot, end_slot)\n) USING (slot)");
}

fn slot(sql: &mut Sql, buckets: &Buckets) {
    sql.text("(epoch_us(e.timestamp) - ").value(buckets.begin_microseconds[0]);
    sql.text(") // ").value(buckets.slot_microseconds);
}

/// The known variant of what is counted; null for none.
fn variant(sql: &mut Sql, population: &Population, measure: &TrendMeasure) {
    match &measure.counted {
        Counted::Events(_) => known_variant(sql, population, &|sql| variant_text(sql, &population.variant_property())),
        Counted::Rows { .. } => known_variant(sql, population, &|sql| {
            sql.text("e.variant");
        }),
    }
}

fn counted_unit(sql: &mut Sql, measure: &TrendMeasure, counted: &Unit) {
    match &measure.counted {
        Counted::Events(_) => unit(sql, counted),
        Counted::Rows { .. } => {
            sql.text("e.unit");
        }
    }
}

fn from(sql: &mut Sql, population: &Population, measure: &TrendMeasure) {
    match &measure.counted {
        Counted::Events(_) => {
            sql.text("FROM events AS e\nWHERE ");
            conditions(sql, population, measure);
        }
        Counted::Rows { rows, exposure, variant_property } => {
            rows::from(sql, population, measure, (rows, exposure, variant_property));
        }
    }
}

fn conditions(sql: &mut Sql, population: &Population, measure: &TrendMeasure) {
    in_population(sql, population);
    if let Counted::Events(matching) = &measure.counted {
        sql.text("\n  AND ");
        matches(sql, matching);
    }
}
