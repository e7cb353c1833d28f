//! Taking events in: from files or record batches into the store, as one transaction.
//!
//! The rows of every source are brought into one form and checked by one query ([`checked`]), collected ([`stage`]),
//! compared with what is there, given their place in the dictionaries ([`identity`]) and stored. Rows that can't be
//! stored are written aside ([`rejects`]).
//!
//! **Repetition.** An event is known by its uuid; of several with one uuid the first that came is kept. Without a uuid
//! column the uuid is derived from the event's name, distinct id, time, properties and groups, so ingesting a file twice
//! changes nothing whatever its name, format or row order, and rows equal in all of these are one event.
//!
//! **Properties.** `$set`, `$set_once` and `$unset` change the properties of the person whose distinct id an event has,
//! `$groupidentify` those of a group; tables of persons and groups do so too ([`tables`]). The latest by time counts.
//!
//! **Groups.** An event belongs to the groups in its columns or properties `$group_0` to `$group_4`, and to those that
//! `$groups` names by type.
//!
//! **Persons.** `$identify` with `$anon_distinct_id`, `$create_alias` and `$merge_dangerously` with `alias`, and a shared
//! `person_id` join distinct ids into one person, in whatever order they come. Ids that name nobody, such as `null` or
//! `anonymous`, join nothing.

pub(super) mod checked;
pub(super) mod deliveries;
pub(super) mod identity;
mod instant;
pub(super) mod lines;
pub(super) mod mapping;
pub(super) mod rejects;
mod report;
pub(super) mod source;
pub(super) mod stage;
mod tables;
pub(super) mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duckdb::Connection;
use duckdb::arrow::record_batch::{RecordBatch, RecordBatchReader};

pub use self::mapping::{ColumnMapping, TimestampUnit};
pub use self::report::{FileReport, IngestReport, Progress, Stage};
pub use self::source::{Format, Source};
pub use self::tables::{TableFileReport, TableOptions, TableReport, ingest_groups, ingest_persons};

use self::mapping::Rows;
use self::rejects::RejectsFile;
use self::stage::BatchStage;
use self::text::{CsvRows, JsonRows};
use super::interrupt::Interrupt;
use super::store::EventStore;
use super::{changes, database, groups, profiles};
use crate::error::{Error, Result};

/// How to take events in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngestOptions {
    /// The format of all files, where their names don't tell it.
    pub format: Option<Format>,
    /// Which column means what.
    pub mapping: ColumnMapping,
    /// Whether one row that can't be stored refuses them all.
    pub strict: bool,
}

/// Takes events in, all or none: a failure, an interrupt or the end of the process leaves the store as it was.
///
/// # Errors
///
/// `NotFound` if a file is missing; `Schema` if columns are not recognised, if a file can't be read as what it is, if no
/// row can be stored, and with `strict` if one can't; `Busy` if others held the store for longer than `wait`;
/// `Interrupted`.
///
/// ```
/// # use std::time::Duration;
/// use abduck::events::{EventStore, IngestOptions, Interrupt, Source, ingest};
///
/// # fn main() -> abduck::error::Result<()> {
/// # let directory = std::env::temp_dir().join(format!("abduck-doc-ingest-{}", std::process::id()));
/// # let store = EventStore::create(&directory)?;
/// # let file = directory.join("events.csv");
/// std::fs::write(&file, "user_id,event,timestamp\nann,signup,2025-01-01T10:00:00Z\n").unwrap();
/// let source = Source::Files(vec![file.display().to_string()]);
/// let options = IngestOptions::default();
/// let report = ingest(&store, source, &options, Duration::from_secs(5), &Interrupt::new(), &mut |_| {})?;
/// assert_eq!((report.stored, report.new_persons), (1, 1));
/// # std::fs::remove_dir_all(&directory).ok();
/// # Ok(())
/// # }
/// ```
pub fn ingest(
    store: &EventStore,
    source: Source,
    options: &IngestOptions,
    wait: Duration,
    interrupt: &Interrupt,
    progress: &mut dyn FnMut(Progress),
) -> Result<IngestReport> {
    options.mapping.check()?;
    let inputs = Inputs::of(source, options.format)?;
    let writer = store.write(wait, "ingest")?;
    let connection = &writer.connection;
    let (mapping, is_strict) = (&options.mapping, options.strict);
    let mut ingest = Ingest {
        connection,
        mapping,
        rows: &Rows::Events,
        is_strict,
        interrupt,
        progress,
        bytes: Arc::default(),
        bytes_total: inputs.bytes,
    };
    let (names, identities) = (inputs.names.clone(), inputs.identities.clone());
    let (mut report, rejects) = interrupt.watch(connection, || {
        ingest.read(inputs)?;
        ingest.store(&names, &identities, store.directory())
    })?;
    ingest.tell(Stage::Committing, None);
    // The last moment to stop: from here on the events are in.
    interrupt.check()?;
    database::run(connection, "COMMIT")?;
    if report.stored > 0 {
        database::checkpoint(connection);
    }
    report.rejects_file = rejects.map(RejectsFile::publish).transpose()?;
    tracing::info!(stored = report.stored, rejected = report.rejected, duplicates = report.duplicates, "ingested");
    Ok(report)
}

/// A source, with its files found and their formats known.
struct Inputs {
    list: Vec<Input>,
    /// What messages and the report call them.
    names: Vec<String>,
    /// What tells them from each other, however they were named.
    identities: Vec<String>,
    bytes: u64,
}

enum Input {
    File(PathBuf, Format),
    Batches(Box<dyn RecordBatchReader + Send>),
}

impl Inputs {
    fn of(source: Source, given: Option<Format>) -> Result<Self> {
        let patterns = match source {
            Source::Files(patterns) => patterns,
            Source::Batches(reader) => {
                return Ok(Self {
                    list: vec![Input::Batches(reader)],
                    names: vec!["record batches".to_owned()],
                    identities: vec!["record batches".to_owned()],
                    bytes: 0,
                });
            }
        };
        let mut inputs = Self { list: Vec::new(), names: Vec::new(), identities: Vec::new(), bytes: 0 };
        for path in source::expand(&patterns)? {
            inputs.bytes += std::fs::metadata(&path).map_err(|error| Error::io(&path, error))?.len();
            inputs.names.push(path.display().to_string());
            let identity = path.canonicalize().map_err(|error| Error::io(&path, error))?;
            inputs.identities.push(identity.display().to_string());
            let format = source::format_of(&path, given)?;
            inputs.list.push(Input::File(path, format));
        }
        Ok(inputs)
    }
}

/// A running ingest.
struct Ingest<'a> {
    connection: &'a Connection,
    mapping: &'a ColumnMapping,
    rows: &'a Rows,
    is_strict: bool,
    interrupt: &'a Interrupt,
    progress: &'a mut dyn FnMut(Progress),
    bytes: Arc<AtomicU64>,
    bytes_total: u64,
}

impl Ingest<'_> {
    fn tell(&mut self, stage: Stage, file: Option<&str>) {
        (self.progress)(Progress {
            stage,
            file: file.map(str::to_owned),
            bytes_read: self.bytes.load(Ordering::Relaxed),
            bytes_total: self.bytes_total,
        });
    }

    /// Reads all inputs into `checked`.
    fn read(&mut self, inputs: Inputs) -> Result<()> {
        stage::begin(self.connection)?;
        for (number, (input, name)) in (0..).zip(inputs.list.into_iter().zip(inputs.names)) {
            self.tell(Stage::Reading, Some(&name));
            match input {
                Input::File(path, Format::Parquet) => self.read_parquet(number, &path)?,
                Input::File(path, Format::Csv) => self.read_csv(number, &path, &name)?,
                Input::File(path, Format::Ndjson) => self.read_json(number, &path, &name)?,
                Input::Batches(reader) => self.read_batches(number, reader, &name)?,
            }
        }
        Ok(())
    }

    fn read_parquet(&mut self, number: u32, path: &Path) -> Result<()> {
        stage::parquet(self.connection, number, path, self.mapping, self.rows)?;
        let length = std::fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
        self.bytes.fetch_add(length, Ordering::Relaxed);
        Ok(())
    }

    fn read_csv(&mut self, number: u32, path: &Path, name: &str) -> Result<()> {
        let found = text::csv_columns(path)?;
        let columns = mapping::resolve(self.mapping, self.rows, &found, true, name)?;
        let rows = CsvRows::open(path, &found, &columns, self.bytes.clone())?;
        let stage = BatchStage::for_text(self.connection, number, &text::roles(&columns), self.mapping, name)?;
        self.push_all(rows, stage, name)
    }

    fn read_json(&mut self, number: u32, path: &Path, name: &str) -> Result<()> {
        let columns = mapping::resolve(self.mapping, self.rows, &text::json_columns(path)?, false, name)?;
        let rows = JsonRows::open(path, &columns, self.bytes.clone())?;
        let stage = BatchStage::for_text(self.connection, number, &text::roles(&columns), self.mapping, name)?;
        self.push_all(rows, stage, name)
    }

    fn read_batches(&mut self, number: u32, reader: Box<dyn RecordBatchReader + Send>, name: &str) -> Result<()> {
        let stage = BatchStage::for_table(self.connection, number, &reader.schema(), self.mapping, self.rows, name)?;
        let batches = reader.map(|batch| batch.map_err(|error| Error::schema(format!("{name}: {error}"))));
        self.push_all(batches, stage, name)
    }

    fn push_all(
        &mut self,
        batches: impl Iterator<Item = Result<RecordBatch>>,
        mut stage: BatchStage<'_>,
        name: &str,
    ) -> Result<()> {
        for batch in batches {
            self.interrupt.check()?;
            stage.push(batch?)?;
            self.tell(Stage::Reading, Some(name));
        }
        Ok(())
    }

    /// Stores what can be stored, up to but without making it final.
    fn store(
        &mut self,
        names: &[String],
        identities: &[String],
        directory: &Path,
    ) -> Result<(IngestReport, Option<RejectsFile>)> {
        let connection = self.connection;
        groups::number(connection)?;
        let mut files = count_files(connection, names)?;
        let mut report = IngestReport {
            read: files.iter().map(|file| file.read).sum(),
            rejected: files.iter().map(|file| file.rejected).sum(),
            ..IngestReport::default()
        };
        self.refuse(report.rejected, report.read, names)?;
        self.tell(Stage::Comparing, None);
        stage::find_duplicates(connection)?;
        deliveries::keep(connection, identities)?;
        for (file, rows) in stage::count_by_file(connection, "duplicate")? {
            files[file as usize].duplicates = rows;
        }
        report.exposures = stage::count_exposures(connection)?;
        report.duplicates = files.iter().map(|file| file.duplicates).sum();
        report.stored = report.read - report.rejected - report.duplicates;
        report.data_version = stage::data_version(connection)? + u64::from(report.stored > 0);
        let rejects = if report.rejected > 0 {
            Some(RejectsFile::write(connection, directory, report.data_version, names)?)
        } else {
            None
        };
        for file in &mut files {
            file.stored = file.read - file.rejected - file.duplicates;
        }
        report.files = files;
        if report.stored > 0 {
            self.enter(&mut report)?;
        }
        Ok((report, rejects))
    }

    /// Refuses an ingest that would store nothing of what it read, and a strict one that would not store all.
    fn refuse(&self, rejected: u64, read: u64, names: &[String]) -> Result<()> {
        let all = rejected == read;
        if rejected == 0 || !(self.is_strict || all) {
            return Ok(());
        }
        let error = rejects::refusal(self.connection, names, rejected, read)?;
        Err(if all {
            error.hint("check which columns are mapped, and the unit of numeric timestamps")
        } else {
            error.hint("mend these rows, or ingest without strict: they are then written aside")
        })
    }

    fn enter(&mut self, report: &mut IngestReport) -> Result<()> {
        self.tell(Stage::Storing, None);
        stage::drop_rejected(self.connection)?;
        stage::drop_duplicates(self.connection)?;
        let change = identity::enter(self.connection)?;
        (report.new_persons, report.merges) = (change.new_persons, change.merges);
        let stored = stage::store(self.connection)?;
        if stored != report.stored {
            return Err(Error::bug(format!("{stored} events were stored where {} were expected", report.stored)));
        }
        changes::listen(self.connection)?;
        changes::fold(self.connection, changes::STORED)?;
        let changed = profiles::settle(self.connection)?;
        (report.changed_persons, report.changed_groups) = (changed.persons, changed.groups);
        stage::bump_version(self.connection, &stage::digest(self.connection)?)?;
        Ok(())
    }
}

/// How many rows of each file were read, and how many of them rejected.
fn count_files(connection: &Connection, names: &[String]) -> Result<Vec<FileReport>> {
    let mut files: Vec<FileReport> =
        names.iter().map(|name| FileReport { file: name.clone(), ..FileReport::default() }).collect();
    for (file, rows) in stage::count_by_file(connection, "checked")? {
        files[file as usize].read = rows;
    }
    for (file, rows) in stage::count_by_file(connection, "(FROM checked WHERE reason IS NOT NULL)")? {
        files[file as usize].rejected = rows;
    }
    Ok(files)
}
