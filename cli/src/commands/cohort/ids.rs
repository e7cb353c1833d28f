//! Ids of persons, from a file or from stdin: one per line, or a column of CSV.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use abduck::events::{Format, TableRows, read_table};
use abduck::{Error, Interrupt, Result};
use serde_json::Value;

use crate::commands::definition::{is_stdin, name, text};

/// Reads ids; there must be some. `id_column` is where they are in CSV.
pub(super) fn read(file: &Path, id_column: &str, interrupt: &Interrupt) -> Result<Vec<String>> {
    let is_csv = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let ids = if is_csv { column(file, id_column, interrupt)? } else { text_or_column(file, id_column, interrupt)? };
    if ids.is_empty() {
        let message = format!("{}: there are no ids in it", name(file));
        return Err(Error::invalid(message).hint(format!("write one per line, or CSV with a column `{id_column}`")));
    }
    Ok(ids)
}

/// CSV is known by the column in its first line.
fn text_or_column(file: &Path, id_column: &str, interrupt: &Interrupt) -> Result<Vec<String>> {
    let text = text(file)?;
    let first = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    if !first.split([',', ';', '\t']).any(|field| field.trim().trim_matches('"') == id_column) {
        return Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect());
    }
    if !is_stdin(file) {
        return column(file, id_column, interrupt);
    }
    let failed = |error| Error::io(std::env::temp_dir(), error);
    let mut copy = tempfile::NamedTempFile::new().map_err(failed)?;
    copy.write_all(text.as_bytes()).map_err(failed)?;
    column(copy.path(), id_column, interrupt)
}

/// The ids in a column of CSV.
fn column(file: &Path, id_column: &str, interrupt: &Interrupt) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut take = |rows: TableRows<'_>| {
        if let TableRows::Objects(objects) = rows {
            ids.extend(objects.iter().filter_map(|object| object.get(id_column)).map(id));
        }
        Ok(())
    };
    read_table(file, Some(Format::Csv), id_column, &BTreeSet::new(), interrupt, &mut take)?;
    Ok(ids)
}

fn id(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
