//! Expressions as SQL, over `events AS e`. Literals are bound, never pasted.

use crate::model::expression::{
    ArithmeticOperator, ComparisonOperator, EventField, Expression, Function, Kind, PropertyOwner,
};
use crate::sql::unit::group_key;
use crate::sql::{Sql, property};

/// Writes whether an expression holds: true or false; null does not hold (Q-P15).
pub(super) fn condition(sql: &mut Sql, expression: &Expression) {
    sql.text("coalesce(");
    truth(sql, expression);
    sql.text(", FALSE)");
}

/// Writes an expression as a finite number in double precision, or null. Truth values are 1 and 0, points in time seconds
/// since 1970 UTC; a text is a number if it reads as one (Q-P8).
pub(super) fn number(sql: &mut Sql, expression: &Expression) {
    match expression {
        Expression::Number(number) => {
            sql.text("CAST(").value(*number).text(" AS DOUBLE)");
        }
        Expression::Field(EventField::PersonId) => {
            sql.text("CAST(e.person_id AS DOUBLE)");
        }
        Expression::Negative(_) | Expression::Arithmetic { .. } => finite(sql, expression),
        Expression::Call { function, kind: Kind::Number, arguments } => number_call(sql, *function, arguments),
        other => match other.kind() {
            Kind::Boolean => {
                sql.text("CAST(CAST(");
                truth(sql, other);
                sql.text(" AS INTEGER) AS DOUBLE)");
            }
            Kind::Instant => {
                sql.text("(epoch_us(");
                instant(sql, other);
                sql.text(") / 1e6)");
            }
            Kind::Text | Kind::Open | Kind::Number => property::number(sql, &|sql| text(sql, other)),
        },
    }
}

/// Writes an expression as a text, or null.
pub(super) fn text(sql: &mut Sql, expression: &Expression) {
    match expression {
        Expression::Text(text) => {
            sql.text("CAST(").value(text.as_str()).text(" AS VARCHAR)");
        }
        Expression::Null => {
            sql.text("CAST(NULL AS VARCHAR)");
        }
        Expression::Field(EventField::Event) => {
            sql.text("e.event");
        }
        Expression::Field(EventField::DistinctId) => {
            sql.text("e.distinct_id");
        }
        Expression::Property { owner, key } => of_owner(sql, *owner, key),
        Expression::Call { function, kind: Kind::Text | Kind::Open, arguments } => text_call(sql, *function, arguments),
        other => match other.kind() {
            Kind::Number | Kind::Text | Kind::Open => {
                // A whole number has no decimal point as a text.
                sql.text("regexp_replace(CAST(");
                number(sql, other);
                sql.text(" AS VARCHAR), '[.]0$', '')");
            }
            Kind::Boolean => {
                sql.text("CAST(");
                truth(sql, other);
                sql.text(" AS VARCHAR)");
            }
            Kind::Instant => {
                sql.text("strftime(");
                instant(sql, other);
                sql.text(", '%Y-%m-%dT%H:%M:%S.%fZ')");
            }
        },
    }
}

/// A property of a person or group is looked up; the database makes one join of all look-ups.
fn of_owner(sql: &mut Sql, owner: PropertyOwner, key: &str) {
    match owner {
        PropertyOwner::Event => property::text(sql, property::OF_EVENT, key),
        PropertyOwner::Person => {
            sql.text("(SELECT ");
            property::text(sql, "p.properties", key);
            sql.text(" FROM persons AS p WHERE p.person_id = e.person_id)");
        }
        PropertyOwner::Group(group_type_index) => {
            sql.text("(SELECT ");
            property::text(sql, "g.properties", key);
            sql.text(" FROM groups AS g WHERE g.group_type_index = ").value(i64::from(group_type_index));
            sql.text(" AND g.group_key = ").text(group_key(group_type_index)).text(")");
        }
    }
}

/// An expression as a truth value, or null; a property holds if it is true.
fn truth(sql: &mut Sql, expression: &Expression) {
    match expression {
        Expression::Boolean(truth) => {
            sql.text(if *truth { "TRUE" } else { "FALSE" });
        }
        Expression::Null => {
            sql.text("CAST(NULL AS BOOLEAN)");
        }
        Expression::All(parts) => connected(sql, " AND ", parts),
        Expression::Any(parts) => connected(sql, " OR ", parts),
        Expression::Not(part) => {
            sql.text("(NOT ");
            truth(sql, part);
            sql.text(")");
        }
        Expression::IsNull(value) => {
            sql.text("(");
            as_kind(sql, value.kind(), value);
            sql.text(" IS NULL)");
        }
        Expression::Comparison { operator, kind, left, right } => {
            sql.text("(");
            as_kind(sql, *kind, left);
            sql.text(symbol(*operator));
            as_kind(sql, *kind, right);
            sql.text(")");
        }
        Expression::In { kind, value, list } => {
            sql.text("(");
            as_kind(sql, *kind, value);
            sql.text(" IN (").separated(", ", list, |sql, item| as_kind(sql, *kind, item)).text("))");
        }
        Expression::Found { text, pattern } => {
            property::found(sql, property::OF_EVENT, pattern, &|sql| self::text(sql, text));
        }
        Expression::Call { function, kind: Kind::Boolean, arguments } => truth_call(sql, *function, arguments),
        other => match other.kind() {
            Kind::Number => {
                sql.text("(");
                number(sql, other);
                sql.text(" <> 0)");
            }
            Kind::Text | Kind::Open | Kind::Boolean | Kind::Instant => {
                sql.text("(");
                text(sql, other);
                sql.text(" = 'true')");
            }
        },
    }
}

fn instant(sql: &mut Sql, expression: &Expression) {
    match expression {
        Expression::Field(EventField::Timestamp) => {
            sql.text("e.timestamp");
        }
        Expression::Instant(microseconds) => {
            sql.text("make_timestamp(").value(*microseconds).text(")");
        }
        Expression::Call { function, kind: Kind::Instant, arguments } => choice(sql, *function, arguments, instant),
        // Nothing else is compared as a point in time but null.
        _ => {
            sql.text("CAST(NULL AS TIMESTAMP)");
        }
    }
}

fn as_kind(sql: &mut Sql, kind: Kind, expression: &Expression) {
    match kind {
        Kind::Number => number(sql, expression),
        Kind::Text | Kind::Open => text(sql, expression),
        Kind::Boolean => truth(sql, expression),
        Kind::Instant => instant(sql, expression),
    }
}

/// A computed number, or null where there is none: infinities and what follows from them. The list of one element holds it,
/// so that it is computed once.
fn finite(sql: &mut Sql, expression: &Expression) {
    sql.text("list_filter([");
    computed(sql, expression);
    sql.text("], lambda number: isfinite(number))[1]");
}

/// A computed number as floating point has it. What is not finite stays so through sums and products, so it is enough to look
/// at the end, and at divisors.
fn computed(sql: &mut Sql, expression: &Expression) {
    match expression {
        Expression::Negative(value) => {
            sql.text("(-");
            computed(sql, value);
            sql.text(")");
        }
        Expression::Arithmetic { operator, left, right } => {
            sql.text("(");
            computed(sql, left);
            match operator {
                ArithmeticOperator::Add => sql.text(" + "),
                ArithmeticOperator::Subtract => sql.text(" - "),
                ArithmeticOperator::Multiply => sql.text(" * "),
                ArithmeticOperator::Divide => sql.text(" / "),
            };
            if *operator == ArithmeticOperator::Divide {
                number(sql, right);
            } else {
                computed(sql, right);
            }
            sql.text(")");
        }
        other => number(sql, other),
    }
}

fn connected(sql: &mut Sql, separator: &'static str, parts: &[Expression]) {
    sql.text("(").separated(separator, parts, truth).text(")");
}

fn number_call(sql: &mut Sql, function: Function, arguments: &[Expression]) {
    match function {
        Function::ToFloat => number(sql, &arguments[0]),
        Function::ToInt => called(sql, "trunc(", arguments, number),
        Function::Length => {
            sql.text("CAST(");
            called(sql, "length(", arguments, text);
            sql.text(" AS DOUBLE)");
        }
        Function::Abs => called(sql, "abs(", arguments, number),
        Function::Floor => called(sql, "floor(", arguments, number),
        Function::Ceil => called(sql, "ceil(", arguments, number),
        Function::Greatest => called(sql, "greatest(", arguments, number),
        Function::Least => called(sql, "least(", arguments, number),
        Function::Round => {
            sql.text("round(");
            number(sql, &arguments[0]);
            if let Some(digits) = arguments.get(1) {
                sql.text(", CAST(");
                number(sql, digits);
                sql.text(" AS INTEGER)");
            }
            sql.text(")");
        }
        _ => choice(sql, function, arguments, number),
    }
}

fn text_call(sql: &mut Sql, function: Function, arguments: &[Expression]) {
    match function {
        Function::ToText => text(sql, &arguments[0]),
        Function::Lower => called(sql, "lower(", arguments, text),
        Function::Upper => called(sql, "upper(", arguments, text),
        Function::Concat => {
            sql.text("(").separated(" || ", arguments, text).text(")");
        }
        _ => choice(sql, function, arguments, text),
    }
}

fn truth_call(sql: &mut Sql, function: Function, arguments: &[Expression]) {
    match function {
        Function::StartsWith => called(sql, "starts_with(", arguments, text),
        Function::EndsWith => called(sql, "ends_with(", arguments, text),
        _ => choice(sql, function, arguments, truth),
    }
}

fn called(sql: &mut Sql, opening: &'static str, arguments: &[Expression], write: fn(&mut Sql, &Expression)) {
    sql.text(opening).separated(", ", arguments, write).text(")");
}

/// One of several values: `if`, else `coalesce`.
fn choice(sql: &mut Sql, function: Function, arguments: &[Expression], write: fn(&mut Sql, &Expression)) {
    if function == Function::If {
        sql.text("CASE WHEN ");
        truth(sql, &arguments[0]);
        sql.text(" THEN ");
        write(sql, &arguments[1]);
        sql.text(" ELSE ");
        write(sql, &arguments[2]);
        sql.text(" END");
    } else {
        called(sql, "coalesce(", arguments, write);
    }
}

fn symbol(operator: ComparisonOperator) -> &'static str {
    match operator {
        ComparisonOperator::Equal => " = ",
        ComparisonOperator::NotEqual => " <> ",
        ComparisonOperator::Less => " < ",
        ComparisonOperator::LessOrEqual => " <= ",
        ComparisonOperator::Greater => " > ",
        ComparisonOperator::GreaterOrEqual => " >= ",
    }
}
