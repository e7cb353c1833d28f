//! Rules of filters that need more than one property of one event.

use abduck::ErrorKind;
use abduck::model::action::CreateAction;
use abduck::model::cohort::{CreateCohort, UpdateCohort};
use abduck::model::settings::{LabSettings, time_zone};
use abduck::results::MetricResult;
use serde_json::{Value, json};

use super::{World, ids, values};
use crate::support::{Log, event, now, request};

fn date(operator: &str, value: &Value) -> Value {
    json!([{"key": "x", "operator": operator, "value": value}])
}

#[test]
fn dates_are_compared_by_day_or_by_second() {
    // Q-P11 to Q-P13
    let mut world = values(&[
        json!("2024-01-09T23:59:59.9Z"),
        json!("2024-01-10"),
        json!("2024-01-10T15:00:00Z"),
        json!("2024-01-10T15:00:00.7Z"),
        json!("2024-01-11T00:30:00+01:00"),
        json!("2024-01-11T00:00:00Z"),
        json!("nonsense"),
        json!(null),
        json!("2024-01-10 or so"),
        json!(1_704_898_800),
    ]);
    for (operator, value, passing) in [
        ("is_date_exact", "2024-01-10", &[1, 2, 3, 4, 8, 9][..]),
        ("is_date_before", "2024-01-10", &[0]),
        ("is_date_after", "2024-01-10", &[5]),
        ("is_date_exact", "2024-01-10T15:00:00Z", &[2, 3, 9]),
        ("is_date_before", "2024-01-10T15:00:00Z", &[0, 1, 8]),
        ("is_date_after", "2024-01-10T15:00:00Z", &[4, 5]),
        ("is_date_exact", "2024-01-10T16:00:00+01:00", &[2, 3, 9]),
    ] {
        assert_eq!(world.passing(&date(operator, &json!(value))).unwrap(), ids(passing), "{operator} {value}");
    }
    let either = world.passing(&date("is_date_exact", &json!(["2024-01-09", "2024-01-11"]))).unwrap();
    assert_eq!(either, ids(&[0, 5]));
    assert_eq!(world.passing(&date("is_date_after", &json!("soon"))).unwrap_err().code(), "invalid_date");
}

#[test]
fn relative_dates_count_from_the_moment_asked_for_in_the_labs_timezone() {
    // Q-P13: `now` is midnight UTC of February 1st, which is still January in New York.
    let mut world =
        values(&[json!("2023-12-31T23:59:59Z"), json!("2024-01-01T00:00:00Z"), json!("2024-01-01T00:00:01Z")]);
    assert_eq!(world.passing(&date("is_date_after", &json!("-1m"))).unwrap(), ids(&[2]));
    assert_eq!(world.passing(&date("is_date_before", &json!("-31d"))).unwrap(), ids(&[0]));
    // A month before March 10th 2024 19:00 in New York is an hour later in UTC: the clock goes forward on that day.
    let march = "2024-03-10T23:00:00Z".parse().unwrap();
    let settings = LabSettings { timezone: time_zone("America/New_York").unwrap(), ..LabSettings::default() };
    world.log.lab.set_settings(&settings, now(), None).unwrap();
    world.log.add(&[event("9", "view", "2024-01-05T00:00:00Z", &json!({"x": "2024-02-11T00:00:00Z"}))]);
    let did = json!({"type": "behavioral", "value": "performed_event", "key": "view", "event_type": "events",
        "event_filters": date("is_date_exact", &json!("-1m")), "explicit_datetime": "2024-01-01"});
    let filters = json!({"properties": {"type": "OR", "values": [did]}});
    let members = world.log.lab.cohort_members(filters.as_object().unwrap(), march).unwrap();
    assert_eq!(members.iter().map(|member| member.distinct_id.as_str()).collect::<Vec<_>>(), ["9"]);
}

#[test]
fn elements_are_found_in_lists_and_in_chains() {
    // Q-P19, Q-A1
    let chain = concat!(
        r#"a.btn.primary:attr__class="btn primary"attr_id="go"href="/jo;in"nth-child="2"nth-of-type="1"text="Say \"hi\"";"#,
        r#"nav:attr__data-test="top"nth-child="1";body"#
    );
    let list = json!([
        {"tag_name": "a", "$el_text": "Say \"hi\"", "attr__class": "btn primary", "attr__href": "/jo;in", "attr__id": "go",
            "nth_child": 2, "nth_of_type": 1},
        {"tag_name": "nav", "attr__data-test": "top", "nth_child": 1}, {"tag_name": "body"}]);
    let line = |person: &str, properties: Value| event(person, "$autocapture", "2024-01-05T00:00:00Z", &properties);
    let mut world = World::of(
        &[
            line("0", json!({"$elements_chain": chain})),
            line("1", json!({"elements_chain": chain})),
            line("2", json!({"$elements": list})),
            line("3", json!({"$elements": [{"tag_name": "span", "$el_text": "other"}]})),
            line("4", json!({"$elements": "a", "$elements_chain": 5})),
        ],
        &[],
        &[],
    );
    let is_there = ids(&[0, 1, 2]);
    let is_elsewhere = ids(&[3, 4]);
    for (key, operator, value) in [
        ("tag_name", "exact", json!("nav")),
        ("tag_name", "exact", json!(["x", "a"])),
        ("text", "exact", json!("Say \"hi\"")),
        ("text", "icontains", json!("SAY")),
        ("text", "regex", json!("hi.$")),
        ("href", "exact", json!("/jo;in")),
        ("href", "is_set", json!(null)),
        ("selector", "exact", json!("a")),
        ("selector", "exact", json!(".btn")),
        ("selector", "exact", json!("a.primary.btn#go[href=\"/jo;in\"]:nth-child(2)")),
        ("selector", "exact", json!("nav > a")),
        ("selector", "exact", json!("body a")),
        ("selector", "exact", json!("body > [data-test='top'] > *")),
        ("selector", "exact", json!(["p", "nav"])),
    ] {
        let filter = json!([{"type": "element", "key": key, "operator": operator, "value": value}]);
        assert_eq!(world.passing(&filter).unwrap(), is_there, "{filter}");
        let negated = json!([{"type": "element", "key": key, "operator": operator, "value": value, "negation": true}]);
        assert_eq!(world.passing(&negated).unwrap(), is_elsewhere, "{filter}");
    }
    for (key, operator, value) in [
        ("tag_name", "is_not", "a"),
        ("text", "not_icontains", "say"),
        ("text", "not_regex", "^Say"),
        ("selector", "is_not", "nav a"),
    ] {
        let filter = json!([{"type": "element", "key": key, "operator": operator, "value": value}]);
        assert_eq!(world.passing(&filter).unwrap(), is_elsewhere, "{filter}");
    }
    for selector in ["a > nav", "body > a", "a a", ".bt", "a.btn.x", "#g", "a:nth-child(1)", "[href=\"/jo\"]", "av"] {
        let filter = json!([{"type": "element", "key": "selector", "value": selector}]);
        assert!(world.passing(&filter).unwrap().is_empty(), "{selector}");
    }
    let steps = json!([{"event": "$autocapture", "selector": "nav > .btn", "text": "Say \"hi\""}]);
    let action = CreateAction::from_json(json!({"name": "a", "steps": steps})).unwrap();
    let id = world.log.lab.create_action(action, now(), None).unwrap().id;
    let did = json!({"type": "behavioral", "value": "performed_event", "key": id, "event_type": "actions",
        "explicit_datetime": "2024-01-01"});
    assert_eq!(world.members(&did).unwrap(), is_there);
}

#[test]
fn cohorts_nest_count_and_are_not_defined_by_themselves() {
    // Q-P17, Q-P18
    let line = |person: &str, name: &str| event(person, name, "2024-01-05T00:00:00Z", &json!({}));
    let events = [line("0", "buy"), line("0", "buy"), line("1", "buy"), line("2", "view"), line("3", "view")];
    let persons = [("0".to_owned(), json!({"plan": "pro"})), ("2".to_owned(), json!({"plan": "pro"}))];
    let mut world = World::of(&events, &persons, &[]);
    let bought = |operator: &str, count: i64| {
        json!({"type": "behavioral", "value": "performed_event_multiple", "key": "buy", "event_type": "events",
            "operator": operator, "operator_value": count, "time_value": 60, "time_interval": "day"})
    };
    for (operator, count, members) in [
        ("gte", 1, &[0, 1][..]),
        ("gte", 2, &[0]),
        ("gt", 1, &[0]),
        ("gte", 0, &[0, 1, 2, 3]),
        ("lte", 1, &[1, 2, 3]),
        ("lt", 2, &[1, 2, 3]),
        ("lt", 1, &[2, 3]),
        ("eq", 1, &[1]),
        ("exact", 0, &[2, 3]),
    ] {
        assert_eq!(world.members(&bought(operator, count)).unwrap(), ids(members), "{operator} {count}");
    }
    let plan = json!({"type": "person", "key": "plan", "value": ["pro"], "operator": "exact", "negation": false});
    let not_plan = json!({"type": "person", "key": "plan", "value": ["pro"], "operator": "is_not"});
    let negated_plan = json!({"type": "person", "key": "plan", "value": "pro", "negation": true});
    let group = |kind: &str, parts: &[&Value]| json!({"type": kind, "values": parts});
    assert_eq!(world.members(&plan).unwrap(), ids(&[0, 2]));
    assert_eq!(world.members(&not_plan).unwrap(), ids(&[1, 3]));
    assert_eq!(world.members(&negated_plan).unwrap(), ids(&[1, 3]));
    assert_eq!(world.members(&group("AND", &[&plan, &bought("gte", 1)])).unwrap(), ids(&[0]));
    assert_eq!(world.members(&group("OR", &[&plan, &bought("gte", 1)])).unwrap(), ids(&[0, 1, 2]));

    let lab = &mut world.log.lab;
    let create = |name: &str, properties: &Value| {
        CreateCohort::from_json(json!({"name": name, "filters": {"properties": group("OR", &[properties])}})).unwrap()
    };
    let listed = CreateCohort::from_json(json!({"name": "listed", "is_static": true})).unwrap();
    let listed = lab.create_cohort(listed, &["1".to_owned(), "3".to_owned()], now(), None).unwrap().id;
    let in_cohort = |id: i64| json!({"type": "cohort", "key": "id", "value": id});
    let pro = lab.create_cohort(create("pro", &plan), &[], now(), None).unwrap().id;
    let either = group("OR", &[&in_cohort(listed), &in_cohort(pro)]);
    let nested = lab.create_cohort(create("nested", &either), &[], now(), None).unwrap().id;
    assert_eq!(lab.members_of_cohort("nested", false, now()).unwrap().len(), 4);
    let not_in = json!({"type": "cohort", "key": "id", "value": listed, "operator": "not_in"});
    assert_eq!(world.members(&group("AND", &[&in_cohort(nested), &not_in])).unwrap(), ids(&[0, 2]));
    assert_eq!(world.passing(&json!([in_cohort(nested), not_in])).unwrap(), ids(&[0, 2]));

    let circle =
        UpdateCohort::from_json(json!({"filters": {"properties": group("OR", &[&in_cohort(nested)])}})).unwrap();
    world.log.lab.update_cohort("pro", circle, now(), None).unwrap();
    let error = world.passing(&in_cohort(nested)).unwrap_err();
    assert!(error.to_string().ends_with("is defined by itself"), "{error}");
}

#[test]
fn filters_of_every_type_hold_in_metrics_exposures_and_test_accounts() {
    // Q-P20, Q-X4, Q-X5; and a result is not kept when a cohort changes.
    let carries = |variant: &str| {
        json!({"$feature/checkout": variant, "$feature_flag": "checkout", "$feature_flag_response": variant,
            "$groups": {"company": "acme"}})
    };
    let mut events = Vec::new();
    for (person, variant) in [("0", "control"), ("1", "control"), ("2", "test"), ("3", "test")] {
        for name in ["$feature_flag_called", "buy"] {
            events.push(event(person, name, "2024-01-02T00:00:00Z", &carries(variant)));
        }
    }
    let persons = [("1".to_owned(), json!({"email": "ann@corp.com"})), ("3".to_owned(), json!({"email": "x@y.z"}))];
    let mut world = World::of(&events, &persons, &[("acme".to_owned(), json!({"plan": "pro"}))]);
    let lab = &mut world.log.lab;
    let listed = CreateCohort::from_json(json!({"name": "staff", "is_static": true})).unwrap();
    let staff = lab.create_cohort(listed, &["3".to_owned()], now(), None).unwrap().id;
    let settings = LabSettings {
        test_account_filters: vec![
            json!({"type": "person", "key": "email", "value": "@corp.com", "operator": "not_icontains"}),
            json!({"type": "cohort", "key": "id", "value": staff, "negation": true}),
            json!({"type": "group", "group_type_index": 0, "key": "plan", "value": "pro"}),
        ],
        ..LabSettings::default()
    };
    lab.set_settings(&settings, now(), None).unwrap();
    let metric = json!({"events": [{"id": "buy"}], "filter_test_accounts": true});
    world.log.experiment(&json!({"filters": metric}));
    let counted = |log: &mut Log| {
        let result = log.lab.results("checkout", &request()).unwrap();
        let MetricResult::Trend { variants, .. } = &result.result else { panic!("not a trend") };
        let numbers: Vec<_> = variants.iter().map(|variant| (variant.count, variant.absolute_exposure)).collect();
        (json!(numbers), result.is_cached)
    };
    assert_eq!(counted(&mut world.log), (json!([[1.0, 1.0], [1.0, 1.0]]), false));
    assert_eq!(counted(&mut world.log), (json!([[1.0, 1.0], [1.0, 1.0]]), true));
    world.log.lab.change_cohort_members("staff", &[], &["3".to_owned()], now(), None).unwrap();
    assert_eq!(counted(&mut world.log), (json!([[1.0, 1.0], [2.0, 2.0]]), false));
}

#[test]
fn malformed_filters_are_refused_by_place_and_code() {
    // Q-P23
    let mut world = values(&[json!(1)]);
    for (filter, code, part) in [
        (json!({"type": "recording", "key": "a", "value": 1}), "unsupported", "of type 'recording'"),
        (json!({"type": 5, "key": "a", "value": 1}), "invalid_input", "must be a text"),
        (json!({"key": "a", "value": 1, "negation": "no"}), "invalid_input", "true or false"),
        (json!({"key": "a", "value": 1, "operator": "between"}), "invalid_input", "'between' is not supported"),
        (json!({"key": "a", "operator": "is_date_before"}), "invalid_input", "needs a value"),
        (json!({"key": "a", "operator": "is_date_before", "value": "01/02/03"}), "invalid_date", "01/02/03"),
        (json!({"type": "group", "key": "a", "value": 1}), "invalid_input", "group_type_index"),
        (json!({"type": "group", "key": "a", "value": 1, "group_type_index": 5}), "invalid_input", "group_type_index"),
        (json!({"type": "session", "key": "$channel_type", "value": "/"}), "unsupported", "$channel_type"),
        (json!({"type": "cohort", "key": "id", "value": "staff"}), "invalid_input", "not the number of a cohort"),
        (json!({"type": "cohort", "key": "id"}), "invalid_input", "needs the cohort's number"),
        (
            json!({"type": "cohort", "key": "id", "value": 1, "operator": "gt"}),
            "invalid_input",
            "not supported for cohorts",
        ),
        (json!({"type": "element", "key": "class", "value": "a"}), "invalid_input", "no part 'class'"),
        (
            json!({"type": "element", "key": "tag_name", "value": "a", "operator": "icontains"}),
            "invalid_input",
            "exact or is_not",
        ),
        (json!({"type": "element", "key": "selector", "value": "a ~ b"}), "invalid_input", "at character 3"),
        (json!({"type": "element", "key": "text", "value": "a", "operator": "gt"}), "invalid_input", "as text"),
        (json!({"type": "element", "key": "text", "value": "(", "operator": "regex"}), "invalid_input", "pattern"),
        (json!({"type": "hogql", "key": "properties.a +"}), "invalid_input", "the end at character 15"),
        (json!({"type": "hogql", "key": "properties.a + 1"}), "invalid_input", "a value, not a condition"),
        (json!({"type": "hogql", "key": "event = 'a'", "operator": "gt"}), "invalid_input", "takes no operator"),
    ] {
        let error = world.passing(&json!([filter])).unwrap_err();
        let ErrorKind::Invalid { field, code: found, message } = error.kind() else { panic!("{filter}: {error:?}") };
        assert_eq!(*found, code, "{filter}: {message}");
        assert!(message.contains(part), "{filter}: {message}");
        assert!(field.as_deref().unwrap_or_default().contains("event_filters[0]"), "{filter}: {field:?}");
        let is_explained = !error.hints().is_empty() || !message.contains("not supported");
        assert!(is_explained, "{filter}: {error:?}");
    }
}
