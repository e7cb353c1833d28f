//! Who was exposed, who belongs to a cohort, and whether a flag is in the events: compared with slow and obvious answers
//! over small random logs.

use std::collections::{BTreeMap, BTreeSet};

use abduck::lifecycle::{exposure_cohort_definition, exposure_cohort_name};
use abduck::model::action::CreateAction;
use abduck::results::{ExposedPerson, MetricResult};
use abduck::{Engine, Error, ErrorKind};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::{Log, at, event, now, request, whole};

const START: &str = "2024-01-01T00:00:10.4Z";
const END: &str = "2024-01-01T00:00:20.6Z";

/// A random event: what it is, who did it and when.
#[derive(Clone, Debug)]
struct Happening {
    name: &'static str,
    distinct_id: usize,
    /// Tenths of a second after midnight of the day of the experiment.
    tenths: i64,
    flag: Option<&'static str>,
    response: Value,
    carried: Value,
    other_flag: bool,
    is_internal: bool,
    size: i64,
}

impl Happening {
    fn instant(&self) -> Timestamp {
        at("2024-01-01T00:00:00Z") + jiff::SignedDuration::from_millis(self.tenths * 100)
    }

    /// Distinct ids 0 and 3 are one person, so are 1 and 4.
    fn person(&self) -> usize {
        self.distinct_id % 3
    }

    fn properties(&self) -> Value {
        let mut properties = json!({"size": self.size, "text": "$feature/text"});
        for (key, value) in [("$feature_flag_response", &self.response), ("$feature/checkout", &self.carried)] {
            if *value != json!("missing") {
                properties[key] = value.clone();
            }
        }
        if let Some(flag) = self.flag {
            properties["$feature_flag"] = json!(flag);
        }
        if self.other_flag {
            properties["$feature/other"] = json!(true);
        }
        if self.is_internal {
            properties["internal"] = json!(true);
        }
        properties
    }

    fn line(&self) -> Value {
        json!({
            "event": self.name, "distinct_id": format!("d{}", self.distinct_id), "timestamp": self.instant(),
            "person_id": format!("p{}", self.person()), "properties": self.properties(),
        })
    }
}

fn variant() -> impl Strategy<Value = Value> {
    let values = [json!("control"), json!("test"), json!("unknown"), json!(true), json!(null), json!("missing")];
    // Known variants more often.
    prop_oneof![3 => prop::sample::select(values[..2].to_vec()), 2 => prop::sample::select(values.to_vec())]
}

fn happenings(most: usize) -> impl Strategy<Value = Vec<Happening>> {
    let one = (
        prop::sample::select(vec!["$feature_flag_called", "$feature_flag_called", "cart", "view"]),
        0_usize..5,
        // Around the bounds of the experiment and of the cohorts, and anywhere.
        prop_oneof![
            prop::sample::select(vec![99_i64, 100, 104, 122, 123, 124, 194, 195, 196, 206, 209, 210]),
            95_i64..220,
        ],
        prop::sample::select(vec![Some("checkout"), Some("checkout"), Some("other"), None]),
        (variant(), variant()),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        0_i64..3,
    );
    let happening =
        one.prop_map(|(name, distinct_id, tenths, flag, (response, carried), other_flag, is_internal, size)| {
            Happening { name, distinct_id, tenths, flag, response, carried, other_flag, is_internal, size }
        });
    prop::collection::vec(happening, 1..=most)
}

/// Runs a check over random logs of at most so many events; each makes a lab of its own, so there are few.
fn check(cases: u32, most: usize, test: impl Fn(&[Happening])) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let log = happenings(most);
    TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    )
    .run(&log, |happenings| {
        test(&happenings);
        Ok(())
    })
    .unwrap();
}

fn log_of(happenings: &[Happening]) -> Log {
    Log::of(&happenings.iter().map(Happening::line).collect::<Vec<_>>())
}

fn exposed(lab: &mut Engine, key: &str) -> Vec<ExposedPerson> {
    let mut list = Vec::new();
    let rows = lab.exposures(key, now(), &mut |persons| {
        list.extend_from_slice(persons);
        Ok(())
    });
    assert_eq!(rows.unwrap(), list.len() as u64);
    list
}

/// First exposure, distinct id and number of exposures by person and variant, the slow way.
fn expected(
    happenings: &[Happening],
    is_exposure: impl Fn(&Happening) -> Option<Value>,
) -> BTreeMap<(usize, String), (Timestamp, String, u64)> {
    let second = |instant: Timestamp| instant.as_microsecond().div_euclid(1_000_000);
    let mut found = BTreeMap::new();
    for happening in happenings {
        let moment = happening.instant();
        // Q-D1, Q-D2: both ends are inside, by whole seconds.
        let is_inside = second(at(START)) <= second(moment) && second(moment) <= second(at(END));
        let Some(variant) = is_exposure(happening).filter(|_| is_inside) else { continue };
        let Some(variant) = variant.as_str().filter(|key| ["control", "test"].contains(key)) else { continue };
        let this = (moment, format!("d{}", happening.distinct_id));
        let entry = found.entry((happening.person(), variant.to_owned())).or_insert((this.0, this.1.clone(), 0));
        if this < (entry.0, entry.1.clone()) {
            (entry.0, entry.1) = this;
        }
        entry.2 += 1;
    }
    found
}

/// Compares a list with the expected persons, its order included.
fn assert_exposed(list: &[ExposedPerson], expected: &BTreeMap<(usize, String), (Timestamp, String, u64)>) {
    let order = |person: &ExposedPerson| (person.first_exposure, person.person_id, person.variant.clone());
    assert!(list.is_sorted_by_key(order), "{list:?}");
    let mut numbers = BTreeMap::new();
    let mut got = BTreeMap::new();
    for person in list {
        let name = person.distinct_id.trim_start_matches('d').parse::<usize>().unwrap() % 3;
        assert_eq!(*numbers.entry(name).or_insert(person.person_id), person.person_id, "one number per person");
        let value = (person.first_exposure, person.distinct_id.clone(), person.exposures);
        assert!(got.insert((name, person.variant.clone()), value).is_none(), "one row per person and variant");
    }
    assert_eq!(&got, expected);
    assert_eq!(numbers.values().collect::<BTreeSet<_>>().len(), numbers.len());
}

/// The exposures of each variant in the result of a trend.
fn in_results(lab: &mut Engine, key: &str) -> BTreeMap<String, u64> {
    let measured = lab.explain(key, None, now(), true).unwrap().measured.unwrap();
    let abduck::stats::Measured::Trend(cells) = measured else { panic!("not a trend") };
    cells.variants.into_iter().map(|cell| (cell.variant, whole(cell.exposures))).collect()
}

fn definition(key: &str, filter_test_accounts: bool, custom: &Value) -> Value {
    let exposure = if custom.is_null() { json!({}) } else { json!({"custom_exposure_filter": custom}) };
    json!({
        "feature_flag_key": key, "start_date": START, "end_date": END, "parameters": exposure,
        "filters": {"events": [{"id": "view"}], "filter_test_accounts": filter_test_accounts},
    })
}

fn without_internal(lab: &mut Engine) {
    let settings = abduck::model::settings::LabSettings {
        test_account_filters: vec![json!({"key": "internal", "operator": "is_not_set"})],
        ..Default::default()
    };
    lab.set_settings(&settings, now(), None).unwrap();
}

#[test]
fn the_exposed_are_those_the_results_count() {
    // Q-X1, Q-X2, Q-X5, Q-X8, B-27
    check(24, 30, |happenings| {
        for filter_test_accounts in [false, true] {
            let mut log = log_of(happenings);
            without_internal(&mut log.lab);
            log.experiment(&definition("checkout", filter_test_accounts, &Value::Null));
            let wanted = expected(happenings, |happening| {
                let is_call = happening.name == "$feature_flag_called" && happening.flag == Some("checkout");
                let is_left_out = filter_test_accounts && happening.is_internal;
                (is_call && !is_left_out).then(|| happening.response.clone())
            });
            let list = exposed(&mut log.lab, "checkout");
            assert_exposed(&list, &wanted);
            for (variant, exposures) in in_results(&mut log.lab, "checkout") {
                assert_eq!(list.iter().filter(|person| person.variant == variant).count() as u64, exposures);
            }
        }
    });
}

#[test]
fn a_custom_exposure_is_listed_as_the_results_count_it() {
    // Q-X4, B-26
    let anything = json!({"events": [{"id": null}]});
    let large = json!([{"key": "size", "value": 1, "operator": "gte"}]);
    let cart = json!({"events": [{"id": "cart", "properties": large}], "filter_test_accounts": true});
    check(16, 30, |happenings| {
        for (custom, is_cart) in [(&anything, false), (&cart, true)] {
            let mut log = log_of(happenings);
            without_internal(&mut log.lab);
            log.experiment(&definition("checkout", !is_cart, custom));
            let wanted = expected(happenings, |happening| {
                let is_exposure = if is_cart {
                    happening.name == "cart" && happening.size >= 1 && !happening.is_internal
                } else {
                    true
                };
                is_exposure.then(|| happening.carried.clone())
            });
            let list = exposed(&mut log.lab, "checkout");
            assert_exposed(&list, &wanted);
            for (variant, exposures) in in_results(&mut log.lab, "checkout") {
                let events = list.iter().filter(|person| person.variant == variant).map(|person| person.exposures);
                assert_eq!(events.sum::<u64>(), exposures);
            }
        }
    });
}

/// One behavioural condition.
fn did(event_type: &str, key: &Value, after: &str, filters: &Value) -> Value {
    json!({
        "type": "behavioral", "value": "performed_event", "key": key, "event_type": event_type, "negation": false,
        "event_filters": filters, "explicit_datetime": after,
    })
}

#[test]
fn the_members_of_a_cohort_did_something_strictly_between_two_instants() {
    // L-54, Q-P17, Q-P18
    const AFTER: &str = "2024-01-01T00:00:12.3Z";
    const BEFORE: &str = "2024-01-01T00:00:19.5Z";
    check(16, 30, |happenings| {
        let mut log = log_of(happenings);
        let steps = json!([{"event": "cart", "properties": [{"key": "size", "value": 2}]}, {"event": "view"}]);
        let request = CreateAction::from_json(json!({"name": "a", "steps": steps})).unwrap();
        let action = log.lab.create_action(request, now(), None).unwrap().id;
        let large = json!([{"key": "size", "value": 1, "operator": "gte"}]);
        let cart = did("events", &json!("cart"), AFTER, &large);
        let any = did("events", &Value::Null, AFTER, &json!([]));
        let acted = did("actions", &json!(action.to_string()), AFTER, &json!([]));
        let mut not_acted = acted.clone();
        not_acted["negation"] = json!(true);
        let all_time = json!({"type": "behavioral", "value": "performed_event", "key": "view", "event_type": "events",
            "time_value": 1, "time_interval": "week"});

        let performers = |after: Option<&str>, test: &dyn Fn(&Happening) -> bool| -> BTreeSet<usize> {
            let is_inside = |moment: Timestamp| after.is_none_or(|after| at(after) < moment) && moment < at(BEFORE);
            let done = happenings.iter().filter(|happening| is_inside(happening.instant()) && test(happening));
            done.map(Happening::person).collect()
        };
        let everyone: BTreeSet<usize> = happenings.iter().map(Happening::person).collect();
        let carts = performers(Some(AFTER), &|happening| happening.name == "cart" && happening.size >= 1);
        let anybody = performers(Some(AFTER), &|_| true);
        let actors = performers(Some(AFTER), &|happening| {
            happening.name == "view" || (happening.name == "cart" && happening.size == 2)
        });
        let viewers = performers(None, &|happening| happening.name == "view");
        let others: BTreeSet<usize> = everyone.difference(&actors).copied().collect();

        let group = |kind: &str, parts: &[&Value]| json!({"type": kind, "values": parts});
        for (condition, wanted) in [
            (group("OR", &[&cart]), carts.clone()),
            (group("OR", &[&any]), anybody),
            (group("OR", &[&group("OR", &[&acted])]), actors),
            (group("OR", &[&not_acted]), others.clone()),
            (group("OR", &[&all_time]), viewers.clone()),
            (group("OR", &[&cart, &all_time]), carts.union(&viewers).copied().collect()),
            (group("AND", &[&group("OR", &[&cart, &all_time]), &not_acted]), {
                carts.union(&viewers).filter(|person| others.contains(person)).copied().collect()
            }),
        ] {
            let filters = Map::from_iter([("properties".to_owned(), condition)]);
            let members = log.lab.cohort_members(&filters, at(BEFORE)).unwrap();
            let got: Vec<_> = members
                .iter()
                .map(|member| member.distinct_id.trim_start_matches('d').parse::<usize>().unwrap() % 3)
                .collect();
            assert_eq!(got.iter().copied().collect::<BTreeSet<_>>(), wanted, "{filters:?}");
            assert_eq!(got.len(), wanted.len(), "one row per person");
        }
    });
}

#[test]
fn a_flag_is_looked_for_in_the_keys_of_the_metrics_events() {
    // Q-W1 to Q-W3, B-28
    check(24, 3, |happenings| {
        let mut log = log_of(happenings);
        let steps = json!([{"event": "cart", "properties": [{"key": "size", "value": 99}]}, {"url": "nowhere"}]);
        let request = CreateAction::from_json(json!({"name": "a", "steps": steps})).unwrap();
        let action = log.lab.create_action(request, now(), None).unwrap().id;
        let week = jiff::SignedDuration::from_hours(168);
        for (filters, names) in [
            (json!({"events": [{"id": "view"}]}), Some(vec!["view"])),
            (
                json!({"insight": "FUNNELS", "events": [{"id": "view"}], "actions": [{"id": action}]}),
                Some(vec!["view", "cart"]),
            ),
            (json!({"actions": [{"id": action + 1}]}), Some(vec![])),
            (json!({"events": [{"id": null}]}), None),
            (json!({}), Some(vec![])),
        ] {
            for (flag, now) in [(None, at(END)), (Some("checkout"), at(END)), (None, at(START) + week)] {
                let carries = |happening: &Happening| match flag {
                    Some(_) => happening.carried != json!("missing") && !happening.carried.is_null(),
                    None => happening.other_flag || happening.carried != json!("missing"),
                };
                let is_found = happenings.iter().any(|happening| {
                    let is_looked_at = names.as_ref().is_none_or(|names| names.contains(&happening.name));
                    let is_inside = now - week <= happening.instant() && happening.instant() <= now;
                    is_looked_at && is_inside && carries(happening)
                });
                let filters = filters.as_object().unwrap();
                let required = log.lab.requires_flag_implementation(filters, flag, now).unwrap();
                assert_eq!(required, !is_found, "{filters:?} {flag:?} {now}");
            }
        }
    });
}

#[test]
fn the_seven_days_include_both_ends() {
    // Q-W2
    let last = at("2024-01-10T00:00:00.5Z");
    let filters = json!({"events": [{"id": "view"}]});
    let filters = filters.as_object().unwrap();
    for (time, is_inside) in [
        ("2024-01-03T00:00:00.499999Z", false),
        ("2024-01-03T00:00:00.5Z", true),
        ("2024-01-10T00:00:00.5Z", true),
        ("2024-01-10T00:00:00.500001Z", false),
    ] {
        let mut log = Log::of(&[event("a", "view", time, &json!({"$feature/x": null}))]);
        assert_eq!(log.lab.requires_flag_implementation(filters, None, last).unwrap(), !is_inside, "{time}");
        // A flag without a value is no implementation of it, though its key is there.
        assert!(log.lab.requires_flag_implementation(filters, Some("x"), last).unwrap());
    }
}

#[test]
fn the_exposure_cohort_is_defined_as_in_the_reference() {
    // L-51 to L-53
    let mut log = Log::of(&[]);
    let custom = |exposure: &Value| json!({"custom_exposure_filter": exposure});
    let mut define = |key: &str, fields: Value| {
        let mut fields = fields;
        fields["feature_flag_key"] = json!(key);
        let experiment = log.experiment(&fields);
        assert_eq!(exposure_cohort_name(&experiment), "Users exposed to experiment \"Checkout\"");
        exposure_cohort_definition(&experiment).map(|filters| filters["properties"]["values"][0]["values"][0].clone())
    };
    let condition = define("a-b-test", json!({"start_date": "2024-01-01T10:23:00.5Z"})).unwrap();
    let flag = json!([{"key": "$feature_flag", "value": ["a-b-test"], "operator": "exact", "type": "event"}]);
    assert_eq!(
        condition,
        json!({"type": "behavioral", "value": "performed_event", "key": "$feature_flag_called", "negation": false,
            "event_type": "events", "event_filters": flag, "explicit_datetime": "2024-01-01T10:23:00.500000+00:00"})
    );
    let filters = json!([
        {"key": "bonk", "value": "bonk", "operator": null}, {"key": "id", "value": 1, "type": "cohort"},
        {"key": "a > 1", "type": "hogql"}, {"key": "p", "value": "x", "type": "person"},
    ]);
    let exposure = json!({"events": [{"id": "late", "order": 2}], "actions": [
        {"id": "7", "order": 1, "properties": filters}]});
    let condition = define("action", json!({"parameters": custom(&exposure)})).unwrap();
    assert_eq!((&condition["key"], &condition["event_type"]), (&json!(7), &json!("actions")));
    let kept = json!([{"key": "bonk", "value": "bonk", "type": "event"}, {"key": "a > 1", "type": "hogql"}]);
    assert_eq!(condition["event_filters"], kept);
    assert_eq!(condition["explicit_datetime"], "2024-01-01T00:00:00+00:00");

    let refused = |error: Error| error.to_string();
    let wrong = json!({"parameters": custom(&json!({"actions": [{"id": "oogabooga", "order": 0, "properties": []}]}))});
    assert_eq!(refused(define("wrong", wrong).unwrap_err()), "Invalid action ID");
    let empty = json!({"parameters": custom(&json!({"events": []}))});
    assert_eq!(refused(define("empty", empty).unwrap_err()), "the custom exposure names no event");
    let draft = define("draft", json!({"start_date": null, "end_date": null})).unwrap_err();
    assert!(matches!(draft.kind(), ErrorKind::NotReady { .. }));
    let all = define("all", json!({"parameters": custom(&json!({"events": [{"id": null}]}))})).unwrap();
    assert_eq!((&all["key"], &all["event_filters"]), (&json!(null), &json!([])));
}

#[test]
fn cohorts_that_are_not_understood_are_refused() {
    let mut log = Log::of(&[]);
    let did = json!({"type": "behavioral", "value": "performed_event", "key": "a", "event_type": "events",
        "explicit_datetime": "2024-01-01"});
    let with = |key: &str, value: Value| {
        let mut condition = did.clone();
        condition[key] = value;
        json!({"type": "OR", "values": [condition]})
    };
    for (properties, code) in [
        (json!(null), "invalid_input"),
        (json!({"type": "OR", "values": []}), "invalid_input"),
        (json!({"type": "XOR", "values": [did.clone()]}), "invalid_input"),
        (with("type", json!("person")), "invalid_input"),
        (with("type", json!("event")), "invalid_input"),
        (with("value", json!("performed_event_regularly")), "unsupported"),
        (with("value", json!("performed_event_multiple")), "invalid_input"),
        (with("event_type", json!("groups")), "invalid_input"),
        (with("explicit_datetime", json!("yesterday")), "invalid_input"),
        (with("explicit_datetime", json!(null)), "invalid_input"),
        (with("key", json!(5)), "invalid_input"),
        (with("operator_value", json!(5)), "invalid_input"),
        (with("negation", json!("no")), "invalid_input"),
        (
            json!({"type": "OR", "values": [{"type": "behavioral", "value": "performed_event", "key": 5,
            "event_type": "actions", "explicit_datetime": "2024-01-01"}]}),
            "does_not_exist",
        ),
    ] {
        let filters = Map::from_iter([("properties".to_owned(), properties)]);
        assert_eq!(log.lab.cohort_members(&filters, now()).unwrap_err().code(), code, "{filters:?}");
    }
}

#[test]
fn a_custom_exposure_is_checked_and_shown() {
    // B-26, Q-X4, Q-X6, R-4
    let carries = |variant: &str| json!({"$feature/checkout": variant});
    let events = [
        event("a", "view", "2024-01-02T00:00:00Z", &carries("control")),
        event("b", "view", "2024-01-02T00:00:00Z", &carries("test")),
        event("a", "cart", "2024-01-02T00:00:00Z", &carries("control")),
        event("a", "cart", "2024-01-02T00:00:00Z", &carries("control")),
    ];
    let mut log = Log::of(&events);
    let filters = json!({"events": [{"id": "view"}], "filter_test_accounts": true});
    let exposure = json!({"events": [{"id": "cart", "name": "cart"}], "insight": "TRENDS", "date_from": "-7d"});
    log.experiment(&json!({"filters": filters, "parameters": {"custom_exposure_filter": exposure}}));
    let result = log.lab.results("checkout", &request()).unwrap();
    let MetricResult::Trend { variants, exposure_filters, .. } = &result.result else { panic!("not a trend") };
    let exposures: Vec<_> = variants.iter().map(|variant| whole(variant.absolute_exposure)).collect();
    assert_eq!(exposures, [2, 0]);
    assert_eq!(
        result.warnings[0].message,
        "variant 'test' has events but no event of the custom exposure; it counts as one in the statistics"
    );
    assert_eq!(exposure_filters["events"], exposure["events"]);
    assert_eq!(exposure_filters["date_from"], "2024-01-01T00:00:00Z");
    assert_eq!(exposure_filters["breakdown"], "$feature/checkout");
    let answer = abduck::results::legacy(&result).unwrap();
    assert_eq!(&answer["result"]["exposure_filters"], exposure_filters);
    assert!(abduck::report::result(&result, None).contains("per exposure"));

    for (index, (custom, code)) in [
        (json!({"events": []}), "invalid_input"),
        (json!({}), "invalid_input"),
        (json!("cart"), "invalid_input"),
        (json!({"events": [{"id": "cart", "math": "max_count_per_actor"}]}), "unsupported"),
        (json!({"events": [{"id": "cart", "math": "sum"}]}), "invalid_input"),
        (json!({"events": [{"id": "cart"}, {"id": "view"}]}), "unsupported"),
        (json!({"actions": [{"id": 7}]}), "does_not_exist"),
        (json!({"events": [{"id": "cart"}], "evnts": 1}), "invalid_input"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("wrong-{index}");
        log.experiment(
            &json!({"feature_flag_key": key, "filters": filters, "parameters": {"custom_exposure_filter": custom}}),
        );
        assert_eq!(log.lab.results(&key, &request()).unwrap_err().code(), code, "{custom}");
        assert_eq!(log.lab.exposures(&key, now(), &mut |_| Ok(())).unwrap_err().code(), code, "{custom}");
    }
}

#[test]
fn the_default_exposure_is_shown_as_the_reference_prepares_it() {
    // R-4, Q-X1
    let mut log = Log::of(&[]);
    log.experiment(&json!({"filters": {"events": [{"id": "view"}]}}));
    let MetricResult::Trend { exposure_filters, .. } = log.lab.results("checkout", &request()).unwrap().result else {
        panic!("not a trend")
    };
    let event = json!({"id": "$feature_flag_called", "name": "$feature_flag_called", "type": "events", "order": 0, "math": "dau"});
    let is = |key: &str, value: Value| json!({"key": key, "value": value, "operator": "exact", "type": "event"});
    assert_eq!(
        exposure_filters,
        json!({
            "insight": "TRENDS", "events": [event], "filter_test_accounts": false, "display": "ActionsLineGraphCumulative",
            "breakdown": "$feature_flag_response", "breakdown_type": "event", "explicit_date": true,
            "date_from": "2024-01-01T00:00:00Z", "date_to": "2024-01-31T00:00:00Z",
            "properties": [is("$feature_flag_response", json!(["control", "test"])), is("$feature_flag", json!(["checkout"]))],
        })
    );
}
