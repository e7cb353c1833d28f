//! Random filters over random events, persons and groups: the engine against an evaluator that reads the filters one by one.

use std::collections::{BTreeMap, BTreeSet};

use abduck::model::time::moment;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use super::World;
use crate::support::{at, now};

/// An event, whose it is, and its group.
#[derive(Clone, Debug)]
struct Happening {
    person: usize,
    properties: Map<String, Value>,
    group: Option<usize>,
    session: Option<usize>,
    second: i64,
}

/// What is known.
#[derive(Clone, Debug)]
struct Data {
    happenings: Vec<Happening>,
    /// The properties of persons and groups; those without an entry were never described.
    persons: BTreeMap<usize, Map<String, Value>>,
    groups: BTreeMap<usize, Map<String, Value>>,
    /// The members of the static cohort 1; cohort 2 is whoever has the property `a`, cohort 9 does not exist.
    listed: BTreeSet<usize>,
}

impl Happening {
    fn line(&self) -> Value {
        let mut properties = self.properties.clone();
        if let Some(group) = self.group {
            properties.insert("$groups".into(), json!({"company": format!("g{group}")}));
        }
        if let Some(session) = self.session {
            properties.insert("$session_id".into(), json!(format!("s{session}")));
        }
        let time = at("2024-01-10T00:00:00Z") + jiff::SignedDuration::from_secs(self.second);
        json!({"event": "view", "distinct_id": self.person.to_string(), "timestamp": time, "properties": properties})
    }
}

fn value() -> impl Strategy<Value = Value> {
    let common = prop::sample::select(vec![json!("a"), json!(5), json!("2024-01-10T15:00:00Z"), json!("50%")]);
    let any = prop::sample::select(vec![
        json!(null),
        json!("a"),
        json!("A b"),
        json!("50%"),
        json!("5"),
        json!(" 7 "),
        json!(""),
        json!("it's"),
        json!("ümlaut"),
        json!(5),
        json!(5.5),
        json!(-3),
        json!(true),
        json!(false),
        json!(["a"]),
        json!({"k": 1}),
        json!("1e2"),
        json!("nan"),
        json!("2024-01-10"),
        json!("2024-01-10T15:00:00Z"),
        json!("2024-01-10 23:59:59.7"),
        json!("2024-01-11T00:30:00+01:00"),
        json!("2024-01-10 and more"),
        json!("2024-02-30"),
        json!(1_704_898_800),
        json!("1704898800000"),
        json!("2024/01/09 10:00:00"),
    ]);
    prop_oneof![any, common]
}

fn properties() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(prop::sample::select(vec!["a", "a", "a", "b c"]), value(), 0..4)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn data() -> impl Strategy<Value = Data> {
    let happening = (
        0_usize..8,
        properties(),
        prop::option::weighted(0.8, 0_usize..3),
        prop::option::weighted(0.8, 0_usize..4),
        0_i64..100,
    )
        .prop_map(|(person, properties, group, session, second)| Happening {
            person,
            properties,
            group,
            session,
            second,
        });
    (
        prop::collection::vec(happening, 4..14),
        prop::collection::btree_map(0_usize..8, properties(), 2..7),
        prop::collection::btree_map(0_usize..3, properties(), 0..3),
        prop::collection::btree_set(0_usize..8, 0..4),
    )
        .prop_map(|(happenings, persons, groups, listed)| Data { happenings, persons, groups, listed })
}

const OPERATORS: [&str; 17] = [
    "exact",
    "is_not",
    "in",
    "not_in",
    "icontains",
    "not_icontains",
    "regex",
    "not_regex",
    "gt",
    "gte",
    "lt",
    "lte",
    "is_set",
    "is_not_set",
    "is_date_exact",
    "is_date_before",
    "is_date_after",
];

fn single() -> impl Strategy<Value = Value> {
    let dates =
        prop::sample::select(vec!["2024-01-10", "2024-01-10T15:00:00Z", "-22d", "-532h", "2024-01-10T23:59:59Z"]);
    let patterns = prop::sample::select(vec!["^a", "[0-9]+$", "b|%", "(", "(?i)A B", "a{1,2}", "", "'"]);
    let property = (
        prop::sample::select(vec!["event", "feature", "person", "group"]),
        prop::sample::select(vec!["a", "a", "a", "a", "b c", "missing"]),
        prop::sample::select(OPERATORS.to_vec()),
        prop::collection::vec(value(), 0..4),
        dates,
        patterns,
        prop::bool::weighted(0.2),
    )
        .prop_map(|(kind, key, operator, values, date, pattern, is_negated)| {
            let value = match operator {
                _ if operator.starts_with("is_date") => json!(date),
                "regex" | "not_regex" => json!([pattern]),
                _ => json!(values),
            };
            json!({"type": kind, "group_type_index": 0, "key": key, "operator": operator, "value": value, "negation": is_negated})
        });
    let cohort = (prop::sample::subsequence(vec![1, 2, 9], 1..3), any::<bool>(), any::<bool>()).prop_map(
        |(cohorts, is_in, is_negated)| {
            let operator = if is_in { "in" } else { "not_in" };
            json!({"type": "cohort", "key": "id", "value": cohorts, "operator": operator, "negation": is_negated})
        },
    );
    let session = (prop::sample::select(vec!["gt", "lte", "exact", "is_not", "is_set", "is_not_set"]), 0_i64..60)
        .prop_map(|(operator, value)| {
            json!({"type": "session", "key": "$session_duration", "operator": operator, "value": value})
        });
    prop_oneof![6 => property, 1 => cohort, 1 => session]
}

fn filter() -> impl Strategy<Value = Value> {
    single().prop_recursive(2, 6, 3, |inner| {
        (any::<bool>(), prop::collection::vec(inner, 0..3))
            .prop_map(|(is_all, values)| json!({"type": if is_all { "AND" } else { "OR" }, "values": values}))
    })
}

/// Q-P1
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Q-P8
fn number(text: &str) -> Option<f64> {
    let text = text.replace(' ', "");
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|_| is_number)
}

/// Q-P13: a date and time, else the first ten characters, else seconds or milliseconds; in whole seconds.
fn second(text: &str) -> Option<i64> {
    let iso = text.replace('/', "-");
    let day = iso.get(..10).and_then(moment);
    let digits = text.parse::<i64>().ok();
    let seconds = digits.and_then(|digits| match text.len() {
        10 => Some(digits),
        13 => Some(digits / 1000),
        _ => None,
    });
    moment(&iso).or(day).map(Timestamp::as_second).or(seconds)
}

/// Q-P2 to Q-P14, on a property that may have no value.
fn compares(value: Option<&Value>, operator: &str, wanted: &Value) -> bool {
    let value = value.filter(|value| !value.is_null()).map(text);
    let list: Vec<String> =
        wanted.as_array().map_or_else(|| vec![text(wanted)], |items| items.iter().map(text).collect());
    let some = |test: &dyn Fn(&str, &str) -> bool| {
        value.as_ref().is_some_and(|value| list.iter().any(|item| test(value, item)))
    };
    let ordered = |test: &dyn Fn(f64, f64) -> bool| {
        some(&|value, item| number(value).zip(number(item)).is_some_and(|(value, item)| test(value, item)))
    };
    match operator {
        "is_set" => return value.is_some(),
        "is_not_set" => return value.is_none(),
        _ if list.is_empty() => return true,
        _ => {}
    }
    let pattern = |pattern: &str| regex::Regex::new(pattern);
    match operator {
        "exact" | "in" => some(&|value, item| value == item),
        "is_not" | "not_in" => !some(&|value, item| value == item),
        "icontains" => some(&|value, item| value.to_lowercase().contains(&item.to_lowercase())),
        "not_icontains" => !some(&|value, item| value.to_lowercase().contains(&item.to_lowercase())),
        "regex" => some(&|value, item| pattern(item).is_ok_and(|pattern| pattern.is_match(value))),
        "not_regex" => {
            list.iter().all(|item| pattern(item).is_ok())
                && !some(&|value, item| pattern(item).unwrap().is_match(value))
        }
        "gt" => ordered(&|value, item| value > item),
        "gte" => ordered(&|value, item| value >= item),
        "lt" => ordered(&|value, item| value < item),
        "lte" => ordered(&|value, item| value <= item),
        _ => {
            // Q-P11 to Q-P13
            let wanted = &list[0];
            let hours = wanted.strip_suffix('h').map(|hours| hours.trim_start_matches('-').parse::<i64>().unwrap());
            let days = wanted.strip_suffix('d').map(|days| days.trim_start_matches('-').parse::<i64>().unwrap());
            let ago = hours.or(days.map(|days| days * 24)).map(|hours| now().as_second() - hours * 3_600);
            let from = ago.unwrap_or_else(|| second(wanted).unwrap());
            let length = if wanted.len() == 10 { 86_400 } else { 1 };
            value.and_then(|value| second(&value)).is_some_and(|found| match operator {
                "is_date_before" => found < from,
                "is_date_exact" => (from..from + length).contains(&found),
                _ => found >= from + length,
            })
        }
    }
}

/// Whether an event passes a filter.
fn passes(filter: &Value, happening: &Happening, data: &Data) -> bool {
    if let Some(values) = filter["values"].as_array() {
        let mut parts = values.iter().map(|part| passes(part, happening, data));
        return values.is_empty()
            || if filter["type"] == "AND" { parts.all(|part| part) } else { parts.any(|part| part) };
    }
    let operator = filter["operator"].as_str().unwrap();
    let key = filter["key"].as_str().unwrap();
    let is_negated = filter["negation"] == true;
    let compared = |properties: Option<&Map<String, Value>>| {
        compares(properties.and_then(|properties| properties.get(key)), operator, &filter["value"]) != is_negated
    };
    match filter["type"].as_str().unwrap() {
        "person" => compared(data.persons.get(&happening.person)),
        "group" => compared(happening.group.and_then(|group| data.groups.get(&group))),
        "session" => {
            let times =
                data.happenings.iter().filter(|other| other.session == happening.session).map(|other| other.second);
            let duration = json!(times.clone().max().unwrap() - times.min().unwrap());
            compares(happening.session.map(|_| &duration), operator, &filter["value"])
        }
        "cohort" => {
            // Q-P17: a cohort that does not exist matches nothing.
            let is_in = (operator == "in") != is_negated;
            let mut memberships = filter["value"].as_array().unwrap().iter().map(|id| match id.as_i64().unwrap() {
                1 => Some(data.listed.contains(&happening.person)),
                2 => {
                    let person = data.persons.get(&happening.person);
                    Some(person.and_then(|person| person.get("a")).is_some_and(|value| !value.is_null()))
                }
                _ => None,
            });
            if is_in {
                memberships.any(|is_member| is_member == Some(true))
            } else {
                memberships.all(|is_member| is_member == Some(false))
            }
        }
        _ => compared(Some(&happening.properties)),
    }
}

#[test]
fn filters_pass_what_a_slow_evaluator_passes() {
    // Q-P1 to Q-P17, Q-P22
    let config = Config { cases: 10, failure_persistence: None, ..Config::default() };
    let cases = (data(), prop::collection::vec(filter(), 10));
    let mut passed = 0;
    let mut asked = 0;
    let seen = std::cell::RefCell::new((&mut passed, &mut asked));
    TestRunner::new(config)
        .run(&cases, |(data, filters)| {
            let mut world = world(&data);
            let persons: BTreeSet<_> = data.happenings.iter().map(|happening| happening.person.to_string()).collect();
            for filter in &filters {
                let passing = data.happenings.iter().filter(|happening| passes(filter, happening, &data));
                let wanted: BTreeSet<_> = passing.map(|happening| happening.person.to_string()).collect();
                let got = world.passing(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
                assert_eq!(got, wanted, "{filter}\n{data:#?}");
                let mut seen = seen.borrow_mut();
                *seen.0 += usize::from(!wanted.is_empty() && wanted != persons);
                *seen.1 += 1;
            }
            Ok(())
        })
        .unwrap();
    assert!(passed * 25 > asked, "only {passed} of {asked} filters told persons apart");
}

fn world(data: &Data) -> World {
    let lines: Vec<_> = data.happenings.iter().map(Happening::line).collect();
    let described = |owners: &BTreeMap<usize, Map<String, Value>>, prefix: &str| -> Vec<(String, Value)> {
        owners.iter().map(|(owner, properties)| (format!("{prefix}{owner}"), json!(properties))).collect()
    };
    let (persons, groups) = (described(&data.persons, ""), described(&data.groups, "g"));
    let mut world = World::of(&lines, &persons, &groups);
    let members: Vec<_> = data.listed.iter().map(ToString::to_string).collect();
    let create = |request: Value| abduck::model::cohort::CreateCohort::from_json(request).unwrap();
    let listed = create(json!({"name": "listed", "is_static": true}));
    assert_eq!(world.log.lab.create_cohort(listed, &members, now(), None).unwrap().id, 1);
    let known = json!({"type": "person", "key": "a", "operator": "is_set", "value": "is_set"});
    let dynamic = create(json!({"name": "known", "filters": {"properties": {"type": "OR", "values": [known]}}}));
    assert_eq!(world.log.lab.create_cohort(dynamic, &[], now(), None).unwrap().id, 2);
    world
}
