//! Parquet files that are queried where they lie.
//!
//! Attaching scans the files once, for their event names, distinct ids and persons; the `events` view then reads the rest
//! from the files at query time. The list of files, with sizes and times of change, is recorded, so that a change is
//! noticed ([`Reader::state`](super::Reader::state)) and can be followed ([`refresh_attached`]).
//!
//! Rows that could not be stored are left out of the view. Events that are attached cannot be told apart from equal ones
//! per query, so files that repeat an event, of their own or of the store, are refused; a later ingest treats attached
//! events as known. Distinct ids, persons and group types stay in the dictionaries when files vanish or are detached; what
//! the files said about the properties of persons and groups counts as long as they are attached.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use duckdb::Connection;
use serde::{Deserialize, Serialize};

use super::database::{self, text};
use super::groups;
use super::ingest::ColumnMapping;
use super::ingest::checked::{Relation, checked};
use super::ingest::identity::{self, IdentityChange};
use super::ingest::mapping::{Rows, resolve};
use super::ingest::{rejects, source, stage};
use super::interrupt::Interrupt;
use super::literal::inline;
use super::store::{EventStore, Writer, stored_events};
use super::{changes, profiles};
use crate::error::{Error, Result};
use crate::sql::Sql;

/// A pattern whose files are part of the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attachment {
    /// The absolute path or glob pattern.
    pub(super) pattern: String,
    /// Which column means what.
    mapping: ColumnMapping,
    /// The files as they were scanned.
    files: Vec<Fingerprint>,
}

/// A file as it was when it was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fingerprint {
    path: PathBuf,
    bytes: u64,
    modified_ns: u128,
}

/// What attaching files did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttachReport {
    /// The absolute path or glob pattern.
    pub pattern: String,
    /// Number of files.
    pub files: u64,
    /// Number of events in them.
    pub events: u64,
    /// Rows that are left out, as they could not be stored either.
    pub rejected: u64,
    /// Persons all of whose distinct ids are new.
    pub new_persons: u64,
    /// How many times two persons became one.
    pub merges: u64,
    /// The version of the data afterwards.
    pub data_version: u64,
}

/// An attached file that is not as it was scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedChange {
    /// The file.
    pub path: PathBuf,
    /// What happened to it.
    pub change: Change,
}

/// What can happen to an attached file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its size or time of change differs.
    Altered,
    /// It is gone.
    Vanished,
    /// It is new among the files of an attached pattern.
    Appeared,
}

/// Makes Parquet files part of the events without copying them.
///
/// # Errors
///
/// `NotFound` if no file matches; `NotAllowed` if the pattern is attached already; `Schema` if columns are not
/// recognised, no row is usable, or an event occurs twice; `Busy`, `Interrupted`.
pub fn attach(
    store: &EventStore,
    pattern: &str,
    mapping: &ColumnMapping,
    wait: Duration,
    interrupt: &Interrupt,
) -> Result<AttachReport> {
    mapping.check()?;
    let pattern = absolute(pattern)?;
    let writer = store.write(wait, "attach")?;
    change(&writer, interrupt, |connection| {
        if recorded(connection)?.iter().any(|known| known.pattern == pattern) {
            return Err(Error::not_allowed(format!("{pattern} is attached already"))
                .hint("refresh it if its files changed, or detach it first"));
        }
        add(connection, &pattern, mapping)
    })
}

/// Scans again those attached files that changed; returns what was scanned, nothing if nothing had changed.
///
/// # Errors
///
/// As [`attach`]; then the store still refers to the files as they were.
pub fn refresh_attached(store: &EventStore, wait: Duration, interrupt: &Interrupt) -> Result<Vec<AttachReport>> {
    let writer = store.write(wait, "refresh attached files")?;
    let mut stale = recorded(&writer.connection)?;
    stale.retain(|attachment| !attachment.changes().is_ok_and(|changes| changes.is_empty()));
    if stale.is_empty() {
        return Ok(Vec::new());
    }
    change(&writer, interrupt, |connection| {
        changes::begin(connection)?;
        for attachment in &stale {
            remove(connection, &attachment.pattern)?;
        }
        replace_view(connection)?;
        profiles::settle(connection)?;
        changes::end(connection)?;
        stale.iter().map(|attachment| add(connection, &attachment.pattern, &attachment.mapping)).collect()
    })
}

/// Takes attached files out of the events again; returns the new version of the data.
///
/// # Errors
///
/// `NotFound` if the pattern is not attached; `Busy`, `Interrupted`.
pub fn detach(store: &EventStore, pattern: &str, wait: Duration, interrupt: &Interrupt) -> Result<u64> {
    let pattern = absolute(pattern)?;
    let writer = store.write(wait, "detach")?;
    change(&writer, interrupt, |connection| {
        if recorded(connection)?.iter().all(|known| known.pattern != pattern) {
            return Err(Error::not_found("attached pattern", &pattern));
        }
        changes::begin(connection)?;
        remove(connection, &pattern)?;
        replace_view(connection)?;
        profiles::settle(connection)?;
        changes::end(connection)?;
        stage::bump_version(connection, &format!("detach {pattern}"))
    })
}

/// Does `work` in one transaction.
pub(super) fn change<T>(
    writer: &Writer,
    interrupt: &Interrupt,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let connection = &writer.connection;
    let done = interrupt.watch(connection, || {
        database::run(connection, "BEGIN")?;
        work(connection)
    })?;
    database::run(connection, "COMMIT")?;
    database::checkpoint(connection);
    Ok(done)
}

/// Patterns are recorded such that they mean the same from everywhere.
fn absolute(pattern: &str) -> Result<String> {
    let path = std::path::absolute(pattern).map_err(|error| Error::io(pattern, error))?;
    stage::utf8(&path).map(str::to_owned)
}

/// Scans the files of a pattern and makes them part of the view.
fn add(connection: &Connection, pattern: &str, mapping: &ColumnMapping) -> Result<AttachReport> {
    let files = fingerprints(pattern)?;
    if files.is_empty() {
        return Err(Error::not_found("file", pattern).hint("check the pattern, or detach it"));
    }
    let rows = checked_rows(connection, pattern, &files, mapping)?;
    stage::stage_query(connection, &rows)?;
    let (read, rejected) = database::row(connection, &text("SELECT count(*), count(reason) FROM checked"), |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    if rejected == read {
        return Err(rejects::refusal(connection, &[pattern.to_owned()], rejected, read)?);
    }
    refuse_repetition(connection, pattern)?;
    number_groups(connection, pattern)?;
    stage::drop_rejected(connection)?;
    let IdentityChange { new_persons, merges } = identity::enter(connection)?;
    let source = record(connection, pattern, mapping, &files)?;
    replace_view(connection)?;
    changes::listen(connection)?;
    changes::fold(connection, source)?;
    profiles::settle(connection)?;
    let data_version = stage::bump_version(connection, &stage::digest(connection)?)?;
    stage::drop_stage(connection)?;
    let (files, events) = (files.len() as u64, read - rejected);
    Ok(AttachReport { pattern: pattern.to_owned(), files, events, rejected, new_persons, merges, data_version })
}

fn refuse_repetition(connection: &Connection, pattern: &str) -> Result<()> {
    stage::find_duplicates(connection)?;
    let repeated: i64 = database::row(connection, &text("SELECT count(*) FROM duplicate"), |row| row.get(0))?;
    if repeated == 0 {
        return Ok(());
    }
    Err(Error::schema(format!("{pattern}: {repeated} events are in the store already, or twice in these files"))
        .hint("ingest the files instead (and detach them, if they are attached): that keeps each event once"))
}

/// The rows that are left out of the view are decided on row by row, so none can be left out for what came before it.
fn number_groups(connection: &Connection, pattern: &str) -> Result<()> {
    let unknown = groups::number(connection)?;
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Error::schema(format!(
        "{pattern}: there is room for five types of groups, but not also for {}",
        unknown.join(", ")
    ))
    .hint("leave the other types out of $groups in these files, or ingest them: then only such rows are rejected"))
}

/// The query over the files that also serves an ingest.
fn checked_rows(connection: &Connection, pattern: &str, files: &[Fingerprint], mapping: &ColumnMapping) -> Result<Sql> {
    let paths = files.iter().map(|file| stage::utf8(&file.path)).collect::<Result<Vec<_>>>()?;
    let mut list = text("read_parquet([");
    list.separated(", ", paths, |sql, path| {
        sql.value(path);
    });
    list.text("], union_by_name = true");
    let mut from = list.clone();
    from.text(")");
    let types = stage::describe(connection, &from).map_err(|error| stage::unreadable(error, pattern))?;
    let columns = resolve(mapping, &Rows::Events, &stage::names(&types), true, pattern)?;
    let mut from = list;
    from.text(", file_row_number = true)");
    let line = text("file_row_number + 1");
    checked(&Relation { from, line, columns: &columns, types: &types, has_flaws: false, origin: pattern }, mapping)
}

/// Records an attachment; returns its number as a source of properties.
fn record(connection: &Connection, pattern: &str, mapping: &ColumnMapping, files: &[Fingerprint]) -> Result<u32> {
    let mut sql = text("INSERT INTO attached SELECT (SELECT coalesce(max(id) + 1, 0) FROM attached), ");
    sql.value(pattern).text(", ").value(json(mapping)?).text(", ").value(json(&files)?);
    sql.text(", count(*), min(timestamp), max(timestamp) FROM checked");
    database::execute(connection, &sql)?;
    source_of(connection, pattern)
}

fn source_of(connection: &Connection, pattern: &str) -> Result<u32> {
    let mut sql = text("SELECT id + 1 FROM attached WHERE pattern = ");
    sql.value(pattern);
    database::row(connection, &sql, |row| row.get(0))
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::bug(format!("an attachment cannot be recorded: {error}")))
}

/// Forgets an attachment; whose properties may have changed by that is in `touched`.
fn remove(connection: &Connection, pattern: &str) -> Result<()> {
    changes::forget(connection, source_of(connection, pattern)?)?;
    let mut sql = text("DELETE FROM attached WHERE pattern = ");
    sql.value(pattern);
    database::execute(connection, &sql).map(|_| ())
}

/// Makes the `events` view cover the stored and all attached events.
fn replace_view(connection: &Connection) -> Result<()> {
    replace_view_with(connection, &recorded(connection)?)
}

fn replace_view_with(connection: &Connection, attachments: &[Attachment]) -> Result<()> {
    let mut view = text("CREATE OR REPLACE VIEW events AS ");
    view.append(&stored_events());
    let types = groups::known(connection)?;
    for attachment in attachments {
        view.text(
            " UNION ALL SELECT file.uuid, file.event, file.distinct_id, distinct_id.person_id, file.timestamp, \
             CAST(file.properties AS VARIANT)",
        );
        for (index, column) in (0..).zip(groups::COLUMNS) {
            view.text(", ");
            match types.iter().find(|(known, _)| *known == index) {
                Some((_, name)) => groups::key(&mut view, index, name, "file"),
                None => drop(view.text("file.").text(column)),
            }
            view.text(" AS ").text(column);
        }
        view.text(" FROM (");
        view.append(&checked_rows(connection, &attachment.pattern, &attachment.files, &attachment.mapping)?);
        view.text(") AS file JOIN distinct_id ON distinct_id.distinct_id = file.distinct_id WHERE file.reason IS NULL");
    }
    database::run(connection, &inline(&view)?)
}

/// For a store that did not keep what attached files say of properties: listens to those files that are as they were
/// scanned. The others are out of the view until they are scanned again.
pub(super) fn rescan_unchanged(connection: &Connection) -> Result<()> {
    let mut attachments = recorded(connection)?;
    if attachments.is_empty() {
        return Ok(());
    }
    attachments.retain(|attachment| attachment.changes().is_ok_and(|changes| changes.is_empty()));
    for attachment in &attachments {
        let rows = checked_rows(connection, &attachment.pattern, &attachment.files, &attachment.mapping)?;
        stage::stage_query(connection, &rows)?;
        groups::number(connection)?;
        stage::drop_rejected(connection)?;
        changes::listen(connection)?;
        changes::fold(connection, source_of(connection, &attachment.pattern)?)?;
        stage::drop_stage(connection)?;
    }
    replace_view_with(connection, &attachments)
}

/// What is attached, in the order it was.
pub(super) fn recorded(connection: &Connection) -> Result<Vec<Attachment>> {
    let sql = text("SELECT pattern, mapping, files FROM attached ORDER BY id");
    let rows = database::rows(connection, &sql, |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    rows.into_iter()
        .map(|(pattern, mapping, files)| {
            let damaged = |error| Error::bug(format!("the record of the attached {pattern} is damaged: {error}"));
            let (mapping, files) =
                (serde_json::from_str(&mapping).map_err(damaged)?, serde_json::from_str(&files).map_err(damaged)?);
            Ok(Attachment { pattern, mapping, files })
        })
        .collect()
}

/// The attached files that are not as they were scanned.
pub(super) fn changes(attachments: &[Attachment]) -> Result<Vec<AttachedChange>> {
    let mut changes = Vec::new();
    for attachment in attachments {
        changes.extend(attachment.changes()?);
    }
    Ok(changes)
}

impl Attachment {
    fn changes(&self) -> Result<Vec<AttachedChange>> {
        let now = fingerprints(&self.pattern)?;
        let by_path = |list: &[Fingerprint], path: &Path| list.iter().position(|file| file.path == path);
        let mut changes = Vec::new();
        for file in &self.files {
            let change = match by_path(&now, &file.path) {
                None => Change::Vanished,
                Some(index) if now[index] != *file => Change::Altered,
                Some(_) => continue,
            };
            changes.push(AttachedChange { path: file.path.clone(), change });
        }
        let new = now.into_iter().filter(|file| by_path(&self.files, &file.path).is_none());
        changes.extend(new.map(|file| AttachedChange { path: file.path, change: Change::Appeared }));
        Ok(changes)
    }
}

/// The files that match a pattern now.
fn fingerprints(pattern: &str) -> Result<Vec<Fingerprint>> {
    let read = |path: PathBuf| {
        let failed = |error| Error::io(&path, error);
        let metadata = path.metadata().map_err(failed)?;
        let modified = metadata.modified().map_err(failed)?;
        let modified_ns = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Ok(Fingerprint { bytes: metadata.len(), modified_ns, path })
    };
    source::matches(pattern)?.into_iter().map(read).collect()
}
