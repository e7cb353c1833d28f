//! Mixture tests that may be looked at as often as one likes: of a normal effect, of a share, and of two shares.
//!
//! Each is a likelihood ratio averaged over a prior of the alternative, which under the null is a martingale that starts at 1: it exceeds
//! `1 / alpha` with a probability of at most `alpha`, however often one looks (Ville 1939). Sources: Robbins 1970; Johari, Pekelis and
//! Walsh 2015 ("Always valid inference", the mSPRT); Kaufmann and Koolen 2021 for the mixture of a share; reference statistics,
//! section 13.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bell::{excess_over_log, stirling_error};
use super::dist::ln_gamma;
use super::modern::check_rate;
use super::proportion::Share;
use crate::error::{Error, Result};

/// What the mixture sequential probability ratio test says at one look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MixtureTest {
    /// The natural logarithm of the averaged likelihood ratio: the e-value.
    pub log_likelihood_ratio: f64,
    /// The p-value of this look; the smallest so far holds at any time.
    pub p_value: f64,
    /// The interval of the effect that holds at any time.
    pub confidence_interval: [f64; 2],
}

/// The mixture test of an effect that is normal with a known variance, averaged over effects that are normal around 0.
///
/// ```
/// use abduck::stats::mixture::normal_mixture;
///
/// let test = normal_mixture(0.02, 0.0001, 0.0004, 0.05)?;
/// assert!((test.p_value - 0.451_454_338_656_559_04).abs() < 1e-12);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for an effect that is not finite or variances that are not positive, `statistic_error` for an alpha that is not
/// strictly between 0 and 1.
pub fn normal_mixture(effect: f64, variance: f64, mixing_variance: f64, alpha: f64) -> Result<MixtureTest> {
    check_rate("alpha", alpha)?;
    // Squares and ratios of what is worlds apart are no finite numbers.
    let ratios = [
        effect * effect / variance,
        variance / mixing_variance,
        mixing_variance / variance,
        variance + mixing_variance,
    ];
    let is_possible = variance > 0.0 && mixing_variance > 0.0 && ratios.iter().all(|ratio| ratio.is_finite());
    if !is_possible {
        let message =
            format!("an effect must be finite and variances positive, got {effect}, {variance}, {mixing_variance}");
        return Err(Error::invalid_field("variance", "out_of_range", message));
    }
    let both = variance + mixing_variance;
    let ln_growth = (mixing_variance / variance).ln_1p();
    let log_likelihood_ratio = 0.5 * (effect * effect / variance * (mixing_variance / both) - ln_growth);
    let half_width = (variance * (both / mixing_variance) * (ln_growth - 2.0 * alpha.ln())).sqrt();
    Ok(MixtureTest {
        log_likelihood_ratio,
        p_value: (-log_likelihood_ratio).min(0.0).exp(),
        confidence_interval: [effect - half_width, effect + half_width],
    })
}

/// An interval of a share that holds at any time, exact for units that do something or do not: all shares whose mixture likelihood
/// ratio, over a uniform prior, is below `1 / alpha`.
///
/// ```
/// use abduck::stats::mixture::share_interval;
/// use abduck::stats::proportion::Share;
///
/// let [lower, upper] = share_interval(Share { successes: 0.0, trials: 0.0 }, 0.05)?;
/// assert_eq!((lower, upper), (0.0, 1.0));
/// let [lower, upper] = share_interval(Share { successes: 300.0, trials: 1000.0 }, 0.05)?;
/// assert!((lower - 0.250_337_952_562_727).abs() < 1e-12 && (upper - 0.353_015_199_181_847).abs() < 1e-12);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for an impossible share, `statistic_error` for an alpha that is not strictly between 0 and 1.
pub fn share_interval(share: Share, alpha: f64) -> Result<[f64; 2]> {
    check_rate("alpha", alpha)?;
    check(share)?;
    let (successes, failures) = (share.successes, share.trials - share.successes);
    if share.trials <= 0.0 {
        return Ok([0.0, 1.0]);
    }
    let counts = [successes, failures];
    let is_inside = |p: f64| ln_dirichlet_ratio(&counts, &[p, 1.0 - p], &UNIFORM) <= -alpha.ln();
    let middle = successes / share.trials;
    // A share of 0 is possible as long as there is no success, and one of 1 without a failure.
    let edge = |outer: f64, against: f64| {
        let (mut inside, mut outside) = (middle, outer);
        if against <= 0.0 {
            return outer;
        }
        for _ in 0..200 {
            let next = 0.5 * (inside + outside);
            if next == inside || next == outside {
                break;
            }
            if is_inside(next) { inside = next } else { outside = next }
        }
        inside
    };
    Ok([edge(0.0, successes), edge(1.0, failures)])
}

/// An interval of the difference of two shares that holds at any time: of the treatment's and the control's own intervals, each with
/// half the error rate. It is exact but cautious: wider than the asymptotic one where counts are large.
///
/// # Errors
/// As [`share_interval`].
pub fn difference_interval(treatment: Share, control: Share, alpha: f64) -> Result<[f64; 2]> {
    check_rate("alpha", alpha)?;
    let (of_treatment, of_control) = (share_interval(treatment, alpha / 2.0)?, share_interval(control, alpha / 2.0)?);
    Ok([of_treatment[0] - of_control[1], of_treatment[1] - of_control[0]])
}

/// The natural logarithm of an e-value against equal shares, valid at any time and exact: both arms' own mixtures against the largest
/// likelihood that one common share can reach. The true common share has at most that likelihood, so this never exceeds a martingale
/// that starts at 1.
///
/// ```
/// use abduck::stats::mixture::ln_e_value_of_equal_shares;
/// use abduck::stats::proportion::Share;
///
/// let (test, control) = (Share { successes: 60.0, trials: 100.0 }, Share { successes: 20.0, trials: 100.0 });
/// assert!(ln_e_value_of_equal_shares(test, control)? > (1.0_f64 / 0.001).ln());
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for impossible shares.
pub fn ln_e_value_of_equal_shares(treatment: Share, control: Share) -> Result<f64> {
    check(treatment)?;
    check(control)?;
    let trials = treatment.trials + control.trials;
    let (successes, failures) =
        (treatment.successes + control.successes, trials - treatment.successes - control.successes);
    // All did it, or nobody: the common likelihood is 1.
    if successes <= 0.0 || failures <= 0.0 {
        return Ok(-treatment.trials.ln_1p() - control.trials.ln_1p());
    }
    let common = [successes / trials, failures / trials];
    let own = |share: Share| ln_dirichlet_ratio(&[share.successes, share.trials - share.successes], &common, &UNIFORM);
    Ok(own(treatment) + own(control))
}

/// The natural logarithm of the likelihood of a sequence of categories, averaged over a Dirichlet prior, beside its likelihood under
/// fixed shares: as deviances and what Stirling's formula leaves out, so that no large numbers cancel.
pub(super) fn ln_dirichlet_ratio(counts: &[f64], shares: &[f64], priors: &[f64]) -> f64 {
    let (prior, units) = (priors.iter().sum::<f64>(), counts.iter().sum::<f64>());
    let total = prior + units;
    let stirling = |x: f64| stirling_error(x) - 0.5 * x.ln();
    let one = |((count, share), own): ((&f64, &f64), &f64)| {
        let x = own + count;
        let deviance = x * excess_over_log((total * share - x) / x);
        deviance + own * share.ln() + stirling(x) + LN_SQRT_TWO_PI - ln_gamma(*own)
    };
    let categories: f64 = counts.iter().zip(shares).zip(priors).map(one).sum();
    categories + ln_gamma(prior) - stirling(total) - LN_SQRT_TWO_PI
}

/// The Dirichlet prior of two categories that is uniform.
const UNIFORM: [f64; 2] = [1.0, 1.0];
/// `ln sqrt(2 pi)`.
const LN_SQRT_TWO_PI: f64 = 0.918_938_533_204_672_8;

fn check(share: Share) -> Result<()> {
    let is_possible =
        share.trials >= 0.0 && share.trials.is_finite() && (0.0..=share.trials).contains(&share.successes);
    if is_possible {
        return Ok(());
    }
    let message = format!("a share needs no more successes than trials, got {} of {}", share.successes, share.trials);
    Err(Error::invalid_field("successes", "out_of_range", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(successes: f64, trials: f64) -> Share {
        Share { successes, trials }
    }

    /// Counts, shares, priors, logarithm of the ratio.
    type Golden = ([f64; 2], [f64; 2], [f64; 2], f64);

    const GOLDEN: [Golden; 5] = [
        ([0.0, 0.0], [0.5, 0.5], [1.0, 1.0], 0.0),
        ([3.0, 0.0], [0.25, 0.75], [1.0, 1.0], 2.772_588_722_239_781),
        ([30.0, 50.0], [0.5, 0.5], [50.0, 50.0], 0.824_638_711_792_369_7),
        ([500_000_000.0, 500_100_000.0], [0.5, 0.5], [50.0, 50.0], -3.062_098_267_637_815_2),
        (
            [300_000_000.0, 700_000_000.0],
            [0.300_024_414_062_5, 0.699_975_585_937_5],
            [1.0, 1.0],
            -8.803_904_044_318_902,
        ),
    ];

    /// The exact probability, by enumeration, that the true share is ever outside within so many looks.
    fn probability_to_miss(truth: f64, looks: u32, alpha: f64) -> f64 {
        // The probability of each number of successes among paths that never missed.
        let mut paths = vec![1.0];
        let mut missed = 0.0;
        for look in 1..=looks {
            let mut next = vec![0.0; paths.len() + 1];
            for (successes, mass) in paths.iter().enumerate() {
                next[successes] += mass * (1.0 - truth);
                next[successes + 1] += mass * truth;
            }
            for (successes, mass) in next.iter_mut().enumerate() {
                let [lower, upper] =
                    share_interval(share(f64::from(u32::try_from(successes).unwrap()), f64::from(look)), alpha)
                        .unwrap();
                if !(lower..=upper).contains(&truth) {
                    missed += *mass;
                    *mass = 0.0;
                }
            }
            paths = next;
        }
        missed
    }

    #[test]
    fn looking_after_every_unit_misses_the_truth_no_more_often_than_promised() {
        for truth in [0.03, 0.2, 0.5, 0.9] {
            let missed = probability_to_miss(truth, 300, 0.1);
            assert!(missed <= 0.1 && missed > 0.005, "{truth}: {missed}");
        }
    }

    #[test]
    fn equal_shares_are_rejected_no_more_often_than_promised() {
        // Both arms grow by one unit per look; every pair of paths, by its counts.
        let (truth, looks) = (0.3, 40_u32);
        let bar = 20.0_f64.ln();
        let mut paths = vec![vec![1.0]];
        let mut rejected = 0.0;
        for look in 1..=looks {
            let size = paths.len() + 1;
            let mut next = vec![vec![0.0; size]; size];
            for (a, row) in paths.iter().enumerate() {
                for (b, mass) in row.iter().enumerate() {
                    for (da, pa) in [(0, 1.0 - truth), (1, truth)] {
                        for (db, pb) in [(0, 1.0 - truth), (1, truth)] {
                            next[a + da][b + db] += mass * pa * pb;
                        }
                    }
                }
            }
            for (a, row) in next.iter_mut().enumerate() {
                for (b, mass) in row.iter_mut().enumerate() {
                    let of = |successes: usize| share(f64::from(u32::try_from(successes).unwrap()), f64::from(look));
                    if ln_e_value_of_equal_shares(of(a), of(b)).unwrap() >= bar {
                        rejected += *mass;
                        *mass = 0.0;
                    }
                }
            }
            paths = next;
        }
        assert!(rejected <= 0.05, "{rejected}");
    }

    #[test]
    fn the_ratio_has_its_digits_for_few_units_and_for_a_billion() {
        // mpmath 1.4, 40 digits: loggamma of a Dirichlet mixture.
        for (counts, shares, priors, expected) in GOLDEN {
            let ratio = ln_dirichlet_ratio(&counts, &shares, &priors);
            assert!((ratio - expected).abs() < 1e-12 * expected.abs().max(1.0), "{counts:?}: {ratio} {expected}");
        }
    }

    #[test]
    fn an_effect_at_the_edge_has_the_p_value_of_the_interval() {
        let [_, half_width] = normal_mixture(0.0, 0.16, 1.0, 0.01).unwrap().confidence_interval;
        let at_edge = normal_mixture(half_width, 0.16, 1.0, 0.01).unwrap();
        assert!((at_edge.p_value - 0.01).abs() < 1e-14 && at_edge.confidence_interval[0].abs() < 1e-12);
        assert_eq!(normal_mixture(0.0, 0.0, 1.0, 0.05).unwrap_err().code(), "out_of_range");
        assert_eq!(normal_mixture(1e200, 1e-5, 1.0, 0.05).unwrap_err().code(), "out_of_range");
        assert_eq!(share_interval(share(2.0, 1.0), 0.05).unwrap_err().code(), "out_of_range");
    }

    #[test]
    fn the_interval_of_a_difference_contains_it_and_narrows() {
        let wide = difference_interval(share(30.0, 100.0), share(20.0, 100.0), 0.05).unwrap();
        let narrow = difference_interval(share(3e6, 1e7), share(2e6, 1e7), 0.05).unwrap();
        assert!(wide[0] < 0.0 && wide[1] > 0.1);
        assert!(narrow[0] > 0.098 && narrow[1] < 0.102);
    }
}
