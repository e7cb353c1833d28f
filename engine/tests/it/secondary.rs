//! Results of secondary metrics (R-8 to R-10, Q-S), from end to end.

use abduck::results::{MetricResult, SecondaryResult, legacy_secondary};
use abduck::{Engine, ErrorKind, ResultsRequest};
use serde_json::{Value, json};

use crate::support::{Log, event, now, request};

const AT: &str = "2024-01-02T00:00:00Z";

fn carries(variant: &str) -> Value {
    json!({"$feature/checkout": variant})
}

/// Ten persons per variant that view; of control one buys, of test four do; some are exposed twice by `cart`.
fn shop(variants: &[&str]) -> Vec<Value> {
    let mut events = Vec::new();
    for variant in variants {
        for person in 0..10 {
            let id = format!("{variant}-{person}");
            let shown = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
            events.push(event(&id, "$feature_flag_called", AT, &shown));
            events.push(event(&id, "view", AT, &carries(variant)));
            if person < 2 {
                events.push(event(&id, "cart", AT, &carries(variant)));
                events.push(event(&id, "cart", AT, &carries(variant)));
            }
            if person < if *variant == "control" { 1 } else { 4 } {
                events.push(event(&id, "buy", "2024-01-02T01:00:00Z", &carries(variant)));
            }
        }
    }
    events
}

fn metrics() -> Value {
    json!([
        {"name": "Purchases", "filters": {"insight": "TRENDS", "events": [{"id": "buy"}]}},
        {"name": "Conversion", "filters": {"insight": "funnels", "events": [{"id": "view", "order": 0}, {"id": "buy", "order": 1}]}},
        {"name": "Nothing", "filters": {"events": [{"id": "nothing"}]}},
        {"name": "Paths", "filters": {"insight": "PATHS", "events": [{"id": "buy"}]}},
        {"name": "Wrong", "filters": {"events": [{"id": "buy", "math": "weekly_active"}]}},
    ])
}

fn ask(lab: &mut Engine, id: &Value) -> SecondaryResult {
    lab.secondary_results("checkout", Some(id), &request()).unwrap()
}

#[test]
fn a_secondary_metric_has_one_number_per_variant() {
    let mut log = Log::of(&shop(&["control", "test"]));
    log.experiment(&json!({"secondary_metrics": metrics()}));
    let trend = ask(&mut log.lab, &json!("0"));
    assert_eq!((trend.metric.index, trend.metric.name.as_str()), (0, "Purchases"));
    assert_eq!(json!(trend.values), json!({"control": 1.0, "test": 4.0}));
    let funnel = ask(&mut log.lab, &json!(1));
    assert_eq!(json!(funnel.values), json!({"control": 0.1, "test": 0.4}));
    let text = abduck::report::secondary_result(&funnel, None);
    assert!(text.starts_with("Checkout: Conversion  (secondary metric 1, funnel, flag checkout, "), "{text}");
    let again: SecondaryResult = serde_json::from_value(json!(funnel)).unwrap();
    assert_eq!(again, funnel);
}

#[test]
fn the_legacy_shape_leaves_statistics_out_where_there_are_none() {
    // R-8, Q-S6
    let mut log = Log::of(&shop(&["control", "test"]));
    log.experiment(&json!({"secondary_metrics": metrics()}));
    let keys = |answer: &Value| {
        let mut keys: Vec<_> = answer["result"].as_object().unwrap().keys().cloned().collect();
        keys.sort_unstable();
        keys.join(" ")
    };
    let trend = legacy_secondary(&ask(&mut log.lab, &json!(0)));
    assert_eq!(
        keys(&trend),
        "credible_intervals exposure_filters filters insight p_value probability result significance_code significant variants"
    );
    assert_eq!(trend["is_cached"], false);
    let funnel = legacy_secondary(&ask(&mut log.lab, &json!(1)));
    assert_eq!(
        keys(&funnel),
        "credible_intervals expected_loss filters insight probability result significance_code significant variants"
    );
    let nothing = legacy_secondary(&ask(&mut log.lab, &json!(2)));
    assert_eq!(keys(&nothing), "exposure_filters filters insight result");
    assert_eq!(nothing["result"]["result"], json!({}));

    let mut control_only = Log::of(&shop(&["control"]));
    control_only.experiment(&json!({"secondary_metrics": metrics()}));
    let funnel = legacy_secondary(&ask(&mut control_only.lab, &json!(1)));
    assert_eq!(
        (keys(&funnel), &funnel["result"]["result"]),
        ("filters insight result".to_owned(), &json!({"control": 0.1}))
    );
}

#[test]
fn holdout_and_custom_exposure_hold_for_secondary_metrics_as_well() {
    // B-20; the reference leaves both out (Q-S1).
    let mut log = Log::of(&shop(&["control", "test", "holdout-1"]));
    let database = rusqlite::Connection::open(log.lab.directory().join("catalog.sqlite")).unwrap();
    let sql = "INSERT INTO holdout (name, filters, created_at, updated_at) VALUES ('h', '[]', 0, 0)";
    database.execute(sql, []).unwrap();
    drop(database);
    log.experiment(&json!({
        "filters": {"events": [{"id": "buy"}]}, "secondary_metrics": metrics(), "holdout_id": 1,
        "parameters": {"custom_exposure_filter": {"events": [{"id": "cart"}]}},
    }));
    let secondary = ask(&mut log.lab, &json!(0));
    assert_eq!(json!(secondary.values), json!({"control": 1.0, "holdout-1": 4.0, "test": 4.0}));
    let MetricResult::Trend { variants, .. } = &secondary.result.result else { panic!("not a trend") };
    assert!(
        variants.iter().all(|variant| (variant.absolute_exposure - 4.0).abs() < 1e-9),
        "two events of two persons: {variants:?}"
    );
    let mut primary = log.lab.results("checkout", &request()).unwrap().result;
    if let (MetricResult::Trend { filters, .. }, MetricResult::Trend { filters: other, .. }) =
        (&mut primary, &secondary.result.result)
    {
        // The same but for the way it was written down.
        filters.clone_from(other);
    }
    assert_eq!(primary, secondary.result.result);
}

#[test]
fn secondary_results_are_kept_apart_from_primary_ones() {
    let mut log = Log::of(&shop(&["control", "test"]));
    let experiment = log.experiment(&json!({
        "filters": {"insight": "TRENDS", "events": [{"id": "buy"}]}, "secondary_metrics": metrics(),
    }));
    assert!(!log.lab.results("checkout", &request()).unwrap().is_cached);
    let is_cached = [(); 2].map(|()| ask(&mut log.lab, &json!(0)).result.is_cached);
    assert_eq!(is_cached, [false, true], "the same definition, but another role");
    let refresh = ResultsRequest { refresh: true, ..request() };
    assert!(!log.lab.secondary_results("checkout", Some(&json!(0)), &refresh).unwrap().result.is_cached);

    let mut catalog = abduck::catalog::Catalog::open(log.lab.directory()).unwrap();
    let history = catalog.snapshot().unwrap().result_history(experiment.id).unwrap();
    let metrics: Vec<_> = history.iter().map(|past| past.result["metric"]["index"].as_u64()).collect();
    assert_eq!(metrics, [None, Some(0), Some(0)]);
}

#[test]
fn wrong_requests_are_refused_in_the_order_of_the_reference() {
    // R-9, B-1, B-2, B-6
    let mut log = Log::of(&[]);
    log.experiment(&json!({"secondary_metrics": metrics()}));
    let refusal = |lab: &mut Engine, key: &str, id: Option<Value>| {
        lab.secondary_results(key, id.as_ref(), &request()).unwrap_err()
    };
    assert_eq!(refusal(&mut log.lab, "checkout", None).to_string(), "Secondary metric id is required");
    assert_eq!(refusal(&mut log.lab, "checkout", Some(json!("5"))).to_string(), "Invalid metric ID");
    let paths = refusal(&mut log.lab, "checkout", Some(json!(3)));
    assert_eq!(paths.to_string(), "Secondary metrics need to be funnel or trend insights");
    let wrong = refusal(&mut log.lab, "checkout", Some(json!(4)));
    let ErrorKind::Invalid { field, .. } = wrong.kind() else { panic!("{wrong:?}") };
    assert_eq!(field.as_deref(), Some("secondary_metrics[4].filters.events[0].math"));

    let draft =
        json!({"feature_flag_key": "draft", "start_date": null, "end_date": null, "secondary_metrics": metrics()});
    log.experiment(&draft);
    assert_eq!(refusal(&mut log.lab, "draft", Some(json!(9))).to_string(), "Invalid metric ID");
    assert_eq!(refusal(&mut log.lab, "draft", Some(json!(0))).to_string(), "Experiment does not have a start date");
    log.experiment(&json!({"feature_flag_key": "none"}));
    assert_eq!(refusal(&mut log.lab, "none", None).to_string(), "Experiment has no secondary metrics");
    assert_eq!(now(), request().now);
}
