//! What has been defined and what has been computed: the file `catalog.sqlite` of a lab.
//!
//! ```text
//! Catalog ── snapshot() ──→ Snapshot      reads, all from one state of the catalog
//!         └─ transaction() → Transaction   reads and writes; commit(self) keeps them, dropping it forgets them
//! ```
//!
//! Each noun has a file with its SQL on top, its reads in `impl Snapshot` and its writes in `impl Transaction`. Every
//! change of a definition takes a [`Change`], who and when, and leaves an entry in the audit log in the same
//! transaction. The catalog stores; it decides nothing and reads no events.

mod action;
mod audit;
mod cache;
mod cohort;
mod column;
mod experiment;
mod flag;
mod history;
mod holdout;
mod migration;
mod named;
mod place;
mod saved_metric;
mod settings;
mod transaction;

pub use audit::{AuditEntry, Change};
pub use cache::CachedResult;
pub use history::PastResult;
pub use transaction::{Snapshot, Transaction};

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{Error, Result};
use place::Place;

/// The catalog's file in the directory of a lab.
const FILE_NAME: &str = "catalog.sqlite";

/// How long to wait for another writer unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// The open catalog of a lab. Several processes may have it open at once; writers take turns.
///
/// ```
/// use abduck::catalog::Catalog;
///
/// let lab = std::env::temp_dir().join(format!("abduck-example-{}", std::process::id()));
/// let mut catalog = Catalog::create(&lab)?;
/// assert!(catalog.snapshot()?.experiments()?.is_empty());
/// # drop(catalog);
/// # std::fs::remove_dir_all(&lab).unwrap();
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Catalog {
    connection: Connection,
    place: Place,
}

impl Catalog {
    /// Makes a directory a lab, creating the directory if need be.
    ///
    /// # Errors
    /// - `NotAllowed` when the directory is a lab already;
    /// - `Storage` when its `catalog.sqlite` is something else;
    /// - `Io` when the directory cannot be made.
    pub fn create(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        std::fs::create_dir_all(directory).map_err(|error| Error::io(directory, error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut catalog = Self::connect(directory, flags)?;
        migration::found(&mut catalog.connection, &catalog.place)?;
        catalog.prepared()
    }

    /// Opens the catalog of a lab, bringing an older one up to date.
    ///
    /// # Errors
    /// - `NotFound` when the directory is no lab;
    /// - `NotAllowed` when the lab was made by a newer abduck;
    /// - `Storage` when its `catalog.sqlite` is damaged or is something else.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        if !directory.join(FILE_NAME).is_file() {
            return Err(place::no_lab(directory));
        }
        Self::connect(directory, OpenFlags::SQLITE_OPEN_READ_WRITE)?.prepared()
    }

    /// Sets how long to wait for another writer before giving up; 5 seconds unless set.
    ///
    /// # Errors
    /// `Storage` when the database refuses.
    pub fn waiting_at_most(mut self, patience: Duration) -> Result<Self> {
        self.connection.busy_timeout(patience).map_err(|error| self.place.error(error))?;
        self.place.patience = patience;
        Ok(self)
    }

    /// Begins to read: everything read from the snapshot belongs to one state of the catalog.
    ///
    /// # Errors
    /// `Storage` when the file cannot be read.
    pub fn snapshot(&mut self) -> Result<Snapshot<'_>> {
        Snapshot::begin(&mut self.connection, &self.place, TransactionBehavior::Deferred)
    }

    /// Begins to change the catalog, and keeps other writers out until the end. Dropping the transaction forgets the
    /// changes; [`Transaction::commit`] keeps them.
    ///
    /// # Errors
    /// `Busy` when another writer does not finish in time; `Storage` when the file cannot be written.
    pub fn transaction(&mut self) -> Result<Transaction<'_>> {
        Snapshot::begin(&mut self.connection, &self.place, TransactionBehavior::Immediate).map(Transaction::new)
    }

    fn connect(directory: &Path, flags: OpenFlags) -> Result<Self> {
        let place = Place { path: directory.join(FILE_NAME), patience: PATIENCE };
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&place.path, flags).map_err(|error| place.error(error))?;
        let catalog = Self { connection, place }.waiting_at_most(PATIENCE)?;
        let enforced = catalog.connection.pragma_update(None, "foreign_keys", true);
        enforced.map_err(|error| catalog.place.error(error))?;
        Ok(catalog)
    }

    /// Brings the tables up to date, and lets readers go on while somebody writes.
    fn prepared(mut self) -> Result<Self> {
        migration::upgrade(&mut self.connection, &self.place)?;
        self.log_ahead()?;
        Ok(self)
    }

    /// Switches to write-ahead logging. Of several who do so at once, SQLite refuses some without waiting.
    fn log_ahead(&self) -> Result<()> {
        const PAUSE: Duration = Duration::from_millis(10);
        let mut waited = Duration::ZERO;
        loop {
            let switched = self.connection.pragma_update(None, "journal_mode", "WAL");
            match switched.map_err(|error| self.place.error(error)) {
                Err(error) if error.code() == "busy" && waited < PATIENCE => {
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                switched => return switched,
            }
        }
    }
}
