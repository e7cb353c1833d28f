//! Saved metrics.

use crate::support::{Place, assert_transcript};

const REVENUE: &str = "\
name: Revenue
description: What is paid
query:
  kind: ExperimentTrendsQuery
  count_query: {kind: TrendsQuery, series: [{kind: EventsNode, event: paid}]}
";

/// A lab with a saved metric that an experiment uses.
fn lab() -> Place {
    let lab = Place::lab();
    lab.write("revenue.yaml", REVENUE);
    lab.succeeds("metric create revenue.yaml");
    lab.succeeds("experiment create --name A --flag a");
    lab.succeeds("experiment update a --set saved_metrics_ids=[{\"id\":1,\"metadata\":{\"type\":\"primary\"}}]");
    lab
}

#[test]
fn a_saved_metric_is_created_and_shown() {
    let empty = Place::lab();
    assert_transcript!(empty.abduck("metric list"));
    empty.write("revenue.yaml", REVENUE);
    assert_transcript!(empty.abduck("metric create revenue.yaml"));
    let lab = lab();
    assert_transcript!(lab.abduck("metric show Revenue"));
    assert_transcript!(lab.abduck("metric list"));
    assert!(lab.succeeds("experiment show a").contains("saved metrics  Revenue (primary)"));
}

#[test]
fn a_saved_metric_is_changed_for_all_experiments() {
    let lab = lab();
    assert_transcript!(lab.abduck("metric update 1 --name Turnover"));
    assert_eq!(lab.json("experiment show a")["experiment"]["saved_metrics"][0]["name"], "Turnover");
    let printed = lab.succeeds("metric show 1 -o json").replace("paid", "bought");
    assert_eq!(lab.abduck_reading("metric update Turnover - --description Changed", &printed).exit, 0);
    let metric = lab.json("metric show 1");
    assert_eq!(metric["query"]["count_query"]["series"][0]["event"], "bought");
    assert_eq!(metric["description"], "Changed");
}

#[test]
fn a_saved_metric_is_deleted() {
    let lab = lab();
    assert_transcript!(lab.abduck("metric delete Revenue"));
    assert_eq!(lab.json("experiment show a")["experiment"]["saved_metrics"].as_array().map(Vec::len), Some(0));
}

#[test]
fn saved_metrics_that_break_a_rule_are_refused() {
    let lab = lab();
    lab.write("nameless.yaml", "query: {kind: ExperimentTrendsQuery}\n");
    lab.write("other.yaml", "name: A\nquery: {kind: Other}\n");
    assert_transcript!(lab.refuses("metric create nameless.yaml", 2));
    assert_transcript!(lab.refuses("metric create other.yaml", 2));
    for (arguments, exit) in [
        ("create", 2),
        ("create nowhere.yaml", 3),
        ("update Revenue", 2),
        ("update Revenue other.yaml", 2),
        ("update Nothing --name A", 3),
        ("show Nothing", 3),
        ("delete Nothing", 3),
    ] {
        lab.refuses(&format!("metric {arguments}"), exit);
    }
}
