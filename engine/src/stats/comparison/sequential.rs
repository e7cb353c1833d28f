//! The answer of the sequential method that an experiment, or one of its metrics, names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arm, Comparison, Comparisons, Nature, adjusted};
use crate::error::{Error, Result};
use crate::model::sequential::{SequentialMethod, Spending};
use crate::plan::Statistics;
use crate::stats::group_sequential::{InterimLook, interim_look};
use crate::stats::inference::{Estimate, Inference, inference};
use crate::stats::mixture::{ln_e_value_of_equal_shares, normal_mixture, share_interval};
use crate::stats::proportion::Share;

/// What the sequential method says that was chosen to decide; without it, the anytime-valid answer decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SequentialAnswer {
    /// It answers.
    Given {
        /// The method.
        method: SequentialName,
        /// Whether covariates are taken out of the difference.
        is_adjusted: bool,
        /// The difference, in the unit of the metric.
        difference: f64,
        /// The interval and the test.
        inference: Inference,
        /// Of planned looks, the one that is due.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        look: Option<PlannedLook>,
    },
    /// It does not answer, and nothing else decides in its place.
    Undecided {
        /// The method.
        method: SequentialName,
        /// Why.
        reason: String,
    },
}

/// A sequential method by its name in a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SequentialName {
    /// Exact bets against equal shares.
    Betting,
    /// The mixture sequential probability ratio test.
    Mixture,
    /// A planned number of looks.
    GroupSequential,
}

/// A planned look, and where it stands in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedLook {
    /// What the look says.
    #[serde(flatten)]
    pub look: InterimLook,
    /// The number of looks that are planned.
    pub looks: usize,
    /// The share of the planned units that there are; above 1 when there are more.
    pub information: f64,
    /// The units of all variants at the next look; none after the last one.
    pub next_look_units: Option<f64>,
}

/// A refusal to answer, in words.
type Answer = std::result::Result<(Inference, Option<PlannedLook>), String>;

impl SequentialName {
    /// Its machine-readable name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Betting => "betting",
            Self::Mixture => "mixture",
            Self::GroupSequential => "group_sequential",
        }
    }
}

/// Puts the answer of the chosen method beside each comparison; `units` are those of all variants. The asymptotic sequence is there
/// already.
///
/// # Errors
/// `Bug` for a comparison without an arm.
pub fn judge_sequentially(
    comparisons: &mut Comparisons,
    nature: Nature,
    arms: &[Arm],
    units: f64,
    statistics: &Statistics,
) -> Result<()> {
    let (method, alpha) = (&statistics.config.sequential, statistics.config.alpha);
    let Some(name) = name(method) else { return Ok(()) };
    let Some(baseline) = arms.first() else { return Ok(()) };
    for (variant, comparison) in &mut comparisons.against_baseline {
        let arm = arms.iter().find(|arm| arm.variant == *variant);
        let arm = arm.ok_or_else(|| Error::bug("a comparison has an arm"))?;
        // Bets are on what the units did; a covariate would make another number of it.
        let without = if name == SequentialName::Betting { None } else { adjusted::estimates(nature, baseline, arm) };
        let is_adjusted = without.is_some() && comparison.adjusted.is_some();
        let pair = without.filter(|_| is_adjusted).unwrap_or([baseline.estimate, arm.estimate]);
        let answer = match method {
            SequentialMethod::Asymptotic => continue,
            SequentialMethod::Betting => betting(nature, pair, alpha),
            SequentialMethod::Mixture { mixing_variance } => mixture(pair, *mixing_variance, alpha),
            SequentialMethod::GroupSequential { spending, looks, planned_units } => {
                planned(pair, &Plan { spending: *spending, looks, planned_units: *planned_units, units }, alpha)
            }
        };
        let difference = pair[1].value - pair[0].value;
        comparison.sequential = Some(match answer {
            Ok((inference, look)) => SequentialAnswer::Given { method: name, is_adjusted, difference, inference, look },
            Err(reason) => SequentialAnswer::Undecided { method: name, reason },
        });
    }
    Ok(())
}

impl Comparison {
    /// The name of the sequential method that decides.
    #[must_use]
    pub fn sequential_method(&self) -> &'static str {
        match &self.sequential {
            None => "asymptotic",
            Some(SequentialAnswer::Given { method, .. } | SequentialAnswer::Undecided { method, .. }) => {
                method.as_str()
            }
        }
    }

    /// What decides while the experiment runs: the difference, and the answer of the chosen method, with covariates taken out where
    /// there are some.
    ///
    /// # Errors
    /// Why the chosen method does not answer.
    pub fn deciding(&self) -> std::result::Result<(f64, &Inference), &str> {
        match (&self.sequential, &self.adjusted) {
            (Some(SequentialAnswer::Given { difference, inference, .. }), _) => Ok((*difference, inference)),
            (Some(SequentialAnswer::Undecided { reason, .. }), _) => Err(reason),
            (None, Some(adjusted)) => Ok((adjusted.difference, &adjusted.anytime_valid)),
            (None, None) => Ok((self.difference, &self.anytime_valid)),
        }
    }
}

fn name(method: &SequentialMethod) -> Option<SequentialName> {
    match method {
        SequentialMethod::Asymptotic => None,
        SequentialMethod::Betting => Some(SequentialName::Betting),
        SequentialMethod::Mixture { .. } => Some(SequentialName::Mixture),
        SequentialMethod::GroupSequential { .. } => Some(SequentialName::GroupSequential),
    }
}

/// Exact for units that did something or did not: an e-value against equal shares, and both shares' own intervals, each with half the
/// error rate. The two are different procedures; only the interval is the more cautious one.
fn betting(nature: Nature, pair: [Estimate; 2], alpha: f64) -> Answer {
    if nature != Nature::Share {
        return Err("betting is exact for shares only, and this metric is not one".to_owned());
    }
    let share =
        |estimate: Estimate| Share { successes: (estimate.value * estimate.count).round(), trials: estimate.count };
    let [control, treatment] = pair.map(share);
    let interval = |share| share_interval(share, alpha / 2.0);
    let answer = || -> Result<Inference> {
        let ln_e_value = ln_e_value_of_equal_shares(treatment, control)?;
        let (of_control, of_treatment) = (interval(control)?, interval(treatment)?);
        let relative = || [of_treatment[0] / of_control[1] - 1.0, of_treatment[1] / of_control[0] - 1.0];
        let plain = inference(pair[0], pair[1], alpha, 0.0, (-ln_e_value).min(0.0));
        Ok(Inference {
            interval: [of_treatment[0] - of_control[1], of_treatment[1] - of_control[0]],
            relative_interval: (of_control[0] > 0.0).then(relative),
            ..plain.with_evidence(ln_e_value)
        })
    };
    answer().map(|inference| (inference, None)).map_err(|error| error.to_string())
}

fn mixture(pair: [Estimate; 2], mixing_variance: f64, alpha: f64) -> Answer {
    let [before, after] = pair;
    let (difference, variance) = (after.value - before.value, before.variance() + after.variance());
    let test = normal_mixture(difference, variance, mixing_variance, alpha).map_err(|error| error.to_string())?;
    let critical = (test.confidence_interval[1] - difference) / variance.sqrt();
    let ln_p_value = (-test.log_likelihood_ratio).min(0.0);
    Ok((inference(before, after, alpha, critical, ln_p_value).with_evidence(test.log_likelihood_ratio), None))
}

/// Planned looks, and the units so far.
struct Plan<'a> {
    spending: Spending,
    looks: &'a [f64],
    planned_units: Option<f64>,
    units: f64,
}

fn planned(pair: [Estimate; 2], plan: &Plan<'_>, alpha: f64) -> Answer {
    let [before, after] = pair;
    let planned_units = plan.planned_units.ok_or(
        "no number of units is planned: set planned_units in the sequential method, or recommended_sample_size in the parameters",
    )?;
    let first = plan.looks.first().ok_or("no looks are planned: set looks in the sequential method")?;
    let standard_error = (before.variance() + after.variance()).sqrt();
    let (z, information) = ((after.value - before.value) / standard_error, plan.units / planned_units);
    let look = interim_look(plan.spending, plan.looks, information, z, alpha).map_err(|error| error.to_string())?;
    let due = |share: f64| (share * planned_units).ceil();
    let Some(look) = look else {
        return Err(format!("the first look is due at {} units, and there are {}", due(*first), plan.units));
    };
    let repeated = inference(before, after, alpha, look.z_boundary, look.repeated_p_value.ln());
    let place = PlannedLook {
        look,
        looks: plan.looks.len(),
        information,
        next_look_units: plan.looks.get(look.look).map(|share| due(*share)),
    };
    // Exactly at the bar, rounding must not tell another story than the bar.
    Ok((Inference { significant: look.crossed, ..repeated }, Some(place)))
}

#[cfg(test)]
mod tests;
