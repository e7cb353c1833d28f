//! How many units a comparison of two arms needs, and what it can detect (reference statistics, section 13).
//!
//! Everything is two-sided unless it says otherwise, and counts units of the *control*; the treatment has `ratio` times as many.
//! A ratio of sums, a funnel or a mean is planned alike: by the variance per unit. With a covariate that explains the share
//! `r` of the variance, plan with `(1 - r)` times the variance.

mod noncentral;

use self::noncentral::two_sided_t_power;
use super::dist::{normal_quantile, normal_sf};
use super::modern::check_rate;
use super::modern::sequential::Layout;
use crate::error::{Error, Result};

/// Two arms of units whose values have the same variance.
///
/// ```
/// use abduck::stats::power::Means;
///
/// let design = Means { standard_deviation: 4.0, ratio: 1.0, alpha: 0.05 };
/// assert_eq!(design.units(0.5, 0.8)?.ceil(), 1006.0);
/// assert!((design.power(0.5, 1000.0)? - 0.797_797_739_833_485_8).abs() < 1e-9);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Means {
    /// The standard deviation over units, of either arm.
    pub standard_deviation: f64,
    /// Units of the treatment per unit of the control.
    pub ratio: f64,
    /// The two-sided error rate.
    pub alpha: f64,
}

/// Two arms of equal size of units that do something or do not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// The share in the control.
    pub control: f64,
    /// The share in the treatment.
    pub treatment: f64,
    /// The two-sided error rate.
    pub alpha: f64,
}

/// More units than this are not planned for.
const MOST_UNITS: f64 = 1e18;

impl Means {
    fn check(&self) -> Result<()> {
        check_rate("alpha", self.alpha)?;
        check_positive("standard_deviation", self.standard_deviation)?;
        check_positive("ratio", self.ratio)
    }

    /// The standard error of the difference with so many units of the control.
    fn standard_error(&self, units: f64) -> f64 {
        self.standard_deviation * ((1.0 + 1.0 / self.ratio) / units).sqrt()
    }

    /// Units of the control for a difference and a power, by the normal approximation without the far tail.
    ///
    /// # Errors
    /// `statistic_error` for an alpha or power outside 0 to 1, `out_of_range` for a difference of 0 and other impossible numbers.
    pub fn units_normal(&self, difference: f64, power: f64) -> Result<f64> {
        self.check()?;
        check_rate("power", power)?;
        check_difference(difference)?;
        let deviations = normal_quantile(power) - normal_quantile(self.alpha / 2.0);
        let units = deviations * self.standard_deviation / difference;
        Ok((1.0 + 1.0 / self.ratio) * units * units)
    }

    /// Units of the control for a difference and a power, for Student's test; not rounded.
    ///
    /// # Errors
    /// As [`Means::units_normal`].
    pub fn units(&self, difference: f64, power: f64) -> Result<f64> {
        self.units_normal(difference, power)?;
        self.search(power, |units| self.power(difference, units))
    }

    /// Units of the control for a difference and a power, when one looks as often as one likes: a confidence sequence excludes
    /// 0 with that power at the moment it has so many units. Looking all the time finds the effect sooner on average.
    ///
    /// # Errors
    /// As [`Means::units_normal`], and for an impossible layout. The error rate is the layout's.
    pub fn units_anytime(&self, difference: f64, power: f64, layout: Layout) -> Result<f64> {
        self.units_normal(difference, power)?;
        self.search(power, |units| self.power_anytime(difference, units, layout))
    }

    /// Units of the control with which the interval of the difference ends above `-margin` with a power, one-sided, when the true
    /// difference is `difference`: not worse by the margin. Lower-is-better metrics turn the sign of both.
    ///
    /// # Errors
    /// As [`Means::units_normal`], and for a true difference that is worse than the margin.
    pub fn units_non_inferior(&self, margin: f64, difference: f64, power: f64) -> Result<f64> {
        self.check()?;
        check_rate("power", power)?;
        let room = margin + difference;
        check_positive("margin", room)?;
        let deviations = normal_quantile(power) - normal_quantile(self.alpha);
        let units = deviations * self.standard_deviation / room;
        Ok((1.0 + 1.0 / self.ratio) * units * units)
    }

    /// The smallest power-of-two bracket is found first; the power rises with the units from there on.
    fn search(&self, power: f64, power_with: impl Fn(f64) -> Result<f64>) -> Result<f64> {
        let mut fewest = 3.0 / (1.0 + self.ratio).min(2.0);
        if power_with(fewest)? >= power {
            return Ok(fewest);
        }
        let mut enough = 2.0 * fewest;
        while power_with(enough)? < power {
            fewest = enough;
            enough *= 2.0;
            if enough > MOST_UNITS {
                return Err(out_of_range("difference", "so large that fewer than 1e18 units show it", enough));
            }
        }
        while enough - fewest > 1e-13 * enough {
            let middle = 0.5 * (fewest + enough);
            if middle <= fewest || middle >= enough {
                break;
            }
            if power_with(middle)? < power { fewest = middle } else { enough = middle }
        }
        Ok(0.5 * (fewest + enough))
    }

    /// The power of a normal test for a difference, both tails counted.
    ///
    /// # Errors
    /// As [`Means::units_normal`], and for units that are not positive.
    pub fn power_normal(&self, difference: f64, units: f64) -> Result<f64> {
        self.check()?;
        check_positive("units", units)?;
        let (apart, critical) = (difference.abs() / self.standard_error(units), -normal_quantile(self.alpha / 2.0));
        Ok(normal_sf(critical - apart) + normal_sf(critical + apart))
    }

    /// The power of Student's test for a difference, both tails counted, with the noncentral distribution.
    ///
    /// # Errors
    /// As [`Means::power_normal`], and for fewer than 3 units of both arms together.
    pub fn power(&self, difference: f64, units: f64) -> Result<f64> {
        self.check()?;
        check_positive("units", units)?;
        let degrees_of_freedom = units * (1.0 + self.ratio) - 2.0;
        if degrees_of_freedom < 1.0 - 1e-9 {
            return Err(out_of_range("units", "at least 3 in both arms together", units));
        }
        two_sided_t_power(degrees_of_freedom.max(1.0), difference / self.standard_error(units), self.alpha)
    }

    /// The power at one look of a confidence sequence.
    ///
    /// # Errors
    /// As [`Means::power_normal`], and for an impossible layout.
    pub fn power_anytime(&self, difference: f64, units: f64, layout: Layout) -> Result<f64> {
        self.check()?;
        check_positive("units", units)?;
        let critical = layout.critical_value(units * (1.0 + self.ratio))?;
        let apart = difference.abs() / self.standard_error(units);
        Ok(normal_sf(critical - apart) + normal_sf(critical + apart))
    }

    /// The difference that so many units of the control detect with a power, by the normal approximation.
    ///
    /// # Errors
    /// As [`Means::power_normal`].
    pub fn detectable_difference(&self, units: f64, power: f64) -> Result<f64> {
        self.check()?;
        check_rate("power", power)?;
        check_positive("units", units)?;
        Ok((normal_quantile(power) - normal_quantile(self.alpha / 2.0)) * self.standard_error(units))
    }
}

impl Shares {
    fn check(&self) -> Result<()> {
        check_rate("alpha", self.alpha)?;
        for (field, share) in [("control", self.control), ("treatment", self.treatment)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(out_of_range(field, "between 0 and 1", share));
            }
        }
        check_difference(self.treatment - self.control)
    }

    fn variances(&self) -> (f64, f64) {
        let variance = |share: f64| share * (1.0 - share);
        let pooled = variance(0.5 * (self.control + self.treatment));
        (pooled, variance(self.control) + variance(self.treatment))
    }

    fn deviations(&self, power: f64) -> Result<f64> {
        self.check()?;
        check_rate("power", power)?;
        Ok(normal_quantile(power) - normal_quantile(self.alpha / 2.0))
    }

    /// Units per arm for the test with the pooled standard error.
    ///
    /// ```
    /// use abduck::stats::power::Shares;
    ///
    /// let design = Shares { control: 0.1, treatment: 0.11, alpha: 0.05 };
    /// assert_eq!(design.units_pooled(0.8)?.ceil(), 14_751.0);
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `statistic_error` for an alpha or power outside 0 to 1, `out_of_range` for equal shares and shares outside 0 to 1.
    pub fn units_pooled(&self, power: f64) -> Result<f64> {
        self.deviations(power)?;
        let (pooled, both) = self.variances();
        let null = -normal_quantile(self.alpha / 2.0) * (2.0 * pooled).sqrt();
        let units = (null + normal_quantile(power) * both.sqrt()) / (self.treatment - self.control);
        Ok(units * units)
    }

    /// Units per arm for the test with the unpooled standard error.
    ///
    /// # Errors
    /// As [`Shares::units_pooled`].
    pub fn units_unpooled(&self, power: f64) -> Result<f64> {
        let units = self.deviations(power)? / (self.treatment - self.control);
        Ok(units * units * self.variances().1)
    }

    /// Units per arm by the arcsine transformation (Cohen 1988).
    ///
    /// # Errors
    /// As [`Shares::units_pooled`].
    pub fn units_arcsine(&self, power: f64) -> Result<f64> {
        let effect = 2.0 * (self.treatment.sqrt().asin() - self.control.sqrt().asin());
        let units = self.deviations(power)? / effect;
        Ok(2.0 * units * units)
    }

    /// The power of the test with the pooled standard error, both tails counted.
    ///
    /// # Errors
    /// As [`Shares::units_pooled`], and for units that are not positive or shares that do not vary.
    pub fn power_pooled(&self, units: f64) -> Result<f64> {
        self.check()?;
        check_positive("units", units)?;
        let (pooled, both) = self.variances();
        check_positive("variance", both)?;
        let critical = -normal_quantile(self.alpha / 2.0) * (2.0 * pooled).sqrt();
        let apart = (self.treatment - self.control).abs() * units.sqrt();
        Ok(normal_sf((critical - apart) / both.sqrt()) + normal_sf((critical + apart) / both.sqrt()))
    }
}

fn check_positive(field: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() { Ok(()) } else { Err(out_of_range(field, "positive and finite", value)) }
}

fn check_difference(difference: f64) -> Result<()> {
    if difference.abs() > 0.0 && difference.is_finite() {
        return Ok(());
    }
    Err(out_of_range("difference", "a finite number other than 0", difference))
}

fn out_of_range(field: &'static str, wanted: &str, value: f64) -> Error {
    Error::invalid_field(field, "out_of_range", format!("{field} must be {wanted}, got {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESIGN: Means = Means { standard_deviation: 3.0, ratio: 2.0, alpha: 0.01 };

    #[test]
    fn units_and_power_are_inverse_to_each_other() {
        for (difference, power) in [(2.0, 0.9), (-0.1, 0.8), (1e-4, 0.5), (50.0, 0.8)] {
            let units = DESIGN.units(difference, power).unwrap();
            assert!(DESIGN.power(difference, units).unwrap() >= power - 1e-9, "{difference} {power}");
            let layout = Layout { alpha: 0.01, tuning_units: 5000.0 };
            let anytime = DESIGN.units_anytime(difference, power, layout).unwrap();
            assert!(
                (DESIGN.power_anytime(difference, anytime, layout).unwrap() - power).abs() < 1e-9 || anytime <= 2.0
            );
            assert!(anytime >= units * 0.99, "looking often costs units: {anytime} and {units}");
            let detectable = DESIGN.detectable_difference(DESIGN.units_normal(difference, power).unwrap(), power);
            assert!((detectable.unwrap() - difference.abs()).abs() < 1e-12 * difference.abs());
        }
    }

    #[test]
    fn not_being_worse_needs_fewer_units_the_better_the_truth_is() {
        let design = Means { standard_deviation: 10.0, ratio: 1.0, alpha: 0.05 };
        let equal = design.units_non_inferior(1.0, 0.0, 0.8).unwrap();
        // 2 (1.644854 + 0.841621)^2 100 / 1
        assert!((equal - 1_236.511_5).abs() < 1e-3, "{equal}");
        assert!(design.units_non_inferior(1.0, 0.5, 0.8).unwrap() < equal);
        assert_eq!(design.units_non_inferior(1.0, -1.0, 0.8).unwrap_err().code(), "out_of_range");
    }

    #[test]
    fn impossible_designs_are_refused() {
        assert_eq!(DESIGN.units(0.0, 0.8).unwrap_err().code(), "out_of_range");
        assert_eq!(DESIGN.units(1.0, 1.0).unwrap_err().code(), "statistic_error");
        assert_eq!(DESIGN.power(1.0, 0.5).unwrap_err().code(), "out_of_range");
        assert_eq!(Means { ratio: 0.0, ..DESIGN }.units(1.0, 0.8).unwrap_err().code(), "out_of_range");
        let same = Shares { control: 0.1, treatment: 0.1, alpha: 0.05 };
        assert_eq!(same.units_pooled(0.8).unwrap_err().code(), "out_of_range");
        let certain = Shares { control: 0.0, treatment: 1.0, alpha: 0.05 };
        assert_eq!(certain.power_pooled(10.0).unwrap_err().code(), "out_of_range");
    }
}
