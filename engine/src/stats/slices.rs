//! How variants compare among the units of each slice, as one family of comparisons.
//!
//! Whoever looks at many slices finds some difference in one of them. So the p-values are corrected over all slices and variants
//! (Holm 1979), and the intervals hold for all of them at once (Bonferroni); both are anytime-valid.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::Comparison;
use super::many::{Correction, adjust};
use super::number::from_count;
use crate::error::Result;
use crate::plan::Statistics;
use crate::stats::{BreakdownCells, Observations, UnitCell};

/// A variant against the baseline, among the units of one slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SliceComparison {
    /// The variant's value minus the baseline's, in the unit of the metric.
    pub difference: f64,
    /// The interval of the difference that holds at any look and for all slices at once.
    pub interval: [f64; 2],
    /// The same of the relative difference, as a share of the baseline's value; null where it is unbounded.
    pub relative_interval: Option<[f64; 2]>,
    /// The anytime-valid p-value of this slice alone.
    pub p_value: f64,
    /// The same, corrected over all slices and variants.
    pub adjusted_p_value: f64,
    /// Whether the corrected p-value is at most the error rate.
    pub significant: bool,
}

/// The comparisons within each slice, in the order of the slices; variants that lack something there are not in them.
///
/// # Errors
/// As `observe`, which observes the variants of one slice.
pub(super) fn compare_slices(
    slices: &[BreakdownCells],
    statistics: &Statistics,
    observe: impl Fn(&[UnitCell], &Statistics) -> Result<Observations>,
) -> Result<Vec<IndexMap<String, SliceComparison>>> {
    let within = |alpha: f64| -> Result<Vec<IndexMap<String, Comparison>>> {
        let mut statistics = statistics.clone();
        (statistics.config.alpha, statistics.config.method) = (alpha, None);
        let compared = |slice: &BreakdownCells| Ok(observe(&slice.variants, &statistics)?.comparisons.against_baseline);
        slices.iter().map(compared).collect()
    };
    let alpha = statistics.config.alpha;
    let family = within(alpha)?.iter().map(IndexMap::len).sum::<usize>();
    if family == 0 {
        return Ok(vec![IndexMap::new(); slices.len()]);
    }
    // The error rate also shapes the sequence itself, so that p-values and intervals of one rate go together.
    let compared = within(alpha / from_count(family as u64))?;
    let p_values: Vec<f64> =
        compared.iter().flatten().map(|(_, comparison)| comparison.anytime_valid.p_value).collect();
    let mut adjusted = adjust(&p_values, alpha, Correction::Holm)?.into_iter();
    let mut slice = |(variant, comparison): (String, Comparison)| {
        let adjusted = adjusted.next()?;
        let answer = comparison.anytime_valid;
        Some((
            variant,
            SliceComparison {
                difference: comparison.difference,
                interval: answer.interval,
                relative_interval: answer.relative_interval,
                p_value: answer.p_value,
                adjusted_p_value: adjusted.adjusted,
                significant: adjusted.rejected,
            },
        ))
    };
    Ok(compared.into_iter().map(|compared| compared.into_iter().filter_map(&mut slice).collect()).collect())
}
