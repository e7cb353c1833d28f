//! Operations of the second generation (sections 6 to 9), and the posteriors of section 13 that belong to it.

use abduck::error::Result;
use abduck::stats::bayes::{self, Posterior};
use abduck::stats::believed::{BellPosterior, compare_bells};
use abduck::stats::conjugate::NormalInverseGamma;
use abduck::stats::lognormal::{self, LogNormal};
use abduck::stats::second::{WinProbability, continuous, count, funnel, interim};
use abduck::stats::{FunnelArm, TrendArm};
use serde_json::{Value, json};

use super::{arms, by_key, read, verdict};

/// Runs an operation of this file; `None` when it is none.
pub(super) fn run(method: &str, inputs: &Value) -> Option<Result<Value>> {
    Some(match method {
        "v2_count.win_probability" => trend_arms(inputs).and_then(|(control, tests, mode)| {
            Ok(json!({ "probability": by_key(count::win_probabilities(control.as_ref(), &tests, mode)?) }))
        }),
        "v2_continuous.win_probability" => trend_arms(inputs).and_then(|(control, tests, mode)| {
            Ok(json!({ "probability": by_key(continuous::win_probabilities(control.as_ref(), &tests, mode)?) }))
        }),
        "v2_count_prototype.win_probability" => prototype(inputs),
        "v2_funnel.win_probability" => funnel_win_probability(inputs),
        "v2_count.credible_interval" => trend_intervals(inputs, count::credible_intervals),
        "v2_continuous.credible_interval" => trend_intervals(inputs, continuous::credible_intervals),
        "v2_funnel.credible_interval" => funnel_intervals(inputs),
        "v2_count.significance" => trend_verdict(inputs, count::significance),
        "v2_continuous.significance" => trend_verdict(inputs, continuous::significance),
        "v2_funnel.significance" => funnel_verdict(inputs),
        "interim_frequentist_funnel.analyze" => interim_answer(inputs),
        "normal_inverse_gamma" => normal_inverse_gamma(inputs),
        "lognormal_posterior" => log_normal(inputs),
        _ => return None,
    })
}

fn trend_arms(inputs: &Value) -> Result<(Option<TrendArm>, Vec<TrendArm>, WinProbability)> {
    Ok((read(inputs, "control")?, read(inputs, "tests")?, read(inputs, "mode")?))
}

type Intervals = Vec<(String, [f64; 2])>;

fn trend_intervals(inputs: &Value, intervals: fn(&[TrendArm], f64, f64) -> Result<Intervals>) -> Result<Value> {
    let arms: Vec<TrendArm> = read(inputs, "variants")?;
    let intervals = intervals(&arms, read(inputs, "lower")?, read(inputs, "upper")?)?;
    Ok(json!({ "credible_intervals": by_key(intervals) }))
}

fn trend_verdict(
    inputs: &Value,
    significance: fn(&TrendArm, &[TrendArm], &[f64]) -> Result<abduck::stats::Significance>,
) -> Result<Value> {
    let (tests, probabilities): (Vec<TrendArm>, Vec<f64>) = (read(inputs, "tests")?, read(inputs, "probabilities")?);
    Ok(verdict(&significance(&read(inputs, "control")?, &tests, &probabilities)?))
}

/// A defect of the reference's first days, which the engine does not offer: the rate of a posterior is 1 + relative exposure.
fn prototype(inputs: &Value) -> Result<Value> {
    let (control, tests): (TrendArm, Vec<TrendArm>) = (read(inputs, "control")?, read(inputs, "tests")?);
    let arms: Vec<TrendArm> = std::iter::once(control).chain(tests).collect();
    let posteriors =
        arms.iter().map(|arm| Posterior::gamma(1.0 + arm.count, 1.0 + arm.exposure)).collect::<Result<Vec<_>>>()?;
    let best = bayes::probability_best(&posteriors)?.value;
    Ok(json!({ "probability": by_key(arms.into_iter().map(|arm| arm.key).zip(best).collect()) }))
}

fn funnel_win_probability(inputs: &Value) -> Result<Value> {
    let (control, tests): (FunnelArm, Vec<FunnelArm>) = (read(inputs, "control")?, read(inputs, "tests")?);
    Ok(json!({ "probability": by_key(funnel::win_probabilities(&control, &tests, read(inputs, "mode")?)?) }))
}

fn funnel_intervals(inputs: &Value) -> Result<Value> {
    let arms: Vec<FunnelArm> = read(inputs, "variants")?;
    let intervals = funnel::credible_intervals(&arms, read(inputs, "lower")?, read(inputs, "upper")?)?;
    Ok(json!({ "credible_intervals": by_key(intervals) }))
}

fn funnel_verdict(inputs: &Value) -> Result<Value> {
    let (tests, probabilities): (Vec<FunnelArm>, Vec<f64>) = (read(inputs, "tests")?, read(inputs, "probabilities")?);
    Ok(verdict(&funnel::significance(&read(inputs, "control")?, &tests, &probabilities)?))
}

fn interim_answer(inputs: &Value) -> Result<Value> {
    let tests: Vec<FunnelArm> = read(inputs, "tests")?;
    let answer = interim::analyze(&read(inputs, "control")?, &tests)?;
    Ok(json!({
        "significance_code": answer.significance_code,
        "expected_loss": answer.expected_loss,
        "probability": by_key(answer.probabilities),
        "confidence_intervals": by_key(answer.confidence_intervals),
    }))
}

fn normal_inverse_gamma(inputs: &Value) -> Result<Value> {
    let prior: NormalInverseGamma = read(inputs, "prior")?;
    let updated = arms(inputs)?
        .iter()
        .map(|arm| prior.updated(read(arm, "n")?, read(arm, "mean")?, read(arm, "variance")?))
        .collect::<Result<Vec<_>>>()?;
    let posteriors = updated.iter().map(NormalInverseGamma::mean).collect::<Result<Vec<_>>>()?;
    let standings = compare_bells(&posteriors)?.value;
    Ok(json!({
        "posterior": updated,
        "degrees_of_freedom": updated.iter().map(|posterior| 2.0 * posterior.alpha).collect::<Vec<_>>(),
        "scale": posteriors.iter().map(BellPosterior::scale).collect::<Vec<_>>(),
        "credible_interval_95": posteriors.iter().map(|p| [p.quantile(0.025), p.quantile(0.975)]).collect::<Vec<_>>(),
        "probability_best": standings.iter().map(|standing| standing.probability_best).collect::<Vec<_>>(),
        "expected_loss": standings.iter().map(|standing| standing.expected_loss).collect::<Vec<_>>(),
    }))
}

fn log_normal(inputs: &Value) -> Result<Value> {
    let posteriors = arms(inputs)?
        .iter()
        .map(|arm| LogNormal::new(read(arm, "log_mean")?, read(arm, "log_sd")?))
        .collect::<Result<Vec<_>>>()?;
    let standings = lognormal::compare(&posteriors)?.value;
    Ok(json!({
        "mean": posteriors.iter().map(LogNormal::mean).collect::<Vec<_>>(),
        "credible_interval_95": posteriors.iter().map(|p| [p.quantile(0.025), p.quantile(0.975)]).collect::<Vec<_>>(),
        "probability_best": standings.iter().map(|standing| standing.probability_best).collect::<Vec<_>>(),
        "expected_loss": standings.iter().map(|standing| standing.expected_loss).collect::<Vec<_>>(),
    }))
}
