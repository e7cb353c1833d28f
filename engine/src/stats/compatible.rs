//! The answer of a compatible method about two variants of a modern metric, beside the engine's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::{Arm, Nature};
use super::modern::cuped::{Covariate, Covaried, Pooling, adjusted_pair};
use super::modern::effect::{DifferenceType, Pair};
use super::modern::gaussian::{self, GaussianTest, Prior};
use super::modern::sequential::{self, Layout, SequentialTest};
use super::modern::welch::{self, WelchTest};
use super::modern::{MeanSums, RatioPart, RatioSums, ShareSums, Statistic};
use super::moments::Moments;
use crate::error::Result;
use crate::model::stats_config::Method;
use crate::plan::Statistics;

/// What the method named in `stats_config.method` says (reference statistics, section 10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum CompatibleAnswer {
    /// Welch's test.
    Frequentist(WelchTest),
    /// A confidence sequence.
    Sequential(SequentialTest),
    /// A Gaussian posterior.
    Bayesian(GaussianTest),
    /// The method does not answer; the reference shows nulls.
    Refused {
        /// Why.
        reason: String,
    },
}

/// The method's answer about a variant; `None` when the experiment names no method. With a covariate, it is taken out first.
pub(super) fn compatible_answer(
    nature: Nature,
    baseline: &Arm,
    variant: &Arm,
    statistics: &Statistics,
) -> Option<CompatibleAnswer> {
    let method = statistics.config.method?;
    let answer =
        pair(nature, baseline, variant, is_relative(method)).and_then(|pair| answer(&pair, method, statistics));
    Some(answer.unwrap_or_else(|error| CompatibleAnswer::Refused { reason: error.to_string() }))
}

fn answer(pair: &Pair, method: Method, statistics: &Statistics) -> Result<CompatibleAnswer> {
    let (alpha, tuning_units) = (statistics.config.alpha, statistics.config.tuning_units);
    match method {
        Method::Frequentist { .. } => welch::test(pair, alpha).map(CompatibleAnswer::Frequentist),
        Method::Sequential { .. } => {
            sequential::test(pair, Layout { alpha, tuning_units }).map(CompatibleAnswer::Sequential)
        }
        Method::Bayesian { ci_level, prior, .. } => {
            let prior = prior.map_or_else(Prior::default, |(mean, variance)| Prior { mean, variance, proper: true });
            let settings = gaussian::Settings { ci_level, inverse: statistics.lower_is_better, prior };
            gaussian::test(pair, settings).map(CompatibleAnswer::Bayesian)
        }
    }
}

fn is_relative(method: Method) -> bool {
    match method {
        Method::Frequentist { is_relative }
        | Method::Sequential { is_relative }
        | Method::Bayesian { is_relative, .. } => is_relative,
    }
}

fn pair(nature: Nature, baseline: &Arm, variant: &Arm, is_relative: bool) -> Result<Pair> {
    let difference = if is_relative { DifferenceType::Relative } else { DifferenceType::Absolute };
    let (control, treatment) = (statistic(nature, baseline)?, statistic(nature, variant)?);
    if !(baseline.has_covariate && variant.has_covariate) {
        return Pair::new(treatment, control, difference);
    }
    let covaried = |post, arm: &Arm| Covaried { post, pre: covariate(&arm.moments) };
    let (control, treatment) = (covaried(control, baseline), covaried(treatment, variant));
    Ok(adjusted_pair(&treatment, &control, difference, Pooling::AllUnits)?.pair)
}

fn statistic(nature: Nature, arm: &Arm) -> Result<Statistic> {
    let moments = &arm.moments;
    let n = moments.count_as_number();
    match nature {
        Nature::Share => Ok(Statistic::Proportion(ShareSums { n, sum: moments.sum })),
        Nature::Mean => Ok(Statistic::Mean(MeanSums { n, sum: moments.sum, sum_squares: moments.sum_squares() })),
        Nature::Ratio => {
            let part = |sum, sum_squares| RatioPart { n: None, sum, sum_squares: Some(sum_squares) };
            Ok(Statistic::Ratio(RatioSums {
                n,
                numerator: part(moments.sum, moments.sum_squares()),
                denominator: part(moments.other.sum, moments.other_sum_squares()),
                sum_of_products: moments.sum_product(),
            }))
        }
        Nature::Quantile => Err(super::modern::refused("metric", "the compatible methods know no quantiles")),
    }
}

fn covariate(moments: &Moments) -> Covariate {
    Covariate {
        n: None,
        sum: moments.other.sum,
        sum_squares: moments.other_sum_squares(),
        sum_of_cross_products: moments.sum_product(),
    }
}
