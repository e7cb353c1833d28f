//! Which of several independent posteriors is best, how surely, and what a wrong choice would cost.
//!
//! With densities f and distribution functions F (reference statistics, section 12.2):
//!
//! - `P(best)` of arm i is the integral of `f_i` times the product of the other `F_j`;
//! - the expected loss of choosing t among S, `E max(0, max over S of X_j - X_t)`, is the integral of
//!   `F_t (1 - product of F_j)`. It has no differences of large numbers in it, so a loss of 1e-100 has as many digits as
//!   one of 0.1.
//!
//! The integrals run over panels fitted to the posteriors, on their log scale; they are repeated on panels half as wide
//! until two passes agree, and what is left between the passes is returned as part of the error bound.

mod axis;

use axis::{Axis, Panel};

use super::bell::{PANEL_POWERS, Side, log_ratio};
use super::dist::{Beta, Gamma};
use super::quadrature::{NODES, RULE};
use super::standing::{self, Curve, Standing};
use crate::error::{Error, Result};

/// What is believed about the rate of one arm.
///
/// ```
/// use abduck::stats::bayes::{Posterior, expected_loss, probability_best};
///
/// let control = Posterior::beta(101.0, 19.0)?;
/// let test = Posterior::beta(101.0, 11.0)?;
/// let best = probability_best(&[control, test])?;
/// assert!((best.value[1] - 0.9183406587022948).abs() <= best.error_bound);
/// let loss = expected_loss(&test, &[control])?;
/// assert!((loss.value - 0.0016470279417602864).abs() <= loss.error_bound);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Posterior {
    /// A conversion rate.
    Beta(Beta),
    /// An event rate per unit of exposure.
    Gamma(Gamma),
}

/// A computed value and how far it may be from the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounded<T> {
    /// The value; for several numbers, the bound holds for each.
    pub value: T,
    /// Largest absolute error, in the unit of the value.
    pub error_bound: f64,
}

/// How far the log density may fall before an arm is taken to have ended: a probability of about 1e-20.
const DEPTH: f64 = 48.0;
/// The same where a bound of 1e-13 is enough.
const SHALLOW: f64 = 33.0;
const COARSE_POWERS: f64 = 24.0;
/// The deepest useful fall: beyond it, doubles underflow.
const DEEPEST: f64 = 700.0;
/// The part of a loss that may be cut off, as a power of e: 1e-14 of it.
const LOSS_DIGITS: f64 = 32.0;
/// Two passes that agree to this, relative to 1 or to the loss, are taken as converged.
const AGREEMENT: f64 = 1e-13;
/// Every panel is halved at most this many times.
const HALVINGS: u32 = 4;
/// Relative rounding error of the special functions and sums involved; the tests see less than a tenth.
const ROUNDING: f64 = 1e-13;
/// Relative rounding error of the position of one arm beside another; far from both tops it weighs more.
const POSITION_ROUNDING: f64 = 4.0 * f64::EPSILON;

impl Posterior {
    /// A Beta posterior with the given shapes.
    ///
    /// # Errors
    ///
    /// `out_of_range` when a shape is not between 1e-15 and 1e15.
    pub fn beta(a: f64, b: f64) -> Result<Self> {
        Beta::new(a, b).map(Self::Beta)
    }

    /// A Gamma posterior with the given shape and rate.
    ///
    /// # Errors
    ///
    /// `out_of_range` when the shape is not between 1e-15 and 1e15, or the rate not a positive, finite number.
    pub fn gamma(shape: f64, rate: f64) -> Result<Self> {
        Gamma::new(shape, rate).map(Self::Gamma)
    }

    /// The posterior mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Beta(beta) => beta.mean(),
            Self::Gamma(gamma) => gamma.mean(),
        }
    }

    /// The standard deviation of the rate.
    #[must_use]
    pub fn sd(&self) -> f64 {
        match self {
            Self::Beta(beta) => beta.sd(),
            Self::Gamma(gamma) => gamma.sd(),
        }
    }

    /// The value below which the share `probability` lies; not a number unless `probability` is in [0, 1].
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        match self {
            Self::Beta(beta) => beta.quantile(probability),
            Self::Gamma(gamma) => gamma.quantile(probability),
        }
    }
}

/// The probability of each posterior to be the largest of all; they sum to 1 within the error bound.
///
/// # Errors
///
/// `too_few` for less than two posteriors, `mixed_families` when Beta and Gamma are mixed.
pub fn probability_best(posteriors: &[Posterior]) -> Result<Bounded<Vec<f64>>> {
    check_count(posteriors.len())?;
    let axis = Axis::new(posteriors, DEPTH, PANEL_POWERS)?;
    let (shares, disagreement) = refine(&axis, shares_of_best);
    let unexplained = (shares.iter().sum::<f64>() - 1.0).abs();
    let value = shares.into_iter().map(|share| share.min(1.0)).collect();
    Ok(Bounded { value, error_bound: disagreement + unexplained + ROUNDING })
}

/// The probability that the challenger's rate is larger than the reference's.
///
/// Two Gamma posteriors have a closed form, one incomplete beta function (reference statistics, section 12.1).
///
/// # Errors
///
/// `mixed_families` when one is Beta and the other Gamma.
pub fn probability_beats(challenger: &Posterior, reference: &Posterior) -> Result<Bounded<f64>> {
    if let (Posterior::Gamma(challenger), Posterior::Gamma(reference)) = (challenger, reference) {
        let share = Beta::new(reference.shape(), challenger.shape())?;
        let offset = log_ratio((reference.rate(), challenger.shape()), (challenger.rate(), reference.shape()));
        return Ok(Bounded { value: share.bell().tail(Side::Below, offset), error_bound: ROUNDING });
    }
    let best = probability_best(&[*reference, *challenger])?;
    Ok(Bounded { value: best.value[1], error_bound: best.error_bound })
}

/// What choosing `target` costs on average when the best of `others` turns out better, in the unit of the rate:
/// `E max(0, max over others of X_j - X_target)`. Accurate relative to its own size, however small.
///
/// # Errors
///
/// `too_few` when there are no others, `mixed_families` when Beta and Gamma are mixed.
pub fn expected_loss(target: &Posterior, others: &[Posterior]) -> Result<Bounded<f64>> {
    let arms: Vec<Posterior> = std::iter::once(target).chain(others).copied().collect();
    check_count(arms.len())?;
    let mut depth = DEPTH;
    loop {
        let axis = Axis::new(&arms, depth, PANEL_POWERS)?;
        let (values, disagreement) = refine(&axis, |panels, curves| vec![shortfall(panels, curves)]);
        let loss = values[0];
        // A small loss lives in the tails: look deep enough for what is cut off to be small beside it.
        let needed = ((axis.span() / loss).ln() + LOSS_DIGITS).min(DEEPEST);
        if depth >= needed {
            let cut_off = axis.span() * (-depth).exp();
            let rounding = 2.0 * ROUNDING + axis.sensitivity() * POSITION_ROUNDING;
            return Ok(Bounded { value: loss, error_bound: disagreement + cut_off + rounding * loss });
        }
        depth = needed;
    }
}

/// Where each of several independent posteriors stands among them: the probability to be the largest, and the loss of choosing it;
/// the bound holds for both, in units of the widest standard deviation for the losses.
///
/// All at once it takes a fraction of the time of asking one by one; but a loss far below the bound has no digits of its own.
///
/// ```
/// use abduck::stats::bayes::{Posterior, standings};
///
/// let compared = standings(&[Posterior::beta(101.0, 19.0)?, Posterior::beta(101.0, 11.0)?])?;
/// assert!((compared.value[1].probability_best - 0.918_340_658_702_294_8).abs() <= compared.error_bound);
/// assert!((compared.value[1].expected_loss - 0.001_647_027_941_760_286_4).abs() <= compared.error_bound);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
///
/// As [`probability_best`].
pub fn standings(posteriors: &[Posterior]) -> Result<Bounded<Vec<Standing>>> {
    check_count(posteriors.len())?;
    let axis = Axis::new(posteriors, SHALLOW, COARSE_POWERS)?;
    let means: Vec<f64> = posteriors.iter().map(Posterior::mean).collect();
    let widest = posteriors.iter().map(Posterior::sd).fold(0.0, f64::max);
    Ok(standing::refined(&means, widest, |parts| axis.grid(parts)))
}

fn check_count(count: usize) -> Result<()> {
    if count >= 2 {
        return Ok(());
    }
    let message = format!("a comparison needs at least two posteriors, got {count}");
    Err(Error::invalid_field("posteriors", "too_few", message).hint("add the arm to compare with"))
}

/// Computes on ever narrower panels until two passes agree; returns the last pass and the largest disagreement.
fn refine(axis: &Axis, compute: impl Fn(&[Panel], &[Curve]) -> Vec<f64>) -> (Vec<f64>, f64) {
    let mut parts = 1;
    let mut coarse = compute_on(axis, parts, &compute);
    loop {
        parts *= 2;
        let fine = compute_on(axis, parts, &compute);
        let disagreement = coarse.iter().zip(&fine).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        let size = fine.iter().copied().fold(0.0, f64::max);
        if disagreement <= AGREEMENT * size || parts == 1 << HALVINGS {
            return (fine, disagreement);
        }
        coarse = fine;
    }
}

fn compute_on(axis: &Axis, parts: u32, compute: impl Fn(&[Panel], &[Curve]) -> Vec<f64>) -> Vec<f64> {
    let panels = axis.panels(parts);
    let curves = axis.curves(&panels);
    compute(&panels, &curves)
}

/// The integrals of each density times the distribution functions of all the others.
fn shares_of_best(panels: &[Panel], curves: &[Curve]) -> Vec<f64> {
    let mut shares = vec![0.0; curves.len()];
    for panel in 0..panels.len() {
        // Products over the arms before and after, instead of dividing the product of all by one that may be 0.
        let mut after = vec![[1.0; NODES]; curves.len() + 1];
        for arm in (0..curves.len()).rev() {
            let below = &curves[arm].below[panel];
            after[arm] = std::array::from_fn(|node| after[arm + 1][node] * below[node]);
        }
        let mut before = [1.0; NODES];
        for (arm, curve) in curves.iter().enumerate() {
            let others = std::array::from_fn(|node| curve.mass[panel][node] * before[node] * after[arm + 1][node]);
            shares[arm] += RULE.integral(&others);
            before = std::array::from_fn(|node| before[node] * curve.below[panel][node]);
        }
    }
    shares
}

/// The integral of the first distribution function times the probability that some other arm lies above.
fn shortfall(panels: &[Panel], curves: &[Curve]) -> f64 {
    let Some((target, others)) = curves.split_first() else { return 0.0 };
    let on_panel = |(index, panel): (usize, &Panel)| {
        let values = std::array::from_fn(|node| {
            let all_below: f64 = others.iter().map(|other| (-other.above[index][node]).ln_1p()).sum();
            panel.widths[node] * target.below[index][node] * -all_below.exp_m1()
        });
        RULE.integral(&values)
    };
    panels.iter().enumerate().map(on_panel).sum()
}

#[cfg(test)]
mod tests;
