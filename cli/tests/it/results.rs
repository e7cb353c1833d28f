//! From one's own file to a verdict, and how the verdict comes about.

use abduck::ExperimentResult;
use serde_json::Value;

use crate::support::{Place, assert_transcript};

#[test]
fn a_csv_of_ones_own_becomes_a_verdict() {
    assert_transcript!(Place::running().abduck("results checkout"));
}

#[test]
fn a_funnel_becomes_a_verdict() {
    let lab = Place::running();
    lab.write("shop.csv", &crate::support::purchases());
    lab.succeeds("ingest shop.csv --flag button=variant --exposure-event exposed");
    lab.succeeds(
        "experiment create --name Button --flag button --metric funnel --event $feature_flag_called --event bought \
         --start 2026-03-01 --end 2026-03-08",
    );
    assert_transcript!(lab.abduck("results button"));
}

#[test]
fn a_result_read_back_is_the_same() {
    let printed = Place::running().succeeds("results checkout -o json");
    // The types deny unknown fields.
    let result: ExperimentResult = serde_json::from_str(&printed).unwrap();
    assert_eq!(serde_json::to_value(&result).unwrap(), serde_json::from_str::<Value>(&printed).unwrap());
    assert_eq!((result.format_version, result.is_cached), (1, false));
}

#[test]
fn a_result_as_a_table_for_programs() {
    let lab = Place::running();
    assert_transcript!(lab.abduck("results checkout -q -o csv"));
    assert_transcript!(lab.abduck("results checkout -q -o md"));
}

#[test]
fn a_kept_result_is_given_until_refreshed() {
    let lab = Place::running();
    let is_cached = |arguments: &str| {
        let result: ExperimentResult = serde_json::from_str(&lab.succeeds(arguments)).unwrap();
        result.is_cached
    };
    assert!(!is_cached("results checkout -o json"));
    assert!(is_cached("results checkout -o json"));
    assert!(!is_cached("results checkout -o json --refresh"));
    assert!(lab.abduck("results checkout").stderr.contains("--refresh computes it again"));
}

#[test]
fn a_result_as_of_a_moment() {
    let lab = Place::lab();
    lab.write("shop.csv", &crate::support::purchases());
    lab.succeeds("ingest shop.csv --flag checkout=variant --exposure-event exposed");
    lab.succeeds("experiment create --name Checkout --flag checkout --event bought --start 2026-03-01");
    let units = |moment: &str| {
        let printed = lab.succeeds(&format!("results checkout -o json --as-of {moment}"));
        let result: ExperimentResult = serde_json::from_str(&printed).unwrap();
        abduck::results::rows(&result).iter().map(|row| row.units).sum::<f64>()
    };
    assert!(units("2026-03-03") < units("2026-03-05"));
    assert!((units("2026-03-09") - 800.0).abs() < 1e-9);
}

#[test]
fn a_result_in_the_compatible_shape() {
    let lab = Place::running();
    let legacy: Value = serde_json::from_str(&lab.succeeds("results checkout --shape legacy")).unwrap();
    assert_eq!(legacy["result"]["variants"][0]["key"], "control");
    assert!(legacy["result"]["probability"]["test"].is_f64());
    assert_eq!(lab.abduck("results checkout --shape legacy -o csv").exit, 2);
}

#[test]
fn without_data_the_verdict_says_what_is_missing() {
    let lab = Place::lab();
    lab.succeeds(
        "experiment create --name Checkout --flag checkout --event bought --start 2026-03-01 --end 2026-03-08",
    );
    assert_transcript!(lab.abduck("results checkout"));
    assert_eq!(lab.abduck("results checkout --shape legacy").exit, 4);
}

#[test]
fn a_plan_is_explained() {
    assert_transcript!(Place::running().abduck("explain checkout"));
}

#[test]
fn a_plan_is_explained_and_run() {
    let lab = Place::running();
    assert_transcript!(lab.abduck("explain checkout --run"));
    let run: Value = serde_json::from_str(&lab.succeeds("explain checkout --run -o json")).unwrap();
    assert_eq!(run["stages"][0]["purpose"], "counts");
    assert!(run["measured"]["trend"]["variants"].is_array());
    let csv = lab.succeeds("explain checkout --run -o csv");
    assert!(csv.starts_with("query,rows,seconds\nevents per variant,14,"), "{csv}");
}

#[test]
fn a_funnel_is_explained() {
    let lab = Place::running();
    lab.succeeds(
        "experiment create --name Button --flag button --metric funnel --event viewed --event bought --where plan=pro \
         --start 2026-03-01 --end 2026-03-08",
    );
    assert_transcript!(lab.abduck("explain button"));
}

/// A lab whose experiment has two secondary metrics.
fn with_secondary_metrics() -> Place {
    let lab = Place::lab();
    lab.write("shop.csv", &crate::support::purchases());
    lab.succeeds("ingest shop.csv --flag checkout=variant --exposure-event exposed");
    let definition = serde_json::json!({
        "name": "Checkout", "feature_flag_key": "checkout", "start_date": "2026-03-01", "end_date": "2026-03-08",
        "filters": {"events": [{"id": "bought"}]},
        "secondary_metrics": [
            {"name": "Purchases", "filters": {"insight": "TRENDS", "events": [{"id": "bought"}]}},
            {"name": "Conversion", "filters": {"insight": "FUNNELS", "events": [
                {"id": "$feature_flag_called", "order": 0}, {"id": "bought", "order": 1}]}},
        ],
    });
    lab.write("checkout.json", &definition.to_string());
    lab.succeeds("experiment create checkout.json");
    lab
}

#[test]
fn a_secondary_metric_becomes_a_verdict() {
    let lab = with_secondary_metrics();
    assert_transcript!(lab.abduck("results checkout --secondary 1"));
    assert_transcript!(lab.abduck("results checkout -q --secondary 0 -o csv"));
}

#[test]
fn a_secondary_result_read_back_is_the_same() {
    let printed = with_secondary_metrics().succeeds("results checkout --secondary 1 -o json");
    let result: abduck::SecondaryResult = serde_json::from_str(&printed).unwrap();
    assert_eq!(serde_json::to_value(&result).unwrap(), serde_json::from_str::<Value>(&printed).unwrap());
    assert_eq!((result.metric.name.as_str(), result.values["control"]), ("Conversion", 0.1));
}

#[test]
fn a_secondary_result_in_the_compatible_shape() {
    let lab = with_secondary_metrics();
    let printed = lab.succeeds("results checkout --secondary 0 --shape legacy");
    let legacy: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(legacy["result"]["result"], serde_json::json!({"control": 40.0, "test": 60.0}));
    assert!(legacy["result"]["probability"]["test"].is_f64());
    for (id, message) in [("2", "Invalid metric ID"), ("-1", "Invalid metric ID"), ("x", "must be an integer")] {
        let refused = lab.abduck(&format!("results checkout --secondary {id}"));
        assert_eq!(refused.exit, 2, "{refused}");
        assert!(refused.stderr.contains(message), "{refused}");
    }
}

/// A lab whose experiment has metrics of several forms.
fn with_metrics() -> Place {
    let lab = Place::lab();
    lab.write("shop.csv", &crate::support::purchases());
    lab.succeeds("ingest shop.csv --flag checkout=variant --exposure-event exposed");
    let series = |event: &str| serde_json::json!([{"kind": "EventsNode", "event": event}]);
    let definition = serde_json::json!({
        "name": "Checkout", "feature_flag_key": "checkout", "start_date": "2026-03-01", "end_date": "2026-03-08",
        "filters": {"events": [{"id": "bought"}]},
        "metrics": [{"kind": "ExperimentTrendsQuery", "name": "Purchases", "count_query": {"series": series("bought")}}],
        "metrics_secondary": [{"kind": "ExperimentMetric", "metric_type": "mean", "source": series("bought")[0]}],
    });
    lab.write("checkout.json", &definition.to_string());
    lab.succeeds("experiment create checkout.json");
    lab
}

#[test]
fn metrics_are_listed_and_asked_for_by_number_and_name() {
    let lab = with_metrics();
    assert_transcript!(lab.abduck("experiment metrics checkout"));
    assert_transcript!(lab.abduck("results checkout --metric Purchases"));
    let by_number = lab.succeeds("results checkout --metric 1 -o json");
    let listed: abduck::ListedResult = serde_json::from_str(&by_number).unwrap();
    assert_eq!(serde_json::to_value(&listed).unwrap(), serde_json::from_str::<Value>(&by_number).unwrap());
    assert_eq!((listed.metric.id.as_str(), listed.values["test"]), ("metrics[0]", 60.0));
    let legacy: Value = serde_json::from_str(&lab.succeeds("results checkout --metric 1 --shape legacy")).unwrap();
    assert_eq!(legacy["kind"], "ExperimentTrendsQuery");
    let csv = lab.succeeds("results checkout -q --metric filters -o csv");
    assert!(csv.starts_with("variant,units,count,") && csv.contains("value\n"), "{csv}");
    for (metric, message) in
        [("Purchase", "did you mean 'Purchases'?"), ("2 --shape legacy", "no legacy form"), ("9", "numbered 0 to 2")]
    {
        let refused = lab.abduck(&format!("results checkout --metric {metric}"));
        assert!(refused.exit != 0 && refused.stderr.contains(message), "{refused}");
    }
}
