//! The store as a place on disk, and holding it.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use duckdb::{AccessMode, Connection};

use super::database::{self, text};
use super::interrupt::Interrupt;
use super::known::{Identity, Memory};
use super::lock::{Access, Lock};
use super::migrate;
use super::projection::EventsFrom;
use crate::error::{Error, Result};

const SCHEMA: &str = include_str!("schema.sql");
const VIEW: &str = include_str!("view.sql");

/// The same without its first word, for those who want a column more.
pub(super) const COLUMNS_OF_EVENTS: &str = match VIEW.split_at_checked("SELECT".len()) {
    Some((_, columns)) => columns,
    None => VIEW,
};

/// The half of the schema that stores of format 1 lack.
pub(super) const PROPERTIES: &str = include_str!("properties.sql");

/// The form of the file this version writes.
pub(super) const FORMAT_VERSION: u32 = 2;

/// The event store of a lab: the file `events.duckdb` in the lab's directory. It is opened per operation.
///
/// ```
/// use std::time::Duration;
/// use abduck::events::EventStore;
///
/// # fn main() -> abduck::error::Result<()> {
/// # let directory = std::env::temp_dir().join(format!("abduck-doc-{}", std::process::id()));
/// let store = EventStore::create(&directory)?;
/// let reader = store.read(Duration::from_secs(1), "show the state")?;
/// assert_eq!(reader.state()?.event_count, 0);
/// # drop(reader);
/// # std::fs::remove_dir_all(&directory).ok();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EventStore {
    directory: PathBuf,
    interrupt: Interrupt,
    events_from: EventsFrom,
    memory: Memory,
}

/// The store, held for reading along with other readers.
#[derive(Debug)]
pub struct Reader {
    connection: OnceCell<Connection>,
    pub(super) directory: PathBuf,
    pub(super) events_from: EventsFrom,
    pub(super) identity: Identity,
    pub(super) memory: Memory,
    _lock: Lock,
}

/// The store, held for writing by this caller alone.
#[derive(Debug)]
pub struct Writer {
    pub(super) connection: Connection,
    _lock: Lock,
}

impl EventStore {
    /// Creates an empty store, and the directory if it is missing.
    ///
    /// # Errors
    ///
    /// `NotAllowed` if there is a store already; `Io` and `Storage` if the file cannot be written.
    pub fn create(directory: impl AsRef<Path>) -> Result<Self> {
        let store = Self {
            directory: directory.as_ref().to_owned(),
            interrupt: Interrupt::new(),
            events_from: EventsFrom::default(),
            memory: Memory::default(),
        };
        fs::create_dir_all(&store.directory).map_err(|error| Error::io(&store.directory, error))?;
        let _lock = store.lock(Access::Exclusive, Duration::ZERO, "create the event store")?;
        if store.path().exists() {
            return Err(Error::not_allowed(format!("{} exists already", store.path().display()))
                .hint("use it as it is, or choose another directory"));
        }
        // Written aside first, so that a store is either complete or not there.
        let unfinished = store.directory.join("events.duckdb.new");
        if unfinished.exists() {
            fs::remove_file(&unfinished).map_err(|error| Error::io(&unfinished, error))?;
        }
        let connection = database::open(&unfinished, AccessMode::ReadWrite)?;
        database::run(&connection, SCHEMA)?;
        database::run(&connection, PROPERTIES)?;
        database::run(&connection, &format!("CREATE VIEW events AS {VIEW}"))?;
        close(connection)?;
        fs::rename(&unfinished, store.path()).map_err(|error| Error::io(store.path(), error))?;
        Ok(store)
    }

    /// The store in a lab's directory.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is none.
    pub fn at(directory: impl AsRef<Path>) -> Result<Self> {
        let store = Self {
            directory: directory.as_ref().to_owned(),
            interrupt: Interrupt::new(),
            events_from: EventsFrom::default(),
            memory: Memory::default(),
        };
        if store.path().is_file() {
            Ok(store)
        } else {
            Err(Error::not_found("event store", store.path().display().to_string())
                .hint("create the lab first, or check the directory"))
        }
    }

    /// The same store, where waiting for others ends when the switch is raised.
    #[must_use]
    pub fn interruptible(self, interrupt: &Interrupt) -> Self {
        Self { interrupt: interrupt.clone(), ..self }
    }

    /// The same store, where events are read from elsewhere.
    #[must_use]
    pub fn reading_from(self, events_from: EventsFrom) -> Self {
        Self { events_from, ..self }
    }

    /// The directory the store lies in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Holds the store for reading, waiting at most `wait` for a writer. Others are told `operation` if they wait for us.
    ///
    /// # Errors
    ///
    /// `Busy` if a writer held the store for too long; `NotFound`, `Storage` and `NotAllowed` if the file is missing, is
    /// not an event store, or belongs to a newer version.
    pub fn read(&self, wait: Duration, operation: &str) -> Result<Reader> {
        Self::at(&self.directory)?;
        let lock = self.lock(Access::Shared, wait, operation)?;
        let identity = Identity::of(&self.path());
        // What looks as it did need not be opened before somebody asks for more than is known.
        let (lock, connection) = if self.memory.recall(&identity).is_some() {
            (lock, OnceCell::new())
        } else {
            drop(lock);
            let (lock, connection) = self.open(AccessMode::ReadOnly, Access::Shared, wait, operation)?;
            (lock, OnceCell::from(connection))
        };
        Ok(Reader {
            connection,
            directory: self.directory.clone(),
            events_from: self.events_from,
            identity: Identity::of(&self.path()),
            memory: self.memory.clone(),
            _lock: lock,
        })
    }

    /// Holds the store for writing, waiting at most `wait` for others. They are told `operation` if they wait for us.
    ///
    /// # Errors
    ///
    /// As [`EventStore::read`]; also `Busy` if readers held the store for too long.
    pub fn write(&self, wait: Duration, operation: &str) -> Result<Writer> {
        let (lock, connection) = self.open(AccessMode::ReadWrite, Access::Exclusive, wait, operation)?;
        Ok(Writer { connection, _lock: lock })
    }

    fn open(&self, mode: AccessMode, access: Access, wait: Duration, operation: &str) -> Result<(Lock, Connection)> {
        Self::at(&self.directory)?;
        let lock = self.lock(access, wait, operation)?;
        let connection = database::open(&self.path(), mode.clone())?;
        if format(&connection, &self.path())? == FORMAT_VERSION {
            return Ok((lock, connection));
        }
        drop((connection, lock));
        self.migrate(wait)?;
        let lock = self.lock(access, wait, operation)?;
        let connection = database::open(&self.path(), mode)?;
        Ok((lock, connection))
    }

    /// Brings a store of an older format to the present one. Several may want to at once: the first does it.
    fn migrate(&self, wait: Duration) -> Result<()> {
        let _lock = self.lock(Access::Exclusive, wait, "migrate the event store")?;
        let connection = database::open(&self.path(), AccessMode::ReadWrite)?;
        if format(&connection, &self.path())? < FORMAT_VERSION {
            self.interrupt.watch(&connection, || migrate::from_format_1(&connection))?;
            database::checkpoint(&connection);
        }
        Ok(())
    }

    fn lock(&self, access: Access, wait: Duration, operation: &str) -> Result<Lock> {
        Lock::take(&self.directory.join("events.lock"), access, wait, operation, &self.interrupt)
    }

    fn path(&self) -> PathBuf {
        database_in(&self.directory)
    }
}

impl Reader {
    /// The open database.
    pub(super) fn connection(&self) -> Result<&Connection> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let connection = database::open(&database_in(&self.directory), AccessMode::ReadOnly)?;
        Ok(self.connection.get_or_init(|| connection))
    }
}

fn database_in(directory: &Path) -> PathBuf {
    directory.join("events.duckdb")
}

/// The stored half of the `events` view.
pub(super) fn stored_events() -> crate::sql::Sql {
    text(VIEW)
}

/// The format of a store, which is at most the present one.
fn format(connection: &Connection, path: &Path) -> Result<u32> {
    let found: u32 =
        database::row(connection, &text("SELECT format_version FROM meta"), |row| row.get(0)).map_err(|_| {
            Error::storage(path, "this is a DuckDB database, but not an abduck event store")
                .hint("move it away and create the lab anew, or check the directory")
        })?;
    if found > FORMAT_VERSION {
        return Err(Error::not_allowed(format!(
            "{} has format {found}; this version of abduck reads formats up to {FORMAT_VERSION}",
            path.display()
        ))
        .hint("upgrade abduck to at least the version that last wrote this lab"));
    }
    Ok(found)
}

/// Closes a connection, so that all is in the file.
fn close(connection: Connection) -> Result<()> {
    database::run(&connection, "CHECKPOINT")?;
    connection.close().map_err(|(_, error)| database::query_error(&error, "close"))
}
