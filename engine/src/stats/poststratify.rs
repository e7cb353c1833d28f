//! The difference of two arms, stratum by stratum.
//!
//! Arms that got, by chance, more of one kind of units than of another differ for that reason too. Post-stratification
//! compares like with like, and weighs the strata by their size in both arms together: L. Miratrix, J. Sekhon and B.
//! Yu, "Adjusting treatment effect estimates by post-stratification in randomized experiments" (2013). A ratio is that
//! of the weighted means (the combined ratio of W. Cochran, "Sampling techniques", 1977, section 6.11), linearised with
//! the delta method.
//!
//! Strata must be known before the exposure: a stratum that the treatment can change biases the difference.

mod arm;
mod sparse;

use arm::Arm;
use sparse::merge_sparse;

use super::adjust::Outcome;
use super::inference::{Estimate, Inference, anytime_valid, fixed_horizon};
use super::modern::sequential::Layout;
use super::moments::Moments;
use crate::error::{Error, Result};

/// A kind of units, and the moments of its units in both arms; of a ratio, the second value is what it divides by.
#[derive(Clone, Debug, PartialEq)]
pub struct Stratum {
    /// Its name, which no other stratum has.
    pub name: String,
    /// The moments of the control's units.
    pub control: Moments,
    /// The moments of the treatment's units.
    pub treatment: Moments,
}

/// Whose effect is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// That on the population the units are a sample of, as in every test of two means. Where effects differ between
    /// strata, the sizes of the strata add to the variance, for another sample would have others.
    #[default]
    Population,
    /// That on these units alone (the sample average treatment effect): only the variance within strata counts.
    Units,
}

/// The post-stratified difference of two arms.
#[derive(Clone, Debug, PartialEq)]
pub struct PoststratifiedDifference {
    /// The control's value, weighted by the sizes of the strata, in the unit of the metric.
    pub control: Estimate,
    /// The treatment's value.
    pub treatment: Estimate,
    /// The degrees of freedom of the control's variance (F. Satterthwaite, "An approximate distribution of estimates of
    /// variance components", 1946): fewer than its units, since every stratum has a mean of its own.
    pub control_degrees_of_freedom: f64,
    /// The degrees of freedom of the treatment's variance.
    pub treatment_degrees_of_freedom: f64,
    /// The variance of the difference within strata: the sum of `(n_k / n)^2 (s_tk^2 / n_tk + s_ck^2 / n_ck)`.
    pub within_variance: f64,
    /// What effects that differ between strata add to it: the sum of `(n_k / n) (difference_k - difference)^2 / n`; 0
    /// where the effect on these units alone is asked for.
    pub between_variance: f64,
    /// The number of strata that are compared, after merging.
    pub strata: usize,
    /// The names of the strata that are compared as one, ascending: those lacking 2 units in an arm, and what they need
    /// to have them.
    pub merged: Vec<String>,
    /// The share of the variance of the unstratified difference that is gone; negative when the strata explain nothing.
    pub variance_reduction: f64,
}

impl PoststratifiedDifference {
    /// The treatment's value minus the control's, in the unit of the metric.
    #[must_use]
    pub fn difference(&self) -> f64 {
        self.treatment.value - self.control.value
    }

    /// The standard error of the difference, in the unit of the metric.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        (self.within_variance + self.between_variance).sqrt()
    }

    /// The share of the units that could be spared: without them the stratified difference is as sure as the
    /// unstratified one with all of them.
    #[must_use]
    pub fn units_saved(&self) -> f64 {
        self.variance_reduction.max(0.0)
    }

    /// The answer for a single look at a moment chosen beforehand, at the two-sided error rate `alpha`: Welch's test
    /// with the degrees of freedom of the strata.
    ///
    /// # Errors
    /// As [`fixed_horizon`].
    pub fn fixed_horizon(&self, alpha: f64) -> Result<Inference> {
        let control = with_degrees_of_freedom(self.control, self.control_degrees_of_freedom);
        fixed_horizon(control, with_degrees_of_freedom(self.treatment, self.treatment_degrees_of_freedom), alpha)
    }

    /// The answer that holds however often one looks.
    ///
    /// # Errors
    /// As [`anytime_valid`].
    pub fn anytime_valid(&self, layout: Layout) -> Result<Inference> {
        anytime_valid(self.control, self.treatment, layout)
    }
}

/// Compares two arms stratum by stratum; strata without units count for nothing.
///
/// Strata lacking 2 units in an arm have no variance of their own: they are compared as one. Should they lack units
/// even then, the smallest of the others joins them, by units in both arms and then by name. Neither the order in which
/// strata are given nor any outcome decides.
///
/// ```
/// use abduck::stats::Moments;
/// use abduck::stats::adjust::Outcome;
/// use abduck::stats::poststratify::{Stratum, Target, poststratify};
///
/// let of = |values: &[f64]| Moments::of(&values.iter().map(|value| (*value, 0.0)).collect::<Vec<_>>());
/// let stratum = |name: &str, control: &[f64], treatment: &[f64]| Stratum {
///     name: name.into(),
///     control: of(control),
///     treatment: of(treatment),
/// };
/// let new = stratum("new", &[1.0, 3.0], &[2.0, 4.0, 3.0]);
/// let returning = stratum("returning", &[11.0, 13.0, 12.0], &[14.0, 12.0]);
/// let stratified = poststratify(&[new, returning], Outcome::Mean, Target::Units)?;
/// // In both strata the treatment is 1 above the control, though its mean over all units is below.
/// assert!((stratified.difference() - 1.0).abs() < 1e-12);
/// assert!(stratified.variance_reduction > 0.9);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `unique` for two strata of one name, `out_of_range` for impossible moments, a ratio that divides by 0, or a result
/// that is not finite; `too_few` for less than 2 units in an arm; `no_variation` when no outcome varies, in all or
/// within strata.
pub fn poststratify(strata: &[Stratum], outcome: Outcome, target: Target) -> Result<PoststratifiedDifference> {
    let (strata, merged) = merge_sparse(strata)?;
    let before: Vec<Moments> = strata.iter().map(|stratum| stratum.control).collect();
    let after: Vec<Moments> = strata.iter().map(|stratum| stratum.treatment).collect();
    let units = |stratum: &Stratum| stratum.control.count_as_number() + stratum.treatment.count_as_number();
    let all: f64 = strata.iter().map(units).sum();
    let weights: Vec<f64> = strata.iter().map(|stratum| units(stratum) / all).collect();
    let unstratified = unstratified_variance(&before, outcome)? + unstratified_variance(&after, outcome)?;
    let (before, after) = (Arm::new(&before, &weights, outcome)?, Arm::new(&after, &weights, outcome)?);
    let between_variance = match target {
        Target::Population => between_variance(&before, &after, &weights) / all,
        Target::Units => 0.0,
    };
    let within_variance = before.within_variance() + after.within_variance();
    let share = |arm: &Arm| arm.units / all * between_variance;
    let stratified = PoststratifiedDifference {
        control: before.estimate(share(&before)),
        treatment: after.estimate(share(&after)),
        control_degrees_of_freedom: before.degrees_of_freedom(share(&before)),
        treatment_degrees_of_freedom: after.degrees_of_freedom(share(&after)),
        within_variance,
        between_variance,
        strata: strata.len(),
        merged,
        variance_reduction: 1.0 - (within_variance + between_variance) / unstratified,
    };
    check(stratified, unstratified)
}

/// The variance of the value of an arm whose strata do not matter.
fn unstratified_variance(strata: &[Moments], outcome: Outcome) -> Result<f64> {
    let whole = strata.iter().fold(Moments::default(), |whole, stratum| whole.merge(stratum));
    Ok(Arm::new(&[whole], &[1.0], outcome)?.within_variance())
}

/// The variance over units of the difference in their stratum.
fn between_variance(before: &Arm, after: &Arm, weights: &[f64]) -> f64 {
    let differences = || after.stratum_values.iter().zip(&before.stratum_values).map(|(a, b)| a - b).zip(weights);
    let mean: f64 = differences().map(|(difference, weight)| weight * difference).sum();
    differences().map(|(difference, weight)| weight * (difference - mean) * (difference - mean)).sum()
}

fn check(stratified: PoststratifiedDifference, unstratified: f64) -> Result<PoststratifiedDifference> {
    let PoststratifiedDifference { control, treatment, within_variance, between_variance, .. } = &stratified;
    let numbers = [control.value, treatment.value, *within_variance, *between_variance, unstratified];
    if !numbers.iter().all(|number| number.is_finite()) {
        let message = "the stratified difference is not a finite number";
        return Err(Error::invalid_field("strata", "out_of_range", message).hint("measure in another unit"));
    }
    if unstratified <= 0.0 {
        return Err(no_variation("neither arm's outcome varies, so no difference can be judged"));
    }
    if *within_variance <= 0.0 {
        return Err(no_variation("no outcome varies within a stratum, so nothing is left to judge by"));
    }
    Ok(stratified)
}

fn no_variation(message: &str) -> Error {
    Error::invalid_field("strata", "no_variation", message)
}

/// The estimate, varying as one of so few units: Welch's test takes its degrees of freedom from their number.
fn with_degrees_of_freedom(estimate: Estimate, degrees_of_freedom: f64) -> Estimate {
    let count = degrees_of_freedom + 1.0;
    Estimate { count, unit_variance: estimate.variance() * count, ..estimate }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
