//! The projection beside the event table: same numbers, whatever happens to the data and to the files.

use std::fs;
use std::path::PathBuf;

use abduck::{EventsFrom, ExperimentResult, IngestOptions, Source};
use serde_json::{Value, json};

use crate::support::{Log, event, now, request};

/// Persons whose events are spread over the month; every third event shares its instant with the one before.
fn events(persons: std::ops::Range<usize>) -> Vec<Value> {
    let of_person = |person: usize| {
        let id = format!("user-{person}");
        let variant = ["control", "test"][person % 2];
        let exposure = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
        let time = |minute: usize| format!("2024-01-{:02}T{:02}:{:02}:00Z", 2 + person % 20, minute / 60, minute % 60);
        let mut events = vec![event(&id, "$feature_flag_called", &time(10), &exposure)];
        for number in 0..person % 5 {
            let plan = ["free", "pro"][number % 2];
            let properties = json!({"amount": number + person, "plan": plan});
            events.push(event(&id, ["view", "buy"][number % 2], &time(10 + 7 * (number - number % 3)), &properties));
        }
        events
    };
    persons.flat_map(of_person).collect()
}

fn metrics() -> Vec<Value> {
    let step = |name: &str| json!({"kind": "EventsNode", "event": name});
    let pro = json!({"kind": "EventsNode", "event": "buy", "math": "sum", "math_property": "amount",
        "properties": [{"key": "plan", "value": "pro", "type": "event", "operator": "exact"}]});
    vec![
        json!({"metric_type": "funnel", "name": "funnel", "series": [step("view"), step("buy")]}),
        json!({"metric_type": "funnel", "name": "strict", "series": [step("view"), step("buy")], "funnel_order_type": "strict"}),
        json!({"metric_type": "mean", "name": "mean", "source": pro}),
        json!({"metric_type": "mean", "name": "all", "source": {"kind": "EventsNode", "event": null, "math": "total"}}),
        json!({"metric_type": "ratio", "name": "ratio", "numerator": pro, "denominator": step("view")}),
    ]
}

fn results(log: &mut Log, from: EventsFrom) -> Vec<ExperimentResult> {
    log.lab.read_events_from(from);
    let of = |metric: &Value| log.lab.try_metric("checkout", metric.as_object().unwrap(), &request()).unwrap();
    metrics().iter().map(of).collect()
}

fn folders(log: &Log) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(log.path().join("projection")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[track_caller]
fn agrees(log: &mut Log) -> Vec<ExperimentResult> {
    let projected = results(log, EventsFrom::Projection);
    assert_eq!(projected, results(log, EventsFrom::Table));
    projected
}

fn lab() -> Log {
    let mut log = Log::of(&events(0..60));
    log.experiment(&json!({}));
    log
}

#[test]
fn it_follows_the_data() {
    let mut log = lab();
    let before = agrees(&mut log);
    let first = folders(&log);
    assert_eq!(first.len(), 1);
    log.add(&events(60..100));
    let after = agrees(&mut log);
    assert_ne!(before, after);
    // What was made of the data before is gone.
    let second = folders(&log);
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);
}

#[test]
fn persons_that_become_one_are_one() {
    let mut log = lab();
    let before = agrees(&mut log);
    // Two of different variants.
    log.add(&[event("user-3", "$identify", "2024-01-20T00:00:00Z", &json!({"$anon_distinct_id": "user-4"}))]);
    assert_ne!(before, agrees(&mut log));
}

#[test]
fn what_is_lost_or_damaged_is_made_again_or_done_without() {
    let mut log = lab();
    let wanted = agrees(&mut log);
    let folder = folders(&log).remove(0);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let whole = fs::read(&path).unwrap();
        for damage in ["removed", "empty", "cut", "zeros"] {
            // Answers are missed, too, so that what they are made from is read.
            let answers = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            for answer in answers.filter(|answer| *answer != path && answer.file_stem().unwrap().len() == 64) {
                fs::remove_file(answer).unwrap();
            }
            match damage {
                "removed" => fs::remove_file(&path).unwrap(),
                "empty" => fs::write(&path, b"").unwrap(),
                "cut" => fs::write(&path, &whole[..whole.len() / 2]).unwrap(),
                _ => fs::write(&path, vec![0; whole.len()]).unwrap(),
            }
            assert_eq!(results(&mut log, EventsFrom::Projection), wanted, "{} {damage}", path.display());
            // What could not be read is made again, as it was.
            assert_eq!(results(&mut log, EventsFrom::Projection), wanted, "{} {damage}", path.display());
            assert_eq!(fs::read(&path).unwrap(), whole, "{} {damage}", path.display());
        }
    }
    fs::remove_dir_all(log.path().join("projection")).unwrap();
    assert_eq!(agrees(&mut log), wanted);
}

#[test]
fn few_events_and_attached_files_have_none() {
    let mut log = lab();
    results(&mut log, EventsFrom::Quickest);
    assert!(folders(&log).is_empty());
    let file = log.path().join("more.parquet");
    let rows =
        "SELECT 'user-1' AS distinct_id, 'buy' AS event, TIMESTAMP '2024-01-25' AS timestamp, '{}' AS properties";
    duckdb::Connection::open_in_memory()
        .unwrap()
        .execute_batch(&format!("COPY ({rows}) TO '{}' (FORMAT parquet)", file.display()))
        .unwrap();
    log.lab.attach(file.to_str().unwrap(), &IngestOptions::default().mapping).unwrap();
    agrees(&mut log);
    assert!(folders(&log).is_empty());
}

#[test]
fn the_place_of_a_file_where_the_folder_should_be_only_closes_a_way() {
    let mut log = lab();
    fs::write(log.path().join("projection"), b"in the way").unwrap();
    agrees(&mut log);
}

#[test]
fn series_and_listings_say_the_same() {
    let mut log = lab();
    for metric in metrics() {
        let metric = metric.as_object().unwrap();
        let mut of = |from| {
            log.lab.read_events_from(from);
            (
                log.lab.metric_series("checkout", metric, &request()).unwrap(),
                log.lab.reconcile("checkout", metric, now()).unwrap(),
            )
        };
        assert_eq!(of(EventsFrom::Projection), of(EventsFrom::Table));
    }
}

/// An ingest of nothing changes nothing, so the projection stays.
#[test]
fn the_same_file_again_keeps_it() {
    let mut log = lab();
    agrees(&mut log);
    let before = folders(&log);
    let file = log.path().join("again.ndjson");
    let line = json!({"event": "buy", "distinct_id": "user-1", "timestamp": "2024-01-25T00:00:00Z", "uuid": "00000000-0000-4000-8000-00000000000f"});
    fs::write(&file, format!("{line}\n")).unwrap();
    let source = || Source::Files(vec![file.display().to_string()]);
    log.lab.ingest(source(), &IngestOptions::default(), &mut |_| ()).unwrap();
    let first = agrees(&mut log);
    let once = folders(&log);
    assert_ne!(before, once);
    log.lab.ingest(source(), &IngestOptions::default(), &mut |_| ()).unwrap();
    assert_eq!(agrees(&mut log), first);
    assert_eq!(folders(&log), once);
}

#[test]
fn a_series_that_meets_damage_says_so_and_is_there_when_asked_again() {
    let mut log = lab();
    let metric = metrics().remove(0);
    let metric = metric.as_object().unwrap();
    log.lab.read_events_from(EventsFrom::Projection);
    let wanted = log.lab.metric_series("checkout", metric, &request()).unwrap();
    fs::write(folders(&log).remove(0).join("timestamp.arrow"), b"short").unwrap();
    let error = log.lab.metric_series("checkout", metric, &request()).unwrap_err();
    assert!(error.is_of_storage(), "{error:?}");
    assert_eq!(log.lab.metric_series("checkout", metric, &request()).unwrap(), wanted);
}

/// A metric that the projection cannot answer does not have one made.
#[test]
fn what_the_projection_cannot_answer_leaves_it_alone() {
    let mut log = lab();
    let metric = json!({"metric_type": "mean", "source": {"event": "buy"}, "breakdownFilter": {"breakdown": "plan"}});
    log.lab.read_events_from(EventsFrom::Projection);
    log.lab.try_metric("checkout", metric.as_object().unwrap(), &request()).unwrap();
    assert!(folders(&log).is_empty());
}
