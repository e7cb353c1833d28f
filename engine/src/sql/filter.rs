//! Property filters as SQL conditions (rules Q-P1 to Q-P16).

use crate::model::filter::{Filter, Operator, PropertyFilter};
use crate::sql::Sql;
use crate::sql::element::some_element;
use crate::sql::population::variant_text;

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
        Filter::Element(element) => some_element(sql, element),
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
        Operator::Contains => some_value(sql, values, |sql, value| contains_exactly(sql, key, value)),
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
    // Only lists and objects need their JSON text, and only a text that begins like one equals it; the plain cast is cheaper.
    if value.starts_with(['[', '{']) {
        property_text(sql, key);
    } else {
        variant_text(sql, key);
    }
    sql.text(" = ").value(value);
}

/// The value is literal: `%` and `_` are no wildcards (Q-P4).
fn contains(sql: &mut Sql, key: &str, value: &str) {
    sql.text("contains(lower(");
    property_text(sql, key);
    sql.text("), lower(").value(value).text("))");
}

fn contains_exactly(sql: &mut Sql, key: &str, value: &str) {
    sql.text("contains(");
    property_text(sql, key);
    sql.text(", ").value(value).text(")");
}

/// An unanchored, case-sensitive search in RE2 syntax; an invalid pattern is found nowhere (Q-P6).
fn found(sql: &mut Sql, key: &str, pattern: &str) {
    if is_common(pattern) {
        sql.text("regexp_matches(");
        property_text(sql, key);
        sql.text(", ").value(pattern).text(")");
    } else {
        sql.text("TRY(regexp_matches(");
        property_text(sql, key);
        sql.text(", ");
        late(sql, pattern);
        sql.text("))");
    }
}

/// No pattern is found, or there is no value; false as soon as a pattern is invalid (Q-P6, Q-P7).
fn not_found(sql: &mut Sql, key: &str, patterns: &[String]) {
    sql.text("(");
    for pattern in patterns.iter().filter(|pattern| !is_common(pattern)) {
        sql.text("TRY(regexp_matches('', ");
        late(sql, pattern);
        sql.text(")) IS NOT NULL AND ");
    }
    negated(sql, |sql| some_value(sql, patterns, |sql, pattern| found(sql, key, pattern)));
    sql.text(")");
}

/// A pattern that the database reads only when it comes to a row: one it reads before can refuse the whole query.
fn late(sql: &mut Sql, pattern: &str) {
    sql.text("CASE WHEN e.timestamp IS NULL THEN '' ELSE ").value(pattern).text(" END");
}

/// Whether a pattern is surely valid in RE2, which the database runs. The crate `regex` accepts nearly the same syntax;
/// where the two may differ (repetition counts, groups with flags, class arithmetic, rare escapes) the database decides.
fn is_common(pattern: &str) -> bool {
    let differs = ["{", "(?", "&&", "~~", "--"].iter().any(|part| pattern.contains(part));
    let mut escapes = pattern.split('\\').skip(1).filter_map(|rest| rest.chars().next());
    let plain_escapes = escapes.all(|escape| "dDwWsSbB.+*?()[]|^$/-".contains(escape));
    !differs && plain_escapes && !pattern.contains("\\\\") && regex::Regex::new(pattern).is_ok()
}

/// Numeric on both sides, spaces removed; what is not a number compares as false (Q-P8).
fn compares(sql: &mut Sql, key: &str, operator: &'static str, value: &str) {
    number(sql, |sql| property_text(sql, key));
    sql.text(operator);
    number(sql, |sql| {
        sql.value(value);
    });
}

/// A text as a finite number, or null. The database alone would also take `nan`, `inf` and `1_000` for numbers.
pub(super) fn number(sql: &mut Sql, write: impl Fn(&mut Sql)) {
    sql.text("TRY_CAST(regexp_extract(replace(");
    write(sql);
    sql.text(", ' ', ''), '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$') AS DOUBLE)");
}

/// The text of a property: texts without quotes, lists and objects as JSON (Q-P1).
pub(super) fn property_text(sql: &mut Sql, key: &str) {
    sql.text("CASE WHEN variant_typeof(variant_extract(e.properties, ").value(key);
    sql.text(")) SIMILAR TO '(ARRAY|OBJECT).*' THEN variant_extract(e.properties, ").value(key);
    sql.text(")::JSON::VARCHAR ELSE variant_extract(e.properties, ").value(key).text(")::VARCHAR END");
}
