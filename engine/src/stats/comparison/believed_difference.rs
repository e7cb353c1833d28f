//! What is believed about a difference: the posterior of the difference and of the ratio of two posteriors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arm, Comparisons, Nature, bell, share};
use crate::error::{Error, Result};
use crate::plan::Statistics;
use crate::stats::contrast::{Contrast, Marginal};

/// What is believed about a variant's value beside the baseline's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BelievedDifference {
    /// The probability that the variant's value is the larger one, whichever is better.
    pub probability_of_being_larger: f64,
    /// The central 95 % interval of the difference, in the unit of the metric.
    pub credible_interval: [f64; 2],
    /// The central 95 % interval of the relative difference, as a share of the baseline's value; null where the baseline may not be
    /// positive.
    pub relative_credible_interval: Option<[f64; 2]>,
}

/// The probability of the intervals.
const MASS: f64 = 0.95;

/// Puts what is believed about the difference beside each comparison; the baseline's arm comes first.
///
/// # Errors
/// As [`Contrast::difference`]; `Bug` for a comparison without an arm.
pub fn believe_all(comparisons: &mut Comparisons, nature: Nature, arms: &[Arm], statistics: &Statistics) -> Result<()> {
    let marginal = |arm: &Arm| -> Result<Marginal> {
        Ok(match nature {
            Nature::Share => Marginal::Beta(share(arm, statistics.prior)?),
            Nature::Mean | Nature::Ratio | Nature::Quantile => {
                Marginal::Bell(bell(nature, arm.estimate, statistics.prior)?)
            }
        })
    };
    let Some(baseline) = arms.first() else { return Ok(()) };
    let control = marginal(baseline)?;
    for (variant, comparison) in &mut comparisons.against_baseline {
        let arm = arms.iter().find(|arm| arm.variant == *variant);
        let treatment = marginal(arm.ok_or_else(|| Error::bug("a comparison has an arm"))?)?;
        let difference = Contrast::difference(control, treatment)?;
        let relative = match Contrast::ratio(control, treatment) {
            Ok(ratio) => Some(ratio.credible_interval(MASS)?.value.map(|ratio| ratio - 1.0)),
            Err(error) if error.code() == "unsure_baseline" => None,
            Err(error) => return Err(error),
        };
        comparison.believed = Some(BelievedDifference {
            probability_of_being_larger: difference.probability_of_larger_treatment().value,
            credible_interval: difference.credible_interval(MASS)?.value,
            relative_credible_interval: relative,
        });
    }
    Ok(())
}
