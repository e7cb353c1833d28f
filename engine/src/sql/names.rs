//! What persons are called.

use crate::sql::Sql;

/// One row per person: `person_id` and, as `distinct_id`, the smallest of its ids.
pub(super) fn of_persons() -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT person_id, min(distinct_id) AS distinct_id\nFROM distinct_id\nGROUP BY 1\nORDER BY 1");
    sql
}
