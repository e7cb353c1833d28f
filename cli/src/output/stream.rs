//! Rows that are printed while further ones are still being worked out.

use std::fmt::Write as _;

use abduck::assignment::evaluation_schema;
use abduck::events::arrow::array::{Array, AsArray};
use abduck::events::arrow::datatypes::{DataType, UInt32Type};
use abduck::events::arrow::record_batch::RecordBatch;
use abduck::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

use super::Output;
use crate::args::Format;

/// The narrowest column of a table, so that later rows mostly fit into what the first ones need.
const WIDTH_MIN: usize = 8;

/// Prints record batches as rows: a table, NDJSON, CSV or Markdown.
pub(crate) struct RowStream<'a> {
    output: &'a Output,
    format: Format,
    /// The widths of a table's columns, by the first batch.
    widths: Option<Vec<usize>>,
    is_over: bool,
}

impl<'a> RowStream<'a> {
    pub(crate) fn new(output: &'a Output) -> Self {
        Self { output, format: output.format().unwrap_or(Format::Table), widths: None, is_over: false }
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Prints rows; fails with `Interrupted` when nobody reads them.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut text = String::new();
        if self.widths.is_none() {
            let widths = widths(batch);
            self.write_head(&mut text, batch, &widths);
            self.widths = Some(widths);
        }
        for row in 0..batch.num_rows() {
            self.write_row(&mut text, batch, row)?;
        }
        if self.output.print_part(&text)? {
            return Ok(());
        }
        self.is_over = true;
        Err(ErrorKind::Interrupted.into())
    }

    /// Ends the rows; without any, there are at least the names of the columns.
    pub(crate) fn finish(mut self) -> Result<()> {
        let is_begun = self.widths.is_some();
        if is_begun { Ok(()) } else { self.push(&RecordBatch::new_empty(evaluation_schema())) }
    }

    fn write_head(&self, text: &mut String, batch: &RecordBatch, widths: &[usize]) {
        let names: Vec<_> = batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
        match self.format {
            Format::Json => {}
            Format::Csv => write_csv(text, &names),
            Format::Table => write_aligned(text, &names, widths),
            Format::Md => {
                write_markdown(text, &names);
                write_markdown(text, &vec!["---".to_owned(); names.len()]);
            }
        }
    }

    fn write_row(&self, text: &mut String, batch: &RecordBatch, row: usize) -> Result<()> {
        let shown = |missing: &str| -> Vec<String> {
            let cells = batch.columns().iter().map(|column| cell(column, row));
            cells.map(|value| plain(&value).unwrap_or_else(|| missing.to_owned())).collect()
        };
        match self.format {
            Format::Json => {
                let names = batch.schema_ref().fields().iter().map(|field| field.name().clone());
                let object: Map<String, Value> =
                    names.zip(batch.columns().iter().map(|column| cell(column, row))).collect();
                let line = serde_json::to_string(&object)
                    .map_err(|error| Error::bug(format!("a row has no JSON form: {error}")))?;
                text.push_str(&line);
                text.push('\n');
            }
            Format::Csv => write_csv(text, &shown("")),
            Format::Table => write_aligned(text, &shown("–"), self.widths.as_deref().unwrap_or_default()),
            Format::Md => write_markdown(text, &shown("–")),
        }
        Ok(())
    }
}

/// The value of a cell; the columns of answers are texts, truth values and small numbers.
fn cell(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        _ => Value::Null,
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn widths(batch: &RecordBatch) -> Vec<usize> {
    let width = |text: &str| text.chars().count();
    let columns = batch.columns().iter().zip(batch.schema_ref().fields());
    columns
        .map(|(column, field)| {
            let cells = (0..batch.num_rows()).map(|row| plain(&cell(column, row)).map_or(1, |text| width(&text)));
            cells.max().unwrap_or(0).max(width(field.name())).max(WIDTH_MIN)
        })
        .collect()
}

fn write_aligned(text: &mut String, cells: &[String], widths: &[usize]) {
    let start = text.len();
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to a string cannot fail.
        let _ = write!(text, " {cell:<width$}  ");
    }
    text.truncate(start + text[start..].trim_end().len());
    text.push('\n');
}

fn write_csv(text: &mut String, cells: &[String]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            let _ = write!(text, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            text.push_str(cell);
        }
    }
    text.push('\n');
}

fn write_markdown(text: &mut String, cells: &[String]) {
    for cell in cells {
        let _ = write!(text, "| {} ", cell.replace('|', "\\|").replace('\n', " "));
    }
    text.push_str("|\n");
}
