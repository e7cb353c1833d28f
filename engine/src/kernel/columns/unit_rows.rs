//! Reading exposures and events of units out of Arrow batches.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type, UInt32Type};

use super::{UnitColumn, UnitKey, column};
use crate::error::{Error, Result};
use crate::kernel::units::UnitRows;
use crate::model::experiment_metric::ValueOf;
use crate::plan::UnitMeasure;

/// Collects the rows of one unit after another from batches that are sorted by unit, time and id.
///
/// Only the rows of one unit are kept at a time, so memory does not grow with the data.
#[derive(Debug)]
pub struct UnitRowsReader {
    unit: Option<UnitKey>,
    rows: UnitRows,
    /// Per source, what it has a column of.
    values: Vec<Values>,
    /// The texts of the unit at hand, numbered from 1.
    texts: HashMap<String, u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Values {
    None,
    Numbers,
    Texts,
    Both,
}

impl UnitRowsReader {
    /// A reader for the rows of a metric.
    #[must_use]
    pub fn new(measure: &UnitMeasure) -> Self {
        let values = |value: &ValueOf| match value {
            ValueOf::Nothing => Values::None,
            ValueOf::Session | ValueOf::Group(_) => Values::Texts,
            ValueOf::SessionNumber(_) => Values::Both,
            ValueOf::Property(_) | ValueOf::Expression(_) | ValueOf::Column(_) => Values::Numbers,
        };
        let values = measure.sources.iter().map(|source| values(&source.value)).collect();
        Self { unit: None, rows: UnitRows::of(measure), values, texts: HashMap::new() }
    }

    /// Reads a batch and calls `each` for every unit that is complete.
    ///
    /// # Errors
    /// `Bug` when the batch has other columns; and whatever `each` returns.
    pub fn read(&mut self, batch: &RecordBatch, mut each: impl FnMut(&UnitKey, &UnitRows) -> Result<()>) -> Result<()> {
        let units = UnitColumn::of(batch)?;
        let timestamps = column::<Int64Type>(batch, "timestamp")?;
        let roles = column::<UInt32Type>(batch, "roles")?;
        let variants = column::<UInt32Type>(batch, "variant")?;
        let columns = self.value_columns(batch)?;
        let breakdowns = (0..self.rows.breakdowns.len())
            .map(|index| texts(batch, &format!("breakdown_{index}")))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            if !self.unit.as_ref().is_some_and(|unit| units.is(row, unit)) {
                self.finish(&mut each)?;
                self.unit = Some(units.key(row));
            }
            self.rows.timestamps.push(timestamps[row]);
            self.rows.roles.push(roles[row]);
            self.rows.variants.push(variants[row]);
            self.push_values(&columns, row);
            for (values, column) in self.rows.breakdowns.iter_mut().zip(&breakdowns) {
                // Only exposures are broken down by.
                let is_exposure = roles[row] & 1 != 0 && !column.is_null(row);
                values.push(is_exposure.then(|| column.value(row).to_owned()));
            }
        }
        Ok(())
    }

    /// Calls `each` for the last unit.
    ///
    /// # Errors
    /// Whatever `each` returns.
    pub fn finish(&mut self, mut each: impl FnMut(&UnitKey, &UnitRows) -> Result<()>) -> Result<()> {
        if let Some(unit) = self.unit.take() {
            each(&unit, &self.rows)?;
            self.rows.clear();
            self.texts.clear();
        }
        Ok(())
    }

    fn value_columns<'a>(&self, batch: &'a RecordBatch) -> Result<Vec<ValueColumns<'a>>> {
        let of = |(index, values): (usize, &Values)| match values {
            Values::None => Ok((None, None)),
            Values::Numbers => Ok((Some(numbers(batch, &format!("number_{index}"))?), None)),
            Values::Texts => Ok((None, Some(texts(batch, &format!("text_{index}"))?))),
            Values::Both => {
                let numbers = numbers(batch, &format!("number_{index}"))?;
                Ok((Some(numbers), Some(texts(batch, &format!("text_{index}"))?)))
            }
        };
        self.values.iter().enumerate().map(of).collect()
    }

    fn push_values(&mut self, columns: &[ValueColumns<'_>], row: usize) {
        for (source, (numbers, texts)) in columns.iter().enumerate() {
            if let Some(column) = numbers {
                // A text such as 1e999 reads as an infinity, which is no number to count with.
                let number = (!column.is_null(row)).then(|| column.value(row)).filter(|number| number.is_finite());
                self.rows.numbers[source].push(number.unwrap_or(f64::NAN));
            }
            if let Some(column) = texts {
                let text = if column.is_null(row) { "" } else { column.value(row) };
                let number = if text.is_empty() { 0 } else { number_of(&mut self.texts, text) };
                self.rows.texts[source].push(number);
            }
        }
    }
}

/// The columns of a source: its numbers and its texts, as far as it has any.
type ValueColumns<'a> = (Option<&'a Float64Array>, Option<&'a StringArray>);

fn number_of(texts: &mut HashMap<String, u32>, text: &str) -> u32 {
    if let Some(number) = texts.get(text) {
        return *number;
    }
    let number = u32::try_from(texts.len() + 1).unwrap_or(u32::MAX);
    texts.insert(text.to_owned(), number);
    number
}

fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Float64Array> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
    column.ok_or_else(|| Error::bug(format!("the column {name} of a query is missing or of another type")))
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    column.ok_or_else(|| Error::bug(format!("the column {name} of a query is missing or of another type")))
}
