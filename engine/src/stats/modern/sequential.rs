//! The anytime-valid answer: an asymptotic confidence sequence (reference statistics, section 10.5; Waudby-Smith et al. 2023,
//! "Time-uniform central limit theory and asymptotic confidence sequences").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::{Effect, Pair};
use super::{check_rate, check_units, check_variance, refused};
use crate::error::Result;

/// How a sequence is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The error rate over all looks together, two-sided.
    pub alpha: f64,
    /// The number of units of both arms at which the interval is narrowest.
    pub tuning_units: f64,
}

/// What a confidence sequence says at one look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SequentialTest {
    /// The effect, on the scale of the pair.
    pub point_estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The interval that holds at every look.
    pub confidence_interval: [f64; 2],
    /// The p-value of this look; the smallest over all looks so far is valid too.
    pub p_value: f64,
    /// The natural logarithm of the e-value: the evidence against no effect, negative when it speaks for none.
    pub ln_e_value: f64,
    /// Whether the p-value is below alpha.
    pub significant: bool,
}

impl Default for Layout {
    /// 5 %, narrowest at 5000 units.
    fn default() -> Self {
        Self { alpha: 0.05, tuning_units: 5000.0 }
    }
}

impl Layout {
    fn check(&self) -> Result<()> {
        check_rate("alpha", self.alpha)?;
        if self.tuning_units > 0.0 && self.tuning_units.is_finite() {
            return Ok(());
        }
        let message = format!("tuning_units must be positive and finite, got {}", self.tuning_units);
        Err(refused("tuning_units", message))
    }

    /// The square of the mixture parameter that makes the interval narrowest at the number of units asked for.
    ///
    /// # Errors
    /// `statistic_error` for an alpha that is not strictly between 0 and 1, or tuning units that are not positive.
    pub fn rho(&self) -> Result<f64> {
        self.check()?;
        let log = -2.0 * self.alpha.ln();
        Ok(((log + (log + 1.0).ln()) / self.tuning_units).sqrt())
    }

    /// Half the width of the interval, in standard errors, after so many units.
    ///
    /// # Errors
    /// As [`Layout::rho`], and for less than 1 unit.
    pub fn critical_value(&self, units: f64) -> Result<f64> {
        let growth = self.growth(units)?;
        Ok((2.0 * growth * (0.5 * growth.ln() - self.alpha.ln()) / (growth - 1.0)).sqrt())
    }

    /// The natural logarithm of the e-value of an effect after so many units.
    ///
    /// # Errors
    /// As [`Layout::critical_value`], and for a variance that is not positive.
    pub fn ln_e_value(&self, effect: Effect, units: f64) -> Result<f64> {
        check_variance(effect.variance)?;
        let growth = self.growth(units)?;
        let squared = effect.value * effect.value / effect.variance;
        Ok(squared * ((growth - 1.0) / (2.0 * growth)) - 0.5 * growth.ln())
    }

    fn growth(&self, units: f64) -> Result<f64> {
        if units >= 1.0 && units.is_finite() {
            let rho = self.rho()?;
            return Ok(units * rho * rho + 1.0);
        }
        Err(refused("n", format!("a confidence sequence needs at least 1 unit, got {units}")))
    }
}

/// The confidence sequence of a pair at this look.
///
/// ```
/// use abduck::stats::modern::effect::{DifferenceType, Pair};
/// use abduck::stats::modern::{Statistic, sequential, welch};
///
/// let (test, control) = (Statistic::share_of(1000.0, 130.0)?, Statistic::share_of(1000.0, 100.0)?);
/// let pair = Pair::new(test, control, DifferenceType::Absolute)?;
/// let answer = sequential::test(&pair, sequential::Layout::default())?;
/// assert!(answer.p_value > welch::test(&pair, 0.05)?.p_value);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `statistic_error` for fewer than 5 units in an arm, an effect that does not vary, a baseline of 0 of a relative difference,
/// or an impossible layout.
pub fn test(pair: &Pair, layout: Layout) -> Result<SequentialTest> {
    check_units([&pair.treatment, &pair.control])?;
    look(pair.effect()?, pair.treatment.units() + pair.control.units(), layout)
}

/// The confidence sequence of an effect after so many units.
///
/// # Errors
/// As [`Layout::ln_e_value`].
pub fn look(effect: Effect, units: f64, layout: Layout) -> Result<SequentialTest> {
    let ln_e_value = layout.ln_e_value(effect, units)?;
    let standard_error = effect.variance.sqrt();
    let half_width = layout.critical_value(units)? * standard_error;
    let p_value = (-ln_e_value).min(0.0).exp();
    Ok(SequentialTest {
        point_estimate: effect.value,
        standard_error,
        confidence_interval: [effect.value - half_width, effect.value + half_width],
        p_value,
        ln_e_value,
        significant: p_value < layout.alpha,
    })
}
