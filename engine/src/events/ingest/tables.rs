//! Tables of persons and of groups: each row names one, and its other columns are properties.
//!
//! A row says what `$set` says in an event, at the time in its `timestamp` column or, without one, as of the time that the
//! caller gives. So it gives way to what events and other tables say of later times, whichever comes first into the store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::mapping::{ColumnMapping, Rows, TimestampUnit};
use super::rejects::RejectsFile;
use super::source::{Format, Source};
use super::{Ingest, Inputs, Progress, Stage, count_files, identity, stage};
use crate::error::{Error, Result};
use crate::events::interrupt::Interrupt;
use crate::events::store::EventStore;
use crate::events::{changes, database, groups, profiles};

/// How to take a table of persons or groups in.
///
/// ```
/// use abduck::events::TableOptions;
///
/// let options = TableOptions { distinct_id: Some("visitor".into()), ..TableOptions::as_of("2025-01-31T00:00:00Z".parse()?) };
/// assert_eq!(options.timestamp, None);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// The time that rows without a time of their own speak of.
    pub as_of: Timestamp,
    /// The format of all files, where their names don't tell it.
    pub format: Option<Format>,
    /// Whether one row that can't be taken in refuses them all.
    pub strict: bool,
    /// The column with the distinct id of a person; if absent, it is recognised as in events.
    pub distinct_id: Option<String>,
    /// The column with another system's id of a person; if absent, `person_id`.
    pub person_id: Option<String>,
    /// The column with the key of a group; if absent, `group_key` or `key`.
    pub group_key: Option<String>,
    /// The column that says of which time a row speaks; if absent, `timestamp`, if there is one.
    pub timestamp: Option<String>,
    /// The column with properties as JSON text, a struct or a map; if absent, `properties`. Other columns go before it.
    pub properties: Option<String>,
    /// What a timestamp that is a number counts since 1970; required for such timestamps.
    pub timestamp_unit: Option<TimestampUnit>,
    /// The IANA time zone of timestamps that don't carry an offset; UTC if absent.
    pub timezone: Option<String>,
}

impl TableOptions {
    /// Columns recognised by their names, rows without a time as of `as_of`.
    #[must_use]
    pub fn as_of(as_of: Timestamp) -> Self {
        Self {
            as_of,
            format: None,
            strict: false,
            distinct_id: None,
            person_id: None,
            group_key: None,
            timestamp: None,
            properties: None,
            timestamp_unit: None,
            timezone: None,
        }
    }

    fn mapping(&self) -> ColumnMapping {
        ColumnMapping {
            distinct_id: self.distinct_id.clone(),
            person_id: self.person_id.clone(),
            timestamp: self.timestamp.clone(),
            properties: self.properties.clone(),
            timestamp_unit: self.timestamp_unit,
            timezone: self.timezone.clone(),
            ..ColumnMapping::default()
        }
    }
}

/// What taking in a table of persons or groups did; all counts are rows unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// Rows read.
    pub read: u64,
    /// Rows among them that could not be taken in.
    pub rejected: u64,
    /// Persons all of whose distinct ids are new, or groups that nothing had described.
    pub new: u64,
    /// Persons or groups whose properties are others than before.
    pub changed: u64,
    /// How many times two persons became one.
    pub merges: u64,
    /// The version of the data afterwards; unchanged if the table said nothing new.
    pub data_version: u64,
    /// The first two counts by file, in the order they were read.
    pub files: Vec<TableFileReport>,
    /// Where the rejected rows are, one JSON object with `file`, `line`, `reason` and `row` per line.
    pub rejects_file: Option<std::path::PathBuf>,
}

/// What taking in one file of a table did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableFileReport {
    /// The file, or `record batches`.
    pub file: String,
    /// Rows read.
    pub read: u64,
    /// Rows among them that could not be taken in.
    pub rejected: u64,
}

/// Takes in a table of persons: all of it or, on failure, nothing.
///
/// A row names its person by a distinct id, by another system's id, or by both, which says that they are one person. What
/// is known of a person by the other system's id alone waits until an event or another row tells a distinct id of theirs.
///
/// # Errors
///
/// As [`ingest`](super::ingest()).
///
/// ```
/// # use std::time::Duration;
/// use abduck::events::{EventStore, Interrupt, Source, TableOptions, ingest_persons};
///
/// # fn main() -> abduck::error::Result<()> {
/// # let directory = std::env::temp_dir().join(format!("abduck-doc-persons-{}", std::process::id()));
/// # let store = EventStore::create(&directory)?;
/// # let file = directory.join("persons.csv");
/// std::fs::write(&file, "distinct_id,plan,seats\nann,pro,3\n").unwrap();
/// let source = Source::Files(vec![file.display().to_string()]);
/// let options = TableOptions::as_of("2025-01-31T00:00:00Z".parse().unwrap());
/// # let wait = Duration::from_secs(5);
/// let report = ingest_persons(&store, source, &options, wait, &Interrupt::new(), &mut |_| {})?;
/// assert_eq!((report.new, report.changed), (1, 1));
/// # std::fs::remove_dir_all(&directory).ok();
/// # Ok(())
/// # }
/// ```
pub fn ingest_persons(
    store: &EventStore,
    source: Source,
    options: &TableOptions,
    wait: Duration,
    interrupt: &Interrupt,
    progress: &mut dyn FnMut(Progress),
) -> Result<TableReport> {
    let rows = Rows::Persons { as_of_us: options.as_of.as_microsecond() };
    take_in(store, source, options, &rows, wait, interrupt, progress)
}

/// Takes in a table of groups of one type: all of it or, on failure, nothing.
///
/// # Errors
///
/// As [`ingest`](super::ingest()); also `Schema` if there are five other types of groups already.
pub fn ingest_groups(
    store: &EventStore,
    source: Source,
    group_type: &str,
    options: &TableOptions,
    wait: Duration,
    interrupt: &Interrupt,
    progress: &mut dyn FnMut(Progress),
) -> Result<TableReport> {
    if group_type.is_empty() {
        return Err(Error::invalid_field("group_type", "required", "the type of the groups has no name")
            .hint("name it as events do in $groups, such as company"));
    }
    let rows = Rows::Groups {
        as_of_us: options.as_of.as_microsecond(),
        group_type: group_type.to_owned(),
        key: options.group_key.clone(),
    };
    take_in(store, source, options, &rows, wait, interrupt, progress)
}

fn take_in(
    store: &EventStore,
    source: Source,
    options: &TableOptions,
    rows: &Rows,
    wait: Duration,
    interrupt: &Interrupt,
    progress: &mut dyn FnMut(Progress),
) -> Result<TableReport> {
    let inputs = Inputs::of(source, options.format)?;
    let writer = store.write(wait, "ingest a table")?;
    let connection = &writer.connection;
    let mut ingest = Ingest {
        connection,
        mapping: &options.mapping(),
        rows,
        is_strict: options.strict,
        interrupt,
        progress,
        bytes: Arc::default(),
        bytes_total: inputs.bytes,
    };
    let names = inputs.names.clone();
    let version = stage::data_version(connection)?;
    let (mut report, rejects) = interrupt.watch(connection, || {
        ingest.read(inputs)?;
        ingest.store_table(&names, store.directory())
    })?;
    ingest.tell(Stage::Committing, None);
    // The last moment to stop: from here on the table is in.
    interrupt.check()?;
    if report.data_version != version {
        database::run(connection, "COMMIT")?;
        database::checkpoint(connection);
    }
    report.rejects_file = rejects.map(RejectsFile::publish).transpose()?;
    tracing::info!(read = report.read, rejected = report.rejected, changed = report.changed, "took a table in");
    Ok(report)
}

impl Ingest<'_> {
    /// Enters what the rows say, up to but without making it final.
    fn store_table(&mut self, names: &[String], directory: &Path) -> Result<(TableReport, Option<RejectsFile>)> {
        let connection = self.connection;
        groups::number(connection)?;
        let counts = count_files(connection, names)?;
        let files: Vec<TableFileReport> = counts
            .into_iter()
            .map(|count| TableFileReport { file: count.file, read: count.read, rejected: count.rejected })
            .collect();
        let mut report = TableReport {
            read: files.iter().map(|file| file.read).sum(),
            rejected: files.iter().map(|file| file.rejected).sum(),
            data_version: stage::data_version(connection)?,
            files,
            ..TableReport::default()
        };
        self.refuse(report.rejected, report.read, names)?;
        let rejects = if report.rejected > 0 {
            Some(RejectsFile::write(connection, directory, report.data_version + 1, names)?)
        } else {
            None
        };
        self.tell(Stage::Storing, None);
        stage::drop_rejected(connection)?;
        self.enter_table(&mut report)?;
        Ok((report, rejects))
    }

    fn enter_table(&self, report: &mut TableReport) -> Result<()> {
        let connection = self.connection;
        let known = names(connection)?;
        let identity = identity::enter(connection)?;
        changes::listen(connection)?;
        let heard = changes::fold(connection, changes::STORED)?;
        let new_names = names(connection)? - known;
        if heard + new_names + identity.merges == 0 {
            return Ok(());
        }
        let changed = profiles::settle(connection)?;
        report.merges = identity.merges;
        (report.new, report.changed) = match self.rows {
            Rows::Groups { .. } => (new_names, changed.groups),
            _ => (identity.new_persons, changed.persons),
        };
        report.data_version = stage::bump_version(connection, &stage::digest(connection)?)?;
        Ok(())
    }
}

/// How many distinct ids, foreign ids of persons with distinct ids or without, and groups are known.
fn names(connection: &duckdb::Connection) -> Result<u64> {
    let sql = database::text(
        "SELECT (SELECT count(*) FROM distinct_id) + (SELECT count(*) + count(person_id) FROM person) \
         + (SELECT count(*) FROM group_profile)",
    );
    database::row(connection, &sql, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}
