//! Actions: what they match (Q-A1 to Q-A5), and what may be done to them.

use abduck::model::action::{CreateAction, UpdateAction};
use abduck::results::{MetricResult, legacy};
use abduck::{Engine, ErrorKind};
use serde_json::{Value, json};

use crate::support::{Log, event, now, request, whole};

/// Makes an action and returns its id.
fn action(lab: &mut Engine, steps: &Value) -> i64 {
    let action = CreateAction::from_json(json!({"name": "Interested", "steps": steps})).unwrap();
    lab.create_action(action, now(), Some("ada")).unwrap().id
}

/// The number of events of the variant `control` that an action matches, with a filter on the entity.
fn matched(lab: &mut Engine, steps: &Value, properties: &Value) -> u64 {
    let id = action(lab, steps);
    let key = format!("flag-{id}");
    let definition = json!({
        "name": key, "feature_flag_key": key, "start_date": "2024-01-01",
        "filters": {"actions": [{"id": id, "properties": properties}]},
    });
    lab.create_experiment(abduck::CreateExperiment::from_json(definition).unwrap(), now(), None).unwrap();
    let MetricResult::Trend { events_without_variant, .. } = lab.results(&key, &request()).unwrap().result else {
        panic!("not a trend")
    };
    events_without_variant
}

/// Clicks and page views, without any flag.
fn clicks() -> Vec<Value> {
    let at = "2024-01-02T00:00:00Z";
    let elements = json!([
        {"tag_name": "span", "$el_text": "Sign up"},
        {"tag_name": "a", "attr__href": "/join", "$el_text": "Sign up now"},
    ]);
    let chain = r#"span:nth-child="1"text="Log \"in\"";a.btn.main:attr__href="/login"href="/login"text="Log in now""#;
    vec![
        event("a", "$autocapture", at, &json!({"$elements_chain": chain})),
        event("a", "$autocapture", at, &json!({"elements_chain": "b:attr__text=\"no\";i"})),
        event("a", "$pageview", at, &json!({"$current_url": "https://shop.example/Pricing?plan=100%"})),
        event("a", "$pageview", at, &json!({"$current_url": "https://shop.example/"})),
        event("a", "$pageview", at, &json!({})),
        event("a", "$autocapture", at, &json!({"$el_text": "Sign up", "$elements": elements})),
        event("b", "$autocapture", at, &json!({"$el_text": "Sign out"})),
        event("b", "$autocapture", at, &json!({"$elements": "not a list", "$el_text": null})),
        event("b", "demo", at, &json!({"size": 12})),
    ]
}

#[test]
fn every_part_of_a_step_must_hold() {
    let mut log = Log::of(&clicks());
    let everything = json!([]);
    for (step, count) in [
        (json!({"event": "$pageview"}), 3),
        (json!({}), 9),
        (json!({"url": "/Pricing"}), 1),
        // With case, and without wildcards.
        (json!({"url": "/pricing"}), 0),
        (json!({"url": "100%"}), 1),
        (json!({"url": "shop%Pricing"}), 0),
        (json!({"url": "https://shop.example/", "url_matching": "exact"}), 1),
        (json!({"url": "example/(Pricing|Help)", "url_matching": "regex"}), 1),
        (json!({"event": "demo", "url": "/Pricing"}), 0),
        (json!({"text": "Sign up"}), 1),
        (json!({"text": "Sign"}), 0),
        (json!({"text": "Sign up now"}), 1),
        (json!({"text": "Sign out"}), 1),
        (json!({"tag_name": "a"}), 2),
        (json!({"tag_name": "span"}), 2),
        (json!({"tag_name": "i"}), 1),
        (json!({"tag_name": "btn"}), 0),
        (json!({"text": "Log \"in\""}), 1),
        (json!({"text": "Log in now", "href": "/login"}), 1),
        (json!({"text": "no"}), 0),
        (json!({"href": "/logi."}), 0),
        (json!({"tag_name": "button"}), 0),
        (json!({"tag_name": "a", "href": "/join"}), 1),
        (json!({"href": "/joi"}), 0),
        (json!({"event": "$pageview", "tag_name": "a"}), 0),
        (json!({"properties": [{"key": "size", "value": 10, "operator": "gt"}]}), 1),
    ] {
        assert_eq!(matched(&mut log.lab, &json!([step]), &everything), count, "{step}");
    }
}

#[test]
fn some_step_must_hold_and_the_entity_filter_with_it() {
    // Q-A1, Q-A4
    let mut log = Log::of(&clicks());
    let steps = json!([{"event": "demo"}, {"event": "$pageview", "url": "shop"}, {"event": "demo"}]);
    assert_eq!(matched(&mut log.lab, &steps, &json!([])), 3);
    let small = json!([{"key": "size", "value": 12}]);
    assert_eq!(matched(&mut log.lab, &steps, &small), 1);
    assert_eq!(matched(&mut log.lab, &json!([]), &json!([])), 0);
}

#[test]
fn a_missing_action_gives_no_series_and_is_an_error_in_a_funnel() {
    // Q-A5, R-7
    let mut log = Log::of(&clicks());
    log.experiment(&json!({"filters": {"actions": [{"id": 7}]}}));
    let result = log.lab.results("checkout", &request()).unwrap();
    assert_eq!(result.warnings[0].code, "missing_action");
    let error = legacy(&result).unwrap_err();
    assert_eq!(error.code(), "no-results");
    let all = json!({"no-events": true, "no-flag-info": true, "no-control-variant": true, "no-test-variant": true});
    assert_eq!(serde_json::from_str::<Value>(&error.to_string()).unwrap(), all);

    let funnel = json!({"insight": "FUNNELS", "actions": [{"id": 7}]});
    log.experiment(&json!({"feature_flag_key": "funnel", "filters": funnel}));
    let error = log.lab.results("funnel", &request()).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("does_not_exist", "action 7 of the funnel does not exist"));
}

#[test]
fn a_changed_action_changes_the_result_at_once() {
    // B-9
    let carries = |variant: &str| json!({"$feature/checkout": variant});
    let events = ["control", "test"].map(|variant| event(variant, "demo", "2024-01-02T00:00:00Z", &carries(variant)));
    let mut log = Log::of(&events);
    let id = action(&mut log.lab, &json!([{"event": "demo"}]));
    log.experiment(&json!({"filters": {"actions": [{"id": id}]}}));
    let count = |log: &mut Log| {
        let result = log.lab.results("checkout", &request()).unwrap();
        let MetricResult::Trend { insight, .. } = &result.result else { panic!("not a trend") };
        (insight.iter().map(|series| whole(series.count)).sum::<u64>(), result.is_cached)
    };
    assert_eq!([count(&mut log), count(&mut log)], [(2, false), (2, true)]);
    let rename = UpdateAction::from_json(json!({"name": "Renamed"})).unwrap();
    log.lab.update_action(&id.to_string(), rename, now(), None).unwrap();
    // A name is not in the plan.
    assert_eq!(count(&mut log), (2, true));
    let narrow = UpdateAction::from_json(json!({"steps": [{"event": "demo", "url": "/x"}]})).unwrap();
    log.lab.update_action(&id.to_string(), narrow, now(), None).unwrap();
    assert_eq!(count(&mut log), (0, false));
}

#[test]
fn funnel_steps_of_actions_show_the_action() {
    // R-5, Q-F15
    let carries = |variant: &str| json!({"$feature/checkout": variant});
    let events = ["control", "test"].map(|variant| event(variant, "demo", "2024-01-02T00:00:00Z", &carries(variant)));
    let mut log = Log::of(&events);
    let id = action(&mut log.lab, &json!([{"event": "demo"}]));
    let filters = json!({"insight": "FUNNELS", "actions": [{"id": id, "order": 0}], "events": [
        {"id": "pay", "order": 1, "custom_name": "Paid"}]});
    log.experiment(&json!({"filters": filters}));
    let answer = legacy(&log.lab.results("checkout", &request()).unwrap()).unwrap();
    let step = |index: usize| {
        let step = &answer["result"]["insight"][0][index];
        json!([step["action_id"], step["name"], step["custom_name"], step["type"], step["count"]])
    };
    assert_eq!(step(0), json!([id, "Interested", null, "actions", 1]));
    assert_eq!(step(1), json!(["pay", "pay", "Paid", "events", 0]));
}

#[test]
fn an_action_that_is_measured_is_not_removed() {
    let mut log = Log::of(&[]);
    let [used, exposing, free] = [(); 3].map(|()| action(&mut log.lab, &json!([{"event": "demo"}])));
    log.experiment(&json!({
        "secondary_metrics": [{"name": "s", "filters": {"actions": [{"id": used.to_string()}]}}],
        "parameters": {"custom_exposure_filter": {"actions": [{"id": exposing}]}},
    }));
    for id in [used, exposing] {
        let error = log.lab.delete_action(&id.to_string(), now(), None).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotAllowed { .. }), "{error}");
        assert_eq!(error.to_string(), format!("experiment 'checkout' measures action {id}"));
    }
    log.lab.delete_action(&free.to_string(), now(), Some("ada")).unwrap();
    assert!(matches!(log.lab.action(&free.to_string()).unwrap_err().kind(), ErrorKind::NotFound { .. }));
    assert!(matches!(
        log.lab.delete_action(&free.to_string(), now(), None).unwrap_err().kind(),
        ErrorKind::NotFound { .. }
    ));
    assert_eq!(log.lab.actions().unwrap().len(), 2);

    let mut catalog = abduck::catalog::Catalog::open(log.lab.directory()).unwrap();
    let audit = catalog.snapshot().unwrap().audit_log("action", free).unwrap();
    let told: Vec<_> = audit.iter().map(|entry| (entry.operation.as_str(), entry.before.is_some())).collect();
    assert_eq!(told, [("create", false), ("delete", true)]);
}
