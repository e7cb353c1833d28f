//! How an experiment stands.

use abduck::report::{self, Cell, Table};
use abduck::results::{
    ListedResult, MetricResult, SecondaryResult, VariantRow, legacy, legacy_listed, legacy_secondary, rows,
};
use abduck::{Error, ExperimentResult, Result, ResultsRequest};

use crate::args::{Format, Global, ResultsArguments, Shape};
use crate::output::{Answer, Output, json};

/// Prints the result of an experiment.
pub(crate) fn run(global: &Global, arguments: &ResultsArguments, output: &Output) -> Result<()> {
    let is_legacy = arguments.shape == Shape::Legacy;
    if is_legacy && !matches!(output.format(), None | Some(Format::Json)) {
        return Err(Error::invalid_field("shape", "invalid_input", "the legacy shape is JSON only")
            .hint("leave --output out, or leave --shape out"));
    }
    let now = super::now();
    let ResultsArguments { refresh, max_age, .. } = *arguments;
    let request = ResultsRequest { as_of: arguments.as_of.unwrap_or(now), now, refresh, max_age };
    let mut engine = super::open(global)?;
    if let Some(metric) = &arguments.metric {
        let listed = engine.metric_results(&arguments.key, metric, &request)?;
        say_when_computed(&listed.result, output);
        return if is_legacy {
            output.json(&legacy_listed(&listed)?)
        } else {
            output.answer(&listed_answer(&listed, output)?)
        };
    }
    match &arguments.secondary {
        None => {
            let result = engine.results(&arguments.key, &request)?;
            say_when_computed(&result, output);
            if is_legacy { output.json(&legacy(&result)?) } else { output.answer(&answer(&result, output)?) }
        }
        Some(id) => {
            let secondary = engine.secondary_results(&arguments.key, Some(&id.as_str().into()), &request)?;
            say_when_computed(&secondary.result, output);
            if is_legacy {
                output.json(&legacy_secondary(&secondary))
            } else {
                output.answer(&secondary_answer(&secondary, output)?)
            }
        }
    }
}

fn say_when_computed(result: &ExperimentResult, output: &Output) {
    if result.is_cached {
        output.note(&format!("computed on {}; --refresh computes it again", result.last_refresh));
    }
}

/// A result in every form; as Markdown, the table that people read.
pub(crate) fn answer(result: &ExperimentResult, output: &Output) -> Result<Answer> {
    let table = match output.format() {
        Some(Format::Csv) if matches!(result.result, MetricResult::Units { .. }) => report::unit_csv(result),
        Some(Format::Csv) => flat_table(result),
        _ => report::variant_table(result),
    };
    Ok(Answer { text: Some(report::result(result, output.width())), table, data: json(result)? })
}

/// A secondary result in every form.
fn secondary_answer(secondary: &SecondaryResult, output: &Output) -> Result<Answer> {
    let table = match output.format() {
        Some(Format::Csv) => flat_table_with(&secondary.result, |variant| secondary.values.get(variant).copied()),
        _ => report::secondary_table(secondary),
    };
    Ok(Answer { text: Some(report::secondary_result(secondary, output.width())), table, data: json(secondary)? })
}

/// The result of a listed metric in every form.
fn listed_answer(listed: &ListedResult, output: &Output) -> Result<Answer> {
    let table = match output.format() {
        Some(Format::Csv) => flat_table_with(&listed.result, |variant| listed.values.get(variant).copied()),
        _ => report::listed_table(listed),
    };
    Ok(Answer { text: Some(report::listed_result(listed, output.width())), table, data: json(listed)? })
}

/// The column names that programs know.
const COLUMNS: [&str; 24] = [
    "variant",
    "units",
    "count",
    "rate",
    "rel_effect_size",
    "rate_ci_lower",
    "rate_ci_upper",
    "chance_to_win",
    "expected_loss",
    "rel_effect_size_ci_lower",
    "rel_effect_size_ci_upper",
    "p_value",
    "p_value_fixed_horizon",
    "effect_size",
    "effect_size_ci_lower",
    "effect_size_ci_upper",
    "sequential_method",
    "sequential_p_value",
    "sequential_ci_lower",
    "sequential_ci_upper",
    "e_value",
    "sequential_undecided",
    "variance_reduction",
    "days_saved",
];

/// One row per variant.
fn flat_table(result: &ExperimentResult) -> Table {
    let mut table = Table::new(&COLUMNS);
    for row in rows(result) {
        table.push(flat_cells(&row));
    }
    table
}

/// One row per variant, the metric's number last.
fn flat_table_with(result: &ExperimentResult, value: impl Fn(&str) -> Option<f64>) -> Table {
    let mut table = Table::new(&[&COLUMNS[..], &["value"]].concat());
    for row in rows(result) {
        let mut cells = flat_cells(&row);
        cells.push(Cell::optional(value(&row.variant), |value| value.to_string()));
        table.push(cells);
    }
    table
}

fn flat_cells(row: &VariantRow) -> Vec<Cell> {
    let optional = |value: Option<f64>| Cell::optional(value, |value| value.to_string());
    vec![
        Cell::text(&row.variant),
        Cell::number(row.units.to_string(), row.units),
        Cell::number(row.count.to_string(), row.count),
        optional(row.rate),
        optional(row.rel_effect_size),
        optional(row.rate_ci_lower),
        optional(row.rate_ci_upper),
        optional(row.chance_to_win),
        optional(row.expected_loss),
        optional(row.rel_effect_size_ci_lower),
        optional(row.rel_effect_size_ci_upper),
        optional(row.p_value),
        optional(row.p_value_fixed_horizon),
        optional(row.effect_size),
        optional(row.effect_size_ci_lower),
        optional(row.effect_size_ci_upper),
        Cell::text(row.sequential_method.unwrap_or_default()),
        optional(row.sequential_p_value),
        optional(row.sequential_ci_lower),
        optional(row.sequential_ci_upper),
        optional(row.e_value),
        Cell::text(row.sequential_undecided.as_deref().unwrap_or_default()),
        optional(row.variance_reduction),
        optional(row.days_saved),
    ]
}
