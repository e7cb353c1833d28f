//! Tables of the lab, and metrics that take their values from them (M-1).

use std::fs;

use abduck::results::MetricResult;
use abduck::{Error, LoadReport, Result, Source};
use serde_json::{Map, Value, json};

use crate::support::{Log, event, request};

const PAYMENTS: &str = "\
customer,paid_at,amount
c1,2024-01-03T10:00:00Z,10
c1,2024-01-03T10:00:00Z,5
c1,2024-01-01T00:00:00Z,1000
c1,soon,1000
c2,2024-01-04 12:00:00,7.5
c2,2024-01-05,many
c9,2024-01-03T10:00:00Z,100
c2,2024-01-02T01:00:00+02:00,1000
c1,2024-02-03T10:00:00Z,100
";

fn shown(person: &str, time: &str, variant: &str, customer: Option<&str>) -> Value {
    let mut properties = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
    if let Some(customer) = customer {
        properties["customer"] = json!(customer);
    }
    event(person, "$feature_flag_called", time, &properties)
}

/// Ann is shown the control twice, with the same key; bob and cid the test, cid without a key.
fn lab() -> Log {
    let mut log = Log::of(&[
        shown("ann", "2024-01-02T00:00:00Z", "control", Some("c1")),
        shown("ann", "2024-01-02T08:00:00Z", "control", Some("c1")),
        shown("bob", "2024-01-02T00:00:00Z", "test", Some("c2")),
        shown("cid", "2024-01-02T00:00:00Z", "test", None),
    ]);
    log.experiment(&json!({}));
    log
}

fn load(log: &mut Log, name: &str, file: &str, text: &str) -> Result<LoadReport> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(file);
    fs::write(&path, text).unwrap();
    log.lab.load_table(name, Source::Files(vec![path.display().to_string()]), None, Some("paid_at"))
}

fn metric(more: &Value) -> Map<String, Value> {
    let mut source = json!({
        "kind": "ExperimentDataWarehouseNode", "table_name": "payments", "timestamp_field": "paid_at",
        "events_join_key": "properties.customer", "data_warehouse_join_key": "customer",
        "math": "sum", "math_property": "amount",
    });
    source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let metric = json!({"kind": "ExperimentMetric", "metric_type": "mean", "source": source});
    metric.as_object().unwrap().clone()
}

fn sums(log: &mut Log, more: &Value) -> Result<Vec<(String, u64, f64)>> {
    let result = log.lab.try_metric("checkout", &metric(more), &request())?;
    let MetricResult::Units { variants, .. } = result.result else { panic!("a modern metric has units") };
    Ok(variants.into_iter().map(|variant| (variant.key, variant.number_of_samples, variant.sum)).collect())
}

fn expected() -> Vec<(String, u64, f64)> {
    // Ann's two payments of one moment, once although she has two exposures; not those before it, without a readable time, after
    // the end, and of nobody's key. What is no number counts as 0.
    vec![("control".into(), 1, 15.0), ("test".into(), 2, 7.5)]
}

#[test]
fn revenue_per_user_comes_from_a_table() {
    let mut log = lab();
    let report = load(&mut log, "payments", "payments.csv", PAYMENTS).unwrap();
    assert_eq!((report.table.rows, report.replaced, report.unreadable_timestamps), (9, false, Some(1)));
    assert_eq!(sums(&mut log, &json!({})).unwrap(), expected());
    let counted = sums(&mut log, &json!({"math": "total", "math_property": null})).unwrap();
    assert_eq!(counted, [("control".into(), 1, 2.0), ("test".into(), 2, 2.0)]);
}

#[test]
fn json_lines_say_the_same() {
    let mut log = lab();
    let lines: String = PAYMENTS
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            format!("{}\n", json!({"customer": fields[0], "paid_at": fields[1], "amount": fields[2]}))
        })
        .collect();
    load(&mut log, "payments", "payments.ndjson", &lines).unwrap();
    assert_eq!(sums(&mut log, &json!({})).unwrap(), expected());
}

#[test]
fn loading_again_replaces_as_a_whole_or_not_at_all() {
    let mut log = lab();
    let first = load(&mut log, "payments", "payments.csv", PAYMENTS).unwrap();
    let state = log.lab.data_state().unwrap();
    assert_eq!(state.data_version, first.data_version);
    for (file, text) in [("broken.ndjson", "{\"customer\": \n"), ("empty.csv", "customer,paid_at,amount\n")] {
        let error = load(&mut log, "payments", file, text).unwrap_err();
        assert_eq!(error.code(), "schema", "{error}");
    }
    assert_eq!(log.lab.data_state().unwrap().data_digest, state.data_digest);
    assert_eq!(sums(&mut log, &json!({})).unwrap(), expected());

    let other = "customer,paid_at,amount\nc1,2024-01-03,1\n";
    let again = load(&mut log, "payments", "payments.csv", other).unwrap();
    assert!(again.replaced && again.data_version == first.data_version + 1);
    assert_ne!(log.lab.data_state().unwrap().data_digest, state.data_digest);
    assert_eq!(sums(&mut log, &json!({})).unwrap()[0].2, 1.0);

    assert_eq!(log.lab.tables().unwrap().iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["payments"]);
    log.lab.drop_table("payments").unwrap();
    assert!(log.lab.tables().unwrap().is_empty());
    assert_eq!(log.lab.drop_table("payments").unwrap_err().code(), "not_found");
}

#[test]
fn what_is_missing_is_named_before_a_query_runs() {
    let mut log = lab();
    let said = |error: Error| (error.to_string(), error.hints().to_vec());
    let refused = said(sums(&mut log, &json!({})).unwrap_err());
    assert_eq!(refused.0, "table 'payments' was not found");
    assert_eq!(refused.1, ["load it first: `abduck table load payments FILE`"]);
    load(&mut log, "payments", "payments.csv", PAYMENTS).unwrap();
    let refused = said(sums(&mut log, &json!({"table_name": "payment"})).unwrap_err());
    assert_eq!(refused.1, ["did you mean 'payments'?"]);
    let refused = said(sums(&mut log, &json!({"math_property": "amuont"})).unwrap_err());
    assert_eq!(
        refused,
        ("table 'payments' has no column 'amuont'".to_owned(), vec!["did you mean 'amount'?".to_owned()])
    );
    let numbers = "{\"customer\": \"c1\", \"paid_at\": 3, \"amount\": 1}\n";
    load(&mut log, "payments", "payments.ndjson", numbers).unwrap();
    let refused = said(sums(&mut log, &json!({})).unwrap_err());
    assert!(refused.0.ends_with("which tells no time"), "{}", refused.0);
    assert_eq!(load(&mut log, "", "payments.csv", PAYMENTS).unwrap_err().code(), "invalid_input");
}

/// Rows of a table as a count query.
fn rows_query(more: &Value) -> Value {
    let mut node = json!({"kind": "DataWarehouseNode", "table_name": "payments", "timestamp_field": "paid_at",
        "distinct_id_field": "customer", "id_field": "id"});
    node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"kind": "ExperimentTrendsQuery", "count_query": {"kind": "TrendsQuery", "series": [node]}})
}

#[test]
fn rows_of_a_count_query_have_the_variant_of_the_last_exposure_before_them() {
    // Q-N6. Ann is shown the control and later the test, by another of her ids; bob the test, cid nothing.
    let mut log = Log::of(&[
        shown("ann", "2024-01-02T00:00:00Z", "control", None),
        event("ann-2", "$identify", "2024-01-02T00:00:00Z", &json!({"$anon_distinct_id": "ann"})),
        shown("ann-2", "2024-01-05T00:00:00Z", "test", None),
        shown("bob", "2024-01-03T00:00:00Z", "test", None),
        event("cid", "view", "2024-01-03T00:00:00Z", &json!({})),
    ]);
    let payments = "\
customer,paid_at,amount
ann,2024-01-01T23:59:59Z,1000
ann,2024-01-02T00:00:00Z,1
ann-2,2024-01-03T00:00:00Z,2
ann,2024-01-05T00:00:00Z,4
bob,2024-01-02T00:00:00Z,1000
bob,2024-01-03T01:00:00+01:00,8
bob,2024-01-04,much
cid,2024-01-04,1000
nobody,2024-01-04,1000
bob,2024-02-04,1000
bob,later,1000
";
    load(&mut log, "payments", "payments.csv", payments).unwrap();
    let counted = [
        (json!({}), 2.0, 3.0, 4),
        (json!({"math": "sum", "math_property": "amount"}), 3.0, 12.0, 4),
        (
            json!({"math": "avg", "math_property": "amount", "math_property_type": "data_warehouse_properties"}),
            3.0,
            12.0,
            4,
        ),
        // Ann has rows in both.
        (json!({"math": "dau"}), 1.0, 2.0, 0),
    ];
    let refused = [
        (json!({"distinct_id_field": "custmer"}), "does_not_exist", "column"),
        (json!({"math": "unique_session"}), "invalid_choice", "metrics[5].count_query.series[0].math"),
        (json!({"math": "sum"}), "invalid_input", "metrics[6].count_query.series[0].math_property"),
        (json!({"properties": [{"key": "a"}]}), "unsupported", "metrics[7].count_query.series[0].properties"),
        (json!({"table": "payments"}), "invalid_input", "metrics[8].count_query.series[0]"),
    ];
    let metrics = counted.iter().map(|(more, ..)| more).chain(refused.iter().map(|(more, ..)| more)).map(rows_query);
    log.experiment(&json!({"metrics": metrics.collect::<Vec<_>>()}));
    for (index, (math, control, test, without_variant)) in counted.iter().enumerate() {
        let listed = log.lab.metric_results("checkout", &index.to_string(), &request()).unwrap();
        let MetricResult::Trend { variants, events_without_variant, .. } = &listed.result.result else {
            panic!("not a trend")
        };
        let count = |key: &str| variants.iter().find(|variant| variant.key == key).map(|variant| variant.count);
        let got = (count("control"), count("test"), *events_without_variant);
        assert_eq!(got, (Some(*control), Some(*test), *without_variant), "{math}");
        assert_eq!(variants.iter().map(|variant| variant.absolute_exposure).sum::<f64>(), 3.0);
    }
    for (index, (more, code, place)) in refused.iter().enumerate() {
        let error = log.lab.metric_results("checkout", &(counted.len() + index).to_string(), &request()).unwrap_err();
        let abduck::ErrorKind::Invalid { field: Some(field), .. } = error.kind() else { panic!("{error:?}") };
        assert_eq!((error.code(), field.as_str()), (*code, *place), "{more}: {error}");
    }
}
