//! The query for the members of a cohort (L-54).

use crate::plan::{CohortCondition, Performed};
use crate::sql::Sql;
use crate::sql::population::matches;

/// The members, by person: `person_id`, and as `distinct_id` the smallest of the person's ids that have events.
pub(super) fn members(condition: &CohortCondition) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT person_id, min(distinct_id) AS distinct_id\nFROM events\nWHERE person_id IN (");
    persons(&mut sql, condition);
    sql.text(")\nGROUP BY 1\nORDER BY 1");
    sql
}

fn persons(sql: &mut Sql, condition: &CohortCondition) {
    match condition {
        CohortCondition::All(parts) => combined(sql, " INTERSECT ", parts),
        CohortCondition::Any(parts) => combined(sql, " UNION ", parts),
        CohortCondition::Performed(performed) => performers(sql, performed),
        CohortCondition::NotPerformed(performed) => {
            sql.text("SELECT person_id FROM events EXCEPT (");
            performers(sql, performed);
            sql.text(")");
        }
        CohortCondition::Listed(names) => listed(sql, names),
    }
}

/// The names come in as one JSON list, so that their number does not matter.
fn listed(sql: &mut Sql, names: &[String]) {
    let names = serde_json::Value::from(names).to_string();
    for (relation, separator) in [
        ("SELECT person_id FROM distinct_id WHERE distinct_id", " UNION "),
        ("SELECT person_id FROM person WHERE external_id", ""),
    ] {
        sql.text(relation).text(" IN (SELECT unnest(CAST(CAST(").value(names.as_str());
        sql.text(" AS JSON) AS VARCHAR[])))").text(separator);
    }
}

fn combined(sql: &mut Sql, separator: &'static str, parts: &[CohortCondition]) {
    sql.separated(separator, parts, |sql, part| {
        sql.text("(");
        persons(sql, part);
        sql.text(")");
    });
}

/// Both bounds are outside (L-54).
fn performers(sql: &mut Sql, performed: &Performed) {
    sql.text("SELECT e.person_id FROM events AS e\n  WHERE e.timestamp > make_timestamp(")
        .value(performed.after_microseconds);
    sql.text(") AND e.timestamp < make_timestamp(").value(performed.before_microseconds).text(")\n  AND ");
    matches(sql, &performed.matching);
}
