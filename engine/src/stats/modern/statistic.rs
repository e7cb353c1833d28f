//! What a metric comes to in one variant, as sums over its units (reference statistics, section 10.1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The sums of a metric over the units of one variant.
///
/// ```
/// use abduck::stats::modern::Statistic;
///
/// let statistic = Statistic::mean_of(5.0, 15.0, 55.0)?;
/// assert_eq!((statistic.mean(), statistic.variance()), (3.0, 2.5));
/// assert_eq!(Statistic::mean_of(5.0, 15.0, 40.0).unwrap_err().code(), "invalid_statistic");
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Statistic {
    /// A mean over units.
    Mean(MeanSums),
    /// The share of the units that did something.
    Proportion(ShareSums),
    /// A ratio of two sums over units.
    Ratio(RatioSums),
}

/// A value summed over units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeanSums {
    /// The number of units.
    pub n: f64,
    /// The sum of the values.
    pub sum: f64,
    /// The sum of the squares of the values.
    pub sum_squares: f64,
}

/// Units that did something, among all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareSums {
    /// The number of units.
    pub n: f64,
    /// The number of those that did it.
    pub sum: f64,
}

/// Two values summed over the same units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatioSums {
    /// The number of units.
    pub n: f64,
    /// What is divided.
    pub numerator: RatioPart,
    /// What it is divided by.
    pub denominator: RatioPart,
    /// The sum of the products of both values.
    pub sum_of_products: f64,
}

/// One of the two values of a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatioPart {
    /// The number of units, which must be that of the ratio; may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<f64>,
    /// The sum of the values.
    pub sum: f64,
    /// The sum of their squares; of a value that is 0 or 1 it may be left out, which makes the part a proportion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_squares: Option<f64>,
}

/// A mean of the second value of a ratio this close to 0 cannot be divided by.
const SMALLEST_DENOMINATOR: f64 = 1e-10;
/// Rounding that sums of squares may carry: the reference compares exactly and so refuses some constant values.
const ROUNDING: f64 = 8.0 * f64::EPSILON;

impl Statistic {
    /// A mean, from the number of units, the sum and the sum of squares.
    ///
    /// # Errors
    /// `invalid_statistic` as [`Statistic::check`].
    pub fn mean_of(n: f64, sum: f64, sum_squares: f64) -> Result<Self> {
        Self::Mean(MeanSums { n, sum, sum_squares }).checked()
    }

    /// A proportion, from the number of units and the number of those that count.
    ///
    /// # Errors
    /// `invalid_statistic` as [`Statistic::check`].
    pub fn share_of(n: f64, sum: f64) -> Result<Self> {
        Self::Proportion(ShareSums { n, sum }).checked()
    }

    fn checked(self) -> Result<Self> {
        self.check().map(|()| self)
    }

    /// Whether the sums are possible.
    ///
    /// # Errors
    /// `invalid_statistic` without units, for numbers that are not finite, squares that are smaller than the values allow, a
    /// proportion outside 0 to 1, or a ratio whose parts have different units or whose denominator is 0.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Mean(sums) => sums.check(),
            Self::Proportion(sums) => sums.check(),
            Self::Ratio(sums) => sums.check(),
        }
    }

    /// The number of units.
    #[must_use]
    pub fn units(&self) -> f64 {
        match self {
            Self::Mean(sums) => sums.n,
            Self::Proportion(sums) => sums.n,
            Self::Ratio(sums) => sums.n,
        }
    }

    /// The sum of the values; of a ratio, that of the numerator.
    #[must_use]
    pub fn sum(&self) -> f64 {
        match self {
            Self::Mean(sums) => sums.sum,
            Self::Proportion(sums) => sums.sum,
            Self::Ratio(sums) => sums.numerator.sum,
        }
    }

    /// The value: the mean, the share, or the ratio.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Mean(sums) => sums.sum / sums.n,
            Self::Proportion(sums) => sums.sum / sums.n,
            Self::Ratio(sums) => sums.numerator.sum / sums.denominator.sum,
        }
    }

    /// The variance per unit: of a sample for a mean, of the population for a proportion, by the delta method for a ratio.
    #[must_use]
    pub fn variance(&self) -> f64 {
        match self {
            Self::Mean(sums) => sums.variance(),
            Self::Proportion(sums) => sums.variance(),
            Self::Ratio(sums) => sums.variance(),
        }
    }

    /// The variance of the value.
    #[must_use]
    pub fn variance_of_mean(&self) -> f64 {
        self.variance() / self.units()
    }

    /// The standard error of the value.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.variance_of_mean().sqrt()
    }

    /// Whether both are means, both proportions, or both ratios.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl MeanSums {
    fn check(&self) -> Result<()> {
        check_units(self.n)?;
        check_finite("sum", self.sum)?;
        check_finite("sum_squares", self.sum_squares)?;
        let least = self.sum * (self.sum / self.n);
        if self.sum_squares >= least * (1.0 - ROUNDING) {
            return Ok(());
        }
        let message = format!(
            "{} units with a sum of {} have squares that add up to at least {least}, not {}",
            self.n, self.sum, self.sum_squares
        );
        Err(invalid("sum_squares", message))
    }

    fn variance(&self) -> f64 {
        if self.n <= 1.0 {
            return 0.0;
        }
        (self.sum_squares - self.sum * (self.sum / self.n)).max(0.0) / (self.n - 1.0)
    }
}

impl ShareSums {
    fn check(&self) -> Result<()> {
        check_units(self.n)?;
        if self.sum >= 0.0 && self.sum <= self.n {
            return Ok(());
        }
        Err(invalid("sum", format!("between 0 and {} of {} units can count, not {}", self.n, self.n, self.sum)))
    }

    fn variance(&self) -> f64 {
        let share = self.sum / self.n;
        share * (1.0 - share)
    }
}

impl RatioSums {
    fn check(&self) -> Result<()> {
        check_units(self.n)?;
        check_finite("sum_of_products", self.sum_of_products)?;
        for part in [self.numerator, self.denominator] {
            if part.n.is_some_and(|n| n.total_cmp(&self.n).is_ne()) {
                return Err(invalid("n", "numerator and denominator of a ratio must come from the same units"));
            }
            self.part(part).check()?;
        }
        let denominator = self.denominator.sum / self.n;
        if denominator.abs() >= SMALLEST_DENOMINATOR {
            return Ok(());
        }
        Err(invalid("denominator", format!("the denominator of a ratio must not be 0, its mean is {denominator}")))
    }

    fn part(&self, part: RatioPart) -> Statistic {
        match part.sum_squares {
            Some(sum_squares) => Statistic::Mean(MeanSums { n: self.n, sum: part.sum, sum_squares }),
            None => Statistic::Proportion(ShareSums { n: self.n, sum: part.sum }),
        }
    }

    fn variance(&self) -> f64 {
        let (numerator, denominator) = (self.part(self.numerator), self.part(self.denominator));
        let (m, d) = (numerator.mean(), denominator.mean());
        let covariance =
            if self.n > 1.0 { (self.sum_of_products - m * self.denominator.sum) / (self.n - 1.0) } else { 0.0 };
        let ratio = m / d;
        (numerator.variance() + ratio * ratio * denominator.variance() - 2.0 * ratio * covariance) / (d * d)
    }
}

fn check_units(n: f64) -> Result<()> {
    if n > 0.0 && n.is_finite() {
        return Ok(());
    }
    Err(invalid("n", format!("a statistic needs a positive number of units, got {n}")))
}

fn check_finite(field: &'static str, value: f64) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(invalid(field, format!("{field} must be a finite number, got {value}")))
}

fn invalid(field: &'static str, message: impl Into<String>) -> Error {
    Error::invalid_field(field, "invalid_statistic", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_not_refused_for_its_rounding() {
        // 0.1 * 0.1 * 3 is above what three units of 0.1 sum up to squared over 3, or below, by an ulp.
        for value in [0.1, 0.7, 1e-9, 123.456, 1e9 + 0.1] {
            for units in [3.0, 7.0, 1e6] {
                let statistic = Statistic::mean_of(units, value * units, value * value * units).unwrap();
                assert!(statistic.variance() <= 1e-9 * value * value, "{value} {units}");
            }
        }
    }

    #[test]
    fn impossible_sums_are_refused() {
        let refused = |statistic: Result<Statistic>| statistic.unwrap_err().code();
        assert_eq!(refused(Statistic::mean_of(0.0, 0.0, 0.0)), "invalid_statistic");
        assert_eq!(refused(Statistic::mean_of(1.0, 10.0, 99.0)), "invalid_statistic");
        assert_eq!(refused(Statistic::mean_of(2.0, f64::NAN, 1.0)), "invalid_statistic");
        assert_eq!(refused(Statistic::mean_of(2.0, 1.0, f64::INFINITY)), "invalid_statistic");
        assert_eq!(refused(Statistic::share_of(10.0, 11.0)), "invalid_statistic");
        assert_eq!(refused(Statistic::share_of(10.0, -1.0)), "invalid_statistic");
    }

    #[test]
    fn a_ratio_needs_one_set_of_units_and_something_to_divide_by() {
        let part = |n, sum, sum_squares| RatioPart { n, sum, sum_squares };
        let ratio = |numerator, denominator| {
            Statistic::Ratio(RatioSums { n: 4.0, numerator, denominator, sum_of_products: 3.0 }).check()
        };
        let (all, some) = (part(None, 3.0, None), part(Some(3.0), 3.0, Some(3.0)));
        assert_eq!(ratio(all, all).ok(), Some(()));
        assert_eq!(ratio(some, all).unwrap_err().code(), "invalid_statistic");
        assert_eq!(ratio(all, part(None, 0.0, Some(0.0))).unwrap_err().code(), "invalid_statistic");
    }
}
