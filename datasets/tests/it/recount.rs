//! The truth's counts, counted again from the file by other means.

use crate::log::{LogRow, distinct, generated, persons};
use abduck_datasets::flag::{Decision, flags};
use abduck_datasets::{Counts, Options, Pathologies, Truth};
use std::collections::{HashMap, HashSet};

const STEPS: [&str; 4] = ["product_viewed", "cart_added", "checkout_started", "purchase"];
const WINDOW_US: i64 = 14 * 24 * 3_600_000_000;

fn everything_at_once() -> Options {
    Options {
        seed: 11,
        events: 60_000,
        zone: "Europe/Berlin".to_owned(),
        pathologies: Pathologies {
            sample_ratio_mismatch: 0.2,
            two_variants: 0.3,
            late_rows: 0.05,
            duplicate_rows: 0.05,
            equal_timestamps: 0.2,
            test_accounts: 0.05,
        },
        ..Options::default()
    }
}

/// Steps reached, in one pass: per step the latest start of a chain that reached it. Ties go in order of steps.
fn steps_reached(rows: &[&LogRow]) -> usize {
    let step = |row: &&LogRow| STEPS.iter().position(|name| *name == row.event).map(|step| (row.time_us, step));
    let mut times: Vec<(i64, usize)> = rows.iter().filter_map(step).collect();
    times.sort_unstable();
    let mut latest_start_us: [Option<i64>; 4] = [None; 4];
    for (time_us, step) in times {
        let start_us = if step == 0 { Some(time_us) } else { latest_start_us[step - 1] };
        if start_us.is_some_and(|start_us| time_us <= start_us + WINDOW_US) {
            latest_start_us[step] = latest_start_us[step].max(start_us);
        }
    }
    latest_start_us.iter().take_while(|start| start.is_some()).count()
}

fn recount(rows: &[&LogRow], flag: &str) -> HashMap<String, Counts> {
    let mut counts: HashMap<String, Counts> = HashMap::new();
    for rows in persons(rows).values() {
        let called: Vec<String> = rows.iter().filter_map(|row| row.called(flag)).collect();
        for variant in &called {
            counts.entry(variant.clone()).or_default().exposure_events += 1;
        }
        for variant in called.into_iter().collect::<HashSet<String>>() {
            counts.entry(variant).or_default().exposed_persons += 1;
        }
        for row in rows {
            let Some(variant) = row.answer(flag) else { continue };
            let counts = counts.entry(variant).or_default();
            counts.searches += u64::from(row.event == "search");
            counts.purchases += u64::from(row.event == "purchase");
            let revenue = row.properties.get("revenue").and_then(serde_json::Value::as_f64);
            counts.revenue_cents += revenue.map_or(0, |revenue| (revenue * 100.0).round() as u64);
        }
        let mut funnel_rows = rows.iter().filter(|row| STEPS.contains(&row.event.as_str()));
        if let Some(variant) = funnel_rows.find_map(|row| row.answer(flag)) {
            let reached = steps_reached(rows);
            let counts = counts.entry(variant).or_default();
            (0..reached).for_each(|step| counts.funnel_persons[step] += 1);
        }
    }
    counts
}

fn assert_counts(truth: &Truth, rows: &[LogRow]) {
    let rows = distinct(rows);
    let without: Vec<&LogRow> =
        rows.iter().copied().filter(|row| row.properties.get("is_test_account").is_none()).collect();
    for flag in &truth.flags {
        let [all, without] = [recount(&rows, &flag.key), recount(&without, &flag.key)];
        for variant in &flag.variants {
            assert_eq!(variant.counted, all[&variant.key], "{}", variant.key);
            assert_eq!(variant.counted_without_test_accounts, without[&variant.key], "{}", variant.key);
            assert!(variant.counted.funnel_persons.iter().all(|persons| *persons > 0));
        }
    }
}

#[test]
fn a_clean_log_holds_what_its_truth_says() {
    let (truth, rows) = generated(&Options { events: 60_000, ..Options::default() });
    assert_eq!(truth.rows, rows.len() as u64);
    assert_eq!(truth.events, truth.rows);
    assert!((60_000..60_500).contains(&truth.events));
    let by_person = persons(&rows.iter().collect::<Vec<_>>());
    assert_eq!(truth.persons, by_person.len() as u64);
    let ids: HashSet<&str> = rows.iter().map(|row| row.distinct_id.as_str()).collect();
    assert_eq!(truth.distinct_ids, ids.len() as u64);
    assert!(ids.len() > by_person.len());
    assert!(rows.is_sorted_by_key(|row| row.time_us));
    assert_counts(&truth, &rows);
}

#[test]
fn a_log_with_every_pathology_holds_what_its_truth_says() {
    let (truth, rows) = generated(&everything_at_once());
    assert_eq!(truth.rows, rows.len() as u64);
    assert_eq!(truth.events, distinct(&rows).len() as u64);
    assert_counts(&truth, &rows);
}

#[test]
fn everything_lies_in_the_range() {
    let (truth, rows) = generated(&Options { events: 20_000, zone: "Europe/Berlin".to_owned(), ..Options::default() });
    assert_eq!((truth.start.as_str(), truth.end.as_str()), ("2026-03-01T23:00:00Z", "2026-03-29T22:00:00Z"));
    assert_eq!(truth.experiments[0]["end_date"], "2026-03-29T21:59:59Z");
    let edge = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    assert!(rows.iter().all(|row| (edge(&truth.start)..edge(&truth.end)).contains(&row.time_us)));
}

#[test]
fn an_audit_of_the_assignment_finds_no_difference() {
    let (truth, rows) = generated(&Options { events: 30_000, ..Options::default() });
    let mut audited = 0;
    for flag in flags(truth.options.rollout_percentage) {
        for rows in persons(&rows.iter().collect::<Vec<_>>()).values() {
            let answers: Vec<(&LogRow, String)> =
                rows.iter().filter_map(|row| Some((*row, row.called(flag.key)?))).collect();
            let Some((first, answer)) = answers.first() else { continue };
            let expected = match flag.decide(&first.distinct_id) {
                Decision::Off => "false",
                Decision::Variant(index) => flag.variants[usize::from(index)].key,
            };
            assert_eq!(answer, expected);
            assert!(answers.iter().all(|(_, later)| later == answer));
            audited += 1;
        }
    }
    assert!(audited > 3000);
}
