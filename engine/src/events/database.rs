//! Opening DuckDB and speaking to it: the settings of every connection, bound values, its errors as ours.

use std::path::Path;

use duckdb::types::Value as Bound;
use duckdb::vtab::arrow::ArrowVTab;
use duckdb::{AccessMode, Config, Connection, params_from_iter};

use crate::error::{Error, ErrorKind, Result};
use crate::sql::{Sql, Value};

/// The version of DuckDB this engine is written for; its files and its functions differ between versions.
const VERSION: &str = "v2.0.0";

/// Opens a database file; with `ReadWrite` it is created if missing.
pub(super) fn open(path: &Path, mode: AccessMode) -> Result<Connection> {
    let connection = Config::default()
        .access_mode(mode)
        .and_then(|config| config.enable_autoload_extension(false))
        .and_then(|config| Connection::open_with_flags(path, config))
        .map_err(|error| unreadable(path, &error))?;
    let version = connection.version().map_err(|error| unreadable(path, &error))?;
    check_version(&version)?;
    connection.register_table_function::<ArrowVTab>("arrow").map_err(|error| unreadable(path, &error))?;
    use_utc(&connection)?;
    Ok(connection)
}

/// Without ICU the database knows no zone but UTC. With it, texts of zoned timestamps would follow the machine's zone.
fn use_utc(connection: &Connection) -> Result<()> {
    let has_zones = text("SELECT count(*) > 0 FROM duckdb_settings() WHERE name = 'TimeZone'");
    if row(connection, &has_zones, |row| row.get(0))? { run(connection, "SET TimeZone = 'UTC'") } else { Ok(()) }
}

fn check_version(found: &str) -> Result<()> {
    if found == VERSION {
        return Ok(());
    }
    Err(Error::not_allowed(format!("the DuckDB library found at run time is {found}, but this build needs {VERSION}"))
        .hint(format!("put the shared library of DuckDB {VERSION} first on the loader's path")))
}

fn unreadable(path: &Path, error: &duckdb::Error) -> Error {
    Error::storage(path, message(error))
        .hint("if this is not an abduck event store, move it away and create the lab anew")
        .hint("if it is, it was damaged or written by a newer version: restore a backup, or ingest the events again")
}

/// What the database said, without the wrapper's own words.
pub(super) fn message(error: &duckdb::Error) -> String {
    match error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message.clone(),
        error => error.to_string(),
    }
}

/// A failed statement as an error of the engine.
pub(super) fn query_error(error: &duckdb::Error, sql: &str) -> Error {
    let message = message(error);
    // DuckDB has no error code for it in the C API.
    if message.starts_with("INTERRUPT Error") { ErrorKind::Interrupted.into() } else { Error::query(message, sql) }
}

/// Runs a statement; returns how many rows it changed.
pub(super) fn execute(connection: &Connection, sql: &Sql) -> Result<u64> {
    let changed = connection
        .execute(sql.as_text(), params_from_iter(bound(sql)))
        .map_err(|error| query_error(&error, sql.as_text()))?;
    Ok(changed as u64)
}

/// Runs statements that have no values.
pub(super) fn run(connection: &Connection, text: &str) -> Result<()> {
    connection.execute_batch(text).map_err(|error| query_error(&error, text))
}

/// Reads all rows of a small result.
pub(super) fn rows<T>(
    connection: &Connection,
    sql: &Sql,
    read: impl FnMut(&duckdb::Row<'_>) -> duckdb::Result<T>,
) -> Result<Vec<T>> {
    let attempt = || -> duckdb::Result<Vec<T>> {
        connection.prepare(sql.as_text())?.query_map(params_from_iter(bound(sql)), read)?.collect()
    };
    attempt().map_err(|error| query_error(&error, sql.as_text()))
}

/// Reads the only row of a result.
pub(super) fn row<T>(
    connection: &Connection,
    sql: &Sql,
    read: impl FnMut(&duckdb::Row<'_>) -> duckdb::Result<T>,
) -> Result<T> {
    let mut rows = rows(connection, sql, read)?;
    match (rows.pop(), rows.is_empty()) {
        (Some(row), true) => Ok(row),
        _ => Err(Error::bug(format!("expected exactly one row of: {}", sql.as_text()))),
    }
}

/// A query that is text only.
pub(super) fn text(text: &'static str) -> Sql {
    let mut sql = Sql::new();
    sql.text(text);
    sql
}

/// The values of a query in the database's form.
pub(super) fn bound(sql: &Sql) -> impl Iterator<Item = Bound> {
    sql.values().iter().map(|value| match value {
        Value::Text(value) => Bound::Text(value.clone()),
        Value::Integer(value) => Bound::BigInt(*value),
        Value::Double(value) => Bound::Double(*value),
        Value::Boolean(value) => Bound::Boolean(*value),
    })
}

/// Moves what was committed into the file itself, where readers find it sooner. What was committed is safe without, so
/// a failure does not matter.
pub(super) fn checkpoint(connection: &Connection) {
    if let Err(error) = run(connection, "CHECKPOINT") {
        tracing::warn!(%error, "the event store could not be tidied");
    }
}

#[cfg(test)]
mod tests {
    use super::check_version;

    #[test]
    fn another_library_version_is_named() {
        assert!(check_version("v2.0.0").is_ok());
        let error = check_version("v1.5.6").unwrap_err().to_string();
        assert!(error.contains("v1.5.6") && error.contains("v2.0.0"), "{error}");
    }
}
