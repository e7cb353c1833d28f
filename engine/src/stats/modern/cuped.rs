//! Statistics with what was known before the exposure taken out (reference statistics, section 10.7; Deng, Xu, Kohavi and
//! Walker 2013, "Improving the sensitivity of online controlled experiments").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::{DifferenceType, Pair};
use super::{Statistic, refused};
use crate::error::Result;

/// The covariate of the units of one arm, and how it goes with the value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Covariate {
    /// The number of units, which must be that of the statistic; may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<f64>,
    /// The sum of the covariate.
    pub sum: f64,
    /// The sum of its squares.
    pub sum_squares: f64,
    /// The sum of the products of value and covariate.
    pub sum_of_cross_products: f64,
}

/// A statistic and its covariate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Covaried {
    /// The value, a mean or a proportion.
    pub post: Statistic,
    /// What was known before.
    pub pre: Covariate,
}

/// How the slope of the value on the covariate is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Over all units as one sample, as the reference has it: the effect itself bends the slope a little.
    AllUnits,
    /// Within the arms, which the effect does not touch.
    WithinArms,
}

/// A statistic with the covariate taken out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// The adjusted mean; not centred, so only differences of it mean anything.
    pub mean: f64,
    /// The adjusted variance per unit.
    pub variance: f64,
    /// The covariance of value and covariate.
    pub covariance: f64,
    /// The share of the variance that is gone; negative when the slope does not suit this arm.
    pub variance_reduction: f64,
}

/// Two arms with the covariate taken out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdjustedPair {
    /// The slope of the value on the covariate.
    pub theta: f64,
    /// The treatment, adjusted.
    pub treatment: Adjustment,
    /// The control, adjusted.
    pub control: Adjustment,
    /// The pair to test; relative differences are shares of the unadjusted control mean.
    pub pair: Pair,
}

/// A covariate that varies less than this explains nothing.
const SMALLEST_VARIANCE: f64 = 1e-10;

/// Centred moments of value and covariate.
#[derive(Clone, Copy)]
struct Spread {
    covariate: f64,
    both: f64,
    freedom: f64,
}

impl Covaried {
    fn check(&self) -> Result<()> {
        self.post.check()?;
        if matches!(self.post, Statistic::Ratio(_)) {
            return Err(refused("post", "the covariate of a ratio cannot be taken out by this method"));
        }
        let n = self.post.units();
        if self.pre.n.is_some_and(|pre| pre.total_cmp(&n).is_ne()) {
            return Err(refused("pre", format!("the covariate must come from the same {n} units as the value")));
        }
        Statistic::mean_of(n, self.pre.sum, self.pre.sum_squares)?;
        if self.pre.sum_of_cross_products.is_finite() {
            return Ok(());
        }
        Err(refused("pre", "the sum of cross products must be a finite number"))
    }

    fn spread(&self) -> Spread {
        spread(self.post.units(), self.post.sum(), self.pre)
    }

    /// The statistic with `theta` times the covariate taken out.
    ///
    /// # Errors
    /// `invalid_statistic` and `statistic_error` for impossible sums, a ratio, or a slope that is not finite.
    pub fn adjust(&self, theta: f64) -> Result<Adjustment> {
        self.check()?;
        if !theta.is_finite() {
            return Err(refused("theta", format!("theta must be a finite number, got {theta}")));
        }
        let n = self.post.units();
        let Spread { covariate, both, freedom } = self.spread();
        let per_freedom = |moment: f64| if freedom > 0.0 { moment / freedom } else { 0.0 };
        let (before, covariance) = (self.post.variance(), per_freedom(both));
        let after = before + theta * theta * per_freedom(covariate) - 2.0 * theta * covariance;
        let variance = after.max(SMALLEST_VARIANCE);
        let explains = before > SMALLEST_VARIANCE && theta.abs() > 0.0;
        Ok(Adjustment {
            mean: self.post.mean() - theta * (self.pre.sum / n),
            variance,
            covariance,
            variance_reduction: if explains { 1.0 - variance / before } else { 0.0 },
        })
    }
}

/// The slope of the value on the covariate over both arms; 0 when the covariate does not vary.
///
/// # Errors
/// `invalid_statistic` and `statistic_error` for impossible sums, ratios, and statistics of different types.
pub fn theta(treatment: &Covaried, control: &Covaried, pooling: Pooling) -> Result<f64> {
    treatment.check()?;
    control.check()?;
    if !treatment.post.is_like(&control.post) {
        return Err(refused("treatment", "the statistics of both arms must have the same type"));
    }
    let Spread { covariate, both, freedom } = match pooling {
        Pooling::WithinArms => {
            let (a, b) = (treatment.spread(), control.spread());
            Spread { covariate: a.covariate + b.covariate, both: a.both + b.both, freedom: a.freedom + b.freedom }
        }
        Pooling::AllUnits => {
            let (a, b) = (treatment.pre, control.pre);
            let pre = Covariate {
                n: None,
                sum: a.sum + b.sum,
                sum_squares: a.sum_squares + b.sum_squares,
                sum_of_cross_products: a.sum_of_cross_products + b.sum_of_cross_products,
            };
            spread(treatment.post.units() + control.post.units(), treatment.post.sum() + control.post.sum(), pre)
        }
    };
    let varies = freedom > 0.0 && covariate / freedom >= SMALLEST_VARIANCE;
    Ok(if varies { both / covariate } else { 0.0 })
}

/// Both arms with the covariate taken out, ready for a test.
///
/// ```
/// use abduck::stats::modern::cuped::{Covaried, Covariate, Pooling, adjusted_pair};
/// use abduck::stats::modern::effect::DifferenceType;
/// use abduck::stats::modern::Statistic;
///
/// let arm = |sum: f64, sum_squares: f64, products: f64| -> abduck::error::Result<Covaried> {
///     let pre = Covariate { n: None, sum: 20.0, sum_squares: 60.0, sum_of_cross_products: products };
///     Ok(Covaried { post: Statistic::mean_of(10.0, sum, sum_squares)?, pre })
/// };
/// let adjusted = adjusted_pair(&arm(30.0, 120.0, 76.0)?, &arm(25.0, 90.0, 64.0)?, DifferenceType::Absolute, Pooling::AllUnits)?;
/// assert!(adjusted.treatment.variance_reduction > 0.0);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// As [`theta`].
pub fn adjusted_pair(
    treatment: &Covaried,
    control: &Covaried,
    difference: DifferenceType,
    pooling: Pooling,
) -> Result<AdjustedPair> {
    let theta = theta(treatment, control, pooling)?;
    let (after, before) = (treatment.adjust(theta)?, control.adjust(theta)?);
    let statistic = |adjustment: &Adjustment, n: f64| {
        let sum = adjustment.mean * n;
        Statistic::mean_of(n, sum, adjustment.variance * (n - 1.0) + sum * adjustment.mean)
    };
    let pair = Pair {
        denominator: control.post.mean(),
        ..Pair::new(statistic(&after, treatment.post.units())?, statistic(&before, control.post.units())?, difference)?
    };
    Ok(AdjustedPair { theta, treatment: after, control: before, pair })
}

fn spread(n: f64, sum: f64, pre: Covariate) -> Spread {
    let mean = pre.sum / n;
    Spread {
        covariate: (pre.sum_squares - pre.sum * mean).max(0.0),
        both: pre.sum_of_cross_products - sum * mean,
        freedom: n - 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(pairs: &[(f64, f64)]) -> Covaried {
        let sum = |value: fn(&(f64, f64)) -> f64| pairs.iter().map(value).sum::<f64>();
        let n = f64::from(u32::try_from(pairs.len()).unwrap());
        Covaried {
            post: Statistic::mean_of(n, sum(|(y, _)| *y), sum(|(y, _)| y * y)).unwrap(),
            pre: Covariate {
                n: Some(n),
                sum: sum(|(_, x)| *x),
                sum_squares: sum(|(_, x)| x * x),
                sum_of_cross_products: sum(|(y, x)| x * y),
            },
        }
    }

    #[test]
    fn pooling_within_arms_is_not_bent_by_the_effect() {
        // y = 2 x, and 5 more in the treatment, whose covariate happens to lie higher.
        let treatment = arm(&[(9.0, 2.0), (11.0, 3.0), (13.0, 4.0)]);
        let control = arm(&[(2.0, 1.0), (4.0, 2.0), (6.0, 3.0)]);
        assert!((theta(&treatment, &control, Pooling::WithinArms).unwrap() - 2.0).abs() < 1e-12);
        assert!(theta(&treatment, &control, Pooling::AllUnits).unwrap() > 3.0);
        let adjusted = adjusted_pair(&treatment, &control, DifferenceType::Absolute, Pooling::WithinArms).unwrap();
        assert!((adjusted.pair.effect().unwrap().value - 5.0).abs() < 1e-12);
    }

    #[test]
    fn other_units_and_ratios_are_refused() {
        let good = arm(&[(9.0, 2.0), (11.0, 3.0)]);
        let mut other = good;
        other.pre.n = Some(3.0);
        assert_eq!(theta(&good, &other, Pooling::AllUnits).unwrap_err().code(), "statistic_error");
        let share = Covaried { post: Statistic::share_of(2.0, 1.0).unwrap(), ..good };
        assert_eq!(theta(&good, &share, Pooling::AllUnits).unwrap_err().code(), "statistic_error");
        assert_eq!(good.adjust(f64::NAN).unwrap_err().code(), "statistic_error");
    }
}
