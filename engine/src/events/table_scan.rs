//! Several files, or a frame, as the rows of one table.

use std::collections::BTreeSet;
use std::path::Path;

use duckdb::AccessMode;

use super::database::{self};
use super::ingest::source::{expand, format_of};
use super::ingest::stage::{describe, names, unreadable, utf8};
use super::ingest::text::csv_columns;
use super::ingest::{Format, Source};
use super::interrupt::Interrupt;
use super::table::{TableRows, read_table};
use crate::error::{Error, Result};
use crate::model::suggest::closest;
use crate::sql::Sql;

/// Hands over the rows of a table that must have some columns, in their order, some at a time; returns their number.
///
/// # Errors
/// `NotFound` and `Io` when a file cannot be opened; `Schema` when it is broken, or lacks a column of `required`;
/// `Interrupted`; and whatever `on_rows` returns.
pub fn scan_table(
    source: Source,
    format: Option<Format>,
    required: &[String],
    optional: &[String],
    interrupt: &Interrupt,
    on_rows: &mut dyn FnMut(TableRows<'_>) -> Result<()>,
) -> Result<u64> {
    match source {
        Source::Files(patterns) => {
            let mut rows = 0;
            for file in expand(&patterns)? {
                rows += scan_file(&file, format, required, optional, interrupt, on_rows)?;
            }
            Ok(rows)
        }
        Source::Batches(batches) => {
            let columns: Vec<String> = batches.schema().fields().iter().map(|field| field.name().clone()).collect();
            check(required, &columns, "the frame")?;
            let mut rows = 0;
            for batch in batches {
                interrupt.check()?;
                let batch = batch.map_err(|error| Error::schema(format!("the Arrow stream broke off: {error}")))?;
                rows += batch.num_rows() as u64;
                on_rows(TableRows::Columns(&batch))?;
            }
            Ok(rows)
        }
    }
}

fn scan_file(
    file: &Path,
    format: Option<Format>,
    required: &[String],
    optional: &[String],
    interrupt: &Interrupt,
    on_rows: &mut dyn FnMut(TableRows<'_>) -> Result<()>,
) -> Result<u64> {
    let origin = file.display().to_string();
    let format = format_of(file, format)?;
    let mut all = required.iter().chain(optional);
    let first = all.next().map_or("", String::as_str);
    let others = all.cloned().collect();
    let columns = match format {
        Format::Csv => csv_columns(file)?,
        Format::Parquet => parquet_columns(file)?,
        // Which keys there are is known when all lines have been seen.
        Format::Ndjson => {
            let mut keys: BTreeSet<String> = BTreeSet::new();
            let rows = read_table(file, Some(format), first, &others, interrupt, &mut |rows| {
                if let TableRows::Objects(objects) = &rows {
                    for key in objects.iter().flat_map(serde_json::Map::keys) {
                        if !keys.contains(key) {
                            keys.insert(key.clone());
                        }
                    }
                }
                on_rows(rows)
            })?;
            check(required, &keys.into_iter().collect::<Vec<_>>(), &origin)?;
            return Ok(rows);
        }
    };
    check(required, &columns, &origin)?;
    read_table(file, Some(format), first, &others, interrupt, on_rows)
}

fn parquet_columns(file: &Path) -> Result<Vec<String>> {
    let connection = database::open(Path::new(":memory:"), AccessMode::ReadWrite)?;
    let mut from = Sql::new();
    from.text("read_parquet(").value(utf8(file)?).text(")");
    Ok(names(&describe(&connection, &from).map_err(|error| unreadable(error, &file.display().to_string()))?))
}

fn check(required: &[String], columns: &[String], origin: &str) -> Result<()> {
    let Some(missing) = required.iter().find(|name| !columns.contains(name)) else { return Ok(()) };
    let hint = match closest(missing, columns.iter().map(String::as_str)) {
        Some(similar) => format!("did you mean '{similar}'?"),
        None => format!("there are: {}", columns.join(", ")),
    };
    Err(Error::schema(format!("{origin}: there is no column '{missing}'")).hint(hint))
}
