//! The course of results, the age of kept results, and what a changed flag does to a result.

use std::fs;

use abduck::catalog::Catalog;
use abduck::model::experiment::UpdateExperiment;
use abduck::model::flag::UpdateFlag;
use abduck::model::metric::Interval;
use abduck::results::{HistoryPoint, ResultHistory, history_rows, rows};
use abduck::{Backfill, CreateExperiment, Engine, ErrorKind, ExperimentResult, IngestOptions, ResultsRequest, Source};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn request(as_of: Timestamp) -> ResultsRequest {
    ResultsRequest { as_of, now: as_of, refresh: false, max_age: None }
}

struct Story {
    directory: tempfile::TempDir,
    lab: Engine,
}

/// Ten days from the 1st of January, at noon of each `persons` per variant; the buyers of the test variant come and go, so
/// that the verdict does too.
fn log(days: &[(u32, u32)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (day, (control, test)) in days.iter().enumerate() {
        for (variant, buyers) in [("control", control), ("test", test)] {
            for person in 0..200 {
                let id = format!("{variant}-{day}-{person}");
                let time = |hour: u32| format!("2024-01-{:02}T{hour:02}:00:00Z", day + 1);
                let properties = json!({"$feature/checkout": variant});
                let line = |event: &str, hour| {
                    json!({"event": event, "distinct_id": id, "timestamp": time(hour), "properties": properties})
                        .to_string()
                };
                lines.push(line("view", 12));
                if person < *buyers {
                    lines.push(line("buy", 13));
                }
            }
        }
    }
    lines
}

/// Not significant, significant, not, significant.
const COURSE: [(u32, u32); 4] = [(20, 22), (20, 60), (60, 22), (10, 150)];

impl Story {
    fn new(end_date: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lab = Engine::init(directory.path().join("lab")).unwrap();
        let mut story = Self { directory, lab };
        story.add("first.ndjson", &log(&COURSE));
        let experiment = json!({
            "name": "Checkout", "feature_flag_key": "checkout", "start_date": "2024-01-01T00:00:00Z",
            "end_date": end_date, "filters": funnel(),
        });
        let experiment = CreateExperiment::from_json(experiment).unwrap();
        story.lab.create_experiment(experiment, at("2024-01-01T00:00:00Z"), Some("ada")).unwrap();
        story
    }

    fn add(&mut self, name: &str, lines: &[String]) {
        let file = self.directory.path().join(name);
        fs::write(&file, lines.join("\n")).unwrap();
        let source = Source::Files(vec![file.display().to_string()]);
        self.lab.ingest(source, &IngestOptions::default(), &mut |_| ()).unwrap();
    }

    fn results(&mut self, as_of: &str) -> ExperimentResult {
        self.lab.results("checkout", &request(at(as_of))).unwrap()
    }

    fn history(&mut self) -> ResultHistory {
        self.lab.history("checkout").unwrap()
    }

    fn backfill(&mut self, now: &str) -> Backfill {
        self.lab.backfill_history("checkout", Interval::Day, at(now), &mut |_| ()).unwrap()
    }

    fn flag_update(&mut self, update: Value, now: &str) {
        let update = UpdateFlag::from_json(update).unwrap();
        self.lab.update_flag("checkout", update, at(now), Some("eve")).unwrap();
    }

    fn warnings(&mut self, as_of: &str) -> Vec<(String, String)> {
        let result = self.results(as_of);
        result.warnings.into_iter().map(|warning| (warning.code, warning.message)).collect()
    }
}

fn funnel() -> Value {
    json!({"insight": "FUNNELS", "events": [{"id": "view", "order": 0}, {"id": "buy", "order": 1}]})
}

fn moments(history: &ResultHistory) -> Vec<String> {
    history.points.iter().map(|point| point.as_of.to_string()).collect()
}

#[test]
fn every_look_becomes_a_point_and_of_one_moment_the_last_stays() {
    let mut story = Story::new(None);
    assert_eq!(story.history().points, []);
    let first = story.results("2024-01-01T20:00:00Z");
    let second = story.results("2024-01-02T20:00:00Z");
    story.results("2024-01-02T20:00:00Z");
    let history = story.history();
    assert_eq!(moments(&history), ["2024-01-01T20:00:00Z", "2024-01-02T20:00:00Z"]);
    for (point, result) in history.points.iter().zip([&first, &second]) {
        let rows = rows(result);
        let expected: Vec<_> =
            rows.iter().map(|row| (&row.variant, row.units, row.count, row.rate, row.chance_to_win)).collect();
        let found: Vec<_> = point
            .variants
            .iter()
            .map(|row| (&row.variant, row.units, row.count, row.rate, row.chance_to_win))
            .collect();
        assert_eq!(found, expected);
        assert!(!point.in_hindsight && point.data_version == 1);
    }
    story.add("late.ndjson", &log(&[(0, 0), (0, 0)])[..1]);
    let later = ResultsRequest { now: at("2024-01-05T00:00:00Z"), ..request(at("2024-01-02T20:00:00Z")) };
    story.lab.results("checkout", &ResultsRequest { refresh: true, ..later }).unwrap();
    let history = story.history();
    assert_eq!(history.points.len(), 2);
    assert!(history.points[1].in_hindsight && history.points[1].computed_at == later.now);
}

#[test]
fn a_backfill_computes_what_is_missing_and_says_that_it_was_late() {
    let mut story = Story::new(Some("2024-01-06T00:00:00Z"));
    let now = "2024-03-01T00:00:00Z";
    story.results("2024-01-02T23:59:59Z");
    let mut told = Vec::new();
    let done =
        story.lab.backfill_history("checkout", Interval::Day, at(now), &mut |done| told.push(done.computed)).unwrap();
    assert_eq!((done, told), (Backfill { computed: 3, missing: 3 }, vec![0, 1, 2, 3]));
    let history = story.history();
    assert_eq!(
        moments(&history),
        ["2024-01-01T23:59:59Z", "2024-01-02T23:59:59Z", "2024-01-03T23:59:59Z", "2024-01-04T23:59:59Z"],
        "the last event was on the 4th"
    );
    assert_eq!(history.points.iter().map(|point| point.in_hindsight).collect::<Vec<_>>(), [true, false, true, true]);
    assert_eq!(story.backfill(now), Backfill { computed: 0, missing: 0 });
    // Each says what results say for that moment.
    for point in &history.points {
        let refreshed = ResultsRequest { refresh: true, ..request(point.as_of) };
        let result = story.lab.results("checkout", &refreshed).unwrap();
        let expected: Vec<_> = rows(&result).iter().map(|row| (row.units, row.count, row.chance_to_win)).collect();
        let found: Vec<_> = point.variants.iter().map(|row| (row.units, row.count, row.chance_to_win)).collect();
        assert_eq!(found, expected, "{}", point.as_of);
    }
}

#[test]
fn a_backfill_ends_with_the_last_event_or_the_end() {
    let ends = |end_date: Option<&str>, now: &str| {
        let mut story = Story::new(end_date);
        story.backfill(now);
        moments(&story.history()).pop()
    };
    assert_eq!(ends(None, "2024-01-09T00:00:00Z").as_deref(), Some("2024-01-04T23:59:59Z"));
    assert_eq!(ends(None, "2024-01-04T15:00:00Z").as_deref(), Some("2024-01-04T13:00:00Z"), "the day is not over");
    assert_eq!(ends(Some("2024-01-03T18:00:00Z"), "2024-02-01T00:00:00Z").as_deref(), Some("2024-01-03T18:00:00Z"));
    assert_eq!(ends(Some("2024-01-09T00:00:00Z"), "2024-01-04T15:00:00Z").as_deref(), Some("2024-01-04T13:00:00Z"));
    // After the end, the result of the end is asked for.
    let mut story = Story::new(Some("2024-01-03T18:00:00Z"));
    story.results("2024-05-01T00:00:00Z");
    assert_eq!(moments(&story.history()), ["2024-01-03T18:00:00Z"]);
    assert_eq!(story.backfill("2024-06-01T00:00:00Z").computed, 2);
}

#[test]
fn flips_are_counted_and_warned_of() {
    let mut story = Story::new(None);
    story.backfill("2024-02-01T00:00:00Z");
    let history = story.history();
    let significant: Vec<_> = history.points.iter().map(|point| point.significant).collect();
    assert_eq!(significant, [Some(false), Some(true), Some(false), Some(true)]);
    assert_eq!((history.flips, history.losses, history.significant), (3, 1, Some(true)));
    assert_eq!(history.first_significant, Some(at("2024-01-02T23:59:59Z")));
    assert_eq!(history.warnings[0].code, "verdict_flipped");
    assert_eq!(history_rows(&history).len(), 8);
    let read: ResultHistory = serde_json::from_value(json!(history)).unwrap();
    assert_eq!(read, history);
}

#[test]
fn becoming_significant_once_is_no_reason_to_warn() {
    let mut story = Story::new(Some("2024-01-02T23:59:59Z"));
    story.backfill("2024-02-01T00:00:00Z");
    let history = story.history();
    assert_eq!((history.flips, history.losses, history.warnings.len()), (1, 0, 0));
}

#[test]
fn what_cannot_be_read_is_counted_and_said() {
    let mut story = Story::new(None);
    story.results("2024-01-02T20:00:00Z");
    let kept = story.lab.result_history("checkout").unwrap().remove(0);
    let mut catalog = Catalog::open(story.directory.path().join("lab")).unwrap();
    let mut transaction = catalog.transaction().unwrap();
    let later_version = json!({"format_version": 4_000_000_000_u32, "surprise": true});
    for value in [json!({}), json!("text"), later_version] {
        transaction.append_result(kept.experiment, &value, kept.computed_at + 1.second()).unwrap();
    }
    // An earlier form, with fewer fields and others.
    let mut earlier = kept.result.clone();
    earlier["format_version"] = json!(0);
    earlier["provenance"]["as_of"] = json!("2024-01-01T20:00:00Z");
    earlier.as_object_mut().unwrap().shift_remove("warnings");
    earlier["result"]["of_old"] = json!(1);
    transaction.append_result(kept.experiment, &earlier, kept.computed_at).unwrap();
    transaction.commit().unwrap();
    drop(catalog);
    let history = story.history();
    assert_eq!((history.unreadable, history.points.len()), (3, 2));
    assert_eq!(
        history.warnings.iter().map(|warning| warning.code.as_str()).collect::<Vec<_>>(),
        ["unreadable_results"]
    );
}

#[test]
fn another_metric_begins_another_course() {
    let mut story = Story::new(None);
    story.backfill("2024-02-01T00:00:00Z");
    let filters =
        json!({"filters": {"insight": "FUNNELS", "events": [{"id": "view", "order": 0}, {"id": "pay", "order": 1}]}});
    let update = UpdateExperiment::from_json(filters).unwrap();
    story.lab.update_experiment("checkout", update, at("2024-02-01T00:00:00Z"), None).unwrap();
    let history = story.history();
    assert_eq!((history.points.len(), history.other_definition, history.flips), (0, 4, 0));
    assert_eq!(history.warnings[0].code, "other_definition");
    assert_eq!(story.backfill("2024-02-01T00:00:00Z").computed, 4);
    assert_eq!(story.history().points.len(), 4);
}

#[test]
fn a_reset_experiment_still_shows_its_last_run() {
    let mut story = Story::new(None);
    story.results("2024-01-02T20:00:00Z");
    story.lab.reset("checkout", at("2024-01-03T00:00:00Z"), None).unwrap();
    assert_eq!(story.history().points.len(), 1);
    let error =
        story.lab.backfill_history("checkout", Interval::Day, at("2024-02-01T00:00:00Z"), &mut |_| ()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotReady { .. }));
    story.lab.launch("checkout", at("2024-01-03T00:00:00Z"), at("2024-01-03T00:00:00Z"), None).unwrap();
    let history = story.history();
    assert_eq!((history.points.len(), history.other_definition), (0, 1));
}

#[test]
fn an_interrupted_backfill_keeps_nothing() {
    let mut story = Story::new(None);
    let interrupt = story.lab.interrupt();
    let stop = &mut |done: Backfill| {
        if done.computed == 2 {
            interrupt.interrupt();
        }
    };
    let error = story.lab.backfill_history("checkout", Interval::Day, at("2024-02-01T00:00:00Z"), stop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Interrupted));
    interrupt.clear();
    assert_eq!(story.history().points, Vec::<HistoryPoint>::new());
    let error = story.lab.backfill_history("checkout", Interval::Hour, at("2024-02-01T00:00:00Z"), &mut |_| ());
    assert_eq!(error.unwrap_err().code(), "invalid_choice");
}

#[test]
fn a_kept_result_has_no_age_unless_asked_for() {
    // C-2
    let mut story = Story::new(Some("2024-01-04T23:00:00Z"));
    let noon = at("2024-01-05T12:00:00Z");
    story.lab.results("checkout", &request(noon)).unwrap();
    let mut is_cached = |minutes: i64, max_age_seconds: Option<u64>| {
        let max_age = max_age_seconds.map(std::time::Duration::from_secs);
        let asked = ResultsRequest { max_age, ..request(noon + minutes.minutes()) };
        story.lab.results("checkout", &asked).unwrap().is_cached
    };
    assert!(is_cached(600_000, None));
    assert!(is_cached(60, Some(3_600)));
    assert!(!is_cached(61, Some(3_600)));
    assert!(is_cached(62, Some(3_600)), "it was computed anew a minute ago");
    assert!(is_cached(0, Some(0)), "a clock that was set back makes nothing old");
}

#[test]
fn a_change_of_the_split_is_said_but_not_kept() {
    // B-24, M-64
    let mut story = Story::new(None);
    assert_eq!(story.warnings("2024-01-03T20:00:00Z"), []);
    let flag = story.lab.flag("checkout").unwrap();
    let mut filters = json!(flag.filters);
    filters["multivariate"]["variants"][0]["rollout_percentage"] = json!(90);
    filters["multivariate"]["variants"][1]["rollout_percentage"] = json!(10);
    story.flag_update(json!({"filters": filters}), "2024-01-02T10:00:00Z");
    let warnings = story.warnings("2024-01-03T20:00:00Z");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].0, "allocation_changed");
    assert!(warnings[0].1.contains("on 2024-01-02T10:00:00Z by eve: the split went from control 50 % / test 50 %"));
    assert!(story.results("2024-01-03T20:00:00Z").is_cached);
    assert_eq!(story.warnings("2024-01-02T09:00:00Z"), [], "it had not happened yet");
    let kept = story.lab.result_history("checkout").unwrap();
    assert!(kept.iter().all(|kept| kept.result["warnings"] == json!([])));
}

#[test]
fn pausing_is_said_and_shipping_is_not() {
    let mut story = Story::new(None);
    story.lab.pause("checkout", at("2024-01-02T00:00:00Z"), None).unwrap();
    story.lab.resume("checkout", at("2024-01-03T00:00:00Z"), None).unwrap();
    let warnings = story.warnings("2024-01-04T00:00:00Z");
    assert!(warnings[0].1.contains("changed 2 times") && warnings[0].1.contains("it was switched off"), "{warnings:?}");
    let mut story = Story::new(None);
    let now = at("2024-01-04T00:00:00Z");
    let ending = abduck::lifecycle::Ending { at: now, conclusion: None, comment: None };
    story.lab.ship("checkout", "test", ending, now, None).unwrap();
    assert_eq!(story.warnings("2024-02-01T00:00:00Z"), []);
}

#[test]
fn parameters_that_drift_from_the_flag_are_said() {
    // B-19
    let mut story = Story::new(None);
    let drifting = json!({"parameters": {"feature_flag_variants": [
        {"key": "control", "rollout_percentage": 70}, {"key": "test", "rollout_percentage": 30},
    ]}});
    let update = UpdateExperiment::from_json(drifting).unwrap();
    story.lab.update_experiment("checkout", update, at("2024-01-02T00:00:00Z"), None).unwrap();
    let warnings = story.warnings("2024-01-03T00:00:00Z");
    assert_eq!(warnings[0].0, "variants_differ");
    assert!(warnings[0].1.contains("control 70 % / test 30 %") && warnings[0].1.contains("control 50 % / test 50 %"));
}
