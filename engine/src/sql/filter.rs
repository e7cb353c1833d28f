//! Property filters as SQL conditions (rules Q-P1 to Q-P16).

use crate::model::filter::{Filter, Operator, PropertyFilter};
use crate::sql::Sql;

/// Writes a condition that is true or false, never null.
pub(super) fn condition(sql: &mut Sql, filter: &Filter) {
    match filter {
        Filter::All(parts) if parts.is_empty() => {
            sql.text("TRUE");
        }
        Filter::Any(parts) if parts.is_empty() => {
            sql.text("TRUE");
        }
        Filter::All(parts) => group(sql, " AND ", parts),
        Filter::Any(parts) => group(sql, " OR ", parts),
        Filter::Property(property) => comparison(sql, property),
    }
}

fn group(sql: &mut Sql, separator: &'static str, parts: &[Filter]) {
    sql.text("(").separated(separator, parts, condition).text(")");
}

/// A missing value makes positive operators false and negative ones true (Q-P2 to Q-P8); lists are OR for positive
/// operators and AND for negative ones (Q-P14), so a negative operator is the negation of the positive one.
fn comparison(sql: &mut Sql, property: &PropertyFilter) {
    let PropertyFilter { key, operator, values } = property;
    match operator {
        Operator::IsSet => is_set(sql, key),
        Operator::IsNotSet => negated(sql, |sql| is_set(sql, key)),
        // An empty list restricts nothing (Q-P2).
        _ if values.is_empty() => {
            sql.text("TRUE");
        }
        Operator::Exact => some_value(sql, values, |sql, value| equals(sql, key, value)),
        Operator::IsNot => negated(sql, |sql| some_value(sql, values, |sql, value| equals(sql, key, value))),
        Operator::Icontains => some_value(sql, values, |sql, value| contains(sql, key, value)),
        Operator::NotIcontains => negated(sql, |sql| some_value(sql, values, |sql, value| contains(sql, key, value))),
        Operator::Regex => some_value(sql, values, |sql, value| found(sql, key, value)),
        Operator::NotRegex => not_found(sql, key, values),
        Operator::Gt => some_value(sql, values, |sql, value| compares(sql, key, " > ", value)),
        Operator::Gte => some_value(sql, values, |sql, value| compares(sql, key, " >= ", value)),
        Operator::Lt => some_value(sql, values, |sql, value| compares(sql, key, " < ", value)),
        Operator::Lte => some_value(sql, values, |sql, value| compares(sql, key, " <= ", value)),
    }
}

fn some_value(sql: &mut Sql, values: &[String], mut write: impl FnMut(&mut Sql, &str)) {
    sql.text("coalesce(").separated(" OR ", values, |sql, value| write(sql, value)).text(", FALSE)");
}

fn negated(sql: &mut Sql, write: impl FnOnce(&mut Sql)) {
    sql.text("NOT ");
    write(sql);
}

fn is_set(sql: &mut Sql, key: &str) {
    sql.text("(variant_extract(e.properties, ").value(key).text(")::VARCHAR IS NOT NULL)");
}

fn equals(sql: &mut Sql, key: &str, value: &str) {
    property_text(sql, key);
    sql.text(" = ").value(value);
}

/// The value is literal: `%` and `_` are no wildcards (Q-P4).
fn contains(sql: &mut Sql, key: &str, value: &str) {
    sql.text("contains(lower(");
    property_text(sql, key);
    sql.text("), lower(").value(value).text("))");
}

/// An unanchored, case-sensitive search (Q-P6).
fn found(sql: &mut Sql, key: &str, pattern: &str) {
    if !is_pattern(pattern) {
        sql.text("FALSE");
        return;
    }
    sql.text("regexp_matches(");
    property_text(sql, key);
    sql.text(", ").value(pattern).text(")");
}

fn not_found(sql: &mut Sql, key: &str, patterns: &[String]) {
    if patterns.iter().all(|pattern| is_pattern(pattern)) {
        negated(sql, |sql| some_value(sql, patterns, |sql, pattern| found(sql, key, pattern)));
    } else {
        sql.text("FALSE");
    }
}

/// An invalid pattern matches nothing, also under `not_regex` (Q-P6). RE2, which the database runs, and this crate accept
/// the same syntax but for rarities.
fn is_pattern(pattern: &str) -> bool {
    regex::Regex::new(pattern).is_ok()
}

/// Numeric on both sides, spaces removed; what is not a number compares as false (Q-P8).
fn compares(sql: &mut Sql, key: &str, operator: &'static str, value: &str) {
    sql.text("TRY_CAST(replace(");
    property_text(sql, key);
    sql.text(", ' ', '') AS DOUBLE)")
        .text(operator)
        .text("TRY_CAST(replace(")
        .value(value)
        .text(", ' ', '') AS DOUBLE)");
}

/// The text of a property: texts without quotes, lists and objects as JSON (Q-P1).
fn property_text(sql: &mut Sql, key: &str) {
    sql.text("CASE WHEN variant_typeof(variant_extract(e.properties, ").value(key);
    sql.text(")) SIMILAR TO '(ARRAY|OBJECT).*' THEN variant_extract(e.properties, ").value(key);
    sql.text(")::JSON::VARCHAR ELSE variant_extract(e.properties, ").value(key).text(")::VARCHAR END");
}
