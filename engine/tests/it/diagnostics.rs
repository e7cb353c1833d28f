//! What to doubt about an experiment: a ratio that does not fit, old or missing data, units that differed before, many slices, and
//! effects that wear off; and another baseline than `control`.

use abduck::results::MetricResult;
use abduck::stats::Outcome;
use abduck::stats::novelty::Course;
use abduck::{ErrorKind, ExperimentResult, ResultsRequest};
use serde_json::{Map, Value, json};

use crate::support::{Log, at, event, request};

fn exposed(person: &str, variant: &str, time: &str, more: &Value) -> Value {
    let mut properties = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event(person, "$feature_flag_called", time, &properties)
}

fn metric(more: &Value) -> Map<String, Value> {
    let mut metric =
        json!({"metric_type": "mean", "source": {"event": "buy", "math": "sum", "math_property": "amount"}});
    metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metric.as_object().unwrap().clone()
}

fn bought(person: &str, time: &str, amount: f64) -> Value {
    event(person, "buy", time, &json!({"amount": amount}))
}

fn codes(result: &ExperimentResult) -> Vec<&str> {
    result.warnings.iter().map(|warning| warning.code.as_str()).collect()
}

#[test]
fn a_mismatch_is_traced_to_the_part_of_the_units_that_causes_it() {
    let mut events = Vec::new();
    for (browser, control, test) in [(Some("Chrome"), 700, 690), (Some("Safari"), 400, 150), (None, 100, 110)] {
        for (variant, people) in [("control", control), ("test", test)] {
            for person in 0..people {
                let id = format!("{variant}-{browser:?}-{person}");
                let more = browser.map_or_else(|| json!({}), |browser| json!({"$browser": browser, "plan": "free"}));
                events.push(exposed(&id, variant, "2024-01-05T10:00:00Z", &more));
            }
        }
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({}));
    let view = log.lab.exposure_view("checkout", request().as_of, &[]).unwrap();
    // What no event has is the whole, and says nothing of its own.
    let safari = &view.mismatch_segments[0];
    assert_eq!((safari.segment.as_str(), safari.counts.as_slice()), ("$browser = Safari", &[400.0, 150.0][..]));
    assert_eq!(view.mismatch_segments.iter().filter(|part| part.segment == "$os is not set").count(), 1);
    assert!(safari.p_value_of_the_others > 0.5);
    let asked = log.lab.exposure_view("checkout", request().as_of, &["$browser".to_owned()]).unwrap();
    let names: Vec<&str> = asked.mismatch_segments.iter().map(|part| part.segment.as_str()).collect();
    assert_eq!(names, ["$browser = Safari", "$browser is not set", "$browser = Chrome"]);
    let said = &asked.warnings[0].message;
    assert!(said.contains("$browser = Safari contributes most, and without that segment it is gone"), "{said}");
}

#[test]
fn old_data_and_a_day_that_is_not_whole_are_doubted_while_an_experiment_runs() {
    let mut events = Vec::new();
    for day in 1..=11 {
        // The tenth of January has far fewer; the eleventh is not over.
        for person in 0..(if day == 10 { 20 } else { 60 }) {
            let variant = if person % 2 == 0 { "control" } else { "test" };
            let time = format!("2024-01-{day:02}T08:00:00Z");
            events.push(exposed(&format!("{day}-{person}"), variant, &time, &json!({})));
        }
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({}));
    let mut doubts = |moment: &str| -> Vec<String> {
        let view = log.lab.exposure_view("checkout", at(moment), &[]).unwrap();
        view.warnings.into_iter().map(|warning| warning.code).collect()
    };
    assert_eq!(doubts("2024-01-11T09:00:00Z"), ["incomplete_day"]);
    assert_eq!(doubts("2024-01-10T09:00:00Z"), [""; 0]);
    assert_eq!(doubts("2024-01-12T09:00:00Z"), ["stale_data"]);
    // It is over.
    assert_eq!(doubts("2024-02-12T09:00:00Z"), [""; 0]);
}

/// A hundred people of each variant and country, who buy for amounts that vary.
fn shop(effect: impl Fn(&str, &str) -> f64, before: f64) -> Log {
    let mut events = Vec::new();
    for variant in ["control", "test"] {
        for country in ["at", "be", "ch"] {
            for person in 0..100 {
                let id = format!("{variant}-{country}-{person}");
                let noise = f64::from(person % 10) / 10.0;
                let earlier = noise + if variant == "test" { before } else { 0.0 };
                events.push(bought(&id, "2023-12-30T10:00:00Z", earlier));
                events.push(exposed(&id, variant, "2024-01-05T10:00:00Z", &json!({"country": country})));
                events.push(bought(
                    &id,
                    "2024-01-05T12:00:00Z",
                    1.0 + noise + f64::from(person % 7) / 10.0 + effect(variant, country),
                ));
            }
        }
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({}));
    log
}

#[test]
fn slices_are_one_family_of_comparisons() {
    let mut log = shop(|variant, country| if (variant, country) == ("test", "be") { 0.5 } else { 0.0 }, 0.0);
    let sliced = metric(&json!({"breakdownFilter": {"breakdowns": [{"property": "country", "type": "event"}]}}));
    let result = log.lab.try_metric("checkout", &sliced, &request()).unwrap();
    let MetricResult::Units { breakdowns, outcome: Outcome::Observed(observed), .. } = &result.result else {
        panic!("not a modern metric")
    };
    assert!(observed.slices.is_empty());
    assert_eq!(breakdowns.len(), 3);
    for part in breakdowns {
        let compared = &part.comparisons["test"];
        assert_eq!(compared.significant, part.properties["country"] == "be", "{part:?}");
        assert!(compared.adjusted_p_value >= compared.p_value && compared.adjusted_p_value <= 1.0);
        let [lower, upper] = compared.interval;
        assert!(lower < compared.difference && compared.difference < upper);
        assert_eq!(compared.significant, lower > 0.0);
    }
    // A kept result says the same.
    let metrics = json!([{"kind": "ExperimentMetric", "name": "Sliced", "metric_type": "mean", "source": sliced["source"],
        "breakdownFilter": sliced["breakdownFilter"]}]);
    log.experiment(&json!({"feature_flag_key": "checkout-2", "metrics": metrics}));
    let ask = |log: &mut Log| log.lab.metric_results("checkout-2", "Sliced", &request()).unwrap().result;
    let (first, again) = (ask(&mut log), ask(&mut log));
    assert!(again.is_cached && first.result == again.result);
}

#[test]
fn units_that_differed_before_the_exposure_are_noticed() {
    // M-61
    for (before, is_warned) in [(0.0, false), (0.6, true)] {
        let mut log = shop(|_, _| 0.0, before);
        log.experiment(&json!({"feature_flag_key": "other"}));
        let update = json!({"stats_config": {"cuped": {"enabled": true}}});
        let request_to_change = abduck::model::experiment::UpdateExperiment::from_json(update).unwrap();
        log.lab.update_experiment("checkout", request_to_change, crate::support::now(), None).unwrap();
        let result = log.lab.try_metric("checkout", &metric(&json!({})), &request()).unwrap();
        let Outcome::Observed(observed) = result.result.outcome() else { panic!("not observed") };
        let adjusted = observed.comparisons.against_baseline["test"].adjusted.as_ref().unwrap();
        assert!((adjusted.covariate_difference - before).abs() < 1e-9);
        assert_eq!(codes(&result).contains(&"pre_exposure_bias"), is_warned, "{:?}", codes(&result));
    }
}

#[test]
fn an_effect_that_wears_off_is_told_from_one_that_stays() {
    let mut events = Vec::new();
    for variant in ["control", "test"] {
        for person in 0..200 {
            let id = format!("{variant}-{person}");
            events.push(exposed(&id, variant, "2024-01-02T00:00:00Z", &json!({})));
            for day in 0..6 {
                let noise = f64::from((person + 3 * day) % 10) / 10.0;
                let effect = if variant == "test" { 0.5 - 0.1 * f64::from(day) } else { 0.0 };
                events.push(bought(&id, &format!("2024-01-{:02}T12:00:00Z", day + 2), 1.0 + noise + effect));
            }
        }
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({"end_date": "2024-01-08"}));
    let series = log.lab.metric_series("checkout", &metric(&json!({})), &request()).unwrap();
    let [novelty] = series.novelty.as_slice() else { panic!("{:?}", series.novelty) };
    assert_eq!((novelty.variant.as_str(), novelty.course), ("test", Course::Fading));
    assert!((novelty.slope_per_day + 0.1).abs() < 0.02, "{novelty:?}");
    let text = abduck::report::series(&series, abduck::results::SeriesView::ByDaysSinceExposure, None);
    assert!(text.contains("test: the effect fades with the days since the exposure"), "{text}");
}

#[test]
fn another_variant_can_be_the_baseline() {
    let mut log = shop(|variant, _| if variant == "test" { 0.5 } else { 0.0 }, 0.0);
    let to = |key: &str| {
        let fields = json!({"stats_config": {"baseline_variant_key": key}});
        abduck::model::experiment::UpdateExperiment::from_json(fields).unwrap()
    };
    let plain = log.lab.try_metric("checkout", &metric(&json!({})), &request()).unwrap();
    log.lab.update_experiment("checkout", to("test"), crate::support::now(), None).unwrap();
    let turned = log.lab.try_metric("checkout", &metric(&json!({})), &request()).unwrap();
    let difference = |result: &ExperimentResult, variant: &str| {
        let Outcome::Observed(observed) = result.result.outcome() else { panic!("not observed") };
        observed.comparisons.against_baseline[variant].difference
    };
    assert!((difference(&plain, "test") - 0.5).abs() < 1e-9);
    assert!((difference(&turned, "control") + 0.5).abs() < 1e-9);
    let MetricResult::Units { variants, .. } = &turned.result else { panic!("not a modern metric") };
    assert_eq!(variants[0].key, "test");
    let asked = ResultsRequest { as_of: at("2024-01-31T00:00:00Z"), ..request() };
    log.lab.update_experiment("checkout", to("tset"), crate::support::now(), None).unwrap();
    let error = log.lab.try_metric("checkout", &metric(&json!({})), &asked).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Invalid { field: Some(field), .. } if field == "stats_config.baseline_variant_key")
    );
    assert_eq!(error.hints(), ["choose one of: control, test"]);
}
