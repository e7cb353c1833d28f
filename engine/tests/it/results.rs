//! Results from end to end: a log of a few people, worked out by hand.

use std::fs;

use abduck::results::{ExperimentResult, MetricResult, rows};
use abduck::stats::Outcome;
use abduck::{CreateExperiment, Engine, ErrorKind, IngestOptions, ResultsRequest, Source};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::whole;

const NOW: &str = "2024-02-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn request() -> ResultsRequest {
    ResultsRequest { as_of: at(NOW), now: at(NOW), refresh: false, max_age: None }
}

/// One event as a line of JSON.
fn event(person: &str, name: &str, time: &str, properties: &Value) -> String {
    json!({"event": name, "distinct_id": person, "timestamp": time, "properties": properties}).to_string()
}

/// A lab with events and one launched experiment under the flag `checkout`.
struct Story {
    directory: tempfile::TempDir,
    lab: Engine,
}

impl Story {
    fn new(lines: &[String], filters: &Value, end_date: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lab = Engine::init(directory.path().join("lab")).unwrap();
        let mut story = Self { directory, lab };
        story.add("first.ndjson", lines);
        let experiment = json!({
            "name": "Checkout", "feature_flag_key": "checkout", "start_date": "2024-01-01T00:00:00Z",
            "end_date": end_date, "filters": filters,
        });
        story.lab.create_experiment(CreateExperiment::from_json(experiment).unwrap(), at(NOW), None).unwrap();
        story
    }

    fn add(&mut self, name: &str, lines: &[String]) {
        let file = self.directory.path().join(name);
        fs::write(&file, lines.join("\n")).unwrap();
        let source = Source::Files(vec![file.display().to_string()]);
        self.lab.ingest(source, &IngestOptions::default(), &mut |_| ()).unwrap();
    }

    fn results(&mut self) -> ExperimentResult {
        self.lab.results("checkout", &request()).unwrap()
    }
}

/// Many people per variant: everybody views, the first `buyers` of them buy an hour later.
fn shoppers(variant: &str, people: usize, buyers: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for person in 0..people {
        let id = format!("{variant}-{person}");
        let properties = json!({"$feature/checkout": variant});
        let called = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
        lines.push(event(&id, "$feature_flag_called", "2024-01-05T10:00:00Z", &called));
        lines.push(event(&id, "view", "2024-01-05T10:00:01Z", &properties));
        if person < buyers {
            lines.push(event(&id, "buy", "2024-01-05T11:00:00Z", &properties));
        }
    }
    lines
}

fn two_variants() -> Vec<String> {
    [shoppers("control", 1_000, 100), shoppers("test", 1_000, 180)].concat()
}

fn funnel() -> Value {
    json!({"insight": "FUNNELS", "events": [{"id": "view", "order": 0}, {"id": "buy", "order": 1}]})
}

fn trend() -> Value {
    json!({"insight": "TRENDS", "events": [{"id": "buy"}]})
}

#[test]
fn a_funnel_becomes_a_verdict() {
    // Q-F1, Q-F2, R-5, R-6
    let result = Story::new(&two_variants(), &funnel(), None).results();
    let rows = rows(&result);
    let counts: Vec<_> = rows.iter().map(|row| (row.variant.as_str(), row.units, row.count)).collect();
    assert_eq!(counts, [("control", 1_000.0, 100.0), ("test", 1_000.0, 180.0)]);
    assert!((rows[1].rel_effect_size.unwrap() - 0.8).abs() < 1e-12);
    assert!((rows[1].effect_size.unwrap() - 0.08).abs() < 1e-12);
    assert_eq!((rows[0].effect_size, rows[1].effect_size_ci_lower), (None, None));
    // Q-F15: from the view at 10:00:01 to the purchase at 11:00:00.
    let MetricResult::Funnel { insight, .. } = &result.result else { panic!("not a funnel") };
    let times = |step: usize| {
        let step = &insight[1].steps[step];
        (step.average_conversion_seconds, step.median_conversion_seconds)
    };
    assert_eq!((times(0), times(1)), ((None, None), (Some(3_599.0), Some(3_599.0))));
    let Outcome::Estimated(estimates) = result.result.outcome() else { panic!("undecided") };
    assert!(estimates.significance.is_significant());
    assert!(estimates.probability["test"] > 0.999);
}

#[test]
fn a_trend_becomes_a_verdict() {
    // Q-T1, Q-X1, R-4
    let result = Story::new(&two_variants(), &trend(), None).results();
    let MetricResult::Trend { variants, insight, .. } = &result.result else { panic!("not a trend") };
    assert_eq!((variants[1].count, variants[1].absolute_exposure, variants[1].exposure), (180.0, 1_000.0, 1.0));
    let MetricResult::Trend { events_without_variant, .. } = &result.result else { panic!("not a trend") };
    assert_eq!((*events_without_variant, result.warnings.len()), (0, 0));
    // Q-T9: most events first; Q-T3: cumulative; Q-T7: a bucket per day from the start to now.
    assert_eq!((insight[0].variant.as_str(), insight[0].data.len()), ("test", 32));
    assert_eq!((insight[0].data[3], insight[0].data[4], insight[0].data[31]), (0.0, 180.0, 180.0));
}

#[test]
fn results_are_kept_until_something_they_depend_on_changes() {
    // B-9, R-1
    let mut story = Story::new(&two_variants(), &funnel(), None);
    let first = story.results();
    assert!(!first.is_cached);
    let later = ResultsRequest {
        as_of: at("2024-02-02T00:00:00Z"),
        now: at("2024-02-02T00:00:00Z"),
        refresh: false,
        max_age: None,
    };
    let second = story.lab.results("checkout", &later).unwrap();
    assert!(second.is_cached, "no event came into view");
    assert_eq!((second.last_refresh, &second.result), (first.last_refresh, &first.result));
    let refreshed = story.lab.results("checkout", &ResultsRequest { refresh: true, ..later }).unwrap();
    assert!(!refreshed.is_cached && refreshed.last_refresh == later.now);

    story.add("more.ndjson", &[event("late", "view", "2024-01-06T10:00:00Z", &json!({"$feature/checkout": "test"}))]);
    let third = story.lab.results("checkout", &later).unwrap();
    assert!(!third.is_cached && third.provenance.fingerprint != first.provenance.fingerprint);

    let mut settings = story.lab.settings().unwrap();
    settings.timezone = abduck::model::settings::time_zone("Asia/Tokyo").unwrap();
    story.lab.set_settings(&settings, at(NOW), None).unwrap();
    // A funnel with a fixed window does not depend on the timezone.
    assert!(story.lab.results("checkout", &later).unwrap().is_cached);
}

#[test]
fn future_events_come_into_view_with_time() {
    // Q-D4, Q-D6: an open experiment ends now, and its key moves only when an event comes into view.
    let lines = [
        event("a", "view", "2024-01-05T00:00:00Z", &json!({"$feature/checkout": "control"})),
        event("b", "view", "2024-03-05T00:00:00Z", &json!({"$feature/checkout": "test"})),
    ];
    let mut story = Story::new(&lines, &funnel(), None);
    let entered = |result: &ExperimentResult| rows(result).iter().map(|row| whole(row.units)).sum::<u64>();
    assert_eq!(entered(&story.results()), 1);
    let march = at("2024-03-06T00:00:00Z");
    let later = story
        .lab
        .results("checkout", &ResultsRequest { as_of: march, now: march, refresh: false, max_age: None })
        .unwrap();
    assert_eq!((entered(&later), later.is_cached), (2, false));
}

#[test]
fn what_is_missing_is_said_beside_the_counts() {
    // R-7, B-29
    let result = Story::new(&shoppers("control", 10, 1), &funnel(), None).results();
    let Outcome::Undecided(missing) = result.result.outcome() else { panic!("decided") };
    assert!(missing.no_test_variant && !missing.no_control_variant && !missing.no_events);
    assert_eq!(whole(rows(&result)[0].count), 1);
    let error = abduck::results::legacy(&result).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"{"no-events":false,"no-flag-info":false,"no-control-variant":false,"no-test-variant":true}"#
    );
}

#[test]
fn a_draft_has_no_results() {
    // B-6
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Engine::init(directory.path().join("lab")).unwrap();
    let draft = json!({"name": "Draft", "feature_flag_key": "draft", "filters": funnel()});
    lab.create_experiment(CreateExperiment::from_json(draft).unwrap(), at(NOW), None).unwrap();
    let error = lab.results("draft", &request()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::NotReady { message, .. } if message == "Experiment does not have a start date")
    );
}

#[test]
fn an_experiment_without_metric_says_so() {
    // R-2
    let error = Story::new(&two_variants(), &json!({}), None).lab.results("checkout", &request()).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.code()), ("Experiment has no target metric", "invalid_input"));
}

#[test]
fn json_is_read_back_with_unknown_fields_denied() {
    for filters in [funnel(), trend()] {
        let result = Story::new(&two_variants(), &filters, Some("2024-01-10T00:00:00Z")).results();
        let json = serde_json::to_value(&result).unwrap();
        assert_eq!(serde_json::from_value::<ExperimentResult>(json.clone()).unwrap(), result);
        for place in ["", "/experiment", "/provenance", "/result", "/result/variants/0", "/result/insight/0"] {
            let mut changed = json.clone();
            changed.pointer_mut(place).unwrap()["surprise"] = json!(1);
            assert!(serde_json::from_value::<ExperimentResult>(changed).is_err(), "{place} takes unknown fields");
        }
    }
}

#[test]
fn variants_cannot_break_out_of_the_query() {
    let key = "x'); DROP TABLE event; --\"";
    let lines = [event("a", "vi'ew", "2024-01-05T00:00:00Z", &json!({"$feature/x": key, key: 1}))];
    let directory = tempfile::tempdir().unwrap();
    let mut story = Story { lab: Engine::init(directory.path().join("lab")).unwrap(), directory };
    story.add("events.ndjson", &lines);
    let experiment = json!({
        "name": key, "feature_flag_key": "x", "start_date": "2024-01-01T00:00:00Z",
        "parameters": {"feature_flag_variants": [
            {"key": "control", "rollout_percentage": 50}, {"key": key, "rollout_percentage": 50},
        ]},
        "filters": {"events": [{"id": "vi'ew", "properties": [
            {"key": "a'b", "value": "c'd", "operator": "is_not"}, {"key": key, "operator": "is_set"},
        ]}]},
    });
    story.lab.create_experiment(CreateExperiment::from_json(experiment).unwrap(), at(NOW), None).unwrap();
    let result = story.lab.results("x", &request()).unwrap();
    let counts: Vec<_> = rows(&result).iter().map(|row| (row.variant.clone(), whole(row.count))).collect();
    assert_eq!(counts, [(key.to_owned(), 1)]);
    assert_eq!(story.lab.data_state().unwrap().event_count, 1);
}

/// How many of these values of the property `v` a filter lets through.
fn passing(values: &[Value], filter: &Value) -> u64 {
    let lines: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let properties = json!({"$feature/checkout": "control", "v": value});
            event(&format!("p{index}"), "buy", "2024-01-05T00:00:00Z", &properties)
        })
        .collect();
    let filters = json!({"events": [{"id": "buy", "properties": [filter]}]});
    let result = Story::new(&lines, &filters, None).results();
    rows(&result).first().map_or(0, |row| whole(row.count))
}

#[test]
fn patterns_are_re2_and_an_invalid_one_matches_nothing() {
    // Q-P6, Q-P7: `{id}` is literal in RE2, whatever other engines think.
    let paths = [json!("/users/{id}"), json!("/users/7"), json!(null)];
    let filter = |operator: &str, value: &str| json!({"key": "v", "operator": operator, "value": value});
    assert_eq!(passing(&paths, &filter("regex", "^/users/{id}$")), 1);
    assert_eq!(passing(&paths, &filter("not_regex", "^/users/{id}$")), 2);
    assert_eq!(passing(&paths, &filter("regex", "^/users/[0-9]{1,3}$")), 1);
    assert_eq!(passing(&paths, &filter("regex", r"\d$")), 1);
    for invalid in ["([", "a{1001}", "(?x)a", r"\u0041"] {
        assert_eq!(passing(&paths, &filter("regex", invalid)), 0, "{invalid}");
        assert_eq!(passing(&paths, &filter("not_regex", invalid)), 0, "{invalid}");
    }
}

#[test]
fn only_numbers_compare_as_numbers() {
    // Q-P8
    let values =
        [json!(6), json!("7"), json!(" 8 "), json!("NaN"), json!("inf"), json!("1_000"), json!("x"), json!(null)];
    let filter = |operator: &str| json!({"key": "v", "operator": operator, "value": "5"});
    assert_eq!((passing(&values, &filter("gt")), passing(&values, &filter("lt"))), (3, 0));
}

#[test]
fn a_replaced_event_store_does_not_bring_back_old_results() {
    // B-9: both stores are at version 1, but went through other changes.
    let mut story = Story::new(&two_variants(), &funnel(), Some("2024-01-10T00:00:00Z"));
    let first = story.results();
    let lab = story.directory.path().join("lab");
    fs::remove_file(lab.join("events.duckdb")).unwrap();
    assert!(matches!(Engine::open(&lab).unwrap_err().kind(), ErrorKind::NotFound { .. }));
    abduck::events::EventStore::create(&lab).unwrap();
    story.add("other.ndjson", &shoppers("control", 200, 10));
    let second = story.results();
    assert_eq!(second.provenance.data_version, first.provenance.data_version);
    assert!(!second.is_cached && second.result != first.result);
}

#[test]
fn results_hold_for_the_moment_asked_for() {
    let mut story = Story::new(&two_variants(), &funnel(), Some("2024-01-10T00:00:00Z"));
    let early = ResultsRequest { as_of: at("2024-01-05T10:30:00Z"), ..request() };
    let result = story.lab.results("checkout", &early).unwrap();
    assert!(rows(&result).iter().all(|row| (row.count, row.units) == (0.0, 1_000.0)), "nobody had bought by then");
    let before = ResultsRequest { as_of: at("2023-12-31T00:00:00Z"), ..request() };
    let error = story.lab.results("checkout", &before).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotReady { .. }));
}

#[test]
fn events_without_a_variant_are_said() {
    // Q-V2
    let stray = |variant: &Value| event("a", "buy", "2024-01-05T00:00:00Z", &json!({"$feature/checkout": variant}));
    let lines = [stray(&json!("Control")), stray(&json!(true)), stray(&json!(null))];
    let result = Story::new(&lines, &trend(), None).results();
    let MetricResult::Trend { events_without_variant, .. } = result.result else { panic!("not a trend") };
    assert_eq!((events_without_variant, result.warnings[0].code.as_str()), (3, "left_out"));
    assert_eq!(abduck::report::verdict(&result), "Undecided: no event of the metric carries a variant of the flag.");
}

#[test]
fn the_legacy_shape_names_steps_as_the_reference_does() {
    // R-5, Q-F15
    let named = json!({"insight": "FUNNELS", "events": [
        {"id": "view", "order": 0}, {"id": "buy", "order": 1, "custom_name": "Paid"}]});
    let result = Story::new(&two_variants(), &named, None).results();
    let answer = abduck::results::legacy(&result).unwrap();
    let step = |index: usize| {
        let step = &answer["result"]["insight"][1][index];
        json!([step["action_id"], step["name"], step["custom_name"], step["count"], step["average_conversion_time"]])
    };
    assert_eq!(step(0), json!(["view", "view", null, 1_000, null]));
    assert_eq!(step(1), json!(["buy", "buy", "Paid", 180, 3_599.0]));
    assert_eq!(answer["result"]["variants"][1], json!({"key": "test", "success_count": 180, "failure_count": 820}));
}
