//! An interval and a test of the difference of two values: for one look, and for as many as one likes.
//!
//! Sources: B. L. Welch, "The generalization of Student's problem" (1947); E. C. Fieller, "Some problems in interval estimation"
//! (1954); I. Waudby-Smith et al., "Time-uniform central limit theory and asymptotic confidence sequences" (2023); reference
//! statistics, sections 10.4, 10.5 and 13.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dist::StudentT;
use super::modern::check_rate;
use super::modern::effect::Effect;
use super::modern::sequential::Layout;
use crate::error::{Error, Result};

/// A value and how sure it is: a mean over units, or anything else that varies like one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number of units, at least 2.
    pub count: f64,
    /// The value.
    pub value: f64,
    /// The variance per unit: the variance of the value times the number of units.
    pub unit_variance: f64,
}

/// An interval and a test of a difference, at a two-sided error rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inference {
    /// The interval of the difference, in the unit of the metric.
    pub interval: [f64; 2],
    /// The interval of the relative difference, as a share of the baseline's value; null where it is unbounded.
    pub relative_interval: Option<[f64; 2]>,
    /// The p-value of no difference.
    pub p_value: f64,
    /// Its natural logarithm: a number also where the p-value itself is too small for one.
    pub ln_p_value: f64,
    /// Whether the p-value is below the error rate.
    pub significant: bool,
    /// The evidence against no difference, of answers that hold at any look: under no difference it is 1 on average at most,
    /// whenever one looks. None where it is too large for a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_value: Option<f64>,
    /// Its natural logarithm: a number always, negative when the data speak for no difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ln_e_value: Option<f64>,
}

impl Inference {
    /// With the evidence that the p-value comes from.
    pub(super) fn with_evidence(self, ln_e_value: f64) -> Self {
        let e_value = Some(ln_e_value.exp()).filter(|e_value| e_value.is_finite());
        Self { e_value, ln_e_value: Some(ln_e_value), ..self }
    }
}

impl Estimate {
    /// The variance of the value.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.unit_variance / self.count
    }

    pub(super) fn check(&self) -> Result<()> {
        let is_usable = self.count >= 2.0 && self.value.is_finite() && self.unit_variance >= 0.0;
        if is_usable && self.count.is_finite() && self.unit_variance.is_finite() {
            return Ok(());
        }
        let message = format!(
            "an estimate needs at least 2 units, a finite value and variance, got {} units, {} and {}",
            self.count, self.value, self.unit_variance
        );
        Err(Error::invalid_field("estimate", "out_of_range", message))
    }
}

/// Welch's test of the difference of two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Welch {
    /// The variant's value minus the baseline's.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The difference in standard errors.
    pub t_statistic: f64,
    /// The natural logarithm of the two-sided p-value.
    pub ln_p_value: f64,
    student: StudentT,
}

impl Welch {
    /// Tests two values.
    ///
    /// ```
    /// use abduck::stats::inference::{Estimate, Welch};
    ///
    /// let control = Estimate { count: 115.0, value: 4.7, unit_variance: 5.9 };
    /// let test = Estimate { count: 120.0, value: 5.2, unit_variance: 4.1 };
    /// let welch = Welch::new(control, test)?;
    /// assert!((welch.degrees_of_freedom() - 222.054_393_672_730_75).abs() < 1e-10);
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `out_of_range` for less than 2 units, a value that is not finite, or a negative variance; `no_variation` when neither
    /// side varies.
    pub fn new(baseline: Estimate, variant: Estimate) -> Result<Self> {
        let variance = variance_of_difference(baseline, variant)?;
        // Shares of the variance, so that tiny variances do not underflow when they are squared.
        let (a, b) = (variant.variance() / variance, baseline.variance() / variance);
        let student = StudentT::new(1.0 / (a * a / (variant.count - 1.0) + b * b / (baseline.count - 1.0)))?;
        let (difference, standard_error) = (variant.value - baseline.value, variance.sqrt());
        let t_statistic = difference / standard_error;
        let ln_p_value = (std::f64::consts::LN_2 + student.ln_sf(t_statistic.abs())).min(0.0);
        Ok(Self { difference, standard_error, t_statistic, ln_p_value, student })
    }

    /// The degrees of freedom (Satterthwaite 1946).
    #[must_use]
    pub fn degrees_of_freedom(&self) -> f64 {
        self.student.degrees_of_freedom()
    }

    /// Half the width of the two-sided interval with the error rate `alpha`, in standard errors.
    #[must_use]
    pub fn critical_value(&self, alpha: f64) -> f64 {
        -self.student.quantile(alpha / 2.0)
    }
}

/// The answer for a single look at a moment chosen beforehand: Welch's test, with Fieller's interval of the relative difference.
///
/// ```
/// use abduck::stats::inference::{Estimate, fixed_horizon};
///
/// let control = Estimate { count: 100.0, value: 10.0, unit_variance: 4.0 };
/// let test = Estimate { count: 100.0, value: 10.5, unit_variance: 4.0 };
/// let inference = fixed_horizon(control, test, 0.05)?;
/// assert!((inference.p_value - 0.078_640_053_213_924_66).abs() < 1e-13);
/// assert!(!inference.significant);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// As [`Welch::new`], and `statistic_error` for an alpha that is not strictly between 0 and 1.
pub fn fixed_horizon(baseline: Estimate, variant: Estimate, alpha: f64) -> Result<Inference> {
    check_rate("alpha", alpha)?;
    let welch = Welch::new(baseline, variant)?;
    Ok(inference(baseline, variant, alpha, welch.critical_value(alpha), welch.ln_p_value))
}

/// The answer that holds however often one looks: an asymptotic confidence sequence.
///
/// ```
/// use abduck::stats::inference::{Estimate, anytime_valid, fixed_horizon};
/// use abduck::stats::modern::sequential::Layout;
///
/// let control = Estimate { count: 5000.0, value: 10.0, unit_variance: 4.0 };
/// let test = Estimate { count: 5000.0, value: 10.1, unit_variance: 4.0 };
/// assert!(fixed_horizon(control, test, 0.05)?.significant);
/// assert!(!anytime_valid(control, test, Layout::default())?.significant);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// As [`Welch::new`], and `statistic_error` for an impossible layout.
pub fn anytime_valid(baseline: Estimate, variant: Estimate, layout: Layout) -> Result<Inference> {
    let variance = variance_of_difference(baseline, variant)?;
    let units = baseline.count + variant.count;
    let effect = Effect { value: variant.value - baseline.value, variance };
    let ln_e_value = layout.ln_e_value(effect, units)?;
    let critical = layout.critical_value(units)?;
    Ok(inference(baseline, variant, layout.alpha, critical, (-ln_e_value).min(0.0)).with_evidence(ln_e_value))
}

fn variance_of_difference(baseline: Estimate, variant: Estimate) -> Result<f64> {
    baseline.check()?;
    variant.check()?;
    let variance = baseline.variance() + variant.variance();
    if variance > 0.0 {
        return Ok(variance);
    }
    Err(Error::invalid_field("unit_variance", "no_variation", "neither side varies, so no difference can be judged"))
}

/// From half the width of the interval in standard errors, and the logarithm of the p-value.
pub(super) fn inference(
    baseline: Estimate,
    variant: Estimate,
    alpha: f64,
    critical: f64,
    ln_p_value: f64,
) -> Inference {
    let difference = variant.value - baseline.value;
    let half_width = critical * (baseline.variance() + variant.variance()).sqrt();
    let p_value = ln_p_value.exp();
    Inference {
        interval: [difference - half_width, difference + half_width],
        relative_interval: fieller_interval(baseline, variant, critical),
        p_value,
        ln_p_value,
        significant: p_value < alpha,
        e_value: None,
        ln_e_value: None,
    }
}

/// All relative differences r for which `variant - (1 + r) baseline` is within `critical` standard errors of 0: one interval
/// while the baseline is sure to be positive, `None` where it is unbounded (Fieller 1954).
///
/// ```
/// use abduck::stats::inference::{Estimate, fieller_interval};
///
/// let control = Estimate { count: 880.0, value: 11.2, unit_variance: 140.5 };
/// let test = Estimate { count: 900.0, value: 12.4, unit_variance: 150.0 };
/// let [lower, upper] = fieller_interval(control, test, 1.959_963_984_540_054).unwrap();
/// assert!((lower - 0.006_840_896_294_013_879).abs() < 1e-14 && (upper - 0.218_324_497_089_660_73).abs() < 1e-14);
/// ```
#[must_use]
pub fn fieller_interval(baseline: Estimate, variant: Estimate, critical: f64) -> Option<[f64; 2]> {
    let (a, b) = (variant.variance(), baseline.variance());
    let g = critical * critical * b / (baseline.value * baseline.value);
    if !(baseline.value > 0.0 && g < 1.0) {
        return None;
    }
    let ratio = variant.value / baseline.value;
    let spread = critical / baseline.value * ((1.0 - g) * a + ratio * ratio * b).sqrt();
    Some([(ratio - spread) / (1.0 - g) - 1.0, (ratio + spread) / (1.0 - g) - 1.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL: Estimate = Estimate { count: 1000.0, value: 2.0, unit_variance: 9.0 };
    const TEST: Estimate = Estimate { count: 800.0, value: 2.5, unit_variance: 16.0 };

    const ALPHA: f64 = 0.05;

    fn at_once(baseline: Estimate, variant: Estimate) -> Result<Inference> {
        fixed_horizon(baseline, variant, ALPHA)
    }

    fn at_any_time(baseline: Estimate, variant: Estimate) -> Result<Inference> {
        anytime_valid(baseline, variant, Layout::default())
    }

    #[test]
    fn the_p_value_is_at_its_level_where_the_interval_touches_zero() {
        // Section 10.5: an effect of exactly the half-width has p = alpha; the same holds for Welch's test.
        for answer in [at_once, at_any_time] {
            let [lower, upper] = answer(CONTROL, TEST).unwrap().interval;
            let at_edge = Estimate { value: CONTROL.value + 0.5 * (upper - lower), ..TEST };
            let inference = answer(CONTROL, at_edge).unwrap();
            assert!((inference.p_value - ALPHA).abs() < 1e-12, "{}", inference.p_value);
            assert!(inference.interval[0].abs() < 1e-12);
            assert!(inference.relative_interval.unwrap()[0].abs() < 1e-12);
        }
    }

    #[test]
    fn looking_often_costs_width() {
        let (fixed, anytime) = (at_once(CONTROL, TEST).unwrap(), at_any_time(CONTROL, TEST).unwrap());
        assert!(anytime.interval[0] < fixed.interval[0] && fixed.interval[1] < anytime.interval[1]);
        assert!(anytime.p_value > fixed.p_value);
    }

    #[test]
    fn a_p_value_never_becomes_zero_in_its_logarithm() {
        let far = Estimate { value: 1e6, ..TEST };
        for answer in [at_once, at_any_time] {
            let inference = answer(CONTROL, far).unwrap();
            assert!(inference.ln_p_value < -700.0 && inference.ln_p_value.is_finite());
            assert!(inference.significant);
        }
    }

    #[test]
    fn degenerate_estimates_are_refused_and_an_unsure_baseline_has_no_relative_interval() {
        let constant = Estimate { unit_variance: 0.0, ..CONTROL };
        assert_eq!(at_once(constant, constant).unwrap_err().code(), "no_variation");
        assert_eq!(at_any_time(Estimate { count: 1.0, ..CONTROL }, TEST).unwrap_err().code(), "out_of_range");
        assert_eq!(at_once(Estimate { value: f64::NAN, ..CONTROL }, TEST).unwrap_err().code(), "out_of_range");
        let unsure = Estimate { value: 0.1, ..CONTROL };
        assert_eq!(at_once(unsure, TEST).unwrap().relative_interval, None);
    }
}
