//! One arm, stratum by stratum.

use crate::error::{Error, Result};
use crate::stats::adjust::{Outcome, linearised_second_moment, varies};
use crate::stats::inference::Estimate;
use crate::stats::moments::Moments;

/// The values of an arm in its strata, and how sure they are.
pub(super) struct Arm {
    pub(super) units: f64,
    /// The weighted mean, or the ratio of both weighted means.
    value: f64,
    /// The mean in each stratum; of a ratio, linearised.
    pub(super) stratum_values: Vec<f64>,
    /// What each stratum adds to the variance of the value, and its degrees of freedom.
    components: Vec<Component>,
}

struct Component {
    variance: f64,
    degrees_of_freedom: f64,
}

impl Arm {
    /// Of strata with at least 2 units each, and their weights, which sum to 1.
    pub(super) fn new(strata: &[Moments], weights: &[f64], outcome: Outcome) -> Result<Self> {
        let weighted =
            |of: fn(&Moments) -> f64| strata.iter().zip(weights).map(|(a, weight)| weight * of(a)).sum::<f64>();
        let own = weighted(Moments::mean);
        let (value, ratio, below) = match outcome {
            Outcome::Mean => (own, 0.0, 1.0),
            Outcome::Ratio => {
                let below = weighted(Moments::other_mean);
                (own / below, own / below, below)
            }
        };
        if below == 0.0 {
            return Err(Error::invalid_field("outcome", "out_of_range", "a ratio divides by a sum of 0"));
        }
        let component = |(moments, weight): (&Moments, &f64)| {
            let (units, second_moment) = (moments.count_as_number(), linearised(moments, ratio) / below / below);
            let degrees_of_freedom = units - 1.0;
            Component { variance: weight * weight * (second_moment / degrees_of_freedom / units), degrees_of_freedom }
        };
        Ok(Self {
            units: strata.iter().map(Moments::count_as_number).sum(),
            value,
            stratum_values: strata.iter().map(|a| (a.mean() - ratio * a.other_mean()) / below).collect(),
            components: strata.iter().zip(weights).map(component).collect(),
        })
    }

    /// The variance of the value with the sizes of the strata given.
    pub(super) fn within_variance(&self) -> f64 {
        self.components.iter().map(|component| component.variance).sum()
    }

    /// The value with this variance between strata besides.
    pub(super) fn estimate(&self, between: f64) -> Estimate {
        let variance = self.within_variance() + between;
        Estimate { count: self.units, value: self.value, unit_variance: variance * self.units }
    }

    /// The degrees of freedom of a sum of variances (Satterthwaite 1946); shares of it, so that tiny ones do not
    /// underflow.
    pub(super) fn degrees_of_freedom(&self, between: f64) -> f64 {
        let (variance, most) = (self.within_variance() + between, self.units - 1.0);
        if variance <= 0.0 {
            return most;
        }
        let part = |variance_of_part: f64, degrees_of_freedom: f64| {
            let share = variance_of_part / variance;
            share * share / degrees_of_freedom
        };
        let within = self.components.iter().map(|component| part(component.variance, component.degrees_of_freedom));
        (1.0 / (within.sum::<f64>() + part(between, most))).clamp(1.0, most)
    }
}

/// The second moment of what is compared, 0 where only rounding is left.
fn linearised(moments: &Moments, ratio: f64) -> f64 {
    let units = moments.count_as_number();
    let clean = |second_moment: f64, mean: f64| if varies(second_moment, units, mean) { second_moment } else { 0.0 };
    let own = clean(moments.second_moment, moments.mean());
    if ratio == 0.0 {
        return own;
    }
    let other = clean(moments.other.second_moment, moments.other_mean());
    linearised_second_moment([own, moments.other.co_moment, other], ratio)
}
