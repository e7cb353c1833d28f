//! What is counted: persons, or something else that events belong to.

use serde::Serialize;

use crate::model::expression::Expression;

/// The unit that events are put together by.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The person an id belongs to when the query runs (Q-X8).
    Person,
    /// The id an event carries, whoever's it is.
    DistinctId,
    /// The group of a type; events without its key are dropped (Q-F11, M-12).
    Group {
        /// The position of the group type, 0 to 4.
        group_type_index: u8,
    },
    /// The value of an expression; an event without a value belongs to the unit with the empty text (Q-F12).
    Expression(Expression),
}
