//! Operations of section 11, and the planning of section 13.

use abduck::error::Result;
use abduck::stats::group_sequential::boundaries;
use abduck::stats::power::{Means, Shares};
use abduck::stats::rule_of_thumb;
use serde_json::{Value, json};

use super::read;

/// Runs an operation of this file; `None` when it is none.
pub(super) fn run(method: &str, inputs: &Value) -> Option<Result<Value>> {
    Some(match method {
        "planning.funnel_sample_size" => funnel_sample_size(inputs),
        "planning.trend_running_days" => trend_running_days(inputs),
        "planning.default_mde_funnel" => default_funnel(inputs),
        "planning.default_mde_trend" => default_trend(inputs),
        "power_means" => power_means(inputs),
        "power_proportions" => power_proportions(inputs),
        "group_sequential" => group_sequential(inputs),
        _ => return None,
    })
}

fn funnel_sample_size(inputs: &Value) -> Result<Value> {
    let (rate, effect) = (read(inputs, "conversion_rate_percent")?, read(inputs, "mde_percent_points")?);
    Ok(json!({ "sample_size_per_variant": rule_of_thumb::funnel_units_per_variant(rate, effect)? }))
}

fn trend_running_days(inputs: &Value) -> Result<Value> {
    let (count, effect) = (read(inputs, "baseline_count")?, read(inputs, "mde_percent")?);
    Ok(json!({ "days": rule_of_thumb::trend_running_days(count, effect)? }))
}

fn default_funnel(inputs: &Value) -> Result<Value> {
    Ok(json!({ "mde": rule_of_thumb::default_funnel_effect_percent_points(read(inputs, "conversion_rate")?)? }))
}

fn default_trend(inputs: &Value) -> Result<Value> {
    Ok(json!({ "mde": rule_of_thumb::default_trend_effect_percent(read(inputs, "baseline_count")?)? }))
}

fn power_means(inputs: &Value) -> Result<Value> {
    let design =
        Means { standard_deviation: read(inputs, "sd")?, ratio: read(inputs, "ratio")?, alpha: read(inputs, "alpha")? };
    let (difference, power, units): (f64, f64, f64) =
        (read(inputs, "difference")?, read(inputs, "power")?, read(inputs, "n_control")?);
    let normal = design.units_normal(difference, power)?;
    Ok(json!({
        "n_control_normal": normal,
        "n_control_normal_ceil": normal.ceil(),
        "n_control_t": design.units(difference, power)?,
        "power_normal": design.power_normal(difference, units)?,
        "power_t": design.power(difference, units)?,
        "minimum_detectable_difference_normal": design.detectable_difference(units, power)?,
    }))
}

fn power_proportions(inputs: &Value) -> Result<Value> {
    let design = Shares {
        control: read(inputs, "p_control")?,
        treatment: read(inputs, "p_treatment")?,
        alpha: read(inputs, "alpha")?,
    };
    let power = read(inputs, "power")?;
    Ok(json!({
        "n_per_arm_pooled_null": design.units_pooled(power)?,
        "n_per_arm_unpooled": design.units_unpooled(power)?,
        "n_per_arm_arcsine": design.units_arcsine(power)?,
        "power_pooled_null": design.power_pooled(read(inputs, "n_per_arm")?)?,
    }))
}

fn group_sequential(inputs: &Value) -> Result<Value> {
    let times: Vec<f64> = read(inputs, "information_times")?;
    Ok(json!(boundaries(read(inputs, "kind")?, &times, read(inputs, "alpha")?)?))
}
