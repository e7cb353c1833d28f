//! Classical operations of section 13: shares, many comparisons, sample ratios, quantiles, mixtures.

use abduck::error::Result;
use abduck::stats::many::{Correction, adjust};
use abduck::stats::mismatch::sample_ratio;
use abduck::stats::mixture::normal_mixture;
use abduck::stats::proportion::{Alternative, two_proportions};
use abduck::stats::quantile::quantile_difference;
use serde_json::{Value, json};

use super::read;

/// Runs an operation of this file; `None` when it is none.
pub(super) fn run(method: &str, inputs: &Value) -> Option<Result<Value>> {
    Some(match method {
        "two_proportion_z_test" => shares(inputs),
        "multiple_testing" => multiple_testing(inputs),
        "srm_chi_square" => srm(inputs),
        "quantile_difference" => quantiles(inputs),
        "msprt" => msprt(inputs),
        _ => return None,
    })
}

fn shares(inputs: &Value) -> Result<Value> {
    let (treatment, control) = (read(inputs, "treatment")?, read(inputs, "control")?);
    Ok(json!(two_proportions(treatment, control, read(inputs, "alpha")?, Alternative::TwoSided)?))
}

fn multiple_testing(inputs: &Value) -> Result<Value> {
    let (p_values, alpha): (Vec<f64>, f64) = (read(inputs, "p_values")?, read(inputs, "alpha")?);
    let family = |correction| -> Result<Value> {
        let family = adjust(&p_values, alpha, correction)?;
        Ok(json!({
            "adjusted": family.iter().map(|one| one.adjusted).collect::<Vec<_>>(),
            "rejected": family.iter().map(|one| one.rejected).collect::<Vec<_>>(),
        }))
    };
    Ok(json!({
        "bonferroni": family(Correction::Bonferroni)?,
        "holm": family(Correction::Holm)?,
        "benjamini_hochberg": family(Correction::BenjaminiHochberg)?,
        "benjamini_yekutieli": family(Correction::BenjaminiYekutieli)?,
    }))
}

fn srm(inputs: &Value) -> Result<Value> {
    let (counts, weights): (Vec<f64>, Vec<f64>) = (read(inputs, "counts")?, read(inputs, "weights")?);
    Ok(json!(sample_ratio(&counts, &weights)?))
}

fn quantiles(inputs: &Value) -> Result<Value> {
    let (treatment, control): (Vec<f64>, Vec<f64>) = (read(inputs, "treatment")?, read(inputs, "control")?);
    Ok(json!(quantile_difference(&treatment, &control, read(inputs, "q")?, read(inputs, "alpha")?)?))
}

fn msprt(inputs: &Value) -> Result<Value> {
    let (effect, variance) = (read(inputs, "effect")?, read(inputs, "variance")?);
    Ok(json!(normal_mixture(effect, variance, read(inputs, "mixing_variance")?, read(inputs, "alpha")?)?))
}
