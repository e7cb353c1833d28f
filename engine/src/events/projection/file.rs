//! A column as a file: Arrow's file format, one batch per bucket, not compressed, so that reading is one copy.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::writer::FileWriter;
use arrow::ipc::{Block, root_as_footer};

use crate::error::{Error, Result};

/// Writes a file bucket by bucket; it has its name only once it is finished.
pub(super) struct ColumnWriter {
    writer: FileWriter<BufWriter<File>>,
    schema: SchemaRef,
    unfinished: PathBuf,
    path: PathBuf,
}

impl ColumnWriter {
    /// Begins the file of some columns, none of which has nulls.
    pub(super) fn create(path: PathBuf, columns: &[(&str, DataType)]) -> Result<Self> {
        let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), false);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let unfinished = path.with_extension(format!("{}.new", super::unique()));
        let file = File::create(&unfinished).map_err(|error| Error::io(&unfinished, error))?;
        let writer = FileWriter::try_new_buffered(file, &schema).map_err(|error| unwritable(&path, error))?;
        Ok(Self { writer, schema, unfinished, path })
    }

    /// Appends the next bucket.
    pub(super) fn append(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        batch.and_then(|batch| self.writer.write(&batch)).map_err(|error| unwritable(&self.path, error))
    }

    /// Completes the file and gives it its name.
    pub(super) fn finish(mut self) -> Result<()> {
        self.writer.finish().map_err(|error| unwritable(&self.path, error))?;
        fs::rename(&self.unfinished, &self.path).map_err(|error| Error::io(&self.path, error))
    }
}

/// What was not finished is of no use to anybody.
impl Drop for ColumnWriter {
    fn drop(&mut self) {
        fs::remove_file(&self.unfinished).ok();
    }
}

fn unwritable(path: &Path, error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, error) => Error::io(path, error),
        error => Error::storage(path, error.to_string()),
    }
}

/// A file open for reading, bucket by bucket, in memory that is used again.
#[derive(Debug)]
pub(super) struct ColumnFile {
    path: PathBuf,
    file: File,
    decoder: FileDecoder,
    blocks: Vec<Block>,
    memory: Option<Buffer>,
}

impl ColumnFile {
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let file = File::open(&path).map_err(|error| Error::io(&path, error))?;
        let (decoder, blocks) = footer(&file, &path)?;
        Ok(Self { path, file, decoder, blocks, memory: None })
    }

    /// An error that says what is wrong with the file.
    pub(super) fn damaged(&self, what: &str) -> Error {
        damaged(&self.path, what)
    }

    /// The columns of a bucket. The memory of the bucket before is used again if nothing of it is kept.
    pub(super) fn read(&mut self, bucket: usize) -> Result<RecordBatch> {
        let block = self.blocks.get(bucket).ok_or_else(|| self.damaged("a bucket is missing"))?;
        let length = u64::try_from(block.bodyLength()).ok().zip(u64::try_from(block.metaDataLength()).ok());
        let length = length.and_then(|(body, head)| usize::try_from(body + head).ok());
        let begin = u64::try_from(block.offset()).ok();
        let (length, begin) = length.zip(begin).ok_or_else(|| self.damaged("a bucket has no place"))?;
        let memory = self.memory.take().and_then(|memory| memory.into_mutable().ok());
        let mut memory = memory.unwrap_or_else(|| MutableBuffer::new(length));
        memory.resize(length, 0);
        let read = self.file.seek(SeekFrom::Start(begin)).and_then(|_| self.file.read_exact(memory.as_slice_mut()));
        read.map_err(|error| Error::io(&self.path, error))?;
        let memory = Buffer::from(memory);
        let batch = self.decoder.read_record_batch(block, &memory);
        self.memory = Some(memory);
        batch.map_err(|error| self.damaged(&error.to_string()))?.ok_or_else(|| self.damaged("a bucket is empty"))
    }
}

/// Where the buckets are, and how they are to be understood.
fn footer(mut file: &File, path: &Path) -> Result<(FileDecoder, Vec<Block>)> {
    let mut read = |from: SeekFrom, memory: &mut [u8]| {
        file.seek(from).and_then(|_| file.read_exact(memory)).map_err(|error| Error::io(path, error))
    };
    let mut end = [0_u8; 10];
    read(SeekFrom::End(-10), &mut end)?;
    let length = read_footer_length(end).map_err(|error| damaged(path, &error.to_string()))?;
    let mut memory = vec![0_u8; length];
    read(SeekFrom::End(-10 - i64::try_from(length).unwrap_or(i64::MAX)), &mut memory)?;
    let footer = root_as_footer(&memory).map_err(|error| damaged(path, &error.to_string()))?;
    let schema = footer.schema().ok_or_else(|| damaged(path, "it has no schema"))?;
    let schema = try_fb_to_schema(schema).map_err(|error| damaged(path, &error.to_string()))?;
    let decoder = FileDecoder::new(Arc::new(schema), footer.version());
    Ok((decoder, footer.recordBatches().map(|blocks| blocks.iter().copied().collect()).unwrap_or_default()))
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::storage(path, format!("this part of the projection is damaged: {what}"))
        .hint("ask again; it was removed and is made anew")
}
