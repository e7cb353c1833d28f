//! What can go wrong.

use polars::error::PolarsError;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Why no log was made.
///
/// ```
/// use abduck_datasets::{Error, Options};
///
/// let options = Options { days: 0, ..Options::default() };
/// let error = options.check().unwrap_err();
/// assert!(matches!(error, Error::Option { .. }));
/// assert_eq!(error.to_string(), "invalid --days: must be between 1 and 3650");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option has a value that makes no sense; nothing was written.
    #[error("invalid --{option}: {reason}")]
    Option {
        /// The option's name on the command line, without dashes.
        option: &'static str,
        /// What it must be instead.
        reason: String,
    },
    /// A file could not be created, written or renamed.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Polars could not encode or write a batch of rows.
    #[error("cannot write {}: {source}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// Polars' reason.
        source: PolarsError,
    },
}

impl Error {
    pub(crate) fn option(option: &'static str, reason: impl Display) -> Self {
        Self::Option { option, reason: reason.to_string() }
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }

    pub(crate) fn rows(path: &Path) -> impl FnOnce(PolarsError) -> Self {
        let path = path.to_owned();
        |source| Self::Rows { path, source }
    }
}
