//! The three formats hold the same rows.

use crate::log::{LogRow, parquet_frame, read_csv, read_parquet, time_us};
use abduck_datasets::{Options, Pathologies, Truth, generate};
use polars::prelude::*;
use serde_json::Value;
use std::fs::File;

#[test]
fn the_formats_hold_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let pathologies = Pathologies { duplicate_rows: 0.05, late_rows: 0.05, ..Pathologies::default() };
    let options = Options { events: 70_000, pathologies, ..Options::default() };
    let [parquet, csv, ndjson] = ["parquet", "csv", "ndjson"].map(|extension| {
        let path = folder.path().join("log").with_extension(extension);
        generate(&options, &path, |_| {}).unwrap();
        path
    });
    let rows = read_parquet(&parquet);
    assert!(rows.len() > 65_536, "more than one batch");
    assert!(read_csv(&csv) == rows);
    assert!(ndjson_rows(&std::fs::read_to_string(&ndjson).unwrap()) == rows);

    // Polars reads the lines as well, with `properties` as a struct.
    let lines = JsonReader::new(File::open(&ndjson).unwrap()).with_json_format(JsonFormat::JsonLines);
    let frame = lines.finish().unwrap();
    let expected = parquet_frame(&parquet);
    for name in ["uuid", "event", "distinct_id"] {
        assert_eq!(frame.column(name).unwrap(), expected.column(name).unwrap());
    }
    assert!(frame.column("properties").unwrap().dtype().is_struct());
}

fn ndjson_rows(text: &str) -> Vec<LogRow> {
    let row = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        assert!(value["properties"].is_object());
        LogRow {
            uuid: text("uuid"),
            event: text("event"),
            distinct_id: text("distinct_id"),
            time_us: time_us(&text("timestamp")),
            properties: value["properties"].clone(),
        }
    };
    text.lines().map(row).collect()
}

#[test]
fn the_truth_reads_back_with_unknown_fields_denied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let truth = generate(&Options { events: 100, ..Options::default() }, &path, |_| {}).unwrap();
    let read: Truth = serde_json::from_slice(&std::fs::read(path.with_extension("truth.json")).unwrap()).unwrap();
    assert_eq!(read, truth);
    let steps = read.experiments[0]["filters"]["events"].as_array().unwrap();
    assert_eq!(steps[3], serde_json::json!({"id": "purchase", "order": 3}));
    assert_eq!(read.experiments[1]["parameters"]["feature_flag_variants"][2]["key"], "semantic");
}
