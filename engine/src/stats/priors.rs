//! Priors learned from the arms of past experiments (empirical Bayes).
//!
//! Sources: B. Efron, "Large-scale inference" (2010), chapter 1, for the idea; the shares' prior is that of the largest marginal
//! likelihood (beta-binomial), so is that of event rates (gamma-Poisson), the means' prior matches moments.

use serde::Serialize;

use super::comparison::dispersion;
use super::dist::ln_gamma;
use super::number::from_count;
use super::proportion::Share;
use crate::error::{Error, Result};
use crate::model::prior::Prior;
use crate::stats::inference::Estimate;

/// A prior, and what it was learned from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LearnedPrior {
    /// The prior.
    pub prior: Prior,
    /// The number of past arms.
    pub arms: usize,
    /// Whether the arms differ no more than chance: then the prior is as sure as all their units together, and no surer.
    pub is_limited: bool,
}

/// The fewest arms that say anything about how arms differ.
const ARMS_MIN: usize = 3;
/// Steps of a golden-section search: the last interval is 1e-15 of the first.
const STEPS: u32 = 72;
/// The golden section.
const GOLDEN: f64 = 0.618_033_988_749_894_8;

/// The Beta prior under which the shares of past arms were the most probable.
///
/// ```
/// use abduck::model::prior::Prior;
/// use abduck::stats::priors::learn_share;
/// use abduck::stats::proportion::Share;
///
/// let arms = [(20.0, 200.0), (35.0, 210.0), (12.0, 190.0), (28.0, 205.0)];
/// let learned = learn_share(&arms.map(|(successes, trials)| Share { successes, trials }))?;
/// let Prior::Share { alpha, beta } = learned.prior else { panic!("not a share") };
/// assert!((alpha / (alpha + beta) - 0.117_6).abs() < 1e-3);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `too_few` for less than three arms, or none with both outcomes; `out_of_range` for impossible counts.
pub fn learn_share(arms: &[Share]) -> Result<LearnedPrior> {
    check_arms(arms.len())?;
    arms.iter().try_for_each(Share::check)?;
    let (successes, trials) =
        arms.iter().fold((0.0, 0.0), |sum: (f64, f64), arm| (sum.0 + arm.successes, sum.1 + arm.trials));
    if successes <= 0.0 || successes >= trials {
        return Err(too_few("all past units had the same outcome"));
    }
    let mean = (successes / trials).ln() - (1.0 - successes / trials).ln();
    // For each precision, the mean that suits best; of these the best precision. Both on scales without ends.
    let best_mean = |ln_precision: f64| largest(mean - 5.0, mean + 5.0, |logit| ln_marginal(arms, logit, ln_precision));
    let (least, most) = (1e-2_f64.ln(), trials.ln());
    let (ln_precision, _) = largest(least, most, |ln_precision| best_mean(ln_precision).1);
    let (logit, _) = best_mean(ln_precision);
    let (precision, share) = (ln_precision.exp(), 1.0 / (1.0 + (-logit).exp()));
    Ok(LearnedPrior {
        prior: Prior::Share { alpha: precision * share, beta: precision * (1.0 - share) },
        arms: arms.len(),
        is_limited: most - ln_precision < 1e-6,
    })
}

/// The logarithm of the probability of the arms' outcomes, up to a constant.
fn ln_marginal(arms: &[Share], logit: f64, ln_precision: f64) -> f64 {
    let precision = ln_precision.exp();
    let share = 1.0 / (1.0 + (-logit).exp());
    let (alpha, beta) = (precision * share, precision * (1.0 - share));
    let ln_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let of = |arm: &Share| ln_beta(alpha + arm.successes, beta + arm.trials - arm.successes) - ln_beta(alpha, beta);
    arms.iter().map(of).sum()
}

/// Where a function with one summit is largest between two bounds, and how large (golden section; Kiefer 1953).
fn largest(mut low: f64, mut high: f64, of: impl Fn(f64) -> f64) -> (f64, f64) {
    let inner = |low: f64, high: f64| (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut a, mut b) = inner(low, high);
    let (mut at_a, mut at_b) = (of(a), of(b));
    for _ in 0..STEPS {
        if at_a < at_b {
            (low, a, at_a) = (a, b, at_b);
            b = inner(low, high).1;
            at_b = of(b);
        } else {
            (high, b, at_b) = (b, a, at_a);
            a = inner(low, high).0;
            at_a = of(a);
        }
    }
    if at_a < at_b { (b, at_b) } else { (a, at_a) }
}

/// The Gamma prior under which the event counts of past arms were the most probable. Counts and units are divided by the arms'
/// dispersion first, as they are when the prior is used.
///
/// ```
/// use abduck::model::prior::Prior;
/// use abduck::stats::inference::Estimate;
/// use abduck::stats::priors::learn_rate;
///
/// let arms = [2.0, 2.6, 1.5].map(|value| Estimate { count: 200.0, value, unit_variance: value });
/// let Prior::Rate { shape, rate } = learn_rate(&arms)?.prior else { panic!("not a rate") };
/// assert!((shape / rate - 2.03).abs() < 0.01);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `too_few` for less than three arms, or none with any event; `out_of_range` for impossible estimates.
pub fn learn_rate(arms: &[Estimate]) -> Result<LearnedPrior> {
    check_arms(arms.len())?;
    arms.iter().try_for_each(Estimate::check)?;
    let dispersion = dispersion(arms);
    let counted: Vec<(f64, f64)> =
        arms.iter().map(|arm| (arm.value * arm.count / dispersion, arm.count / dispersion)).collect();
    let (events, units) = counted.iter().fold((0.0, 0.0), |sum, arm| (sum.0 + arm.0, sum.1 + arm.1));
    if events <= 0.0 {
        return Err(too_few("no past unit had an event"));
    }
    let mean = (events / units).ln();
    // For each number of units that the prior is worth, the rate that suits best; of these the best number.
    let best_mean =
        |ln_worth: f64| largest(mean - 5.0, mean + 5.0, |ln_rate| ln_marginal_of_counts(&counted, ln_rate, ln_worth));
    let (least, most) = ((1e-6 * units).ln(), units.ln());
    let (ln_worth, _) = largest(least, most, |ln_worth| best_mean(ln_worth).1);
    let (ln_rate, _) = best_mean(ln_worth);
    let prior = Prior::Rate { shape: (ln_rate + ln_worth).exp(), rate: ln_worth.exp() };
    Ok(LearnedPrior { prior, arms: arms.len(), is_limited: most - ln_worth < 1e-6 })
}

/// The logarithm of the probability of the arms' counts, up to a constant: negative binomial.
fn ln_marginal_of_counts(arms: &[(f64, f64)], ln_rate: f64, ln_worth: f64) -> f64 {
    let worth = ln_worth.exp();
    let shape = (ln_rate + ln_worth).exp();
    let of = |(events, units): &(f64, f64)| {
        ln_gamma(shape + events) - ln_gamma(shape) + shape * ln_worth - (shape + events) * (worth + units).ln()
    };
    arms.iter().map(of).sum()
}

/// The normal-inverse-gamma prior that has the moments of past arms' means and variances.
///
/// The prior mean is the mean of the means; its worth in units is the mean variance over how much the means differ beyond chance; the
/// variance's prior has the mean and the spread of the variances.
///
/// # Errors
/// `too_few` for less than three arms, or when none varies; `out_of_range` for impossible estimates.
pub fn learn_mean(arms: &[Estimate]) -> Result<LearnedPrior> {
    check_arms(arms.len())?;
    arms.iter().try_for_each(Estimate::check)?;
    let count = from_count(arms.len() as u64);
    let mean = |of: &dyn Fn(&Estimate) -> f64| arms.iter().map(of).sum::<f64>() / count;
    let variance = mean(&|arm| arm.unit_variance);
    if variance <= 0.0 {
        return Err(too_few("no past arm varied"));
    }
    let mu = mean(&|arm| arm.value);
    let spread = |of: &dyn Fn(&Estimate) -> f64, around: f64| {
        arms.iter().map(|arm| (of(arm) - around) * (of(arm) - around)).sum::<f64>() / (count - 1.0)
    };
    let by_chance = mean(&|arm| arm.unit_variance / arm.count);
    let between = spread(&|arm| arm.value, mu) - by_chance;
    let units: f64 = arms.iter().map(|arm| arm.count).sum();
    let is_limited = between * units <= variance;
    let kappa = if is_limited { units } else { variance / between };
    // An inverse gamma with mean m and variance v has the shape 2 + m^2 / v.
    let differ = spread(&|arm| arm.unit_variance, variance);
    let shape = if differ > 0.0 { (2.0 + variance * variance / differ).min(0.5 * units) } else { 0.5 * units };
    let alpha = shape.max(2.0);
    Ok(LearnedPrior {
        prior: Prior::Mean { mu, kappa, alpha, beta: variance * (alpha - 1.0) },
        arms: arms.len(),
        is_limited,
    })
}

fn check_arms(arms: usize) -> Result<()> {
    if arms >= ARMS_MIN {
        return Ok(());
    }
    Err(too_few(&format!("a prior is learned from at least {ARMS_MIN} past arms, there are {arms}")))
}

fn too_few(message: &str) -> Error {
    Error::invalid_field("arms", "too_few", message).hint("wait for more experiments, or give the prior yourself")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(arms: &[(f64, f64)]) -> Vec<Share> {
        arms.iter().map(|(successes, trials)| Share { successes: *successes, trials: *trials }).collect()
    }

    #[test]
    fn the_likelihood_is_largest_at_the_learned_prior() {
        let arms = shares(&[(20.0, 200.0), (35.0, 210.0), (12.0, 190.0), (28.0, 205.0)]);
        let Prior::Share { alpha, beta } = learn_share(&arms).unwrap().prior else { panic!("not a share") };
        assert!(
            (alpha - 11.229_776_504_129_415).abs() < 1e-4 * 11.229_776_504_129_415
                && (beta - 84.730_958_230_465_89).abs() < 1e-4 * 84.730_958_230_465_89,
            "{alpha} {beta}"
        );
        let arms = shares(&[(0.0, 50.0), (5.0, 10.0), (9.0, 1000.0), (700.0, 900.0), (1.0, 3.0)]);
        let Prior::Share { alpha, beta } = learn_share(&arms).unwrap().prior else { panic!("not a share") };
        assert!(
            (alpha - 0.331_304_564_879_275_23).abs() < 1e-4 * 0.331_304_564_879_275_23
                && (beta - 0.865_659_268_750_273).abs() < 1e-4 * 0.865_659_268_750_273,
            "{alpha} {beta}"
        );
    }

    #[test]
    fn arms_that_differ_by_chance_only_give_a_prior_as_sure_as_they_are() {
        let learned = learn_share(&shares(&[(10.0, 100.0), (100.0, 1000.0), (50.0, 500.0)])).unwrap();
        assert!(learned.is_limited && learned.arms == 3);
        let Prior::Share { alpha, beta } = learned.prior else { panic!("not a share") };
        assert!((alpha + beta - 1600.0).abs() < 1.0, "{alpha} {beta}");
        // mpmath 1.4: not 0.1 but near it, because the surest prior that is allowed still is a prior.
        assert!((alpha / (alpha + beta) - 0.100_249_754_684_342_2).abs() < 1e-6, "{alpha} {beta}");
        let same = Estimate { count: 100.0, value: 3.0, unit_variance: 4.0 };
        let learned = learn_mean(&[same, same, same]).unwrap();
        assert!(learned.is_limited);
        assert_eq!(learned.prior, Prior::Mean { mu: 3.0, kappa: 300.0, alpha: 150.0, beta: 596.0 });
    }

    #[test]
    fn the_prior_of_a_mean_has_the_moments_of_the_arms() {
        let arm = |count: f64, value: f64, unit_variance: f64| Estimate { count, value, unit_variance };
        let learned = learn_mean(&[arm(1e4, 8.0, 90.0), arm(1e4, 10.0, 100.0), arm(1e4, 12.0, 110.0)]).unwrap();
        let Prior::Mean { mu, kappa, alpha, beta } = learned.prior else { panic!("not a mean") };
        // Means spread by 4 - 0.01, variances by 100 around 100.
        assert!((mu - 10.0).abs() < 1e-12 && (kappa - 100.0 / 3.99).abs() < 1e-9);
        assert!((alpha - 102.0).abs() < 1e-9 && (beta - 10_100.0).abs() < 1e-6);
        assert!(!learned.is_limited);
    }

    #[test]
    fn the_likelihood_of_counts_is_largest_at_the_learned_prior() {
        let arm = |count: f64, value: f64, unit_variance: f64| Estimate { count, value, unit_variance };
        for (arms, shape, rate) in [
            ([arm(200.0, 2.0, 2.0), arm(200.0, 2.6, 2.6), arm(200.0, 1.5, 1.5)], RATE_GOLDEN[0].0, RATE_GOLDEN[0].1),
            // Twice as large a variance: as if there were half as many events and units.
            ([arm(200.0, 2.0, 4.0), arm(200.0, 2.6, 5.2), arm(200.0, 1.5, 3.0)], RATE_GOLDEN[1].0, RATE_GOLDEN[1].1),
        ] {
            let Prior::Rate { shape: got, rate: worth } = learn_rate(&arms).unwrap().prior else { panic!("no rate") };
            assert!((got / shape - 1.0).abs() < 1e-4 && (worth / rate - 1.0).abs() < 1e-4, "{got} {worth}");
        }
        let same = arm(100.0, 3.0, 3.0);
        assert!(learn_rate(&[same; 3]).unwrap().is_limited);
        assert_eq!(learn_rate(&[arm(100.0, 0.0, 0.0); 3]).unwrap_err().code(), "too_few");
    }

    /// mpmath 1.3, 30 digits: the largest negative binomial likelihood, by its derivatives.
    const RATE_GOLDEN: [(f64, f64); 2] =
        [(21.254_938_134_293_684, 10.453_248_263_295_95), (22.438_513_749_969_92, 11.035_334_630_788_52)];

    #[test]
    fn what_teaches_nothing_is_refused() {
        assert_eq!(learn_share(&shares(&[(1.0, 2.0), (1.0, 2.0)])).unwrap_err().code(), "too_few");
        assert_eq!(learn_share(&shares(&[(0.0, 2.0); 3])).unwrap_err().code(), "too_few");
        assert_eq!(learn_share(&shares(&[(3.0, 2.0); 3])).unwrap_err().code(), "out_of_range");
        let constant = Estimate { count: 9.0, value: 1.0, unit_variance: 0.0 };
        assert_eq!(learn_mean(&[constant; 3]).unwrap_err().code(), "too_few");
    }
}
