//! Properties of persons and groups: what events and tables say of them, in whatever order it comes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use abduck::error::{Error, ErrorKind, Result};
use abduck::events::arrow::array::{ArrayRef, Int64Array, StringArray};
use abduck::events::arrow::record_batch::{RecordBatch, RecordBatchIterator};
use abduck::events::{
    ColumnMapping, DataState, EventStore, IngestOptions, IngestReport, Interrupt, Source, TableOptions, TableReport,
    attach, detach, ingest, ingest_groups, ingest_persons, refresh_attached,
};
use abduck::sql::Sql;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

const WAIT: Duration = Duration::from_secs(20);

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

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn parquet(&self, name: &str, query: &str) -> String {
        let path = self.directory.path().join(name).display().to_string();
        let connection = duckdb::Connection::open_in_memory().unwrap();
        connection.execute_batch(&format!("COPY ({query}) TO '{path}' (FORMAT parquet)")).unwrap();
        path
    }

    fn ingest_file(&self, file: &str) -> Result<IngestReport> {
        let options = IngestOptions::default();
        ingest(&self.store, files(file), &options, WAIT, &Interrupt::new(), &mut |_| {})
    }

    /// Takes in events, one JSON object each.
    fn events(&self, lines: &[Value]) -> IngestReport {
        self.ingest_file(&self.write("events.ndjson", ndjson(lines))).unwrap()
    }

    fn persons(&self, source: Source, options: &TableOptions) -> Result<TableReport> {
        ingest_persons(&self.store, source, options, WAIT, &Interrupt::new(), &mut |_| {})
    }

    fn person_rows(&self, lines: &[Value], as_of: &str) -> TableReport {
        self.persons(files(&self.write("persons.ndjson", ndjson(lines))), &as_of_time(as_of)).unwrap()
    }

    fn groups(&self, source: Source, group_type: &str, options: &TableOptions) -> Result<TableReport> {
        ingest_groups(&self.store, source, group_type, options, WAIT, &Interrupt::new(), &mut |_| {})
    }

    fn state(&self) -> DataState {
        self.store.read(WAIT, "test").unwrap().state().unwrap()
    }

    fn person(&self, distinct_id: &str) -> Value {
        let person = self.store.read(WAIT, "test").unwrap().person(distinct_id).unwrap();
        person.map_or(Value::Null, |person| Value::Object(person.properties))
    }

    fn group(&self, group_type: &str, key: &str) -> Value {
        let group = self.store.read(WAIT, "test").unwrap().group(group_type, key).unwrap();
        group.map_or(Value::Null, |group| Value::Object(group.properties))
    }

    /// The first column of a result, which must be text.
    fn rows(&self, query: &'static str) -> Vec<String> {
        let mut sql = Sql::new();
        sql.text(query);
        let mut rows = Vec::new();
        let mut collect = |batch: &RecordBatch| {
            let texts = batch.column(0).as_any().downcast_ref::<StringArray>().expect("a text column");
            rows.extend(texts.iter().map(|text| text.unwrap_or("null").to_owned()));
            Ok(())
        };
        self.store.read(WAIT, "test").unwrap().scan(&sql, &Interrupt::new(), &mut collect).unwrap();
        rows
    }

    fn group_types(&self) -> Vec<(u8, String)> {
        self.state().group_types.into_iter().map(|known| (known.index, known.name)).collect()
    }
}

fn files(file: &str) -> Source {
    Source::Files(vec![file.to_owned()])
}

fn ndjson(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn as_of_time(text: &str) -> TableOptions {
    TableOptions::as_of(text.parse().unwrap())
}

fn event(distinct_id: &str, day: u8, properties: &Value) -> Value {
    json!({"event": "e", "distinct_id": distinct_id, "timestamp": format!("2025-01-{day:02}"), "properties": properties})
}

fn message(error: &Error) -> &str {
    match error.kind() {
        ErrorKind::Schema { message } => message,
        other => panic!("expected a schema error, got {other:?}"),
    }
}

const PERSONS: &str = "SELECT CAST(CAST(properties AS JSON) AS VARCHAR) FROM persons ORDER BY person_id";

// ── What events say ──────────────────────────────────────────────────────────────────────────────────────────────────

/// A rule; what is said day by day; what remains.
type Rule = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const RULES: [Rule; 12] = [
    ("the latest value counts", &[("$set", r#"{"k":1}"#), ("$set", r#"{"k":2}"#)], r#"{"k":2}"#),
    ("other keys stay", &[("$set", r#"{"a":1}"#), ("$set", r#"{"k":2}"#)], r#"{"a":1,"k":2}"#),
    ("values are of any kind", &[("$set", r#"{"k":{"b":[1.5,"x"]}}"#)], r#"{"k":{"b":[1.5,"x"]}}"#),
    ("null is a value", &[("$set", r#"{"k":null}"#), ("$set_once", r#"{"k":2}"#)], r#"{"k":null}"#),
    ("what is set is not set once", &[("$set", r#"{"k":1}"#), ("$set_once", r#"{"k":2}"#)], r#"{"k":1}"#),
    ("once means once", &[("$set_once", r#"{"k":1}"#), ("$set_once", r#"{"k":2}"#)], r#"{"k":1}"#),
    ("set overrides set once", &[("$set_once", r#"{"k":1}"#), ("$set", r#"{"k":2}"#)], r#"{"k":2}"#),
    ("unset takes away", &[("$set", r#"{"k":1,"a":2}"#), ("$unset", r#"["k"]"#)], r#"{"a":2}"#),
    ("unset by an object", &[("$set", r#"{"k":1,"a":2}"#), ("$unset", r#"{"k":""}"#)], r#"{"a":2}"#),
    (
        "after unset, once is possible again",
        &[
            ("$set_once", r#"{"k":1}"#),
            ("$unset", r#"["k"]"#),
            ("$set_once", r#"{"k":3}"#),
            ("$set_once", r#"{"k":4}"#),
        ],
        r#"{"k":3}"#,
    ),
    ("what is no object says nothing", &[("$set", r#"{"k":1}"#), ("$set", "[5]"), ("$unset", r#""k""#)], r#"{"k":1}"#),
    ("strange keys are data", &[("$set", r#"{"":0,"a.b/'\"~$":1}"#)], r#"{"":0,"a.b/'\"~$":1}"#),
];

#[test]
fn the_state_is_what_the_events_say_in_their_order() {
    for (rule, said, expected) in RULES {
        let expected: Value = serde_json::from_str(expected).unwrap();
        let line = |(day, (operation, keys)): (u8, &(&str, &str))| {
            event("ann", day, &json!({*operation: serde_json::from_str::<Value>(keys).unwrap()}))
        };
        let lines: Vec<Value> = (1..).zip(said).map(line).collect();
        let together = Lab::new();
        assert_eq!(together.events(&lines).changed_persons, 1, "{rule}");
        assert_eq!(together.person("ann"), expected, "{rule}");
        let backwards = Lab::new();
        for line in lines.iter().rev() {
            backwards.events(std::slice::from_ref(line));
        }
        assert_eq!(backwards.person("ann"), expected, "{rule}, one by one and backwards");
    }
}

#[test]
fn within_an_event_once_comes_first_and_unset_last() {
    let lab = Lab::new();
    let properties = json!({"$set_once": {"a": 1, "b": 1}, "$set": {"b": 2, "c": 2}, "$unset": ["c"]});
    lab.events(&[event("ann", 1, &properties)]);
    assert_eq!(lab.person("ann"), json!({"a": 1, "b": 2}));
}

#[test]
fn equal_times_are_ordered_by_uuid() {
    let line = |last: u8| {
        let mut line = event("ann", 1, &json!({"$set": {"k": last}}));
        line["uuid"] = json!(format!("00000000-0000-4000-8000-0000000000{last:02x}"));
        line
    };
    for order in [[1, 2, 255], [255, 1, 2], [2, 255, 1]] {
        let lab = Lab::new();
        for last in order {
            lab.events(&[line(last)]);
        }
        assert_eq!(lab.person("ann"), json!({"k": 255}), "{order:?}");
    }
}

#[test]
fn a_change_of_properties_is_a_change_of_the_data() {
    let lab = Lab::new();
    let first = lab.events(&[event("ann", 2, &json!({"$set": {"k": 1}})), event("bob", 1, &json!({}))]);
    assert_eq!((first.changed_persons, first.changed_groups, first.new_persons), (1, 0, 2));
    let state = lab.state();
    // Nothing new; then something that is new but changes nothing; then a change.
    assert_eq!(lab.events(&[event("ann", 2, &json!({"$set": {"k": 1}}))]).changed_persons, 0);
    assert_eq!(lab.state(), state);
    assert_eq!(lab.events(&[event("ann", 1, &json!({"$set": {"k": 0}}))]).changed_persons, 0);
    assert_eq!(lab.events(&[event("ann", 3, &json!({"$set": {"k": 3}}))]).changed_persons, 1);
    assert_ne!(lab.state().data_digest, state.data_digest);
    // One row for every person.
    assert_eq!(lab.rows(PERSONS), [r#"{"k":3}"#, "{}"]);
    assert_eq!(lab.person("nobody"), Value::Null);
}

#[test]
fn persons_who_become_one_join_their_properties() {
    let lab = Lab::new();
    lab.events(&[
        event("anon", 1, &json!({"$set": {"a": "old", "b": "anon"}, "$set_once": {"from": "ad"}})),
        event("ann", 2, &json!({"$set": {"a": "new", "c": "ann"}, "$set_once": {"from": "mail"}})),
    ]);
    let identify = json!({"event": "$identify", "distinct_id": "ann", "timestamp": "2025-01-03",
        "properties": {"$anon_distinct_id": "anon", "$set": {"email": "a@b.c"}}});
    let report = lab.events(&[identify]);
    assert_eq!((report.merges, report.changed_persons), (1, 1));
    let expected = json!({"a": "new", "b": "anon", "c": "ann", "email": "a@b.c", "from": "ad"});
    assert_eq!(lab.person("ann"), expected);
    assert_eq!(lab.person("anon"), expected);
    let reader = lab.store.read(WAIT, "test").unwrap();
    let person = reader.person("anon").unwrap().unwrap();
    assert_eq!(person.distinct_ids, ["ann", "anon"]);
    drop(reader);
    assert_eq!((lab.rows(PERSONS).len(), lab.state().person_count), (1, 1));
}

// ── In whatever order ────────────────────────────────────────────────────────────────────────────────────────────────

/// Something that is said of a person, or that makes two one.
#[derive(Clone, Debug)]
struct Said {
    kind: usize,
    id: u8,
    time: u8,
    key: u8,
    other: u8,
}

const KINDS: [&str; 7] = ["$set", "$set", "$set_once", "$unset", "$identify", "person_id", "table"];

impl Said {
    fn distinct_id(&self) -> String {
        format!("id{}", self.id)
    }

    /// Its place in time; tables have times of their own.
    fn moment(&self, number: usize) -> (u32, usize) {
        match KINDS[self.kind] {
            "table" => (1000 * u32::from(self.time) + 1 + number as u32, number),
            _ => (1000 * u32::from(self.time), number),
        }
    }

    fn line(&self, number: usize) -> Value {
        let time = format!("2025-01-01T00:00:00.{:06}Z", self.moment(number).0);
        let key = format!("k{}", self.key);
        let properties = match KINDS[self.kind] {
            "$unset" => json!({"$unset": [key]}),
            "$identify" => json!({"$anon_distinct_id": format!("id{}", self.other)}),
            "person_id" => json!({}),
            "table" => {
                let name = if self.other == 0 { "distinct_id" } else { "person_id" };
                let owner = if self.other == 0 { self.distinct_id() } else { format!("p{}", self.other) };
                return json!({name: owner, "timestamp": time, key: number});
            }
            operation => json!({operation: {key: number}}),
        };
        let person = (KINDS[self.kind] == "person_id").then(|| format!("p{}", self.other));
        let name = if KINDS[self.kind] == "$identify" { "$identify" } else { "e" };
        json!({"event": name, "distinct_id": self.distinct_id(), "timestamp": time, "properties": properties,
            "person_id": person, "uuid": format!("00000000-0000-4000-8000-{number:012x}")})
    }

    /// Who it is about, and who that is one with.
    fn nodes(&self) -> (String, String) {
        match (KINDS[self.kind], self.other) {
            ("$identify", other) => (self.distinct_id(), format!("id{other}")),
            ("person_id", other) => (self.distinct_id(), format!("p{other}")),
            ("table", other) if other > 0 => (format!("p{other}"), format!("p{other}")),
            _ => (self.distinct_id(), self.distinct_id()),
        }
    }
}

/// The properties by distinct id, by brute force: labels spread until persons are known, then each does as it is told.
fn oracle(said: &[Said]) -> BTreeMap<String, Value> {
    let pairs: Vec<(String, String)> = said.iter().map(Said::nodes).collect();
    let mut labels: BTreeMap<&str, usize> = BTreeMap::new();
    for (one, other) in &pairs {
        let next = labels.len();
        labels.entry(one).or_insert(next);
        labels.entry(other).or_insert(next + 1);
    }
    while pairs.iter().fold(false, |changed, (one, other)| {
        let low = labels[one.as_str()].min(labels[other.as_str()]);
        [one, other].into_iter().fold(changed, |changed, node| changed | (labels.insert(node, low) != Some(low)))
    }) {}
    let mut order: Vec<usize> = (0..said.len()).collect();
    order.sort_by_key(|number| said[*number].moment(*number));
    let mut persons: BTreeMap<usize, Map<String, Value>> = BTreeMap::new();
    for number in order {
        let properties = persons.entry(labels[pairs[number].0.as_str()]).or_default();
        let key = format!("k{}", said[number].key);
        match KINDS[said[number].kind] {
            "$set" | "table" => drop(properties.insert(key, json!(number))),
            "$set_once" => drop(properties.entry(key).or_insert(json!(number))),
            "$unset" => drop(properties.remove(&key)),
            _ => {}
        }
    }
    let ids = labels.iter().filter(|(node, _)| node.starts_with("id"));
    ids.map(|(id, label)| ((*id).to_owned(), json!(persons.get(label).cloned().unwrap_or_default()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn properties_do_not_depend_on_the_order(
        said in proptest::collection::vec((0..KINDS.len(), 0_u8..5, 0_u8..6, 0_u8..3, 0_u8..4), 1..40),
        cuts in (0.0..1.0_f64, 0.0..1.0_f64),
        seed in any::<u64>(),
    ) {
        let said: Vec<Said> = said
            .into_iter()
            .map(|(kind, id, time, key, other)| Said { kind, id, time, key, other })
            .collect();
        let mut order: Vec<usize> = (0..said.len()).collect();
        let mut state = seed;
        for index in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(index, (state >> 33) as usize % (index + 1));
        }
        let at = |part: f64| (part * order.len() as f64) as usize;
        let (first, second) = (at(cuts.0).min(at(cuts.1)), at(cuts.0).max(at(cuts.1)));
        let lab = Lab::new();
        for part in [&order[..first], &order[first..second], &order[second..]] {
            let (tables, events): (Vec<usize>, Vec<usize>) =
                part.iter().partition(|number| KINDS[said[**number].kind] == "table");
            let lines = |numbers: &[usize]| numbers.iter().map(|number| said[*number].line(*number)).collect::<Vec<_>>();
            // A table has one set of columns per kind of owner.
            let (by_id, by_person): (Vec<usize>, Vec<usize>) =
                tables.into_iter().partition(|number| said[*number].other == 0);
            for rows in [by_id, by_person] {
                if !rows.is_empty() {
                    lab.person_rows(&lines(&rows), "2025-06-01T00:00:00Z");
                }
            }
            if !events.is_empty() {
                lab.events(&lines(&events));
            }
        }
        let expected = oracle(&said);
        let reader = lab.store.read(WAIT, "test").unwrap();
        let (mut seen, mut persons) = (BTreeMap::new(), BTreeSet::new());
        for id in expected.keys() {
            let person = reader.person(id).unwrap().unwrap();
            persons.insert(person.person_id);
            seen.insert(id.clone(), Value::Object(person.properties));
        }
        drop(reader);
        prop_assert_eq!(&seen, &expected);
        prop_assert_eq!(lab.rows(PERSONS).len(), persons.len());
        prop_assert_eq!(lab.state().person_count, persons.len() as u64);
    }
}

// ── Tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const CSV: &str = "distinct_id,plan,seats,score,properties\nann,pro,3,1.5,\"{\"\"a\"\":[1]}\"\nbob,,007,,\n";

#[test]
fn tables_of_all_formats_say_the_same() {
    let lines = [
        json!({"distinct_id": "ann", "plan": "pro", "seats": 3, "score": 1.5, "properties": {"a": [1]}}),
        json!({"distinct_id": "bob", "plan": null, "seats": "007"}),
    ];
    let query = r#"SELECT * FROM (VALUES ('ann', 'pro', 3, 1.5::DOUBLE, '{"a":[1]}'))
        AS v(distinct_id, plan, seats, score, properties)"#;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("distinct_id", Arc::new(StringArray::from(vec!["ann"]))),
        ("plan", Arc::new(StringArray::from(vec!["pro"]))),
        ("seats", Arc::new(Int64Array::from(vec![3]))),
        ("properties", Arc::new(StringArray::from(vec![r#"{"a":[1],"score":1.5}"#]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let batches = Source::Batches(Box::new(RecordBatchIterator::new([Ok(batch.clone())], batch.schema())));

    let ann = json!({"a": [1], "plan": "pro", "score": 1.5, "seats": 3});
    let labs = [(); 4].map(|()| Lab::new());
    let sources = [
        (files(&labs[0].write("p.csv", CSV)), 2),
        (files(&labs[1].write("p.ndjson", ndjson(&lines))), 2),
        (files(&labs[2].parquet("p.parquet", query)), 1),
        (batches, 1),
    ];
    for (lab, (source, rows)) in labs.iter().zip(sources) {
        let report = lab.persons(source, &as_of_time("2025-01-01T00:00:00Z")).unwrap();
        assert_eq!((report.read, report.rejected, report.new, report.changed), (rows, 0, rows, rows));
        assert_eq!(report.data_version, 1);
        assert_eq!(lab.person("ann"), ann);
        let state = lab.state();
        assert_eq!((state.event_count, state.person_count), (0, rows));
    }
    assert_eq!(labs[0].person("bob"), json!({"seats": "007"}));
    assert_eq!(labs[1].person("bob"), json!({"seats": "007"}));
}

#[test]
fn a_table_competes_with_events_by_time() {
    let rows = [json!({"user": "ann", "plan": "table", "timestamp": "2025-01-05"})];
    let options = TableOptions { distinct_id: Some("user".into()), ..as_of_time("2030-01-01T00:00:00Z") };
    for (day, expected) in [(4, "table"), (6, "event")] {
        let lab = Lab::new();
        lab.persons(files(&lab.write("p.ndjson", ndjson(&rows))), &options).unwrap();
        let report = lab.events(&[event("ann", day, &json!({"$set": {"plan": "event"}}))]);
        assert_eq!((report.new_persons, report.changed_persons), (0, u64::from(expected == "event")));
        assert_eq!(lab.person("ann"), json!({"plan": expected}));
    }
    // Without a time of its own, a row speaks of the time it is taken in.
    let lab = Lab::new();
    lab.events(&[event("ann", 5, &json!({"$set": {"plan": "event"}}))]);
    assert_eq!(lab.person_rows(&[json!({"distinct_id": "ann", "plan": "old"})], "2025-01-04T23:59:59Z").changed, 0);
    assert_eq!(lab.person_rows(&[json!({"distinct_id": "ann", "plan": "new"})], "2025-01-05T00:00:01Z").changed, 1);
    assert_eq!(lab.person("ann"), json!({"plan": "new"}));
}

#[test]
fn a_table_that_says_nothing_new_changes_nothing() {
    let lab = Lab::new();
    let rows = [json!({"distinct_id": "ann", "plan": "pro"}), json!({"distinct_id": "ann", "plan": "pro"})];
    assert_eq!(lab.person_rows(&rows, "2025-01-01T00:00:00Z").changed, 1);
    let state = lab.state();
    let again = lab.person_rows(&rows, "2025-01-01T00:00:00Z");
    assert_eq!((again.read, again.new, again.changed, again.data_version), (2, 0, 0, 1));
    assert_eq!(lab.state(), state);
    // The same at a later time is news, even if it reads the same: it would win over what is said of between.
    let later = lab.person_rows(&rows, "2025-01-02T00:00:00Z");
    assert_eq!((later.changed, later.data_version), (0, 2));
    assert_ne!(lab.state().data_digest, state.data_digest);
}

#[test]
fn what_is_known_by_a_foreign_id_waits_for_a_distinct_id() {
    let lab = Lab::new();
    let report = lab.person_rows(&[json!({"person_id": "P", "plan": "pro"})], "2025-01-01T00:00:00Z");
    assert_eq!((report.read, report.new, report.changed, report.data_version), (1, 0, 0, 1));
    assert_eq!(lab.state().person_count, 0);
    let mut seen = event("ann", 2, &json!({}));
    seen["person_id"] = json!("P");
    assert_eq!(lab.events(&[seen]).changed_persons, 1);
    assert_eq!(lab.person("ann"), json!({"plan": "pro"}));
    // Both ids in a row make their persons one.
    let both = lab.person_rows(&[json!({"distinct_id": "anon", "person_id": "P", "x": 1})], "2025-01-01T00:00:00Z");
    assert_eq!((both.merges, both.changed), (1, 1));
    assert_eq!(lab.person("anon"), json!({"plan": "pro", "x": 1}));
}

#[test]
fn rows_of_tables_are_checked() {
    let lab = Lab::new();
    let text = "distinct_id,plan,timestamp\nann,pro,2025-01-01\n,pro,2025-01-01\nbob,pro,yesterday\ncat,pro,\n";
    let report = lab.persons(files(&lab.write("p.csv", text)), &as_of_time("2025-01-01T00:00:00Z")).unwrap();
    assert_eq!((report.read, report.rejected, report.changed), (4, 3, 1));
    let rejected = fs::read_to_string(report.rejects_file.unwrap()).unwrap();
    let reasons: Vec<(u64, String, Value)> = rejected
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| (line["line"].as_u64().unwrap(), line["reason"].as_str().unwrap().into(), line["row"].clone()))
        .collect();
    assert_eq!(
        reasons.iter().map(|(line, reason, _)| (*line, reason.as_str())).collect::<Vec<_>>(),
        [(3, "distinct_id is missing"), (4, "timestamp cannot be read"), (5, "timestamp is missing"),]
    );
    assert_eq!(reasons[1].2, json!({"distinct_id": "bob", "timestamp": "yesterday", "properties": {"plan": "pro"}}));

    let strict = TableOptions { strict: true, ..as_of_time("2026-01-01T00:00:00Z") };
    let error = lab.persons(files(&lab.write("p.csv", text)), &strict).unwrap_err();
    assert!(message(&error).contains("3 of 4 rows cannot be stored"), "{error}");
    let error = lab.persons(files(&lab.write("q.csv", "who,plan\nann,pro\n")), &strict).unwrap_err();
    assert!(message(&error).contains("no column for distinct_id was recognised; its columns are who, plan"), "{error}");
    let error = lab.groups(files(&lab.write("q.csv", "who,plan\nann,pro\n")), "company", &strict).unwrap_err();
    assert!(error.hints()[0].contains("--group-key COLUMN"), "{error:?}");
    let error = lab.groups(files("q.csv"), "", &strict).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound { .. } | ErrorKind::Invalid { .. }), "{error:?}");
    assert_eq!(lab.state().data_version, 1);
}

// ── Groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────

fn identify_group(group_type: &str, key: &Value, day: u8, set: &Value) -> Value {
    let mut line = event("ann", day, &json!({"$group_type": group_type, "$group_key": key, "$group_set": set}));
    line["event"] = json!("$groupidentify");
    line
}

const GROUP_KEYS: &str = "SELECT concat_ws(' ', distinct_id, group_0, group_1) FROM events ORDER BY timestamp";

#[test]
fn groups_have_properties_and_types_have_numbers() {
    let lab = Lab::new();
    let report = lab.events(&[
        event("ann", 1, &json!({"$groups": {"company": "acme", "team": 7, "site": null}})),
        event("bob", 2, &json!({"$groups": {"team": "x", "company": ""}})),
        identify_group("company", &json!("acme"), 4, &json!({"plan": "new", "a": 1})),
        identify_group("company", &json!("acme"), 3, &json!({"plan": "old", "b": 2})),
        identify_group("company", &json!("beta"), 3, &Value::Null),
        // Another event of that form says nothing of a group.
        event("ann", 5, &json!({"$group_type": "shop", "$group_key": "s", "$group_set": {"x": 1}})),
    ]);
    assert_eq!((report.stored, report.changed_groups, report.changed_persons), (6, 1, 0));
    assert_eq!(lab.group_types(), [(0, "company".to_owned()), (1, "team".to_owned())]);
    assert_eq!(lab.state().group_types[0].group_count, 2);
    assert_eq!(lab.rows(GROUP_KEYS)[..2], ["ann acme 7", "bob x"]);
    assert_eq!(lab.group("company", "acme"), json!({"a": 1, "b": 2, "plan": "new"}));
    assert_eq!(lab.group("company", "beta"), json!({}));
    assert_eq!((lab.group("company", "none"), lab.group("shop", "s")), (Value::Null, Value::Null));

    let table = lab.write("g.csv", "key,plan,seats\nacme,table,5\ngamma,free,1\n");
    let report = lab.groups(files(&table), "company", &as_of_time("2025-01-03T12:00:00Z")).unwrap();
    assert_eq!((report.read, report.new, report.changed, report.merges), (2, 1, 2, 0));
    assert_eq!(lab.group("company", "acme"), json!({"a": 1, "b": 2, "plan": "new", "seats": 5}));
    assert_eq!(
        lab.rows("SELECT concat_ws(' ', group_type_index, group_key, CAST(properties AS JSON)) FROM groups ORDER BY 1")
            [2],
        r#"0 gamma {"plan":"free","seats":1}"#
    );
}

#[test]
fn a_column_of_keys_tells_the_index_of_its_type() {
    let lab = Lab::new();
    lab.events(&[
        event("ann", 1, &json!({"$groups": {"team": "t", "company": "acme"}, "$group_0": "acme", "$group_3": "t"})),
        event("bob", 2, &json!({"$groups": {"company": "beta", "site": "s"}})),
    ]);
    let expected = [(0, "company".to_owned()), (1, "site".to_owned()), (3, "team".to_owned())];
    assert_eq!(lab.group_types(), expected);
    assert_eq!(lab.rows(GROUP_KEYS), ["ann acme", "bob beta s"]);
}

#[test]
fn a_sixth_type_of_groups_is_rejected() {
    let lab = Lab::new();
    let types = ["a", "b", "c", "d", "e", "f"];
    let lines: Vec<Value> = types.iter().map(|name| event("ann", 1, &json!({"$groups": {*name: "k"}}))).collect();
    let report = lab.events(&lines);
    assert_eq!((report.stored, report.rejected), (5, 1));
    let rejected: Value = serde_json::from_str(&fs::read_to_string(report.rejects_file.unwrap()).unwrap()).unwrap();
    assert_eq!(rejected["reason"], r#""f" would be a sixth type of groups; there is room for five"#);
    assert_eq!((&rejected["line"], &rejected["row"]["properties"]), (&json!(6), &json!({"$groups": {"f": "k"}})));
    let rows = files(&lab.write("g.csv", "key,plan\nk,pro\n"));
    let error = lab.groups(rows, "f", &as_of_time("2025-01-01T00:00:00Z")).unwrap_err();
    assert!(message(&error).contains("sixth type of groups"), "{error}");
    assert_eq!(lab.group_types().len(), 5);
}

// ── Attached files ───────────────────────────────────────────────────────────────────────────────────────────────────

fn said_in_parquet(lab: &Lab, name: &str, day: u8, plan: &str) -> String {
    let query = format!(
        r#"SELECT 'e' AS event, 'ann' AS distinct_id, TIMESTAMP '2025-01-{day:02}' AS timestamp,
        '{{"$set":{{"plan":"{plan}"}},"$set_once":{{"first":"{plan}"}},"$groups":{{"company":"acme"}}}}' AS properties"#
    );
    lab.parquet(name, &query)
}

#[test]
fn attached_files_count_as_long_as_they_are_attached() {
    let lab = Lab::new();
    lab.events(&[
        event("ann", 2, &json!({"$set": {"plan": "stored"}})),
        event("ann", 1, &json!({"$unset": ["first"], "$groups": {"team": "t"}})),
    ]);
    let version = lab.state().data_version;
    let file = said_in_parquet(&lab, "a.parquet", 3, "attached");
    attach(&lab.store, &file, &ColumnMapping::default(), WAIT, &Interrupt::new()).unwrap();
    assert_eq!(lab.person("ann"), json!({"first": "attached", "plan": "attached"}));
    assert_eq!(
        lab.rows("SELECT concat_ws(' ', timestamp::DATE, group_0, group_1) FROM events ORDER BY 1")[2],
        "2025-01-03 acme"
    );
    assert_eq!(lab.group_types(), [(0, "team".to_owned()), (1, "company".to_owned())]);
    assert_eq!(lab.state().data_version, version + 1);

    fs::remove_file(&file).unwrap();
    said_in_parquet(&lab, "a.parquet", 1, "altered again");
    assert_eq!(refresh_attached(&lab.store, WAIT, &Interrupt::new()).unwrap().len(), 1);
    assert_eq!(lab.person("ann")["plan"], "stored");
    let of_later = said_in_parquet(&lab, "b.parquet", 9, "later");
    attach(&lab.store, &of_later, &ColumnMapping::default(), WAIT, &Interrupt::new()).unwrap();
    assert_eq!(lab.person("ann")["plan"], "later");
    detach(&lab.store, &of_later, WAIT, &Interrupt::new()).unwrap();
    detach(&lab.store, &file, WAIT, &Interrupt::new()).unwrap();
    assert_eq!(lab.person("ann"), json!({"plan": "stored"}));
}

#[test]
fn attached_files_with_too_many_types_of_groups_are_refused() {
    let lab = Lab::new();
    let types = ["a", "b", "c", "d", "e"];
    lab.events(&types.map(|name| event("ann", 1, &json!({"$groups": {name: "k"}}))));
    let file = said_in_parquet(&lab, "a.parquet", 3, "x");
    let error = attach(&lab.store, &file, &ColumnMapping::default(), WAIT, &Interrupt::new()).unwrap_err();
    assert!(message(&error).contains("room for five types of groups, but not also for company"), "{error}");
    assert_eq!(lab.person("ann"), json!({}));
}

// ── Older stores ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// What a store looks like without what format 2 brought.
const TO_FORMAT_1: &str = "
    DROP VIEW persons; DROP VIEW groups;
    CREATE TEMP TABLE kept AS SELECT external_id, person_id FROM person;
    DROP TABLE person;
    CREATE TABLE person (external_id VARCHAR NOT NULL, person_id UINTEGER NOT NULL);
    INSERT INTO person SELECT * FROM kept;
    DROP TABLE person_profile; DROP TABLE group_profile; DROP TABLE group_type; DROP TABLE property_change;
    UPDATE event SET group_0 = NULL, group_1 = NULL;
    UPDATE meta SET format_version = 1;
";

#[test]
fn a_store_of_format_1_learns_the_properties_of_its_events() {
    let lab = Lab::new();
    let mut anon = event("anon", 1, &json!({"$set": {"a": 1}, "$groups": {"company": "acme", "team": "t"}}));
    anon["person_id"] = json!("P");
    let mut ann = event("ann", 2, &json!({"$set": {"b": 2}, "$set_once": {"a": 3}}));
    ann["person_id"] = json!("P");
    let lines =
        [anon, ann, event("bob", 3, &json!({})), identify_group("company", &json!("acme"), 4, &json!({"s": 1}))];
    lab.events(&lines);
    let files = [said_in_parquet(&lab, "a.parquet", 9, "kept"), said_in_parquet(&lab, "b.parquet", 10, "gone")];
    for file in &files {
        attach(&lab.store, file, &ColumnMapping::default(), WAIT, &Interrupt::new()).unwrap();
    }
    let before = (lab.rows(PERSONS), lab.rows(GROUP_KEYS), lab.group("company", "acme"), lab.group_types());
    let state = lab.state();
    assert_eq!(before.0[0], r#"{"a":1,"b":2,"first":"kept","plan":"gone"}"#);

    let path = lab.store.directory().join("events.duckdb");
    duckdb::Connection::open(&path).unwrap().execute_batch(TO_FORMAT_1).unwrap();
    fs::rename(&files[1], lab.directory.path().join("elsewhere")).unwrap();
    // Opening it for reading is enough; a file that vanished does not hold it up.
    let migrated = lab.state();
    assert_eq!((migrated.data_version, migrated.person_count), (state.data_version + 1, 2));
    assert_ne!(migrated.data_digest, state.data_digest);
    assert_eq!(lab.person("ann"), json!({"a": 1, "b": 2, "first": "kept", "plan": "kept"}));

    fs::rename(lab.directory.path().join("elsewhere"), &files[1]).unwrap();
    let changed =
        duckdb::Connection::open(&path).unwrap().execute_batch("UPDATE attached SET files = '[]' WHERE id = 1");
    changed.unwrap();
    refresh_attached(&lab.store, WAIT, &Interrupt::new()).unwrap();
    assert_eq!((lab.rows(PERSONS), lab.rows(GROUP_KEYS), lab.group("company", "acme"), lab.group_types()), before);
    let mut cyd = event("cyd", 5, &json!({}));
    cyd["person_id"] = json!("P");
    assert_eq!(lab.events(&[cyd]).merges, 1, "foreign ids are kept");
    assert_eq!(lab.person("cyd")["a"], 1);
}

// ── Deep nesting ─────────────────────────────────────────────────────────────────────────────────────────────────────

fn nested(levels: usize) -> String {
    format!(r#"{{"a":{}"b]}}\"[[{{"{}}}"#, "[".repeat(levels - 1), "]".repeat(levels - 1))
}

#[test]
fn properties_nested_too_deeply_are_rejected() {
    let many = format!(r#"{{"a":[{}{{}}]}}"#, "{},[],".repeat(300));
    for (levels, expected) in [(100, 2), (101, 1), (50_000, 1)] {
        let mut csv = "event,user_id,ts,properties\n".to_owned();
        let mut lines = String::new();
        for properties in [&nested(levels), &many] {
            writeln!(csv, "e,ann,2025-01-01,\"{}\"", properties.replace('"', "\"\"")).unwrap();
            let line = json!({"event": "e", "user_id": "ann", "ts": "2025-01-01", "properties": properties});
            writeln!(lines, "{line}").unwrap();
        }
        let lab = Lab::new();
        let csv = lab.write("a.csv", csv);
        let ndjson = lab.write("a.ndjson", lines);
        let parquet = lab.parquet("a.parquet", &format!("SELECT * FROM read_csv('{csv}', max_line_size = 10000000)"));
        for file in [&csv, &ndjson, &parquet] {
            let lab = Lab::new();
            let report = lab.ingest_file(file).unwrap();
            assert_eq!((report.read, report.stored), (2, expected), "{levels} levels in {file}");
            if let Some(rejects) = report.rejects_file {
                let text = fs::read_to_string(rejects).unwrap();
                assert!(text.contains("properties are nested deeper than 100 levels"), "{}", &text[..200]);
            }
        }
    }
}
