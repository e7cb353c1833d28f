//! What taking out variance saves, in units and in days.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Comparisons;
use crate::stats::UnitCell;
use crate::stats::number::from_count;

/// What taking out variance has saved so far. A variance goes down as units go up, so a share of it that is gone is worth as large a
/// share of the units, and, at the pace at which they came, of the days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Units of the variant and the baseline that could have been spared: without them, the difference would be as sure as the
    /// plain one with all of them.
    pub units: f64,
    /// The days in which so many came, at the average pace so far; null of tables, which have no days.
    pub days: Option<f64>,
}

/// Puts beside each difference with variance taken out what that saves; `days` is how long units have come so far.
pub fn save_all(comparisons: &mut Comparisons, cells: &[UnitCell], baseline: &str, days: Option<f64>) {
    let units = |variant: &str| cells.iter().find(|cell| cell.variant == variant).map_or(0, |cell| cell.moments.count);
    for (variant, comparison) in &mut comparisons.against_baseline {
        let both = from_count(units(baseline) + units(variant));
        let saved = |variance_reduction: f64| {
            let share = variance_reduction.max(0.0);
            Saved { units: share * both, days: days.map(|days| share * days) }
        };
        if let Some(adjusted) = &mut comparison.adjusted {
            adjusted.saved = Some(saved(adjusted.variance_reduction));
        }
        if let Some(stratified) = &mut comparison.poststratified {
            stratified.saved = Some(saved(stratified.variance_reduction));
        }
    }
}
