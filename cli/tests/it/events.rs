//! Taking events in, and querying files where they lie.

use serde_json::Value;

use crate::support::{Place, assert_transcript};

const TWO_EVENTS: &str = "user_id,event,timestamp\nann,signup,2026-03-01T10:00:00Z\nbob,signup,2026-03-01T11:00:00Z\n";

#[test]
fn an_ingest_says_what_it_did() {
    let lab = Place::lab();
    lab.write("events.csv", TWO_EVENTS);
    assert_transcript!(lab.abduck("ingest events.csv"));
    let again: Value = serde_json::from_str(&lab.succeeds("ingest events.csv -o json")).unwrap();
    assert_eq!((again["stored"].as_u64(), again["duplicates"].as_u64()), (Some(0), Some(2)));
}

#[test]
fn an_ingest_by_file_as_csv() {
    let lab = Place::lab();
    lab.write("a.csv", TWO_EVENTS);
    lab.write("b.csv", TWO_EVENTS);
    assert_transcript!(lab.abduck("ingest *.csv -o csv"));
}

#[test]
fn rows_that_cannot_be_stored_are_written_aside() {
    let lab = Place::lab();
    lab.write("events.csv", &format!("{TWO_EVENTS}cyd,signup,yesterday\n"));
    let transcript = lab.abduck("ingest events.csv");
    assert_transcript!(transcript);
    assert_eq!(std::fs::read_dir(lab.path("rejected")).unwrap().count(), 1);
}

#[test]
fn a_strict_ingest_takes_all_or_nothing() {
    let lab = Place::lab();
    lab.write("events.csv", &format!("{TWO_EVENTS}cyd,signup,yesterday\n"));
    assert_transcript!(lab.abduck("ingest events.csv --strict"));
    assert!(lab.succeeds("status -o json").contains("\"events\":0"));
}

#[test]
fn columns_that_are_not_recognised_can_be_named() {
    let lab = Place::lab();
    lab.write("log.txt", "who,what,at,plan\nann,signup,1772359200,pro\n");
    assert_transcript!(lab.abduck("ingest log.txt --format csv"));
    lab.write("mapping.yaml", "{distinct_id: who, event: nonsense, timestamp_unit: milliseconds}");
    let named =
        "ingest log.txt --format csv --mapping mapping.yaml --event what --timestamp at --timestamp-unit seconds";
    lab.succeeds(named);
    let status: Value = serde_json::from_str(&lab.succeeds("status -o json")).unwrap();
    assert_eq!(status["first_event"], "2026-03-01T10:00:00Z");
}

#[test]
fn files_are_attached_and_detached() {
    let lab = Place::lab();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets/sample/shop.parquet");
    std::fs::copy(sample, lab.path("shop.parquet")).unwrap();
    assert_transcript!(lab.abduck("attach shop.parquet"));
    assert_eq!(lab.abduck("attach shop.parquet").exit, 4);
    let status: Value = serde_json::from_str(&lab.succeeds("status -o json")).unwrap();
    assert!(status["events"].as_u64().unwrap() > 10_000);
    assert_transcript!(lab.abduck("detach shop.parquet"));
    assert!(lab.succeeds("status -o json").contains("\"events\":0"));
    assert_eq!(lab.abduck("detach shop.parquet").exit, 3);
}

const SAID: &str = r#"{"distinct_id":"ann","event":"$identify","timestamp":"2026-03-01T10:00:00Z","properties":{"$anon_distinct_id":"anon","$set":{"plan":"pro","seats":3},"$groups":{"company":"acme"}}}
{"distinct_id":"ann","event":"$groupidentify","timestamp":"2026-03-01T11:00:00Z","properties":{"$group_type":"company","$group_key":"acme","$group_set":{"size":"large"}}}
"#;

#[test]
fn persons_and_groups_are_shown() {
    let lab = Place::lab();
    lab.write("said.ndjson", SAID);
    assert_transcript!(lab.abduck("ingest said.ndjson"));
    assert_transcript!(lab.abduck("person show anon"));
    assert_transcript!(lab.abduck("group show company acme"));
    assert_transcript!(lab.abduck("status"));
    let person: Value = serde_json::from_str(&lab.succeeds("person show ann -o json")).unwrap();
    assert_eq!(person["distinct_ids"], serde_json::json!(["ann", "anon"]));
    assert_eq!(person["properties"], serde_json::json!({"plan": "pro", "seats": 3}));
    assert_transcript!(lab.abduck("person show nobody"));
    assert_transcript!(lab.abduck("group show team acme"));
}

#[test]
fn tables_of_persons_and_groups_are_taken_in() {
    let lab = Place::lab();
    lab.write("said.ndjson", SAID);
    lab.succeeds("ingest said.ndjson");
    lab.write("persons.csv", "who,plan\nann,free\nbob,free\n,free\n");
    assert_transcript!(lab.abduck("ingest --persons persons.csv --distinct-id who --as-of 2026-03-02"));
    assert!(lab.succeeds("person show ann").contains("plan  free"));
    // Without a time, a table speaks of now.
    lab.write("persons.csv", "who,plan\nann,team\n");
    lab.succeeds("ingest --persons persons.csv --distinct-id who");
    assert!(lab.succeeds("person show ann").contains("plan  team"));
    lab.write("groups.csv", "id,size\nacme,small\nbeta,small\n");
    assert_transcript!(lab.abduck("ingest --groups groups.csv --group-type company --group-key id --as-of 2026-02-01"));
    assert!(lab.succeeds("group show company acme").contains("size  large"));
    assert_transcript!(lab.abduck("ingest --persons persons.csv --distinct-id who -o csv --as-of 2026-01-01"));
}

#[test]
fn options_of_events_and_of_tables_do_not_mix() {
    let lab = Place::lab();
    lab.write("a.csv", "key,plan\nacme,free\n");
    for options in [
        "--persons --event e",
        "--persons --flag f=c",
        "--persons --group-type company",
        "--persons --groups --group-type company",
        "--groups",
        "--groups --group-type company --distinct-id key",
        "--group-type company",
    ] {
        assert_eq!(lab.abduck(&format!("ingest a.csv {options}")).exit, 2, "{options}");
    }
}
