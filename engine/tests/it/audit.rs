//! The audit of assignments from end to end: a log as a shop writes it, with wrong assignments planted in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use abduck::assignment::{Disagreement, DisagreementReason, NotEvaluable, Source as LoggedIn, Subject};
use abduck::model::flag::UpdateFlag;
use abduck::results::{AssignmentAudit, AuditVerdict};
use abduck::{CreateExperiment, Engine, ErrorKind, IngestOptions, Source};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: &str = "2024-02-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// One event of the log.
#[derive(Clone, Debug)]
struct Event {
    id: String,
    minute: u32,
    /// The answer of a flag call; none for an event that carries the value as a property.
    is_call: bool,
    value: Option<String>,
}

impl Event {
    fn time(&self) -> String {
        format!("2024-01-02T{:02}:{:02}:00Z", self.minute / 60 % 24, self.minute % 60)
    }

    fn line(&self) -> String {
        let answer = match self.value.as_deref() {
            None => Value::Null,
            Some("false") => json!(false),
            Some(variant) => json!(variant),
        };
        let (event, properties) = if self.is_call {
            ("$feature_flag_called", json!({"$feature_flag": "checkout", "$feature_flag_response": answer}))
        } else {
            ("viewed", json!({"$feature/checkout": answer}))
        };
        json!({"event": event, "distinct_id": self.id, "timestamp": self.time(), "properties": properties}).to_string()
    }
}

struct Story {
    directory: tempfile::TempDir,
    lab: Engine,
    files: u32,
}

impl Story {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut lab = Engine::init(directory.path().join("lab")).unwrap();
        let experiment = json!({
            "name": "Checkout", "feature_flag_key": "checkout", "start_date": "2024-01-01T00:00:00Z",
            "end_date": "2024-01-10T00:00:00Z",
        });
        let experiment = CreateExperiment::from_json(experiment).unwrap();
        lab.create_experiment(experiment, at("2024-01-01T00:00:00Z"), None).unwrap();
        Self { directory, lab, files: 0 }
    }

    fn add(&mut self, lines: &[String]) {
        self.files += 1;
        let file = self.directory.path().join(format!("{}.ndjson", self.files));
        fs::write(&file, lines.join("\n")).unwrap();
        let source = Source::Files(vec![file.display().to_string()]);
        self.lab.ingest(source, &IngestOptions::default(), &mut |_| ()).unwrap();
    }

    fn set_filters(&mut self, change: impl FnOnce(&mut Value), now: &str) {
        let mut filters = json!(self.lab.flag("checkout").unwrap().filters);
        change(&mut filters);
        let update = UpdateFlag::from_json(json!({"filters": filters})).unwrap();
        self.lab.update_flag("checkout", update, at(now), None).unwrap();
    }

    fn audit(&mut self) -> (AssignmentAudit, Vec<Disagreement>) {
        let mut all = Vec::new();
        let audit = self
            .lab
            .audit_assignments("checkout", at(NOW), 5, &mut |one| {
                all.push(one.clone());
                Ok(())
            })
            .unwrap();
        (audit, all)
    }

    fn given(&mut self, id: &str) -> String {
        let evaluator = self.lab.flag_evaluator("checkout", at(NOW)).unwrap();
        evaluator.evaluate(&Subject::new(id)).unwrap().value().as_text().to_owned()
    }
}

fn call(id: &str, minute: u32, value: &str) -> Event {
    Event { id: id.to_owned(), minute, is_call: true, value: Some(value.to_owned()) }
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(Event::line).collect()
}

fn other(value: &str) -> &'static str {
    if value == "control" { "test" } else { "control" }
}

#[test]
fn planted_wrong_assignments_are_all_found_and_no_others() {
    let mut story = Story::new();
    let mut events = Vec::new();
    let mut planted = BTreeSet::new();
    for index in 0..1_000_u32 {
        let id = format!("user-{index:07}");
        let right = story.given(&id);
        let is_wrong = index % 40 == 7;
        let value = if is_wrong { other(&right) } else { &right };
        events.push(call(&id, index, value));
        events.push(call(&id, index + 1, value));
        events.push(Event { is_call: false, ..call(&id, index + 2, &right) });
        planted.extend(is_wrong.then_some(id));
    }
    story.add(&lines(&events));
    let (audit, all) = story.audit();
    assert_eq!(all.iter().map(|one| one.distinct_id.clone()).collect::<BTreeSet<_>>(), planted);
    let [called, carried] = audit.tally.sources.as_slice() else { panic!("two sources") };
    assert_eq!((called.agreeing, called.disagreeing, called.agreement), (975, 25, Some(0.975)));
    assert_eq!((carried.agreeing, carried.disagreeing), (1_000, 0));
    assert_eq!(called.disagreeing_since, Some(at("2024-01-02T00:07:00Z")));
    assert_eq!((audit.verdict, all[0].events), (AuditVerdict::Disagrees, 2));
    assert_eq!(audit.tally.examples[0].distinct_id, "user-0000007");
    assert!(audit.next_step.unwrap().contains("does not follow this flag"));
}

#[test]
fn the_report_says_it_all() {
    let mut story = Story::new();
    let events: Vec<_> = (0..200)
        .map(|index| {
            let id = format!("user-{index:07}");
            let right = story.given(&id);
            call(&id, index, if index % 50 == 7 { other(&right) } else { &right })
        })
        .collect();
    story.add(&lines(&events));
    insta::assert_snapshot!(abduck::report::audit(&story.audit().0, None), @r"
    Checkout  (assignment audit, flag checkout, 2024-01-01T00:00:00Z to 2024-01-10T00:00:00Z)
    4 of 200 logged assignments differ from what the flag gives, since 2024-01-02T00:07:00Z.

     logged in          ids   with several values   agree   disagree   not evaluable   unanswered   agreement
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────
     flag calls         200                     0     196          4               0            0     98.00 %
     event properties     0                     0       0          0               0            0           –

     logged in    logged    the flag gives   assignments   events
    ──────────────────────────────────────────────────────────────
     flag calls   control   control                  104      104
     flag calls   control   test                       2        2
     flag calls   test      control                    2        2
     flag calls   test      test                      92       92

    likely reasons
     logged in    reason        assignments   events   which means
    ─────────────────────────────────────────────────────────────────────────────────
     flag calls   unexplained             4        4   nothing in the data tells why

    the first that disagree
     id             logged in    logged    the flag gives   reason        first seen             events
    ────────────────────────────────────────────────────────────────────────────────────────────────────
     user-0000007   flag calls   control   test             unexplained   2024-01-02T00:07:00Z        1
     user-0000057   flag calls   test      control          unexplained   2024-01-02T00:57:00Z        1
     user-0000107   flag calls   control   test             unexplained   2024-01-02T01:47:00Z        1
     user-0000157   flag calls   test      control          unexplained   2024-01-02T02:37:00Z        1

    hint: the code that assigns does not follow this flag: check that it hashes the distinct id that it logs, that it does not evaluate an old copy of the flag, and that nobody is forced into a variant; list all with `--disagreements FILE`
    ");
}

#[test]
fn a_flag_that_is_off_or_deleted_is_audited_as_if_it_were_on() {
    let mut story = Story::new();
    let value = story.given("ann");
    story.add(&lines(&[call("ann", 1, &value)]));
    story.lab.pause("checkout", at("2024-01-05T00:00:00Z"), None).unwrap();
    assert_eq!(story.audit().0.verdict, AuditVerdict::Agrees);
    story.lab.delete_flag("checkout", true, at("2024-01-06T00:00:00Z"), None).unwrap();
    assert_eq!(story.audit().0.verdict, AuditVerdict::Agrees);
}

#[test]
fn what_was_logged_before_the_split_changed_is_explained_by_it() {
    let mut story = Story::new();
    let ids: Vec<_> = (0..100).map(|index| format!("user-{index}")).collect();
    let before: Vec<_> = ids.iter().map(|id| call(id, 1, &story.given(id))).collect();
    story.add(&lines(&before));
    assert_eq!(story.audit().0.verdict, AuditVerdict::Agrees);
    let to_ten = |filters: &mut Value| {
        filters["multivariate"]["variants"][0]["rollout_percentage"] = json!(10);
        filters["multivariate"]["variants"][1]["rollout_percentage"] = json!(90);
    };
    story.set_filters(to_ten, "2024-01-03T00:00:00Z");
    let (audit, all) = story.audit();
    assert!(!all.is_empty() && all.iter().all(|one| one.reason == DisagreementReason::FlagChanged));
    assert_eq!((audit.verdict, audit.tally.flag_changes), (AuditVerdict::FlagChanged, 1));
}

#[test]
fn a_person_who_changed_the_id_is_told_from_a_wrong_assignment() {
    let mut story = Story::new();
    let ids: Vec<_> = (0..50).map(|index| format!("id-{index}")).collect();
    let anonymous = ids.iter().find(|id| story.given(id) == "control").unwrap().clone();
    let known = ids.iter().find(|id| story.given(id) == "test").unwrap().clone();
    let identify = json!({"event": "$identify", "distinct_id": known, "timestamp": "2024-01-02T00:02:00Z",
        "properties": {"$anon_distinct_id": anonymous}});
    let mut log = lines(&[call(&anonymous, 1, "control"), call(&known, 3, "control")]);
    log.push(identify.to_string());
    story.add(&log);
    let (audit, all) = story.audit();
    assert_eq!((all.len(), all[0].reason), (1, DisagreementReason::OtherId));
    assert!(audit.next_step.unwrap().contains("experience continuity"));
}

#[test]
fn ids_of_whom_too_little_is_known_are_left_open() {
    let mut story = Story::new();
    story.add(&lines(&[call("ann", 1, "control")]));
    let for_pros = |filters: &mut Value| {
        filters["groups"] =
            json!([{"properties": [{"key": "plan", "value": "pro", "type": "person"}], "rollout_percentage": 100}]);
    };
    story.set_filters(for_pros, "2024-01-01T00:00:00Z");
    let (audit, _) = story.audit();
    assert_eq!((audit.verdict, audit.tally.sources[0].not_evaluable), (AuditVerdict::NotEvaluable, 1));
    assert_eq!(audit.tally.not_evaluable, [NotEvaluable::UnknownProperties]);
    assert!(abduck::report::audit(&audit, None).contains("properties that are not known"));
}

#[test]
fn only_the_experiments_time_and_flag_count() {
    let mut story = Story::new();
    let other_flag = json!({"event": "$feature_flag_called", "distinct_id": "a", "timestamp": "2024-01-02T00:00:00Z",
        "properties": {"$feature_flag": "button", "$feature_flag_response": "x"}});
    let outside = |time: &str| {
        json!({"event": "$feature_flag_called", "distinct_id": "a", "timestamp": time,
            "properties": {"$feature_flag": "checkout", "$feature_flag_response": "x"}})
        .to_string()
    };
    story.add(&[other_flag.to_string(), outside("2023-12-31T23:59:59Z"), outside("2024-01-10T00:00:01Z")]);
    let (audit, all) = story.audit();
    assert_eq!((audit.verdict, all.len()), (AuditVerdict::NothingLogged, 0));
    assert_eq!(abduck::report::audit_verdict(&audit), "No assignment was logged.");
    story.add(&[outside("2024-01-10T00:00:00.9Z")]);
    assert_eq!(
        story.audit().1[0].reason,
        DisagreementReason::UnknownVariant,
        "both bounds are whole seconds and inside"
    );
}

#[test]
fn groups_are_audited_by_their_keys() {
    // F-2
    let mut story = Story::new();
    story.set_filters(|filters| filters["aggregation_group_type_index"] = json!(2), "2024-01-01T00:00:00Z");
    let evaluator = story.lab.flag_evaluator("checkout", at(NOW)).unwrap();
    let groups = BTreeMap::from([("2".to_owned(), "acme".to_owned())]);
    let subject = Subject { groups: Some(&groups), ..Subject::new("ann") };
    let right = evaluator.evaluate(&subject).unwrap().value().as_text().to_owned();
    let log = |id: &str, value: &str| {
        json!({"event": "$feature_flag_called", "distinct_id": id, "timestamp": "2024-01-02T00:00:00Z", "group_2": "acme",
            "properties": {"$feature_flag": "checkout", "$feature_flag_response": value}})
        .to_string()
    };
    story.add(&[log("ann", &right), log("bob", other(&right))]);
    let (audit, all) = story.audit();
    assert_eq!((audit.tally.sources[0].agreeing, all.len()), (1, 1), "{audit:?}");
    assert_eq!((all[0].distinct_id.as_str(), all[0].group.as_deref()), ("bob", Some("acme")));
    assert!(abduck::report::audit(&audit, None).contains("acme"));
}

#[test]
fn drafts_and_unknown_keys_are_refused() {
    let mut story = Story::new();
    let mut audit =
        |key: &str, as_of: &str| story.lab.audit_assignments(key, at(as_of), 5, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(audit("nothing", NOW).kind(), ErrorKind::NotFound { .. }));
    assert!(matches!(audit("checkout", "2023-12-31T00:00:00Z").kind(), ErrorKind::NotReady { .. }));
}

/// Of each source, id and value the first and the last minute and the number of events.
type Seen = BTreeMap<(LoggedIn, String, String), (u32, u32, u64)>;

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let value = prop_oneof![9 => "control|test|false|x".prop_map(Some), 1 => Just(None)];
    let event = ("[a-f]", 0_u32..60, any::<bool>(), value);
    prop::collection::vec(event, 1..40).prop_map(|events| {
        let event =
            |(id, minute, is_call, value): (String, u32, bool, Option<String>)| Event { id, minute, is_call, value };
        events.into_iter().map(event).collect()
    })
}

proptest! {
    // A case makes a lab on disk.
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn an_audit_finds_what_a_walk_over_the_events_finds(events in any_events()) {
        let mut story = Story::new();
        story.add(&lines(&events));
        let (audit, all) = story.audit();
        // The walk: each source and id with its values, their first and last time and their number.
        let mut seen = Seen::new();
        for (index, event) in events.iter().enumerate() {
            // Repetitions of an event are one event.
            let is_repeated = events[..index].iter().any(|before| before.line() == event.line());
            let Some(value) = event.value.clone().filter(|_| !is_repeated) else { continue };
            let source = if event.is_call { LoggedIn::FlagCalled } else { LoggedIn::EventProperty };
            let entry = seen.entry((source, event.id.clone(), value)).or_insert((u32::MAX, 0, 0));
            *entry = (entry.0.min(event.minute), entry.1.max(event.minute), entry.2 + 1);
        }
        let mut expected = Vec::new();
        for ((source, id, value), (first, last, count)) in &seen {
            let given = story.given(id);
            if given != *value {
                let time = |minute: u32| at(&format!("2024-01-02T00:{minute:02}:00Z"));
                expected.push((time(*first), id.clone(), *source, value.clone(), given, time(*last), *count));
            }
        }
        expected.sort();
        let mut found: Vec<_> = all
            .into_iter()
            .map(|one| (one.first_seen, one.distinct_id, one.source, one.logged, one.recomputed, one.last_seen, one.events))
            .collect();
        found.sort();
        prop_assert_eq!(&found, &expected);
        let compared: u64 = audit.tally.sources.iter().map(|source| source.agreeing + source.disagreeing).sum();
        prop_assert_eq!(compared, seen.len() as u64);
        let first: Vec<_> = audit.tally.examples.iter().map(|one| one.distinct_id.clone()).collect();
        prop_assert_eq!(first, expected.iter().take(5).map(|one| one.1.clone()).collect::<Vec<_>>());
    }
}
