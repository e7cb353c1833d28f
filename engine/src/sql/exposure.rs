//! The queries over exposures: how many there are, and whose they are (Q-X1, Q-X4, B-27).

use crate::plan::{Exposure, ExposurePlan, ExposureUnit, Population};
use crate::sql::Sql;
use crate::sql::population::{in_range, known_variants, matches, variant_text};
use crate::sql::unit::unit;

/// Exposures per variant: distinct persons (Q-X1, Q-X2, Q-X8) or events (Q-X4).
pub(super) fn counts(population: &Population, exposure: &Exposure) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT ");
    variant_text(&mut sql, &exposure.variant_property);
    match exposure.unit {
        ExposureUnit::Persons => {
            sql.text(" AS variant, count(DISTINCT ");
            unit(&mut sql, &population.unit);
            sql.text(") AS exposures\n")
        }
        ExposureUnit::Events => sql.text(" AS variant, count(*) AS exposures\n"),
    };
    from(&mut sql, population, exposure);
    sql.text("\nGROUP BY 1\nORDER BY 1");
    sql
}

/// One row per exposed person and variant, in a total order: by first exposure, person and variant.
///
/// `distinct_id` is the one of the first exposure; of several at that instant, the smallest.
pub(super) fn persons(plan: &ExposurePlan) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT epoch_us(min(e.timestamp)) AS first_exposure, e.person_id, ");
    variant_text(&mut sql, &plan.exposure.variant_property);
    sql.text(
        " AS variant,\n  arg_min(e.distinct_id, (e.timestamp, e.distinct_id)) AS distinct_id, count(*) AS exposures\n",
    );
    from(&mut sql, &plan.population, &plan.exposure);
    sql.text("\nGROUP BY 2, 3\nORDER BY 1, 2, 3");
    sql
}

fn from(sql: &mut Sql, population: &Population, exposure: &Exposure) {
    sql.text("FROM events AS e\nWHERE ");
    in_range(sql, population.range, &exposure.filter);
    sql.text("\n  AND ");
    matches(sql, &exposure.matching);
    sql.text("\n  AND ");
    variant_text(sql, &exposure.variant_property);
    sql.text(" IN ");
    known_variants(sql, population);
}
