//! The rules of modern metrics one by one, on logs small enough to count by hand.

use std::fs;

use abduck::results::{MetricResult, UnitVariant};
use serde_json::{Value, json};

use crate::support::{Log, event, now, request};

/// An exposure to a variant at an hour of January, with some properties.
fn exposed(person: &str, variant: &str, time: &str, properties: &Value) -> Value {
    let mut all = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    event(person, "$feature_flag_called", time, &all)
}

fn bought(person: &str, time: &str, amount: f64) -> Value {
    event(person, "buy", time, &json!({"amount": amount}))
}

fn revenue() -> Value {
    json!({"metric_type": "mean", "source": {"event": "buy", "math": "sum", "math_property": "amount"}})
}

fn with(mut metric: Value, more: &Value) -> Value {
    metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metric
}

fn result(log: &mut Log, metric: &Value) -> MetricResult {
    log.lab.try_metric("checkout", metric.as_object().unwrap(), &request()).unwrap().result
}

fn variants(log: &mut Log, metric: &Value) -> Vec<UnitVariant> {
    let MetricResult::Units { variants, .. } = result(log, metric) else { panic!("not a modern metric") };
    variants
}

/// The number of units and the sum of each variant.
fn sums(log: &mut Log, metric: &Value) -> Vec<(String, u64, f64)> {
    let sums = variants(log, metric).into_iter();
    sums.map(|variant| (variant.key, variant.number_of_samples, variant.sum)).collect()
}

fn of(control: (u64, f64), test: (u64, f64)) -> Vec<(String, u64, f64)> {
    vec![("control".to_owned(), control.0, control.1), ("test".to_owned(), test.0, test.1)]
}

/// One person per variant, who buys half a day, two days and eighteen days after the exposure.
fn shop() -> Log {
    let mut events = Vec::new();
    for (person, variant, times) in [("a", "control", 1.0), ("b", "test", 10.0)] {
        events.push(exposed(person, variant, "2024-01-02T00:00:00Z", &json!({})));
        events.push(bought(person, "2024-01-02T12:00:00Z", times));
        events.push(bought(person, "2024-01-04T00:00:00Z", 2.0 * times));
        events.push(bought(person, "2024-01-20T00:00:00Z", 4.0 * times));
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({}));
    log
}

#[test]
fn windows_begin_late_end_early_or_look_at_the_last_time_only() {
    // M-21, and beyond the reference a delay and a look-back.
    let mut log = shop();
    let days = |key: &str, length: i64| json!({key: length, format!("{key}_unit"): "day"});
    for (more, sum) in [
        (json!({}), 7.0),
        (days("conversion_window", 7), 3.0),
        // The end of the window is outside: the second purchase is exactly two days after the exposure.
        (days("conversion_window", 2), 1.0),
        (json!({"delay": 1, "delay_unit": "day"}), 6.0),
        // The begin of the delay is inside.
        (json!({"delay": 12, "delay_unit": "hour"}), 7.0),
        (days("lookback_window", 14), 4.0),
        (json!({"delay": 1, "delay_unit": "day", "conversion_window": 7, "conversion_window_unit": "day"}), 2.0),
    ] {
        assert_eq!(sums(&mut log, &with(revenue(), &more)), of((1, sum), (1, 10.0 * sum)), "{more}");
    }
}

#[test]
fn a_number_comes_from_an_expression() {
    let purchase = |price: Value, pieces: Value, sku: &str| {
        let properties = json!({"price": price, "pieces": pieces, "sku": sku});
        event("a", "buy", "2024-01-03T00:00:00Z", &properties)
    };
    let mut log = Log::of(&[
        exposed("a", "control", "2024-01-02T00:00:00Z", &json!({})),
        purchase(json!(2), json!("3"), "x"),
        purchase(json!(1.5), json!(2), "y"),
        purchase(json!("much"), json!(2), "x"),
    ]);
    log.experiment(&json!({}));
    for (expression, value) in [
        ("properties.price * properties.pieces", 9.0),
        ("sum(properties.price * properties.pieces)", 9.0),
        ("avg(properties.pieces)", 7.0 / 3.0),
        ("max(properties.price)", 2.0),
        ("count()", 3.0),
        ("uniq(properties.pieces)", 2.0),
        ("(properties.pieces) * (properties.pieces)", 17.0),
    ] {
        let metric =
            json!({"metric_type": "mean", "source": {"event": "buy", "math": "hogql", "math_hogql": expression}});
        let sum = variants(&mut log, &metric)[0].sum;
        assert!((sum - value).abs() < 1e-12, "{expression}: {sum}");
    }
    let injected = json!({"event": "buy", "math": "hogql", "math_hogql": "1); DROP TABLE event"});
    let injected = json!({"metric_type": "mean", "source": injected});
    assert!(log.lab.try_metric("checkout", injected.as_object().unwrap(), &request()).is_err());
}

#[test]
fn quantiles_are_of_units_or_of_events() {
    let mut log = shop();
    let quantile = |of: &str| {
        json!({"metric_type": "quantile", "quantile": 0.5, "quantile_of": of,
            "source": {"event": "buy", "math": "sum", "math_property": "amount"}})
    };
    let value = |variants: Vec<UnitVariant>| {
        let quantile = variants[1].quantile.unwrap();
        (quantile.value, quantile.values)
    };
    assert_eq!(value(variants(&mut log, &quantile("unit"))), (70.0, 1));
    assert_eq!(value(variants(&mut log, &quantile("event"))), (20.0, 3));
}

#[test]
fn the_time_to_convert_is_that_of_units_that_convert() {
    let mut log = Log::of(&[
        exposed("a", "control", "2024-01-02T00:00:00Z", &json!({})),
        event("a", "view", "2024-01-02T00:10:00Z", &json!({})),
        event("a", "buy", "2024-01-02T01:00:00Z", &json!({})),
        event("a", "buy", "2024-01-02T02:00:00Z", &json!({})),
        exposed("b", "control", "2024-01-02T00:00:00Z", &json!({})),
        event("b", "buy", "2024-01-02T01:00:00Z", &json!({})),
        exposed("c", "test", "2024-01-02T00:00:00Z", &json!({})),
        event("c", "buy", "2024-01-02T00:10:00Z", &json!({})),
        event("c", "view", "2024-01-02T00:20:00Z", &json!({})),
        event("c", "buy", "2024-01-02T00:20:00Z", &json!({})),
    ]);
    log.experiment(&json!({}));
    let metric = json!({"metric_type": "time_to_convert", "series": [{"event": "view"}, {"event": "buy"}]});
    assert_eq!(sums(&mut log, &metric), of((1, 3_600.0), (1, 1_200.0)));
}

#[test]
fn a_breakdown_is_by_the_first_exposure_and_null_is_a_part_of_its_own() {
    // M-60
    let mut log = Log::of(&[
        exposed("a", "control", "2024-01-02T00:00:00Z", &json!({"plan": "pro"})),
        exposed("a", "control", "2024-01-03T00:00:00Z", &json!({"plan": "free"})),
        bought("a", "2024-01-04T00:00:00Z", 5.0),
        exposed("b", "test", "2024-01-02T00:00:00Z", &json!({})),
        bought("b", "2024-01-04T00:00:00Z", 3.0),
    ]);
    log.experiment(&json!({}));
    let metric = with(revenue(), &json!({"breakdownFilter": {"breakdowns": [{"property": "plan"}]}}));
    let MetricResult::Units { breakdowns, variants, .. } = result(&mut log, &metric) else { panic!() };
    assert_eq!((variants[0].sum, variants[1].sum), (5.0, 3.0));
    let parts: Vec<_> = breakdowns
        .iter()
        .map(|part| (part.properties["plan"].clone(), part.variants[0].number_of_samples, part.variants[1].sum))
        .collect();
    assert_eq!(parts, [(Value::Null, 0, 3.0), (json!("pro"), 1, 0.0)]);
}

#[test]
fn units_of_several_variants_are_shown_both_ways_with_the_worst_case() {
    // M-13: c saw both; it is left out, and could move either mean.
    let mut log = Log::of(&[
        exposed("a", "control", "2024-01-02T00:00:00Z", &json!({})),
        bought("a", "2024-01-03T00:00:00Z", 2.0),
        exposed("b", "test", "2024-01-02T00:00:00Z", &json!({})),
        bought("b", "2024-01-03T00:00:00Z", 4.0),
        exposed("c", "test", "2024-01-02T00:00:00Z", &json!({})),
        exposed("c", "control", "2024-01-02T01:00:00Z", &json!({})),
        bought("c", "2024-01-03T00:00:00Z", 10.0),
    ]);
    log.experiment(&json!({}));
    let MetricResult::Units { several_variants, variants, .. } = result(&mut log, &revenue()) else { panic!() };
    assert_eq!((variants[0].sum, variants[1].sum, several_variants.units), (2.0, 4.0, 1));
    let otherwise: Vec<_> = several_variants.otherwise.iter().map(|variant| variant.sum).collect();
    assert_eq!(otherwise, [2.0, 14.0]);
    let bounds: Vec<_> = several_variants.mean_bounds.iter().map(|bounds| (bounds.least, bounds.greatest)).collect();
    assert_eq!(bounds, [(2.0, 6.0), (4.0, 7.0)]);
    let view = log.lab.exposure_view("checkout", now(), &[]).unwrap();
    assert_eq!((view.totals["$multiple"], view.flickering_units), (1, 0));
}

#[test]
fn ratios_are_clamped_component_by_component() {
    // M-41, M-23: the upper bounds are the medians, 2 of the numerators 1, 2, 9 and 1 of the denominators 1, 1, 3.
    let mut events = Vec::new();
    for (person, amount, views) in [("a", 1.0, 1), ("b", 2.0, 1), ("c", 9.0, 3)] {
        events.push(exposed(person, "control", "2024-01-02T00:00:00Z", &json!({})));
        events.push(bought(person, "2024-01-03T00:00:00Z", amount));
        for view in 0..views {
            events.push(event(person, "view", &format!("2024-01-03T0{view}:00:00Z"), &json!({})));
        }
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({}));
    let metric = json!({"metric_type": "ratio", "numerator": revenue()["source"], "denominator": {"event": "view"},
        "numerator_outlier_handling": {"upper_bound_percentile": 0.5},
        "denominator_outlier_handling": {"upper_bound_percentile": 0.5}});
    let control = &variants(&mut log, &metric)[0];
    assert_eq!((control.sum, control.denominator.unwrap().denominator_sum), (5.0, 3.0));
}

#[test]
fn exact_periods_of_retention_run_from_the_start_and_days_by_the_calendar() {
    // M-52: a week is seven times 24 hours after the start; the first day after is any time of the next date.
    let mut log = Log::of(&[
        exposed("a", "control", "2024-01-02T00:00:00Z", &json!({})),
        event("a", "signup", "2024-01-02T23:00:00Z", &json!({})),
        event("a", "back", "2024-01-03T00:30:00Z", &json!({})),
        event("a", "back", "2024-01-09T23:00:00Z", &json!({})),
        exposed("b", "test", "2024-01-02T00:00:00Z", &json!({})),
        event("b", "signup", "2024-01-02T23:00:00Z", &json!({})),
        event("b", "back", "2024-01-09T22:59:59Z", &json!({})),
    ]);
    log.experiment(&json!({}));
    let retention = |unit: &str| {
        json!({"metric_type": "retention", "start_event": {"event": "signup"}, "completion_event": {"event": "back"},
            "retention_window_start": 1, "retention_window_end": 1, "retention_window_unit": unit})
    };
    assert_eq!(sums(&mut log, &retention("week")), of((1, 1.0), (1, 0.0)));
    assert_eq!(sums(&mut log, &retention("day")), of((1, 1.0), (1, 0.0)));
    // Hours are truncated: the hour after 23:00 ends before 01:00.
    assert_eq!(sums(&mut log, &retention("hour")), of((1, 1.0), (1, 0.0)));
}

#[test]
fn rows_of_a_table_join_by_the_id_of_the_exposure() {
    // M-1
    let mut log = Log::of(&[
        exposed("a", "control", "2024-01-02T00:00:00Z", &json!({})),
        exposed("b", "test", "2024-01-02T00:00:00Z", &json!({})),
    ]);
    log.experiment(&json!({}));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("invoices.csv");
    let rows = "customer,paid_at,amount\na,2024-01-03T00:00:00Z,5\na,2024-01-01T00:00:00Z,100\nb,2024-01-04,7.5\nz,2024-01-03,9\n";
    fs::write(&file, rows).unwrap();
    let source = abduck::Source::Files(vec![file.display().to_string()]);
    log.lab.load_table("invoices", source, None, None).unwrap();
    let metric = json!({"metric_type": "mean", "source": {"kind": "ExperimentDataWarehouseNode", "table_name": "invoices",
        "timestamp_field": "paid_at", "data_warehouse_join_key": "customer", "events_join_key": "distinct_id",
        "math": "sum", "math_property": "amount"}});
    assert_eq!(sums(&mut log, &metric), of((1, 5.0), (1, 7.5)));
}

#[test]
fn a_session_counts_once_and_belongs_to_the_unit_if_it_began_after_the_exposure() {
    // M-24: s1 began before the exposure; s2 lasts 90 seconds and has two matching events; the last has no session.
    let view = |time: &str, session: &str| event("a", "view", time, &json!({"$session_id": session}));
    let mut log = Log::of(&[
        view("2024-01-01T23:59:00Z", "s1"),
        exposed("a", "control", "2024-01-02T00:00:00Z", &json!({})),
        view("2024-01-02T00:01:00Z", "s1"),
        view("2024-01-03T00:00:00Z", "s2"),
        view("2024-01-03T00:01:00Z", "s2"),
        event("a", "other", "2024-01-03T00:01:30Z", &json!({"$session_id": "s2"})),
        view("2024-01-04T00:00:00Z", "s3"),
        event("a", "other", "2024-01-04T00:00:10Z", &json!({"$session_id": "s3"})),
        event("a", "view", "2024-01-05T00:00:00Z", &json!({})),
    ]);
    log.experiment(&json!({}));
    let metric = |math: &str| {
        json!({"metric_type": "mean", "source": {"event": "view", "math": math, "math_property": "$session_duration",
            "math_property_type": "session_properties"}})
    };
    for (math, value) in [("sum", 100.0), ("avg", 50.0), ("max", 90.0), ("min", 10.0)] {
        assert_eq!(variants(&mut log, &metric(math))[0].sum, value, "{math}");
    }
}

#[test]
fn a_metric_that_counts_nothing_says_so() {
    let mut log = shop();
    for (event, property, warned) in [("buy", "amount", false), ("bye", "amount", true), ("buy", "amuont", true)] {
        let metric =
            json!({"metric_type": "mean", "source": {"event": event, "math": "sum", "math_property": property}});
        let result = log.lab.try_metric("checkout", metric.as_object().unwrap(), &request()).unwrap();
        let is_warned = result.warnings.iter().any(|warning| warning.code == "nothing_counted");
        assert_eq!(is_warned, warned, "{event} {property}");
    }
}
