//! The queries over exposures: how many there are, and whose they are (Q-X1, Q-X4, B-27).

use crate::model::math::EventNumber;
use crate::plan::{Counting, Exposure, ExposurePlan, Population, Unit};
use crate::sql::population::{event_number, events_with, in_range, known_variants, matches, variant_text};
use crate::sql::session;
use crate::sql::unit::unit;
use crate::sql::{Purpose, Query, Sql};

/// Exposures per variant: distinct units (Q-X1, Q-X2, Q-X8), events, or the numbers to add up (Q-X4).
pub(super) fn counts(population: &Population, exposure: &Exposure) -> Query {
    let mut sql = Sql::new();
    sql.text("SELECT ");
    variant_text(&mut sql, &exposure.variant_property);
    let purpose = match &exposure.counting {
        Counting::Units(counted) => {
            sql.text(" AS variant, count(DISTINCT ");
            unit(&mut sql, counted);
            sql.text(") AS exposures\n");
            Purpose::Exposures
        }
        Counting::Events => {
            sql.text(" AS variant, count(*) AS exposures\n");
            Purpose::ExposureEvents
        }
        Counting::Sum(number @ EventNumber::Session(_)) => {
            return Query { purpose: Purpose::ExposureValues, sql: of_sessions(population, exposure, number) };
        }
        Counting::Sum(number) => {
            sql.text(" AS variant, ");
            event_number(&mut sql, number);
            sql.text(" AS value, count(*) AS times\n");
            Purpose::ExposureValues
        }
    };
    from(&mut sql, population, exposure);
    let is_summed = purpose == Purpose::ExposureValues;
    sql.text(if is_summed { "\nGROUP BY 1, 2\nORDER BY 1, 2" } else { "\nGROUP BY 1\nORDER BY 1" });
    Query { purpose, sql }
}

/// How often each number of the sessions occurs per variant, each session once.
fn of_sessions(population: &Population, exposure: &Exposure, number: &EventNumber) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT variant, value, count(*) AS times FROM (\n  SELECT DISTINCT ");
    variant_text(&mut sql, &exposure.variant_property);
    sql.text(" AS variant, ");
    session::id(&mut sql);
    sql.text(" AS session, ");
    event_number(&mut sql, number);
    sql.text(" AS value\n");
    events_with(&mut sql, number);
    conditions(&mut sql, population, exposure);
    sql.text("\n)\nGROUP BY 1, 2\nORDER BY 1, 2");
    sql
}

/// One row per exposed person and variant, in a total order: by first exposure, person and variant.
///
/// `distinct_id` is the one of the first exposure; of several at that instant, the smallest. Where the lab counts distinct
/// ids, each has a row of its own.
pub(super) fn persons(plan: &ExposurePlan) -> Sql {
    let is_by_distinct_id = plan.population.unit == Unit::DistinctId;
    let mut sql = Sql::new();
    sql.text("SELECT epoch_us(min(e.timestamp)) AS first_exposure, e.person_id, ");
    variant_text(&mut sql, &plan.exposure.variant_property);
    sql.text(" AS variant,\n  ");
    sql.text(if is_by_distinct_id { "e.distinct_id" } else { "arg_min(e.distinct_id, (e.timestamp, e.distinct_id))" });
    sql.text(" AS distinct_id, count(*) AS exposures\n");
    from(&mut sql, &plan.population, &plan.exposure);
    // The person is the same for every event of a distinct id.
    sql.text(if is_by_distinct_id {
        "\nGROUP BY 2, 3, 4\nORDER BY 1, 2, 3, 4"
    } else {
        "\nGROUP BY 2, 3\nORDER BY 1, 2, 3"
    });
    sql
}

fn from(sql: &mut Sql, population: &Population, exposure: &Exposure) {
    sql.text("FROM events AS e\nWHERE ");
    conditions(sql, population, exposure);
}

fn conditions(sql: &mut Sql, population: &Population, exposure: &Exposure) {
    in_range(sql, population.range, &exposure.filter);
    sql.text("\n  AND ");
    matches(sql, &exposure.matching);
    sql.text("\n  AND ");
    variant_text(sql, &exposure.variant_property);
    sql.text(" IN ");
    known_variants(sql, population);
}
