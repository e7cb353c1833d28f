//! The metrics of a table, or of sums, as the caller is told of them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Result;
use crate::model::experiment_metric::Outliers;
use crate::model::table_aggregate::{AggregateSums, Aggregates, OtherRole};
use crate::model::table_metric::{MissingValues, TableMetric, TableQuestion, TableValue};
use crate::plan::Statistics;
use crate::results::units::unit_variant;
use crate::results::{UnitVariant, Warning};
use crate::stats::{
    BreakdownCells, Moments, Outcome, SliceComparison, TableCells, TableMetricCells, UnitCell, observe_table,
    observe_table_fully,
};

/// The version of the JSON form of [`TableAnalysis`]; it grows when a reader would have to change.
const FORMAT_VERSION: u32 = 1;

/// The metrics of a table with one row per unit, or of sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableAnalysis {
    /// The version of this form.
    pub format_version: u32,
    /// The version of the engine.
    pub engine_version: String,
    /// The key of the baseline.
    pub baseline: String,
    /// The number of rows; null of sums.
    pub rows: Option<u64>,
    /// Rows that belong to no variant.
    pub left_out: LeftOutRows,
    /// The columns that the metrics are broken down by.
    pub breakdown_columns: Vec<String>,
    /// What a missing value counts as; null where it is refused.
    pub missing: Option<MissingValues>,
    /// The metrics by name.
    pub metrics: IndexMap<String, TableMetricResult>,
    /// What to be careful about, each with a next step.
    pub warnings: Vec<Warning>,
}

/// Rows that belong to no variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOutRows {
    /// Rows without a variant.
    pub without_variant: u64,
    /// Rows with a variant that is none of the known ones.
    pub with_unknown_variant: u64,
}

/// A metric of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableMetricResult {
    /// Its type: `mean`, `proportion`, `ratio` or `quantile`.
    pub metric_type: String,
    /// Its definition; empty of sums.
    pub definition: Map<String, Value>,
    /// The variants, the baseline first.
    pub variants: Vec<UnitVariant>,
    /// The same by values of the columns that the table is broken down by.
    pub breakdowns: Vec<TableBreakdown>,
    /// Units that lack a value the metric needs.
    pub units_with_missing_values: u64,
    /// The observed values.
    pub outcome: Outcome,
}

/// The variants among units with the same values in the columns that a table is broken down by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableBreakdown {
    /// The values by column; null where one is missing.
    pub properties: Map<String, Value>,
    /// The variants, the baseline first.
    pub variants: Vec<UnitVariant>,
    /// The observed values.
    pub outcome: Outcome,
    /// Each variant against the baseline, by its key, corrected over all parts of the metric; variants that lack something are not in
    /// it.
    #[serde(default)]
    pub comparisons: IndexMap<String, SliceComparison>,
}

/// One variant of one metric, flat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableAnalysisRow {
    /// The metric's name.
    pub metric: String,
    /// Its type.
    pub metric_type: String,
    /// The values of the columns that the table is broken down by; null of all units together.
    pub breakdown: Option<Map<String, Value>>,
    /// The variant's key.
    pub variant: String,
    /// The number of units.
    pub units: u64,
    /// The sum of their values; of a ratio, of the numerators.
    pub sum: f64,
    /// The observed value: the mean, the share, the ratio of the sums, or the quantile.
    pub value: Option<f64>,
    /// How much larger the value is than the baseline's, as a share of it.
    pub rel_effect_size: Option<f64>,
    /// The lower end of the anytime-valid 95 % interval of `rel_effect_size`.
    pub rel_effect_size_ci_lower: Option<f64>,
    /// The upper end of the anytime-valid 95 % interval of `rel_effect_size`.
    pub rel_effect_size_ci_upper: Option<f64>,
    /// The anytime-valid p-value of no difference from the baseline.
    pub p_value: Option<f64>,
    /// The p-value for a single look at a moment chosen beforehand.
    pub p_value_fixed_horizon: Option<f64>,
    /// How much larger the value is than the baseline's, in its own unit.
    pub effect_size: Option<f64>,
    /// The lower end of the anytime-valid 95 % interval of `effect_size`.
    pub effect_size_ci_lower: Option<f64>,
    /// The upper end of the anytime-valid 95 % interval of `effect_size`.
    pub effect_size_ci_upper: Option<f64>,
    /// The probability that the variant is the best of all.
    pub chance_to_win: Option<f64>,
    /// What choosing the variant costs on average where another is better, in the unit of the value.
    pub expected_loss: Option<f64>,
}

impl TableAnalysis {
    /// The JSON Schema (2020-12) of this form.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }
}

/// Puts the cells of a table into their outward form.
///
/// # Errors
/// As [`observe_table`].
pub fn table_analysis(question: &TableQuestion, cells: &TableCells) -> Result<TableAnalysis> {
    let metrics = question.metrics.iter().zip(&cells.metrics);
    let left_out =
        LeftOutRows { without_variant: cells.without_variant, with_unknown_variant: cells.with_unknown_variant };
    let mut warnings = left_out_warning(left_out, cells.rows);
    warnings.extend(metrics.clone().filter_map(|((name, _), cells)| missing_warning(name, question.missing, cells)));
    warnings.extend(single_variant(cells.variants.len()));
    let judged = metrics.map(|((name, metric), cells)| Ok((name.clone(), result(question, metric, cells)?)));
    let metrics = judged.collect::<Result<_>>()?;
    Ok(TableAnalysis {
        format_version: FORMAT_VERSION,
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        baseline: cells.variants.first().cloned().unwrap_or_default(),
        rows: Some(cells.rows),
        left_out,
        breakdown_columns: question.breakdowns.clone(),
        missing: question.missing,
        metrics,
        warnings,
    })
}

fn result(question: &TableQuestion, metric: &TableMetric, cells: &TableMetricCells) -> Result<TableMetricResult> {
    let has_one_covariate = metric.covariates.len() == 1 && !matches!(metric.value, TableValue::Ratio { .. });
    let outward = |cells: &[UnitCell]| -> Vec<UnitVariant> {
        let is_ratio = matches!(metric.value, TableValue::Ratio { .. });
        cells.iter().map(|cell| unit_variant(cell, is_ratio, has_one_covariate)).collect()
    };
    let statistics = Statistics::default();
    let observed = |cells: &[UnitCell]| observe_table(&metric.value, cells, has_one_covariate, &statistics);
    let mut observations = observe_table_fully(&metric.value, cells, has_one_covariate, &statistics)?;
    let mut compared = std::mem::take(&mut observations.slices).into_iter();
    let value = |value: &Option<String>| value.clone().map_or(Value::Null, Value::String);
    let mut breakdown = |part: &BreakdownCells| {
        Ok(TableBreakdown {
            properties: question.breakdowns.iter().cloned().zip(part.values.iter().map(value)).collect(),
            variants: outward(&part.variants),
            outcome: Outcome::Observed(Box::new(observed(&part.variants)?)),
            comparisons: compared.next().unwrap_or_default(),
        })
    };
    let breakdowns = cells.breakdowns.iter().map(&mut breakdown).collect::<Result<_>>()?;
    Ok(TableMetricResult {
        metric_type: metric.metric_type().to_owned(),
        definition: metric.definition.clone(),
        variants: outward(&cells.variants),
        breakdowns,
        units_with_missing_values: cells.units_with_missing_values,
        outcome: Outcome::Observed(Box::new(observations)),
    })
}

/// Puts sums into their outward form.
///
/// # Errors
/// As [`observe_table`].
pub fn aggregate_analysis(aggregates: &Aggregates, baseline: &str) -> Result<TableAnalysis> {
    let judged = aggregates.metrics.iter().map(|(name, variants)| Ok((name.clone(), aggregate(variants, baseline)?)));
    let fewest = aggregates.metrics.values().map(IndexMap::len).min().unwrap_or(0);
    Ok(TableAnalysis {
        format_version: FORMAT_VERSION,
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        baseline: baseline.to_owned(),
        rows: None,
        left_out: LeftOutRows::default(),
        breakdown_columns: Vec::new(),
        missing: None,
        metrics: judged.collect::<Result<_>>()?,
        warnings: single_variant(fewest).into_iter().collect(),
    })
}

fn aggregate(variants: &IndexMap<String, AggregateSums>, baseline: &str) -> Result<TableMetricResult> {
    let mut ordered: Vec<_> = variants.iter().collect();
    ordered.sort_by_key(|(key, _)| *key != baseline);
    let cell = |(key, sums): &(&String, &AggregateSums)| {
        let other = sums.other.map_or([0.0; 3], |other| [other.sum, other.sum_squares, other.sum_product]);
        UnitCell {
            variant: (*key).clone(),
            moments: Moments::from_sums(sums.number_of_samples, [sums.sum, sums.sum_squares], other),
            ..UnitCell::default()
        }
    };
    let cells: Vec<UnitCell> = ordered.iter().map(cell).collect();
    let role = variants.values().find_map(|sums| sums.other.map(|other| other.role));
    let is_ratio = role == Some(OtherRole::Denominator);
    // Sums have no columns; only the type matters here.
    let column = String::new;
    let value = if is_ratio {
        TableValue::Ratio {
            numerator: column(),
            denominator: column(),
            numerator_outliers: Outliers::default(),
            denominator_outliers: Outliers::default(),
        }
    } else {
        TableValue::Mean { column: column(), outliers: Outliers::default() }
    };
    let has_covariate = role == Some(OtherRole::Covariate);
    Ok(TableMetricResult {
        metric_type: if is_ratio { "ratio" } else { "mean" }.to_owned(),
        definition: Map::new(),
        outcome: Outcome::Observed(Box::new(observe_table(&value, &cells, has_covariate, &Statistics::default())?)),
        variants: cells.iter().map(|cell| unit_variant(cell, is_ratio, has_covariate)).collect(),
        breakdowns: Vec::new(),
        units_with_missing_values: 0,
    })
}

fn left_out_warning(left_out: LeftOutRows, rows: u64) -> Vec<Warning> {
    let LeftOutRows { without_variant, with_unknown_variant } = left_out;
    if without_variant + with_unknown_variant == 0 {
        return Vec::new();
    }
    vec![Warning {
        code: "left_out".into(),
        message: format!(
            "{} of {rows} rows belong to no variant: {without_variant} without one, {with_unknown_variant} with an unknown one",
            without_variant + with_unknown_variant
        ),
        next_step:
            "expected when only a part of the units is in the experiment; otherwise check the column with the variant"
                .into(),
    }]
}

fn missing_warning(name: &str, missing: Option<MissingValues>, cells: &TableMetricCells) -> Option<Warning> {
    let units = cells.units_with_missing_values;
    let treated = match missing? {
        MissingValues::Zero => "the value counts as 0",
        MissingValues::Drop => "they do not count in the metric",
    };
    (units > 0).then(|| Warning {
        code: "missing_values".into(),
        message: format!("{units} units lack a value of the metric '{name}'; {treated}"),
        next_step: "make sure that values are missing as often in each variant; if not, the comparison is not fair"
            .into(),
    })
}

fn single_variant(variants: usize) -> Option<Warning> {
    (variants < 2).then(|| Warning {
        code: "single_variant".into(),
        message: "there is only one variant, so nothing is compared".into(),
        next_step: "check the column with the variant, or the keys of the variants".into(),
    })
}

/// The rows of an analysis: metric by metric, all units first, the baseline first in each.
#[must_use]
pub fn table_analysis_rows(analysis: &TableAnalysis) -> Vec<TableAnalysisRow> {
    let mut rows = Vec::new();
    for (name, metric) in &analysis.metrics {
        let whole = (None, &metric.variants, &metric.outcome);
        let parts = metric.breakdowns.iter().map(|part| (Some(&part.properties), &part.variants, &part.outcome));
        for (breakdown, variants, outcome) in std::iter::once(whole).chain(parts) {
            rows.extend(
                variants.iter().map(|variant| row(name, metric, breakdown, variant, &analysis.baseline, outcome)),
            );
        }
    }
    rows
}

fn row(
    name: &str,
    metric: &TableMetricResult,
    breakdown: Option<&Map<String, Value>>,
    variant: &UnitVariant,
    baseline: &str,
    outcome: &Outcome,
) -> TableAnalysisRow {
    let observed = match outcome {
        Outcome::Observed(observed) => Some(observed),
        Outcome::Estimated(_) | Outcome::Undecided(_) => None,
    };
    let comparison = observed.and_then(|observed| observed.comparisons.against_baseline.get(&variant.key));
    let relative = comparison.and_then(|comparison| comparison.anytime_valid.relative_interval);
    let value_of = |key: &str| observed.and_then(|observed| observed.value.get(key).copied());
    let effect_size = value_of(&variant.key)
        .zip(value_of(baseline))
        .filter(|_| variant.key != baseline)
        .map(|(own, other)| own - other);
    let absolute = comparison.map(|comparison| comparison.anytime_valid.interval);
    let belief = observed.and_then(|observed| observed.comparisons.beliefs.get(&variant.key));
    TableAnalysisRow {
        metric: name.to_owned(),
        metric_type: metric.metric_type.clone(),
        breakdown: breakdown.cloned(),
        variant: variant.key.clone(),
        units: variant.number_of_samples,
        sum: variant.sum,
        value: value_of(&variant.key),
        rel_effect_size: observed.and_then(|observed| observed.relative_lift.get(&variant.key).copied()),
        rel_effect_size_ci_lower: relative.map(|[lower, _]| lower),
        rel_effect_size_ci_upper: relative.map(|[_, upper]| upper),
        p_value: comparison.map(|comparison| comparison.anytime_valid.p_value),
        p_value_fixed_horizon: comparison.map(|comparison| comparison.fixed_horizon.p_value),
        effect_size,
        effect_size_ci_lower: absolute.map(|[lower, _]| lower),
        effect_size_ci_upper: absolute.map(|[_, upper]| upper),
        chance_to_win: belief.map(|belief| belief.probability_best),
        expected_loss: belief.map(|belief| belief.expected_loss),
    }
}
