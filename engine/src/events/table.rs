//! Files that are no events: the rows of any table, as they lie in a file.

use std::collections::BTreeSet;
use std::path::Path;
use std::str;
use std::sync::Arc;

use duckdb::arrow::record_batch::RecordBatch;
use duckdb::{AccessMode, params_from_iter};
use serde_json::{Map, Value};

use super::database::{self, bound, query_error, text};
use super::ingest::Format;
use super::ingest::lines::{Lines, Records};
use super::ingest::source::format_of;
use super::ingest::stage::{describe, names, unreadable, utf8};
use super::ingest::text::{csv_columns, typed};
use super::interrupt::Interrupt;
use crate::error::{Error, Result};
use crate::sql::Sql;

/// How many rows of a text file are handed over at once.
const OBJECTS: usize = 8_192;

/// Some rows of a table.
#[derive(Debug)]
pub enum TableRows<'a> {
    /// From a file whose columns have types.
    Columns(&'a RecordBatch),
    /// From a file of text; what is not there or empty is left out.
    Objects(&'a [Map<String, Value>]),
}

/// Hands over the rows of a Parquet, CSV or NDJSON file in their order, some at a time; returns their number.
///
/// Of a Parquet file only the columns `required` and `optional` are read. In a CSV file, a field is a number or a truth
/// value if that reads back as the same text.
///
/// # Errors
/// `NotFound` and `Io` when the file cannot be opened; `Schema` when it is not what its name says, a line is broken, or it
/// has no column `required`; `Interrupted`; and whatever `on_rows` returns.
///
/// ```
/// # use abduck::events::{Interrupt, TableRows, read_table};
/// let file = std::env::temp_dir().join(format!("abduck-doc-table-{}.csv", std::process::id()));
/// std::fs::write(&file, "distinct_id,age\nann,31\nbob,\n").unwrap();
/// let mut rows = Vec::new();
/// read_table(&file, None, "distinct_id", &Default::default(), &Interrupt::new(), &mut |some| {
///     if let TableRows::Objects(objects) = some {
///         rows.extend(objects.iter().map(|object| serde_json::json!(object).to_string()));
///     }
///     Ok(())
/// })?;
/// assert_eq!(rows, [r#"{"distinct_id":"ann","age":31}"#, r#"{"distinct_id":"bob"}"#]);
/// # std::fs::remove_file(&file).ok();
/// # Ok::<(), abduck::Error>(())
/// ```
pub fn read_table(
    path: &Path,
    format: Option<Format>,
    required: &str,
    optional: &BTreeSet<String>,
    interrupt: &Interrupt,
    on_rows: &mut dyn FnMut(TableRows<'_>) -> Result<()>,
) -> Result<u64> {
    if !path.is_file() {
        return Err(Error::not_found("file", path.display().to_string()));
    }
    let mut on_rows = |rows: TableRows<'_>| {
        interrupt.check()?;
        on_rows(rows)
    };
    match format_of(path, format)? {
        Format::Parquet => read_parquet(path, required, optional, interrupt, &mut on_rows),
        Format::Csv => read_csv(path, required, &mut on_rows),
        Format::Ndjson => read_ndjson(path, &mut on_rows),
    }
}

type OnRows<'a> = &'a mut dyn FnMut(TableRows<'_>) -> Result<()>;

fn read_parquet(
    path: &Path,
    required: &str,
    optional: &BTreeSet<String>,
    interrupt: &Interrupt,
    on_rows: OnRows<'_>,
) -> Result<u64> {
    let origin = path.display().to_string();
    // A database of its own, in memory: the lab is not needed to read a file.
    let connection = database::open(Path::new(":memory:"), AccessMode::ReadWrite)?;
    let mut from = Sql::new();
    from.text("read_parquet(").value(utf8(path)?).text(")");
    let columns = names(&describe(&connection, &from).map_err(|error| unreadable(error, &origin))?);
    check_column(required, &columns, &origin)?;
    let wanted = columns.iter().filter(|name| *name == required || optional.contains(*name));
    let mut sql = text("SELECT ");
    sql.separated(", ", wanted, |sql, name| {
        sql.identifier(name);
    });
    sql.text(" FROM ").append(&from);
    interrupt.watch(&connection, || {
        let failed = |error: duckdb::Error| unreadable(query_error(&error, sql.as_text()), &origin);
        let mut statement = connection.prepare(sql.as_text()).map_err(failed)?;
        let mut rows = 0;
        for batch in statement.stream_arrow(params_from_iter(bound(&sql))).map_err(failed)? {
            let batch = batch.map_err(failed)?;
            rows += batch.num_rows() as u64;
            on_rows(TableRows::Columns(&batch))?;
        }
        Ok(rows)
    })
}

fn read_csv(path: &Path, required: &str, on_rows: OnRows<'_>) -> Result<u64> {
    let columns = csv_columns(path)?;
    check_column(required, &columns, &path.display().to_string())?;
    let mut records = Records::open(path, Arc::default())?;
    records.advance()?;
    let mut objects = Objects::new(on_rows);
    while let Some(line) = records.advance()? {
        let broken = |why: String| Error::schema(format!("{} line {line}: {why}", path.display()));
        if records.len() != columns.len() {
            return Err(broken(format!("the line has {} fields, the header has {}", records.len(), columns.len())));
        }
        let mut object = Map::new();
        for (index, name) in columns.iter().enumerate() {
            let field = str::from_utf8(records.field(index)).map_err(|_| broken("the line is not UTF-8".to_owned()))?;
            if let Some(value) = typed(field) {
                object.insert(name.clone(), value);
            }
        }
        objects.push(object)?;
    }
    objects.finish()
}

fn read_ndjson(path: &Path, on_rows: OnRows<'_>) -> Result<u64> {
    let mut lines = Lines::open(path, Arc::default())?;
    let (mut line, mut objects) = (Vec::new(), Objects::new(on_rows));
    while let Some(number) = lines.next_filled(&mut line)? {
        let broken = |why: String| {
            Error::schema(format!("{} line {number}: {why}", path.display()))
                .hint("an NDJSON file has one JSON object per line")
        };
        let object = match serde_json::from_slice(&line) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(broken("the line is not a JSON object".to_owned())),
            Err(error) => return Err(broken(format!("broken JSON at column {}", error.column()))),
        };
        objects.push(object)?;
    }
    objects.finish()
}

fn check_column(required: &str, columns: &[String], origin: &str) -> Result<()> {
    if columns.iter().any(|column| column == required) {
        return Ok(());
    }
    Err(Error::schema(format!("{origin}: there is no column '{required}'"))
        .hint(format!("name another; there are: {}", columns.join(", "))))
}

/// Rows that wait to be handed over together.
struct Objects<'a> {
    waiting: Vec<Map<String, Value>>,
    rows: u64,
    on_rows: OnRows<'a>,
}

impl<'a> Objects<'a> {
    fn new(on_rows: OnRows<'a>) -> Self {
        Self { waiting: Vec::with_capacity(OBJECTS), rows: 0, on_rows }
    }

    fn push(&mut self, object: Map<String, Value>) -> Result<()> {
        self.waiting.push(object);
        if self.waiting.len() == OBJECTS { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<()> {
        self.rows += self.waiting.len() as u64;
        (self.on_rows)(TableRows::Objects(&self.waiting))?;
        self.waiting.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<u64> {
        self.hand_over()?;
        Ok(self.rows)
    }
}
