//! Properties of sessions in filters and in metrics (Q-P1, M-24).

use std::collections::{BTreeMap, BTreeSet};

use abduck::results::MetricResult;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Log, at, event, now, request};

/// An event of a random log: minutes since the second of January, all of one person.
#[derive(Clone, Debug)]
struct Happening {
    minute: i64,
    name: &'static str,
    session: Option<u8>,
    path: Option<u8>,
    variant: &'static str,
}

fn happening() -> impl Strategy<Value = Happening> {
    let name = prop::sample::select(vec!["$pageview", "$screen", "$autocapture", "buy"]);
    let path = prop::option::of(0..3_u8);
    let variant = prop::sample::select(vec!["control", "test"]);
    (0..3 * 24 * 60_i64, name, prop::option::of(0..4_u8), path, variant)
        .prop_map(|(minute, name, session, path, variant)| Happening { minute, name, session, path, variant })
}

fn moment(minute: i64) -> jiff::Timestamp {
    at("2024-01-02T00:00:00Z") + jiff::SignedDuration::from_mins(minute)
}

fn log(happenings: &[Happening]) -> Log {
    let line = |one: &Happening| {
        let mut properties = json!({"$feature/checkout": one.variant});
        if let Some(session) = one.session {
            properties["$session_id"] = json!(format!("s{session}"));
        }
        if let Some(path) = one.path {
            // An empty path says nothing.
            properties["$pathname"] = json!(if path == 0 { String::new() } else { format!("/{path}") });
        }
        event("ann", one.name, &moment(one.minute).to_string(), &properties)
    };
    let mut log = Log::of(&happenings.iter().map(line).collect::<Vec<_>>());
    for variant in ["control", "test"] {
        let called = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
        log.add(&[event(variant, "$feature_flag_called", "2024-01-02T00:00:00Z", &called)]);
    }
    log
}

/// The counts per variant of a trend over all events but the flag's.
fn counts(log: &mut Log, key: &str, entity: &Value) -> BTreeMap<String, f64> {
    let mut entity = entity.clone();
    entity["id"] = Value::Null;
    log.experiment(&json!({"feature_flag_key": key, "parameters": {"feature_flag_variants": [
        {"key": "control", "rollout_percentage": 50}, {"key": "test", "rollout_percentage": 50}]},
        "filters": {"insight": "TRENDS", "events": [entity]}}));
    let result = log.lab.results(key, &request()).unwrap();
    let MetricResult::Trend { insight, .. } = result.result else { panic!("not a trend") };
    insight.into_iter().map(|series| (series.variant, series.data.iter().copied().fold(0.0, f64::max))).collect()
}

/// What a session comes to, straight from its events.
fn property(name: &str, session: &[&Happening]) -> Option<String> {
    let count = |wanted: &str| Some(session.iter().filter(|one| one.name == wanted).count().to_string());
    let minutes = || session.iter().map(|one| one.minute);
    let paths = || session.iter().filter_map(|one| Some((one.minute, one.path.filter(|path| *path > 0)?)));
    match name {
        "$pageview_count" => count("$pageview"),
        "$screen_count" => count("$screen"),
        "$autocapture_count" => count("$autocapture"),
        "$session_duration" => Some(((minutes().max()? - minutes().min()?) * 60).to_string()),
        "$entry_pathname" => paths().min_by_key(|(minute, _)| *minute).map(|(_, path)| format!("/{path}")),
        "$end_pathname" => paths().max_by_key(|(minute, _)| *minute).map(|(_, path)| format!("/{path}")),
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 100, ..ProptestConfig::default() })]

    /// Q-P1: a filter on a property of the session leaves the events of the sessions that pass.
    #[test]
    fn filters_on_sessions_agree_with_a_slow_count(mut happenings in prop::collection::vec(happening(), 1..30)) {
        // One event a minute: which of two at one instant is the first is a matter of their ids.
        let mut minutes = BTreeSet::new();
        happenings.retain(|one| minutes.insert(one.minute));
        let mut log = log(&happenings);
        let values = ["$pageview_count", "$screen_count", "$autocapture_count", "$session_duration", "$entry_pathname", "$end_pathname"];
        let wanted = ["1", "0", "2", "3600", "/1", "/2"];
        for (index, (name, value)) in values.into_iter().zip(wanted).enumerate() {
            let operator = if name == "$session_duration" { "gt" } else { "exact" };
            let filter = json!({"type": "session", "key": name, "operator": operator, "value": value});
            // The flag of every question is the same property of the events.
            let got = counts(&mut log, "checkout", &json!({"properties": [filter]}));
            log.lab.delete_experiment("checkout", now(), None).unwrap();
            let passes = |one: &&Happening| {
                let Some(session) = one.session else { return false };
                let session: Vec<_> = happenings.iter().filter(|other| other.session == Some(session)).collect();
                property(name, &session).is_some_and(|found| match operator {
                    "gt" => found.parse::<f64>().unwrap() > value.parse::<f64>().unwrap(),
                    _ => found == value,
                })
            };
            let mut expected = BTreeMap::new();
            for one in happenings.iter().filter(passes) {
                *expected.entry(one.variant.to_owned()).or_insert(0.0) += 1.0;
            }
            prop_assert_eq!(got, expected, "{} {}", index, name);
        }
    }
}

#[test]
fn numbers_of_sessions_count_once_per_session() {
    // M-24: s1 has two pages and two purchases, s2 one of each.
    let called = json!({"$feature_flag": "checkout", "$feature_flag_response": "test", "$session_id": "s0"});
    let of = |name: &str, time: &str, session: &str| event("ann", name, time, &json!({"$session_id": session}));
    let mut log = Log::of(&[
        event("ann", "$feature_flag_called", "2024-01-02T00:00:00Z", &called),
        of("$pageview", "2024-01-03T00:00:00Z", "s1"),
        of("buy", "2024-01-03T00:00:10Z", "s1"),
        of("buy", "2024-01-03T00:00:20Z", "s1"),
        of("$pageview", "2024-01-03T00:00:30Z", "s1"),
        of("$pageview", "2024-01-04T00:00:00Z", "s2"),
        of("buy", "2024-01-04T00:01:00Z", "s2"),
    ]);
    log.experiment(&json!({}));
    let mut sum = |math: &str, property: &str| {
        let source = json!({"event": "buy", "math": math, "math_property": property, "math_property_type": "session_properties"});
        let metric = json!({"metric_type": "mean", "source": source});
        let result = log.lab.try_metric("checkout", metric.as_object().unwrap(), &request())?;
        let MetricResult::Units { variants, .. } = result.result else { panic!("not a modern metric") };
        Ok::<_, abduck::Error>(variants.iter().map(|variant| variant.sum).sum::<f64>())
    };
    for (math, property, expected) in [
        ("sum", "$pageview_count", 3.0),
        ("max", "$pageview_count", 2.0),
        ("sum", "$session_duration", 90.0),
        ("avg", "$session_duration", 45.0),
        ("sum", "$autocapture_count", 0.0),
    ] {
        assert_eq!(sum(math, property).unwrap(), expected, "{math} {property}");
    }
    for property in ["$entry_pathname", "$start_timestamp", "$channel_type"] {
        let error = sum("sum", property).unwrap_err();
        assert_eq!(
            (error.code(), error.hints()[0].starts_with("supported: $session_duration, $pageview_count")),
            ("unsupported", true)
        );
    }
}

#[test]
fn sessions_can_be_filtered_by_when_they_began() {
    let of = |name: &str, time: &str, session: &str| {
        event("ann", name, time, &json!({"$session_id": session, "$feature/checkout": "test"}))
    };
    let mut log = Log::of(&[
        of("view", "2024-01-02T23:59:59Z", "s1"),
        of("view", "2024-01-03T00:30:00Z", "s1"),
        of("view", "2024-01-03T00:00:00Z", "s2"),
        of("view", "2024-01-05T00:00:00Z", "s2"),
    ]);
    let asked = [
        ("$start_timestamp", "is_date_before", "2024-01-03", 2.0),
        ("$start_timestamp", "is_date_exact", "2024-01-03", 2.0),
        ("$end_timestamp", "is_date_after", "2024-01-04", 2.0),
        ("$end_timestamp", "is_date_after", "2024-01-01", 4.0),
        ("$start_timestamp", "is_date_after", "2024-01-03", 0.0),
    ];
    let metric = |(key, operator, value, _): &(&str, &str, &str, f64)| {
        let filter = json!({"type": "session", "key": key, "operator": operator, "value": value});
        let series = json!([{"kind": "EventsNode", "event": "view", "properties": [filter]}]);
        json!({"kind": "ExperimentTrendsQuery", "count_query": {"kind": "TrendsQuery", "series": series}})
    };
    log.experiment(&json!({"metrics": asked.iter().map(metric).collect::<Vec<_>>()}));
    for (index, (key, operator, value, events)) in asked.into_iter().enumerate() {
        let listed = log.lab.metric_results("checkout", &index.to_string(), &request()).unwrap();
        let MetricResult::Trend { variants, .. } = &listed.result.result else { panic!("not a trend") };
        let count = variants.iter().map(|variant| variant.count).sum::<f64>();
        assert_eq!(count, events, "{key} {operator} {value}");
    }
}
