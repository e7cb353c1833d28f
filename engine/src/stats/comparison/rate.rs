//! What is believed of event rates: Gamma, from counts of events per unit.
//!
//! Counts of real units vary more than a Poisson distribution has it, some act often and others never. So events and units are both
//! divided by how many times larger the variance is than the mean (quasi-likelihood; Wedderburn 1974; `McCullagh`
//! and Nelder 1989, section 9.2): the rate stays, and the posterior is as sure as the counts are.

use super::{Arm, Belief};
use crate::error::Result;
use crate::model::prior::Prior;
use crate::plan::Statistics;
use crate::stats::bayes::{self, Posterior};
use crate::stats::dist::Gamma;
use crate::stats::inference::Estimate;

/// How many times larger the variance of counts is than their mean, pooled within the arms; 1 at least.
///
/// ```
/// use abduck::stats::comparison::dispersion;
/// use abduck::stats::inference::Estimate;
///
/// let arm = |value: f64, unit_variance: f64| Estimate { count: 101.0, value, unit_variance };
/// assert_eq!(dispersion(&[arm(2.0, 5.0), arm(3.0, 5.0)]), 2.0);
/// assert_eq!(dispersion(&[arm(2.0, 1.0)]), 1.0);
/// ```
#[must_use]
pub fn dispersion(arms: &[Estimate]) -> f64 {
    let pooled = |of: fn(&Estimate) -> f64| arms.iter().map(|arm| (arm.count - 1.0) * of(arm)).sum::<f64>();
    let (variance, mean) = (pooled(|arm| arm.unit_variance), pooled(|arm| arm.value));
    if mean > 0.0 { (variance / mean).max(1.0) } else { 1.0 }
}

/// The posteriors of the arms' rates, where the metric's prior is one of rates.
pub(super) fn rates(arms: &[Arm], statistics: &Statistics) -> Result<Option<Vec<Gamma>>> {
    let Some(Prior::Rate { shape, rate }) = statistics.prior else { return Ok(None) };
    let dispersion = dispersion(&arms.iter().map(|arm| arm.estimate).collect::<Vec<_>>());
    let posterior = |arm: &Arm| {
        let units = arm.estimate.count / dispersion;
        Gamma::new(shape + units * arm.estimate.value, rate + units)
    };
    arms.iter().map(posterior).collect::<Result<Vec<_>>>().map(Some)
}

/// What is believed of the arms, by the posteriors of their rates; more is better.
pub(super) fn beliefs(rates: &[Gamma]) -> Result<Vec<Belief>> {
    let posteriors: Vec<Posterior> = rates.iter().map(|rate| Posterior::Gamma(*rate)).collect();
    let standings = bayes::standings(&posteriors)?.value;
    let belief = |(own, standing): (&Posterior, crate::stats::Standing)| Belief {
        probability_best: standing.probability_best,
        expected_loss: standing.expected_loss,
        credible_interval: [own.quantile(0.025), own.quantile(0.975)],
    };
    Ok(posteriors.iter().zip(standings).map(belief).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::comparison::{Nature, believe_all, compare};

    fn arm(variant: &str, count: f64, value: f64, unit_variance: f64) -> Arm {
        let estimate = Estimate { count, value, unit_variance };
        let (moments, variant) = (crate::stats::Moments::default(), variant.into());
        Arm { variant, estimate, moments, has_covariate: false, covaried: None }
    }

    fn with_prior(shape: f64, rate: f64) -> Statistics {
        Statistics { prior: Some(Prior::Rate { shape, rate }), ..Statistics::default() }
    }

    #[test]
    fn counts_like_poisson_have_the_conjugate_posterior() {
        let arms = [arm("control", 100.0, 2.0, 2.0), arm("test", 100.0, 2.4, 2.4)];
        let statistics = with_prior(20.0, 10.0);
        let mut compared = compare(Nature::Mean, &arms, &statistics).unwrap();
        let posteriors = [Posterior::gamma(220.0, 110.0).unwrap(), Posterior::gamma(260.0, 110.0).unwrap()];
        let beats = bayes::probability_beats(&posteriors[1], &posteriors[0]).unwrap().value;
        let belief = compared.beliefs["test"];
        // The closed form of two Gamma posteriors: one incomplete beta function.
        assert!((belief.probability_best - beats).abs() < 1e-10, "{belief:?}");
        assert!((belief.credible_interval[0] - posteriors[1].quantile(0.025)).abs() < 1e-12);
        believe_all(&mut compared, Nature::Mean, &arms, &statistics).unwrap();
        let believed = compared.against_baseline["test"].believed.unwrap();
        assert!((believed.probability_of_being_larger - beats).abs() < 1e-9, "{believed:?}");
        assert!(believed.relative_credible_interval.is_some());
    }

    #[test]
    fn counts_that_vary_four_times_as_much_are_worth_a_quarter_of_the_units() {
        let arms = [arm("control", 400.0, 2.0, 8.0), arm("test", 400.0, 2.4, 9.6)];
        let rates = rates(&arms, &with_prior(20.0, 10.0)).unwrap().unwrap();
        for (rate, expected) in rates.iter().zip([220.0, 260.0]) {
            let expected = Gamma::new(expected, 110.0).unwrap();
            assert!((rate.quantile(0.1) - expected.quantile(0.1)).abs() < 1e-12);
        }
        // As sure as the standard errors are, when the prior says nothing: 0.1414 and 0.1549.
        let flat = super::rates(&arms, &with_prior(1e-6, 1e-6)).unwrap().unwrap();
        assert!((flat[0].sd() - 0.02_f64.sqrt()).abs() < 1e-6 && (flat[1].sd() - 0.024_f64.sqrt()).abs() < 1e-6);
    }
}
