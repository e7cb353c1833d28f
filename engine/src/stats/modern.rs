//! The newest compatible methods: from the sums of a modern metric to the answers of the reference (reference statistics,
//! section 10).
//!
//! - [`Statistic`]: what a metric comes to per variant, with its variance.
//! - [`effect`]: the difference of two statistics, absolute or relative, with its variance by the delta method.
//! - [`welch`], [`sequential`], [`gaussian`]: the frequentist, the anytime-valid and the Bayesian answer about an effect.
//! - [`cuped`]: both statistics with a covariate taken out.
//! - [`response`]: the checks before any test, and the answer with nulls where it cannot be given.
//!
//! Known weaknesses, kept because they are the method: a relative effect takes its degrees of freedom from the absolute scale,
//! its interval is poor when the baseline is within a few standard errors of 0 (the engine's own answers use Fieller's),
//! `significant` of the Gaussian method is a one-sided rule beside a two-sided interval, and rates of exactly 0 or 1 are
//! refused. Tails are computed as tails, where the reference takes them from 1.

pub mod cuped;
pub mod effect;
pub mod gaussian;
pub mod response;
pub mod sequential;
mod statistic;
pub mod welch;

pub use statistic::{MeanSums, RatioPart, RatioSums, ShareSums, Statistic};

use crate::error::{Error, Result};

/// Fewest units per arm of a test.
const MINIMUM_UNITS: f64 = 5.0;

/// A refusal of a method: the statistics are possible, but say nothing.
pub(super) fn refused(field: &'static str, message: impl Into<String>) -> Error {
    Error::invalid_field(field, "statistic_error", message)
}

/// Refuses a rate that is not strictly between 0 and 1.
pub(super) fn check_rate(field: &'static str, rate: f64) -> Result<()> {
    if rate > 0.0 && rate < 1.0 {
        return Ok(());
    }
    Err(refused(field, format!("{field} must lie strictly between 0 and 1, got {rate}")))
}

fn check_variance(variance: f64) -> Result<()> {
    if variance > 0.0 && variance.is_finite() {
        return Ok(());
    }
    Err(refused("variance", format!("the variance of an effect must be positive and finite, got {variance}")))
}

fn check_units(statistics: [&Statistic; 2]) -> Result<()> {
    let fewest = statistics.iter().map(|statistic| statistic.units()).fold(f64::INFINITY, f64::min);
    if fewest >= MINIMUM_UNITS {
        return Ok(());
    }
    Err(refused("n", format!("a test needs at least {MINIMUM_UNITS} units per arm, got {fewest}")))
}
