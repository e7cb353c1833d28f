//! Text files line by line: lines of JSON, and CSV records that may span lines.

use std::io::{BufRead, ErrorKind as IoErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use csv_core::ReadRecordResult;

use super::source;
use crate::error::{Error, Result};

/// The lines of a file, numbered from 1.
pub(in crate::events) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    number: u64,
}

impl Lines {
    pub(in crate::events) fn open(path: &Path, bytes: Arc<AtomicU64>) -> Result<Self> {
        Ok(Self { path: path.to_owned(), reader: source::open(path, bytes)?, number: 0 })
    }

    /// Appends the next line, its end included, to `line`; returns its number, or `None` at the end of the file.
    pub(in crate::events) fn append_next(&mut self, line: &mut Vec<u8>) -> Result<Option<u64>> {
        let start = line.len();
        let read = self.reader.read_until(b'\n', line).map_err(|error| self.unreadable(error))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.number == 1 && line[start..].starts_with(b"\xef\xbb\xbf") {
            line.drain(start..start + 3);
        }
        Ok(Some(self.number))
    }

    /// The next line that is not blank, in place of `line`.
    pub(in crate::events) fn next_filled(&mut self, line: &mut Vec<u8>) -> Result<Option<u64>> {
        loop {
            line.clear();
            match self.append_next(line)? {
                Some(_) if line.trim_ascii().is_empty() => {}
                number => return Ok(number),
            }
        }
    }

    fn unreadable(&self, error: std::io::Error) -> Error {
        let damaged =
            matches!(error.kind(), IoErrorKind::UnexpectedEof | IoErrorKind::InvalidData | IoErrorKind::InvalidInput);
        let error = Error::io(&self.path, error);
        if damaged {
            return error.hint(format!("the compressed file is damaged or cut short after line {}", self.number));
        }
        error
    }
}

/// The records of a CSV file.
pub(in crate::events) struct Records {
    lines: Lines,
    parser: csv_core::Reader,
    text: Vec<u8>,
    fields: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Records {
    pub(in crate::events) fn open(path: &Path, bytes: Arc<AtomicU64>) -> Result<Self> {
        Ok(Self {
            lines: Lines::open(path, bytes)?,
            parser: csv_core::Reader::new(),
            text: Vec::new(),
            fields: vec![0; 1 << 12],
            ends: vec![0; 64],
            count: 0,
        })
    }

    /// Reads the next record; returns the number of its first line, or `None` at the end of the file.
    pub(in crate::events) fn advance(&mut self) -> Result<Option<u64>> {
        let Some(first) = self.lines.next_filled(&mut self.text)? else { return Ok(None) };
        self.parser.reset();
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let (result, input, output, ends) =
                self.parser.read_record(&self.text[read..], &mut self.fields[written..], &mut self.ends[ended..]);
            (read, written, ended) = (read + input, written + output, ended + ends);
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::End => return Err(Error::bug("a CSV record ended before it began")),
                // The line is over but the record is not: either a quoted field goes on, or this is the file's last line
                // and lacks its end, which the parser learns from empty input.
                ReadRecordResult::InputEmpty => {
                    let goes_on = self.text.ends_with(b"\n");
                    if self.lines.append_next(&mut self.text)?.is_none() && goes_on {
                        return Err(self.unclosed(first));
                    }
                }
            }
        }
        self.count = ended;
        Ok(Some(first))
    }

    fn unclosed(&self, line: u64) -> Error {
        Error::schema(format!(
            "{} line {line}: a quote is opened but never closed, so the rest of the file cannot be read",
            self.lines.path.display()
        ))
        .hint("close the quote; inside a quoted field, write a quote twice")
    }

    /// The number of fields of the record.
    pub(in crate::events) fn len(&self) -> usize {
        self.count
    }

    /// A field of the record.
    pub(in crate::events) fn field(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.fields[start..self.ends[index]]
    }

    /// The text of the record as it stands in the file.
    pub(in crate::events) fn text(&self) -> &[u8] {
        self.text.trim_ascii_end()
    }
}
