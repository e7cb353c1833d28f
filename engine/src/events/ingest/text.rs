//! CSV and lines of JSON as rows by role, with exact line numbers.

use std::collections::BTreeSet;
use std::path::Path;
use std::str;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use duckdb::arrow::array::{ArrayRef, StringBuilder, UInt64Builder};
use duckdb::arrow::datatypes::{DataType, Field, Schema};
use duckdb::arrow::record_batch::RecordBatch;
use serde_json::{Map, Number, Value};

use super::lines::{Lines, Records};
use super::mapping::Columns;
use crate::error::{Error, Result};

/// Rows per batch.
const BATCH_ROWS: usize = 32_768;

/// How many lines of JSON are looked at to learn the columns.
const SAMPLE_LINES: usize = 1_000;

/// The header of a CSV file.
pub(in crate::events) fn csv_columns(path: &Path) -> Result<Vec<String>> {
    let mut records = Records::open(path, Arc::default())?;
    if records.advance()?.is_none() {
        return Err(Error::schema(format!("{}: the file is empty", path.display()))
            .hint("a CSV file begins with a header line"));
    }
    (0..records.len())
        .map(|index| {
            str::from_utf8(records.field(index)).map(str::to_owned).map_err(|_| {
                Error::schema(format!("{} line 1: the header is not UTF-8", path.display()))
                    .hint("convert the file to UTF-8")
            })
        })
        .collect()
}

/// The keys that occur in the first lines of a file of JSON objects.
pub(super) fn json_columns(path: &Path) -> Result<Vec<String>> {
    let mut lines = Lines::open(path, Arc::default())?;
    let (mut line, mut keys) = (Vec::new(), BTreeSet::new());
    for _ in 0..SAMPLE_LINES {
        let Some(number) = lines.next_filled(&mut line)? else { break };
        if number == 1 && line.trim_ascii_start().starts_with(b"[") {
            return Err(Error::schema(format!(
                "{}: this is a JSON array, but one object per line is needed",
                path.display()
            ))
            .hint("convert it: jq -c '.[]' FILE"));
        }
        if let Ok(object) = serde_json::from_slice::<Map<String, Value>>(&line) {
            keys.extend(object.into_iter().map(|(key, _)| key));
        }
    }
    Ok(keys.into_iter().collect())
}

/// The names of the columns of a batch beside `line`, all of them text, and which column of the file each holds. What
/// other columns hold has gone into `properties`.
fn batch_columns(columns: &Columns) -> Vec<(String, Option<String>)> {
    let named = |name: &str, column: Option<&String>| (name.to_owned(), column.cloned());
    let mut list = vec![
        named("properties", columns.properties.as_ref()),
        named("event", columns.event.as_ref()),
        named("distinct_id", columns.distinct_id.as_ref()),
        named("group_key", columns.group_key.as_ref()),
        named("timestamp", columns.timestamp.as_ref()),
        named("uuid", columns.uuid.as_ref()),
        named("person_id", columns.person_id.as_ref()),
    ];
    list.extend(
        columns.groups.iter().enumerate().map(|(index, column)| named(&format!("group_{index}"), column.as_ref())),
    );
    list.extend(
        columns.flags.iter().enumerate().map(|(index, (_, column))| named(&format!("flag_{index}"), Some(column))),
    );
    list
}

/// The roles of the columns of a batch.
pub(super) fn roles(columns: &Columns) -> Columns {
    let needed = |column: &Option<String>, name: &str| column.as_ref().map(|_| name.to_owned());
    Columns {
        rows: columns.rows.clone(),
        event: needed(&columns.event, "event"),
        distinct_id: needed(&columns.distinct_id, "distinct_id"),
        group_key: needed(&columns.group_key, "group_key"),
        timestamp: needed(&columns.timestamp, "timestamp"),
        uuid: Some("uuid".to_owned()),
        properties: Some("properties".to_owned()),
        person_id: Some("person_id".to_owned()),
        groups: std::array::from_fn(|index| Some(format!("group_{index}"))),
        flags: columns
            .flags
            .iter()
            .enumerate()
            .map(|(index, (key, _))| (key.clone(), format!("flag_{index}")))
            .collect(),
        keep_others: false,
    }
}

/// Reads a CSV file.
pub(super) struct CsvRows {
    records: Records,
    batch: BatchColumns,
    /// For each column of the batch, the field it holds.
    places: Vec<Option<usize>>,
    /// The fields that become properties.
    others: Vec<(String, usize)>,
    width: usize,
}

impl CsvRows {
    pub(super) fn open(path: &Path, names: &[String], columns: &Columns, bytes: Arc<AtomicU64>) -> Result<Self> {
        let mut records = Records::open(path, bytes)?;
        records.advance()?;
        let list = batch_columns(columns);
        let place = |column: &String| names.iter().position(|name| name == column);
        Ok(Self {
            records,
            places: list.iter().map(|(_, column)| column.as_ref().and_then(place)).collect(),
            batch: BatchColumns::new(list),
            others: names
                .iter()
                .enumerate()
                .filter(|(_, name)| columns.keep_others && !columns.has_role(name))
                .map(|(index, name)| (name.clone(), index))
                .collect(),
            width: names.len(),
        })
    }

    fn push(&mut self, line: u64) {
        let records = &self.records;
        let valid = (0..records.len()).try_for_each(|index| str::from_utf8(records.field(index)).map(|_| ()));
        let flaw = match (records.len() == self.width, valid) {
            (false, _) => Some(format!("the line has {} fields, the header has {}", records.len(), self.width)),
            (_, Err(_)) => Some("the line is not UTF-8".to_owned()),
            _ => None,
        };
        if let Some(flaw) = flaw {
            self.batch.push_flaw(line, &flaw, &String::from_utf8_lossy(records.text()));
            return;
        }
        let field = |index: usize| str::from_utf8(records.field(index)).unwrap_or_default();
        let mut others = Map::new();
        for (name, index) in &self.others {
            if let Some(value) = typed(field(*index)) {
                others.insert(name.clone(), value);
            }
        }
        let properties = self.places[0].map(field);
        let merged = if others.is_empty() { None } else { merge(properties, others) };
        self.batch.push(line, |column| match (column, &merged) {
            (0, Some(merged)) => Some(merged.as_str()),
            _ => self.places[column].map(field),
        });
    }
}

impl Iterator for CsvRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.batch.rows() < BATCH_ROWS {
            match self.records.advance() {
                Ok(Some(line)) => self.push(line),
                Ok(None) => break,
                Err(error) => return Some(Err(error)),
            }
        }
        self.batch.finish()
    }
}

/// Reads a file with one JSON object per line.
pub(super) struct JsonRows {
    lines: Lines,
    line: Vec<u8>,
    batch: BatchColumns,
    /// For each column of the batch, the key it holds.
    keys: Vec<Option<String>>,
    columns: Columns,
}

impl JsonRows {
    pub(super) fn open(path: &Path, columns: &Columns, bytes: Arc<AtomicU64>) -> Result<Self> {
        let list = batch_columns(columns);
        Ok(Self {
            lines: Lines::open(path, bytes)?,
            line: Vec::new(),
            keys: list.iter().map(|(_, key)| key.clone()).collect(),
            batch: BatchColumns::new(list),
            columns: columns.clone(),
        })
    }

    fn push(&mut self, number: u64) {
        let object = match serde_json::from_slice::<Value>(self.line.trim_ascii_end()) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return self.push_flaw(number, "the line is not a JSON object"),
            Err(error) => return self.push_flaw(number, &format!("broken JSON at column {}", error.column())),
        };
        let others: Map<String, Value> = if self.columns.keep_others {
            let other = object.iter().filter(|(key, value)| !value.is_null() && !self.columns.has_role(key));
            other.map(|(key, value)| (key.clone(), value.clone())).collect()
        } else {
            Map::new()
        };
        let mut texts: Vec<Option<String>> =
            self.keys.iter().map(|key| key.as_ref().and_then(|key| object.get(key)).and_then(text)).collect();
        if !others.is_empty()
            && let Some(merged) = merge(texts[0].as_deref(), others)
        {
            texts[0] = Some(merged);
        }
        self.batch.push(number, |column| texts[column].as_deref());
    }

    fn push_flaw(&mut self, number: u64, flaw: &str) {
        self.batch.push_flaw(number, flaw, &String::from_utf8_lossy(self.line.trim_ascii()));
    }
}

impl Iterator for JsonRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.batch.rows() < BATCH_ROWS {
            match self.lines.next_filled(&mut self.line) {
                Ok(Some(number)) => self.push(number),
                Ok(None) => break,
                Err(error) => return Some(Err(error)),
            }
        }
        self.batch.finish()
    }
}

/// A JSON value as text; null is no value.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}

/// A CSV field as a property. It is a number or a truth value only if that reads back as the same text, so that nothing
/// is lost of ids such as `007`; an empty field is no value.
pub(in crate::events) fn typed(field: &str) -> Option<Value> {
    let number = || {
        let number = match field.parse::<i64>() {
            Ok(integer) => Number::from(integer),
            Err(_) => Number::from_f64(field.parse().ok()?)?,
        };
        (number.to_string() == field).then_some(Value::Number(number))
    };
    match field {
        "" => None,
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => Some(number().unwrap_or_else(|| Value::String(field.to_owned()))),
    }
}

/// The properties with others put over them; none if they are not an object, which the check will say.
fn merge(properties: Option<&str>, others: Map<String, Value>) -> Option<String> {
    let Some(properties) = properties.filter(|text| !text.is_empty()) else {
        return Some(Value::Object(others).to_string());
    };
    let mut object: Map<String, Value> = serde_json::from_str(properties).ok()?;
    object.extend(others);
    Some(Value::Object(object).to_string())
}

/// The columns of a batch while it grows.
struct BatchColumns {
    schema: Arc<Schema>,
    lines: UInt64Builder,
    texts: Vec<StringBuilder>,
    flaws: StringBuilder,
    raws: StringBuilder,
    rows: usize,
}

impl BatchColumns {
    fn new(list: Vec<(String, Option<String>)>) -> Self {
        let mut fields = vec![Field::new("line", DataType::UInt64, false)];
        let width = list.len();
        let names = list.into_iter().map(|(name, _)| name).chain(["flaw".to_owned(), "raw".to_owned()]);
        fields.extend(names.map(|name| Field::new(name, DataType::Utf8, true)));
        Self {
            schema: Arc::new(Schema::new(fields)),
            lines: UInt64Builder::new(),
            texts: (0..width).map(|_| StringBuilder::new()).collect(),
            flaws: StringBuilder::new(),
            raws: StringBuilder::new(),
            rows: 0,
        }
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn push<'a>(&mut self, line: u64, text: impl Fn(usize) -> Option<&'a str>) {
        self.lines.append_value(line);
        for (column, builder) in self.texts.iter_mut().enumerate() {
            builder.append_option(text(column));
        }
        self.flaws.append_null();
        self.raws.append_null();
        self.rows += 1;
    }

    /// A line that can't be read as a row.
    fn push_flaw(&mut self, line: u64, flaw: &str, raw: &str) {
        self.lines.append_value(line);
        self.texts.iter_mut().for_each(StringBuilder::append_null);
        self.flaws.append_value(flaw);
        self.raws.append_value(raw);
        self.rows += 1;
    }

    /// The batch, and a new one is begun; none if there are no rows.
    fn finish(&mut self) -> Option<Result<RecordBatch>> {
        if self.rows == 0 {
            return None;
        }
        self.rows = 0;
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.lines.finish())];
        let builders = self.texts.iter_mut().chain([&mut self.flaws, &mut self.raws]);
        arrays.extend(builders.map(|builder| Arc::new(builder.finish()) as ArrayRef));
        let batch = RecordBatch::try_new(self.schema.clone(), arrays);
        Some(batch.map_err(|error| Error::bug(format!("a batch of text rows: {error}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn a_field_is_a_number_only_if_nothing_is_lost() {
        let shown = |field| typed(field).map(|value| value.to_string());
        for same in ["5", "-3", "2.5", "true"] {
            assert_eq!(shown(same).as_deref(), Some(same));
        }
        for text in ["007", "1e5", "+1", "1.50", "NaN", "inf", "12345678901234567890123", " 5", "True"] {
            assert_eq!(shown(text), Some(format!("{text:?}")));
        }
        assert_eq!(shown(""), None);
    }
}
