//! A log as read back from its file.

use abduck_datasets::{Options, Truth, generate};
use polars::prelude::*;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogRow {
    pub(crate) uuid: String,
    pub(crate) event: String,
    pub(crate) distinct_id: String,
    pub(crate) time_us: i64,
    pub(crate) properties: Value,
}

impl LogRow {
    /// The answer of a flag that the row carries, as text.
    pub(crate) fn answer(&self, flag: &str) -> Option<String> {
        self.properties.get(format!("$feature/{flag}")).map(text)
    }

    /// The answer reported, if the row is a call of this flag.
    pub(crate) fn called(&self, flag: &str) -> Option<String> {
        let is_call = self.event == "$feature_flag_called" && self.properties["$feature_flag"] == flag;
        is_call.then(|| text(&self.properties["$feature_flag_response"]))
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Generates into a temporary folder and reads the Parquet file back.
pub(crate) fn generated(options: &Options) -> (Truth, Vec<LogRow>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.parquet");
    let truth = generate(options, &path, |_| {}).unwrap();
    (truth, read_parquet(&path))
}

pub(crate) fn parquet_frame(path: &Path) -> DataFrame {
    ParquetReader::new(File::open(path).unwrap()).finish().unwrap()
}

pub(crate) fn read_parquet(path: &Path) -> Vec<LogRow> {
    let frame = parquet_frame(path);
    assert_eq!(frame.get_column_names(), ["uuid", "event", "distinct_id", "timestamp", "properties"]);
    let timestamp = frame.column("timestamp").unwrap();
    assert_eq!(timestamp.dtype(), &DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)));
    let times_us = timestamp.datetime().unwrap().physical().into_no_null_iter().collect();
    rows(&frame, times_us)
}

pub(crate) fn read_csv(path: &Path) -> Vec<LogRow> {
    let options = CsvReadOptions::default().with_has_header(true).with_infer_schema_length(Some(0));
    let frame = options.try_into_reader_with_file_path(Some(path.to_owned())).unwrap().finish().unwrap();
    assert_eq!(frame.get_column_names(), ["uuid", "event", "distinct_id", "timestamp", "properties"]);
    let texts = frame.column("timestamp").unwrap().str().unwrap();
    let times_us = texts.iter().map(|text| time_us(text.unwrap())).collect();
    rows(&frame, times_us)
}

pub(crate) fn time_us(text: &str) -> i64 {
    assert_eq!(text.len(), "2026-03-02T00:00:00.000000Z".len(), "{text}");
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

fn rows(frame: &DataFrame, times_us: Vec<i64>) -> Vec<LogRow> {
    assert_eq!(frame.columns().iter().map(Column::null_count).sum::<usize>(), 0);
    let text = |name: &str| frame.column(name).unwrap().str().unwrap().clone();
    let [uuid, event, distinct_id, properties] = ["uuid", "event", "distinct_id", "properties"].map(text);
    let of = |column: &StringChunked, index| column.get(index).unwrap().to_owned();
    let row = |(index, time_us)| LogRow {
        uuid: of(&uuid, index),
        event: of(&event, index),
        distinct_id: of(&distinct_id, index),
        time_us,
        properties: serde_json::from_str(properties.get(index).unwrap()).unwrap(),
    };
    times_us.into_iter().enumerate().map(row).collect()
}

/// The rows without repetitions.
pub(crate) fn distinct(rows: &[LogRow]) -> Vec<&LogRow> {
    let mut seen = HashSet::new();
    rows.iter().filter(|row| seen.insert(&row.uuid)).collect()
}

/// The rows of every person in order of time; persons are resolved through `$identify` only.
pub(crate) fn persons<'a>(rows: &[&'a LogRow]) -> HashMap<&'a str, Vec<&'a LogRow>> {
    let links: HashMap<&str, &str> = rows
        .iter()
        .filter(|row| row.event == "$identify")
        .map(|row| (row.properties["$anon_distinct_id"].as_str().unwrap(), row.distinct_id.as_str()))
        .collect();
    let mut persons: HashMap<&str, Vec<&LogRow>> = HashMap::new();
    for row in rows {
        let id = row.distinct_id.as_str();
        persons.entry(links.get(id).copied().unwrap_or(id)).or_default().push(row);
    }
    for rows in persons.values_mut() {
        rows.sort_by_key(|row| row.time_us);
    }
    persons
}
