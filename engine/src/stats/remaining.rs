//! How many units, and how many days, are missing until a comparison shows an effect.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::Comparison;
use super::modern::sequential::Layout;
use super::number::from_count;
use super::power::Means;
use crate::error::Result;

/// What is asked: which effect is to be seen, and how surely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// The relative effect.
    pub lift: f64,
    /// The probability to see it.
    pub power: f64,
    /// The error rate, and where looking at any time is tightest.
    pub layout: Layout,
    /// Units first exposed per day.
    pub exposed_per_day: f64,
    /// All units now, of which the compared variants are a part.
    pub exposed: f64,
}

/// What the comparison of a variant with the baseline needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemainingVariant {
    /// The variant.
    pub variant: String,
    /// Units of the baseline and of the variant now.
    pub units_now: [u64; 2],
    /// The share of the variance that the covariate takes out; 0 without one.
    pub variance_reduction: f64,
    /// The relative effect that would be seen now, by a single look.
    pub detectable_lift_now: f64,
    /// Units of both that are needed for a single look.
    pub units_single_look: f64,
    /// Units of both that are needed when one looks as often as one likes.
    pub units_any_time: f64,
    /// Days until there are enough for a single look; null when nobody comes.
    pub days_single_look: Option<f64>,
    /// Days until there are enough for any number of looks.
    pub days_any_time: Option<f64>,
}

/// What a comparison needs to show an effect.
///
/// The variance per unit is that behind the standard error so far, alike in both variants.
///
/// # Errors
/// `out_of_range` for an effect of 0, `statistic_error` for a power that is not strictly between 0 and 1.
pub fn needs(
    variant: &str,
    comparison: &Comparison,
    units_now: [u64; 2],
    baseline_value: f64,
    wanted: Wanted,
) -> Result<RemainingVariant> {
    let [control, treatment] = units_now.map(from_count);
    let adjusted = comparison.adjusted.as_ref();
    let standard_error = adjusted.map_or(comparison.standard_error, |adjusted| adjusted.standard_error);
    let design = Means {
        standard_deviation: standard_error / (1.0 / control + 1.0 / treatment).sqrt(),
        ratio: treatment / control,
        alpha: wanted.layout.alpha,
    };
    let difference = wanted.lift * baseline_value;
    let both = |control: f64| control * (1.0 + design.ratio);
    let units_single_look = both(design.units(difference, wanted.power)?).ceil();
    let units_any_time = both(design.units_anytime(difference, wanted.power, wanted.layout)?).ceil();
    // The two variants get their share of those who come.
    let per_day = wanted.exposed_per_day * (control + treatment) / wanted.exposed;
    let days = |needed: f64| {
        let missing = (needed - control - treatment).max(0.0);
        (missing <= 0.0 || per_day > 0.0).then(|| if missing <= 0.0 { 0.0 } else { missing / per_day })
    };
    Ok(RemainingVariant {
        variant: variant.to_owned(),
        units_now,
        variance_reduction: adjusted.map_or(0.0, |adjusted| adjusted.variance_reduction),
        detectable_lift_now: design.detectable_difference(control, wanted.power)? / baseline_value.abs(),
        units_single_look,
        units_any_time,
        days_single_look: days(units_single_look),
        days_any_time: days(units_any_time),
    })
}
