//! Times in columns of any type.

use crate::sql::Sql;

/// Writes the time in a column as a timestamp in UTC, null if it cannot be read: ISO 8601 with `T` or a space, an optional
/// fraction, and `Z`, an offset or nothing at the end. The database's own cast drops the offset.
pub(crate) fn instant(sql: &mut Sql, column: &str) {
    let mut parts = Sql::new();
    parts.text("regexp_extract(CAST(").identifier(column).text(concat!(
        r" AS VARCHAR), '^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?",
        r" ?([Zz]|UTC|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?$', ['day', 'time', 'zone'])",
    ));
    sql.text("TRY_CAST(rtrim(concat_ws(' ', ").append(&parts).text("['day'], ").append(&parts);
    sql.text("['time'])) AS TIMESTAMP) - to_seconds(CASE WHEN left(").append(&parts);
    sql.text("['zone'], 1) IN ('+', '-') THEN CAST(left(").append(&parts).text("['zone'], 1) || '1' AS BIGINT)");
    sql.text(" * (3600 * CAST(substr(").append(&parts).text("['zone'], 2, 2) AS BIGINT) + 60 * CAST(coalesce(nullif(");
    sql.text("ltrim(substr(").append(&parts).text("['zone'], 4), ':'), ''), '0') AS BIGINT)) ELSE 0 END)");
}
