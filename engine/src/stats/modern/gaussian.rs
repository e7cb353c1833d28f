//! The Bayesian answer: a Gaussian posterior of the effect (reference statistics, section 10.6).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::{DifferenceType, Effect, Pair};
use super::{Statistic, check_rate, check_variance, refused};
use crate::error::Result;
use crate::stats::dist::{normal_cdf, normal_pdf, normal_quantile, normal_sf};

/// What is known of the effect before the data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prior {
    /// The expected effect.
    pub mean: f64,
    /// How far it may be from that.
    pub variance: f64,
    /// Whether the prior is used at all; otherwise nothing is known before.
    pub proper: bool,
}

/// What the answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The probability of the credible interval, and the bar for `significant`.
    pub ci_level: f64,
    /// Whether lower values are better.
    pub inverse: bool,
    /// What is known before.
    pub prior: Prior,
}

/// A normal posterior of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Believed {
    /// Its mean.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
}

/// What the method says about an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianTest {
    /// The posterior mean of the effect, on the scale of the pair.
    pub effect_size: f64,
    /// The posterior variance.
    pub posterior_variance: f64,
    /// The central interval of the effect.
    pub credible_interval: [f64; 2],
    /// The probability that the treatment is better.
    pub chance_to_win: f64,
    /// What staying with the control costs on average, as an effect.
    pub risk_control: f64,
    /// What choosing the treatment costs on average, as an effect.
    pub risk_treatment: f64,
    /// Whether the chance to win is above the level or below its complement: a one-sided rule in both directions.
    pub significant: bool,
}

/// A sign whose probability is not above this is taken as impossible when risks are reported.
const IMPOSSIBLE: f64 = 1e-10;
/// Fewest successes, and fewest failures, of a proportion.
const MINIMUM_OF_BOTH: f64 = 5.0;
/// The largest sum, and the largest sum of squares, that are taken for real.
const LARGEST_SUM: f64 = 1e15;
const LARGEST_SUM_SQUARES: f64 = 1e30;
/// A rate this close to 0 or to 1 is taken as being there.
const SMALLEST_RATE: f64 = 1e-10;

impl Default for Prior {
    fn default() -> Self {
        Self { mean: 0.0, variance: 1.0, proper: false }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { ci_level: 0.95, inverse: false, prior: Prior::default() }
    }
}

impl Settings {
    /// Whether the settings are possible.
    ///
    /// # Errors
    /// `statistic_error` for a level that is not strictly between 0 and 1, a prior variance that is not positive, or a prior
    /// mean that is not finite.
    pub fn check(&self) -> Result<()> {
        check_rate("ci_level", self.ci_level)?;
        if !self.prior.mean.is_finite() {
            return Err(refused("prior", format!("the mean of a prior must be finite, got {}", self.prior.mean)));
        }
        if !(self.prior.variance > 0.0 && self.prior.variance.is_finite()) {
            let message = format!("the variance of a prior must be positive and finite, got {}", self.prior.variance);
            return Err(refused("prior", message));
        }
        Ok(())
    }
}

impl Believed {
    /// What is believed after an effect was seen: its precision is added to that of the prior.
    #[must_use]
    pub fn after(effect: Effect, prior: Prior) -> Self {
        if !prior.proper {
            return Self { mean: effect.value, variance: effect.variance };
        }
        let weight = prior.variance / (prior.variance + effect.variance);
        Self { mean: prior.mean + weight * (effect.value - prior.mean), variance: weight * effect.variance }
    }

    /// The probability that the effect is positive, or negative if lower is better.
    #[must_use]
    pub fn chance_to_win(&self, inverse: bool) -> f64 {
        let z = self.mean / self.variance.sqrt();
        if inverse { normal_sf(z) } else { normal_cdf(z) }
    }

    /// The central interval of a probability.
    #[must_use]
    pub fn interval(&self, probability: f64) -> [f64; 2] {
        let half_width = -normal_quantile((1.0 - probability) / 2.0) * self.variance.sqrt();
        [self.mean - half_width, self.mean + half_width]
    }

    /// What the two choices cost on average: `[E max(effect, 0), E max(-effect, 0)]`, of staying and of changing.
    #[must_use]
    pub fn losses(&self) -> [f64; 2] {
        let deviation = self.variance.sqrt();
        let z = self.mean / deviation;
        let above = |z: f64| (normal_pdf(z) - z * normal_sf(z)).max(0.0);
        [deviation * above(-z), deviation * above(z)]
    }

    /// As [`Believed::losses`], but 0 where the sign is next to impossible, as the reference has it.
    #[must_use]
    pub fn risks(&self) -> [f64; 2] {
        let [control, treatment] = self.losses();
        let (positive, negative) = (self.chance_to_win(false), self.chance_to_win(true));
        [if positive > IMPOSSIBLE { control } else { 0.0 }, if negative > IMPOSSIBLE { treatment } else { 0.0 }]
    }
}

/// The Gaussian answer about a pair.
///
/// ```
/// use abduck::stats::modern::effect::{DifferenceType, Pair};
/// use abduck::stats::modern::{Statistic, gaussian};
///
/// let (test, control) = (Statistic::share_of(1000.0, 130.0)?, Statistic::share_of(1000.0, 100.0)?);
/// let pair = Pair::new(test, control, DifferenceType::Relative)?;
/// let answer = gaussian::test(&pair, gaussian::Settings::default())?;
/// assert!(answer.chance_to_win > 0.95 && answer.significant);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `statistic_error` for what section 10.6 refuses: proportions with fewer than 5 successes or failures, a control mean that is
/// not positive of a relative difference, sums beyond 1e15, an effect that does not vary, and impossible settings.
pub fn test(pair: &Pair, settings: Settings) -> Result<GaussianTest> {
    settings.check()?;
    check_statistic(&pair.treatment)?;
    check_statistic(&pair.control)?;
    if pair.difference == DifferenceType::Relative && pair.denominator <= 0.0 {
        let message = format!("a relative difference needs a positive mean of the control, got {}", pair.denominator);
        return Err(refused("control", message).hint("compare absolute differences"));
    }
    let effect = pair.effect()?;
    check_variance(effect.variance)?;
    let believed = Believed::after(effect, settings.prior);
    let chance_to_win = believed.chance_to_win(settings.inverse);
    let [risk_control, risk_treatment] = believed.risks();
    Ok(GaussianTest {
        effect_size: believed.mean,
        posterior_variance: believed.variance,
        credible_interval: believed.interval(settings.ci_level),
        chance_to_win,
        risk_control,
        risk_treatment,
        significant: chance_to_win > settings.ci_level || chance_to_win < 1.0 - settings.ci_level,
    })
}

fn check_statistic(statistic: &Statistic) -> Result<()> {
    if let Statistic::Proportion(sums) = statistic {
        let rate = statistic.mean();
        if sums.sum.min(sums.n - sums.sum) < MINIMUM_OF_BOTH || rate.min(1.0 - rate) < SMALLEST_RATE {
            let message = format!(
                "a normal approximation needs at least 5 successes and 5 failures, got {} and {}",
                sums.sum,
                sums.n - sums.sum
            );
            return Err(refused("sum", message).hint("the exact posterior of a rate needs none of this"));
        }
    }
    let squares = match statistic {
        Statistic::Mean(sums) => sums.sum_squares,
        Statistic::Ratio(sums) => sums.numerator.sum_squares.unwrap_or(sums.numerator.sum),
        Statistic::Proportion(sums) => sums.sum,
    };
    if statistic.sum().abs() > LARGEST_SUM || squares > LARGEST_SUM_SQUARES {
        return Err(refused("sum", format!("a sum of {} is beyond what a metric can come to", statistic.sum())));
    }
    let (mean, variance) = (statistic.mean(), statistic.variance());
    if mean.is_finite() && variance >= 0.0 && variance.is_finite() {
        return Ok(());
    }
    Err(refused("sum", format!("a mean of {mean} with a variance of {variance} cannot be compared")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prior_pulls_towards_its_mean_with_its_precision() {
        // Normal-normal conjugacy: precision 1 / 0.01 + 1 / 0.03, mean (0.05 / 0.01 + 0.2 / 0.03) / that.
        let prior = Prior { mean: 0.05, variance: 0.01, proper: true };
        let believed = Believed::after(Effect { value: 0.2, variance: 0.03 }, prior);
        assert!((believed.variance - 0.0075).abs() < 1e-16 && (believed.mean - 0.0875).abs() < 1e-16);
    }

    #[test]
    fn both_losses_differ_by_the_effect_and_keep_their_digits_in_the_tail() {
        for (mean, variance) in [(0.3, 2.0), (-1.0, 0.5), (0.0, 1.0)] {
            let [stay, change] = Believed { mean, variance }.losses();
            assert!((stay - change - mean).abs() < 1e-14);
        }
        // mpmath 1.4: E max(-X, 0) for X ~ N(10, 1) is phi(10) - 10 Q(10).
        let [_, change] = Believed { mean: 10.0, variance: 1.0 }.losses();
        assert!((change / 7.474_560_254_589_328e-25 - 1.0).abs() < 1e-9, "{change:e}");
    }

    #[test]
    fn lower_is_better_turns_the_chance_around() {
        let believed = Believed { mean: 0.4, variance: 0.09 };
        assert!((believed.chance_to_win(false) + believed.chance_to_win(true) - 1.0).abs() < 1e-15);
        assert!(believed.chance_to_win(true) < 0.1);
    }
}
