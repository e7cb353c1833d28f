//! The rows of a table with one row per unit, column by column.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The columns of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableColumns {
    /// The number of rows.
    pub rows: usize,
    /// The columns of text by name.
    pub texts: IndexMap<String, TextColumn>,
    /// The columns of numbers by name; a missing one is NaN, and no other is.
    pub numbers: IndexMap<String, Vec<f64>>,
}

/// A column of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextColumn {
    /// The different texts, in the order they occur.
    pub texts: IndexSet<String>,
    /// For each row, the position of its text; none where it is missing or empty.
    pub positions: Vec<Option<u32>>,
}

/// Takes the columns out of the rows of a table.
#[derive(Debug)]
pub struct TableReader {
    unit: Option<(String, HashMap<String, usize>)>,
    columns: TableColumns,
}

impl TextColumn {
    /// The text of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        let position = self.positions.get(row).copied().flatten()?;
        self.texts.get_index(position as usize).map(String::as_str)
    }

    fn push(&mut self, text: Option<&str>) -> Result<()> {
        let position = match text.filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(match self.texts.get_index_of(text) {
                Some(position) => position,
                None => self.texts.insert_full(text.to_owned()).0,
            }),
        };
        let position = position.map(u32::try_from).transpose();
        self.positions
            .push(position.map_err(|_| Error::schema("a column has more than 4,294,967,295 different texts"))?);
        Ok(())
    }
}

impl TableReader {
    /// Will take some columns as texts, some as numbers, and check that each unit occurs once.
    #[must_use]
    pub fn new(unit: Option<String>, texts: Vec<String>, numbers: Vec<String>) -> Self {
        Self {
            unit: unit.map(|unit| (unit, HashMap::new())),
            columns: TableColumns {
                rows: 0,
                texts: texts.into_iter().map(|name| (name, TextColumn::default())).collect(),
                numbers: numbers.into_iter().map(|name| (name, Vec::new())).collect(),
            },
        }
    }

    /// Takes the rows of a batch; a column that it lacks is missing in all of them.
    ///
    /// # Errors
    /// `Schema`, with row and column, for what is no finite number, and for a unit that is missing or occurred before.
    pub fn read_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let (rows, before) = (batch.num_rows(), self.columns.rows);
        let texts_of = |name: &str| batch.column_by_name(name).map(|column| as_text(column, name)).transpose();
        if let Some((name, seen)) = &mut self.unit {
            let units = texts_of(name)?;
            for row in 0..rows {
                see(name, seen, units.as_ref().and_then(|units| text_at(units, row)), before + row)?;
            }
        }
        for (name, column) in &mut self.columns.texts {
            let texts = texts_of(name)?;
            for row in 0..rows {
                column.push(texts.as_ref().and_then(|texts| text_at(texts, row)))?;
            }
        }
        for (name, numbers) in &mut self.columns.numbers {
            match batch.column_by_name(name) {
                Some(column) => read_numbers(column, name, before, numbers)?,
                None => numbers.resize(before + rows, f64::NAN),
            }
        }
        self.columns.rows += rows;
        Ok(())
    }

    /// Takes rows that are JSON objects; what they lack is missing.
    ///
    /// # Errors
    /// As [`Self::read_batch`].
    pub fn read_objects(&mut self, objects: &[Map<String, Value>]) -> Result<()> {
        for object in objects {
            let row = self.columns.rows;
            if let Some((name, seen)) = &mut self.unit {
                see(name, seen, object.get(name).and_then(text_of).as_deref(), row)?;
            }
            for (name, column) in &mut self.columns.texts {
                column.push(object.get(name).and_then(text_of).as_deref())?;
            }
            for (name, numbers) in &mut self.columns.numbers {
                numbers.push(number_of(object.get(name), name, row)?);
            }
            self.columns.rows += 1;
        }
        Ok(())
    }

    /// The columns.
    #[must_use]
    pub fn finish(self) -> TableColumns {
        self.columns
    }
}

/// Rows are counted from 1, as people do.
fn see(column: &str, seen: &mut HashMap<String, usize>, unit: Option<&str>, row: usize) -> Result<()> {
    let unit = unit.filter(|unit| !unit.is_empty()).ok_or_else(|| {
        Error::schema(format!("row {} has no unit in column '{column}'", row + 1)).hint("leave rows without a unit out")
    })?;
    match seen.insert(unit.to_owned(), row) {
        None => Ok(()),
        Some(before) => Err(Error::schema(format!(
            "the unit '{unit}' has several rows: {} and {} (column '{column}')",
            before + 1,
            row + 1
        ))
        .hint("sum its rows up first, so that each unit has one row; a unit in two variants belongs in neither")),
    }
}

fn as_text(column: &ArrayRef, name: &str) -> Result<ArrayRef> {
    let kind = column.data_type();
    if kind.is_nested() {
        return Err(Error::schema(format!("column '{name}' has the type {kind}, which is no text")));
    }
    cast(column, &DataType::LargeUtf8)
        .map_err(|error| Error::schema(format!("column '{name}' cannot be read as text: {error}")))
}

fn text_at(texts: &ArrayRef, row: usize) -> Option<&str> {
    let texts = texts.as_string::<i64>();
    texts.is_valid(row).then(|| texts.value(row))
}

fn read_numbers(column: &ArrayRef, name: &str, before: usize, numbers: &mut Vec<f64>) -> Result<()> {
    let failed = |error: arrow::error::ArrowError| Error::schema(format!("column '{name}' cannot be read: {error}"));
    match column.data_type() {
        DataType::Null => numbers.resize(before + column.len(), f64::NAN),
        DataType::Dictionary(_, values) => {
            let plain = cast(column, values).map_err(failed)?;
            read_numbers(&plain, name, before, numbers)?;
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts = as_text(column, name)?;
            for row in 0..texts.len() {
                numbers.push(text_at(&texts, row).map_or(Ok(f64::NAN), |text| parsed(text, name, before + row))?);
            }
        }
        kind if *kind == DataType::Boolean || kind.is_integer() || kind.is_floating() || kind.is_decimal() => {
            let doubles = cast(column, &DataType::Float64).map_err(failed)?;
            for (row, value) in doubles.as_primitive::<Float64Type>().iter().enumerate() {
                numbers.push(value.map_or(Ok(f64::NAN), |value| finite(value, name, before + row))?);
            }
        }
        kind => {
            return Err(Error::schema(format!("column '{name}' has the type {kind}, which is no number"))
                .hint("cast it to numbers first, or name another column"));
        }
    }
    Ok(())
}

/// The text of a JSON value; null is none.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn number_of(value: Option<&Value>, name: &str, row: usize) -> Result<f64> {
    match value {
        None | Some(Value::Null) => Ok(f64::NAN),
        Some(Value::Bool(value)) => Ok(f64::from(*value)),
        Some(Value::Number(number)) => finite(number.as_f64().unwrap_or(f64::NAN), name, row),
        Some(Value::String(text)) => parsed(text, name, row),
        Some(other) => Err(no_number(&other.to_string(), name, row)),
    }
}

/// The number that a text is; an empty one is missing.
fn parsed(text: &str, name: &str, row: usize) -> Result<f64> {
    match text.trim() {
        "" => Ok(f64::NAN),
        "true" => Ok(1.0),
        "false" => Ok(0.0),
        text => text
            .parse()
            .map_err(|_| no_number(&format!("'{text}'"), name, row))
            .and_then(|value| finite(value, name, row)),
    }
}

fn finite(value: f64, name: &str, row: usize) -> Result<f64> {
    if value.is_finite() { Ok(value) } else { Err(no_number(&value.to_string(), name, row)) }
}

fn no_number(found: &str, name: &str, row: usize) -> Error {
    let shown: String = found.chars().take(40).collect();
    Error::schema(format!("row {} of column '{name}' is {shown}, which is no finite number", row + 1))
        .hint("leave missing values empty (null), and mend or remove others")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Date32Array, Float64Array, Int32Array, StringArray};
    use serde_json::json;

    use super::*;

    fn reader() -> TableReader {
        TableReader::new(Some("unit".into()), vec!["variant".into()], vec!["value".into()])
    }

    fn objects(rows: Value) -> Vec<Map<String, Value>> {
        serde_json::from_value(rows).unwrap()
    }

    fn batch(values: ArrayRef) -> RecordBatch {
        let units: ArrayRef = Arc::new(Int32Array::from_iter_values(0..i32::try_from(values.len()).unwrap()));
        let variants: ArrayRef = Arc::new(StringArray::from(vec!["a"; values.len()]));
        RecordBatch::try_from_iter([("unit", units), ("variant", variants), ("value", values)]).unwrap()
    }

    #[test]
    fn batches_and_objects_say_the_same() {
        let mut columns = reader();
        columns.read_batch(&batch(Arc::new(Float64Array::from(vec![Some(1.5), None])))).unwrap();
        let mut rows = reader();
        rows.read_objects(&objects(json!([{"unit": 0, "variant": "a", "value": "1.50"}, {"unit": 1, "variant": "a"}])))
            .unwrap();
        let (columns, rows) = (columns.finish(), rows.finish());
        assert_eq!(columns.texts, rows.texts);
        assert_eq!((columns.numbers["value"][0], columns.numbers["value"][1].is_nan()), (1.5, true));
        assert_eq!((rows.numbers["value"][0], rows.numbers["value"][1].is_nan()), (1.5, true));
    }

    #[test]
    fn truth_values_count_and_dates_do_not() {
        let mut table = reader();
        table.read_batch(&batch(Arc::new(BooleanArray::from(vec![true, false])))).unwrap();
        assert_eq!(table.finish().numbers["value"], [1.0, 0.0]);
        let error = reader().read_batch(&batch(Arc::new(Date32Array::from(vec![1])))).unwrap_err();
        assert_eq!(error.to_string(), "column 'value' has the type Date32, which is no number");
    }

    #[test]
    fn errors_name_row_and_column() {
        let mut table = reader();
        table.read_objects(&objects(json!([{"unit": "u1", "variant": "a", "value": 1}]))).unwrap();
        let again = table.read_objects(&objects(json!([{"unit": "u1", "variant": "a", "value": 1}]))).unwrap_err();
        assert_eq!(again.to_string(), "the unit 'u1' has several rows: 1 and 2 (column 'unit')");
        let text = table.read_objects(&objects(json!([{"unit": "u2", "value": "many"}]))).unwrap_err();
        assert_eq!(text.to_string(), "row 2 of column 'value' is 'many', which is no finite number");
        let missing = table.read_objects(&objects(json!([{"value": 1}]))).unwrap_err();
        assert_eq!(missing.to_string(), "row 2 has no unit in column 'unit'");
        let infinite = reader().read_batch(&batch(Arc::new(Float64Array::from(vec![0.0, f64::INFINITY])))).unwrap_err();
        assert_eq!(infinite.to_string(), "row 2 of column 'value' is inf, which is no finite number");
    }
}
