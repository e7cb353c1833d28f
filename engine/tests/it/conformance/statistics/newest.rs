//! Operations of the newest module of the reference (section 10), and what section 13 takes from it.

use abduck::error::Result;
use abduck::stats::modern::cuped::{self, Covaried, Pooling};
use abduck::stats::modern::effect::{DifferenceType, Effect, Pair};
use abduck::stats::modern::gaussian::{self, Believed, Prior, Settings};
use abduck::stats::modern::response::{self, MetricType};
use abduck::stats::modern::sequential::{self, Layout};
use abduck::stats::modern::{Statistic, welch};
use serde_json::{Value, json};

use super::read;

/// Runs an operation of this file; `None` when it is none.
pub(super) fn run(method: &str, inputs: &Value) -> Option<Result<Value>> {
    Some(match method {
        "statistic.moments" => moments(inputs),
        "frequentist.welch" => pair(inputs).and_then(|pair| welch_test(&pair, inputs)),
        "frequentist.welch_df" => welch_df(inputs),
        "sequential.rho" => layout(inputs).and_then(|layout| Ok(json!({ "rho": layout.rho()? }))),
        "sequential.halfwidth" => halfwidth(inputs),
        "sequential.p_value" => look(inputs, "point_estimate"),
        "sequential.test" => sequential_test(inputs),
        "bayesian.effect" => effect(inputs),
        "bayesian.posterior" => posterior(inputs),
        "bayesian.chance_to_win" => chance_to_win(inputs),
        "bayesian.credible_interval" => credible_interval(inputs),
        "bayesian.risk" => risk(inputs),
        "bayesian.test" => pair(inputs).and_then(|pair| gaussian_test(&pair, inputs)),
        "bayesian.config" => config(inputs),
        "cuped.theta" => theta(inputs),
        "cuped.adjust_group" => adjust_group(inputs),
        "cuped.frequentist" => adjusted(inputs, welch_test),
        "cuped.bayesian" => adjusted(inputs, gaussian_test),
        "validation.variant" => validation(inputs),
        "validation.frequentist_response" => frequentist_response(inputs),
        "validation.bayesian_response" => bayesian_response(inputs),
        _ => return None,
    })
}

/// A named input, or the default where the record leaves it out.
fn read_or<T: serde::de::DeserializeOwned>(inputs: &Value, name: &str, default: T) -> Result<T> {
    if inputs.get(name).is_none() { Ok(default) } else { read(inputs, name) }
}

fn statistic(inputs: &Value, name: &str) -> Result<Statistic> {
    read(inputs, name)
}

fn difference(inputs: &Value) -> Result<DifferenceType> {
    read_or(inputs, "difference_type", DifferenceType::Relative)
}

fn pair(inputs: &Value) -> Result<Pair> {
    Pair::new(statistic(inputs, "treatment")?, statistic(inputs, "control")?, difference(inputs)?)
}

fn moments(inputs: &Value) -> Result<Value> {
    let statistic: Statistic = read(&json!({ "statistic": inputs }), "statistic")?;
    statistic.check()?;
    Ok(json!({
        "mean": statistic.mean(),
        "variance": statistic.variance(),
        "standard_error": statistic.standard_error(),
    }))
}

fn welch_test(pair: &Pair, inputs: &Value) -> Result<Value> {
    let answer = welch::test(pair, read_or(inputs, "alpha", 0.05)?)?;
    let [lower, upper] = answer.confidence_interval;
    let mut outputs = json!(answer);
    outputs["interval_width"] = json!(upper - lower);
    Ok(outputs)
}

fn welch_df(inputs: &Value) -> Result<Value> {
    let (treatment, control) = (statistic(inputs, "treatment")?, statistic(inputs, "control")?);
    Ok(json!({ "degrees_of_freedom": welch::degrees_of_freedom(&treatment, &control)? }))
}

fn layout(inputs: &Value) -> Result<Layout> {
    let default = Layout::default();
    Ok(Layout {
        alpha: read_or(inputs, "alpha", default.alpha)?,
        tuning_units: read_or(inputs, "tuning_parameter", default.tuning_units)?,
    })
}

fn halfwidth(inputs: &Value) -> Result<Value> {
    let (variance, units): (f64, f64) = (read(inputs, "s2")?, read(inputs, "n")?);
    let effect = Effect { value: 0.0, variance: variance / units };
    let interval = sequential::look(effect, units, layout(inputs)?)?.confidence_interval;
    Ok(json!({ "halfwidth": interval[1] }))
}

fn look(inputs: &Value, name: &str) -> Result<Value> {
    let effect = Effect { value: read(inputs, name)?, variance: read(inputs, "variance")? };
    Ok(json!(sequential::look(effect, read(inputs, "n")?, layout(inputs)?)?))
}

fn sequential_test(inputs: &Value) -> Result<Value> {
    Ok(json!(sequential::test(&pair(inputs)?, layout(inputs)?)?))
}

fn effect(inputs: &Value) -> Result<Value> {
    let effect = pair(inputs)?.effect()?;
    Ok(json!({ "effect": effect.value, "variance": effect.variance }))
}

fn posterior(inputs: &Value) -> Result<Value> {
    let effect = Effect { value: read(inputs, "effect")?, variance: read(inputs, "variance")? };
    Ok(json!(Believed::after(effect, read(inputs, "prior")?)))
}

fn believed(inputs: &Value) -> Result<Believed> {
    let deviation: f64 = read(inputs, "sd")?;
    Ok(Believed { mean: read(inputs, "mean")?, variance: deviation * deviation })
}

fn chance_to_win(inputs: &Value) -> Result<Value> {
    Ok(json!({ "chance_to_win": believed(inputs)?.chance_to_win(read_or(inputs, "inverse", false)?) }))
}

fn credible_interval(inputs: &Value) -> Result<Value> {
    let alpha: f64 = read(inputs, "alpha")?;
    Ok(json!({ "credible_interval": believed(inputs)?.interval(1.0 - alpha) }))
}

fn risk(inputs: &Value) -> Result<Value> {
    let [risk_control, risk_treatment] = believed(inputs)?.risks();
    Ok(json!({ "risk_control": risk_control, "risk_treatment": risk_treatment }))
}

fn settings(inputs: &Value) -> Result<Settings> {
    Ok(Settings {
        ci_level: read_or(inputs, "ci_level", 0.95)?,
        inverse: read_or(inputs, "inverse", false)?,
        prior: read_or(inputs, "prior", Prior::default())?,
    })
}

fn gaussian_test(pair: &Pair, inputs: &Value) -> Result<Value> {
    let answer = gaussian::test(pair, settings(inputs)?)?;
    let [lower, upper] = answer.credible_interval;
    let mut outputs = json!(answer);
    outputs["interval_width"] = json!(upper - lower);
    Ok(outputs)
}

fn config(inputs: &Value) -> Result<Value> {
    let mut settings = settings(inputs)?;
    settings.prior.variance = read_or(inputs, "prior_variance", settings.prior.variance)?;
    settings.check()?;
    Ok(json!(settings))
}

fn covaried(inputs: &Value, arm: &str) -> Result<Covaried> {
    Ok(Covaried { post: read(inputs, &format!("{arm}post"))?, pre: read(inputs, &format!("{arm}pre"))? })
}

fn theta(inputs: &Value) -> Result<Value> {
    let (treatment, control) = (covaried(inputs, "treatment_")?, covaried(inputs, "control_")?);
    Ok(json!({ "theta": cuped::theta(&treatment, &control, Pooling::AllUnits)? }))
}

fn adjust_group(inputs: &Value) -> Result<Value> {
    Ok(json!(covaried(inputs, "")?.adjust(read(inputs, "theta")?)?))
}

fn adjusted(inputs: &Value, test: fn(&Pair, &Value) -> Result<Value>) -> Result<Value> {
    let (treatment, control) = (covaried(inputs, "treatment_")?, covaried(inputs, "control_")?);
    let adjusted = cuped::adjusted_pair(&treatment, &control, difference(inputs)?, Pooling::AllUnits)?;
    let mut outputs = test(&adjusted.pair, inputs)?;
    outputs["theta"] = json!(adjusted.theta);
    outputs["variance_reduction_treatment"] = json!(adjusted.treatment.variance_reduction);
    outputs["variance_reduction_control"] = json!(adjusted.control.variance_reduction);
    Ok(outputs)
}

fn validation(inputs: &Value) -> Result<Value> {
    let failures = response::failures(
        read(inputs, "metric_type")?,
        read(inputs, "number_of_samples")?,
        read(inputs, "sum")?,
        read(inputs, "is_baseline")?,
    );
    Ok(json!({ "validation_failures": failures }))
}

fn response_arms(inputs: &Value) -> Result<(MetricType, [Statistic; 2])> {
    Ok((read(inputs, "metric_type")?, [statistic(inputs, "control")?, statistic(inputs, "test")?]))
}

fn frequentist_response(inputs: &Value) -> Result<Value> {
    let (metric, arms) = response_arms(inputs)?;
    let answer = response::frequentist(metric, arms, difference(inputs)?, read_or(inputs, "alpha", None)?);
    Ok(answer.map_or_else(
        || json!({ "p_value": null, "confidence_interval": null, "significant": null }),
        |answer| json!(answer),
    ))
}

fn bayesian_response(inputs: &Value) -> Result<Value> {
    let (metric, arms) = response_arms(inputs)?;
    let level = response::level_or(0.95, read_or(inputs, "ci_level", None)?);
    let settings = Settings { ci_level: level, ..settings(&json!({}))? };
    let answer = response::bayesian(metric, arms, difference(inputs)?, settings);
    Ok(answer.map_or_else(
        || json!({ "chance_to_win": null, "credible_interval": null, "significant": null }),
        |answer| json!(answer),
    ))
}
