//! Tables of the lab that are no events, for metrics that take their values from elsewhere (M-1): in the schema `tables`, which
//! is made with the first of them. A store without it has none.

use std::path::Path;
use std::time::Duration;

use duckdb::Connection;
use duckdb::arrow::record_batch::RecordBatch;
use duckdb::vtab::arrow::ArrowBatchRegistration;
use serde::{Deserialize, Serialize};

use super::attach::change;
use super::database::{self, query_error, text};
use super::ingest::source::{expand, format_of};
use super::ingest::stage::{bump_version, unreadable, utf8};
use super::ingest::{Format, Source};
use super::interrupt::Interrupt;
use super::store::{EventStore, Reader};
use crate::error::{Error, Result};
use crate::model::suggest::closest;
use crate::sql::Sql;

/// A table of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabTable {
    /// Its name.
    pub name: String,
    /// The number of its rows.
    pub rows: u64,
    /// Its columns, in their order.
    pub columns: Vec<LabTableColumn>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabTableColumn {
    /// Its name.
    pub name: String,
    /// Its type, as DuckDB calls it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What loading a table did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadReport {
    /// The table as it is now.
    pub table: LabTable,
    /// Whether there was a table of that name before.
    pub replaced: bool,
    /// Rows whose time cannot be read, so that no metric counts them; null unless the column with the time was named.
    pub unreadable_timestamps: Option<u64>,
    /// The version of the data afterwards.
    pub data_version: u64,
}

/// The longest name of a table, in bytes.
const NAME_MAX: usize = 200;

/// Loads a table from files of equal columns, or a frame; it takes the place of a table of that name.
///
/// # Errors
/// `Invalid` for a name that cannot be one; `NotFound` and `Io` when a file cannot be opened; `Schema` when it is not what its
/// name says, has no rows or lacks the column with the time; `Busy`; `Interrupted`. Then nothing was changed.
pub fn load_table(
    store: &EventStore,
    name: &str,
    source: Source,
    format: Option<Format>,
    timestamp_column: Option<&str>,
    wait: Duration,
    interrupt: &Interrupt,
) -> Result<LoadReport> {
    if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Error::invalid_field(
            "name",
            "invalid_input",
            format!("'{}' cannot be the name of a table", name.escape_debug()),
        ));
    }
    let writer = store.write(wait, "load a table")?;
    change(&writer, interrupt, |connection| {
        database::run(connection, "CREATE SCHEMA IF NOT EXISTS tables")?;
        let known = all(connection)?.into_iter().find(|table| table.name.eq_ignore_ascii_case(name));
        if let Some(known) = &known {
            remove(connection, &known.name)?;
        }
        match source {
            Source::Files(patterns) => {
                for (index, file) in expand(&patterns)?.iter().enumerate() {
                    let origin = file.display().to_string();
                    let rows = rows_of(file, format)?;
                    fill(connection, name, index == 0, &rows).map_err(|error| unreadable(error, &origin))?;
                }
            }
            Source::Batches(batches) => {
                fill_batch(connection, name, true, RecordBatch::new_empty(batches.schema()))?;
                for batch in batches {
                    interrupt.check()?;
                    let batch = batch.map_err(|error| Error::schema(format!("the Arrow stream broke off: {error}")))?;
                    fill_batch(connection, name, false, batch)?;
                }
            }
        }
        let table = all(connection)?.into_iter().find(|table| table.name == name);
        let table = table.ok_or_else(|| Error::bug("a table was loaded and is not there"))?;
        if table.rows == 0 {
            return Err(Error::schema(format!("the table '{name}' has no rows")));
        }
        let unreadable_timestamps =
            timestamp_column.map(|column| unreadable_timestamps(connection, &table, column)).transpose()?;
        let data_version = bump_version(connection, &digest(connection, &table)?)?;
        Ok(LoadReport { table, replaced: known.is_some(), unreadable_timestamps, data_version })
    })
}

/// Takes a table out of the lab; returns the new version of the data.
///
/// # Errors
/// `NotFound` when there is none of that name; `Busy`; `Interrupted`.
pub fn drop_table(store: &EventStore, name: &str, wait: Duration, interrupt: &Interrupt) -> Result<u64> {
    let writer = store.write(wait, "drop a table")?;
    change(&writer, interrupt, |connection| {
        let tables = all(connection)?;
        let table = find(&tables, name)?;
        remove(connection, &table.name)?;
        bump_version(connection, &format!("drop table {}", table.name))
    })
}

impl Reader {
    /// The tables of the lab, by name.
    ///
    /// # Errors
    /// `Query` if the store cannot be read.
    pub fn tables(&self) -> Result<Vec<LabTable>> {
        all(self.connection()?)
    }

    /// Checks that the lab has a table with some columns, one of which tells the time.
    ///
    /// # Errors
    /// `NotFound` when there is no such table; `Invalid` when it lacks a column, or the column with the time holds none.
    pub fn check_table(&self, name: &str, timestamp_column: &str, columns: &[&str]) -> Result<()> {
        let tables = self.tables()?;
        let table = find(&tables, name)?;
        for column in [&[timestamp_column], columns].concat() {
            find_column(table, column)?;
        }
        let kind = &find_column(table, timestamp_column)?.kind;
        if ["TIMESTAMP", "DATE", "VARCHAR"].iter().any(|time| kind.starts_with(time)) {
            return Ok(());
        }
        let message = format!("column '{timestamp_column}' of table '{name}' has the type {kind}, which tells no time");
        Err(Error::invalid_field("timestamp_field", "invalid_input", message)
            .hint("name a column of timestamps, dates or texts, or convert it and load the table again"))
    }
}

fn find<'a>(tables: &'a [LabTable], name: &str) -> Result<&'a LabTable> {
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    tables.iter().find(|table| table.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let error = Error::not_found("table", name);
        match (closest(name, names.iter().copied()), names.is_empty()) {
            (Some(similar), _) => error.hint(format!("did you mean '{similar}'?")),
            (None, false) => error.hint(format!("there are: {}", names.join(", "))),
            (None, true) => error.hint(format!("load it first: `abduck table load {name} FILE`")),
        }
    })
}

fn find_column<'a>(table: &'a LabTable, name: &str) -> Result<&'a LabTableColumn> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let message = format!("table '{}' has no column '{name}'", table.name);
        let error = Error::invalid_field("column", "does_not_exist", message);
        match closest(name, names.iter().copied()) {
            Some(similar) => error.hint(format!("did you mean '{similar}'?")),
            None => error.hint(format!("there are: {}", names.join(", "))),
        }
    })
}

fn all(connection: &Connection) -> Result<Vec<LabTable>> {
    let sql = text(
        "SELECT table_name, column_name, data_type FROM information_schema.columns \
         WHERE table_schema = 'tables' AND table_catalog = current_database() ORDER BY table_name, ordinal_position",
    );
    let read = |row: &duckdb::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?));
    let mut tables: Vec<LabTable> = Vec::new();
    for (table, name, kind) in database::rows(connection, &sql, read)? {
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(LabTable { name: table, rows: 0, columns: Vec::new() });
        }
        if let Some(last) = tables.last_mut() {
            last.columns.push(LabTableColumn { name, kind });
        }
    }
    for table in &mut tables {
        let mut count = text("SELECT count(*) FROM ");
        place(&mut count, &table.name);
        table.rows = database::row(connection, &count, |row| row.get::<_, i64>(0))?.unsigned_abs();
    }
    Ok(tables)
}

fn place(sql: &mut Sql, name: &str) {
    sql.identifier("tables").text(".").identifier(name);
}

fn remove(connection: &Connection, name: &str) -> Result<()> {
    let mut sql = text("DROP TABLE ");
    place(&mut sql, name);
    database::execute(connection, &sql).map(drop)
}

/// The rows of a file. All columns of a CSV file are texts: what they are is for the metric to say.
fn rows_of(file: &Path, format: Option<Format>) -> Result<Sql> {
    if !file.is_file() {
        return Err(Error::not_found("file", file.display().to_string()));
    }
    let mut sql = Sql::new();
    let (function, more) = match format_of(file, format)? {
        Format::Parquet => ("read_parquet(", ")"),
        Format::Csv => ("read_csv(", ", header = true, all_varchar = true)"),
        Format::Ndjson => ("read_json(", ", format = 'newline_delimited', sample_size = -1)"),
    };
    sql.text("SELECT * FROM ").text(function).value(utf8(file)?).text(more);
    Ok(sql)
}

/// The head of a statement that makes a table of rows, or adds them to it by the names of their columns.
fn head(name: &str, is_new: bool) -> Sql {
    let mut sql = Sql::new();
    if is_new {
        sql.text("CREATE TABLE ");
        place(&mut sql, name);
        sql.text(" AS ");
    } else {
        sql.text("INSERT INTO ");
        place(&mut sql, name);
        sql.text(" BY NAME ");
    }
    sql
}

fn fill(connection: &Connection, name: &str, is_new: bool, rows: &Sql) -> Result<()> {
    let mut sql = head(name, is_new);
    sql.append(rows);
    database::execute(connection, &sql).map(drop)
}

fn fill_batch(connection: &Connection, name: &str, is_new: bool, batch: RecordBatch) -> Result<()> {
    let mut sql = head(name, is_new);
    sql.text("SELECT * FROM arrow(?)");
    let registration = ArrowBatchRegistration::new(batch);
    let insert = || connection.prepare(sql.as_text())?.execute([&registration]);
    insert().map(drop).map_err(|error| unreadable(query_error(&error, sql.as_text()), "the frame"))
}

fn unreadable_timestamps(connection: &Connection, table: &LabTable, column: &str) -> Result<u64> {
    let column = find_column(table, column)?;
    let mut sql = text("SELECT count(*) FROM ");
    place(&mut sql, &table.name);
    sql.text(" WHERE (");
    crate::sql::instant(&mut sql, &column.name);
    sql.text(") IS NULL");
    database::row(connection, &sql, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// A hash of what a table holds, whatever the order of its rows.
fn digest(connection: &Connection, table: &LabTable) -> Result<String> {
    let mut sql = text("SELECT concat_ws(' ', 'table', ");
    sql.value(table.name.as_str()).text(", count(*), sum(CAST(hash(t) AS HUGEINT))) FROM ");
    place(&mut sql, &table.name);
    sql.text(" AS t");
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    Ok(format!("{} {columns:?}", database::row(connection, &sql, |row| row.get::<_, String>(0))?))
}
