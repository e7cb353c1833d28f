//! Conjugate priors: what is known before the data, and what it becomes with them (reference statistics, section 13).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::believed::BellPosterior;
use crate::error::{Error, Result};

/// A normal-inverse-gamma distribution of a mean and a variance, as a prior or as a posterior.
///
/// ```
/// use abduck::stats::conjugate::NormalInverseGamma;
///
/// let prior = NormalInverseGamma { mu: 0.0, kappa: 1.0, alpha: 1.0, beta: 1.0 };
/// let posterior = prior.updated(100.0, 105.0, 2500.0)?;
/// assert_eq!((posterior.kappa, posterior.alpha), (101.0, 51.0));
/// assert!((posterior.mean()?.quantile(0.5) - 103.960_396_039_603_96).abs() < 1e-12);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NormalInverseGamma {
    /// The expected mean.
    pub mu: f64,
    /// How many units the knowledge of the mean is worth.
    pub kappa: f64,
    /// Half of how many units the knowledge of the variance is worth.
    pub alpha: f64,
    /// Half the sum of squares those units would have.
    pub beta: f64,
}

impl NormalInverseGamma {
    /// What is known after a sample with a mean and a variance (divided by n - 1).
    ///
    /// # Errors
    /// `out_of_range` for a prior whose kappa, alpha or beta is not positive, less than 1 unit, or a negative variance.
    pub fn updated(&self, count: f64, mean: f64, variance: f64) -> Result<Self> {
        let is_proper =
            self.mu.is_finite() && [self.kappa, self.alpha, self.beta].iter().all(|x| *x > 0.0 && x.is_finite());
        if !is_proper {
            let message = format!("a normal-inverse-gamma prior needs positive kappa, alpha and beta, got {self:?}");
            return Err(Error::invalid_field("prior", "out_of_range", message));
        }
        let is_sample =
            count >= 1.0 && count.is_finite() && mean.is_finite() && variance >= 0.0 && variance.is_finite();
        if !is_sample {
            let message = format!(
                "a sample needs at least 1 unit and a finite mean and variance, got {count}, {mean}, {variance}"
            );
            return Err(Error::invalid_field("n", "out_of_range", message));
        }
        let kappa = self.kappa + count;
        let apart = mean - self.mu;
        let squares = (count - 1.0) * variance + self.kappa * count * apart * apart / kappa;
        Ok(Self {
            mu: self.mu + count * apart / kappa,
            kappa,
            alpha: self.alpha + count / 2.0,
            beta: self.beta + squares / 2.0,
        })
    }

    /// The distribution of the mean, whatever the variance: Student's t with `2 alpha` degrees of freedom.
    ///
    /// # Errors
    /// `out_of_range` for an alpha of at most 0.5, where the mean of the mean does not exist.
    pub fn mean(&self) -> Result<BellPosterior> {
        BellPosterior::student(self.mu, (self.beta / (self.kappa * self.alpha)).sqrt(), 2.0 * self.alpha)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIOR: NormalInverseGamma = NormalInverseGamma { mu: 1.0, kappa: 2.0, alpha: 3.0, beta: 2.0 };

    #[test]
    fn two_samples_one_after_the_other_say_what_both_together_say() {
        // Values 1, 2, 6 and 3, 5: together n = 5, mean 3.4, variance 17.2 / 4.
        let one_by_one = PRIOR.updated(3.0, 3.0, 7.0).unwrap().updated(2.0, 4.0, 2.0).unwrap();
        let together = PRIOR.updated(5.0, 3.4, 4.3).unwrap();
        for (a, b) in [
            (one_by_one.mu, together.mu),
            (one_by_one.kappa, together.kappa),
            (one_by_one.alpha, together.alpha),
            (one_by_one.beta, together.beta),
        ] {
            assert!((a - b).abs() < 1e-13, "{a} {b}");
        }
    }

    #[test]
    fn impossible_priors_and_samples_are_refused() {
        let improper = NormalInverseGamma { kappa: 0.0, ..PRIOR };
        assert_eq!(improper.updated(3.0, 3.0, 7.0).unwrap_err().code(), "out_of_range");
        assert_eq!(PRIOR.updated(0.0, 3.0, 7.0).unwrap_err().code(), "out_of_range");
        assert_eq!(PRIOR.updated(3.0, 3.0, -7.0).unwrap_err().code(), "out_of_range");
        assert_eq!(PRIOR.updated(3.0, f64::INFINITY, 7.0).unwrap_err().code(), "out_of_range");
    }
}
