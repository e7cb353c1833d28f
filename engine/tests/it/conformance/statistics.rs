//! Runs one statistical record of the shared vectors through the public API and compares every output it names.

mod arms;
mod classical;
mod newest;
mod planning;
mod second;

use abduck::error::{Error, Result};
use abduck::stats::bayes::{self, Posterior};
use abduck::stats::poisson::{EventCount, rate_p_value};
use abduck::stats::{FunnelArm, Significance, TrendArm, legacy_funnel, legacy_trend};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Verdict;

/// Runs a record of `statistics.json` or `exact.json`.
pub(super) fn run(record: &Value) -> Verdict {
    let inputs = &record["inputs"];
    let outputs = match record["method"].as_str().unwrap_or_default() {
        "legacy_funnel.win_probability" => funnel_win_probability(inputs),
        "legacy_funnel.expected_loss" => funnel_expected_loss(inputs),
        "legacy_funnel.credible_interval" => funnel_credible_interval(inputs),
        "legacy_funnel.significance" => funnel_significance(inputs),
        "legacy_trend.win_probability" => trend_win_probability(inputs),
        "legacy_trend.p_value" => trend_p_value(inputs),
        "legacy_trend.credible_interval" => trend_credible_interval(inputs),
        "legacy_trend.significance" => trend_significance(inputs),
        "beta_binomial" => beta_binomial(inputs),
        "gamma_poisson" => gamma_poisson(inputs),
        "poisson_rate_test" => poisson_rate_test(inputs),
        method => match newest::run(method, inputs)
            .or_else(|| second::run(method, inputs))
            .or_else(|| arms::run(method, inputs))
            .or_else(|| classical::run(method, inputs))
            .or_else(|| planning::run(method, inputs))
        {
            Some(outputs) => outputs,
            None => return Verdict::NotBuilt,
        },
    };
    // A refusal is an output too; the record names the code it expects.
    let got = outputs.unwrap_or_else(|error| json!({ "error": error.code() }));
    let mut differences = Vec::new();
    let compared = compare_outputs(&got, &record["expected"], |name| tolerance_of(record, name), &mut differences)
        + compare_outputs(&got, &record["exact"], |_| Tolerance::from(&record["exact_tolerance"]), &mut differences);
    if compared == 0 {
        differences.push("the record names no output".to_owned());
    }
    if differences.is_empty() { Verdict::Passed } else { Verdict::Failed(differences.join("; ")) }
}

fn funnel_win_probability(inputs: &Value) -> Result<Value> {
    let (control, tests): (Option<FunnelArm>, Vec<FunnelArm>) = (read(inputs, "control")?, read(inputs, "tests")?);
    let probabilities = legacy_funnel::win_probabilities(control.as_ref(), &tests)?;
    Ok(json!({ "probability": by_key(probabilities) }))
}

fn funnel_expected_loss(inputs: &Value) -> Result<Value> {
    let others: Vec<FunnelArm> = read(inputs, "others")?;
    Ok(json!({ "expected_loss": legacy_funnel::expected_loss(&read(inputs, "target")?, &others)? }))
}

fn funnel_credible_interval(inputs: &Value) -> Result<Value> {
    let arms: Vec<FunnelArm> = read(inputs, "variants")?;
    let intervals = legacy_funnel::credible_intervals(&arms, read(inputs, "lower")?, read(inputs, "upper")?)?;
    Ok(json!({ "credible_intervals": by_key(intervals) }))
}

fn funnel_significance(inputs: &Value) -> Result<Value> {
    let (tests, probabilities): (Vec<FunnelArm>, Vec<f64>) = (read(inputs, "tests")?, read(inputs, "probabilities")?);
    legacy_funnel::significance(&read(inputs, "control")?, &tests, &probabilities)
        .map(|significance| verdict(&significance))
}

fn trend_win_probability(inputs: &Value) -> Result<Value> {
    let (control, tests): (Option<TrendArm>, Vec<TrendArm>) = (read(inputs, "control")?, read(inputs, "tests")?);
    let probabilities = legacy_trend::win_probabilities(control.as_ref(), &tests)?;
    Ok(json!({ "probability": by_key(probabilities) }))
}

fn trend_p_value(inputs: &Value) -> Result<Value> {
    let tests: Vec<TrendArm> = read(inputs, "tests")?;
    Ok(json!({ "p_value": legacy_trend::p_value(&read(inputs, "control")?, &tests)? }))
}

fn trend_credible_interval(inputs: &Value) -> Result<Value> {
    let arms: Vec<TrendArm> = read(inputs, "variants")?;
    let intervals = legacy_trend::credible_intervals(&arms, read(inputs, "lower")?, read(inputs, "upper")?)?;
    Ok(json!({ "credible_intervals": by_key(intervals) }))
}

fn trend_significance(inputs: &Value) -> Result<Value> {
    let (tests, probabilities): (Vec<TrendArm>, Vec<f64>) = (read(inputs, "tests")?, read(inputs, "probabilities")?);
    legacy_trend::significance(&read(inputs, "control")?, &tests, &probabilities)
        .map(|significance| verdict(&significance))
}

fn beta_binomial(inputs: &Value) -> Result<Value> {
    let prior = &inputs["prior"];
    let posterior = |arm: &Value| {
        let a = read::<f64>(prior, "alpha")? + read::<f64>(arm, "successes")?;
        Posterior::beta(a, read::<f64>(prior, "beta")? + read::<f64>(arm, "failures")?)
    };
    comparison(&arms(inputs)?.iter().map(posterior).collect::<Result<Vec<_>>>()?)
}

fn gamma_poisson(inputs: &Value) -> Result<Value> {
    let prior = &inputs["prior"];
    let posterior = |arm: &Value| {
        let shape = read::<f64>(prior, "shape")? + read::<f64>(arm, "count")?;
        Posterior::gamma(shape, read::<f64>(prior, "rate")? + read::<f64>(arm, "exposure")?)
    };
    comparison(&arms(inputs)?.iter().map(posterior).collect::<Result<Vec<_>>>()?)
}

fn poisson_rate_test(inputs: &Value) -> Result<Value> {
    let side = |name: &str| -> Result<EventCount> {
        Ok(EventCount { count: read(&inputs[name], "count")?, exposure: read(&inputs[name], "exposure")? })
    };
    Ok(json!({ "p_value": rate_p_value(side("control")?, side("treatment")?)? }))
}

/// Every answer of section 13 about a set of posteriors.
fn comparison(posteriors: &[Posterior]) -> Result<Value> {
    let mut beats = Vec::new();
    let mut losses = Vec::new();
    for (index, posterior) in posteriors.iter().enumerate() {
        if index > 0 {
            beats.push(bayes::probability_beats(posterior, &posteriors[0])?.value);
        }
        let mut others = posteriors.to_vec();
        others.remove(index);
        losses.push(bayes::expected_loss(posterior, &others)?.value);
    }
    Ok(json!({
        "probability_best": bayes::probability_best(posteriors)?.value,
        "probability_beats_first": beats,
        "expected_loss": losses,
        "posterior_mean": posteriors.iter().map(Posterior::mean).collect::<Vec<f64>>(),
        "credible_interval_95": posteriors.iter().map(|p| [p.quantile(0.025), p.quantile(0.975)]).collect::<Vec<_>>(),
    }))
}

fn verdict(significance: &Significance) -> Value {
    json!({
        "significance_code": significance.code,
        "expected_loss": significance.expected_loss,
        "p_value": significance.p_value,
    })
}

fn by_key<T: Into<Value>>(pairs: Vec<(String, T)>) -> Value {
    Value::Object(pairs.into_iter().map(|(key, value)| (key, value.into())).collect())
}

fn arms(inputs: &Value) -> Result<Vec<Value>> {
    read(inputs, "arms")
}

/// A named input; an absent one reads as null.
fn read<T: DeserializeOwned>(inputs: &Value, name: &str) -> Result<T> {
    serde_json::from_value(inputs[name].clone()).map_err(|error| Error::invalid(format!("input {name}: {error}")))
}

/// How far a number may be from the expected one.
#[derive(Clone, Copy)]
struct Tolerance {
    absolute: f64,
    relative: f64,
}

impl From<&Value> for Tolerance {
    fn from(value: &Value) -> Self {
        let part = |name: &str| value[name].as_f64().unwrap_or(0.0);
        Self { absolute: part("abs"), relative: part("rel") }
    }
}

/// The tolerance of one named output of `expected`, or the default one.
fn tolerance_of(record: &Value, name: &str) -> Tolerance {
    let tolerances = &record["tolerance"];
    Tolerance::from(tolerances.get(name).unwrap_or(&tolerances["default"]))
}

/// Compares every named output; returns how many there were.
fn compare_outputs(
    got: &Value,
    expected: &Value,
    tolerance: impl Fn(&str) -> Tolerance,
    differences: &mut Vec<String>,
) -> usize {
    let Some(expected) = expected.as_object() else { return 0 };
    for (name, value) in expected {
        compare(name, &got[name], value, tolerance(name), differences);
    }
    // An error where results were expected differs in every name; say which error it was.
    if let (Some(error), false) = (got.get("error"), expected.contains_key("error")) {
        differences.push(format!("refused with {error}"));
    }
    expected.len()
}

fn compare(path: &str, got: &Value, expected: &Value, tolerance: Tolerance, differences: &mut Vec<String>) {
    let agrees = match (got, expected) {
        (Value::Number(got), Value::Number(expected)) => {
            let (got, expected) = (got.as_f64().unwrap_or(f64::NAN), expected.as_f64().unwrap_or(f64::NAN));
            (got - expected).abs() <= tolerance.absolute + tolerance.relative * expected.abs()
        }
        (Value::Number(got), Value::Object(bounds)) => is_within(got.as_f64().unwrap_or(f64::NAN), bounds),
        (Value::Array(got), Value::Array(expected)) if got.len() == expected.len() => {
            for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
                compare(&format!("{path}[{index}]"), got, expected, tolerance, differences);
            }
            true
        }
        // An expected map may name fewer keys; an empty one says that there are none.
        (Value::Object(got), Value::Object(expected)) if !expected.is_empty() => {
            for (key, expected) in expected {
                let value = got.get(key).unwrap_or(&Value::Null);
                compare(&format!("{path}.{key}"), value, expected, tolerance, differences);
            }
            true
        }
        _ => got == expected,
    };
    if !agrees {
        differences.push(format!("{path}: got {got}, expected {expected}"));
    }
}

/// Whether a number satisfies every bound of a bound object.
fn is_within(got: f64, bounds: &serde_json::Map<String, Value>) -> bool {
    !bounds.is_empty()
        && bounds.iter().all(|(relation, bound)| {
            let bound = bound.as_f64().unwrap_or(f64::NAN);
            match relation.as_str() {
                "gt" => got > bound,
                "ge" => got >= bound,
                "lt" => got < bound,
                "le" => got <= bound,
                _ => false,
            }
        })
}
