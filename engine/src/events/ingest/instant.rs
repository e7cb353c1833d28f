//! Timestamps of all kinds as UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::mapping::{ColumnMapping, TimestampUnit};
use crate::error::{Error, Result};
use crate::sql::Sql;

/// The years whose rules of a time zone are followed, as seconds since 1970: 1970 to 2100.
const YEARS: (i64, i64) = (0, 4_102_444_800);

/// The SQL expression that reads the instant out of a column of type `kind`, null if it can't be read.
pub(super) fn expression(column: &str, kind: &str, mapping: &ColumnMapping, origin: &str) -> Result<Sql> {
    let mut sql = Sql::new();
    match (kind, mapping.timestamp_unit) {
        ("TIMESTAMP WITH TIME ZONE", _) => {
            sql.text("make_timestamp(epoch_us(").identifier(column).text("))");
        }
        ("DATE" | "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS", _) => {
            let mut local = Sql::new();
            local.text("CAST(").identifier(column).text(" AS TIMESTAMP)");
            in_zone(&mut sql, &local, mapping)?;
        }
        ("VARCHAR", None) => from_text(&mut sql, column, mapping)?,
        (_, Some(unit)) => {
            let factor = match unit {
                TimestampUnit::Seconds => " AS DECIMAL(25, 6)) * 1000000 AS BIGINT)))",
                TimestampUnit::Milliseconds => " AS DECIMAL(25, 6)) * 1000 AS BIGINT)))",
                TimestampUnit::Microseconds => " AS DECIMAL(25, 6)) AS BIGINT)))",
            };
            sql.text("TRY(make_timestamp(CAST(TRY_CAST(").identifier(column).text(factor);
        }
        (_, None) => {
            return Err(Error::schema(format!(
                "{origin}: the timestamp column {column:?} is a {kind}, of unknown unit"
            ))
            .hint("say what it counts: --timestamp-unit seconds, milliseconds or microseconds"));
        }
    }
    Ok(sql)
}

/// ISO 8601 with `T` or a space, an optional fraction, and `Z`, an offset or nothing at the end. DuckDB's own cast is not
/// enough: to TIMESTAMP it drops the offset, and to TIMESTAMPTZ it depends on whether ICU is there.
fn from_text(sql: &mut Sql, column: &str, mapping: &ColumnMapping) -> Result<()> {
    let mut parts = Sql::new();
    parts.text("regexp_extract(").identifier(column).text(concat!(
        r", '^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?",
        r" ?([Zz]|UTC|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?$', ['day', 'time', 'zone'])",
    ));
    let mut local = Sql::new();
    local.text("TRY_CAST(rtrim(concat_ws(' ', ").append(&parts).text("['day'], ").append(&parts);
    local.text("['time'])) AS TIMESTAMP)");
    sql.text("CASE WHEN ").append(&parts).text("['zone'] = '' THEN ");
    in_zone(sql, &local, mapping)?;
    sql.text(" WHEN ").append(&parts).text("['zone'] IN ('Z', 'z', 'UTC') THEN ").append(&local);
    sql.text(" ELSE ")
        .append(&local)
        .text(" - to_seconds(CAST(left(")
        .append(&parts)
        .text("['zone'], 1) || '1' AS BIGINT)");
    sql.text(" * (3600 * CAST(substr(").append(&parts).text("['zone'], 2, 2) AS BIGINT) + 60 * CAST(coalesce(nullif(");
    sql.text("ltrim(substr(").append(&parts).text("['zone'], 4), ':'), ''), '0') AS BIGINT))) END");
    Ok(())
}

/// A local time of the mapping's zone as UTC, by the zone's list of changes: no function of the database knows zones
/// without its ICU extension.
fn in_zone(sql: &mut Sql, local: &Sql, mapping: &ColumnMapping) -> Result<()> {
    let Some(name) = mapping.timezone.as_deref().filter(|name| *name != "UTC") else {
        sql.append(local);
        return Ok(());
    };
    let offsets = offsets(name)?;
    sql.append(local).text(" - to_seconds(CASE");
    for (from, offset) in &offsets {
        sql.text(" WHEN epoch_us(").append(local).text(") >= ").value(*from).text(" THEN ").value(*offset);
    }
    sql.text(" END)");
    Ok(())
}

/// From which local time (microseconds) on which offset (seconds) holds, latest first.
fn offsets(name: &str) -> Result<Vec<(i64, i64)>> {
    let zone = TimeZone::get(name).map_err(|error| {
        Error::invalid_field("timezone", "invalid_input", format!("the time zone {name:?} is unknown: {error}"))
            .hint("use an IANA name such as Europe/Berlin")
    })?;
    let at = |seconds| Timestamp::from_second(seconds).map_err(|error| Error::bug(error.to_string()));
    let (first, last) = (at(YEARS.0)?, at(YEARS.1)?);
    let mut offsets = Vec::new();
    for change in zone.preceding(last).take_while(|change| change.timestamp() > first) {
        let before = at(change.timestamp().as_second() - 1)?;
        let (old, new) = (zone.to_offset(before).seconds(), change.offset().seconds());
        // A repeated hour belongs to the old offset, and so does a skipped one.
        let from = change.timestamp().as_second() + i64::from(old.max(new));
        offsets.push((from * 1_000_000, i64::from(new)));
    }
    offsets.push((i64::MIN, i64::from(zone.to_offset(first).seconds())));
    Ok(offsets)
}
