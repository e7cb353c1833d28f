//! How properties and cohorts are compared, and what is refused.

use serde_json::{Value, json};

use super::*;

#[test]
fn equality_compares_lower_cased_texts() {
    // F-14
    for left in [json!("307"), json!(307), json!(["307"]), json!([307])] {
        for right in [json!("307"), json!(307), json!(["307"]), json!([307])] {
            assert!(passes(&condition("exact", &left), &right), "{left} {right}");
            assert!(!passes(&condition("is_not", &left), &right), "{left} {right}");
        }
    }
    for (value, property, is_equal) in [
        (json!("true"), json!(true), true),
        (json!([true]), json!("TRUE"), true),
        (json!("Pro"), json!("pRO"), true),
        (json!(["a", "B"]), json!("b"), true),
        (json!("a"), json!("a "), false),
        (json!([]), json!("a"), false),
        (json!("null"), json!(null), false),
        (json!(307), json!(307.0), false),
        (json!("ÄÖ"), json!("äö"), true),
    ] {
        assert_eq!(passes(&condition("exact", &value), &property), is_equal, "{value} {property}");
        assert_eq!(passes(&condition("is_not", &value), &property), !is_equal, "{value} {property}");
    }
    assert!(passes(&json!({"key": "p", "value": "a"}), &json!("A")), "exact persons' properties are the default");
}

#[test]
fn texts_are_searched() {
    // F-14
    for (operator, value, property, is_met) in [
        ("icontains", json!("PR"), json!("spring"), true),
        ("icontains", json!(0), json!(307), true),
        ("icontains", json!("x"), json!("abc"), false),
        ("not_icontains", json!("x"), json!("abc"), true),
        ("not_icontains", json!("A"), json!("abc"), false),
        ("not_icontains", json!("A"), json!(null), false),
        ("regex", json!("^a.c$"), json!("abc"), true),
        ("regex", json!("B"), json!("abc"), false),
        ("regex", json!("7$"), json!(307), true),
        ("not_regex", json!("b"), json!("abc"), false),
        ("not_regex", json!("x"), json!("abc"), true),
        // A pattern that is none matches nothing, negated or not.
        ("regex", json!("("), json!("("), false),
        ("not_regex", json!("("), json!("abc"), false),
    ] {
        assert_eq!(passes(&condition(operator, &value), &property), is_met, "{property} {operator} {value}");
    }
}

#[test]
fn order_is_that_of_numbers_unless_the_property_is_a_text() {
    // F-14
    for (operator, value, property, is_met) in [
        ("gt", json!(4), json!(5), true),
        ("gt", json!(4), json!(4), false),
        ("gte", json!("4"), json!(4), true),
        ("lt", json!(4.5), json!(4), true),
        ("lte", json!(4), json!(4.5), false),
        ("gt", json!(0), json!(true), true),
        ("gt", json!(["4"]), json!(5), false),
        ("lt", json!(["4"]), json!(3), false),
        ("gt", json!(4), json!([5]), false),
        ("gt", json!(4), json!(null), false),
        // As texts, as the SDK does it.
        ("gt", json!(4), json!("10"), false),
        ("lt", json!("30"), json!("100"), true),
        ("gt", json!("123aloha"), json!(129), true),
        ("gt", json!("123aloha"), json!("123"), false),
        // Integers beyond 2^53 stay apart from their neighbours.
        ("gt", json!(9_007_199_254_740_992_i64), json!(9_007_199_254_740_993_i64), true),
        ("lt", json!(-0.5), json!(-1), true),
        ("lt", json!(1e300), json!(5), true),
    ] {
        assert_eq!(passes(&condition(operator, &value), &property), is_met, "{property} {operator} {value}");
    }
}

#[test]
fn existence_and_dates() {
    // F-14; it is 2024-06-15, noon.
    for (operator, value, property, is_met) in [
        ("is_set", json!("is_set"), json!(""), true),
        ("is_set", json!(null), json!(null), false),
        ("is_not_set", json!(null), json!(null), true),
        ("is_not_set", json!(null), json!("x"), false),
        ("is_date_before", json!("2022-05-01"), json!("2022-04-30"), true),
        ("is_date_before", json!("2022-05-01"), json!("2022-05-01"), false),
        ("is_date_after", json!("2022-05-01"), json!("2022-05-01 00:00:01"), true),
        ("is_date_after", json!("2022-05-01 12:00:00 +02:00"), json!("2022-05-01T10:00:01Z"), true),
        ("is_date_after", json!("-3d"), json!("2024-06-13"), true),
        ("is_date_after", json!("-3d"), json!("2024-06-12T11:00:00Z"), false),
        ("is_date_before", json!("1m"), json!("2024-05-15T11:59:59Z"), true),
        ("is_date_exact", json!("2022-05-01"), json!("2022-05-01T23:59:59Z"), true),
        ("is_date_exact", json!("2022-05-01"), json!("2022-05-02"), false),
        ("is_date_exact", json!("2022-05-01T10:00:00Z"), json!("2022-05-01T10:00:00.9Z"), true),
        ("is_date_exact", json!("2022-05-01T10:00:00Z"), json!("2022-05-01T10:00:01Z"), false),
        ("is_date_before", json!("2022-05-01"), json!("soon"), false),
        ("is_date_before", json!("2022-05-01"), json!(1234), false),
    ] {
        assert_eq!(passes(&condition(operator, &value), &property), is_met, "{property} {operator} {value}");
    }
}

#[test]
fn what_is_missing_matches_only_those_who_ask_what_one_is_not() {
    // F-14
    let matched = |properties: Value, known: Value| {
        answer(&flag("f", json!({"groups": [{"properties": properties}]})), "id", known)["match"] == true
    };
    let is_not = json!({"key": "p", "operator": "is_not", "value": "x", "type": "person"});
    let is_not_set = json!({"key": "q", "operator": "is_not_set", "type": "person"});
    let exact = json!({"key": "r", "value": "x", "type": "person"});
    assert!(matched(json!([is_not_set]), json!({})));
    assert!(matched(json!([is_not, is_not_set]), json!({})));
    assert!(!matched(json!([is_not, is_not_set]), json!({"q": 1})));
    assert!(!matched(json!([is_not, exact]), json!({"r": "x"})));
    assert!(matched(json!([is_not_set, exact]), json!({"r": "x"})));
    for operator in ["exact", "icontains", "not_icontains", "regex", "not_regex", "gt", "lte", "is_set"] {
        assert!(!matched(json!([condition(operator, &json!("x"))]), json!({"other": "x"})), "{operator}");
    }
}

fn cohorts() -> References {
    let person = |key: &str, value: &str| json!({"key": key, "value": value, "type": "person"});
    let definitions = [
        (1, json!({"name": "Listed", "is_static": true})),
        (
            2,
            json!({"type": "OR", "values": [
                {"type": "AND", "values": [person("plan", "pro"), person("country", "nl")]},
                {"type": "AND", "values": [{"key": "plan", "operator": "is_not", "value": "free"}, {"key": "staff", "value": true}]},
            ]}),
        ),
        (
            3,
            json!({"filters": {"properties": {"type": "AND", "values": [
                {"type": "cohort", "key": "id", "value": 2},
                {"type": "cohort", "key": "id", "value": 1, "negation": true},
            ]}}}),
        ),
        (
            4,
            json!({"name": "Buyers", "properties": {"type": "OR", "values": [
                {"type": "AND", "values": [{"key": "bought", "type": "behavioral", "value": "performed_event", "time_value": 30}]},
            ]}}),
        ),
        (5, json!({"type": "AND", "values": [{"type": "cohort", "key": "id", "value": 5}]})),
        (6, json!({"type": "OR", "values": []})),
    ];
    let cohorts = definitions.iter().map(|(id, json)| (*id, CohortDefinition::from_json(*id, json).unwrap()));
    References { cohorts: cohorts.collect(), ..References::default() }
}

fn in_cohort(operator: Value, value: Value) -> FeatureFlag {
    let properties = json!([{"type": "cohort", "key": "id", "operator": operator, "value": value}]);
    flag("f", json!({"groups": [{"properties": properties}]}))
}

#[test]
fn cohorts_are_listed_or_evaluated() {
    // F-14, Q-P17
    let is_in = |id: Value, operator: Value, known: Value, listed: &[i64]| {
        let evaluator = Evaluator::new(&in_cohort(operator, id), &cohorts()).unwrap();
        let properties = known.as_object().unwrap();
        let subject = Subject { person_properties: Some(properties), static_cohorts: listed, ..Subject::new("id") };
        evaluator.evaluate(&subject).unwrap().is_match
    };
    let nobody = json!({});
    let payer = json!({"plan": "Pro", "country": "NL"});
    let staff = json!({"staff": "true"});
    assert!(
        is_in(json!(1), json!("in"), nobody.clone(), &[1]) && !is_in(json!("1"), json!("in"), nobody.clone(), &[2])
    );
    assert!(is_in(json!(1), json!("not_in"), nobody.clone(), &[]));
    assert!(is_in(json!(2), json!(null), payer.clone(), &[]) && !is_in(json!(2), json!("exact"), nobody.clone(), &[]));
    // In the definition of a cohort, whoever has no plan is not on the free one (Q-P3).
    assert!(is_in(json!(2), json!("in"), staff.clone(), &[]));
    assert!(is_in(json!(3), json!("in"), payer.clone(), &[]) && !is_in(json!(3), json!("in"), payer, &[1]));
    assert!(is_in(json!([1, 2]), json!("in"), staff, &[]));
    assert!(is_in(json!(6), json!("in"), nobody, &[]), "a group without conditions is met by everybody");
}

#[test]
fn cohorts_that_cannot_be_evaluated_are_refused() {
    // V-25
    let refused = |id: i64| refusal(&in_cohort(json!("in"), json!(id)), &cohorts());
    let place = "filters.groups[0].properties[0]".to_owned();
    assert_eq!(refused(9), (place, "Cohort with id 9 does not exist".to_owned()));
    let events = "Cohort 'Buyers' with filters on events cannot be used in feature flags.".to_owned();
    assert_eq!(refused(4), ("cohorts.4.properties.values[0].values[0]".to_owned(), events));
    assert!(refused(5).1.contains("is defined by itself"));
    assert!(CohortDefinition::from_json(7, &json!({"name": "Empty"})).is_err());
}

#[test]
fn malformed_conditions_are_refused_with_their_place() {
    let cases = [
        (json!({"key": "p"}), "needs a value"),
        (json!({"value": 1}), "needs a key"),
        (json!("p"), "must be an object"),
        (json!({"key": "p", "value": 1, "operator": "almost"}), "\"almost\" is not supported"),
        (json!({"key": "p", "value": 1, "oprator": "exact"}), "unknown key 'oprator'"),
        (json!({"key": "p", "value": 1, "type": "event"}), "can only use person and cohort properties"),
        (json!({"key": "p", "value": 1, "type": "group", "group_type_index": 0}), "can only use person and cohort"),
        (json!({"key": "p", "value": "soon", "operator": "is_date_after"}), "Invalid date value: soon"),
        (json!({"key": "p", "value": "(?=x)", "operator": "regex"}), "look-around"),
        (json!({"key": "p", "value": "(a)\\1", "operator": "not_regex"}), "backreferences"),
        (json!({"key": "id", "value": 1, "type": "cohort", "operator": "gt"}), "not supported for cohorts"),
        (json!({"key": "id", "value": "x", "type": "cohort"}), "not the id of a cohort"),
    ];
    for (bad, text) in cases {
        let (field, message) = refusal(&with_groups(json!([{}, {"properties": [bad]}])), &references());
        assert_eq!(field, "filters.groups[1].properties[0]", "{bad}");
        assert!(message.contains(text), "{message}");
    }
    let relative = with_groups(json!([{"properties": [condition("is_date_after", &json!("-3d"))]}]));
    assert!(refusal(&relative, &References::default()).1.contains("needs to know what time it is"));
    let of_a_person = flag(
        "f",
        json!({"groups": [{"properties": [condition("exact", &json!(1))]}],
        "aggregation_group_type_index": 0}),
    );
    // V-21
    assert!(refusal(&of_a_person, &references()).1.contains("can only use group properties"));
}

#[test]
fn rules_of_later_versions_are_not_passed_over() {
    for (filters, field) in [
        (json!({"groups": [{}], "holdout": {"id": 1}}), "filters.holdout"),
        (json!({"groups": [{}], "early_exit": true}), "filters.early_exit"),
        (json!({"groups": [{"aggregation_group_type_index": 0}]}), "filters.groups[0].aggregation_group_type_index"),
    ] {
        assert_eq!(refusal(&flag("f", filters), &references()).0, field);
    }
    for same in
        [json!({"groups": [{}], "early_exit": false}), json!({"groups": [{"aggregation_group_type_index": null}]})]
    {
        assert!(Evaluator::new(&flag("f", same), &references()).is_ok());
    }
}
