//! Expressions on a real lab: each is asked of events whose answer is known.

use serde_json::{Value, json};

use super::{World, ids, values};
use crate::support::{Log, event, request};

fn hogql(expression: &str) -> Value {
    json!([{"type": "hogql", "key": expression, "value": null}])
}

#[test]
fn operators_and_functions_mean_what_they_say() {
    // Q-P15: null counts as false.
    let mut world =
        values(&[json!("Pro"), json!("5"), json!(7.5), json!(true), json!(null), json!(["a"]), json!("it's 100%")]);
    for (expression, passing) in [
        ("properties.x = 'Pro'", &[0][..]),
        ("properties.x == 5", &[1]),
        ("properties.x != 'Pro'", &[1, 2, 3, 5, 6]),
        ("properties.x <> 5", &[2]),
        ("properties.x > 5", &[2]),
        ("properties.x >= 5 and properties.x < 7.6", &[1, 2]),
        ("5 <= properties.x", &[1, 2]),
        ("properties.x", &[3]),
        ("not properties.x", &[0, 1, 2, 5, 6]),
        ("properties.x = true", &[3]),
        ("properties.x is null", &[4]),
        ("properties.x is not null", &[0, 1, 2, 3, 5, 6]),
        ("properties.missing is null", &[0, 1, 2, 3, 4, 5, 6]),
        ("properties.x = null or null", &[]),
        ("properties.x in ('Pro', 'it''s 100%')", &[0, 6]),
        ("properties.x not in ('Pro', '5')", &[2, 3, 5, 6]),
        ("properties.x in (5, 7.5)", &[1, 2]),
        ("properties.x in ['[\"a\"]']", &[5]),
        ("properties.x like 'it\\'s%'", &[6]),
        ("properties.x like '%0\\%'", &[6]),
        ("properties.x like '_ro'", &[0]),
        ("properties.x ilike 'p%'", &[0]),
        ("properties.x not like '%r%'", &[1, 2, 5, 6]),
        ("properties.x + 1 = 6", &[1]),
        ("properties.x - 1 * 2 = 3", &[1]),
        ("(properties.x - 1) * 2 = 8", &[1]),
        ("-properties.x = -5", &[1]),
        ("properties.x / 0 is null", &[0, 1, 2, 3, 4, 5, 6]),
        ("1 / (properties.x / 0) = 0", &[]),
        ("properties.x * 1e300 * 1e300 is null", &[0, 1, 2, 3, 4, 5, 6]),
        ("properties.x / 2 = 2.5", &[1]),
        ("toInt(properties.x) = 7", &[2]),
        ("toFloat(properties.x) = 7.5", &[2]),
        ("toString(toFloat(properties.x)) = '5'", &[1]),
        ("lower(properties.x) = 'pro'", &[0]),
        ("upper(properties.x) = 'PRO'", &[0]),
        ("length(properties.x) = 3", &[0, 2]),
        ("coalesce(properties.missing, properties.x, 'none') = 'none'", &[4]),
        ("ifNull(properties.x, 0) = 0", &[0, 3, 4, 5, 6]),
        ("if(properties.x = 'Pro', 1, 0) = 1", &[0]),
        ("abs(0 - properties.x) = 5", &[1]),
        ("round(properties.x) = 8", &[2]),
        ("round(properties.x / 7, 2) = 1.07", &[2]),
        ("floor(properties.x) = 7 and ceil(properties.x) = 8", &[2]),
        ("greatest(properties.x, 6) = 6", &[0, 1, 3, 4, 5, 6]),
        ("least(properties.x, 6) = 5", &[1]),
        ("concat(properties.x, '-', 5) = 'Pro-5'", &[0]),
        ("startsWith(properties.x, 'P') or endsWith(properties.x, '%')", &[0, 6]),
        ("match(properties.x, '^[0-9.]+$')", &[1, 2]),
        ("match(properties.x, '(?i)^PRO$')", &[0]),
        ("event = 'view' and distinct_id in ('1', '2')", &[1, 2]),
        ("timestamp >= '2024-01-05' and timestamp < '2024-01-05T00:00:01Z' and person_id >= 0", &[0, 1, 2, 3, 4, 5, 6]),
        ("timestamp != '2024-01-05 01:00:00 +01:00'", &[]),
        ("toString(timestamp) = '2024-01-05T00:00:00.000000Z'", &[0, 1, 2, 3, 4, 5, 6]),
        ("toFloat(timestamp) = 1704412800", &[0, 1, 2, 3, 4, 5, 6]),
        ("toFloat(properties.x = 'Pro') = 1", &[0]),
        ("PROPERTIES is null or properties.x = 'Pro'", &[99]),
    ] {
        match world.passing(&hogql(expression)) {
            Ok(got) => assert_eq!(got, ids(passing), "{expression}"),
            Err(error) => assert_eq!(passing, [99], "{expression}: {error}"),
        }
    }
}

#[test]
fn properties_of_persons_and_groups_are_looked_up() {
    // Q-P15, Q-P22
    let line = |person: &str, group: &str| {
        event(person, "view", "2024-01-05T00:00:00Z", &json!({"a b": person, "$groups": {"company": group}}))
    };
    let events = [line("0", "acme"), line("1", "acme"), line("2", "none")];
    let persons = [("0".to_owned(), json!({"plan": "pro", "age": 30})), ("2".to_owned(), json!({"plan": "free"}))];
    let mut world = World::of(&events, &persons, &[("acme".to_owned(), json!({"size": 12}))]);
    for (expression, passing) in [
        ("person.properties.plan = 'pro'", &[0][..]),
        ("person.properties.plan is null", &[1]),
        ("person.properties.plan != 'pro'", &[2]),
        ("person.properties['plan'] in ('pro', 'free') and properties.`a b` != '0'", &[2]),
        ("group_0.properties.size * 2 = 24 and properties[\"a b\"] = '1'", &[99]),
        ("group_0.properties.size * 2 = 24 and properties['a b'] = '1'", &[1]),
        ("group_1.properties.size is null", &[0, 1, 2]),
        ("coalesce(person.properties.age, group_0.properties.size) = 12", &[1]),
    ] {
        match world.passing(&hogql(expression)) {
            Ok(got) => assert_eq!(got, ids(passing), "{expression}"),
            Err(error) => assert_eq!(passing, [99], "{expression}: {error}"),
        }
    }
}

#[test]
fn text_in_definitions_never_becomes_sql() {
    let nasty =
        ["'; DROP TABLE event; --", "a' OR '1'='1", "\\' OR TRUE --", "?", "$1", "\"", "`", "{'a': 1}", "%s", "*/"];
    let all: Vec<_> = nasty.iter().map(|text| json!(text)).collect();
    let mut world = values(&all);
    for (index, text) in nasty.iter().enumerate() {
        let literal = text.replace('\\', "\\\\").replace('\'', "\\'");
        for filter in [
            json!([{"key": "x", "value": text}]),
            json!([{"key": "x", "value": [text], "operator": "in", "type": "feature"}]),
            hogql(&format!("properties.x = '{literal}'")),
            hogql(&format!("properties['x'] in ('{literal}') and properties['{literal}'] is null")),
        ] {
            assert_eq!(world.passing(&filter).unwrap(), ids(&[index]), "{filter}");
        }
        for kind in ["person", "group", "event", "element", "session", "hogql", "cohort"] {
            // As names they find nothing, or are refused; the database never reads them.
            let filter = json!([{"key": text, "value": text, "type": kind, "group_type_index": 0}]);
            match world.passing(&filter) {
                Ok(got) => assert!(got.is_empty(), "{filter}"),
                Err(error) => assert_ne!(error.kind().name(), "query", "{filter}: {error}"),
            }
        }
    }
}

#[test]
fn an_expression_can_be_a_filter_of_a_metric() {
    // Q-P15, Q-A4
    let carries = |variant: &str, price: Value| json!({"$feature/checkout": variant, "price": price});
    let events = [
        event("a", "buy", "2024-01-02T00:00:00Z", &carries("control", json!(5))),
        event("b", "buy", "2024-01-02T00:00:00Z", &carries("control", json!("20"))),
        event("c", "buy", "2024-01-02T00:00:00Z", &carries("test", json!(30))),
    ];
    let mut log = Log::of(&events);
    let filters = json!({"events": [{"id": "buy", "properties": hogql("properties.price * 2 > 30")}]});
    log.experiment(&json!({"filters": filters}));
    let result = log.lab.results("checkout", &request()).unwrap();
    let abduck::results::MetricResult::Trend { insight, .. } = &result.result else { panic!("not a trend") };
    let counts: Vec<_> = insight.iter().map(|series| (series.variant.as_str(), json!(series.count))).collect();
    assert_eq!(json!(counts), json!([["control", 1.0], ["test", 1.0]]));
}
