//! Several covariates (M-61 and beyond), also of ratios and funnels, and slices as strata: the lab's own numbers against the pure
//! functions on the same rows, and a table of the same units.

use abduck::results::TableAnalysis;
use abduck::stats::adjust::{self, AdjustedDifference, MultiMoments, Slopes};
use abduck::stats::comparison::{Adjusted, Comparison};
use abduck::stats::poststratify::{Stratum, Target, poststratify};
use abduck::stats::{Moments, Outcome};
use abduck::{Engine, Result, Source};
use serde_json::{Map, Value, json};

use crate::support::{Log, event, request};

/// A unit: what it bought, viewed and searched before the exposure and after, and where it is from.
#[derive(Clone, Copy, Debug)]
struct Unit {
    variant: usize,
    country: usize,
    before: [f64; 3],
    bought: f64,
    viewed: f64,
}

const VARIANTS: [&str; 2] = ["control", "test"];
const COUNTRIES: [&str; 3] = ["at", "be", "ch"];

/// Numbers that look like noise but are the same every time.
fn noise(index: usize, salt: usize) -> f64 {
    f64::from(u32::try_from((index * 7919 + salt * 104_729) % 1009).unwrap()) / 1009.0
}

fn units() -> Vec<Unit> {
    let unit = |index: usize| {
        let variant = usize::from(noise(index, 1) > 0.5);
        let country = index % 3;
        let before = [0, 1, 2].map(|what| (10.0 * noise(index, 10 + what)).round() / 4.0);
        let effect = if variant == 1 { 0.75 } else { 0.0 };
        let bought = 2.0 * before[0] + before[2] + noise(index, 5) + effect + [0.0, 3.0, 6.0][country];
        Unit {
            variant,
            country,
            before,
            bought: (bought * 8.0).round() / 8.0,
            viewed: 1.0 + before[1] + noise(index, 6).round(),
        }
    };
    (0..360).map(unit).collect()
}

fn lab(units: &[Unit]) -> Log {
    let mut events = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        let id = format!("u{index}");
        let amount = |name: &str, time: &str, amount: f64| event(&id, name, time, &json!({"amount": amount}));
        for (name, value) in ["buy", "view", "search"].iter().zip(unit.before) {
            events.push(amount(name, "2023-12-30T00:00:00Z", value));
        }
        let shown = json!({"$feature_flag": "checkout", "$feature_flag_response": VARIANTS[unit.variant],
            "country": COUNTRIES[unit.country]});
        events.push(event(&id, "$feature_flag_called", "2024-01-02T00:00:00Z", &shown));
        events.push(amount("buy", "2024-01-03T00:00:00Z", unit.bought));
        events.push(amount("view", "2024-01-05T00:00:00Z", unit.viewed));
        if unit.bought > 6.0 {
            events.push(amount("thank", "2024-01-04T00:00:00Z", 1.0));
        }
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({"stats_config": {"cuped": {"enabled": true}}}));
    log
}

fn sum(event: &str) -> Value {
    json!({"kind": "EventsNode", "event": event, "math": "sum", "math_property": "amount"})
}

fn comparison(log: &mut Log, metric: &Value) -> Result<Comparison> {
    let result = log.lab.try_metric("checkout", metric.as_object().unwrap(), &request())?.result;
    let Outcome::Observed(observed) = result.outcome() else { panic!("not observed") };
    Ok(observed.comparisons.against_baseline["test"].clone())
}

fn expected(units: &[Unit], outcome: adjust::Outcome, row: impl Fn(&Unit) -> Vec<f64>) -> AdjustedDifference {
    let of = |variant: usize| {
        let rows: Vec<Vec<f64>> = units.iter().filter(|unit| unit.variant == variant).map(&row).collect();
        MultiMoments::of(&rows).unwrap()
    };
    adjust::adjust(&of(0), &of(1), outcome, Slopes::Pooled).unwrap()
}

fn assert_same(adjusted: &Adjusted, wanted: &AdjustedDifference) {
    let pairs = [
        (adjusted.difference, wanted.difference()),
        (adjusted.standard_error, wanted.standard_error()),
        (adjusted.variance_reduction, wanted.variance_reduction),
        (adjusted.theta, wanted.control_slopes[0]),
    ];
    for (got, wanted) in pairs {
        assert!((got - wanted).abs() < 1e-9, "{adjusted:?} {wanted:?}");
    }
    assert_eq!(adjusted.slopes.len(), wanted.control_slopes.len());
}

#[test]
fn a_mean_takes_out_its_own_past_and_what_it_names() {
    let (units, mut log) = (units(), lab(&units()));
    let mean = |covariates: Value| json!({"metric_type": "mean", "source": sum("buy"), "covariates": covariates});
    let one = comparison(&mut log, &mean(json!([]))).unwrap().adjusted.unwrap();
    let three = comparison(&mut log, &mean(json!([sum("view"), sum("search")]))).unwrap();
    let adjusted = three.adjusted.as_ref().unwrap();
    let row = |unit: &Unit| vec![unit.bought, unit.before[0], unit.before[1], unit.before[2]];
    assert_same(adjusted, &expected(&units, adjust::Outcome::Mean, row));
    assert!(one.slopes.is_empty() && adjusted.variance_reduction > one.variance_reduction + 0.01);
    // A covariate that is there twice is left out.
    let doubled = comparison(&mut log, &mean(json!([sum("buy"), sum("search")]))).unwrap().adjusted.unwrap();
    assert_eq!(doubled.dropped.len(), 1);
}

#[test]
fn a_ratio_takes_out_the_past_of_both_its_parts() {
    let (units, mut log) = (units(), lab(&units()));
    let ratio = |more: &Value| {
        let mut metric = json!({"metric_type": "ratio", "numerator": sum("buy"), "denominator": sum("view")});
        metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        metric
    };
    let both = comparison(&mut log, &ratio(&json!({}))).unwrap().adjusted.unwrap();
    let row = |unit: &Unit| vec![unit.bought, unit.viewed, unit.before[0], unit.before[1]];
    assert_same(&both, &expected(&units, adjust::Outcome::Ratio, row));
    let more = comparison(&mut log, &ratio(&json!({"covariates": [sum("search")]}))).unwrap().adjusted.unwrap();
    assert_eq!(more.slopes.len(), 3);
    assert!(more.variance_reduction > both.variance_reduction);
}

#[test]
fn a_funnel_takes_out_covariates_whatever_its_order() {
    let (units, mut log) = (units(), lab(&units()));
    for order in ["ordered", "unordered", "strict"] {
        let funnel = json!({"metric_type": "funnel", "funnel_order_type": order, "covariates": [sum("buy"), sum("search")],
            "series": [{"event": "buy"}, {"event": "thank"}]});
        let plain = json!({"metric_type": "funnel", "funnel_order_type": order, "series": funnel["series"]});
        let with = comparison(&mut log, &funnel).unwrap();
        // What is looked at besides changes nothing of the funnel itself.
        assert_eq!(with.difference, comparison(&mut log, &plain).unwrap().difference, "{order}");
        if order == "ordered" {
            let did = |unit: &Unit| f64::from(u8::from(unit.bought > 6.0));
            let row = |unit: &Unit| vec![did(unit), 0.0, unit.before[0], unit.before[2]];
            assert_same(with.adjusted.as_ref().unwrap(), &expected(&units, adjust::Outcome::Mean, row));
        }
    }
}

#[test]
fn slices_are_strata() {
    let (units, mut log) = (units(), lab(&units()));
    let sliced = json!({"metric_type": "mean", "source": sum("buy"), "breakdownFilter": {"breakdown": "country"}});
    let stratified = comparison(&mut log, &sliced).unwrap().poststratified.unwrap();
    let moments = |country: usize, variant: usize| {
        let is_in = |unit: &&Unit| (unit.country, unit.variant) == (country, variant);
        Moments::of(&units.iter().filter(is_in).map(|unit| (unit.bought, unit.before[0])).collect::<Vec<_>>())
    };
    let stratum = |country: usize| Stratum {
        name: COUNTRIES[country].to_owned(),
        control: moments(country, 0),
        treatment: moments(country, 1),
    };
    let wanted = poststratify(&[0, 1, 2].map(stratum), adjust::Outcome::Mean, Target::Population).unwrap();
    assert!((stratified.difference - wanted.difference()).abs() < 1e-12);
    assert!((stratified.standard_error - wanted.standard_error()).abs() < 1e-12);
    assert_eq!((stratified.strata, stratified.merged), (3, 0));
    assert!(stratified.variance_reduction > 0.3);
}

fn analysis(units: &[Unit], question: &Value) -> TableAnalysis {
    let mut text = "variant,country,bought,viewed,b0,b1,b2\n".to_owned();
    for unit in units {
        let [b0, b1, b2] = unit.before;
        let (variant, country) = (VARIANTS[unit.variant], COUNTRIES[unit.country]);
        text += &format!("{variant},{country},{},{},{b0},{b1},{b2}\n", unit.bought, unit.viewed);
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("units.csv");
    std::fs::write(&file, text).unwrap();
    let question = abduck::model::table_metric::TableQuestion::from_json(question).unwrap();
    let source = Source::Files(vec![file.display().to_string()]);
    abduck::analyze(source, None, &question, &abduck::Interrupt::new()).unwrap()
}

#[test]
fn a_table_of_the_same_units_says_the_same() {
    let (units, mut log) = (units(), lab(&units()));
    let metrics = json!({
        "mean": {"column": "bought", "covariate": ["b0", "b1", "b2"]},
        "ratio": {"numerator": "bought", "denominator": "viewed", "covariate": ["b0", "b1"]},
    });
    let analysis = analysis(&units, &json!({"variant": "variant", "breakdown": "country", "metrics": metrics}));
    let of = |name: &str| {
        let Outcome::Observed(observed) = &analysis.metrics[name].outcome else { panic!("not observed") };
        observed.comparisons.against_baseline["test"].clone()
    };
    let country = json!({"breakdown": "country"});
    let mean = json!({"metric_type": "mean", "source": sum("buy"), "covariates": [sum("view"), sum("search")],
        "breakdownFilter": country});
    let ratio = json!({"metric_type": "ratio", "numerator": sum("buy"), "denominator": sum("view"), "breakdownFilter": country});
    // A table has no days, so it cannot say how many are saved.
    let without_days = |metric: &Value, log: &mut Log| {
        let mut compared = comparison(log, metric).unwrap();
        let Comparison { adjusted, poststratified, .. } = &mut compared;
        let saved = [
            adjusted.as_mut().and_then(|by| by.saved.as_mut()),
            poststratified.as_mut().and_then(|by| by.saved.as_mut()),
        ];
        for saved in saved.into_iter().flatten() {
            assert!(saved.days.take().unwrap() > 0.0);
        }
        compared
    };
    assert_eq!(of("mean"), without_days(&mean, &mut log));
    assert_eq!(of("ratio"), without_days(&ratio, &mut log));
    assert_eq!(analysis.metrics["mean"].breakdowns[1].comparisons.len(), 1);
}

#[test]
fn covariates_that_cannot_be_taken_out_are_refused() {
    let units = units();
    let mut log = lab(&units[..60]);
    let quantile: Map<String, Value> =
        json!({"metric_type": "quantile", "source": sum("buy"), "quantile": 0.5, "covariates": [sum("view")]})
            .as_object()
            .unwrap()
            .clone();
    let refused = |lab: &mut Engine, metric: &Map<String, Value>| {
        let error = lab.try_metric("checkout", metric, &request()).unwrap_err();
        let abduck::ErrorKind::Invalid { field: Some(field), .. } = error.kind() else { panic!("{error:?}") };
        field.clone()
    };
    assert_eq!(refused(&mut log.lab, &quantile), "metric.covariates");
    let many = json!({"metric_type": "mean", "source": sum("buy"), "covariates": vec![sum("view"); 11]});
    assert_eq!(refused(&mut log.lab, many.as_object().unwrap()), "metric.covariates");
    // Without the experiment's consent there is no time before the exposure to look at.
    let off = abduck::model::experiment::UpdateExperiment::from_json(json!({"stats_config": {}})).unwrap();
    log.lab.update_experiment("checkout", off, crate::support::now(), None).unwrap();
    let two = json!({"metric_type": "mean", "source": sum("buy"), "covariates": [sum("view")]});
    assert_eq!(refused(&mut log.lab, two.as_object().unwrap()), "metric.covariates");
}
