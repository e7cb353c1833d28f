//! What is believed about a difference: the posterior of the difference and of the ratio of two posteriors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arm, Comparisons, Nature, bell, rate, share};
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

/// What is believed about a variant's difference to the baseline, with the curve of its density.
#[derive(Clone, Debug, PartialEq)]
pub struct BelievedCurve {
    /// The variant's key.
    pub variant: String,
    /// Its probability and intervals.
    pub believed: BelievedDifference,
    /// The density at values of the difference: value and density.
    pub density: Vec<(f64, f64)>,
}

/// Puts what is believed about the difference beside each comparison; the baseline's arm comes first.
///
/// # Errors
/// As [`Contrast::difference`]; `Bug` for a comparison without an arm.
pub fn believe_all(comparisons: &mut Comparisons, nature: Nature, arms: &[Arm], statistics: &Statistics) -> Result<()> {
    let marginals = marginals(nature, arms, statistics)?;
    let Some(control) = marginals.first() else { return Ok(()) };
    for (variant, comparison) in &mut comparisons.against_baseline {
        let treatment = arms.iter().zip(&marginals).find(|(arm, _)| arm.variant == *variant);
        let (_, treatment) = treatment.ok_or_else(|| Error::bug("a comparison has an arm"))?;
        comparison.believed = Some(believe(Contrast::difference(*control, *treatment)?)?);
    }
    Ok(())
}

/// What is believed about the difference of each arm to the first, which is the baseline, with its density at `points` values.
///
/// # Errors
/// As [`Contrast::difference`] and [`Contrast::curve`].
pub fn believed_curves(
    nature: Nature,
    arms: &[Arm],
    statistics: &Statistics,
    points: u32,
) -> Result<Vec<BelievedCurve>> {
    let marginals = marginals(nature, arms, statistics)?;
    let Some(control) = marginals.first() else { return Ok(Vec::new()) };
    let curve = |(arm, treatment): (&Arm, &Marginal)| {
        let difference = Contrast::difference(*control, *treatment)?;
        let density = difference.curve(points)?;
        Ok(BelievedCurve { variant: arm.variant.clone(), believed: believe(difference)?, density })
    };
    arms.iter().zip(&marginals).skip(1).map(curve).collect()
}

/// What is believed of each arm by itself: of rates what the metric's prior says they are, else what its nature says.
fn marginals(nature: Nature, arms: &[Arm], statistics: &Statistics) -> Result<Vec<Marginal>> {
    if let Some(rates) = rate::rates(arms, statistics)? {
        return Ok(rates.into_iter().map(Marginal::Gamma).collect());
    }
    let marginal = |arm: &Arm| -> Result<Marginal> {
        Ok(match nature {
            Nature::Share => Marginal::Beta(share(arm, statistics.prior)?),
            Nature::Mean | Nature::Ratio | Nature::Quantile => {
                Marginal::Bell(bell(nature, arm.estimate, statistics.prior)?)
            }
        })
    };
    arms.iter().map(marginal).collect()
}

fn believe(difference: Contrast) -> Result<BelievedDifference> {
    let probability_of_being_larger = difference.probability_of_larger_treatment().value;
    let credible_interval = difference.credible_interval(MASS)?.value;
    let relative_credible_interval = match difference.into_ratio() {
        Ok(ratio) => Some(ratio.credible_interval(MASS)?.value.map(|ratio| ratio - 1.0)),
        Err(error) if error.code() == "unsure_baseline" => None,
        Err(error) => return Err(error),
    };
    Ok(BelievedDifference { probability_of_being_larger, credible_interval, relative_credible_interval })
}
