//! The rows that could not be stored: the error that lists them, and the file they are written to.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use duckdb::Connection;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::events::database::{self, text};

/// How many rejected rows an error shows.
const SHOWN: i64 = 5;

/// Describes the first rejected rows, one text each: file, line, reason.
pub(in crate::events) fn examples(connection: &Connection, names: &[String]) -> Result<Vec<String>> {
    let mut sql = text("SELECT file, line, reason FROM checked WHERE reason IS NOT NULL ORDER BY file, line LIMIT ");
    sql.value(SHOWN);
    let rows = database::rows(connection, &sql, |row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, u64>(1)?, row.get::<_, String>(2)?))
    })?;
    Ok(rows.into_iter().map(|(file, line, reason)| format!("{} line {line}: {reason}", names[file as usize])).collect())
}

/// The error for rows that can't be stored.
pub(in crate::events) fn refusal(connection: &Connection, names: &[String], rejected: u64, read: u64) -> Result<Error> {
    let examples = examples(connection, names)?;
    let more = if rejected > examples.len() as u64 { "; …" } else { "" };
    Ok(Error::schema(format!(
        "{rejected} of {read} rows cannot be stored, so nothing was: {}{more}",
        examples.join("; ")
    )))
}

/// A rejected row as it is written.
#[derive(Serialize)]
struct Rejected<'a> {
    file: &'a str,
    line: u64,
    reason: String,
    row: serde_json::Value,
}

/// The rejected rows in a file that does not have its name yet.
pub(super) struct RejectsFile {
    unfinished: PathBuf,
    path: PathBuf,
}

impl RejectsFile {
    /// Writes the rejected rows in `checked` aside.
    pub(super) fn write(
        connection: &Connection,
        directory: &Path,
        data_version: u64,
        names: &[String],
    ) -> Result<Self> {
        let folder = directory.join("rejected");
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        let file = Self { path: free_name(&folder, data_version), unfinished: folder.join("unfinished.ndjson") };
        file.write_rows(connection, names)?;
        Ok(file)
    }

    fn write_rows(&self, connection: &Connection, names: &[String]) -> Result<()> {
        let failed = |error| Error::io(&self.unfinished, error);
        let mut out = BufWriter::new(File::create(&self.unfinished).map_err(failed)?);
        let sql = text("SELECT file, line, reason, raw FROM checked WHERE reason IS NOT NULL ORDER BY file, line");
        let written = database::rows(connection, &sql, |row| {
            let raw: String = row.get(3)?;
            let rejected = Rejected {
                file: &names[row.get::<_, u32>(0)? as usize],
                line: row.get(1)?,
                reason: row.get(2)?,
                row: serde_json::from_str(&raw).unwrap_or(serde_json::Value::String(raw)),
            };
            Ok(serde_json::to_writer(&mut out, &rejected).map_err(Into::into).and_then(|()| out.write_all(b"\n")))
        })?;
        written.into_iter().collect::<std::io::Result<()>>().map_err(failed)?;
        out.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)
    }

    /// Gives the file its name; to be done once the ingest is final.
    pub(super) fn publish(self) -> Result<PathBuf> {
        fs::rename(&self.unfinished, &self.path).map_err(|error| {
            Error::io(&self.path, error)
                .hint(format!("the events were stored; the rejected rows are in {}", self.unfinished.display()))
        })?;
        Ok(self.path)
    }
}

/// `<data_version>.ndjson`, or with a number behind if an ingest that stored nothing left one of that name.
fn free_name(folder: &Path, data_version: u64) -> PathBuf {
    let mut path = folder.join(format!("{data_version}.ndjson"));
    let mut number = 2;
    while path.exists() {
        path = folder.join(format!("{data_version}-{number}.ndjson"));
        number += 1;
    }
    path
}
