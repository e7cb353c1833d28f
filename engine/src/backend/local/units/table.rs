//! Summing up the rows of a table per variant.

use std::collections::BTreeMap;

use super::clamp::Bounds;
use super::quantile::quantile;
use crate::error::{Error, Result};
use crate::kernel::columns::{TableColumns, TextColumn};
use crate::model::experiment_metric::Outliers;
use crate::model::table_metric::{MissingValues, TableMetric, TableQuestion, TableValue};
use crate::plan::table_variants;
use crate::stats::adjust::MultiMoments;
use crate::stats::{BreakdownCells, Moments, TableCells, TableMetricCells, UnitCell};

/// The most combinations of values that a table is broken down by.
const PARTS_MAX: usize = 1_000;

/// A unit that counts in a metric.
#[derive(Clone)]
struct Unit {
    row: usize,
    variant: usize,
    value: f64,
    /// What the value is divided by, or the first covariate; 0 without either.
    other: f64,
    /// The covariates.
    covariates: Vec<f64>,
}

/// Sums up a table with one row per unit.
///
/// # Errors
/// `Schema` when there are no rows, or a value is missing or not what its metric needs; `Invalid` when the baseline is none of
/// the variants, or the columns to break down by have too many values.
pub fn measure_table(question: &TableQuestion, table: &TableColumns) -> Result<TableCells> {
    let column = text_column(table, &question.variant)?;
    let found: Vec<String> = column.texts.iter().cloned().collect();
    let variants = table_variants(question.baseline.as_deref(), &question.variants, &found)?;
    let positions: Vec<Option<usize>> =
        found.iter().map(|key| variants.iter().position(|variant| variant == key)).collect();
    let variant_of = |position: Option<u32>| position.and_then(|position| positions[position as usize]);
    let rows: Vec<(usize, usize)> =
        column.positions.iter().enumerate().filter_map(|(row, position)| Some((row, variant_of(*position)?))).collect();
    let without_variant = column.positions.iter().filter(|position| position.is_none()).count();
    let parts = parts(question, table, &rows)?;
    let metrics = question.metrics.iter().map(|(name, metric)| {
        let (units, missing) = units(name, metric, question.missing, table, &rows)?;
        let breakdowns = parts.as_ref().map(|parts| breakdowns(metric, &variants, parts, &units));
        Ok(TableMetricCells {
            variants: cells(metric, &variants, &units),
            breakdowns: breakdowns.unwrap_or_default(),
            units_with_missing_values: missing,
        })
    });
    Ok(TableCells {
        rows: table.rows as u64,
        without_variant: without_variant as u64,
        with_unknown_variant: (table.rows - without_variant - rows.len()) as u64,
        metrics: metrics.collect::<Result<_>>()?,
        variants,
    })
}

fn text_column<'a>(table: &'a TableColumns, name: &str) -> Result<&'a TextColumn> {
    table.texts.get(name).ok_or_else(|| Error::bug(format!("the column '{name}' was not read")))
}

/// The units that count in a metric, and how many lack a value.
fn units(
    name: &str,
    metric: &TableMetric,
    missing: Option<MissingValues>,
    table: &TableColumns,
    rows: &[(usize, usize)],
) -> Result<(Vec<Unit>, u64)> {
    let columns = metric.columns();
    let numbers = columns.iter().map(|column| {
        let numbers = table.numbers.get(*column);
        numbers.ok_or_else(|| Error::bug(format!("the column '{column}' was not read")))
    });
    let numbers = numbers.collect::<Result<Vec<_>>>()?;
    let is_missing = |row: usize| numbers.iter().any(|column| column[row].is_nan());
    let missing_units = rows.iter().filter(|(row, _)| is_missing(*row)).count();
    if missing_units > 0 && missing.is_none() {
        return Err(missing_values(name, &columns, &numbers, rows));
    }
    let covariates_from = columns.len() - metric.covariates.len();
    let filled = |number: f64| if number.is_nan() { 0.0 } else { number };
    let counted = rows.iter().filter(|(row, _)| missing == Some(MissingValues::Zero) || !is_missing(*row));
    let units = counted.map(|&(row, variant)| {
        let value = filled(numbers[0][row]);
        if matches!(metric.value, TableValue::Proportion { .. }) && value != 0.0 && value != 1.0 {
            return Err(Error::schema(format!(
                "row {} of column '{}' is {value}, but the proportion '{name}' needs 0 or 1",
                row + 1,
                columns[0]
            ))
            .hint("take the mean instead, or name a column of 0 and 1, or of true and false"));
        }
        let other = numbers.get(1).map_or(0.0, |column| filled(column[row]));
        let covariates = numbers[covariates_from.min(numbers.len())..].iter().map(|column| filled(column[row]));
        Ok(Unit { row, variant, value, other, covariates: covariates.collect() })
    });
    Ok((units.collect::<Result<_>>()?, missing_units as u64))
}

fn missing_values(name: &str, columns: &[&str], numbers: &[&Vec<f64>], rows: &[(usize, usize)]) -> Error {
    let counts = columns.iter().zip(numbers).filter_map(|(column, numbers)| {
        let mut missing = rows.iter().filter(|(row, _)| numbers[*row].is_nan());
        let (first, _) = missing.next()?;
        let count = 1 + missing.count();
        Some(format!(
            "column '{column}' has no value in {count} of {} rows, the first is row {}",
            rows.len(),
            first + 1
        ))
    });
    let message = format!("metric '{name}': {}", counts.collect::<Vec<_>>().join("; "));
    Error::schema(message).hint(
        "say what a missing value means: `missing` = zero counts it as 0, `missing` = drop leaves its unit out of the metric",
    )
}

/// One cell per variant. Percentiles to clamp at are those of all variants together (M-23).
fn cells(metric: &TableMetric, variants: &[String], units: &[Unit]) -> Vec<UnitCell> {
    let (values, others) = outliers(metric);
    let values = Bounds::of(&values, units.iter().map(|unit| unit.value));
    let others = Bounds::of(&others, units.iter().map(|unit| unit.other));
    let mut by_variant: Vec<Vec<Unit>> = vec![Vec::new(); variants.len()];
    for unit in units {
        let (value, other) = (values.clamp(unit.value), others.clamp(unit.other));
        by_variant[unit.variant].push(Unit { value, other, ..unit.clone() });
    }
    let cell = |(variant, units): (&String, Vec<Unit>)| UnitCell {
        variant: variant.clone(),
        moments: Moments::of(&units.iter().map(|unit| (unit.value, unit.other)).collect::<Vec<_>>()),
        units_by_step: Vec::new(),
        quantile: match &metric.value {
            TableValue::Quantile { level, .. } => {
                let values: Vec<f64> = units.iter().map(|unit| unit.value).collect();
                quantile(*level, &values.chunks(1).collect::<Vec<_>>())
            }
            TableValue::Mean { .. } | TableValue::Proportion { .. } | TableValue::Ratio { .. } => None,
        },
        covaried: covaried(metric, &units),
    };
    variants.iter().zip(by_variant).map(cell).collect()
}

/// The moments of values and covariates, where these are more than stand beside a value. Values that are too large for their squares
/// to be numbers have none.
fn covaried(metric: &TableMetric, units: &[Unit]) -> Option<MultiMoments> {
    let is_ratio = matches!(metric.value, TableValue::Ratio { .. });
    if metric.covariates.len() <= usize::from(!is_ratio) {
        return None;
    }
    let row = |unit: &Unit| {
        let outcome = if is_ratio { vec![unit.value, unit.other] } else { vec![unit.value] };
        [outcome, unit.covariates.clone()].concat()
    };
    MultiMoments::of(&units.iter().map(row).collect::<Vec<_>>()).ok()
}

/// How values and second values are clamped.
fn outliers(metric: &TableMetric) -> (Outliers, Outliers) {
    match &metric.value {
        TableValue::Mean { outliers, .. } => (*outliers, Outliers::default()),
        TableValue::Ratio { numerator_outliers, denominator_outliers, .. } => {
            (*numerator_outliers, *denominator_outliers)
        }
        TableValue::Proportion { .. } | TableValue::Quantile { .. } => Default::default(),
    }
}

/// Which combination of values each row has, of the columns to break down by.
struct Parts {
    /// The combinations, in alphabetical order, missing values first.
    values: Vec<Vec<Option<String>>>,
    /// The combination of each row that counts.
    of_row: BTreeMap<usize, usize>,
}

fn parts(question: &TableQuestion, table: &TableColumns, rows: &[(usize, usize)]) -> Result<Option<Parts>> {
    if question.breakdowns.is_empty() {
        return Ok(None);
    }
    let columns = question.breakdowns.iter().map(|name| text_column(table, name)).collect::<Result<Vec<_>>>()?;
    let mut parts: BTreeMap<Vec<Option<&str>>, Vec<usize>> = BTreeMap::new();
    for (row, _) in rows {
        parts.entry(columns.iter().map(|column| column.get(*row)).collect()).or_default().push(*row);
    }
    if parts.len() > PARTS_MAX {
        let message = format!("'{}' has more than {PARTS_MAX} different values", question.breakdowns.join("' by '"));
        return Err(Error::invalid_field("breakdown", "invalid_input", message)
            .hint("break down by columns with few values, or group the values first"));
    }
    let of_row = parts.values().enumerate().flat_map(|(part, rows)| rows.iter().map(move |row| (*row, part))).collect();
    let owned = |values: Vec<Option<&str>>| values.into_iter().map(|value| value.map(ToOwned::to_owned)).collect();
    Ok(Some(Parts { of_row, values: parts.into_keys().map(owned).collect() }))
}

/// Percentiles to clamp at are those of the combination (M-60).
fn breakdowns(metric: &TableMetric, variants: &[String], parts: &Parts, units: &[Unit]) -> Vec<BreakdownCells> {
    let mut by_part: Vec<Vec<Unit>> = vec![Vec::new(); parts.values.len()];
    for unit in units {
        by_part[parts.of_row[&unit.row]].push(unit.clone());
    }
    let part = |(values, units): (&Vec<Option<String>>, Vec<Unit>)| BreakdownCells {
        values: values.clone(),
        variants: cells(metric, variants, &units),
    };
    parts.values.iter().zip(by_part).map(part).collect()
}
