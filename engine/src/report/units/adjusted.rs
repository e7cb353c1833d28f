//! Differences with what was known before the exposure taken out.

use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::stats::Outcome;
use crate::stats::comparison::Comparison;
use crate::stats::inference::Inference;

/// One row per variant and way of adjusting, beside the difference as it is; nothing without any adjustment.
pub(super) fn section(outcome: &Outcome) -> Option<(String, Table)> {
    let Outcome::Observed(observed) = outcome else { return None };
    let compared = &observed.comparisons.against_baseline;
    if compared.values().all(|comparison| comparison.adjusted.is_none() && comparison.poststratified.is_none()) {
        return None;
    }
    let names =
        ["variant", "difference", "by", "variance gone", "days saved", "any-time interval", "p any-time", "p one look"];
    let mut table = Table::new(&names);
    for (variant, comparison) in compared {
        for way in ways(comparison) {
            table.push(row(variant, &way));
        }
    }
    Some(("with what was known before the exposure taken out".to_owned(), table))
}

/// One way to compare a variant with the baseline.
struct Way<'a> {
    name: &'static str,
    difference: f64,
    variance_reduction: Option<f64>,
    days_saved: Option<f64>,
    anytime_valid: &'a Inference,
    fixed_horizon: &'a Inference,
}

fn ways(comparison: &Comparison) -> Vec<Way<'_>> {
    let mut ways = vec![Way {
        name: "nothing",
        difference: comparison.difference,
        variance_reduction: None,
        days_saved: None,
        anytime_valid: &comparison.anytime_valid,
        fixed_horizon: &comparison.fixed_horizon,
    }];
    ways.extend(comparison.adjusted.as_ref().map(|adjusted| Way {
        name: if adjusted.slopes.is_empty() { "the covariate" } else { "covariates" },
        difference: adjusted.difference,
        variance_reduction: Some(adjusted.variance_reduction),
        days_saved: adjusted.saved.and_then(|saved| saved.days),
        anytime_valid: &adjusted.anytime_valid,
        fixed_horizon: &adjusted.fixed_horizon,
    }));
    ways.extend(comparison.poststratified.as_ref().map(|stratified| Way {
        name: "the slices",
        difference: stratified.difference,
        variance_reduction: Some(stratified.variance_reduction),
        days_saved: stratified.saved.and_then(|saved| saved.days),
        anytime_valid: &stratified.anytime_valid,
        fixed_horizon: &stratified.fixed_horizon,
    }));
    ways
}

fn row(variant: &str, way: &Way<'_>) -> Vec<Cell> {
    let [lower, upper] = way.anytime_valid.interval;
    let interval = format!("{} to {}", number::significant_digits(lower, 4), number::significant_digits(upper, 4));
    vec![
        Cell::text(variant),
        Cell::number(number::significant_digits(way.difference, 4), way.difference),
        Cell::text(way.name),
        Cell::optional(way.variance_reduction, number::percent),
        Cell::optional(way.days_saved, |days| number::significant_digits(days, 3)),
        Cell::text(interval),
        Cell::number(number::p_value(way.anytime_valid.p_value), way.anytime_valid.p_value),
        Cell::number(number::p_value(way.fixed_horizon.p_value), way.fixed_horizon.p_value),
    ]
}
