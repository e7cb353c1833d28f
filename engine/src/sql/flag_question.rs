//! The query whether events carry a flag (Q-W1 to Q-W3).

use crate::plan::FlagQuestion;
use crate::sql::Sql;
use crate::sql::population::variant_text;

/// One row if some event does, else none.
pub(super) fn some_event_with_flag(question: &FlagQuestion) -> Sql {
    let mut sql = Sql::new();
    sql.text("SELECT 1\nFROM events AS e\nWHERE e.timestamp >= make_timestamp(").value(question.from_microseconds);
    sql.text(") AND e.timestamp <= make_timestamp(").value(question.to_microseconds).text(")\n  AND ");
    names(&mut sql, question);
    sql.text("\n  AND ");
    match &question.flag_key {
        Some(key) => {
            variant_text(&mut sql, &format!("$feature/{key}"));
            sql.text(" IS NOT NULL");
        }
        // The keys of the object, not its text: a value may contain the same characters (B-28).
        None => {
            sql.text("len(list_filter(json_keys(e.properties::JSON), lambda key: starts_with(key, '$feature/'))) > 0");
        }
    }
    sql.text("\nLIMIT 1");
    sql
}

fn names(sql: &mut Sql, question: &FlagQuestion) {
    match &question.events {
        None => {
            sql.text("TRUE");
        }
        Some(names) if names.is_empty() => {
            sql.text("FALSE");
        }
        Some(names) => {
            sql.text("e.event IN (").separated(", ", names, |sql, name| {
                sql.value(name.as_str());
            });
            sql.text(")");
        }
    }
}
