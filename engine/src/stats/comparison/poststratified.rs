//! Differences slice by slice, weighted by the sizes of the slices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Comparisons, Nature, Saved};
use crate::error::Result;
use crate::plan::Statistics;
use crate::stats::adjust::Outcome;
use crate::stats::inference::Inference;
use crate::stats::modern::sequential::Layout;
use crate::stats::poststratify::{Stratum, Target, poststratify};
use crate::stats::{BreakdownCells, UnitCell};

/// A difference weighted by the sizes of the slices, as if both variants had the same share of each (Miratrix et al. 2013).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poststratified {
    /// The weighted difference, in the unit of the metric.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The share of the variance of the difference that the slices explain.
    pub variance_reduction: f64,
    /// The number of slices.
    pub strata: usize,
    /// How many slices were merged with others, because some variant had less than two units in them.
    pub merged: usize,
    /// The answer that holds however often one looks.
    pub anytime_valid: Inference,
    /// The answer for a single look.
    pub fixed_horizon: Inference,
    /// What that saves, in units and in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
}

/// Puts the post-stratified difference beside each comparison, where there are slices to compare within.
///
/// # Errors
/// As [`crate::stats::inference::anytime_valid`].
pub fn poststratify_all(
    comparisons: &mut Comparisons,
    nature: Nature,
    slices: &[BreakdownCells],
    baseline: &str,
    statistics: &Statistics,
) -> Result<()> {
    if slices.len() < 2 || nature == Nature::Quantile {
        return Ok(());
    }
    for (variant, comparison) in &mut comparisons.against_baseline {
        comparison.poststratified = poststratified(nature, slices, [baseline, variant], statistics)?;
    }
    Ok(())
}

/// `None` where the slices leave nothing to judge.
fn poststratified(
    nature: Nature,
    slices: &[BreakdownCells],
    [baseline, variant]: [&str; 2],
    statistics: &Statistics,
) -> Result<Option<Poststratified>> {
    let cell = |slice: &BreakdownCells, key: &str| {
        let cell: Option<&UnitCell> = slice.variants.iter().find(|cell| cell.variant == key);
        cell.map(|cell| cell.moments).unwrap_or_default()
    };
    let stratum = |slice: &BreakdownCells| Stratum {
        // No two slices have equal values; a missing one differs from any text.
        name: format!("{:?}", slice.values),
        control: cell(slice, baseline),
        treatment: cell(slice, variant),
    };
    let strata: Vec<Stratum> = slices.iter().map(stratum).collect();
    let outcome = if nature == Nature::Ratio { Outcome::Ratio } else { Outcome::Mean };
    let Ok(difference) = poststratify(&strata, outcome, Target::Population) else { return Ok(None) };
    let layout = Layout { alpha: statistics.config.alpha, tuning_units: statistics.config.tuning_units };
    Ok(Some(Poststratified {
        difference: difference.difference(),
        standard_error: difference.standard_error(),
        variance_reduction: difference.variance_reduction,
        strata: difference.strata,
        merged: difference.merged.len(),
        anytime_valid: difference.anytime_valid(layout)?,
        fixed_horizon: difference.fixed_horizon(layout.alpha)?,
        saved: None,
    }))
}
