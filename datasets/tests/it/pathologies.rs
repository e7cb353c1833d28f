//! Every switch does what it says, as often as the truth says, and nothing else.

use crate::log::{LogRow, distinct, generated, persons};
use abduck_datasets::{Options, Pathologies, PathologyCounts};
use std::collections::HashSet;

fn options(pathologies: Pathologies) -> Options {
    Options { events: 40_000, days: 7, pathologies, ..Options::default() }
}

fn clean() -> Vec<LogRow> {
    let (truth, rows) = generated(&options(Pathologies::default()));
    assert_eq!(truth.pathologies, PathologyCounts::default());
    rows
}

fn assert_share(count: u64, total: u64, share: f64) {
    let standard_error = (share * (1.0 - share) / total as f64).sqrt();
    assert!((count as f64 / total as f64 - share).abs() < 4.0 * standard_error, "{count} of {total}, not {share}");
}

#[test]
fn late_rows_are_out_of_order_in_the_file_only() {
    let (truth, rows) = generated(&options(Pathologies { late_rows: 0.03, ..Pathologies::default() }));
    let mut latest_us = i64::MIN;
    let behind = rows.iter().filter(|row| {
        latest_us = latest_us.max(row.time_us);
        row.time_us < latest_us
    });
    let behind = behind.count() as u64;
    assert_eq!(behind, truth.pathologies.late_rows);
    assert_share(behind, truth.rows, 0.03);
    let mut in_order = rows;
    in_order.sort_by_key(|row| row.time_us);
    assert!(in_order == clean());
}

#[test]
fn duplicates_repeat_whole_rows() {
    let (truth, rows) = generated(&options(Pathologies { duplicate_rows: 0.02, ..Pathologies::default() }));
    let distinct = distinct(&rows);
    let duplicates = (rows.len() - distinct.len()) as u64;
    assert_eq!(duplicates, truth.pathologies.duplicate_rows);
    assert_eq!(truth.events, distinct.len() as u64);
    assert_share(duplicates, truth.events, 0.02);
    assert!(distinct.into_iter().eq(&clean()));
}

#[test]
fn equal_timestamps_tie_with_the_event_before() {
    let (truth, rows) = generated(&options(Pathologies { equal_timestamps: 0.1, ..Pathologies::default() }));
    let ties: usize = persons(&rows.iter().collect::<Vec<_>>())
        .values()
        .map(|rows| rows.windows(2).filter(|pair| pair[0].time_us == pair[1].time_us).count())
        .sum();
    assert_eq!(ties as u64, truth.pathologies.equal_timestamps_events);
    assert!(ties > 2_000);
    let ids = |rows: &[LogRow]| rows.iter().map(|row| row.uuid.clone()).collect::<HashSet<String>>();
    assert!(ids(&rows) == ids(&clean()));
}

#[test]
fn test_accounts_are_marked_on_events_and_by_address() {
    let (truth, rows) = generated(&options(Pathologies { test_accounts: 0.05, ..Pathologies::default() }));
    let marked: Vec<&LogRow> = rows.iter().filter(|row| row.properties["is_test_account"] == true).collect();
    let internal = persons(&marked).len() as u64;
    assert_eq!(marked.len() as u64, truth.pathologies.test_accounts_events);
    assert_eq!(internal, truth.pathologies.test_accounts_persons);
    assert_share(internal, truth.persons, 0.05);
    for row in rows.iter().filter(|row| row.event == "$identify") {
        let is_internal = row.properties["$set"]["email"].as_str().unwrap().ends_with("@example.com");
        assert_eq!(is_internal, row.properties["is_test_account"] == true);
    }
}

#[test]
fn a_sample_ratio_mismatch_loses_exposures_of_one_variant() {
    let (truth, rows) = generated(&options(Pathologies { sample_ratio_mismatch: 0.3, ..Pathologies::default() }));
    let clean = clean();
    let calls = |rows: &[LogRow], variant: &str| {
        rows.iter().filter(|row| row.called("quick-checkout").as_deref() == Some(variant)).count() as u64
    };
    let exposed = |rows: &[LogRow], variant: &str| {
        let rows: Vec<&LogRow> = rows.iter().collect();
        let is_exposed =
            |rows: &&Vec<&LogRow>| rows.iter().any(|row| row.called("quick-checkout").as_deref() == Some(variant));
        persons(&rows).values().filter(is_exposed).count() as u64
    };
    let lost = truth.pathologies;
    assert_eq!(calls(&clean, "test") - calls(&rows, "test"), lost.sample_ratio_mismatch_events);
    assert_eq!(exposed(&clean, "test") - exposed(&rows, "test"), lost.sample_ratio_mismatch_persons);
    assert_share(lost.sample_ratio_mismatch_persons, exposed(&clean, "test"), 0.3);
    assert_eq!(calls(&clean, "control"), calls(&rows, "control"));
    assert_eq!((clean.len() - rows.len()) as u64, lost.sample_ratio_mismatch_events);
}

#[test]
fn evaluating_again_shows_some_persons_two_variants() {
    let (truth, rows) = generated(&options(Pathologies { two_variants: 1.0, ..Pathologies::default() }));
    let has_two = |rows: &&Vec<&LogRow>| {
        ["quick-checkout", "smart-search"].iter().any(|flag| {
            let answers = rows.iter().filter_map(|row| row.answer(flag)).filter(|answer| answer != "false");
            answers.collect::<HashSet<String>>().len() > 1
        })
    };
    let rows_by_person = persons(&rows.iter().collect::<Vec<_>>()).into_values().collect::<Vec<_>>();
    let two = rows_by_person.iter().filter(has_two).count() as u64;
    assert_eq!(two, truth.pathologies.two_variants_persons);
    assert!(two > 300 && truth.pathologies.reevaluated_persons > two);
    let clean = clean();
    assert_eq!(persons(&clean.iter().collect::<Vec<_>>()).values().filter(has_two).count(), 0);
    assert!(rows.iter().map(|row| &row.uuid).eq(clean.iter().map(|row| &row.uuid)));
}

#[test]
fn nobody_shops_in_the_hour_the_clocks_skip() {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let start = jiff::civil::date(2026, 3, 29);
    let (_, rows) =
        generated(&Options { events: 40_000, start, days: 1, zone: "Europe/Berlin".to_owned(), ..Options::default() });
    let mut by_hour = [0; 24];
    for row in rows {
        let local = zone.to_datetime(jiff::Timestamp::from_microsecond(row.time_us).unwrap());
        assert_eq!(local.date(), start);
        by_hour[usize::from(local.hour().unsigned_abs())] += 1;
    }
    assert_eq!(by_hour[2], 0);
    assert!(by_hour[1] > 0 && by_hour[3] > 0 && by_hour[20] > 10 * by_hour[3]);
}
