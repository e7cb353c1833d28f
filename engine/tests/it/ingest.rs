//! Taking events in: what is stored, what is refused, and that it happens as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use abduck::error::{Error, ErrorKind, Result};
use abduck::events::arrow::array::{Array, ArrayRef, Int64Array, StringArray, StructArray, TimestampMicrosecondArray};
use abduck::events::arrow::datatypes::{DataType, Field};
use abduck::events::arrow::record_batch::{RecordBatch, RecordBatchIterator};
use abduck::events::{
    ColumnMapping, DataState, EventStore, Format, IngestOptions, IngestReport, Interrupt, Source, Stage, TimestampUnit,
    ingest,
};
use abduck::sql::Sql;
use proptest::prelude::*;
use tempfile::TempDir;

const WAIT: Duration = Duration::from_secs(20);

/// Everything about the stored events except which numbers persons have.
const EVERYTHING: &str = "SELECT concat_ws('|', uuid, event, distinct_id, timestamp, CAST(properties AS JSON), \
    coalesce(group_0, '-'), coalesce(group_4, '-')) FROM events ORDER BY 1";

const MERGES: &str =
    "SELECT concat_ws(' ', distinct_id, min(distinct_id) OVER (PARTITION BY person_id)) FROM events ORDER BY 1";

struct Lab {
    directory: TempDir,
    store: EventStore,
}

impl Lab {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = EventStore::create(directory.path().join("lab")).unwrap();
        Self { directory, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).unwrap();
        self.path(name).display().to_string()
    }

    /// Writes what a query gives as a Parquet file.
    fn parquet(&self, name: &str, query: &str) -> String {
        let path = self.path(name).display().to_string();
        let connection = duckdb::Connection::open_in_memory().unwrap();
        connection
            .execute_batch(&format!("COPY ({query}) TO '{}' (FORMAT parquet)", path.replace('\'', "''")))
            .unwrap();
        path
    }

    fn ingest(&self, files: &[&str], options: &IngestOptions) -> Result<IngestReport> {
        let source = Source::Files(files.iter().map(|file| (*file).to_owned()).collect());
        ingest(&self.store, source, options, WAIT, &Interrupt::new(), &mut |_| {})
    }

    fn state(&self) -> DataState {
        self.store.read(WAIT, "test").unwrap().state().unwrap()
    }

    /// The first column of a result, which must be text.
    fn rows(&self, query: &'static str) -> Vec<String> {
        let mut sql = Sql::new();
        sql.text(query);
        let mut rows = Vec::new();
        let reader = self.store.read(WAIT, "test").unwrap();
        let mut collect = |batch: &RecordBatch| {
            let texts = batch.column(0).as_any().downcast_ref::<StringArray>().expect("a text column");
            rows.extend(texts.iter().map(|text| text.unwrap_or("null").to_owned()));
            Ok(())
        };
        reader.scan(&sql, &Interrupt::new(), &mut collect).unwrap();
        rows
    }
}

fn options(mapping: &str) -> IngestOptions {
    IngestOptions { mapping: ColumnMapping::from_text(mapping).unwrap(), ..IngestOptions::default() }
}

fn plain() -> IngestOptions {
    IngestOptions::default()
}

fn schema_message(error: &Error) -> &str {
    match error.kind() {
        ErrorKind::Schema { message } => message,
        other => panic!("expected a schema error, got {other:?}"),
    }
}

const NDJSON: &str = r#"{"user_id":"ann","event":"buy","timestamp":"2025-01-01T10:00:00.5Z","properties":{"b":1.50,"a":"é \"q\" 'x'","n":null,"o":{"z":[1,2],"y":true}},"plan":"pro","seats":3}
{"user_id":"bob","event":"buy","timestamp":"2025-01-01 12:00:00.25+02:00","properties":{},"plan":"007","seats":4}

{"user_id":"ann","event":"see","timestamp":"2031-05-05T00:00:00","properties":null,"plan":null,"seats":-1}
"#;

const CSV: &str = "\u{feff}user_id,event,timestamp,properties,plan,seats\r
ann,buy,2025-01-01T10:00:00.5Z,\"{\"\"o\"\":{\"\"y\"\":true,\"\"z\"\":[1,2]},\"\"a\"\":\"\"\\u00e9 \\\"\"q\\\"\" 'x'\"\",\"\"b\"\":1.5, \"\"n\"\":null}\",pro,3\r
bob,buy,2025-01-01T10:00:00.250000Z,{},007,4\r
\r
ann,see,2031-05-05 00:00,,,-1";

const PARQUET: &str = r#"SELECT * FROM (VALUES
    ('ann', 'buy', TIMESTAMP '2025-01-01 10:00:00.5', '{"b":1.5,"a":"é \"q\" ''x''","n":null,"o":{"y":true,"z":[1,2]}}', 'pro', 3),
    ('bob', 'buy', TIMESTAMP '2025-01-01 10:00:00.25', '{}', '007', 4),
    ('ann', 'see', TIMESTAMP '2031-05-05 00:00:00', NULL, NULL, -1)) AS v(user_id, event, timestamp, properties, plan, seats)"#;

fn gzip(text: &str) -> Vec<u8> {
    // Two members, as `cat a.gz b.gz` makes them.
    let (head, tail) = text.split_at(text.len() / 2);
    let mut bytes = Vec::new();
    for part in [head, tail] {
        let mut encoder = flate2::write::GzEncoder::new(&mut bytes, flate2::Compression::fast());
        encoder.write_all(part.as_bytes()).unwrap();
        encoder.finish().unwrap();
    }
    bytes
}

fn batches() -> Source {
    let text = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as ArrayRef;
    let times =
        TimestampMicrosecondArray::from(vec![1_735_725_600_500_000, 1_735_725_600_250_000, 1_935_705_600_000_000]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("user_id", text(vec![Some("ann"), Some("bob"), Some("ann")])),
        ("event", text(vec![Some("buy"), Some("buy"), Some("see")])),
        ("timestamp", Arc::new(times.with_timezone("+00:00"))),
        (
            "properties",
            text(vec![Some(r#"{"n":null,"b":1.5,"a":"é \"q\" 'x'","o":{"y":true,"z":[1,2]}}"#), Some("{}"), None]),
        ),
        ("plan", text(vec![Some("pro"), Some("007"), None])),
        ("seats", Arc::new(Int64Array::from(vec![3, 4, -1]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let parts = vec![Ok(batch.slice(0, 1)), Ok(batch.slice(1, 2))];
    Source::Batches(Box::new(RecordBatchIterator::new(parts, batch.schema())))
}

#[test]
fn all_formats_give_the_same_store() {
    let mut dumps = BTreeMap::new();
    for (name, content) in [
        ("a.ndjson", NDJSON.as_bytes().to_vec()),
        ("a.JSONL.gz", gzip(NDJSON)),
        ("a.json.zst", zstd::encode_all(NDJSON.as_bytes(), 1).unwrap()),
        ("a.csv", CSV.as_bytes().to_vec()),
        ("a.csv.gz", gzip(CSV)),
        ("a.csv.zst", zstd::encode_all(CSV.as_bytes(), 1).unwrap()),
    ] {
        let lab = Lab::new();
        let report = lab.ingest(&[&lab.write(name, content)], &plain()).unwrap();
        assert_eq!((report.read, report.stored, report.rejected), (3, 3, 0), "{name}: {report:?}");
        dumps.insert(name, lab.rows(EVERYTHING));
    }
    let lab = Lab::new();
    lab.ingest(&[&lab.parquet("a.parquet", PARQUET)], &plain()).unwrap();
    dumps.insert("a.parquet", lab.rows(EVERYTHING));
    let lab = Lab::new();
    ingest(&lab.store, batches(), &plain(), WAIT, &Interrupt::new(), &mut |_| {}).unwrap();
    dumps.insert("batches", lab.rows(EVERYTHING));

    let expected = &dumps["a.ndjson"];
    assert_eq!(expected.len(), 3);
    assert!(expected.iter().any(|row| row.contains(
        r#"|buy|ann|2025-01-01 10:00:00.5|{"a":"é \"q\" 'x'","b":1.5,"n":null,"o":{"y":true,"z":[1,2]},"plan":"pro","seats":3}|"#
    )));
    assert!(expected.iter().any(|row| row.contains(r#"|see|ann|2031-05-05 00:00:00|{"seats":-1}|"#)));
    assert_eq!(dumps.len(), 8);
    for (name, dump) in &dumps {
        assert_eq!(dump, expected, "{name}");
    }
}

#[test]
fn structs_and_maps_serve_as_properties() {
    let lab = Lab::new();
    let file = lab.parquet(
        "a.parquet",
        "SELECT 'e' AS event, 'd' AS user_id, TIMESTAMPTZ '2025-01-01 00:00:00+02' AS ts, {'a b': 1, 'n': NULL::VARCHAR} AS properties",
    );
    lab.ingest(&[&file], &plain()).unwrap();
    let file = lab.parquet(
        "b.parquet",
        "SELECT 'f' AS event, 'd' AS user_id, DATE '2025-01-01' AS ts, MAP {'k': 'v'} AS properties",
    );
    lab.ingest(&[&file], &plain()).unwrap();
    let fields =
        vec![(Arc::new(Field::new("k", DataType::Utf8, true)), Arc::new(StringArray::from(vec!["w"])) as ArrayRef)];
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("event", text("g")),
        ("user_id", text("d")),
        ("ts", text("2025-01-01")),
        ("properties", Arc::new(StructArray::from(fields))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let source = Source::Batches(Box::new(RecordBatchIterator::new(vec![Ok(batch.clone())], batch.schema())));
    ingest(&lab.store, source, &plain(), WAIT, &Interrupt::new(), &mut |_| {}).unwrap();
    assert_eq!(
        lab.rows("SELECT concat_ws(' ', event, timestamp, CAST(properties AS JSON)) FROM events ORDER BY 1"),
        [
            r#"e 2024-12-31 22:00:00 {"a b":1,"n":null}"#,
            r#"f 2025-01-01 00:00:00 {"k":"v"}"#,
            r#"g 2025-01-01 00:00:00 {"k":"w"}"#,
        ]
    );
}

#[test]
fn patterns_take_each_file_once_and_report_by_file() {
    let lab = Lab::new();
    for (name, user) in [("b.csv", "bob"), ("a.csv", "ann"), ("o.tsv", "no")] {
        lab.write(name, format!("user_id,event,ts\n{user},e,2025-01-01\n"));
    }
    let (pattern, again) = (lab.path("*.csv").display().to_string(), lab.path("a.csv").display().to_string());
    let report = lab.ingest(&[&pattern, &again], &plain()).unwrap();
    assert_eq!(report.stored, 2);
    let files: Vec<(bool, u64)> = report.files.iter().map(|file| (file.file.ends_with("a.csv"), file.stored)).collect();
    assert_eq!(files, [(true, 1), (false, 1)]);

    let error = lab.ingest(&[&lab.path("*.nothing").display().to_string()], &plain()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound { noun: "file", .. }), "{error}");
    let error = lab.ingest(&[&lab.path("o.tsv").display().to_string()], &plain()).unwrap_err();
    assert!(schema_message(&error).contains("the name does not tell the format"), "{error}");
    let named = IngestOptions { format: Some(Format::Csv), ..plain() };
    assert_eq!(lab.ingest(&[&lab.path("o.tsv").display().to_string()], &named).unwrap().stored, 1);
}

#[test]
fn an_export_is_recognised() {
    let lab = Lab::new();
    let row = |uuid: u8, id: &str, person: &str| {
        format!(
            r#"{{"uuid":"00000000-0000-0000-0000-0000000000{uuid:02}","event":"$pageview","properties":"{{\"$browser\":\"X\"}}","timestamp":"2025-01-01 00:00:00.000000","team_id":1,"distinct_id":"{id}","elements_chain":"","created_at":"2025-01-01","person_id":"{person}","$group_0":"acme"}}"#
        )
    };
    let text = [row(1, "anon", "p1"), row(2, "ann", "p1"), row(3, "bob", "p2")].join("\n");
    let report = lab.ingest(&[&lab.write("e.ndjson", text)], &plain()).unwrap();
    assert_eq!((report.stored, report.new_persons, report.merges), (3, 2, 1));
    assert_eq!(
        lab.rows("SELECT concat_ws(' ', right(uuid::VARCHAR, 2), properties::JSON, group_0) FROM events ORDER BY 1")[0],
        r#"01 {"$browser":"X"} acme"#
    );
    assert_eq!(lab.rows(MERGES), ["ann ann", "anon ann", "bob bob"]);
}

#[test]
fn columns_are_mapped_and_flags_become_exposures() {
    let lab = Lab::new();
    let csv = "who;x,what,at,arm \"1\",org\nu1,assigned,1735725600123,control,acme\nu1,buy,1735725600124,control,\n";
    let options = options(
        "{distinct_id: 'who;x', event: what, timestamp: at, timestamp_unit: milliseconds, groups: {4: org}, \
         flags: {'new/\"x\"': 'arm \"1\"'}, exposure_event: assigned}",
    );
    lab.ingest(&[&lab.write("m.csv", csv)], &options).unwrap();
    let ndjson = r#"{"who;x":"u2","what":"assigned","at":1735725600123,"arm \"1\"":"test","org":"acme"}"#;
    lab.ingest(&[&lab.write("m.ndjson", ndjson)], &options).unwrap();
    let file = lab.parquet(
        "m.parquet",
        r#"SELECT 'u3' AS "who;x", 'assigned' AS what, 1735725600123 AS at, 'test' AS "arm ""1""", 'acme' AS org"#,
    );
    lab.ingest(&[&file], &options).unwrap();
    let exposure = |variant| {
        format!(
            r#"$feature_flag_called 2025-01-01 10:00:00.123 {{"$feature/new/\"x\"":"{variant}","$feature_flag":"new/\"x\"","$feature_flag_response":"{variant}"}} acme"#
        )
    };
    assert_eq!(
        lab.rows(
            "SELECT concat_ws(' ', event, timestamp, CAST(properties AS JSON), group_4) FROM events ORDER BY distinct_id, timestamp"
        ),
        [
            exposure("control"),
            r#"buy 2025-01-01 10:00:00.124 {"$feature/new/\"x\"":"control"}"#.to_owned(),
            exposure("test"),
            exposure("test"),
        ]
    );
    let error = lab.ingest(&[&file], &self::options("{flags: {a: b, c: d}, exposure_event: e}")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid { .. }), "{error}");
}

#[test]
fn columns_that_are_not_recognised_are_an_error_that_helps() {
    let lab = Lab::new();
    let error = lab.ingest(&[&lab.write("x.csv", "a,b\n1,2\n")], &plain()).unwrap_err();
    assert!(
        schema_message(&error).contains("x.csv: no column for event was recognised; its columns are a, b"),
        "{error}"
    );
    assert!(error.hints()[0].contains("--event COLUMN"), "{:?}", error.hints());
    let error = lab.ingest(&[&lab.write("y.csv", "event,user_id,ts\n")], &options("{uuid: nope}")).unwrap_err();
    assert!(schema_message(&error).contains(r#"the column "nope" that is mapped to uuid does not exist"#), "{error}");
    let error = lab.ingest(&[&lab.write("z.csv", "event,event,ts\n")], &plain()).unwrap_err();
    assert!(schema_message(&error).contains("occurs twice"), "{error}");
    let file = lab.parquet("n.parquet", "SELECT 'e' AS event, 'd' AS user_id, 5::BIGINT AS ts");
    let error = lab.ingest(&[&file], &plain()).unwrap_err();
    assert!(schema_message(&error).contains("is a BIGINT, of unknown unit"), "{error}");
    let error = ColumnMapping::from_text("{evnt: x}").unwrap_err();
    assert!(error.to_string().contains("evnt"), "{error}");
    let error = lab.ingest(&[&lab.write("n.json", "[{}]")], &plain()).unwrap_err();
    assert!(schema_message(&error).contains("JSON array"), "{error}");
    assert_eq!(lab.state().data_version, 0);
}

#[test]
fn timestamps_are_read_in_every_form() {
    let lab = Lab::new();
    // One user each: without a uuid, equal instants would be equal events.
    for (user, (text, utc)) in [
        ("2025-01-01", "2025-01-01 00:00:00"),
        ("2025-01-01T10:00", "2025-01-01 10:00:00"),
        ("2025-01-01 10:00:00.123456", "2025-01-01 10:00:00.123456"),
        ("2025-01-01T10:00:00Z", "2025-01-01 10:00:00"),
        ("2025-01-01T10:00:00+05:30", "2025-01-01 04:30:00"),
        ("2025-01-01 10:00:00 -0800", "2025-01-01 18:00:00"),
        ("2025-01-01T10:00:00.5+02", "2025-01-01 08:00:00.5"),
        ("1969-12-31T23:59:59-00:30", "1970-01-01 00:29:59"),
    ]
    .into_iter()
    .enumerate()
    {
        lab.write("t.csv", format!("event,user_id,ts,given\ne,{user},{text},{utc}\n"));
        let report = lab.ingest(&[&lab.path("t.csv").display().to_string()], &plain()).unwrap();
        assert_eq!(report.stored, 1, "{text}");
    }
    let same = "SELECT concat(timestamp::VARCHAR = variant_extract(properties, 'given')::VARCHAR) FROM events";
    assert_eq!(lab.rows(same), ["true"; 8]);
    for text in [
        "2025-13-01",
        "yesterday",
        "2025-01-01T10:00:00 Europe/Berlin",
        "1735725600",
        "infinity",
        "2025-01-01T10:00:00+25:00",
    ] {
        lab.write("t.csv", format!("event,user_id,ts\ne,d,{text}\n"));
        let error = lab.ingest(&[&lab.path("t.csv").display().to_string()], &plain()).unwrap_err();
        assert!(schema_message(&error).contains("line 2: timestamp"), "{text}: {error}");
    }
}

#[test]
fn local_times_follow_the_zone() {
    let csv = "event,user_id,ts\n\
        winter,d,2025-01-15 12:00:00\nsummer,d,2025-07-15 12:00:00\nskipped,d,2025-03-30 02:30:00\n\
        twice,d,2025-10-26 02:30:00\noffset,d,2025-07-15T12:00:00Z\n";
    let expected = [
        "winter 2025-01-15 11:00:00",
        "skipped 2025-03-30 01:30:00",
        "summer 2025-07-15 10:00:00",
        "offset 2025-07-15 12:00:00",
        "twice 2025-10-26 00:30:00",
    ];
    let query = "SELECT concat_ws(' ', event, timestamp) FROM events ORDER BY timestamp";
    let lab = Lab::new();
    lab.ingest(&[&lab.write("z.csv", csv)], &options("{timezone: Europe/Berlin}")).unwrap();
    assert_eq!(lab.rows(query), expected);

    // The same as local times of a Parquet file, beside the one that carries its offset.
    let query_of_file = "SELECT event, user_id, ts::TIMESTAMP AS ts FROM (VALUES ('winter', 'd', '2025-01-15 12:00:00'), \
        ('summer', 'd', '2025-07-15 12:00:00'), ('skipped', 'd', '2025-03-30 02:30:00'), \
        ('twice', 'd', '2025-10-26 02:30:00')) AS v(event, user_id, ts)";
    let lab = Lab::new();
    lab.ingest(&[&lab.parquet("z.parquet", query_of_file)], &options("{timezone: Europe/Berlin}")).unwrap();
    assert_eq!(lab.rows(query), expected.into_iter().filter(|row| !row.starts_with("offset")).collect::<Vec<_>>());

    let error = lab.ingest(&[&lab.write("z.csv", csv)], &options("{timezone: Mars/Base}")).unwrap_err();
    assert!(error.to_string().contains("Mars/Base"), "{error}");
}

#[test]
fn numeric_timestamps_need_their_unit() {
    for (unit, number) in [
        (TimestampUnit::Seconds, "1735725600.25"),
        (TimestampUnit::Milliseconds, "1735725600250"),
        (TimestampUnit::Microseconds, "1735725600250000"),
    ] {
        let mapping = ColumnMapping { timestamp_unit: Some(unit), ..ColumnMapping::default() };
        let options = IngestOptions { mapping, ..plain() };
        let lab = Lab::new();
        lab.ingest(&[&lab.write("u.csv", format!("event,user_id,ts\ne,d,{number}\n"))], &options).unwrap();
        lab.ingest(&[&lab.write("u.json", format!(r#"{{"event":"f","user_id":"d","ts":{number}}}"#))], &options)
            .unwrap();
        assert_eq!(lab.rows("SELECT timestamp::VARCHAR FROM events"), ["2025-01-01 10:00:00.25"; 2], "{unit:?}");
    }
}

const FLAWED: &str = r#"{"event":"e","user_id":"d","ts":"2025-01-01","uuid":"00000000-0000-0000-0000-000000000001"}
{"user_id":"d","ts":"2025-01-01"}
{"event":"e","user_id":"","ts":"2025-01-01"}

{"event":"e","user_id":"d","ts":"soon"}
{"event":"e","user_id":"d"}
{"event":"e","user_id":"d","ts":"2025-01-01","uuid":"not one"}
{"event":"e","user_id":"d","ts":"2025-01-01","properties":[1]}
{"event":"e","user_id":"d","ts":"2025-01-01","properties":"{broken"}
{"event":"e","user_id":
[1]
"#;

#[test]
fn rows_that_cannot_be_stored_are_written_aside() {
    let lab = Lab::new();
    let file = lab.write("f.ndjson", FLAWED);
    let report = lab.ingest(&[&file], &plain()).unwrap();
    assert_eq!((report.read, report.stored, report.rejected, report.data_version), (10, 1, 9, 1));
    assert_eq!((report.files[0].read, report.files[0].rejected), (10, 9));
    let path = report.rejects_file.unwrap();
    assert_eq!(path, lab.store.directory().join("rejected").join("1.ndjson"));
    let rows: Vec<serde_json::Value> =
        fs::read_to_string(&path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<(u64, &str)> =
        rows.iter().map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap())).collect();
    assert_eq!(
        seen,
        [
            (2, "event is missing"),
            (3, "distinct_id is missing"),
            (5, "timestamp cannot be read"),
            (6, "timestamp is missing"),
            (7, "uuid is malformed"),
            (8, "properties are not a JSON object"),
            (9, "properties are not a JSON object"),
            (10, "broken JSON at column 23"),
            (11, "the line is not a JSON object"),
        ]
    );
    assert_eq!(rows[2]["row"], serde_json::json!({"event":"e","distinct_id":"d","timestamp":"soon","properties":{}}));
    assert_eq!(rows[7]["row"], serde_json::json!("{\"event\":\"e\",\"user_id\":"));
    assert_eq!(rows[0]["file"].as_str(), Some(file.as_str()));
}

#[test]
fn csv_lines_are_counted_exactly() {
    let lab = Lab::new();
    let csv = b"event,user_id,ts,note\r\ne,d,2025-01-01,\"two\r\nlines\"\r\n\r\ne,d\r\ne,d,bad,x\r\ne,d,2025-01-02,\xff\r\n\"e\",d,2025-01-03,\"q\"\"q\"";
    let report = lab.ingest(&[&lab.write("c.csv", csv)], &plain()).unwrap();
    assert_eq!((report.stored, report.rejected), (2, 3));
    let text = fs::read_to_string(report.rejects_file.unwrap()).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<(u64, &str)> =
        lines.iter().map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap())).collect();
    assert_eq!(
        seen,
        [(5, "the line has 2 fields, the header has 4"), (6, "timestamp cannot be read"), (7, "the line is not UTF-8")]
    );
    assert_eq!(
        lab.rows("SELECT CAST(properties AS JSON)::VARCHAR FROM events ORDER BY timestamp"),
        [r#"{"note":"two\r\nlines"}"#, r#"{"note":"q\"q"}"#]
    );
    let error = lab.ingest(&[&lab.write("q.csv", "event,user_id,ts\ne,d,2025\ne,\"d,2025\n\n")], &plain()).unwrap_err();
    assert!(schema_message(&error).contains("q.csv line 3: a quote is opened but never closed"), "{error}");
}

#[test]
fn strict_refuses_all_and_says_why() {
    let lab = Lab::new();
    let strict = IngestOptions { strict: true, ..plain() };
    let error = lab.ingest(&[&lab.write("f.ndjson", FLAWED)], &strict).unwrap_err();
    let message = schema_message(&error);
    assert!(message.starts_with("9 of 10 rows cannot be stored, so nothing was:"), "{message}");
    assert!(message.contains("f.ndjson line 2: event is missing;") && message.ends_with('…'), "{message}");
    let state = lab.state();
    assert_eq!((state.event_count, state.data_version), (0, 0));
    assert!(!lab.store.directory().join("rejected").exists());

    // Nothing storable is an error even without strict.
    let error = lab.ingest(&[&lab.write("g.csv", "event,user_id,ts\ne,d,soon\n")], &plain()).unwrap_err();
    assert!(schema_message(&error).starts_with("1 of 1 rows"), "{error}");
}

#[test]
fn damaged_files_change_nothing() {
    let lab = Lab::new();
    let good = lab.write("a.csv", "event,user_id,ts\ne,d,2025-01-01\n");
    let mut cut = gzip(&format!("event,user_id,ts\n{}", "e,d,2025-01-01\n".repeat(10_000)));
    cut.truncate(cut.len() - 10);
    for (name, content) in [("b.csv.gz", cut), ("b.parquet", b"PAR1 nonsense".to_vec())] {
        let error = lab.ingest(&[&good, &lab.write(name, content)], &plain()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert!(matches!(error.kind(), ErrorKind::Io { .. } | ErrorKind::Schema { .. }), "{error:?}");
        assert_eq!(lab.state().event_count, 0);
    }
}

#[test]
fn repetition_changes_nothing() {
    let lab = Lab::new();
    let with_uuid = |event: &str, uuid: u8| {
        format!(
            r#"{{"uuid":"00000000-0000-0000-0000-0000000000{uuid:02}","event":"{event}","user_id":"d","ts":"2025-01-01"}}"#
        )
    };
    let text = [with_uuid("first", 1), with_uuid("second", 1), with_uuid("third", 2)].join("\n");
    let report = lab.ingest(&[&lab.write("a.ndjson", &text)], &plain()).unwrap();
    assert_eq!((report.stored, report.duplicates, report.data_version), (2, 1, 1));
    let before = lab.rows(EVERYTHING);
    let report = lab.ingest(&[&lab.write("b.ndjson", &text)], &plain()).unwrap();
    assert_eq!((report.stored, report.duplicates, report.data_version), (0, 3, 1));
    assert_eq!(lab.rows(EVERYTHING), before);
    assert_eq!(lab.state().data_version, 1);
    assert_eq!(lab.rows("SELECT event FROM events ORDER BY event"), ["first", "third"]);
}

#[test]
fn without_uuid_an_event_is_its_content() {
    let lab = Lab::new();
    let rows: Vec<String> = (0..50).map(|i| format!("d{},e,2025-01-01 00:00:{:02}", i % 7, i % 50)).collect();
    let forward = format!("user_id,event,ts\n{}\n", rows.join("\n"));
    let backward = format!("user_id,event,ts\n{}\n", rows.iter().rev().cloned().collect::<Vec<_>>().join("\n"));
    assert_eq!(lab.ingest(&[&lab.write("a.csv", forward)], &plain()).unwrap().stored, 50);
    let report = lab.ingest(&[&lab.write("z.csv", backward)], &plain()).unwrap();
    assert_eq!((report.stored, report.duplicates), (0, 50));
    // RFC 9562: version 8, variant 10.
    let version = "SELECT DISTINCT regexp_full_match(uuid::VARCHAR, '.{14}8.{4}[89ab].{16}')::VARCHAR FROM events";
    assert_eq!(lab.rows(version), ["true"]);
}

#[test]
fn strange_names_are_data() {
    let strange = ["'; DROP TABLE event; --", "\"quoted\"", "ünïcode 🦆", "a\\b", "?", "$1"];
    let lab = Lab::new();
    let mut text = String::new();
    for name in strange {
        let line = serde_json::json!({"event": name, "user_id": name, "ts": "2025-01-01", name: name});
        text.push_str(&format!("{line}\n"));
    }
    let file = lab.write("it's \"odd\" ?; DROP TABLE event.ndjson", text);
    assert_eq!(lab.ingest(&[&file], &plain()).unwrap().stored, 6);
    let got: BTreeSet<String> = lab
        .rows("SELECT event FROM events WHERE event = distinct_id AND contains(CAST(properties AS JSON)::VARCHAR, to_json(event)::VARCHAR)")
        .into_iter()
        .collect();
    assert_eq!(got, strange.iter().map(|name| (*name).to_owned()).collect());
    let parquet =
        lab.parquet("o'd[d]*?.parquet", r#"SELECT 'e' AS event, 'd' AS user_id, '2025-01-01' AS ts, 1 AS "a""b'c?""#);
    lab.ingest(&[&parquet], &plain()).unwrap();
    assert_eq!(
        lab.rows("SELECT CAST(properties AS JSON)::VARCHAR FROM events WHERE event = 'e'"),
        [r#"{"a\"b'c?":1}"#]
    );
}

#[test]
fn progress_tells_every_step() {
    let lab = Lab::new();
    let file = lab.write("a.csv", "event,user_id,ts\ne,d,2025-01-01\n");
    let mut told = Vec::new();
    let source = Source::Files(vec![file]);
    ingest(&lab.store, source, &plain(), WAIT, &Interrupt::new(), &mut |progress| told.push(progress)).unwrap();
    let stages: Vec<Stage> = told.iter().map(|progress| progress.stage).collect();
    assert_eq!(stages, [Stage::Reading, Stage::Reading, Stage::Comparing, Stage::Storing, Stage::Committing]);
    let last = told.last().unwrap();
    assert_eq!((last.bytes_read, last.bytes_total), (32, 32));
}

#[test]
fn an_interrupted_ingest_stores_nothing() {
    let lab = Lab::new();
    let rows = "d,e,2025-01-01\n".repeat(100_000);
    let file = lab.write("a.csv", format!("user_id,event,ts\n{rows}"));
    for stop_at in [Stage::Reading, Stage::Comparing, Stage::Storing] {
        let interrupt = Interrupt::new();
        let mut seen = false;
        let mut progress = |progress: abduck::events::Progress| {
            if progress.stage == stop_at && progress.bytes_read > 0 {
                seen = true;
                interrupt.interrupt();
                thread::sleep(Duration::from_millis(30));
            }
        };
        let result = ingest(&lab.store, Source::Files(vec![file.clone()]), &plain(), WAIT, &interrupt, &mut progress);
        // What is left to do after the interrupt may be too short to be stopped, but never half done.
        assert!(seen, "{stop_at:?}");
        let state = lab.state();
        match result {
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Interrupted), "{error:?}");
                assert_eq!((state.event_count, state.data_version), (0, 0));
            }
            Ok(report) => panic!("{stop_at:?} was not stopped: {report:?}"),
        }
    }
}

/// Not a test of its own: ingests in a process that aborts, or is killed by its parent.
#[test]
#[ignore = "run by the tests that kill it"]
fn child_ingests() {
    let (Ok(directory), Ok(file)) = (std::env::var("ABDUCK_LAB"), std::env::var("ABDUCK_FILE")) else { return };
    let abort = std::env::var("ABDUCK_ABORT").unwrap_or_default();
    let store = EventStore::at(directory).unwrap();
    let mut progress = |progress: abduck::events::Progress| {
        println!("{:?}", progress.stage);
        if format!("{:?}", progress.stage) == abort {
            std::process::abort();
        }
    };
    ingest(&store, Source::Files(vec![file]), &plain(), WAIT, &Interrupt::new(), &mut progress).unwrap();
    println!("done");
}

fn child(lab: &Lab, file: &str, abort: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "ingest::child_ingests", "--ignored", "--nocapture"]);
    command.env("ABDUCK_LAB", lab.store.directory()).env("ABDUCK_FILE", file).env("ABDUCK_ABORT", abort);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn a_process_that_dies_leaves_the_store_as_it_was() {
    let lab = Lab::new();
    lab.ingest(&[&lab.write("a.csv", "event,user_id,ts\ne,d,2025-01-01\n")], &plain()).unwrap();
    let rows: String = (0..20_000).map(|i| format!("u{},e{},2025-01-02 00:00:00.{i:06}\n", i % 997, i % 5)).collect();
    let file = lab.write("b.csv", format!("user_id,event,ts\n{rows}"));
    let before = lab.rows(EVERYTHING);
    for stage in ["Reading", "Comparing", "Storing", "Committing"] {
        let output = child(&lab, &file, stage).output().unwrap();
        assert!(!output.status.success(), "{stage}");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains(stage) && !told.contains("done"), "{told}");
        assert_eq!(lab.rows(EVERYTHING), before, "{stage}");
        assert_eq!(lab.state().data_version, 1, "{stage}");
    }
    assert_eq!(lab.ingest(&[&file], &plain()).unwrap().stored, 20_000);
}

#[test]
fn a_process_killed_while_committing_leaves_all_or_nothing() {
    let mut outcomes = BTreeSet::new();
    for delay in [0, 1, 2, 4, 8, 16, 40, 200] {
        let lab = Lab::new();
        let rows: String = (0..20_000).map(|i| format!("u{},e,2025-01-02 00:00:00.{i:06}\n", i % 997)).collect();
        let file = lab.write("b.csv", format!("user_id,event,ts\n{rows}"));
        let mut process = child(&lab, &file, "").spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        assert!(output.lines().any(|line| line.unwrap().contains("Committing")));
        thread::sleep(Duration::from_millis(delay));
        process.kill().unwrap();
        process.wait().unwrap();
        let state = lab.state();
        assert!([(0, 0), (20_000, 1)].contains(&(state.event_count, state.data_version)), "{delay} ms: {state:?}");
        assert_eq!(state.event_count as usize, lab.rows(EVERYTHING).len());
        outcomes.insert(state.event_count);
        let report = lab.ingest(&[&file], &plain()).unwrap();
        assert_eq!(report.stored + state.event_count, 20_000);
    }
    assert!(outcomes.contains(&20_000), "no delay was long enough for the ingest to end");
}

/// An event that may say that two ids are one person.
#[derive(Clone, Debug)]
struct Said {
    kind: usize,
    id: u8,
    other: u8,
}

const KINDS: [&str; 5] = ["$identify", "$create_alias", "$merge_dangerously", "person_id", "plain"];

impl Said {
    fn line(&self, number: usize) -> String {
        let (id, other) = (format!("id{}", self.id), format!("id{}", self.other));
        let (event, properties, person) = match KINDS[self.kind] {
            "$identify" => ("$identify", serde_json::json!({"$anon_distinct_id": other}), None),
            "person_id" => ("see", serde_json::json!({}), Some(format!("p{}", self.other))),
            "plain" => ("see", serde_json::json!({"alias": other, "$anon_distinct_id": other}), None),
            alias => (alias, serde_json::json!({"alias": other}), None),
        };
        let time = format!("2025-01-01T00:00:00.{number:06}");
        serde_json::json!({"event": event, "distinct_id": id, "ts": time, "properties": properties, "person_id": person})
            .to_string()
    }
}

/// The persons as sets, by brute force: labels spread along all pairs until nothing changes.
fn oracle(said: &[Said]) -> BTreeSet<BTreeSet<String>> {
    let mut labels: BTreeMap<String, usize> = BTreeMap::new();
    let mut pairs = Vec::new();
    for said in said {
        let (id, other) = match KINDS[said.kind] {
            "plain" => (format!("id{}", said.id), format!("id{}", said.id)),
            "person_id" => (format!("id{}", said.id), format!("p{}", said.other)),
            _ => (format!("id{}", said.id), format!("id{}", said.other)),
        };
        for node in [&id, &other] {
            let next = labels.len();
            labels.entry(node.clone()).or_insert(next);
        }
        pairs.push((id, other));
    }
    loop {
        let mut changed = false;
        for (id, other) in &pairs {
            let low = labels[id].min(labels[other]);
            for node in [id, other] {
                changed |= labels.insert(node.clone(), low) != Some(low);
            }
        }
        if !changed {
            break;
        }
    }
    let mut sets: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (node, label) in labels {
        if node.starts_with("id") {
            sets.entry(label).or_default().insert(node);
        }
    }
    sets.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn persons_do_not_depend_on_the_order(
        said in proptest::collection::vec((0..KINDS.len(), 0_u8..9, 0_u8..9), 1..24),
        cuts in (0.0..1.0_f64, 0.0..1.0_f64),
        seed in any::<u64>(),
    ) {
        let said: Vec<Said> = said.into_iter().map(|(kind, id, other)| Said { kind, id, other }).collect();
        let mut lines: Vec<String> = said.iter().enumerate().map(|(number, said)| said.line(number)).collect();
        let mut state = seed;
        for index in (1..lines.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            lines.swap(index, (state >> 33) as usize % (index + 1));
        }
        let lab = Lab::new();
        let at = |part: f64| (part * lines.len() as f64) as usize;
        let (first, second) = (at(cuts.0).min(at(cuts.1)), at(cuts.0).max(at(cuts.1)));
        let (mut persons, mut merges) = (0, 0);
        for part in [&lines[..first], &lines[first..second], &lines[second..]] {
            if !part.is_empty() {
                let report = lab.ingest(&[&lab.write("part.ndjson", part.join("\n"))], &plain()).unwrap();
                persons += report.new_persons;
                merges += report.merges;
            }
        }
        let expected = oracle(&said);
        prop_assert!(persons >= expected.len() as u64 && merges <= 18);
        prop_assert_eq!(lab.state().person_count, expected.len() as u64);
        let seen: BTreeSet<String> =
            lab.rows("SELECT string_agg(DISTINCT distinct_id, ' ' ORDER BY distinct_id) FROM events GROUP BY person_id")
                .into_iter().collect();
        let acting: BTreeSet<String> = said.iter().map(|said| format!("id{}", said.id)).collect();
        let expected: BTreeSet<String> = expected
            .iter()
            .map(|set| set.intersection(&acting).cloned().collect::<Vec<_>>().join(" "))
            .filter(|set| !set.is_empty())
            .collect();
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn ids_of_nobody_join_nothing() {
    let lab = Lab::new();
    let line = |id: &str, other: &str| {
        format!(
            r#"{{"event":"$identify","distinct_id":"{id}","ts":"2025-01-01","properties":{{"$anon_distinct_id":"{other}"}}}}"#
        )
    };
    let text = [line("ann", "null"), line("bob", "null"), line("Anonymous", "ann"), line("cat", "cat")].join("\n");
    let report = lab.ingest(&[&lab.write("a.ndjson", text)], &plain()).unwrap();
    assert_eq!((report.stored, report.new_persons, report.merges), (4, 4, 0));

    // Neither does another system's "person" of nobody, nor a distinct id of nobody that it says is somebody.
    let rows = "event,user_id,person_id,ts\n\
                e,dan,null,2025-01-01\ne,eve,0,2025-01-01\ne,fay,NULL,2025-01-01\n\
                e,guest,p1,2025-01-01\ne,gus,p1,2025-01-01\ne,guest,p2,2025-01-02\ne,hal,p2,2025-01-01\n";
    let other = Lab::new();
    let report = other.ingest(&[&other.write("a.csv", rows)], &plain()).unwrap();
    assert_eq!((report.stored, report.new_persons, report.merges), (7, 6, 0));
}

#[test]
fn past_events_follow_their_person() {
    let lab = Lab::new();
    lab.ingest(&[&lab.write("a.csv", "event,user_id,ts\ne,anon,2025-01-01\ne,ann,2025-01-02\n")], &plain()).unwrap();
    assert_eq!(lab.state().person_count, 2);
    let line = r#"{"event":"$identify","user_id":"ann","ts":"2025-01-03","properties":{"$anon_distinct_id":"anon"}}"#;
    let report = lab.ingest(&[&lab.write("b.ndjson", line)], &plain()).unwrap();
    assert_eq!((report.new_persons, report.merges), (0, 1));
    assert_eq!(lab.rows("SELECT count(DISTINCT person_id)::VARCHAR FROM events"), ["1"]);
    assert_eq!(lab.state().person_count, 1);
}

#[test]
fn the_lab_directory_holds_only_what_it_should() {
    let lab = Lab::new();
    lab.ingest(&[&lab.write("f.ndjson", FLAWED)], &plain()).unwrap();
    let mut names: Vec<String> = fs::read_dir(lab.store.directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["events.duckdb", "events.lock", "rejected"]);
    assert_eq!(fs::read_dir(lab.store.directory().join("rejected")).unwrap().count(), 1);
}
