//! What modern metrics show: the observed values, what is too little to judge (M-66), and how the rest compares.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::table_metric::TableValue;
use crate::plan::{Statistics, UnitMeasure, UnitValue};
use crate::stats::comparison::{self, Arm, BelievedCurve, Comparisons, Nature};
use crate::stats::inference::Estimate;
use crate::stats::number::from_count;
use crate::stats::slices::compare_slices;
use crate::stats::{SliceComparison, TableMetricCells, UnitCell, UnitCells};

/// The observed values of a modern metric, and how its variants compare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observations {
    /// Each variant's observed value: the mean, the ratio of the sums, or the quantile; only where there is one.
    pub value: IndexMap<String, f64>,
    /// How much larger a variant's value is than the baseline's, as a share of the baseline's; only where that is not zero.
    pub relative_lift: IndexMap<String, f64>,
    /// What each variant lacks to be judged; only variants that lack something.
    pub shortfalls: IndexMap<String, Vec<Shortfall>>,
    /// How the variants that lack nothing compare; empty when the baseline lacks something.
    #[serde(default)]
    pub comparisons: Comparisons,
    /// How they compare within each slice, in the order of the slices. A result tells it with the slices, and has none here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<IndexMap<String, SliceComparison>>,
}

/// What a variant lacks to be judged (M-66).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shortfall {
    /// Fewer than 50 units.
    NotEnoughExposures,
    /// Fewer than 5 units of a funnel or a retention reached the end.
    NotEnoughMetricData,
    /// The baseline's sum is 0.
    BaselineMeanIsZero,
    /// All units have the same value, or there is no second unit.
    NoVariation,
}

impl Shortfall {
    /// What a variant has too little of, in words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::NotEnoughExposures => "fewer than 50 units",
            Self::NotEnoughMetricData => "fewer than 5 conversions",
            Self::BaselineMeanIsZero => "a mean of zero",
            Self::NoVariation => "the same value for all units",
        }
    }
}

/// The fewest units that a variant is judged by (M-66).
const UNITS_MIN: u64 = 50;

/// The smallest sum of a funnel or a retention that is judged (M-66).
const SUM_MIN: f64 = 5.0;

impl UnitCell {
    /// The observed value of a metric: the mean, the ratio of the sums, or the quantile. `None` where there is none.
    #[must_use]
    pub fn value(&self, measure: &UnitMeasure) -> Option<f64> {
        match measure.value {
            UnitValue::Quantile { .. } => self.quantile.map(|quantile| quantile.value),
            UnitValue::Ratio => self.ratio(),
            _ => self.mean(),
        }
    }

    fn ratio(&self) -> Option<f64> {
        (self.moments.other.sum != 0.0).then(|| self.moments.sum / self.moments.other.sum)
    }

    fn mean(&self) -> Option<f64> {
        (self.moments.count > 0).then(|| self.moments.mean())
    }
}

/// The observed values of a modern metric, the baseline first, and how they compare.
///
/// # Errors
/// As [`comparison::compare`].
pub fn observe(measure: &UnitMeasure, variants: &[UnitCell], statistics: &Statistics) -> Result<Observations> {
    observations(&seen(measure, variants, statistics), nature(measure), statistics)
}

/// As [`observe`], with what takes longer: the posteriors of differences, and, where the metric is broken down, the slices as a
/// family and as strata.
///
/// # Errors
/// As [`comparison::compare`].
pub fn observe_fully(measure: &UnitMeasure, cells: &UnitCells, statistics: &Statistics) -> Result<Observations> {
    let (seen, nature) = (seen(measure, &cells.variants, statistics), nature(measure));
    let mut observations = observations(&seen, nature, statistics)?;
    let (comparisons, slices) = (&mut observations.comparisons, &cells.breakdowns);
    comparison::poststratify_all(comparisons, nature, slices, &statistics.config.baseline, statistics)?;
    let arms = arms(&seen);
    comparison::believe_all(comparisons, nature, &arms, statistics)?;
    comparison::judge_sequentially(comparisons, nature, &arms, units(&cells.variants), statistics)?;
    let within = |variants: &[UnitCell], statistics: &Statistics| observe(measure, variants, statistics);
    observations.slices = compare_slices(slices, statistics, within)?;
    Ok(observations)
}

/// What is believed about each variant's difference to the baseline, with the curve of its density at `points` values; of variants
/// that lack nothing.
///
/// # Errors
/// As [`comparison::believed_curves`].
pub fn observed_curves(
    measure: &UnitMeasure,
    variants: &[UnitCell],
    statistics: &Statistics,
    points: u32,
) -> Result<Vec<BelievedCurve>> {
    comparison::believed_curves(nature(measure), &arms(&seen(measure, variants, statistics)), statistics, points)
}

/// The units of all variants together.
fn units(cells: &[UnitCell]) -> f64 {
    from_count(cells.iter().map(|cell| cell.moments.count).sum())
}

/// The variants as they were observed, the baseline first.
fn seen(measure: &UnitMeasure, variants: &[UnitCell], statistics: &Statistics) -> Vec<Seen> {
    let baseline = &statistics.config.baseline;
    let mut ordered: Vec<&UnitCell> = variants.iter().collect();
    ordered.sort_by_key(|cell| cell.variant != *baseline);
    let has_covariate = measure.covariate_microseconds.is_some();
    let nature = nature(measure);
    let seen = ordered
        .iter()
        .map(|cell| Seen::new(nature, has_covariate, cell, cell.value(measure), shortfalls(measure, cell, baseline)));
    seen.collect()
}

/// The observed values of a metric of a table, and how they compare; the first cell is the baseline's.
///
/// # Errors
/// As [`comparison::compare`].
pub fn observe_table(
    value: &TableValue,
    cells: &[UnitCell],
    has_covariate: bool,
    statistics: &Statistics,
) -> Result<Observations> {
    observations(&seen_in_table(value, cells, has_covariate), nature_of_table(value), statistics)
}

/// As [`observe_table`], with what takes longer, as [`observe_fully`].
///
/// # Errors
/// As [`comparison::compare`].
pub fn observe_table_fully(
    value: &TableValue,
    cells: &TableMetricCells,
    has_covariate: bool,
    statistics: &Statistics,
) -> Result<Observations> {
    let (seen, nature) = (seen_in_table(value, &cells.variants, has_covariate), nature_of_table(value));
    let mut observations = observations(&seen, nature, statistics)?;
    let baseline = cells.variants.first().map_or("", |cell| cell.variant.as_str());
    let comparisons = &mut observations.comparisons;
    comparison::poststratify_all(comparisons, nature, &cells.breakdowns, baseline, statistics)?;
    let arms = arms(&seen);
    comparison::believe_all(comparisons, nature, &arms, statistics)?;
    comparison::judge_sequentially(comparisons, nature, &arms, units(&cells.variants), statistics)?;
    let within =
        |variants: &[UnitCell], statistics: &Statistics| observe_table(value, variants, has_covariate, statistics);
    observations.slices = compare_slices(&cells.breakdowns, statistics, within)?;
    comparison::save_all(&mut observations.comparisons, &cells.variants, baseline, None);
    Ok(observations)
}

fn seen_in_table(value: &TableValue, cells: &[UnitCell], has_covariate: bool) -> Vec<Seen> {
    let Some(baseline) = cells.first() else { return Vec::new() };
    let nature = nature_of_table(value);
    let observed = |cell: &UnitCell| match nature {
        Nature::Quantile => cell.quantile.map(|quantile| quantile.value),
        Nature::Ratio => cell.ratio(),
        Nature::Mean | Nature::Share => cell.mean(),
    };
    let lacks = |cell: &UnitCell| {
        let is_baseline_of_means = nature != Nature::Quantile && cell.variant == baseline.variant;
        lacking(cell, nature == Nature::Share, is_baseline_of_means)
    };
    cells.iter().map(|cell| Seen::new(nature, has_covariate, cell, observed(cell), lacks(cell))).collect()
}

/// What kind of number a metric of a table comes to.
fn nature_of_table(value: &TableValue) -> Nature {
    match value {
        TableValue::Quantile { .. } => Nature::Quantile,
        TableValue::Ratio { .. } => Nature::Ratio,
        TableValue::Mean { .. } => Nature::Mean,
        TableValue::Proportion { .. } => Nature::Share,
    }
}

/// A variant as it was observed.
struct Seen {
    variant: String,
    value: Option<f64>,
    shortfalls: Vec<Shortfall>,
    /// What it is compared by; only if it lacks nothing.
    arm: Option<Arm>,
}

impl Seen {
    fn new(
        nature: Nature,
        has_covariate: bool,
        cell: &UnitCell,
        value: Option<f64>,
        mut shortfalls: Vec<Shortfall>,
    ) -> Self {
        let arm = value.and_then(|value| arm(nature, has_covariate, cell, value));
        let varies = arm.as_ref().is_some_and(|arm| arm.estimate.unit_variance > 0.0);
        if shortfalls.is_empty() && !varies {
            shortfalls.push(Shortfall::NoVariation);
        }
        let arm = arm.filter(|_| shortfalls.is_empty());
        Self { variant: cell.variant.clone(), value, shortfalls, arm }
    }
}

/// The baseline comes first.
fn observations(seen: &[Seen], nature: Nature, statistics: &Statistics) -> Result<Observations> {
    let value = seen.iter().filter_map(|seen| Some((seen.variant.clone(), seen.value?))).collect();
    let compared = seen.first().and_then(|baseline| baseline.value).filter(|value| *value != 0.0);
    let lift = |seen: &Seen| Some((seen.variant.clone(), seen.value? / compared? - 1.0));
    let lacking = seen.iter().filter(|seen| !seen.shortfalls.is_empty());
    Ok(Observations {
        value,
        relative_lift: seen.iter().skip(1).filter_map(lift).collect(),
        shortfalls: lacking.map(|seen| (seen.variant.clone(), seen.shortfalls.clone())).collect(),
        comparisons: comparison::compare(nature, &arms(seen), statistics)?,
        slices: Vec::new(),
    })
}

/// What is compared; without a baseline there is nothing to compare with.
fn arms(seen: &[Seen]) -> Vec<Arm> {
    let has_baseline = seen.first().is_some_and(|baseline| baseline.arm.is_some());
    if has_baseline { seen.iter().filter_map(|seen| seen.arm.clone()).collect() } else { Vec::new() }
}

fn arm(nature: Nature, has_covariate: bool, cell: &UnitCell, value: f64) -> Option<Arm> {
    let moments = &cell.moments;
    let count = moments.count_as_number();
    let unit_variance = match nature {
        Nature::Share | Nature::Mean => moments.variance()?,
        Nature::Ratio => moments.ratio_unit_variance()?,
        Nature::Quantile => cell.quantile?.standard_error.powi(2) * count,
    };
    let has_covariate = has_covariate && matches!(nature, Nature::Share | Nature::Mean);
    Some(Arm {
        variant: cell.variant.clone(),
        estimate: Estimate { count, value, unit_variance },
        moments: *moments,
        has_covariate,
        covaried: cell.covaried.clone(),
    })
}

/// The variance per unit of a metric's value; `None` of less than two units.
#[must_use]
pub fn unit_variance(measure: &UnitMeasure, cell: &UnitCell) -> Option<f64> {
    arm(nature(measure), false, cell, 0.0).map(|arm| arm.estimate.unit_variance)
}

/// The share of the variance of a mean or a share that its single covariate explains; 0 where there is none.
#[must_use]
pub fn variance_explained(measure: &UnitMeasure, cell: &UnitCell) -> f64 {
    let (own, other) = (cell.moments.second_moment, &cell.moments.other);
    let has_covariate = measure.covariate_microseconds.is_some() && nature(measure) != Nature::Ratio;
    if !has_covariate || own <= 0.0 || other.second_moment <= 0.0 {
        return 0.0;
    }
    (other.co_moment / own * (other.co_moment / other.second_moment)).clamp(0.0, 1.0)
}

fn nature(measure: &UnitMeasure) -> Nature {
    match measure.value {
        UnitValue::Exposure | UnitValue::Mean | UnitValue::TimeToConvert(_) => Nature::Mean,
        UnitValue::Funnel(_) | UnitValue::Retention(_) => Nature::Share,
        UnitValue::Ratio => Nature::Ratio,
        UnitValue::Quantile { .. } => Nature::Quantile,
    }
}

fn shortfalls(measure: &UnitMeasure, cell: &UnitCell, baseline: &str) -> Vec<Shortfall> {
    let is_share = matches!(measure.value, UnitValue::Funnel(_) | UnitValue::Retention(_));
    let has_mean = !matches!(measure.value, UnitValue::Quantile { .. });
    lacking(cell, is_share, has_mean && cell.variant == baseline)
}

fn lacking(cell: &UnitCell, is_share: bool, is_baseline_of_means: bool) -> Vec<Shortfall> {
    let mut lacks = Vec::new();
    if cell.moments.count < UNITS_MIN {
        lacks.push(Shortfall::NotEnoughExposures);
    }
    if is_share && cell.moments.sum < SUM_MIN {
        lacks.push(Shortfall::NotEnoughMetricData);
    }
    if is_baseline_of_means && cell.moments.sum == 0.0 {
        lacks.push(Shortfall::BaselineMeanIsZero);
    }
    lacks
}
