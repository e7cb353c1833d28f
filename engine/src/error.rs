//! What can go wrong, and what the caller can do about it.
//!
//! Every fallible function of the engine returns [`Result`]. The kinds are named after the caller's next move; the
//! wording is lowercase, without a full stop, and each error can carry hints that say what to do next.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of every fallible engine function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the engine: its [`ErrorKind`] and the hints for the next step.
///
/// ```
/// use abduck::error::Error;
///
/// let error = Error::not_found("experiment", "checkout").hint("list them with `abduck experiment list`");
/// assert_eq!(error.to_string(), "experiment 'checkout' was not found");
/// assert_eq!(error.code(), "not_found");
/// assert_eq!(error.hints(), ["list them with `abduck experiment list`"]);
/// ```
#[derive(Debug)]
pub struct Error {
    kind: Box<ErrorKind>,
    hints: Vec<String>,
}

/// What went wrong, named by what the caller can do about it.
#[derive(Debug)]
pub enum ErrorKind {
    /// Something asked for by name does not exist. Ask for another, or create it.
    NotFound {
        /// What kind of thing was asked for, such as `experiment`.
        noun: &'static str,
        /// The name it was asked for by.
        key: String,
    },
    /// The request itself is wrong. Change it.
    Invalid {
        /// The field at fault, if one is (`attr` of the reference system).
        field: Option<String>,
        /// The machine-readable reason, such as `required`, `unique` or `invalid_input`.
        code: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The request is well-formed, but the present state forbids it (a launched experiment, a newer lab).
    NotAllowed {
        /// What is forbidden, and why.
        message: String,
    },
    /// The request will be possible later: something must happen first (launch, ingest).
    NotReady {
        /// The machine-readable reason: `not_ready`, or the reference system's own.
        code: &'static str,
        /// What is missing.
        message: String,
    },
    /// Somebody else holds the lab. Wait, or stop the holder.
    Busy {
        /// Who holds it, as far as it is known.
        holder: String,
        /// For how long this caller has waited, in seconds.
        waited_seconds: f64,
    },
    /// The data do not have the shape the engine needs. Map the columns, or mend the file.
    Schema {
        /// What does not fit, and where.
        message: String,
    },
    /// The database refused a query.
    Query {
        /// What the database said.
        message: String,
        /// The text of the query.
        sql: String,
    },
    /// A file of the lab cannot be read or written as a database.
    Storage {
        /// The file.
        path: PathBuf,
        /// What the database said.
        message: String,
    },
    /// The operating system refused to read or write a file.
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The caller interrupted the operation; nothing was changed.
    Interrupted,
    /// The engine broke one of its own promises. Please report it.
    Bug {
        /// The broken promise.
        message: String,
    },
}

impl Error {
    /// Something asked for by name does not exist.
    #[must_use]
    pub fn not_found(noun: &'static str, key: impl Into<String>) -> Self {
        ErrorKind::NotFound { noun, key: key.into() }.into()
    }

    /// The request is wrong as a whole; code `invalid_input`.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        ErrorKind::Invalid { field: None, code: "invalid_input", message: message.into() }.into()
    }

    /// A field of the request is wrong.
    #[must_use]
    pub fn invalid_field(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        ErrorKind::Invalid { field: Some(field.into()), code, message: message.into() }.into()
    }

    /// The present state forbids the request.
    #[must_use]
    pub fn not_allowed(message: impl Into<String>) -> Self {
        ErrorKind::NotAllowed { message: message.into() }.into()
    }

    /// Something must happen before the request is possible.
    #[must_use]
    pub fn not_ready(message: impl Into<String>) -> Self {
        Self::not_ready_because("not_ready", message)
    }

    /// Something must happen before the request is possible; the code says what, in the reference system's words (R-7).
    #[must_use]
    pub fn not_ready_because(code: &'static str, message: impl Into<String>) -> Self {
        ErrorKind::NotReady { code, message: message.into() }.into()
    }

    /// The data do not have the shape the engine needs.
    #[must_use]
    pub fn schema(message: impl Into<String>) -> Self {
        ErrorKind::Schema { message: message.into() }.into()
    }

    /// The database refused a query.
    #[must_use]
    pub fn query(message: impl Into<String>, sql: impl Into<String>) -> Self {
        ErrorKind::Query { message: message.into(), sql: sql.into() }.into()
    }

    /// A file of the lab cannot be used as a database.
    #[must_use]
    pub fn storage(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        ErrorKind::Storage { path: path.as_ref().to_owned(), message: message.into() }.into()
    }

    /// The operating system refused a file.
    #[must_use]
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        ErrorKind::Io { path: path.as_ref().to_owned(), source }.into()
    }

    /// The engine broke one of its own promises.
    #[must_use]
    pub fn bug(message: impl Into<String>) -> Self {
        ErrorKind::Bug { message: message.into() }.into()
    }

    /// Adds a hint: one sentence that says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether a file could not be read or written.
    #[must_use]
    pub fn is_of_storage(&self) -> bool {
        matches!(self.kind(), ErrorKind::Io { .. } | ErrorKind::Storage { .. })
    }

    /// What to do next, most useful first.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The machine-readable name of the kind; for a wrong request, and one that comes too early, its own code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.kind() {
            ErrorKind::Invalid { code, .. } | ErrorKind::NotReady { code, .. } => code,
            kind => kind.name(),
        }
    }
}

impl ErrorKind {
    /// The names of all kinds, the error catalogue.
    pub const NAMES: [&'static str; 11] = [
        "not_found",
        "invalid",
        "not_allowed",
        "not_ready",
        "busy",
        "schema",
        "query",
        "storage",
        "io",
        "interrupted",
        "bug",
    ];

    /// The machine-readable name of this kind, one of [`ErrorKind::NAMES`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Invalid { .. } => "invalid",
            Self::NotAllowed { .. } => "not_allowed",
            Self::NotReady { .. } => "not_ready",
            Self::Busy { .. } => "busy",
            Self::Schema { .. } => "schema",
            Self::Query { .. } => "query",
            Self::Storage { .. } => "storage",
            Self::Io { .. } => "io",
            Self::Interrupted => "interrupted",
            Self::Bug { .. } => "bug",
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind: Box::new(kind), hints: Vec::new() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ErrorKind::NotFound { noun, key } => write!(f, "{noun} '{key}' was not found"),
            ErrorKind::Invalid { message, .. }
            | ErrorKind::NotAllowed { message }
            | ErrorKind::NotReady { message, .. }
            | ErrorKind::Schema { message }
            | ErrorKind::Query { message, .. } => f.write_str(message),
            ErrorKind::Busy { holder, waited_seconds } => {
                write!(f, "the lab is in use by {holder}; gave up after {waited_seconds:.1} s")
            }
            ErrorKind::Storage { path, message } => write!(f, "{}: {message}", path.display()),
            ErrorKind::Io { path, source } => write!(f, "{}: {source}", path.display()),
            ErrorKind::Interrupted => f.write_str("interrupted; nothing was changed"),
            ErrorKind::Bug { message } => write!(f, "internal error: {message}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            ErrorKind::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
