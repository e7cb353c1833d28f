//! What exposed units came to.

use serde::{Deserialize, Serialize};

use crate::stats::Moments;
use crate::stats::adjust::MultiMoments;

/// What the variants came to, and the units that were left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitCells {
    /// One cell per known variant, in the flag's order (M-3).
    pub variants: Vec<UnitCell>,
    /// The same per combination of properties of the first exposure; empty without breakdowns (M-60).
    pub breakdowns: Vec<BreakdownCells>,
    /// The units that were exposed to several variants, and what they could change (M-13).
    pub several_variants: SeveralVariantsCells,
    /// Units left out because their window has not passed (M-15).
    pub immature_units: u64,
}

/// What a variant came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitCell {
    /// The variant's key.
    pub variant: String,
    /// The moments of the values; of the second value too, where the metric has one.
    pub moments: Moments,
    /// For each step after the exposure, the units that reached it (M-30); empty unless the metric is a funnel.
    pub units_by_step: Vec<u64>,
    /// The quantile of the values, if the metric is one.
    pub quantile: Option<QuantileCell>,
    /// The moments of the value, of a ratio the denominator, and several covariates, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covaried: Option<MultiMoments>,
}

/// A quantile of values, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantileCell {
    /// The quantile, linear between neighbours.
    pub value: f64,
    /// Its standard error, from the spread of the order statistics around it; units are independent, events of one unit
    /// are not.
    pub standard_error: f64,
    /// The number of values.
    pub values: u64,
}

/// The cells of units whose first exposure had the same properties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakdownCells {
    /// The values of the properties; null where the exposure lacks one.
    pub values: Vec<Option<String>>,
    /// One cell per known variant.
    pub variants: Vec<UnitCell>,
}

/// What units exposed to several variants could change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeveralVariantsCells {
    /// How many there are.
    pub units: u64,
    /// What the variants would come to if they were treated the other way: as their first variant where they are left out,
    /// left out where they count as their first.
    pub otherwise: Vec<UnitCell>,
    /// Per variant, the least and the greatest mean that leaving out or taking in any of the units that saw it can give.
    pub mean_bounds: Vec<Option<[f64; 2]>>,
}
