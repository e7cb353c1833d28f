//! The difference of two arms with many covariates taken out, from moments alone.
//!
//! What was known of a unit before its exposure cannot be the effect, so the part of the outcome that it explains is
//! only noise. One covariate is A. Deng, Y. Xu, R. Kohavi and T. Walker, "Improving the sensitivity of online
//! controlled experiments by utilizing pre-experiment data" (2013); several are the analysis of covariance, here from
//! [`MultiMoments`] as in J. Wong et al., "You only compress once: optimal data compression for estimating linear
//! models" (2021). A ratio is linearised first (the delta method): its arm's value n / d becomes y = (n - R d) /
//! mean(d) of each unit, which is adjusted like any other outcome.
//!
//! The variances are those of large samples: they hold for arms whose effects and variances differ, and for units that
//! are a sample of all units to come.

mod arm;
mod multi_moments;
mod pivoted_cholesky;

pub use multi_moments::MultiMoments;

pub(super) use arm::{linearised_second_moment, varies};

use arm::Arm;
use multi_moments::check_same_width;
use pivoted_cholesky::PivotedCholesky;

use super::inference::{Estimate, Inference, anytime_valid, fixed_horizon};
use super::modern::sequential::Layout;
use super::number::from_count;
use crate::error::{Error, Result};

/// What the first values of a unit are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The first value is the outcome, of which the mean is compared; a share is the mean of zeros and ones.
    Mean,
    /// The first value is divided by the second, and the ratio of both sums is compared.
    Ratio,
}

impl Outcome {
    /// The number of values of a unit that come before its covariates.
    fn width(self) -> usize {
        match self {
            Self::Mean => 1,
            Self::Ratio => 2,
        }
    }
}

/// How the slopes of the outcome on the covariates are estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slopes {
    /// One slope per covariate, pooled within the arms, which the effect does not touch (analysis of covariance).
    #[default]
    Pooled,
    /// Slopes of each arm's own, around the mean of both arms: the fully interacted regression of W. Lin, "Agnostic
    /// notes on regression adjustments to experimental data" (2013). In large samples it is never worse than no
    /// adjustment nor than the pooled one, which may be worse than none where the arms are of unequal size. The
    /// variance counts that the mean of both arms is itself a sample's (A. Negi and J. Wooldridge, "Revisiting
    /// regression adjustment in experiments with heterogeneous treatment effects", 2021).
    PerArm,
}

/// The difference of two arms with covariates taken out.
#[derive(Clone, Debug, PartialEq)]
pub struct AdjustedDifference {
    /// The slopes of the control's outcome, in units of the metric per unit of the covariate; 0 where a covariate is
    /// dropped.
    pub control_slopes: Vec<f64>,
    /// The slopes of the treatment's outcome; the same as the control's when they are pooled.
    pub treatment_slopes: Vec<f64>,
    /// The covariates that are not used, by their index from 0: they do not vary, or others explain them.
    pub dropped: Vec<usize>,
    /// The adjusted value of the control, in the unit of the metric.
    pub control: Estimate,
    /// The adjusted value of the treatment.
    pub treatment: Estimate,
    /// The share of the variance of the difference that is gone; negative when the slopes suit neither arm.
    pub variance_reduction: f64,
}

/// Fewest units in the smaller arm for each covariate: how unsure the slopes themselves are, which the variances leave
/// out, is then about a tenth of them at most.
const UNITS_PER_COVARIATE: u64 = 10;

/// This part of the variance is what rounding leaves when covariates explain all of the outcome.
const ROUNDING_OF_VARIANCE: f64 = 1e-12;

impl AdjustedDifference {
    /// The adjusted value of the treatment minus that of the control, in the unit of the metric.
    #[must_use]
    pub fn difference(&self) -> f64 {
        self.treatment.value - self.control.value
    }

    /// The standard error of the difference, in the unit of the metric.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        (self.control.variance() + self.treatment.variance()).sqrt()
    }

    /// The share of the units that could be spared: without them the adjusted difference is as sure as the unadjusted
    /// one with all of them, since a variance goes down as units go up.
    #[must_use]
    pub fn units_saved(&self) -> f64 {
        self.variance_reduction.max(0.0)
    }

    /// The answer for a single look at a moment chosen beforehand, at the two-sided error rate `alpha`.
    ///
    /// # Errors
    /// As [`fixed_horizon`].
    pub fn fixed_horizon(&self, alpha: f64) -> Result<Inference> {
        fixed_horizon(self.control, self.treatment, alpha)
    }

    /// The answer that holds however often one looks.
    ///
    /// # Errors
    /// As [`anytime_valid`].
    pub fn anytime_valid(&self, layout: Layout) -> Result<Inference> {
        anytime_valid(self.control, self.treatment, layout)
    }
}

/// Compares two arms with the covariates taken out that follow the outcome in their moments; without any, unadjusted.
///
/// ```
/// use abduck::stats::adjust::{MultiMoments, Outcome, Slopes, adjust};
///
/// // The outcome is the covariate, one more in the treatment, and a rest that alternates.
/// let rows = |effect: f64| -> Vec<[f64; 2]> {
///     let unit = |unit: i32| (f64::from(unit % 10), f64::from(unit % 4));
///     (0..40).map(unit).map(|(x, rest)| [x + effect + rest, x]).collect()
/// };
/// let (control, treatment) = (MultiMoments::of(&rows(0.0))?, MultiMoments::of(&rows(1.0))?);
/// let adjusted = adjust(&control, &treatment, Outcome::Mean, Slopes::Pooled)?;
/// assert!((adjusted.difference() - 1.0).abs() < 1e-12);
/// assert!(adjusted.variance_reduction > 0.8 && adjusted.fixed_horizon(0.05)?.significant);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `invalid_shape` when the arms have different numbers of values, or too few for the outcome; `too_few` for less than
/// 2 units in an arm, or than 10 for each covariate that is used (a single pooled one needs no more than 2);
/// `out_of_range` for a ratio that divides by 0, or a result that is not finite; `no_variation` when neither arm's
/// outcome varies, or the covariates explain all of it.
pub fn adjust(
    control: &MultiMoments,
    treatment: &MultiMoments,
    outcome: Outcome,
    slopes: Slopes,
) -> Result<AdjustedDifference> {
    check_same_width(control, treatment)?;
    let arms = [Arm::new(control, outcome)?, Arm::new(treatment, outcome)?];
    let center: Vec<f64> = control.merge(treatment)?.means().skip(outcome.width()).collect();
    let [before, after] = &arms;
    let unadjusted = before.variance_of_mean() + after.variance_of_mean();
    if unadjusted <= 0.0 {
        return Err(no_variation("neither arm's outcome varies, so no difference can be judged"));
    }
    let fitted = match slopes {
        Slopes::Pooled => pooled(before, after),
        Slopes::PerArm => per_arm(before, after),
    };
    check_units(control.count().min(treatment.count()), fitted.covariates(), slopes)?;
    let estimates = estimates(&arms, &fitted, &center, slopes);
    finish(fitted, estimates, unadjusted)
}

/// Slopes of both arms, and the covariates they are of.
struct Fitted {
    slopes: [Vec<f64>; 2],
    kept: Vec<usize>,
}

impl Fitted {
    /// The number of covariates in use.
    fn covariates(&self) -> u64 {
        u64::try_from(self.kept.len()).unwrap_or(u64::MAX)
    }
}

fn pooled(before: &Arm, after: &Arm) -> Fitted {
    let sum = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
    let matrix: Vec<Vec<f64>> = before.covariates.iter().zip(&after.covariates).map(|(a, b)| sum(a, b)).collect();
    let varying: Vec<usize> = before.indices().filter(|&index| before.varies(index) || after.varies(index)).collect();
    let factor = PivotedCholesky::new(&matrix, &varying);
    let slopes = factor.solve(&sum(&before.with_outcome, &after.with_outcome));
    Fitted { slopes: [slopes.clone(), slopes], kept: factor.kept() }
}

/// Both arms must keep the same covariates: with one missing from one arm, the other would be adjusted towards nothing.
fn per_arm(before: &Arm, after: &Arm) -> Fitted {
    let mut kept: Vec<usize> = before.indices().filter(|&index| before.varies(index) && after.varies(index)).collect();
    loop {
        let one = PivotedCholesky::new(&before.covariates, &kept);
        let other = PivotedCholesky::new(&after.covariates, &one.kept());
        let both = other.kept();
        if both == kept {
            return Fitted { slopes: [one.solve(&before.with_outcome), other.solve(&after.with_outcome)], kept };
        }
        kept = both;
    }
}

fn estimates([before, after]: &[Arm; 2], fitted: &Fitted, center: &[f64], slopes: Slopes) -> [Estimate; 2] {
    let [own, others] = &fitted.slopes;
    match slopes {
        Slopes::Pooled => [before, after].map(|arm| Estimate {
            count: arm.units,
            value: arm.adjusted_value(own, center),
            unit_variance: arm.residual(own) / (arm.units - 1.0),
        }),
        Slopes::PerArm => {
            let apart: Vec<f64> = own.iter().zip(others).map(|(a, b)| b - a).collect();
            let (all, fitted_slopes) = (before.units + after.units, from_count(fitted.covariates()));
            [(before, own), (after, others)].map(|(arm, slopes)| {
                // The centre is off the population's mean by as much as all units together are. With slopes that differ
                // by delta, that adds delta' S delta / units to the variance of the difference: each arm bears its
                // share.
                let bent = (arm.units / all).powi(2) * arm.explained(&apart) / (arm.units - 1.0);
                Estimate {
                    count: arm.units,
                    value: arm.adjusted_value(slopes, center),
                    unit_variance: arm.residual(slopes) / (arm.units - 1.0 - fitted_slopes) + bent,
                }
            })
        }
    }
}

fn finish(fitted: Fitted, [control, treatment]: [Estimate; 2], unadjusted: f64) -> Result<AdjustedDifference> {
    let variance = control.variance() + treatment.variance();
    let [control_slopes, treatment_slopes] = fitted.slopes;
    let dropped = (0..control_slopes.len()).filter(|index| !fitted.kept.contains(index)).collect();
    let variance_reduction = 1.0 - variance / unadjusted;
    let numbers = [control.value, treatment.value, variance, unadjusted, variance_reduction];
    if !numbers.iter().chain(&control_slopes).chain(&treatment_slopes).all(|number| number.is_finite()) {
        let message = "the adjusted difference is not a finite number";
        return Err(Error::invalid_field("covariates", "out_of_range", message).hint("measure in other units"));
    }
    if variance <= ROUNDING_OF_VARIANCE * unadjusted {
        let hint = "leave out the covariate that is the outcome itself, or a part of it";
        return Err(
            no_variation("the covariates explain all of the outcome, so nothing is left to judge by").hint(hint)
        );
    }
    Ok(AdjustedDifference { control_slopes, treatment_slopes, dropped, control, treatment, variance_reduction })
}

fn check_units(smallest: u64, covariates: u64, slopes: Slopes) -> Result<()> {
    let needed = UNITS_PER_COVARIATE.saturating_mul(covariates);
    // One pooled covariate is taken out of however few units, as of every metric with a covariate.
    if smallest >= needed || (slopes == Slopes::Pooled && covariates == 1) {
        return Ok(());
    }
    let message = format!("{covariates} covariates need at least {needed} units in each arm, got {smallest}");
    Err(Error::invalid_field("covariates", "too_few", message).hint("leave out covariates, or wait for more units"))
}

fn no_variation(message: &str) -> Error {
    Error::invalid_field("outcome", "no_variation", message)
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
