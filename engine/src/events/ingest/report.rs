//! What an ingest did.

use std::path::PathBuf;

use serde::Serialize;

/// What an ingest did; all counts are rows unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IngestReport {
    /// Rows read: the sum of the next three.
    pub read: u64,
    /// New events.
    pub stored: u64,
    /// Rows whose event was there already, in the store or earlier in this ingest.
    pub duplicates: u64,
    /// Rows that could not be stored.
    pub rejected: u64,
    /// Persons all of whose distinct ids are new.
    pub new_persons: u64,
    /// How many times two persons became one.
    pub merges: u64,
    /// Persons whose properties are others than before; a merged person is compared with the one it went into.
    pub changed_persons: u64,
    /// Groups whose properties are others than before.
    pub changed_groups: u64,
    /// Rows that say who was shown a variant (`$feature_flag_called`); rejected rows are not among them.
    pub exposures: u64,
    /// The version of the data afterwards; unchanged if nothing was stored.
    pub data_version: u64,
    /// The same counts by file, in the order they were read.
    pub files: Vec<FileReport>,
    /// Where the rejected rows are, one JSON object with `file`, `line`, `reason` and `row` per line.
    pub rejects_file: Option<PathBuf>,
}

/// What an ingest did with one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The file, or `record batches`.
    pub file: String,
    /// Rows read: the sum of the next three.
    pub read: u64,
    /// New events.
    pub stored: u64,
    /// Rows whose event was there already.
    pub duplicates: u64,
    /// Rows that could not be stored.
    pub rejected: u64,
}

/// How far an ingest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub stage: Stage,
    /// The file that is being read.
    pub file: Option<String>,
    /// Bytes of the files read so far, as they lie on disk.
    pub bytes_read: u64,
    /// Bytes of all files; 0 for record batches.
    pub bytes_total: u64,
}

/// A step of an ingest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Reading and checking rows.
    Reading,
    /// Looking for events that are there already.
    Comparing,
    /// Entering events and persons.
    Storing,
    /// Making it final.
    Committing,
}
