//! Metrics of a table, without a lab.

use std::fs;

use abduck::model::table_aggregate::Aggregates;
use abduck::model::table_metric::TableQuestion;
use abduck::report::{self, Cell, Table};
use abduck::results::{TableAnalysis, table_analysis_rows};
use abduck::{Error, Interrupt, Result, Source, analyze, analyze_aggregates, read_aggregates};
use serde_json::Value;

use crate::args::{AnalyzeArguments, Format};
use crate::interrupt::stop_on_control_c;
use crate::output::{Answer, Output, json};

/// Prints what the metrics of a table came to.
pub(crate) fn run(arguments: &AnalyzeArguments, output: &Output) -> Result<()> {
    let interrupt = Interrupt::new();
    stop_on_control_c(interrupt.clone())?;
    let analysis = if arguments.aggregates {
        analyze_aggregates(&aggregates(arguments, &interrupt)?)?
    } else {
        let question = TableQuestion::from_json(&arguments.question())?;
        analyze(source(arguments), arguments.format.map(Into::into), &question, &interrupt)?
    };
    let table = match output.format() {
        Some(Format::Csv) => flat_table(&analysis),
        _ => report::table_analysis_table(&analysis),
    };
    let text = report::table_analysis(&analysis, output.width());
    output.answer(&Answer { text: Some(text), table, data: json(&analysis)? })
}

fn source(arguments: &AnalyzeArguments) -> Source {
    Source::Files(arguments.files.clone())
}

/// The sums of a JSON object, or of a table.
fn aggregates(arguments: &AnalyzeArguments, interrupt: &Interrupt) -> Result<Aggregates> {
    let baseline = arguments.baseline.clone();
    if let Some(file) = arguments.json_file() {
        let text = fs::read_to_string(&file).map_err(|error| Error::io(&file, error))?;
        if let Ok(sums @ Value::Object(_)) = serde_json::from_str(&text) {
            return Aggregates::from_json(&sums, baseline);
        }
    }
    read_aggregates(source(arguments), arguments.format.map(Into::into), baseline, interrupt)
}

/// The column names that programs know.
const COLUMNS: [&str; 17] = [
    "metric",
    "metric_type",
    "breakdown",
    "variant",
    "units",
    "sum",
    "value",
    "rel_effect_size",
    "rel_effect_size_ci_lower",
    "rel_effect_size_ci_upper",
    "p_value",
    "p_value_fixed_horizon",
    "effect_size",
    "effect_size_ci_lower",
    "effect_size_ci_upper",
    "chance_to_win",
    "expected_loss",
];

/// One row per metric, breakdown and variant.
fn flat_table(analysis: &TableAnalysis) -> Table {
    let mut table = Table::new(&COLUMNS);
    for row in table_analysis_rows(analysis) {
        let optional = |value: Option<f64>| Cell::optional(value, |value| value.to_string());
        table.push(vec![
            Cell::text(row.metric),
            Cell::text(row.metric_type),
            Cell::text(row.breakdown.map(|breakdown| Value::Object(breakdown).to_string()).unwrap_or_default()),
            Cell::text(row.variant),
            Cell::number(row.units.to_string(), row.units),
            Cell::number(row.sum.to_string(), row.sum),
            optional(row.value),
            optional(row.rel_effect_size),
            optional(row.rel_effect_size_ci_lower),
            optional(row.rel_effect_size_ci_upper),
            optional(row.p_value),
            optional(row.p_value_fixed_horizon),
            optional(row.effect_size),
            optional(row.effect_size_ci_lower),
            optional(row.effect_size_ci_upper),
            optional(row.chance_to_win),
            optional(row.expected_loss),
        ]);
    }
    table
}
