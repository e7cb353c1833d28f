//! How an experiment stands.

use abduck::report::{self, Cell, Table};
use abduck::results::{legacy, rows};
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
    let request = ResultsRequest { as_of: arguments.as_of.unwrap_or(now), now, refresh: arguments.refresh };
    let result = super::open(global)?.results(&arguments.key, &request)?;
    if result.is_cached {
        output.note(&format!("computed on {}; --refresh computes it again", result.last_refresh));
    }
    if is_legacy { output.json(&legacy(&result)?) } else { output.answer(&answer(&result, output)?) }
}

/// A result in every form; as Markdown, the table that people read.
fn answer(result: &ExperimentResult, output: &Output) -> Result<Answer> {
    let table = match output.format() {
        Some(Format::Csv) => flat_table(result),
        _ => report::variant_table(result),
    };
    Ok(Answer { text: Some(report::result(result, output.width())), table, data: json(result)? })
}

/// One row per variant, with the column names that programs know.
fn flat_table(result: &ExperimentResult) -> Table {
    let mut table = Table::new(&[
        "variant",
        "units",
        "count",
        "rate",
        "rel_effect_size",
        "rate_ci_lower",
        "rate_ci_upper",
        "chance_to_win",
    ]);
    for row in rows(result) {
        let optional = |value: Option<f64>| Cell::optional(value, |value| value.to_string());
        table.push(vec![
            Cell::text(&row.variant),
            Cell::number(row.units.to_string(), row.units),
            Cell::number(row.count.to_string(), row.count),
            optional(row.rate),
            optional(row.rel_effect_size),
            optional(row.rate_ci_lower),
            optional(row.rate_ci_upper),
            optional(row.chance_to_win),
        ]);
    }
    table
}
