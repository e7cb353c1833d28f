//! One arm of an adjustment: a linearised outcome beside its covariates.

use super::pivoted_cholesky::dot;
use super::{MultiMoments, Outcome};
use crate::error::{Error, Result};

/// A standard deviation of this part of the mean is what rounding leaves of a value that never varies.
const ROUNDING_OF_MEAN: f64 = 1e-14;
/// This part of what cancels is what rounding leaves of a linearised outcome that never varies.
const ROUNDING_OF_RATIO: f64 = 1e-13;

/// The outcome of one arm and its covariates, by their moments.
pub(super) struct Arm {
    pub(super) units: f64,
    /// The unadjusted mean or ratio.
    value: f64,
    /// The second moment of the outcome; of a ratio, linearised.
    second_moment: f64,
    pub(super) covariate_means: Vec<f64>,
    /// The co-moments of the covariates with the outcome.
    pub(super) with_outcome: Vec<f64>,
    /// The co-moments of the covariates with each other.
    pub(super) covariates: Vec<Vec<f64>>,
}

impl Arm {
    pub(super) fn new(moments: &MultiMoments, outcome: Outcome) -> Result<Self> {
        if moments.count() < 2 {
            let message = format!("each arm needs at least 2 units, got {}", moments.count());
            return Err(Error::invalid_field("count", "too_few", message));
        }
        let start = outcome.width();
        let (Some(mean), true) = (moments.mean(0), moments.width() >= start) else {
            let message = format!("an outcome of {start} values per unit is missing, got {}", moments.width());
            return Err(Error::invalid_field("rows", "invalid_shape", message));
        };
        let unadjusted = Self {
            units: moments.units(),
            value: mean,
            second_moment: second_moment(moments, 0),
            covariate_means: moments.means().skip(start).collect(),
            with_outcome: moments.co_moments_from(start, 0),
            covariates: (start..moments.width()).map(|value| moments.co_moments_from(start, value)).collect(),
        };
        match outcome {
            Outcome::Mean => Ok(unadjusted),
            Outcome::Ratio => unadjusted.linearised(moments),
        }
    }

    /// The delta method: the ratio R varies like the mean of y = (n - R d) / mean(d).
    fn linearised(self, moments: &MultiMoments) -> Result<Self> {
        let below = moments.mean(1).unwrap_or_default();
        if below == 0.0 {
            return Err(Error::invalid_field("outcome", "out_of_range", "a ratio divides by a sum of 0"));
        }
        let ratio = self.value / below;
        let co_moment = moments.co_moment(0, 1).unwrap_or_default();
        let both = [self.second_moment, co_moment, second_moment(moments, 1)];
        let divisors = moments.co_moments_from(2, 1);
        let with_outcome = self.with_outcome.iter().zip(&divisors).map(|(n, d)| (n - ratio * d) / below).collect();
        let second_moment = linearised_second_moment(both, ratio) / below / below;
        Ok(Self { value: ratio, second_moment, with_outcome, ..self })
    }

    /// The indices of the covariates.
    pub(super) fn indices(&self) -> std::ops::Range<usize> {
        0..self.covariate_means.len()
    }

    /// Whether a covariate varies in this arm by more than rounding makes it.
    pub(super) fn varies(&self, index: usize) -> bool {
        varies(self.covariates[index][index], self.units, self.covariate_means[index])
    }

    /// The variance of the unadjusted value.
    pub(super) fn variance_of_mean(&self) -> f64 {
        self.second_moment / (self.units - 1.0) / self.units
    }

    /// The value that units with the covariates `center` would have.
    pub(super) fn adjusted_value(&self, slopes: &[f64], center: &[f64]) -> f64 {
        let places = self.covariate_means.iter().zip(center);
        self.value - slopes.iter().zip(places).map(|(slope, (mean, center))| slope * (mean - center)).sum::<f64>()
    }

    /// The second moment of a linear combination of the covariates.
    pub(super) fn explained(&self, slopes: &[f64]) -> f64 {
        without_rounding(slopes.iter().zip(&self.covariates).map(|(slope, row)| slope * dot(row, slopes)).sum(), 0.0)
    }

    /// The second moment of the outcome less a linear combination of the covariates.
    pub(super) fn residual(&self, slopes: &[f64]) -> f64 {
        without_rounding(self.second_moment - 2.0 * dot(&self.with_outcome, slopes) + self.explained(slopes), 0.0)
    }
}

/// Whether values of such a second moment vary by more than the rounding of their mean makes them.
pub(crate) fn varies(second_moment: f64, units: f64, mean: f64) -> bool {
    second_moment.sqrt() > ROUNDING_OF_MEAN * mean.abs() * units.sqrt()
}

/// The second moment of n - `ratio` d, from those of n, of both and of d; 0 where only rounding is left.
pub(crate) fn linearised_second_moment([own, both, other]: [f64; 3], ratio: f64) -> f64 {
    let (cross, below) = (2.0 * ratio * both, ratio * ratio * other);
    without_rounding(own - cross + below, ROUNDING_OF_RATIO * own.max(below))
}

/// A second moment, 0 where it is not above what rounding leaves; what is no finite number stays so, to be refused
/// later.
fn without_rounding(second_moment: f64, rounding: f64) -> f64 {
    if second_moment.is_finite() && second_moment <= rounding { 0.0 } else { second_moment }
}

/// The second moment of a value, 0 where only rounding is left.
fn second_moment(moments: &MultiMoments, index: usize) -> f64 {
    let second_moment = moments.co_moment(index, index).unwrap_or_default();
    let varies = varies(second_moment, moments.units(), moments.mean(index).unwrap_or_default());
    if varies { second_moment } else { 0.0 }
}
