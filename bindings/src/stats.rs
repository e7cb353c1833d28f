//! The pure statistics, without a lab: inputs and answers cross as JSON text.

mod differences;

use abduck::error::Result;
use abduck::plan::Statistics;
use abduck::stats::comparison::{Arm, Nature, compare};
use abduck::stats::group_sequential::{Spending, boundaries};
use abduck::stats::inference::Estimate;
use abduck::stats::many::{Correction, adjust, e_benjamini_hochberg};
use abduck::stats::mismatch::{rank_segments, sample_ratio};
use abduck::stats::mixture::{difference_interval, ln_e_value_of_equal_shares, normal_mixture, share_interval};
use abduck::stats::modern::sequential::Layout;
use abduck::stats::poisson::{EventCount, rate_p_value};
use abduck::stats::power::{Means, Shares};
use abduck::stats::proportion::exact::{boschloo, fisher_ln_p_value};
use abduck::stats::proportion::{Alternative, Share, non_inferiority_p_value, two_proportions};
use abduck::stats::quantile::quantile_difference;
use abduck::stats::{Moments, Posterior, bayes};
use pyo3::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::exception;

/// Computes one statistic; `inputs` is a JSON object, and so is the answer.
///
/// # Errors
/// `InvalidError` for inputs that are impossible, and for a name that is none.
#[pyfunction]
pub(crate) fn statistic(py: Python<'_>, name: &str, inputs: &str) -> PyResult<String> {
    compute(name, inputs).map(|answer| answer.to_string()).map_err(|error| exception(py, &error))
}

fn compute(name: &str, inputs: &str) -> Result<Value> {
    match name {
        "compare" => of(inputs, compared),
        "conversion" => of(inputs, |inputs: Posteriors| inputs.standings(Posterior::beta)),
        "rates" => of(inputs, |inputs: Posteriors| inputs.standings(Posterior::gamma)),
        "rate_p_value" => of(inputs, rates),
        "two_proportions" => {
            of(inputs, |of: TwoShares| two_proportions(of.treatment, of.control, of.alpha, of.alternative))
        }
        "fisher" => of(inputs, |of: TwoShares| fisher_ln_p_value(of.treatment, of.control, of.alternative)),
        "boschloo" => of(inputs, |of: TwoShares| boschloo(of.treatment, of.control, of.alternative)),
        "non_inferiority" => of(inputs, |of: TwoShares| non_inferiority_p_value(of.treatment, of.control, of.margin)),
        "anytime_shares" => of(inputs, anytime_shares),
        "mixture" => of(inputs, |of: Mixture| normal_mixture(of.effect, of.variance, of.mixing_variance, of.alpha)),
        "quantile_difference" => {
            of(inputs, |of: Quantiles| quantile_difference(&of.treatment, &of.control, of.level, of.alpha))
        }
        "adjust" => of(inputs, |of: Family| adjust(&of.p_values, of.alpha, of.correction)),
        "e_benjamini_hochberg" => of(inputs, |of: EValues| e_benjamini_hochberg(&of.ln_e_values, of.alpha)),
        "sample_ratio" => of(inputs, |of: Ratio| sample_ratio(&of.counts, &of.weights)),
        "rank_segments" => of(inputs, |of: Segments| rank_segments(&of.segments, &of.weights)),
        "boundaries" => of(inputs, |of: Looks| boundaries(of.spending, &of.information_times, of.alpha)),
        "plan_means" => of(inputs, planned_means),
        "plan_shares" => of(inputs, planned_shares),
        "believed" => of(inputs, |of| differences::believed(&of)),
        "covaried" => of(inputs, |of| differences::covaried(&of)),
        "poststratified" => of(inputs, |of| differences::poststratified(&of)),
        "learned" => of(inputs, |of| differences::learned(&of)),
        "course" => of(inputs, |of| Ok(differences::course(&of))),
        name => Err(abduck::Error::not_found("statistic", name)),
    }
}

fn of<Inputs: DeserializeOwned, Answer: Serialize>(
    inputs: &str,
    compute: impl FnOnce(Inputs) -> Result<Answer>,
) -> Result<Value> {
    let inputs = serde_json::from_str(inputs)
        .map_err(|error| abduck::Error::invalid_field("inputs", "invalid_input", error.to_string()))?;
    Ok(json!(compute(inputs)?))
}

#[derive(Deserialize)]
struct Compared {
    nature: NatureName,
    arms: Vec<NamedEstimate>,
    alpha: f64,
    tuning_units: f64,
    lower_is_better: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum NatureName {
    Share,
    Mean,
    Ratio,
}

#[derive(Deserialize)]
struct NamedEstimate {
    variant: String,
    units: f64,
    value: f64,
    unit_variance: f64,
}

fn compared(inputs: Compared) -> Result<impl Serialize> {
    let mut statistics = Statistics { lower_is_better: inputs.lower_is_better, ..Statistics::default() };
    statistics.config.alpha = inputs.alpha;
    statistics.config.tuning_units = inputs.tuning_units;
    let nature = match inputs.nature {
        NatureName::Share => Nature::Share,
        NatureName::Mean => Nature::Mean,
        NatureName::Ratio => Nature::Ratio,
    };
    let arm = |arm: NamedEstimate| Arm {
        variant: arm.variant,
        estimate: Estimate { count: arm.units, value: arm.value, unit_variance: arm.unit_variance },
        moments: Moments::default(),
        has_covariate: false,
        covaried: None,
    };
    compare(nature, &inputs.arms.into_iter().map(arm).collect::<Vec<_>>(), &statistics)
}

/// Both parameters of each posterior, by variant.
#[derive(Deserialize)]
struct Posteriors {
    arms: Vec<(f64, f64)>,
}

impl Posteriors {
    fn standings(self, posterior: fn(f64, f64) -> Result<Posterior>) -> Result<Value> {
        let posteriors = self.arms.iter().map(|(a, b)| posterior(*a, *b)).collect::<Result<Vec<_>>>()?;
        let best = bayes::probability_best(&posteriors)?;
        let belief = |(index, probability_best): (usize, f64)| {
            let mut others = posteriors.clone();
            let own = others.remove(index);
            let interval = [own.quantile(0.025), own.quantile(0.975)];
            let expected_loss = bayes::expected_loss(&own, &others)?.value;
            Ok(json!({
                "mean": own.mean(), "probability_best": probability_best, "expected_loss": expected_loss,
                "credible_interval": interval,
            }))
        };
        best.value.into_iter().enumerate().map(belief).collect::<Result<Vec<_>>>().map(Value::from)
    }
}

#[derive(Clone, Copy, Deserialize)]
struct Rates {
    control: (f64, f64),
    treatment: (f64, f64),
}

fn rates(inputs: Rates) -> Result<f64> {
    let of = |(count, exposure)| EventCount { count, exposure };
    rate_p_value(of(inputs.control), of(inputs.treatment))
}

#[derive(Clone, Copy, Deserialize)]
struct TwoShares {
    treatment: Share,
    control: Share,
    alpha: f64,
    alternative: Alternative,
    margin: f64,
}

fn anytime_shares(of: TwoShares) -> Result<Value> {
    Ok(json!({
        "treatment": share_interval(of.treatment, of.alpha)?,
        "control": share_interval(of.control, of.alpha)?,
        "difference": difference_interval(of.treatment, of.control, of.alpha)?,
        "ln_e_value": ln_e_value_of_equal_shares(of.treatment, of.control)?,
    }))
}

#[derive(Deserialize)]
struct Mixture {
    effect: f64,
    variance: f64,
    mixing_variance: f64,
    alpha: f64,
}

#[derive(Deserialize)]
struct Quantiles {
    treatment: Vec<f64>,
    control: Vec<f64>,
    level: f64,
    alpha: f64,
}

#[derive(Deserialize)]
struct Family {
    p_values: Vec<f64>,
    alpha: f64,
    correction: Correction,
}

#[derive(Deserialize)]
struct EValues {
    ln_e_values: Vec<f64>,
    alpha: f64,
}

#[derive(Deserialize)]
struct Ratio {
    counts: Vec<f64>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Segments {
    segments: Vec<(String, Vec<f64>)>,
    weights: Vec<f64>,
}

#[derive(Deserialize)]
struct Looks {
    spending: Spending,
    information_times: Vec<f64>,
    alpha: f64,
}

#[derive(Clone, Copy, Deserialize)]
struct PlannedMeans {
    difference: f64,
    standard_deviation: f64,
    ratio: f64,
    alpha: f64,
    power: f64,
    variance_reduction: f64,
    tuning_units: f64,
    units: Option<f64>,
}

fn planned_means(of: PlannedMeans) -> Result<Value> {
    let standard_deviation = of.standard_deviation * (1.0 - of.variance_reduction).max(0.0).sqrt();
    let design = Means { standard_deviation, ratio: of.ratio, alpha: of.alpha };
    let layout = Layout { alpha: of.alpha, tuning_units: of.tuning_units };
    let units = design.units(of.difference, of.power)?;
    Ok(json!({
        "units_control": units.ceil(),
        "units_treatment": (of.ratio * units).ceil(),
        "units_control_anytime": design.units_anytime(of.difference, of.power, layout)?.ceil(),
        "power": of.units.map(|units| design.power(of.difference, units)).transpose()?,
        "detectable_difference": of.units.map(|units| design.detectable_difference(units, of.power)).transpose()?,
    }))
}

#[derive(Clone, Copy, Deserialize)]
struct PlannedShares {
    control: f64,
    treatment: f64,
    alpha: f64,
    power: f64,
    tuning_units: f64,
    units: Option<f64>,
}

fn planned_shares(of: PlannedShares) -> Result<Value> {
    let design = Shares { control: of.control, treatment: of.treatment, alpha: of.alpha };
    let units = design.units_pooled(of.power)?.ceil();
    let variance = |share: f64| share * (1.0 - share);
    let standard_deviation = (0.5 * (variance(of.control) + variance(of.treatment))).sqrt();
    let means = Means { standard_deviation, ratio: 1.0, alpha: of.alpha };
    let layout = Layout { alpha: of.alpha, tuning_units: of.tuning_units };
    let difference = of.treatment - of.control;
    Ok(json!({
        "units_control": units,
        "units_treatment": units,
        "units_control_anytime": means.units_anytime(difference, of.power, layout)?.ceil(),
        "power": of.units.map(|units| design.power_pooled(units)).transpose()?,
        "detectable_difference": of.units.map(|units| means.detectable_difference(units, of.power)).transpose()?,
    }))
}
