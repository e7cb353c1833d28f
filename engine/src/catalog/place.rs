//! Which file the catalog is, and what its failures mean to the caller.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// The catalog's file, and how long to wait for it.
#[derive(Debug)]
pub(super) struct Place {
    /// The file.
    pub(super) path: PathBuf,
    /// How long to wait for another writer.
    pub(super) patience: Duration,
}

impl Place {
    /// What a failure of the database means to the caller.
    #[expect(clippy::needless_pass_by_value, reason = "stands in map_err, which hands the error over")]
    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => self.busy(),
            Some(ErrorCode::NotADatabase) => self.foreign("is not a SQLite database"),
            // Without a code: what was stored cannot be read back.
            Some(ErrorCode::DatabaseCorrupt) | None => self.damaged(&error),
            // The rules keep such changes out; that one came through is a fault of the engine.
            Some(ErrorCode::ConstraintViolation) => Error::bug(format!("the catalog refused a change: {error}")),
            Some(_) => Error::storage(&self.path, error.to_string()),
        }
    }

    /// The file is no catalog.
    pub(super) fn foreign(&self, what: &str) -> Error {
        Error::storage(&self.path, what).hint("move the file away, or name the directory of a lab")
    }

    fn busy(&self) -> Error {
        let waited_seconds = self.patience.as_secs_f64();
        Error::from(ErrorKind::Busy { holder: "another writer".to_owned(), waited_seconds })
            .hint("try again when it has finished; nothing was changed")
    }

    fn damaged(&self, error: &rusqlite::Error) -> Error {
        Error::storage(&self.path, format!("is damaged: {error}")).hint("restore the file from a backup")
    }
}

/// The directory holds no catalog.
pub(super) fn no_lab(directory: &Path) -> Error {
    let directory = directory.display();
    Error::not_found("lab", directory.to_string())
        .hint(format!("'{directory}' is not a lab; make it one with `abduck init {directory}`"))
}
