//! Log-normal posteriors of a positive value (reference statistics, sections 12.1 and 13).

use super::Bounded;
use super::believed::{BellPosterior, compare_bells, losses_of_exponentials};
use super::dist::normal_quantile;
use super::standing::Standing;
use crate::error::{Error, Result};

/// A positive value whose logarithm is normal.
///
/// ```
/// use abduck::stats::lognormal::{LogNormal, compare};
///
/// let arms = [LogNormal::new(4.6, 0.035)?, LogNormal::new(4.66, 0.034)?];
/// let compared = compare(&arms)?;
/// assert!((compared.value[1].probability_best - 0.890_580_617_873_319_8).abs() < 1e-10);
/// assert!((compared.value[1].expected_loss - 0.264_498_922_769_201_4).abs() < 1e-10);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    log_mean: f64,
    log_sd: f64,
}

/// The exponential of anything larger is no number.
const LARGEST_LOGARITHM: f64 = 700.0;

impl LogNormal {
    /// From the mean and the standard deviation of the logarithm.
    ///
    /// # Errors
    /// `out_of_range` unless both are finite, the deviation positive, and the mean of the value a finite number.
    pub fn new(log_mean: f64, log_sd: f64) -> Result<Self> {
        BellPosterior::normal(log_mean, log_sd)?;
        if log_mean + log_sd * log_sd < LARGEST_LOGARITHM {
            return Ok(Self { log_mean, log_sd });
        }
        let message =
            format!("the mean of a log-normal with log_mean {log_mean} and log_sd {log_sd} is no finite number");
        Err(Error::invalid_field("log_mean", "out_of_range", message))
    }

    /// The mean of the logarithm.
    pub(super) fn log_mean(&self) -> f64 {
        self.log_mean
    }

    /// The standard deviation of the logarithm.
    pub(super) fn log_sd(&self) -> f64 {
        self.log_sd
    }

    /// The reciprocal of the value.
    pub(super) fn inverse(&self) -> Self {
        Self { log_mean: -self.log_mean, ..*self }
    }

    /// The mean of the value.
    #[must_use]
    pub fn mean(&self) -> f64 {
        (self.log_mean + 0.5 * self.log_sd * self.log_sd).exp()
    }

    /// The value below which the share `probability` lies; not a number unless `probability` is in [0, 1].
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        (self.log_mean + self.log_sd * normal_quantile(probability)).exp()
    }
}

/// Where each of several independent posteriors stands among them; losses are in the unit of the value, and the bound holds for
/// the probabilities and relative to the largest loss.
///
/// # Errors
/// `too_few` for less than two posteriors.
pub fn compare(posteriors: &[LogNormal]) -> Result<Bounded<Vec<Standing>>> {
    let bell = |posterior: &LogNormal| BellPosterior::normal(posterior.log_mean, posterior.log_sd);
    let bells = posteriors.iter().map(bell).collect::<Result<Vec<_>>>()?;
    let (standings, losses) = (compare_bells(&bells)?, losses_of_exponentials(&bells)?);
    let standing = |(standing, expected_loss): (Standing, f64)| Standing { expected_loss, ..standing };
    Ok(Bounded {
        value: standings.value.into_iter().zip(losses.value).map(standing).collect(),
        error_bound: standings.error_bound.max(losses.error_bound),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::dist::normal_cdf;

    /// Section 12.1: `E max(0, B - A)` of two log-normals.
    fn closed_form([a, b]: [LogNormal; 2]) -> f64 {
        let v = f64::hypot(a.log_sd, b.log_sd);
        let h = ((b.mean() / a.mean()).ln() + 0.5 * v * v) / v;
        b.mean() * normal_cdf(h) - a.mean() * normal_cdf(h - v)
    }

    #[test]
    fn two_arms_agree_with_the_closed_form() {
        for (apart, wide, narrow) in [(0.1, 0.9, 0.6), (0.0, 2.5, 2.5), (0.02, 0.001, 0.002), (-1.0, 3.0, 0.1)] {
            let arms = [LogNormal::new(1.0, wide).unwrap(), LogNormal::new(1.0 + apart, narrow).unwrap()];
            let compared = compare(&arms).unwrap();
            for (index, pair) in [[arms[0], arms[1]], [arms[1], arms[0]]].into_iter().enumerate() {
                let (loss, exact) = (compared.value[index].expected_loss, closed_form(pair));
                let means = pair[0].mean() + pair[1].mean();
                assert!((loss - exact).abs() < 1e-11 * means, "{apart} {wide} {narrow}: {loss} and {exact}");
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!(LogNormal::new(f64::NAN, 1.0).unwrap_err().code(), "out_of_range");
        assert_eq!(LogNormal::new(1.0, 0.0).unwrap_err().code(), "out_of_range");
        assert_eq!(LogNormal::new(650.0, 10.0).unwrap_err().code(), "out_of_range");
        assert_eq!(compare(&[LogNormal::new(1.0, 1.0).unwrap()]).unwrap_err().code(), "too_few");
    }
}
