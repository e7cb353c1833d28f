//! Modern metrics as the caller is told of them (M-2, M-3).

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::exposure_criteria::SeveralVariants;
use crate::plan::{Plan, Unit, UnitMeasure, UnitValue};
use crate::results::{MetricResult, Warning};
use crate::stats::{Outcome, SliceComparison, UnitCell, UnitCells};

/// A variant of a modern metric: how many units, and the sums over their values (M-2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitVariant {
    /// The variant's key.
    pub key: String,
    /// The number of exposed units that count.
    pub number_of_samples: u64,
    /// The sum of their values; of a funnel or a retention, how many got there; of a ratio, the numerator's.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_squares: f64,
    /// The sample variance of the values; null of fewer than two units.
    pub variance: Option<f64>,
    /// The sums of what the values are divided by; only of ratios and retention.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub denominator: Option<DenominatorSums>,
    /// The sums of the values before the exposure; only with a covariate (M-61).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub covariate: Option<CovariateSums>,
    /// For each step after the exposure, the units that reached it; only of funnels (M-30).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub step_counts: Vec<u64>,
    /// The quantile; only of quantile metrics.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quantile: Option<QuantileSummary>,
}

/// The sums of a ratio's denominator.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenominatorSums {
    /// The sum of the denominators.
    pub denominator_sum: f64,
    /// The sum of their squares.
    pub denominator_sum_squares: f64,
    /// The sum of the products of values and denominators.
    pub numerator_denominator_sum_product: f64,
}

/// The sums of a covariate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CovariateSums {
    /// The sum of the covariates.
    pub covariate_sum: f64,
    /// The sum of their squares.
    pub covariate_sum_squares: f64,
    /// The sum of the products of values and covariates.
    pub covariate_sum_product: f64,
}

/// A quantile and its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantileSummary {
    /// The quantile of the values.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The number of values; more than units where it is of events.
    pub values: u64,
}

/// The variants among units whose first exposure had the same properties (M-60).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitBreakdown {
    /// The properties by name; null where the exposure lacks one.
    pub properties: Map<String, Value>,
    /// The variants, the baseline first.
    pub variants: Vec<UnitVariant>,
    /// Each variant against the baseline, by its key, corrected over all slices; variants that lack something are not in it.
    #[serde(default)]
    pub comparisons: IndexMap<String, SliceComparison>,
}

/// What units exposed to several variants could change (M-13).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeveralVariantsSummary {
    /// How many units were exposed to several variants.
    pub units: u64,
    /// Their share of all exposed units.
    pub share: f64,
    /// How they are treated: `exclude`, or `first_seen`.
    pub handling: String,
    /// What the variants come to if they are treated the other way; empty when there are none.
    pub otherwise: Vec<UnitVariant>,
    /// Per variant, the least and the greatest mean that taking in any choice of them can give.
    pub mean_bounds: Vec<MeanBounds>,
}

/// The least and the greatest mean that units exposed to several variants can give a variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeanBounds {
    /// The variant's key.
    pub variant: String,
    /// The least mean.
    pub least: f64,
    /// The greatest mean.
    pub greatest: f64,
}

impl UnitVariant {
    /// The observed value for a type of metric: the mean, the ratio of the sums, or the quantile. `None` where there is none.
    #[must_use]
    pub fn value(&self, metric_type: &str) -> Option<f64> {
        match metric_type {
            "quantile" => self.quantile.map(|quantile| quantile.value),
            "ratio" => {
                let denominator = self.denominator.map(|sums| sums.denominator_sum).filter(|sum| *sum != 0.0);
                denominator.map(|denominator| self.sum / denominator)
            }
            _ => (self.number_of_samples > 0).then(|| self.sum * share(1, self.number_of_samples)),
        }
    }
}

/// Puts the cells of a modern metric into their outward form.
#[must_use]
pub fn unit_result(
    definition: &Map<String, Value>,
    plan: &Plan,
    measure: &UnitMeasure,
    cells: &UnitCells,
    mut outcome: Outcome,
) -> MetricResult {
    let baseline = &plan.statistics.config.baseline;
    let mut compared = match &mut outcome {
        Outcome::Observed(observed) => std::mem::take(&mut observed.slices),
        Outcome::Estimated(_) | Outcome::Undecided(_) => Vec::new(),
    }
    .into_iter();
    let properties = |values: &[Option<String>]| {
        let value = |value: &Option<String>| value.clone().map_or(Value::Null, Value::String);
        measure.breakdowns.iter().cloned().zip(values.iter().map(value)).collect()
    };
    let breakdowns = cells.breakdowns.iter().map(|part| UnitBreakdown {
        properties: properties(&part.values),
        variants: variants(measure, &part.variants, baseline),
        comparisons: compared.next().unwrap_or_default(),
    });
    MetricResult::Units {
        metric: Value::Object(definition.clone()),
        metric_type: metric_type(measure).to_owned(),
        unit: unit_name(&plan.population.unit),
        variants: variants(measure, &cells.variants, baseline),
        breakdowns: breakdowns.collect(),
        several_variants: several_variants(measure, cells, baseline),
        immature_units: cells.immature_units,
        outcome,
    }
}

/// The name of a type of metric, as definitions have it.
#[must_use]
pub fn metric_type(measure: &UnitMeasure) -> &'static str {
    match measure.value {
        UnitValue::Exposure => "exposure",
        UnitValue::Mean => "mean",
        UnitValue::Ratio => "ratio",
        UnitValue::Funnel(_) => "funnel",
        UnitValue::Retention(_) => "retention",
        UnitValue::Quantile { .. } => "quantile",
        UnitValue::TimeToConvert(_) => "time_to_convert",
    }
}

fn unit_name(unit: &Unit) -> String {
    match unit {
        Unit::Person => "person".into(),
        Unit::DistinctId => "distinct_id".into(),
        Unit::Group { group_type_index } => format!("group_{group_type_index}"),
        Unit::Session => "session".into(),
        Unit::Expression(_) => "expression".into(),
    }
}

/// The baseline first, then in the flag's order (M-3).
fn variants(measure: &UnitMeasure, cells: &[UnitCell], baseline: &str) -> Vec<UnitVariant> {
    let mut ordered: Vec<&UnitCell> = cells.iter().collect();
    ordered.sort_by_key(|cell| cell.variant != baseline);
    ordered.into_iter().map(|cell| variant(measure, cell)).collect()
}

fn variant(measure: &UnitMeasure, cell: &UnitCell) -> UnitVariant {
    let is_ratio = matches!(measure.value, UnitValue::Ratio | UnitValue::Retention(_));
    unit_variant(cell, is_ratio, !is_ratio && measure.covariate_microseconds.is_some())
}

/// A cell in its outward form; what the second value of its moments is, if it has one.
pub(super) fn unit_variant(cell: &UnitCell, has_denominator: bool, has_covariate: bool) -> UnitVariant {
    let moments = &cell.moments;
    let denominator = has_denominator.then(|| DenominatorSums {
        denominator_sum: moments.other.sum,
        denominator_sum_squares: moments.other_sum_squares(),
        numerator_denominator_sum_product: moments.sum_product(),
    });
    let covariate = has_covariate.then(|| CovariateSums {
        covariate_sum: moments.other.sum,
        covariate_sum_squares: moments.other_sum_squares(),
        covariate_sum_product: moments.sum_product(),
    });
    UnitVariant {
        key: cell.variant.clone(),
        number_of_samples: moments.count,
        sum: moments.sum,
        sum_squares: moments.sum_squares(),
        variance: moments.variance(),
        denominator,
        covariate,
        step_counts: cell.units_by_step.clone(),
        quantile: cell.quantile.map(|quantile| QuantileSummary {
            value: quantile.value,
            standard_error: quantile.standard_error,
            values: quantile.values,
        }),
    }
}

fn several_variants(measure: &UnitMeasure, cells: &UnitCells, baseline: &str) -> SeveralVariantsSummary {
    let several = &cells.several_variants;
    let counted: u64 = cells.variants.iter().map(|cell| cell.moments.count).sum();
    let left_out = if measure.several_variants == SeveralVariants::Exclude { several.units } else { 0 };
    let bounds = cells.variants.iter().zip(&several.mean_bounds);
    SeveralVariantsSummary {
        units: several.units,
        share: share(several.units, counted + left_out),
        handling: match measure.several_variants {
            SeveralVariants::Exclude => "exclude".into(),
            SeveralVariants::FirstSeen => "first_seen".into(),
        },
        otherwise: variants(measure, &several.otherwise, baseline),
        mean_bounds: bounds
            .filter_map(|(cell, bounds)| {
                bounds.map(|[least, greatest]| MeanBounds { variant: cell.variant.clone(), least, greatest })
            })
            .collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of units stay far below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The share of units exposed to several variants from which on it is worth a warning (M-14).
const SEVERAL_VARIANTS_SHARE: f64 = 0.005;

/// What to be careful about in a modern metric.
pub(super) fn unit_warnings(measure: &UnitMeasure, cells: &UnitCells, baseline: &str) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let is_zero = |cell: &UnitCell| cell.moments.sum == 0.0 && cell.moments.second_moment == 0.0;
    if cells.variants.iter().any(|cell| cell.moments.count > 0) && cells.variants.iter().all(is_zero) {
        warnings.push(Warning {
            code: "nothing_counted".into(),
            message: "no exposed unit has a value other than 0: no event of the metric was found, or no number in it"
                .into(),
            next_step:
                "check the names of the event and of the property, the filters and the window; follow one unit with \
                        `abduck explain KEY --unit ID`"
                    .into(),
        });
    }
    let summary = several_variants(measure, cells, baseline);
    if summary.share >= SEVERAL_VARIANTS_SHARE {
        let treated = match measure.several_variants {
            SeveralVariants::Exclude => "they are left out",
            SeveralVariants::FirstSeen => "they count for the first they saw",
        };
        warnings.push(Warning {
            code: "several_variants".into(),
            message: format!(
                "{} exposed units ({:.1} %) saw several variants; {treated}",
                summary.units,
                summary.share * 100.0
            ),
            next_step:
                "compare `otherwise` and `mean_bounds` in the result: if they tell another story, find out why people \
                        change variants (identities merged late, changed split, shared devices)"
                    .into(),
        });
    }
    if cells.immature_units > 0 {
        warnings.push(Warning {
            code: "immature_units".into(),
            message: format!(
                "{} exposed units do not count yet, because their window has not passed",
                cells.immature_units
            ),
            next_step: "ask again later, or switch `only_count_matured_users` off to see them now".into(),
        });
    }
    warnings
}
