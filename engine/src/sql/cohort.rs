//! Who belongs to a cohort: conditions on the person of `events AS e`, and the query for all members (L-54, Q-P17, Q-P18).

use crate::plan::{CohortCondition, Performed, Times};
use crate::sql::Sql;
use crate::sql::condition::owned;
use crate::sql::population::matches;

/// The members, by person: `person_id`, and as `distinct_id` the smallest of the person's ids that have events.
pub(super) fn members(condition: &CohortCondition) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT e.person_id, min(e.distinct_id) AS distinct_id\nFROM events AS e\nWHERE ");
    person(&mut sql, condition);
    sql.text("\nGROUP BY 1\nORDER BY 1");
    sql
}

/// Writes a condition on the event's person that is true or false, never null. Whom it names is found once, not per event.
pub(super) fn person(sql: &mut Sql, condition: &CohortCondition) {
    match condition {
        CohortCondition::All(parts) => group(sql, "TRUE", " AND ", parts),
        CohortCondition::Any(parts) => group(sql, "FALSE", " OR ", parts),
        CohortCondition::Not(part) => {
            sql.text("NOT (");
            person(sql, part);
            sql.text(")");
        }
        CohortCondition::Performed(performed) => performers(sql, performed),
        CohortCondition::Property(property) => {
            let having = |sql: &mut Sql| {
                sql.text("SELECT p.person_id FROM persons AS p WHERE ");
            };
            let owner = |sql: &mut Sql| {
                sql.text("e.person_id");
            };
            owned(sql, &owner, &having, "p.properties", property);
        }
        CohortCondition::Listed(names) => listed(sql, names),
    }
}

fn group(sql: &mut Sql, empty: &'static str, separator: &'static str, parts: &[CohortCondition]) {
    if parts.is_empty() {
        sql.text(empty);
    } else {
        sql.text("(").separated(separator, parts, person).text(")");
    }
}

/// The names come in as one JSON list, so that their number does not matter.
fn listed(sql: &mut Sql, names: &[String]) {
    let names = serde_json::Value::from(names).to_string();
    sql.text("coalesce(e.person_id IN (");
    for (relation, end) in [
        ("SELECT known.person_id FROM distinct_id AS known WHERE known.distinct_id", " UNION "),
        ("SELECT known.person_id FROM person AS known WHERE known.external_id", "), FALSE)"),
    ] {
        sql.text(relation).text(" IN (SELECT unnest(CAST(CAST(").value(names.as_str());
        sql.text(" AS JSON) AS VARCHAR[])))").text(end);
    }
}

/// Both bounds are outside (L-54). Who never did it is not among the events, so a number of times that allows for that is
/// the negation of its opposite.
fn performers(sql: &mut Sql, performed: &Performed) {
    let allows_never = performed.times.allows_never();
    sql.text(if allows_never { "NOT coalesce(" } else { "coalesce(" });
    sql.text("e.person_id IN (SELECT e.person_id FROM events AS e\n  WHERE e.timestamp > make_timestamp(")
        .value(performed.after_microseconds);
    sql.text(") AND e.timestamp < make_timestamp(").value(performed.before_microseconds).text(")\n  AND ");
    matches(sql, &performed.matching);
    if performed.times != Times::AtLeast(1) {
        sql.text("\n  GROUP BY 1 HAVING ").text(if allows_never { "NOT (" } else { "(" });
        let (operator, times) = match performed.times {
            Times::AtLeast(times) => (" >= ", times),
            Times::MoreThan(times) => (" > ", times),
            Times::AtMost(times) => (" <= ", times),
            Times::LessThan(times) => (" < ", times),
            Times::Exactly(times) => (" = ", times),
        };
        sql.text("count(*)").text(operator).value(times).text(")");
    }
    sql.text("), FALSE)");
}
