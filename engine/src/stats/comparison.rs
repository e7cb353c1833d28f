//! How the variants of a modern metric compare: with the baseline, and with each other.
//!
//! Three answers stand side by side. The *anytime-valid* one may be looked at as often as one likes; the *fixed-horizon* one
//! holds for a single look at a moment chosen beforehand; and the *Bayesian* one says how probable it is that a variant is the
//! best, and what choosing it would cost if it is not. All are computed from moments; nothing is simulated.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod adjusted;
mod believed_difference;
mod poststratified;
mod rate;
mod saved;
mod sequential;

pub use adjusted::Adjusted;
pub use believed_difference::{BelievedCurve, BelievedDifference, believe_all, believed_curves};
pub use poststratified::{Poststratified, poststratify_all};
pub use rate::dispersion;
pub use saved::{Saved, save_all};
pub use sequential::{PlannedLook, SequentialAnswer, SequentialName, judge_sequentially};

use super::adjust::MultiMoments;
use super::bayes::{self, Posterior};
use super::believed::{BellPosterior, compare_bells};
use super::compatible::{CompatibleAnswer, compatible_answer};
use super::conjugate::NormalInverseGamma;
use super::dist::Beta;
use super::inference::{Estimate, Inference, anytime_valid, fixed_horizon};
use super::modern::sequential::Layout;
use super::moments::Moments;
use super::standing::Standing;
use crate::error::Result;
use crate::model::prior::Prior;
use crate::plan::Statistics;

/// What kind of number a metric comes to; it decides what is believed about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// The share of the units that did something: Beta, from a flat prior.
    Share,
    /// A mean over units: Student's t, with nothing known before.
    Mean,
    /// A ratio of two sums over units: normal, by the delta method.
    Ratio,
    /// A quantile: normal, with its standard error.
    Quantile,
}

/// What a variant comes to, for a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// The variant's key.
    pub variant: String,
    /// Its value and how sure that is.
    pub estimate: Estimate,
    /// The moments of its values; of a quantile, they say nothing about it.
    pub moments: Moments,
    /// Whether the second values are a covariate to be taken out.
    pub has_covariate: bool,
    /// The values with several covariates, where there are several; they go before the single one.
    pub covaried: Option<MultiMoments>,
}

/// How the variants compare; variants that lack something are not in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparisons {
    /// Each variant against the baseline, by the variant's key.
    pub against_baseline: IndexMap<String, Comparison>,
    /// What is believed about each variant's value, by its key, the baseline included.
    pub beliefs: IndexMap<String, Belief>,
}

/// A variant against the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The variant's value minus the baseline's, in the unit of the metric.
    pub difference: f64,
    /// The standard error of the difference.
    pub standard_error: f64,
    /// The answer that holds however often one looks.
    pub anytime_valid: Inference,
    /// The answer for a single look at a moment chosen beforehand.
    pub fixed_horizon: Inference,
    /// The same difference with the covariate taken out; only of metrics with a covariate that varies (M-61).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted: Option<Adjusted>,
    /// What is believed about the difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub believed: Option<BelievedDifference>,
    /// The same difference slice by slice, weighted by their sizes; only of metrics that are broken down by properties of the
    /// exposure, which the variants cannot have changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poststratified: Option<Poststratified>,
    /// The answer of the compatible method that the experiment names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compatible: Option<CompatibleAnswer>,
    /// The answer of the sequential method that is chosen to decide, where that is another than the anytime-valid one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequential: Option<SequentialAnswer>,
}

/// What is believed about a variant's true value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Belief {
    /// The probability that the variant is the best of all: has the largest value, or the smallest where lower is better.
    pub probability_best: f64,
    /// What choosing the variant costs on average where another is better, in the unit of the metric.
    pub expected_loss: f64,
    /// The central 95 % interval of the value.
    pub credible_interval: [f64; 2],
}

/// Compares the arms of a metric, the baseline first; with less than two arms there is nothing to compare.
///
/// ```
/// use abduck::plan::Statistics;
/// use abduck::stats::Moments;
/// use abduck::stats::comparison::{Arm, Nature, compare};
/// use abduck::stats::inference::Estimate;
///
/// let arm = |variant: &str, value: f64| Arm {
///     variant: variant.into(),
///     estimate: Estimate { count: 2000.0, value, unit_variance: 4.0 },
///     moments: Moments::default(),
///     has_covariate: false,
///     covaried: None,
/// };
/// let compared = compare(Nature::Mean, &[arm("control", 1.0), arm("test", 1.5)], &Statistics::default())?;
/// assert!(compared.against_baseline["test"].anytime_valid.significant);
/// assert!(compared.beliefs["test"].probability_best > 0.9999);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for an arm of less than 2 units or with a value that is not finite, or one that does not vary.
pub fn compare(nature: Nature, arms: &[Arm], statistics: &Statistics) -> Result<Comparisons> {
    let [baseline, others @ ..] = arms else { return Ok(Comparisons::default()) };
    if others.is_empty() {
        return Ok(Comparisons::default());
    }
    let against = |arm: &Arm| Ok((arm.variant.clone(), against(nature, baseline, arm, statistics)?));
    let against_baseline = others.iter().map(against).collect::<Result<_>>()?;
    let keys = arms.iter().map(|arm| arm.variant.clone());
    Ok(Comparisons { against_baseline, beliefs: keys.zip(beliefs(nature, arms, statistics)?).collect() })
}

fn against(nature: Nature, baseline: &Arm, arm: &Arm, statistics: &Statistics) -> Result<Comparison> {
    let layout = Layout { alpha: statistics.config.alpha, tuning_units: statistics.config.tuning_units };
    let (before, after) = (baseline.estimate, arm.estimate);
    Ok(Comparison {
        difference: after.value - before.value,
        standard_error: (after.variance() + before.variance()).sqrt(),
        anytime_valid: anytime_valid(before, after, layout)?,
        fixed_horizon: fixed_horizon(before, after, layout.alpha)?,
        adjusted: adjusted::adjusted(nature, baseline, arm, layout)?,
        believed: None,
        poststratified: None,
        compatible: compatible_answer(nature, baseline, arm, statistics),
        sequential: None,
    })
}

fn beliefs(nature: Nature, arms: &[Arm], statistics: &Statistics) -> Result<Vec<Belief>> {
    let lower_is_better = statistics.lower_is_better;
    if nature == Nature::Share {
        return shares(arms, statistics);
    }
    if let Some(rates) = rate::rates(arms, statistics)? {
        return rate::beliefs(&rates);
    }
    let posteriors = arms.iter().map(|arm| bell(nature, arm.estimate, statistics.prior)).collect::<Result<Vec<_>>>()?;
    // The smallest of several values is the largest of their opposites.
    let compared: Vec<BellPosterior> =
        posteriors.iter().map(|posterior| if lower_is_better { posterior.mirrored() } else { *posterior }).collect();
    let standings = compare_bells(&compared)?.value;
    let belief = |(posterior, standing): (&BellPosterior, Standing)| Belief {
        probability_best: standing.probability_best,
        expected_loss: standing.expected_loss,
        credible_interval: [posterior.quantile(0.025), posterior.quantile(0.975)],
    };
    Ok(posteriors.iter().zip(standings).map(belief).collect())
}

fn bell(nature: Nature, estimate: Estimate, prior: Option<Prior>) -> Result<BellPosterior> {
    let scale = estimate.variance().sqrt();
    match (nature, prior) {
        (Nature::Mean, Some(Prior::Mean { mu, kappa, alpha, beta })) => {
            let prior = NormalInverseGamma { mu, kappa, alpha, beta };
            prior.updated(estimate.count, estimate.value, estimate.unit_variance)?.mean()
        }
        (Nature::Mean, _) => BellPosterior::student(estimate.value, scale, estimate.count - 1.0),
        (Nature::Share | Nature::Ratio | Nature::Quantile, _) => BellPosterior::normal(estimate.value, scale),
    }
}

/// The posterior of a share: Beta, from the metric's prior or a flat one.
fn share(arm: &Arm, prior: Option<Prior>) -> Result<Beta> {
    let (alpha, beta) = match prior {
        Some(Prior::Share { alpha, beta }) => (alpha, beta),
        _ => (1.0, 1.0),
    };
    let did = (arm.estimate.value * arm.estimate.count).round();
    Beta::new(alpha + did, beta + arm.estimate.count - did)
}

fn shares(arms: &[Arm], statistics: &Statistics) -> Result<Vec<Belief>> {
    let lower_is_better = statistics.lower_is_better;
    // Of those that did it, or, where fewer are better, of those that did not.
    let posterior = |arm: &Arm| {
        let share = share(arm, statistics.prior)?;
        let (good, bad) = if lower_is_better { (share.b(), share.a()) } else { (share.a(), share.b()) };
        Posterior::beta(good, bad)
    };
    let posteriors = arms.iter().map(posterior).collect::<Result<Vec<Posterior>>>()?;
    let belief = |(own, standing): (&Posterior, Standing)| {
        let [lower, upper] = [own.quantile(0.025), own.quantile(0.975)];
        let credible_interval = if lower_is_better { [1.0 - upper, 1.0 - lower] } else { [lower, upper] };
        let Standing { probability_best, expected_loss } = standing;
        Belief { probability_best, expected_loss, credible_interval }
    };
    Ok(posteriors.iter().zip(bayes::standings(&posteriors)?.value).map(belief).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(variant: &str, pairs: &[(f64, f64)]) -> Arm {
        let moments = Moments::of(pairs);
        let estimate = Estimate {
            count: moments.count_as_number(),
            value: moments.mean(),
            unit_variance: moments.variance().unwrap(),
        };
        Arm { variant: variant.into(), estimate, moments, has_covariate: true, covaried: None }
    }

    #[test]
    fn a_covariate_that_explains_nearly_everything_leaves_nearly_no_variance() {
        // y = 3 x + effect + a small alternating rest.
        let values = |effect: f64, shift: f64| -> Vec<(f64, f64)> {
            (0..200_i32)
                .map(|unit| {
                    let (x, rest) = (f64::from(unit % 17) + shift, if unit % 2 == 0 { 0.1 } else { -0.1 });
                    (3.0 * x + effect + rest, x)
                })
                .collect()
        };
        let compared = compare(
            Nature::Mean,
            &[arm("control", &values(0.0, 0.0)), arm("test", &values(0.5, 0.2))],
            &Statistics::default(),
        )
        .unwrap();
        let comparison = &compared.against_baseline["test"];
        let adjusted = comparison.adjusted.as_ref().unwrap();
        assert!((comparison.difference - 1.1).abs() < 1e-9);
        assert!((adjusted.theta - 3.0).abs() < 0.01 && (adjusted.difference - 0.5).abs() < 0.01, "{adjusted:?}");
        assert!(adjusted.variance_reduction > 0.999);
        assert!(adjusted.anytime_valid.significant && !comparison.anytime_valid.significant);
    }

    #[test]
    fn a_covariate_that_is_always_the_same_adjusts_nothing() {
        let values: Vec<_> = (0..60).map(|unit| (f64::from(unit), 4.0)).collect();
        let compared =
            compare(Nature::Mean, &[arm("control", &values), arm("test", &values)], &Statistics::default()).unwrap();
        assert_eq!(compared.against_baseline["test"].adjusted, None);
        assert!((compared.against_baseline["test"].fixed_horizon.p_value - 1.0).abs() < 1e-12);
        assert!((compared.beliefs["test"].probability_best - 0.5).abs() < 1e-9);
    }

    #[test]
    fn shares_are_believed_by_their_counts() {
        let share = |variant: &str, value: f64| Arm {
            variant: variant.into(),
            estimate: Estimate { count: 120.0, value, unit_variance: value * (1.0 - value) },
            moments: Moments::default(),
            has_covariate: false,
            covaried: None,
        };
        let compared = compare(
            Nature::Share,
            &[share("control", 100.0 / 120.0), share("test", 108.0 / 120.0)],
            &Statistics::default(),
        )
        .unwrap();
        let posteriors = [Posterior::beta(101.0, 21.0).unwrap(), Posterior::beta(109.0, 13.0).unwrap()];
        let best = bayes::probability_best(&posteriors).unwrap().value;
        assert!((compared.beliefs["test"].probability_best - best[1]).abs() < 1e-12);
        let loss = bayes::expected_loss(&posteriors[1], &posteriors[..1]).unwrap().value;
        assert!((compared.beliefs["test"].expected_loss - loss).abs() < 1e-12);
        assert!(compare(Nature::Share, &[share("control", 0.5)], &Statistics::default()).unwrap().beliefs.is_empty());
    }
}
