//! Distributions that stay accurate for large counts and far into the tails.
//!
//! Tails are added up themselves, never taken as `1 - cdf`. The bounds the tests assert against 60-digit arithmetic: 2e-13
//! relative for the distribution functions of Beta and Gamma, shapes from 1e-3 to 1e8 and tails down to 1e-280; 1e-14
//! relative for their quantiles, as long as those exceed 1e-20; 2e-13 relative for the normal distribution down to z = -37.
//!
//! This is the only file that uses `statrs`, and only for the normal quantile: its incomplete beta function loses all digits at
//! counts of 1e7, its normal distribution function has ten.

use statrs::distribution::{ContinuousCDF, Normal};

mod student;

pub use student::{ChiSquare, StudentT};

use super::bell::{Bell, Side, log_ratio, odds_shares};
use crate::error::{Error, Result};

/// The Beta(a, b) distribution: a rate between 0 and 1.
///
/// Its distribution function is the regularised incomplete beta function, `I_x(a, b) = Beta(a, b).cdf(x)`.
///
/// ```
/// use abduck::stats::dist::Beta;
///
/// let rate = Beta::new(101.0, 19.0)?;
/// assert!((rate.mean() - 0.8416666666666667).abs() < 1e-15);
/// assert!((rate.quantile(0.025) - 0.7715170020965111).abs() < 1e-14);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beta {
    a: f64,
    b: f64,
}

/// The Gamma distribution with a shape and a RATE: events per unit of exposure.
///
/// With rate 1 its distribution functions are the regularised incomplete gamma functions P (`cdf`) and Q (`sf`).
///
/// ```
/// use abduck::stats::dist::Gamma;
///
/// let rate = Gamma::new(21.0, 200.0)?;
/// assert!((rate.mean() - 0.105).abs() < 1e-15);
/// assert!((rate.quantile(0.975) - 0.15444188951337298).abs() < 1e-14);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gamma {
    shape: f64,
    rate: f64,
}

impl Beta {
    /// The distribution with shapes `a` and `b`.
    ///
    /// # Errors
    ///
    /// `out_of_range` when a shape is not between 1e-15 and 1e15.
    pub fn new(a: f64, b: f64) -> Result<Self> {
        Ok(Self { a: shape_in_range("a", a)?, b: shape_in_range("b", b)? })
    }

    /// First shape: prior plus successes.
    #[must_use]
    pub fn a(&self) -> f64 {
        self.a
    }

    /// Second shape: prior plus failures.
    #[must_use]
    pub fn b(&self) -> f64 {
        self.b
    }

    /// The mean, `a / (a + b)`.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.a / (self.a + self.b)
    }

    /// The standard deviation.
    #[must_use]
    pub fn sd(&self) -> f64 {
        let n = self.a + self.b;
        (self.a / n * (self.b / n) / (n + 1.0)).sqrt()
    }

    /// The logarithm of the density at `x`; minus infinity outside (0, 1).
    #[must_use]
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if !(0.0 < x && x < 1.0) {
            return f64::NEG_INFINITY;
        }
        self.bell().log_top() - self.bell().fall(self.offset(x)) - x.ln() - (-x).ln_1p()
    }

    /// The probability of at most `x`.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        self.bell().tail(Side::Below, self.offset(x))
    }

    /// The probability of more than `x`.
    #[must_use]
    pub fn sf(&self, x: f64) -> f64 {
        self.bell().tail(Side::Above, self.offset(x))
    }

    /// The value below which the share `probability` lies; not a number unless `probability` is in [0, 1].
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        odds_shares(self.a, self.b, offset_of_quantile(self.bell(), probability)).0
    }

    pub(super) fn bell(&self) -> Bell {
        Bell::LogOdds { a: self.a, b: self.b }
    }

    /// `logit(x) - ln(a / b)`, accurate near the mean, where the two cancel.
    pub(super) fn offset(&self, x: f64) -> f64 {
        if x <= 0.0 {
            return f64::NEG_INFINITY;
        } else if x >= 1.0 {
            return f64::INFINITY;
        }
        let excess = self.excess(x);
        let (above, below) = (excess / self.a, -excess / self.b);
        if above.abs() < 0.5 && below.abs() < 0.5 {
            above.ln_1p() - below.ln_1p()
        } else {
            (x / self.a * (self.b / (1.0 - x))).ln()
        }
    }

    /// `b x - a (1 - x)` in doubled precision.
    fn excess(&self, x: f64) -> f64 {
        let (low, low_error) = exact_product(self.a, x);
        let (high, high_error) = exact_product(self.b, x);
        let (first, first_error) = exact_sum(low, -self.a);
        let (second, second_error) = exact_sum(first, high);
        second + (first_error + second_error + low_error + high_error)
    }
}

impl Gamma {
    /// The distribution with a shape and a rate (not a scale).
    ///
    /// # Errors
    ///
    /// `out_of_range` when the shape is not between 1e-15 and 1e15, or the rate not a positive, finite number.
    pub fn new(shape: f64, rate: f64) -> Result<Self> {
        Ok(Self { shape: shape_in_range("shape", shape)?, rate: positive("rate", rate)? })
    }

    /// The shape: prior plus events.
    #[must_use]
    pub fn shape(&self) -> f64 {
        self.shape
    }

    /// The rate: prior plus exposure.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The mean, `shape / rate`.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.shape / self.rate
    }

    /// The standard deviation.
    #[must_use]
    pub fn sd(&self) -> f64 {
        self.shape.sqrt() / self.rate
    }

    /// The logarithm of the density at `x`; minus infinity for `x <= 0`.
    #[must_use]
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if !(0.0 < x && x.is_finite()) {
            return f64::NEG_INFINITY;
        }
        self.bell().log_top() - self.bell().fall(self.offset(x)) - x.ln()
    }

    /// The probability of at most `x`.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        self.bell().tail(Side::Below, self.offset(x))
    }

    /// The probability of more than `x`.
    #[must_use]
    pub fn sf(&self, x: f64) -> f64 {
        self.bell().tail(Side::Above, self.offset(x))
    }

    /// The value below which the share `probability` lies; not a number unless `probability` is in [0, 1].
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        self.mean() * offset_of_quantile(self.bell(), probability).exp()
    }

    pub(super) fn bell(&self) -> Bell {
        Bell::Logarithm { shape: self.shape }
    }

    /// `ln(x rate / shape)`, accurate near the mean.
    pub(super) fn offset(&self, x: f64) -> f64 {
        if x <= 0.0 { f64::NEG_INFINITY } else { log_ratio((x, self.rate), (self.shape, 1.0)) }
    }
}

/// The logarithm of the Gamma function of a positive number.
///
/// ```
/// assert_eq!(abduck::stats::dist::ln_gamma(5.0), 24.0_f64.ln());
/// ```
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// The probability that a standard normal variable is at most `z`.
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The probability that a standard normal variable exceeds `z`.
#[must_use]
pub fn normal_sf(z: f64) -> f64 {
    normal_cdf(-z)
}

/// The logarithm of the probability that a standard normal variable exceeds `z`: a number also where the probability
/// itself underflows to 0.
///
/// ```
/// assert!((abduck::stats::dist::normal_ln_sf(50.0) + 1_254.831_361_139_419_6).abs() < 1e-10);
/// ```
#[must_use]
pub fn normal_ln_sf(z: f64) -> f64 {
    if z < 0.0 {
        return (-normal_cdf(z)).ln_1p();
    } else if z < 30.0 {
        return normal_sf(z).ln();
    } else if !z.is_finite() {
        return -z;
    }
    // Mills' ratio times z: 1 - 1/z^2 + 3/z^4 - 15/z^6 + 105/z^8; what is left out is below 1e-12 at 30.
    let inverse_square = 1.0 / (z * z);
    let rest = [105.0, -15.0, 3.0, -1.0].iter().fold(0.0, |sum, term| (sum + term) * inverse_square);
    -0.5 * z * z - 0.5 * std::f64::consts::TAU.ln() - z.ln() + rest.ln_1p()
}

/// The standard normal density at `z`.
#[must_use]
pub fn normal_pdf(z: f64) -> f64 {
    (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt()
}

/// The value below which a standard normal variable lies with the given probability; not a number outside [0, 1].
#[must_use]
pub fn normal_quantile(probability: f64) -> f64 {
    if (0.0..=1.0).contains(&probability) { Normal::standard().inverse_cdf(probability) } else { f64::NAN }
}

/// The probability of at most `successes` in `trials` at success probability `probability` in (0, 1).
///
/// # Errors
///
/// `out_of_range` unless `0 <= successes <= trials`.
pub fn binomial_at_most(successes: f64, trials: f64, probability: f64) -> Result<f64> {
    check_successes(successes, trials)?;
    if successes >= trials {
        return Ok(1.0);
    }
    Ok(Beta::new(successes + 1.0, trials - successes)?.sf(probability))
}

/// The probability of at least `successes` in `trials` at success probability `probability` in (0, 1).
///
/// # Errors
///
/// `out_of_range` unless `0 <= successes <= trials`.
pub fn binomial_at_least(successes: f64, trials: f64, probability: f64) -> Result<f64> {
    check_successes(successes, trials)?;
    if successes <= 0.0 {
        return Ok(1.0);
    }
    Ok(Beta::new(successes, trials - successes + 1.0)?.cdf(probability))
}

fn check_successes(successes: f64, trials: f64) -> Result<()> {
    if 0.0 <= successes && successes <= trials && trials.is_finite() {
        return Ok(());
    }
    let message = format!("the number of successes must lie between 0 and the {trials} trials, got {successes}");
    Err(Error::invalid_field("successes", "out_of_range", message))
}

/// Beyond 1e15, a double can no longer resolve the width of the distribution.
fn shape_in_range(name: &'static str, value: f64) -> Result<f64> {
    if (1e-15..=1e15).contains(&value) {
        return Ok(value);
    }
    let message = format!("{name} must be a number between 1e-15 and 1e15, got {value}");
    Err(Error::invalid_field(name, "out_of_range", message))
}

fn positive(name: &'static str, value: f64) -> Result<f64> {
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(Error::invalid_field(name, "out_of_range", format!("{name} must be a positive, finite number, got {value}")))
}

/// The offset of a quantile, found from the smaller tail.
fn offset_of_quantile(bell: Bell, probability: f64) -> f64 {
    if !(0.0..=1.0).contains(&probability) {
        return f64::NAN;
    }
    let start = bell.deviation() * normal_quantile(probability);
    if probability <= 0.0 {
        f64::NEG_INFINITY
    } else if probability >= 1.0 {
        f64::INFINITY
    } else if probability <= 0.5 {
        bell.offset_of_tail(Side::Below, probability.ln(), start)
    } else {
        bell.offset_of_tail(Side::Above, (-probability).ln_1p(), start)
    }
}

/// A product and its rounding error.
fn exact_product(x: f64, y: f64) -> (f64, f64) {
    let product = x * y;
    (product, x.mul_add(y, -product))
}

/// A sum and its rounding error.
fn exact_sum(x: f64, y: f64) -> (f64, f64) {
    let sum = x + y;
    let carried = sum - x;
    (sum, (x - (sum - carried)) + (y - carried))
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
