//! Where events come from: which files, in which format.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use duckdb::arrow::record_batch::RecordBatchReader;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What is ingested.
pub enum Source {
    /// Files, as paths or glob patterns.
    Files(Vec<String>),
    /// Record batches from memory or another library.
    Batches(Box<dyn RecordBatchReader + Send>),
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Apache Parquet: `.parquet`, `.pq`.
    Parquet,
    /// Comma-separated values with a header line: `.csv`, also compressed as `.gz` or `.zst`.
    Csv,
    /// One JSON object per line: `.ndjson`, `.jsonl`, `.json`, also compressed as `.gz` or `.zst`.
    Ndjson,
}

/// The files that paths and glob patterns stand for: each once, in the order given, a pattern's in alphabetical order.
pub(in crate::events) fn expand(patterns: &[String]) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let found = matches(pattern)?;
        if found.is_empty() {
            return Err(Error::not_found("file", pattern)
                .hint("check the path; in patterns, * does not cross folders and ** does"));
        }
        for file in found {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    if files.is_empty() {
        return Err(Error::invalid_field("files", "required", "no files were given"));
    }
    Ok(files)
}

/// A path that exists stands for itself, even if it contains `*` or `[`.
pub(in crate::events) fn matches(pattern: &str) -> Result<Vec<PathBuf>> {
    let path = Path::new(pattern);
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    if path.is_dir() {
        return Err(Error::invalid_field("files", "invalid_input", format!("{pattern} is a folder"))
            .hint(format!("name the files in it with a pattern such as '{pattern}/*.parquet'")));
    }
    let invalid = |error: glob::PatternError| {
        Error::invalid_field("files", "invalid_input", format!("the pattern {pattern:?} is malformed: {error}"))
    };
    let mut files = Vec::new();
    for entry in glob::glob(pattern).map_err(invalid)? {
        let file = entry.map_err(|error| Error::io(error.path(), io::Error::other(error.to_string())))?;
        if file.is_file() {
            files.push(file);
        }
    }
    Ok(files)
}

/// How a text file is compressed, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

/// The format by the end of a file's name, unless it was given.
pub(in crate::events) fn format_of(path: &Path, given: Option<Format>) -> Result<Format> {
    let (name, compression) = compression_of(path);
    let known = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("parquet" | "pq") => Some(Format::Parquet),
        Some("csv") => Some(Format::Csv),
        Some("ndjson" | "jsonl" | "json") => Some(Format::Ndjson),
        _ => None,
    };
    match (given.or(known), compression) {
        (Some(Format::Parquet), Compression::Gzip | Compression::Zstd) => {
            Err(Error::schema(format!("{}: Parquet files are compressed inside, not around", path.display()))
                .hint("decompress the file"))
        }
        (Some(format), _) => Ok(format),
        (None, _) => Err(Error::schema(format!("{}: the name does not tell the format", path.display()))
            .hint("name the format: --format parquet, csv or ndjson")),
    }
}

fn compression_of(path: &Path) -> (String, Compression) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    for (suffix, compression) in [(".gz", Compression::Gzip), (".zst", Compression::Zstd)] {
        if let Some(name) = name.strip_suffix(suffix) {
            return (name.to_owned(), compression);
        }
    }
    (name, Compression::None)
}

/// Opens a text file, decompressed; `bytes` counts what was read of the file itself.
pub(super) fn open(path: &Path, bytes: Arc<AtomicU64>) -> Result<Box<dyn BufRead + Send>> {
    let failed = |error| Error::io(path, error);
    let file = Counted { file: File::open(path).map_err(failed)?, bytes };
    Ok(match compression_of(path).1 {
        Compression::None => Box::new(BufReader::with_capacity(1 << 16, file)),
        Compression::Gzip => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file)))),
        Compression::Zstd => Box::new(BufReader::new(zstd::Decoder::new(file).map_err(failed)?)),
    })
}

struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
