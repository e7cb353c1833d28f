//! Rows into files: Parquet, CSV and NDJSON.

use crate::Error;
use crate::flag::Flag;
use crate::pathology::Row;
use crate::person::Person;
use crate::truth::utc_text;
use polars::error::{PolarsError, PolarsResult};
use polars::io::{csv, parquet};
use polars::prelude::{
    Column, CsvWriter, DataFrame, Int64Chunked, IntoSeries, NewChunkedArray, ParquetCompression, ParquetWriter,
    PlSmallStr, Schema, SerWriter, StringChunked, StringChunkedBuilder, TimeUnit, TimeZone,
};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Rows encoded at a time; in Parquet these are the row groups. About 25 MB as text.
pub(crate) const BATCH_ROWS: usize = 65_536;

/// A file that takes its name only when it is complete.
pub(crate) struct Partial {
    path: PathBuf,
    temporary: PathBuf,
    done: bool,
}

impl Partial {
    /// Creates the file under a name of its own, beside the final one.
    pub(crate) fn create(path: &Path) -> Result<(Self, File), Error> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary).map_err(Error::file(path))?;
        Ok((Self { path: path.to_owned(), temporary, done: false }, file))
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        std::fs::rename(&self.temporary, &self.path).map_err(Error::file(&self.path))?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.done {
            // There is already an error on its way; that the rest of the file cannot be removed either adds nothing.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// A format of rows, known by the extension of the file.
///
/// ```
/// use abduck_datasets::Format;
///
/// assert_eq!(Format::of("log.jsonl".as_ref())?, Format::Ndjson);
/// assert!(Format::of("log.xlsx".as_ref()).is_err());
/// # Ok::<(), abduck_datasets::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.parquet`: `timestamp` in microseconds UTC, the others text, compressed with zstd.
    Parquet,
    /// `.csv`: with a header, `timestamp` in ISO 8601.
    Csv,
    /// `.ndjson` or `.jsonl`: an object per line, `properties` a nested object, `timestamp` in ISO 8601.
    Ndjson,
}

impl Format {
    /// The format of a file by its extension.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for any other extension.
    pub fn of(path: &Path) -> Result<Self, Error> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("parquet") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            Some("ndjson" | "jsonl") => Ok(Self::Ndjson),
            _ => Err(Error::option("output", "the file name must end in .parquet, .csv, .ndjson or .jsonl")),
        }
    }
}

/// The rows of one batch, column by column.
pub(crate) struct Batch {
    uuid: StringChunkedBuilder,
    event: StringChunkedBuilder,
    distinct_id: StringChunkedBuilder,
    time_us: Vec<i64>,
    properties: StringChunkedBuilder,
}

impl Batch {
    pub(crate) fn new() -> Self {
        let text = |name: &str| StringChunkedBuilder::new(name.into(), BATCH_ROWS);
        Self {
            uuid: text("uuid"),
            event: text("event"),
            distinct_id: text("distinct_id"),
            time_us: Vec::with_capacity(BATCH_ROWS),
            properties: text("properties"),
        }
    }

    pub(crate) fn push(&mut self, person: &Person, row: &Row, flags: &[Flag; 2]) {
        let event = &row.event;
        self.uuid.append_value(event.uuid.as_hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
        self.event.append_value(event.action.name());
        self.distinct_id.append_value(person.distinct_id(event.device, event.signed_in));
        self.time_us.push(event.time_us);
        self.properties.append_value(event.properties_json(person, flags));
    }

    pub(crate) fn len(&self) -> usize {
        self.time_us.len()
    }

    fn into_frame(self, format: Format) -> PolarsResult<DataFrame> {
        let height = self.len();
        let name = PlSmallStr::from_static("timestamp");
        let timestamp = match format {
            Format::Parquet => Int64Chunked::from_vec(name, self.time_us)
                .into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
                .into_series(),
            Format::Csv | Format::Ndjson => {
                let texts = self.time_us.iter().map(|time_us| utc_text(*time_us, 6));
                StringChunked::from_iter_values(name, texts).into_series()
            }
        };
        let text = |column: StringChunkedBuilder| column.finish().into_series();
        let columns = [text(self.uuid), text(self.event), text(self.distinct_id), timestamp, text(self.properties)];
        DataFrame::new(height, columns.into_iter().map(Column::from).collect())
    }
}

/// An open file of rows.
pub(crate) struct RowFile {
    format: Format,
    path: PathBuf,
    encoder: Encoder,
}

enum Encoder {
    Parquet(Box<parquet::write::BatchedWriter<BufWriter<File>>>),
    Csv(csv::write::BatchedWriter<BufWriter<File>>),
    Ndjson(BufWriter<File>),
}

impl RowFile {
    pub(crate) fn new(format: Format, path: &Path, file: File) -> Result<Self, Error> {
        let file = BufWriter::new(file);
        let encoder = match format {
            Format::Parquet => ParquetWriter::new(file)
                .with_compression(ParquetCompression::Zstd(None))
                .batched(&empty_schema(format, path)?)
                .map(|writer| Encoder::Parquet(Box::new(writer))),
            Format::Csv => CsvWriter::new(file).batched(&empty_schema(format, path)?).map(Encoder::Csv),
            Format::Ndjson => Ok(Encoder::Ndjson(file)),
        };
        Ok(Self { format, path: path.to_owned(), encoder: encoder.map_err(Error::rows(path))? })
    }

    pub(crate) fn write(&mut self, batch: Batch) -> Result<(), Error> {
        let frame = batch.into_frame(self.format).map_err(Error::rows(&self.path))?;
        match &mut self.encoder {
            Encoder::Parquet(writer) => writer.write_batch(&frame),
            Encoder::Csv(writer) => writer.write_batch(&frame),
            Encoder::Ndjson(file) => write_lines(file, &frame),
        }
        .map_err(Error::rows(&self.path))
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.encoder {
            Encoder::Parquet(writer) => writer.finish().map(|_bytes| ()),
            Encoder::Csv(mut writer) => writer.finish(),
            Encoder::Ndjson(mut file) => file.flush().map_err(PolarsError::from),
        }
        .map_err(Error::rows(&self.path))
    }
}

fn empty_schema(format: Format, path: &Path) -> Result<Schema, Error> {
    Ok(Batch::new().into_frame(format).map_err(Error::rows(path))?.schema().as_ref().clone())
}

/// NDJSON by hand: Polars would write a struct with a null for every absent property, a log has only those present.
fn write_lines(file: &mut impl Write, frame: &DataFrame) -> PolarsResult<()> {
    let names = ["uuid", "event", "distinct_id", "timestamp"];
    let texts = names.map(|name| frame.column(name).and_then(|column| column.str()));
    let properties = frame.column("properties")?.str()?;
    for index in 0..frame.height() {
        let mut opening = "{";
        for (name, column) in names.iter().zip(&texts) {
            write!(file, "{opening}\"{name}\":")?;
            let text = column.as_ref().map_err(Clone::clone)?.get(index);
            serde_json::to_writer(&mut *file, &text).map_err(std::io::Error::from)?;
            opening = ",";
        }
        writeln!(file, ",\"properties\":{}}}", properties.get(index).unwrap_or("null"))?;
    }
    Ok(())
}
