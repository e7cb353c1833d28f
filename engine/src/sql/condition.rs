//! Conditions on events as SQL, over `events AS e` (rules Q-P1 to Q-P19).

use crate::model::filter::{Operator, PropertyFilter};
use crate::model::session::SessionProperty;
use crate::plan::{Condition, PropertyCondition};
use crate::sql::Sql;
use crate::sql::unit::group_key;
use crate::sql::{cohort, element, expression, property, session};

/// Writes a condition that is true or false, never null.
pub(super) fn condition(sql: &mut Sql, condition: &Condition) {
    match condition {
        Condition::All(parts) => group(sql, "TRUE", " AND ", parts),
        Condition::Any(parts) => group(sql, "FALSE", " OR ", parts),
        Condition::Not(part) => {
            sql.text("NOT (");
            self::condition(sql, part);
            sql.text(")");
        }
        Condition::Property(filter) => property::comparison(sql, property::OF_EVENT, filter),
        Condition::Date(date) => property::dates(sql, property::OF_EVENT, date),
        Condition::Person(condition) => cohort::person(sql, condition),
        Condition::Group { group_type_index, property } => of_group(sql, *group_type_index, property),
        Condition::Session { session_property, property } => of_session(sql, *session_property, property),
        Condition::Element(filter) => element::some_element(sql, filter),
        Condition::Selector(selector) => element::selected(sql, selector),
        Condition::Expression(expression) => expression::condition(sql, expression),
    }
}

fn group(sql: &mut Sql, empty: &'static str, separator: &'static str, parts: &[Condition]) {
    if parts.is_empty() {
        sql.text(empty);
    } else {
        sql.text("(").separated(separator, parts, condition).text(")");
    }
}

/// A property of somebody else than the event. `owner` writes whom the event names; `having` begins a query for all owners
/// up to its WHERE, whose properties stand in `column`.
///
/// The table is read once and compared by owner. An owner without a row, or an event without an owner, has no value: negative
/// operators hold then, which is why they are negations out here (Q-P3, Q-P5, Q-P7, Q-P10).
pub(super) fn owned(
    sql: &mut Sql,
    owner: &dyn Fn(&mut Sql),
    having: &dyn Fn(&mut Sql),
    column: &'static str,
    property: &PropertyCondition,
) {
    let some_owner = |sql: &mut Sql, asked: &PropertyCondition| {
        sql.text("coalesce(");
        owner(sql);
        sql.text(" IN (");
        having(sql);
        property::property(sql, column, asked);
        sql.text("), FALSE)");
    };
    match property {
        PropertyCondition::Compared(filter) if property::asks_nothing(filter) => {
            sql.text("TRUE");
        }
        PropertyCondition::Date(date) if date.ranges.is_empty() => {
            sql.text("TRUE");
        }
        PropertyCondition::Compared(filter) if filter.operator.is_negative() => {
            sql.text("(");
            if filter.operator == Operator::NotRegex {
                property::patterns_are_valid(sql, property::OF_EVENT, &filter.values);
            }
            sql.text("NOT ");
            let positive: PropertyFilter = property::positive(filter);
            some_owner(sql, &PropertyCondition::Compared(positive));
            sql.text(")");
        }
        asked => some_owner(sql, asked),
    }
}

fn of_group(sql: &mut Sql, group_type_index: u8, property: &PropertyCondition) {
    let having = |sql: &mut Sql| {
        sql.text("SELECT g.group_key FROM groups AS g WHERE g.group_type_index = ").value(i64::from(group_type_index));
        sql.text(" AND ");
    };
    let owner = |sql: &mut Sql| {
        sql.text(group_key(group_type_index));
    };
    owned(sql, &owner, &having, "g.properties", property);
}

fn of_session(sql: &mut Sql, asked: SessionProperty, property: &PropertyCondition) {
    let having = |sql: &mut Sql| {
        sql.text("SELECT s.session FROM (SELECT ");
        session::id(sql);
        // The name of the key is that of the property, so that whatever can be asked of a property can be asked of it.
        sql.text(" AS session, CAST({").identifier(asked.name()).text(": ");
        session::property(sql, asked);
        sql.text("} AS VARIANT) AS properties FROM events AS e GROUP BY 1) AS s WHERE s.session IS NOT NULL AND ");
    };
    owned(sql, &session::id, &having, "s.properties", property);
}
