//! One property, compared: conditions that are true or false, never null (rules Q-P2 to Q-P14).
//!
//! Every function takes the column that the properties stand in, a VARIANT: the event's, or that of a table of persons,
//! groups or sessions.

use crate::model::filter::{Operator, PropertyFilter};
use crate::plan::{DateCondition, DateRange, PropertyCondition};
use crate::sql::Sql;

/// The properties of the event.
pub(super) const OF_EVENT: &str = "e.properties";

/// Writes what is asked of a property.
pub(super) fn property(sql: &mut Sql, column: &'static str, property: &PropertyCondition) {
    match property {
        PropertyCondition::Compared(filter) => comparison(sql, column, filter),
        PropertyCondition::Date(date) => dates(sql, column, date),
    }
}

/// A missing value makes positive operators false and negative ones true (Q-P2 to Q-P8); lists are OR for positive
/// operators and AND for negative ones (Q-P14), so a negative operator is the negation of the positive one.
pub(super) fn comparison(sql: &mut Sql, column: &'static str, filter: &PropertyFilter) {
    let PropertyFilter { key, operator, values } = filter;
    let some = |sql: &mut Sql, write: &dyn Fn(&mut Sql, &str)| {
        sql.text("coalesce(").separated(" OR ", values, |sql, value| write(sql, value)).text(", FALSE)");
    };
    match operator {
        Operator::IsSet => is_set(sql, column, key),
        // An empty list restricts nothing (Q-P2).
        _ if asks_nothing(filter) => {
            sql.text("TRUE");
        }
        Operator::IsNotSet | Operator::IsNot | Operator::NotIcontains => {
            sql.text("NOT ");
            comparison(sql, column, &positive(filter));
        }
        Operator::NotRegex => {
            sql.text("(");
            patterns_are_valid(sql, column, values);
            sql.text("NOT ");
            comparison(sql, column, &positive(filter));
            sql.text(")");
        }
        Operator::Exact => some(sql, &|sql, value| equals(sql, column, key, value)),
        Operator::Icontains => some(sql, &|sql, value| contains(sql, column, key, value)),
        Operator::Contains => some(sql, &|sql, value| contains_exactly(sql, column, key, value)),
        Operator::Regex => some(sql, &|sql, value| found(sql, column, value, &|sql| text(sql, column, key))),
        Operator::Gt => some(sql, &|sql, value| compares(sql, column, key, " > ", value)),
        Operator::Gte => some(sql, &|sql, value| compares(sql, column, key, " >= ", value)),
        Operator::Lt => some(sql, &|sql, value| compares(sql, column, key, " < ", value)),
        Operator::Lte => some(sql, &|sql, value| compares(sql, column, key, " <= ", value)),
    }
}

/// Whether a filter restricts nothing: it has an operator that compares, and nothing to compare with (Q-P2).
pub(super) fn asks_nothing(filter: &PropertyFilter) -> bool {
    filter.values.is_empty() && !matches!(filter.operator, Operator::IsSet | Operator::IsNotSet)
}

/// The filter whose negation a filter with a negative operator is.
pub(super) fn positive(filter: &PropertyFilter) -> PropertyFilter {
    let operator = match filter.operator {
        Operator::IsNot => Operator::Exact,
        Operator::NotIcontains => Operator::Icontains,
        Operator::NotRegex => Operator::Regex,
        Operator::IsNotSet => Operator::IsSet,
        other => other,
    };
    PropertyFilter { operator, ..filter.clone() }
}

/// A point in time that lies in some range; what is none lies in no range (Q-P11 to Q-P13).
pub(super) fn dates(sql: &mut Sql, column: &'static str, date: &DateCondition) {
    if date.ranges.is_empty() {
        sql.text("TRUE");
        return;
    }
    sql.text("coalesce(").separated(" OR ", &date.ranges, |sql, range| in_range(sql, column, &date.key, *range));
    sql.text(", FALSE)");
}

fn in_range(sql: &mut Sql, column: &'static str, key: &str, range: DateRange) {
    match (range.from_microseconds, range.until_microseconds) {
        (None, None) => {
            instant(sql, column, key);
            sql.text(" IS NOT NULL");
        }
        (Some(from), None) => {
            instant(sql, column, key);
            sql.text(" >= ").value(from);
        }
        (None, Some(until)) => {
            instant(sql, column, key);
            sql.text(" < ").value(until);
        }
        (Some(from), Some(until)) => {
            instant(sql, column, key);
            // Both bounds of BETWEEN are inside.
            sql.text(" BETWEEN ").value(from).text(" AND ").value(until - 1);
        }
    }
}

/// A property as a point in time, in microseconds since 1970 UTC, or null. It is read leniently (Q-P13): ISO 8601 with or
/// without time and offset, else its first ten characters as a day, else seconds or milliseconds since 1970.
///
/// The database's own casts are not enough: to TIMESTAMP it drops the offset, and to TIMESTAMPTZ it depends on whether ICU is
/// there. Lists of one element hold what is needed several times.
fn instant(sql: &mut Sql, column: &'static str, key: &str) {
    sql.text("list_transform([");
    text(sql, column, key);
    sql.text(concat!(
        "], lambda t: coalesce(",
        r"list_transform([regexp_extract(t, '^\s*(\d{4}[-/]\d{2}[-/]\d{2})[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)",
        r" ?(?:[Zz]|UTC|utc|([+-])([01]\d|2[0-3]):?([0-5]\d)?)?\s*$', ['day', 'time', 'sign', 'hour', 'minute'])],",
        " lambda part: epoch_us(TRY_CAST(part['day'] || ' ' || part['time'] AS TIMESTAMP))",
        " - (part['sign'] || '1')::BIGINT * 60000000",
        " * (60 * ('0' || part['hour'])::BIGINT + ('0' || part['minute'])::BIGINT))[1],",
        r" epoch_us(TRY_CAST(regexp_extract(t, '^\s*(\d{4}[-/]\d{2}[-/]\d{2})', 1) AS TIMESTAMP)),",
        r" TRY_CAST(regexp_extract(t, '^\s*(\d{10})(?:\d{3})?(?:\.\d+)?\s*$', 1) AS BIGINT) * 1000000",
        "))[1]",
    ));
}

fn is_set(sql: &mut Sql, column: &'static str, key: &str) {
    sql.text("(");
    plain_text(sql, column, key);
    sql.text(" IS NOT NULL)");
}

fn equals(sql: &mut Sql, column: &'static str, key: &str, value: &str) {
    // Only lists and objects need their JSON text, and only a text that begins like one equals it; the plain cast is cheaper.
    if value.starts_with(['[', '{']) {
        text(sql, column, key);
    } else {
        plain_text(sql, column, key);
    }
    sql.text(" = ").value(value);
}

/// The value is literal: `%` and `_` are no wildcards (Q-P4).
fn contains(sql: &mut Sql, column: &'static str, key: &str, value: &str) {
    sql.text("contains(lower(");
    text(sql, column, key);
    sql.text("), lower(").value(value).text("))");
}

fn contains_exactly(sql: &mut Sql, column: &'static str, key: &str, value: &str) {
    sql.text("contains(");
    text(sql, column, key);
    sql.text(", ").value(value).text(")");
}

/// An unanchored, case-sensitive search in RE2 syntax; an invalid pattern is found nowhere (Q-P6). `column` is any column of
/// the rows.
pub(super) fn found(sql: &mut Sql, column: &'static str, pattern: &str, searched: &dyn Fn(&mut Sql)) {
    if is_common(pattern) {
        sql.text("regexp_matches(");
        searched(sql);
        sql.text(", ").value(pattern).text(")");
    } else {
        sql.text("TRY(regexp_matches(");
        searched(sql);
        sql.text(", ");
        late(sql, column, pattern);
        sql.text("))");
    }
}

/// Writes that each pattern is valid, and an AND; nothing if all surely are. A negated pattern matches nothing as soon as one
/// is invalid (Q-P7).
pub(super) fn patterns_are_valid(sql: &mut Sql, column: &'static str, patterns: &[String]) {
    for pattern in patterns.iter().filter(|pattern| !is_common(pattern)) {
        sql.text("TRY(regexp_matches('', ");
        late(sql, column, pattern);
        sql.text(")) IS NOT NULL AND ");
    }
}

/// A pattern that the database reads only when it comes to a row: one it reads before can refuse the whole query.
fn late(sql: &mut Sql, column: &'static str, pattern: &str) {
    sql.text("CASE WHEN ").text(column).text(" IS NULL THEN '' ELSE ").value(pattern).text(" END");
}

/// Whether a pattern is surely valid in RE2, which the database runs. The crate `regex` accepts nearly the same syntax;
/// where the two may differ (repetition counts, groups with flags, class arithmetic, rare escapes) the database decides.
pub(super) fn is_common(pattern: &str) -> bool {
    let differs = ["{", "(?", "&&", "~~", "--"].iter().any(|part| pattern.contains(part));
    let mut escapes = pattern.split('\\').skip(1).filter_map(|rest| rest.chars().next());
    let plain_escapes = escapes.all(|escape| "dDwWsSbB.+*?()[]|^$/-".contains(escape));
    !differs && plain_escapes && !pattern.contains("\\\\") && regex::Regex::new(pattern).is_ok()
}

/// Numeric on both sides, spaces removed; what is not a number compares as false (Q-P8).
fn compares(sql: &mut Sql, column: &'static str, key: &str, operator: &'static str, value: &str) {
    number(sql, &|sql| text(sql, column, key));
    sql.text(operator);
    number(sql, &|sql| {
        sql.value(value);
    });
}

/// A text as a finite number, or null. The database alone would also take `nan`, `inf` and `1_000` for numbers.
pub(super) fn number(sql: &mut Sql, write: &dyn Fn(&mut Sql)) {
    sql.text("TRY_CAST(regexp_extract(replace(");
    write(sql);
    sql.text(", ' ', ''), '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$') AS DOUBLE)");
}

/// A property as a finite number, or null. Most events do not have most properties, so whether it is there is asked first: the
/// rest costs fifty times as much.
pub(super) fn number_of(sql: &mut Sql, column: &'static str, key: &str) {
    sql.text("CASE WHEN ");
    plain_text(sql, column, key);
    sql.text(" IS NOT NULL THEN ");
    number(sql, &|sql| text(sql, column, key));
    sql.text(" END");
}

/// The text of a property: texts without quotes, lists and objects as JSON (Q-P1).
pub(super) fn text(sql: &mut Sql, column: &'static str, key: &str) {
    let is_a = |sql: &mut Sql, kind: &'static str| {
        sql.text("starts_with(variant_typeof(variant_extract(")
            .text(column)
            .text(", ")
            .value(key)
            .text(")), ")
            .text(kind);
        sql.text(")");
    };
    sql.text("CASE WHEN ");
    is_a(sql, "'ARRAY'");
    sql.text(" OR ");
    is_a(sql, "'OBJECT'");
    sql.text(" THEN variant_extract(").text(column).text(", ").value(key).text(")::JSON::VARCHAR ELSE ");
    plain_text(sql, column, key);
    sql.text(" END");
}

/// The text of a property that is neither a list nor an object; cheaper than [`text`].
pub(super) fn plain_text(sql: &mut Sql, column: &'static str, key: &str) {
    sql.text("variant_extract(").text(column).text(", ").value(key).text(")::VARCHAR");
}
