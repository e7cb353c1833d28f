//! Differences of two arms: believed, with covariates taken out, and stratum by stratum; and what is learned from the past.

use abduck::error::Result;
use abduck::stats::adjust::{self, MultiMoments, Outcome, Slopes};
use abduck::stats::believed::BellPosterior;
use abduck::stats::contrast::{Contrast, Marginal};
use abduck::stats::inference::Estimate;
use abduck::stats::modern::sequential::Layout;
use abduck::stats::novelty::novelty;
use abduck::stats::poststratify::{self, Stratum, Target};
use abduck::stats::priors::{LearnedPrior, learn_mean, learn_share};
use abduck::stats::proportion::Share;
use abduck::stats::{Moments, Posterior};
use serde::Deserialize;
use serde_json::{Value, json};

/// The posterior of one arm.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Arm {
    Beta(f64, f64),
    Gamma(f64, f64),
    Student(f64, f64, f64),
}

impl Arm {
    fn marginal(&self) -> Result<Marginal> {
        Ok(match *self {
            Self::Beta(a, b) => Posterior::beta(a, b)?.into(),
            Self::Gamma(shape, rate) => Posterior::gamma(shape, rate)?.into(),
            Self::Student(location, scale, degrees) => BellPosterior::student(location, scale, degrees)?.into(),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Believed {
    control: Arm,
    treatment: Arm,
    is_ratio: bool,
    probability: f64,
    points: u32,
}

pub(super) fn believed(inputs: &Believed) -> Result<Value> {
    let (control, treatment) = (inputs.control.marginal()?, inputs.treatment.marginal()?);
    let contrast = if inputs.is_ratio { Contrast::ratio } else { Contrast::difference }(control, treatment)?;
    let (larger, interval) =
        (contrast.probability_of_larger_treatment(), contrast.credible_interval(inputs.probability)?);
    let curve = if inputs.points == 0 { Vec::new() } else { contrast.curve(inputs.points)? };
    Ok(json!({
        "probability_of_larger_treatment": larger.value,
        "credible_interval": interval.value,
        "median": contrast.quantile(0.5)?.value,
        "curve": curve,
        "error_bound": larger.error_bound,
    }))
}

#[derive(Deserialize)]
pub(super) struct Covaried {
    control: Vec<Vec<f64>>,
    treatment: Vec<Vec<f64>>,
    is_ratio: bool,
    per_arm: bool,
    alpha: f64,
}

pub(super) fn covaried(inputs: &Covaried) -> Result<Value> {
    let (control, treatment) = (MultiMoments::of(&inputs.control)?, MultiMoments::of(&inputs.treatment)?);
    let slopes = if inputs.per_arm { Slopes::PerArm } else { Slopes::Pooled };
    let adjusted = adjust::adjust(&control, &treatment, outcome(inputs.is_ratio), slopes)?;
    let layout = Layout { alpha: inputs.alpha, ..Layout::default() };
    Ok(json!({
        "difference": adjusted.difference(),
        "standard_error": adjusted.standard_error(),
        "variance_reduction": adjusted.variance_reduction,
        "control_slopes": adjusted.control_slopes,
        "treatment_slopes": adjusted.treatment_slopes,
        "dropped": adjusted.dropped,
        "anytime_valid": adjusted.anytime_valid(layout)?,
        "fixed_horizon": adjusted.fixed_horizon(inputs.alpha)?,
    }))
}

fn outcome(is_ratio: bool) -> Outcome {
    if is_ratio { Outcome::Ratio } else { Outcome::Mean }
}

/// Units, mean and variance of an arm.
type MeanOf = (u64, f64, f64);

#[derive(Deserialize)]
pub(super) struct Strata {
    strata: Vec<(String, MeanOf, MeanOf)>,
    alpha: f64,
}

pub(super) fn poststratified(inputs: &Strata) -> Result<Value> {
    let moments = |(count, mean, variance): MeanOf| {
        let units = abduck::stats::number::from_count(count);
        let sum = mean * units;
        Moments { count, sum, second_moment: variance * (units - 1.0).max(0.0), ..Moments::default() }
    };
    let stratum = |(name, control, treatment): &(String, MeanOf, MeanOf)| Stratum {
        name: name.clone(),
        control: moments(*control),
        treatment: moments(*treatment),
    };
    let strata: Vec<Stratum> = inputs.strata.iter().map(stratum).collect();
    let difference = poststratify::poststratify(&strata, Outcome::Mean, Target::Population)?;
    let layout = Layout { alpha: inputs.alpha, ..Layout::default() };
    Ok(json!({
        "difference": difference.difference(),
        "standard_error": difference.standard_error(),
        "variance_reduction": difference.variance_reduction,
        "merged": difference.merged,
        "anytime_valid": difference.anytime_valid(layout)?,
        "fixed_horizon": difference.fixed_horizon(inputs.alpha)?,
    }))
}

#[derive(Deserialize)]
pub(super) struct Arms {
    shares: Vec<(f64, f64)>,
    means: Vec<(f64, f64, f64)>,
}

pub(super) fn learned(inputs: &Arms) -> Result<Value> {
    let LearnedPrior { prior, arms, is_limited } = if inputs.means.is_empty() {
        let share = |&(successes, trials): &(f64, f64)| Share { successes, trials };
        learn_share(&inputs.shares.iter().map(share).collect::<Vec<_>>())?
    } else {
        let mean = |&(count, value, unit_variance): &(f64, f64, f64)| Estimate { count, value, unit_variance };
        learn_mean(&inputs.means.iter().map(mean).collect::<Vec<_>>())?
    };
    Ok(json!({"prior": prior.to_json(), "arms": arms, "is_limited": is_limited}))
}

#[derive(Deserialize)]
pub(super) struct Days {
    points: Vec<(f64, f64, f64)>,
}

pub(super) fn course(inputs: &Days) -> Value {
    json!(novelty("", &inputs.points))
}
