//! Operations of section 13 on means, variances and arrays of two arms.

use abduck::error::Result;
use abduck::stats::dist::normal_quantile;
use abduck::stats::inference::{Estimate, Welch, fieller_interval};
use abduck::stats::modern::Statistic;
use abduck::stats::modern::cuped::{Covariate, Covaried, Pooling, adjusted_pair};
use abduck::stats::modern::effect::{DifferenceType, Effect, Pair};
use abduck::stats::modern::gaussian::{Believed, Prior};
use abduck::stats::modern::sequential::{self, Layout};
use serde_json::{Value, json};

use super::read;

/// Runs an operation of this file; `None` when it is none.
pub(super) fn run(method: &str, inputs: &Value) -> Option<Result<Value>> {
    Some(match method {
        "welch_t_test" => welch(inputs),
        "relative_difference_interval" => relative(inputs),
        "gaussian_effect" => gaussian(inputs),
        "confidence_sequence" => confidence_sequence(inputs),
        "ratio_delta_method" => ratio(inputs),
        "cuped" => cuped(inputs),
        _ => return None,
    })
}

fn estimate(inputs: &Value, arm: &str) -> Result<Estimate> {
    let arm = &inputs[arm];
    Ok(Estimate { count: read(arm, "n")?, value: read(arm, "mean")?, unit_variance: read(arm, "variance")? })
}

fn around(middle: f64, half_width: f64) -> [f64; 2] {
    [middle - half_width, middle + half_width]
}

fn welch(inputs: &Value) -> Result<Value> {
    let welch = Welch::new(estimate(inputs, "control")?, estimate(inputs, "treatment")?)?;
    let half_width = welch.critical_value(read(inputs, "alpha")?) * welch.standard_error;
    Ok(json!({
        "difference": welch.difference,
        "standard_error": welch.standard_error,
        "t_statistic": welch.t_statistic,
        "degrees_of_freedom": welch.degrees_of_freedom(),
        "p_value": welch.ln_p_value.exp(),
        "confidence_interval": around(welch.difference, half_width),
    }))
}

fn relative(inputs: &Value) -> Result<Value> {
    let (control, treatment) = (estimate(inputs, "control")?, estimate(inputs, "treatment")?);
    let alpha: f64 = read(inputs, "alpha")?;
    let critical = -normal_quantile(alpha / 2.0);
    let ratio = treatment.value / control.value;
    let variance = treatment.variance() + ratio * ratio * control.variance();
    let standard_error = variance.sqrt() / control.value;
    Ok(json!({
        "relative_difference": ratio - 1.0,
        "delta_standard_error": standard_error,
        "delta_interval": around(ratio - 1.0, critical * standard_error),
        "fieller_interval": fieller_interval(control, treatment, critical),
    }))
}

fn gaussian(inputs: &Value) -> Result<Value> {
    let effect = Effect { value: read(inputs, "effect")?, variance: read(inputs, "variance")? };
    let variance: Option<f64> = read(inputs, "prior_variance")?;
    let prior =
        Prior { mean: read(inputs, "prior_mean")?, variance: variance.unwrap_or(1.0), proper: variance.is_some() };
    let believed = Believed::after(effect, prior);
    let [control, treatment] = believed.losses();
    Ok(json!({
        "posterior_mean": believed.mean,
        "posterior_variance": believed.variance,
        "chance_to_win": believed.chance_to_win(false),
        "credible_interval": believed.interval(read(inputs, "ci_level")?),
        "loss_if_control_chosen": control,
        "loss_if_treatment_chosen": treatment,
    }))
}

fn confidence_sequence(inputs: &Value) -> Result<Value> {
    let effect = Effect { value: read(inputs, "effect")?, variance: read(inputs, "variance")? };
    let layout = Layout { alpha: read(inputs, "alpha")?, tuning_units: read(inputs, "tuning_parameter")? };
    let look = sequential::look(effect, read(inputs, "n")?, layout)?;
    let [lower, upper] = look.confidence_interval;
    Ok(json!({
        "rho": layout.rho()?,
        "halfwidth": 0.5 * (upper - lower),
        "confidence_interval": [lower, upper],
        "log_e_value": look.ln_e_value,
        "p_value": look.p_value,
    }))
}

fn ratio_arm(inputs: &Value, arm: &str) -> Result<Statistic> {
    let arm = &inputs[arm];
    read(
        &json!({ "statistic": {
            "type": "ratio",
            "n": arm["n"],
            "numerator": { "sum": arm["numerator_sum"], "sum_squares": arm["numerator_sum_squares"] },
            "denominator": { "sum": arm["denominator_sum"], "sum_squares": arm["denominator_sum_squares"] },
            "sum_of_products": arm["sum_of_products"],
        } }),
        "statistic",
    )
}

fn ratio(inputs: &Value) -> Result<Value> {
    let (control, treatment) = (ratio_arm(inputs, "control")?, ratio_arm(inputs, "treatment")?);
    let arm = |statistic: &Statistic| {
        json!({
            "ratio": statistic.mean(),
            "unit_variance": statistic.variance(),
            "standard_error": statistic.standard_error(),
        })
    };
    let absolute = Pair::new(treatment, control, DifferenceType::Absolute)?.effect()?;
    let relative = Pair::new(treatment, control, DifferenceType::Relative)?.effect()?;
    let standard_error = absolute.variance.sqrt();
    Ok(json!({
        "treatment": arm(&treatment),
        "control": arm(&control),
        "difference": absolute.value,
        "difference_standard_error": standard_error,
        "difference_interval_95": around(absolute.value, normal_quantile(0.975) * standard_error),
        "relative_difference": relative.value,
        "relative_standard_error": relative.variance.sqrt(),
    }))
}

fn covaried(inputs: &Value, arm: &str) -> Result<Covaried> {
    let (post, pre): (Vec<f64>, Vec<f64>) = (read(&inputs[arm], "post")?, read(&inputs[arm], "pre")?);
    let n = f64::from(u32::try_from(post.len()).unwrap());
    let squares = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
    Ok(Covaried {
        post: Statistic::mean_of(n, post.iter().sum(), squares(&post))?,
        pre: Covariate {
            n: None,
            sum: pre.iter().sum(),
            sum_squares: squares(&pre),
            sum_of_cross_products: post.iter().zip(&pre).map(|(post, pre)| post * pre).sum(),
        },
    })
}

fn cuped(inputs: &Value) -> Result<Value> {
    let (control, treatment) = (covaried(inputs, "control")?, covaried(inputs, "treatment")?);
    let answer = |pooling| -> Result<Value> {
        let adjusted = adjusted_pair(&treatment, &control, DifferenceType::Absolute, pooling)?;
        let effect = adjusted.pair.effect()?;
        Ok(json!({
            "theta": adjusted.theta,
            "treatment_adjusted_mean": adjusted.treatment.mean,
            "control_adjusted_mean": adjusted.control.mean,
            "treatment_adjusted_variance": adjusted.treatment.variance,
            "control_adjusted_variance": adjusted.control.variance,
            "difference": effect.value,
            "standard_error": effect.variance.sqrt(),
            "variance_reduction_treatment": adjusted.treatment.variance_reduction,
            "variance_reduction_control": adjusted.control.variance_reduction,
        }))
    };
    Ok(json!({
        "theta_pooled_over_all_units": answer(Pooling::AllUnits)?,
        "theta_pooled_within_arms": answer(Pooling::WithinArms)?,
    }))
}
