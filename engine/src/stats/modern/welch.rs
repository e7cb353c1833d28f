//! The frequentist answer: Welch's test of an effect (reference statistics, section 10.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::Pair;
use super::{Statistic, check_rate, check_units, check_variance, refused};
use crate::error::Result;
use crate::stats::dist::StudentT;

/// What Welch's test says about an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WelchTest {
    /// The effect, on the scale of the pair.
    pub point_estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The two-sided interval at the level `1 - alpha`.
    pub confidence_interval: [f64; 2],
    /// The two-sided p-value.
    pub p_value: f64,
    /// Its natural logarithm: a number also where the p-value is too small for one.
    pub ln_p_value: f64,
    /// The effect in standard errors.
    pub t_statistic: f64,
    /// The degrees of freedom, always from the variances on the absolute scale.
    pub degrees_of_freedom: f64,
    /// Whether the p-value is below alpha.
    pub significant: bool,
}

/// Welch's test of a pair at a two-sided error rate.
///
/// ```
/// use abduck::stats::modern::effect::{DifferenceType, Pair};
/// use abduck::stats::modern::{Statistic, welch};
///
/// let (test, control) = (Statistic::share_of(1000.0, 130.0)?, Statistic::share_of(1000.0, 100.0)?);
/// let answer = welch::test(&Pair::new(test, control, DifferenceType::Absolute)?, 0.05)?;
/// assert!(answer.significant && answer.p_value < 0.05);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `statistic_error` for fewer than 5 units in an arm, an effect that does not vary, a baseline of 0 of a relative difference,
/// or an alpha that is not strictly between 0 and 1.
pub fn test(pair: &Pair, alpha: f64) -> Result<WelchTest> {
    check_rate("alpha", alpha)?;
    check_units([&pair.treatment, &pair.control])?;
    let effect = pair.effect()?;
    check_variance(effect.variance)?;
    let degrees_of_freedom = degrees_of_freedom(&pair.treatment, &pair.control)?;
    let student = StudentT::new(degrees_of_freedom)?;
    let standard_error = effect.variance.sqrt();
    let t_statistic = effect.value / standard_error;
    let ln_p_value = (std::f64::consts::LN_2 + student.ln_sf(t_statistic.abs())).min(0.0);
    let half_width = -student.quantile(alpha / 2.0) * standard_error;
    let p_value = ln_p_value.exp();
    Ok(WelchTest {
        point_estimate: effect.value,
        standard_error,
        confidence_interval: [effect.value - half_width, effect.value + half_width],
        p_value,
        ln_p_value,
        t_statistic,
        degrees_of_freedom,
        significant: p_value < alpha,
    })
}

/// The degrees of freedom of the difference of two means (Welch 1947, Satterthwaite 1946).
///
/// # Errors
/// `statistic_error` for fewer than 2 units in an arm or when neither varies.
pub fn degrees_of_freedom(treatment: &Statistic, control: &Statistic) -> Result<f64> {
    if treatment.units() < 2.0 || control.units() < 2.0 {
        return Err(refused("n", "degrees of freedom need at least 2 units per arm"));
    }
    let (a, b) = (treatment.variance_of_mean(), control.variance_of_mean());
    check_variance(a + b)?;
    // Shares of the variance, so that tiny variances do not underflow when they are squared.
    let (a, b) = (a / (a + b), b / (a + b));
    Ok(1.0 / (a * a / (treatment.units() - 1.0) + b * b / (control.units() - 1.0)))
}
