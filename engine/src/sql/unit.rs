//! What is counted, as a column.

use crate::plan::Unit;
use crate::sql::Sql;
use crate::sql::{expression, session};

/// Writes the unit of an event: a number for persons, a text for everything else; null when the event belongs to none.
pub(super) fn unit(sql: &mut Sql, unit: &Unit) {
    match unit {
        Unit::Person => {
            sql.text("e.person_id");
        }
        Unit::DistinctId => {
            sql.text("e.distinct_id");
        }
        Unit::Group { group_type_index } => {
            sql.text("nullif(").text(group_key(*group_type_index)).text(", '')");
        }
        Unit::Session => session::id(sql),
        Unit::Expression(value) => {
            sql.text("coalesce(");
            expression::text(sql, value);
            sql.text(", '')");
        }
    }
}

/// The column with the key of the event's group of a type, under a number that only five columns have.
pub(super) fn group_key(group_type_index: u8) -> &'static str {
    match group_type_index {
        0 => "e.group_0",
        1 => "e.group_1",
        2 => "e.group_2",
        3 => "e.group_3",
        4 => "e.group_4",
        _ => "CAST(NULL AS VARCHAR)",
    }
}
