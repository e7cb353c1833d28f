//! Modern metrics as tables: columns that depend on the type, and what stands behind the numbers.

mod adjusted;
mod sequential;

use serde_json::Value;

use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::results::{
    ExperimentResult, LeftOutReason, ListedUnit, MeanBounds, MetricResult, SeveralVariantsSummary, UnitBreakdown,
    UnitVariant, VariantRow, rows,
};
use crate::stats::Outcome;

/// The experiment and, of a modern metric that has a name, the metric.
pub(super) fn title(result: &ExperimentResult) -> String {
    match &result.result {
        MetricResult::Units { metric, .. } => metric_title(&result.experiment.name, metric),
        MetricResult::Trend { .. } | MetricResult::Funnel { .. } => result.experiment.name.clone(),
    }
}

/// The experiment and, if its definition gives a name, the metric.
pub(super) fn metric_title(experiment: &str, metric: &Value) -> String {
    match metric.get("name").and_then(Value::as_str).unwrap_or_default() {
        "" => experiment.to_owned(),
        name => format!("{experiment}: {name}"),
    }
}

/// One row per variant, the baseline first; intervals and chances stand there only if the metric was judged.
pub(super) fn table(metric_type: &str, variants: &[UnitVariant], rows: &[VariantRow]) -> Table {
    let is_judged = rows.iter().any(|row| row.chance_to_win.is_some() || row.rate_ci_lower.is_some());
    let mut names = vec!["variant"];
    names.extend(names_of(metric_type));
    names.extend(if is_judged {
        &["95 % interval", "lift", "any-time interval", "p any-time", "p fixed", "chance to win"][..]
    } else {
        &["lift"]
    });
    let mut table = Table::new(&names);
    for (variant, row) in variants.iter().zip(rows) {
        let mut cells = vec![Cell::text(&variant.key)];
        cells.extend(cells_of(metric_type, variant));
        if is_judged {
            cells.push(interval(metric_type, row));
        }
        cells.push(Cell::optional(row.rel_effect_size, number::signed_percent));
        if is_judged {
            cells.push(interval_cell(row.rel_effect_size_ci_lower, row.rel_effect_size_ci_upper));
            cells.push(Cell::optional(row.p_value, number::p_value));
            cells.push(Cell::optional(row.p_value_fixed_horizon, number::p_value));
            cells.push(Cell::optional(row.chance_to_win, number::probability));
        }
        table.push(cells);
    }
    table
}

/// An interval of a lift.
pub(super) fn interval_cell(lower: Option<f64>, upper: Option<f64>) -> Cell {
    match (lower, upper) {
        (Some(lower), Some(upper)) => {
            Cell::text(format!("{} to {}", number::signed_percent(lower), number::signed_percent(upper)))
        }
        _ => Cell::missing(),
    }
}

/// What stands behind a modern metric: steps, breakdowns, and units that saw several variants, each with a heading.
pub(super) fn sections(result: &MetricResult) -> Vec<(String, Table)> {
    let MetricResult::Units { metric, metric_type, variants, breakdowns, several_variants, outcome, .. } = result
    else {
        return Vec::new();
    };
    let mut sections = Vec::new();
    sections.extend(sequential::section(outcome));
    sections.extend(adjusted::section(outcome));
    if variants.iter().any(|variant| !variant.step_counts.is_empty()) {
        sections.push(("steps after the exposure".to_owned(), steps(metric, variants)));
    }
    if !breakdowns.is_empty() {
        sections.push(("by properties of the first exposure".to_owned(), broken_down(metric_type, breakdowns)));
    }
    if several_variants.units > 0 {
        sections.push((otherwise_heading(several_variants), otherwise(metric_type, several_variants)));
    }
    sections
}

/// One row per variant, with the column names that programs know.
#[must_use]
pub fn unit_csv(result: &ExperimentResult) -> Table {
    let mut table = Table::new(&[
        "variant",
        "number_of_samples",
        "sum",
        "sum_squares",
        "variance",
        "denominator_sum",
        "value",
        "relative_lift",
    ]);
    let MetricResult::Units { variants, outcome, .. } = &result.result else { return table };
    let optional = |value: Option<f64>| Cell::optional(value, |value| value.to_string());
    let lifts = match outcome {
        Outcome::Observed(observed) => Some(&observed.relative_lift),
        Outcome::Estimated(estimates) => Some(&estimates.relative_lift),
        Outcome::Undecided(_) => None,
    };
    for (variant, row) in variants.iter().zip(rows(result)) {
        table.push(vec![
            Cell::text(&variant.key),
            Cell::number(variant.number_of_samples.to_string(), variant.number_of_samples),
            optional(Some(variant.sum)),
            optional(Some(variant.sum_squares)),
            optional(variant.variance),
            optional(variant.denominator.map(|sums| sums.denominator_sum)),
            optional(row.rate),
            optional(lifts.and_then(|lifts| lifts.get(&variant.key).copied())),
        ]);
    }
    table
}

/// Units, a row each, with the column names that programs know.
#[must_use]
pub fn unit_list(units: &[ListedUnit]) -> Table {
    let columns = ["unit", "variant", "first_exposure", "last_exposure", "value", "denominator", "steps", "left_out"];
    let mut table = Table::new(&columns);
    for unit in units {
        table.push(vec![
            Cell::text(&unit.unit),
            Cell::text(&unit.variant),
            Cell::text(unit.first_exposure.to_string()),
            Cell::text(unit.last_exposure.to_string()),
            amount(unit.value),
            amount(unit.denominator),
            unit.steps.map_or_else(Cell::missing, |steps| Cell::number(steps.to_string(), steps)),
            Cell::text(unit.left_out.map_or("", LeftOutReason::as_str)),
        ]);
    }
    table
}

/// What the columns of a type of metric are called; there are as many as [`cells_of`] gives.
fn names_of(metric_type: &str) -> &'static [&'static str] {
    match metric_type {
        "ratio" => &["units", "numerator", "denominator", "ratio"],
        "funnel" => &["units", "converted", "rate"],
        "retention" => &["began", "came back", "rate"],
        "quantile" => &["units", "values", "quantile", "standard error"],
        "time_to_convert" => &["converted", "seconds in all", "seconds each"],
        _ => &["units", "sum", "per unit"],
    }
}

fn cells_of(metric_type: &str, variant: &UnitVariant) -> Vec<Cell> {
    let value = Cell::optional(variant.value(metric_type), |value| shown(metric_type, value));
    let units = Cell::number(number::count(variant.number_of_samples), variant.number_of_samples);
    match metric_type {
        "ratio" => {
            let denominator = variant.denominator.map(|sums| sums.denominator_sum);
            vec![units, amount(variant.sum), Cell::optional(denominator, number::amount), value]
        }
        "quantile" => {
            let values = variant.quantile.map(|quantile| quantile.values);
            let error = variant.quantile.map(|quantile| quantile.standard_error);
            let values = values.map_or_else(Cell::missing, |values| Cell::number(number::count(values), values));
            vec![units, values, value, Cell::optional(error, |error| shown(metric_type, error))]
        }
        _ => vec![units, amount(variant.sum), value],
    }
}

/// An observed value: a share as a percentage, anything else with a few digits.
pub(super) fn shown(metric_type: &str, value: f64) -> String {
    if is_share(metric_type) { number::percent(value) } else { number::significant_digits(value, 4) }
}

/// Whether the values of a type of metric are shares of units.
pub(super) fn is_share(metric_type: &str) -> bool {
    ["funnel", "retention"].contains(&metric_type)
}

/// A sum.
pub(super) fn amount(amount: f64) -> Cell {
    Cell::number(number::amount(amount), amount)
}

fn interval(metric_type: &str, row: &VariantRow) -> Cell {
    match (row.rate_ci_lower, row.rate_ci_upper) {
        (Some(lower), Some(upper)) => {
            let text = format!("{} … {}", shown(metric_type, lower), shown(metric_type, upper));
            Cell::number(text, format!("{lower};{upper}"))
        }
        _ => Cell::missing(),
    }
}

/// One row per step and variant: who got there, of all exposed and of those at the step before.
fn steps(metric: &Value, variants: &[UnitVariant]) -> Table {
    let mut table = Table::new(&["step", "event", "variant", "units", "of all", "of the step before"]);
    let count = variants.iter().map(|variant| variant.step_counts.len()).max().unwrap_or(0);
    for step in 0..count {
        for variant in variants {
            let Some(reached) = variant.step_counts.get(step).copied() else { continue };
            let exposed = variant.number_of_samples;
            let before = step.checked_sub(1).map_or(exposed, |before| variant.step_counts[before]);
            table.push(vec![
                Cell::number((step + 1).to_string(), step + 1),
                Cell::text(step_name(metric, step)),
                Cell::text(&variant.key),
                Cell::number(number::count(reached), reached),
                Cell::optional(share(reached, exposed), number::percent),
                Cell::optional(share(reached, before), number::percent),
            ]);
        }
    }
    table
}

/// What the definition calls a step.
pub(super) fn step_name(metric: &Value, step: usize) -> String {
    let source = &metric["series"][step];
    let name = ["custom_name", "name", "event"].iter().find_map(|key| source.get(*key).and_then(Value::as_str));
    name.unwrap_or("any event").to_owned()
}

fn broken_down(metric_type: &str, breakdowns: &[UnitBreakdown]) -> Table {
    let is_compared = breakdowns.iter().any(|part| !part.comparisons.is_empty());
    let mut names = vec!["exposure", "variant"];
    names.extend(names_of(metric_type));
    names.extend(if is_compared { &["any-time interval", "p adjusted"][..] } else { &[] });
    let mut table = Table::new(&names);
    for part in breakdowns {
        let property = |(name, value): (&String, &Value)| match value {
            Value::Null => format!("{name} –"),
            Value::String(text) => format!("{name} {text}"),
            other => format!("{name} {other}"),
        };
        let properties: Vec<_> = part.properties.iter().map(property).collect();
        for variant in &part.variants {
            let mut cells = vec![Cell::text(properties.join(", ")), Cell::text(&variant.key)];
            cells.extend(cells_of(metric_type, variant));
            if is_compared {
                let compared = part.comparisons.get(&variant.key);
                let [lower, upper] =
                    compared.and_then(|compared| compared.relative_interval).map_or([None; 2], |ends| ends.map(Some));
                cells.push(interval_cell(lower, upper));
                cells.push(Cell::optional(compared.map(|compared| compared.adjusted_p_value), number::p_value));
            }
            table.push(cells);
        }
    }
    table
}

/// How units that saw several variants are treated, and what the table below it shows (M-13).
fn otherwise_heading(several: &SeveralVariantsSummary) -> String {
    let (treated, otherwise) = match several.handling.as_str() {
        "exclude" => ("left out", "if they counted for the first they saw"),
        _ => ("they count for the first", "if they were left out"),
    };
    let units = match several.units {
        1 => "1 unit".to_owned(),
        units => format!("{} units", number::count(units)),
    };
    format!("{units} ({}) saw several variants ({treated}); {otherwise}:", number::percent(several.share))
}

/// The variants with those units treated the other way, and what any choice of them could make of a mean.
fn otherwise(metric_type: &str, several: &SeveralVariantsSummary) -> Table {
    let has_bounds = !several.mean_bounds.is_empty();
    let mut names = vec!["variant"];
    names.extend(names_of(metric_type));
    names.extend(if has_bounds { &["at least", "at most"][..] } else { &[] });
    let mut table = Table::new(&names);
    for variant in &several.otherwise {
        let mut cells = vec![Cell::text(&variant.key)];
        cells.extend(cells_of(metric_type, variant));
        if has_bounds {
            let bounds = several.mean_bounds.iter().find(|bounds| bounds.variant == variant.key);
            let bound =
                |bound: fn(&MeanBounds) -> f64| Cell::optional(bounds.map(bound), |value| shown(metric_type, value));
            cells.extend([bound(|bounds| bounds.least), bound(|bounds| bounds.greatest)]);
        }
        table.push(cells);
    }
    table
}

#[expect(clippy::cast_precision_loss, reason = "counts of units stay far below 2^53")]
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
