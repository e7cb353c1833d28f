//! Metrics given as query nodes (Q-N), and the list of an experiment's metrics.

use abduck::model::saved_metric::CreateSavedMetric;
use abduck::results::{ListedResult, MetricResult, legacy_listed, rows};
use abduck::{ErrorKind, MetricEntry};
use serde_json::{Value, json};

use crate::support::{Log, event, now, request, whole};

const DAY: &str = "2024-01-05T10:00:00Z";

fn carries(variant: &str, amount: f64) -> Value {
    json!({"$feature/checkout": variant, "amount": amount})
}

/// Three persons per variant who are exposed and view; of control one buys for 1.5, of test two for 2.5 each.
fn shop(variants: &[(&str, usize, f64)]) -> Vec<Value> {
    let mut events = Vec::new();
    for (variant, buyers, amount) in variants {
        for person in 0..3 {
            let id = format!("{variant}-{person}");
            let called = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
            events.push(event(&id, "$feature_flag_called", DAY, &called));
            events.push(event(&id, "view", DAY, &carries(variant, 1.0)));
            if person < *buyers {
                events.push(event(&id, "buy", "2024-01-05T11:00:00Z", &carries(variant, *amount)));
            }
        }
    }
    events
}

fn both() -> Vec<Value> {
    shop(&[("control", 1, 1.5), ("test", 2, 2.5)])
}

fn node(event: &str) -> Value {
    json!({"kind": "EventsNode", "event": event, "name": event})
}

fn count(series: &Value) -> Value {
    json!({"kind": "TrendsQuery", "series": [series]})
}

fn trend(series: &Value) -> Value {
    json!({"kind": "ExperimentTrendsQuery", "count_query": count(series)})
}

fn bought(math: &str) -> Value {
    json!({"kind": "EventsNode", "event": "buy", "math": math, "math_property": "amount"})
}

fn ask(log: &mut Log, metric: &str) -> ListedResult {
    log.lab.metric_results("checkout", metric, &request()).unwrap()
}

/// Key, count, exposure and absolute exposure of each variant.
fn variants(listed: &ListedResult) -> Value {
    json!(listed.result.result)["variants"].clone()
}

#[test]
fn maths_become_sums_that_are_not_truncated() {
    // Q-N1, Q-N2, Q-X1
    let mut log = Log::of(&both());
    log.experiment(&json!({"metrics": [trend(&bought("avg")), trend(&bought("p90")), trend(&node("view"))]}));
    for metric in ["0", "metrics[1]"] {
        let listed = ask(&mut log, metric);
        assert_eq!(json!(listed.values), json!({"control": 1.5, "test": 5.0}));
        let wanted = json!([
            {"key": "control", "count": 1.5, "absolute_exposure": 3, "exposure": 1.0},
            {"key": "test", "count": 5, "absolute_exposure": 3, "exposure": 1.0},
        ]);
        assert_eq!(variants(&listed), wanted);
        let answer = legacy_listed(&listed).unwrap();
        assert_eq!(answer["variants"], wanted);
        assert_eq!((&answer["kind"], &answer["stats_version"]), (&json!("ExperimentTrendsQuery"), &json!(1)));
        // The display is cumulative.
        let MetricResult::Trend { insight, .. } = &listed.result.result else { panic!("not a trend") };
        assert_eq!(insight[0].data.last(), Some(&5.0));
    }
    assert_eq!(json!(ask(&mut log, "2").values), json!({"control": 3.0, "test": 3.0}));
}

#[test]
fn an_exposure_query_takes_the_place_of_the_flag() {
    // Q-N1, Q-X4; and Q-N2: without exposure, 0.
    let mut log = Log::of(&both());
    let mut by_view = trend(&node("buy"));
    by_view["exposure_query"] = count(&json!({"kind": "EventsNode", "event": "view", "math": "dau"}));
    let mut by_nothing = trend(&node("buy"));
    by_nothing["exposure_query"] = count(&json!({"kind": "EventsNode", "event": "buy", "properties": [
        {"key": "$feature/checkout", "value": "control", "operator": "exact"}]}));
    let mut never = trend(&node("buy"));
    never["exposure_query"] = count(&node("never"));
    log.experiment(&json!({"metrics": [by_view, by_nothing, never]}));
    let exposures = |listed: &ListedResult| {
        let variants = variants(listed);
        let of = |index: usize| (variants[index]["absolute_exposure"].clone(), variants[index]["exposure"].clone());
        [of(0), of(1)]
    };
    assert_eq!(exposures(&ask(&mut log, "0")), [(json!(3), json!(1.0)), (json!(3), json!(1.0))]);
    let listed = ask(&mut log, "1");
    assert_eq!(exposures(&listed), [(json!(1), json!(1.0)), (json!(0), json!(0.0))]);
    let answer = legacy_listed(&listed).unwrap();
    assert_eq!(
        (&answer["variants"][1]["absolute_exposure"], &answer["significance_code"]),
        (&json!(0), &json!("not_enough_exposure"))
    );
    // Q-N3
    let error = legacy_listed(&ask(&mut log, "2")).unwrap_err();
    assert_eq!(error.to_string(), r#"{"no-exposures":true,"no-control-variant":false,"no-test-variant":false}"#);
}

#[test]
fn what_is_missing_is_said_in_the_words_of_the_runners() {
    // Q-N3
    let mut log = Log::of(&shop(&[("control", 1, 1.0)]));
    log.experiment(&json!({"metrics": [trend(&node("buy")), trend(&node("never"))]}));
    let error = |log: &mut Log, metric: &str| legacy_listed(&ask(log, metric)).unwrap_err();
    let lonely = error(&mut log, "0");
    assert_eq!(lonely.to_string(), r#"{"no-exposures":false,"no-control-variant":false,"no-test-variant":true}"#);
    assert_eq!((lonely.code(), error(&mut log, "1").code()), ("invalid_input", "no-results"));
}

#[test]
fn a_funnel_is_honoured_with_its_global_properties() {
    // Q-N4, Q-F4
    let funnel = |more: Value| {
        let mut query = json!({"kind": "FunnelsQuery", "series": [node("view"), node("buy")]});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"kind": "ExperimentFunnelsQuery", "funnels_query": query})
    };
    let mut log = Log::of(&both());
    let minutes = json!({"funnelsFilter": {"funnelWindowInterval": 30, "funnelWindowIntervalUnit": "minute"}});
    let small = json!({"properties": [{"key": "amount", "value": 2, "operator": "lt", "type": "event"}]});
    log.experiment(&json!({"metrics": [funnel(json!({})), funnel(minutes), funnel(small)]}));
    let counts = |log: &mut Log, metric: &str| {
        let rows = rows(&ask(log, metric).result);
        rows.iter().map(|row| (whole(row.units), whole(row.count))).collect::<Vec<_>>()
    };
    assert_eq!(counts(&mut log, "0"), [(3, 1), (3, 2)]);
    assert_eq!(counts(&mut log, "1"), [(3, 0), (3, 0)]);
    assert_eq!(counts(&mut log, "2"), [(3, 1), (3, 0)]);
    let answer = legacy_listed(&ask(&mut log, "0")).unwrap();
    assert_eq!(answer["variants"][1], json!({"key": "test", "success_count": 2, "failure_count": 1}));
    assert!(answer["funnels_query"]["series"].is_array());
}

#[test]
fn the_holdout_is_a_variant_of_query_nodes() {
    // Q-N5
    let holdout = json!({"name": "h", "filters": [{"properties": [], "rollout_percentage": 10, "variant": "holdout"}]});
    let holdout = abduck::model::holdout::CreateHoldout::from_json(holdout).unwrap();
    let mut log = Log::of(&[]);
    let holdout = log.lab.create_holdout(holdout, now(), None).unwrap();
    log.add(&shop(&[("control", 1, 1.0), ("test", 1, 1.0), (&format!("holdout-{}", holdout.id), 1, 1.0)]));
    log.experiment(&json!({"holdout_id": holdout.id, "metrics": [trend(&node("buy"))]}));
    assert_eq!(ask(&mut log, "0").values.len(), 3);
}

#[test]
fn metrics_are_listed_in_their_order_and_found_by_id_number_and_name() {
    // L-43: a saved metric shows through as it is now.
    let mut log = Log::of(&both());
    let metric = CreateSavedMetric::from_json(json!({"name": "Saved", "query": trend(&node("buy"))})).unwrap();
    let saved = log.lab.create_saved_metric(metric, now(), None).unwrap();
    let filters = json!({"events": [{"id": "view"}]});
    let mut named = trend(&node("buy"));
    named["name"] = json!("Twice");
    log.experiment(&json!({
        "filters": filters, "metrics": [named], "metrics_secondary": [named],
        "secondary_metrics": [{"name": "Old", "filters": filters}],
        "saved_metrics_ids": [{"id": saved.id, "metadata": {"type": "primary"}}],
    }));
    let entries = log.lab.metrics("checkout").unwrap();
    let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
    let saved_id = format!("saved_metrics[{}]", saved.id);
    assert_eq!(ids, ["filters", "metrics[0]", &saved_id, "secondary_metrics[0]", "metrics_secondary[0]"]);
    let kinds: Vec<_> = entries.iter().map(|entry| entry.kind.as_str()).collect();
    let node_kind = "ExperimentTrendsQuery";
    assert_eq!(kinds, ["filters", node_kind, node_kind, "filters", node_kind]);
    for entry in &entries {
        for wanted in [entry.id.clone(), entry.index.to_string()] {
            let listed = ask(&mut log, &wanted);
            assert_eq!(&listed.metric, entry);
            let again: ListedResult = serde_json::from_value(json!(listed)).unwrap();
            assert_eq!(again, listed);
        }
    }
    assert_eq!(ask(&mut log, "Saved").metric.index, 2);
    assert_eq!(ask(&mut log, "Old").metric.index, 3);
    let ambiguous = log.lab.metric_results("checkout", "Twice", &request()).unwrap_err();
    assert_eq!(ambiguous.code(), "invalid_choice");
    let missing = log.lab.metric_results("checkout", "Savd", &request()).unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::NotFound { .. }), "{missing:?}");
    assert_eq!(missing.hints(), ["did you mean 'Saved'?"]);
    // A listed metric in the legacy form says what it always said.
    let primary = ask(&mut log, "filters");
    assert_eq!(primary.result.result, log.lab.results("checkout", &request()).unwrap().result);
    let text = abduck::report::listed_result(&ask(&mut log, "Saved"), None);
    assert!(text.starts_with(&format!("Checkout: Saved  ({saved_id}, trend, flag checkout, ")), "{text}");
    // The history is that of the primary metric alone.
    assert_eq!(log.lab.history("checkout").unwrap().unreadable, 0);
}

#[test]
fn kinds_that_are_not_built_are_refused_by_name() {
    // Q-N7
    let mut log = Log::of(&both());
    let retention = trend(&json!({"kind": "RetentionNode", "id": "t"}));
    let other = json!({"kind": "ExperimentPathsQuery"});
    log.experiment(&json!({"metrics": [retention, other]}));
    for (metric, field) in [("0", "metrics[0].count_query.series[0].kind"), ("1", "metrics[1].kind")] {
        let error = log.lab.metric_results("checkout", metric, &request()).unwrap_err();
        let ErrorKind::Invalid { field: Some(got), code, .. } = error.kind() else { panic!("{error:?}") };
        let wanted = if metric == "0" { "invalid_input" } else { "unsupported" };
        assert_eq!((got.as_str(), *code), (field, wanted));
    }
    let entries: Vec<MetricEntry> = log.lab.metrics("checkout").unwrap();
    assert_eq!(entries.len(), 2);
}
