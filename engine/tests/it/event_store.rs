//! The event store as a place: creating, opening, sharing, querying, interrupting, attaching.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use abduck::error::{Error, ErrorKind, Result};
use abduck::events::arrow::array::{Array, StringArray};
use abduck::events::arrow::record_batch::RecordBatch;
use abduck::events::{
    AttachReport, Change, ColumnMapping, DataState, EventStore, IngestOptions, Interrupt, Reader, Source, attach,
    detach, ingest, refresh_attached,
};
use abduck::sql::Sql;
use tempfile::TempDir;

const WAIT: Duration = Duration::from_secs(20);
const BRIEFLY: Duration = Duration::from_millis(60);

const EVERYTHING: &str = "SELECT concat_ws('|', uuid, event, distinct_id, timestamp, CAST(properties AS JSON), \
    coalesce(group_0, '-')) FROM events ORDER BY 1";

const PERSONS: &str =
    "SELECT string_agg(DISTINCT distinct_id, ' ' ORDER BY distinct_id) FROM events GROUP BY person_id ORDER BY 1";

fn lab() -> (TempDir, EventStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::create(directory.path().join("lab")).unwrap();
    (directory, store)
}

fn sql(text: &'static str) -> Sql {
    let mut sql = Sql::new();
    sql.text(text);
    sql
}

fn texts(reader: &Reader, sql: &Sql) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    reader.scan(sql, &Interrupt::new(), &mut |batch: &RecordBatch| {
        let texts = batch.column(0).as_any().downcast_ref::<StringArray>().expect("a text column");
        rows.extend(texts.iter().map(|text| text.unwrap_or("null").to_owned()));
        Ok(())
    })?;
    Ok(rows)
}

fn rows(store: &EventStore, query: &'static str) -> Vec<String> {
    texts(&store.read(WAIT, "test").unwrap(), &sql(query)).unwrap()
}

fn ingest_file(store: &EventStore, file: &str) -> abduck::events::IngestReport {
    let source = Source::Files(vec![file.to_owned()]);
    ingest(store, source, &IngestOptions::default(), WAIT, &Interrupt::new(), &mut |_| {}).unwrap()
}

fn csv(directory: &TempDir, name: &str, rows: &str) -> String {
    let path = directory.path().join(name);
    fs::write(&path, format!("event,user_id,ts\n{rows}")).unwrap();
    path.display().to_string()
}

fn parquet(directory: &TempDir, name: &str, query: &str) -> String {
    let path = directory.path().join(name).display().to_string();
    let connection = duckdb::Connection::open_in_memory().unwrap();
    connection.execute_batch(&format!("COPY ({query}) TO '{}' (FORMAT parquet)", path.replace('\'', "''"))).unwrap();
    path
}

// ── A place on disk ──────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_new_store_is_empty_and_made_once() {
    let (directory, store) = lab();
    let state = store.read(WAIT, "test").unwrap().state().unwrap();
    assert_eq!((state.data_version, state.event_count, state.person_count), (0, 0, 0));
    assert_eq!((state.first_event, state.last_event), (None, None));
    assert!(state.attached_changes.is_empty());
    let error = EventStore::create(store.directory()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotAllowed { .. }), "{error}");
    let error = EventStore::at(directory.path()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound { noun: "event store", .. }), "{error}");
}

#[test]
fn the_state_counts_and_dates() {
    let (directory, store) = lab();
    ingest_file(&store, &csv(&directory, "a.csv", "b,x,2025-01-02T00:00:00.5Z\na,x,2025-01-01\nb,y,1999-01-01\n"));
    let reader = store.read(WAIT, "test").unwrap();
    let state = reader.state().unwrap();
    assert_eq!((state.data_version, state.event_count, state.person_count), (1, 3, 2));
    assert_eq!(state.first_event, Some("1999-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(state.last_event, Some("2025-01-02T00:00:00.5Z".parse().unwrap()));
    assert_eq!(reader.event_names(10).unwrap(), [("b".to_owned(), 2), ("a".to_owned(), 1)]);
    assert_eq!(reader.event_names(1).unwrap().len(), 1);
}

#[test]
fn waiting_for_the_store_can_be_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::create(directory.path()).unwrap();
    let writer = store.write(WAIT, "long ingest").unwrap();
    let interrupt = Interrupt::new();
    let waiting = store.clone().interruptible(&interrupt);
    interrupt.interrupt();
    let error = waiting.read(Duration::from_mins(1), "query").map(|_| ()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Interrupted));
    drop(writer);
}

fn open_error(store: &EventStore) -> Error {
    store.read(WAIT, "test").map(|_| ()).unwrap_err()
}

#[test]
fn a_store_of_another_kind_is_refused() {
    let (_directory, store) = lab();
    let path = store.directory().join("events.duckdb");
    let change = |text: &str| duckdb::Connection::open(&path).unwrap().execute_batch(text).unwrap();

    change("UPDATE meta SET format_version = 99");
    let error = open_error(&store);
    assert!(matches!(error.kind(), ErrorKind::NotAllowed { .. }), "{error:?}");
    assert!(error.to_string().contains("format 99") && error.hints()[0].contains("upgrade"), "{error}");

    change("DROP VIEW events; DROP TABLE meta");
    let error = open_error(&store);
    assert!(matches!(error.kind(), ErrorKind::Storage { .. }), "{error:?}");
    assert!(error.to_string().contains("not an abduck event store"), "{error}");

    for content in [&b"this is not a database, but it is long enough to be looked at as if it were one"[..], b""] {
        fs::write(&path, content).unwrap();
        let error = open_error(&store);
        assert!(matches!(error.kind(), ErrorKind::Storage { .. }), "{error:?}");
        assert!(!error.hints().is_empty());
        let error = store.write(WAIT, "test").map(|_| ()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Storage { .. }), "{error:?}");
    }

    fs::remove_file(&path).unwrap();
    assert!(matches!(open_error(&store).kind(), ErrorKind::NotFound { .. }));
}

#[test]
fn a_damaged_store_is_an_error() {
    let (directory, store) = lab();
    ingest_file(&store, &csv(&directory, "a.csv", &"e,x,2025-01-02T00:00:00.5Z\n".repeat(10)));
    let path = store.directory().join("events.duckdb");
    // Behind the three headers.
    let mut bytes = fs::read(&path).unwrap();
    bytes[3 * 4096..].fill(0xAB);
    fs::write(&path, bytes).unwrap();
    let error = match store.read(WAIT, "test") {
        Err(error) => error,
        Ok(reader) => texts(&reader, &sql(EVERYTHING)).map(|_| ()).unwrap_err(),
    };
    assert!(matches!(error.kind(), ErrorKind::Storage { .. } | ErrorKind::Query { .. }), "{error:?}");
}

// ── Sharing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

fn busy(result: Result<impl Sized>) -> (String, f64) {
    let error = result.map(|_| ()).unwrap_err();
    assert!(!error.hints().is_empty());
    match error.kind() {
        ErrorKind::Busy { holder, waited_seconds } => (holder.clone(), *waited_seconds),
        other => panic!("expected busy, got {other:?}"),
    }
}

#[test]
fn readers_share_and_a_writer_is_alone() {
    let (_directory, store) = lab();
    let this = std::process::id();
    let readers = (store.read(WAIT, "one").unwrap(), store.read(WAIT, "two").unwrap());
    let (holder, waited) = busy(store.write(BRIEFLY, "ingest"));
    assert_eq!(holder, format!("readers, the last of them process {this} (two)"));
    assert!(waited >= BRIEFLY.as_secs_f64() && waited < 5.0, "{waited}");
    drop(readers);

    let writer = store.write(WAIT, "ingest").unwrap();
    assert_eq!(busy(store.read(BRIEFLY, "query")).0, format!("process {this} (ingest)"));
    assert_eq!(busy(store.write(Duration::ZERO, "attach")).0, format!("process {this} (ingest)"));
    drop(writer);
    store.read(Duration::ZERO, "query").unwrap();
}

#[test]
fn a_writer_waits_for_a_reader() {
    let (_directory, store) = lab();
    let reader = store.read(WAIT, "query").unwrap();
    let began = Instant::now();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| store.write(WAIT, "ingest").map(|_| ()));
        thread::sleep(Duration::from_millis(150));
        assert!(!waiting.is_finished());
        drop(reader);
        waiting.join().unwrap().unwrap();
    });
    assert!(began.elapsed() >= Duration::from_millis(150));
}

/// Not a test of its own: holds a store until it is killed.
#[test]
#[ignore = "run by the tests that need another process"]
fn child_holds() {
    let (Ok(directory), Ok(access)) = (std::env::var("ABDUCK_LAB"), std::env::var("ABDUCK_ACCESS")) else { return };
    let store = EventStore::at(directory).unwrap();
    let held = match access.as_str() {
        "read" => (Some(store.read(WAIT, "long query").unwrap()), None),
        _ => (None, Some(store.write(WAIT, "long ingest").unwrap())),
    };
    println!("holding");
    thread::sleep(Duration::from_mins(1));
    drop(held);
}

fn holder(store: &EventStore, access: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "event_store::child_holds", "--ignored", "--nocapture"])
        .env("ABDUCK_LAB", store.directory())
        .env("ABDUCK_ACCESS", access)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap().contains("holding")));
    child
}

#[test]
fn processes_share_as_handles_do() {
    let (_directory, store) = lab();
    let mut reader = holder(&store, "read");
    store.read(WAIT, "query").unwrap().state().unwrap();
    let (who, _) = busy(store.write(BRIEFLY, "ingest"));
    // The last reader to come was this process; it named itself, and can't know who is left.
    assert_eq!(who, format!("readers, the last of them process {} (query)", std::process::id()));
    reader.kill().unwrap();
    reader.wait().unwrap();

    let mut writer = holder(&store, "write");
    let expected = format!("process {} (long ingest)", writer.id());
    assert_eq!(busy(store.read(BRIEFLY, "query")).0, expected);
    assert_eq!(busy(store.write(BRIEFLY, "ingest")).0, expected);
    writer.kill().unwrap();
    writer.wait().unwrap();
    // The lock died with its holder.
    store.write(WAIT, "ingest").unwrap();
}

// ── Queries ──────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn values_are_bound_and_never_text() {
    let (directory, store) = lab();
    ingest_file(&store, &csv(&directory, "a.csv", "it's,x,2025-01-02\n\"' OR 1=1 --\",y,2025-01-02\n"));
    let reader = store.read(WAIT, "test").unwrap();
    for (name, person) in [("it's", "x"), ("' OR 1=1 --", "y")] {
        let mut query = sql("SELECT distinct_id FROM events WHERE event = ");
        query.value(name).text(" AND ").value(1_i64).text(" = 1 AND ").value(true).text(" AND 0.5 = ").value(0.5);
        assert_eq!(texts(&reader, &query).unwrap(), [person]);
    }
}

#[test]
fn a_refused_query_carries_its_sql() {
    let (_directory, store) = lab();
    let reader = store.read(WAIT, "test").unwrap();
    for query in ["SELECT nonsense FROM events", "SELECT error('at run time')", "DELETE FROM event", "not sql"] {
        let error = texts(&reader, &sql(query)).unwrap_err();
        match error.kind() {
            ErrorKind::Query { sql, message } => assert!(sql == query && !message.is_empty(), "{message}"),
            other => panic!("{query}: {other:?}"),
        }
    }
    let stop = Error::invalid("enough");
    let mut stop = Some(stop);
    let error = reader.scan(&sql("SELECT 1"), &Interrupt::new(), &mut |_| Err(stop.take().unwrap())).unwrap_err();
    assert_eq!(error.to_string(), "enough");
}

#[test]
fn the_database_reaches_for_nothing_outside() {
    let (_directory, store) = lab();
    let reader = store.read(WAIT, "test").unwrap();
    // Where the library has ICU there is a time zone too: that of the machine, unless it is set.
    let settings = "SELECT concat_ws(' ', name, value) FROM duckdb_settings() \
        WHERE name LIKE 'auto%known_extensions' OR (name = 'TimeZone' AND value <> 'UTC') ORDER BY 1";
    assert_eq!(
        texts(&reader, &sql(settings)).unwrap(),
        ["autoinstall_known_extensions false", "autoload_known_extensions false"]
    );
}

#[test]
fn a_filter_on_the_event_reaches_the_table() {
    let (directory, store) = lab();
    let rows: String = (0..3000).map(|i| format!("e{},u{i},2025-01-01\n", i % 3)).collect();
    ingest_file(&store, &csv(&directory, "a.csv", &rows));
    let reader = store.read(WAIT, "test").unwrap();
    let plan = reader.explain(&sql("SELECT count(*) FROM events WHERE event = 'e1'"), &Interrupt::new()).unwrap();
    assert!(plan.contains("event_name_id ="), "{plan}");
}

#[test]
fn a_running_query_is_interrupted_and_the_switch_is_reusable() {
    let (_directory, store) = lab();
    let reader = store.read(WAIT, "test").unwrap();
    let endless = sql("SELECT sum(a.range * b.range) FROM range(1000000) AS a, range(1000000) AS b");
    let interrupt = Interrupt::new();
    let began = Instant::now();
    let error = thread::scope(|scope| {
        let switch = interrupt.clone();
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(100));
            switch.interrupt();
        });
        reader.scan(&endless, &interrupt, &mut |_| Ok(())).unwrap_err()
    });
    assert!(matches!(error.kind(), ErrorKind::Interrupted), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5));

    // It stays raised until it is cleared, and so stops what begins later too.
    let error = reader.scan(&sql("SELECT 1"), &interrupt, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Interrupted), "{error:?}");
    interrupt.clear();
    assert_eq!(reader.scan(&sql("SELECT 1"), &interrupt, &mut |_| Ok(())).unwrap(), 1);

    // Between batches, by the callback itself.
    let mut batches = 0;
    let error = reader.scan(&sql("SELECT range FROM range(10000000)"), &interrupt, &mut |_| {
        batches += 1;
        interrupt.interrupt();
        Ok(())
    });
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::Interrupted));
    assert_eq!(batches, 1);
}

// ── Attached files ───────────────────────────────────────────────────────────────────────────────────────────────────

const EVENTS: &str = r#"SELECT * FROM (VALUES
    ('buy', 'ann', '2025-01-01T10:00:00+02:00', '{"a":1,"b":{"c":[1]}}', 'p1', 'acme'),
    ('$identify', 'ann', '2025-01-01T11:00:00Z', '{"$anon_distinct_id":"anon"}', NULL, NULL),
    ('see', 'anon', '2025-01-02', NULL, NULL, NULL),
    ('see', 'bob', '2025-01-03', '{}', 'p2', NULL),
    ('see', 'rob', '2025-01-03', '{}', 'p2', NULL)) AS v(event, user_id, ts, properties, person_id, group_0)"#;

fn attach_pattern(store: &EventStore, pattern: &str) -> Result<AttachReport> {
    attach(store, pattern, &ColumnMapping::default(), WAIT, &Interrupt::new())
}

#[test]
fn attached_equals_ingested() {
    let (directory, ingested) = lab();
    let file = parquet(&directory, "it's a.parquet", EVENTS);
    let report = ingest_file(&ingested, &file);
    let (_other, attached) = lab();
    let attach_report = attach_pattern(&attached, &file).unwrap();
    assert_eq!((attach_report.events, attach_report.files, attach_report.rejected), (5, 1, 0));
    assert_eq!((attach_report.new_persons, attach_report.merges), (report.new_persons, report.merges));
    assert_eq!(attach_report.data_version, 1);

    assert_eq!(rows(&ingested, EVERYTHING).len(), 5);
    assert_eq!(rows(&attached, EVERYTHING), rows(&ingested, EVERYTHING));
    assert_eq!(rows(&attached, PERSONS), ["ann anon", "bob rob"]);
    assert_eq!(rows(&attached, PERSONS), rows(&ingested, PERSONS));
    let state = |store: &EventStore| store.read(WAIT, "test").unwrap().state().unwrap();
    assert_eq!(state(&attached).attached, [file]);
    // How the events came in is part of the digest.
    let DataState { data_digest, .. } = state(&ingested);
    assert_ne!(state(&attached).data_digest, data_digest);
    assert_eq!(DataState { attached: Vec::new(), data_digest, ..state(&attached) }, state(&ingested));
}

#[test]
fn stored_and_attached_events_are_one() {
    let (directory, store) = lab();
    ingest_file(&store, &csv(&directory, "a.csv", "see,anon,2024-01-01\n"));
    let file = parquet(&directory, "a.parquet", EVENTS);
    attach_pattern(&store, &file).unwrap();
    assert_eq!(rows(&store, "SELECT count(*)::VARCHAR FROM events"), ["6"]);
    assert_eq!(rows(&store, PERSONS), ["ann anon", "bob rob"]);

    // What is attached is known to an ingest, and what is stored can't be attached.
    let report = ingest_file(&store, &file);
    assert_eq!((report.stored, report.duplicates), (0, 5));
    let copy = parquet(&directory, "copy.parquet", EVENTS);
    let error = attach_pattern(&store, &copy).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Schema { .. }), "{error:?}");
    assert!(error.to_string().contains("5 events are in the store already"), "{error}");
    let error = attach_pattern(&store, &file).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotAllowed { .. }), "{error:?}");

    detach(&store, &file, WAIT, &Interrupt::new()).unwrap();
    assert_eq!(rows(&store, "SELECT count(*)::VARCHAR FROM events"), ["1"]);
    let error = detach(&store, &file, WAIT, &Interrupt::new()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error:?}");
}

#[test]
fn changed_files_are_noticed_and_followed() {
    let (directory, store) = lab();
    let day = |name: &str, user: &str, count: u32| {
        let query = format!(
            "SELECT 'see' AS event, '{user}' || range AS user_id, TIMESTAMP '2025-01-01' + to_seconds(range) AS ts FROM range({count})"
        );
        parquet(&directory, name, &query)
    };
    let files: Vec<String> = ["1.parquet", "2.parquet", "3.parquet"].map(|name| day(name, name, 3)).to_vec();
    let pattern = directory.path().join("*.parquet").display().to_string();
    assert_eq!(attach_pattern(&store, &pattern).unwrap().files, 3);
    assert!(refresh_attached(&store, WAIT, &Interrupt::new()).unwrap().is_empty());
    let changes = || store.read(WAIT, "test").unwrap().state().unwrap().attached_changes;
    assert!(changes().is_empty());

    day("1.parquet", "one", 5);
    fs::remove_file(&files[1]).unwrap();
    let new = day("4.parquet", "four", 1);
    let seen: Vec<(PathBuf, Change)> = changes().into_iter().map(|change| (change.path, change.change)).collect();
    let expected = [(&files[0], Change::Altered), (&files[1], Change::Vanished), (&new, Change::Appeared)];
    assert_eq!(seen, expected.map(|(path, change)| (PathBuf::from(path), change)));

    let reports = refresh_attached(&store, WAIT, &Interrupt::new()).unwrap();
    assert_eq!((reports.len(), reports[0].events, reports[0].data_version), (1, 9, 2));
    assert!(changes().is_empty());
    assert_eq!(rows(&store, "SELECT count(*)::VARCHAR FROM events"), ["9"]);

    for file in [&files[0], &files[2], &new] {
        fs::remove_file(file).unwrap();
    }
    let error = refresh_attached(&store, WAIT, &Interrupt::new()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error:?}");
    assert!(error.hints()[0].contains("detach"), "{error:?}");
    assert_eq!(store.read(WAIT, "test").unwrap().state().unwrap().data_version, 2);
}

#[test]
fn attached_rows_are_checked_too() {
    let (directory, store) = lab();
    let query = "SELECT 'see' AS event, nullif('d' || range, 'd1') AS user_id, TIMESTAMP '2025-01-01' AS ts, \
        CASE range WHEN 2 THEN '[' ELSE '{}' END AS properties FROM range(4)";
    let report = attach_pattern(&store, &parquet(&directory, "a.parquet", query)).unwrap();
    assert_eq!((report.events, report.rejected), (2, 2));
    assert_eq!(rows(&store, "SELECT distinct_id FROM events ORDER BY 1"), ["d0", "d3"]);

    let query = "SELECT 'see' AS event, 'd' AS user_id, 'soon' AS ts";
    let error = attach_pattern(&store, &parquet(&directory, "b.parquet", query)).unwrap_err();
    assert!(error.to_string().contains("1 of 1 rows cannot be stored"), "{error}");
    let twice = "SELECT 'see' AS event, 'd' AS user_id, TIMESTAMP '2025-01-01' AS ts FROM range(2)";
    let error = attach_pattern(&store, &parquet(&directory, "c.parquet", twice)).unwrap_err();
    assert!(error.to_string().contains("twice in these files"), "{error}");
    let text = csv(&directory, "d.csv", "");
    let error = attach_pattern(&store, &text).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Schema { .. }), "{error:?}");
    assert_eq!(store.read(WAIT, "test").unwrap().state().unwrap().data_version, 1);
}

#[test]
fn an_attached_mapping_is_kept_with_all_its_quotes() {
    let (directory, store) = lab();
    let query = r#"SELECT 'assigned' AS "wh'at?", 'd' AS who, 1735725600::BIGINT AS "a""t", 'test' AS arm UNION ALL SELECT 'x', 'd', 1735725601, NULL"#;
    let mapping = ColumnMapping::from_text(
        r#"{event: "wh'at?", distinct_id: who, timestamp: "a\"t", timestamp_unit: seconds, timezone: Europe/Berlin,
            flags: {"it's": arm}, exposure_event: assigned}"#,
    )
    .unwrap();
    attach(&store, &parquet(&directory, "a.parquet", query), &mapping, WAIT, &Interrupt::new()).unwrap();
    assert_eq!(
        rows(
            &store,
            "SELECT concat_ws(' ', event, timestamp, CAST(properties AS JSON)) FROM events ORDER BY timestamp"
        ),
        [
            r#"$feature_flag_called 2025-01-01 10:00:00 {"$feature/it's":"test","$feature_flag":"it's","$feature_flag_response":"test"}"#,
            "x 2025-01-01 10:00:01 {}",
        ]
    );
}
