//! The metrics of a table as text.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::report::html::escape;
use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::report::units::interval_cell;
use crate::results::{TableAnalysis, TableAnalysisRow, table_analysis_rows};

/// An analysis for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn table_analysis(analysis: &TableAnalysis, width: Option<u16>) -> String {
    let mut text = format!("{}\n\n{}", table_analysis_verdict(analysis), table_analysis_table(analysis).to_text(width));
    for warning in &analysis.warnings {
        let _ = write!(text, "\nwarning: {}\nhint: {}\n", warning.message, warning.next_step);
    }
    text
}

/// One sentence that says what was looked at.
#[must_use]
pub fn table_analysis_verdict(analysis: &TableAnalysis) -> String {
    let metrics = match analysis.metrics.len() {
        1 => "1 metric".to_owned(),
        metrics => format!("{metrics} metrics"),
    };
    let of = analysis.rows.map_or_else(|| "sums".to_owned(), |rows| format!("{} rows", number::count(rows)));
    format!("{metrics} of {of}, compared with {}.", analysis.baseline)
}

/// One row per metric, breakdown and variant.
#[must_use]
pub fn table_analysis_table(analysis: &TableAnalysis) -> Table {
    let has_breakdowns = !analysis.breakdown_columns.is_empty();
    let mut columns = vec![
        "metric",
        "type",
        "variant",
        "units",
        "sum",
        "value",
        "lift",
        "any-time interval",
        "p any-time",
        "p fixed",
        "chance to win",
    ];
    if has_breakdowns {
        columns.insert(2, "among");
    }
    let mut table = Table::new(&columns);
    for row in table_analysis_rows(analysis) {
        let mut cells = cells(&row);
        if has_breakdowns {
            cells.insert(2, Cell::text(row.breakdown.as_ref().map_or_else(|| "all".to_owned(), among)));
        }
        table.push(cells);
    }
    table
}

/// The verdict, the table and the warnings, as one `<div>`.
#[must_use]
pub fn table_analysis_html(analysis: &TableAnalysis) -> String {
    let verdict = table_analysis_verdict(analysis);
    let mut html = format!("<div><p><b>{}</b></p>{}", escape(&verdict), table_analysis_table(analysis).to_html());
    for warning in &analysis.warnings {
        let _ = write!(html, "<p>⚠ {}<br><i>{}</i></p>", escape(&warning.message), escape(&warning.next_step));
    }
    html.push_str("</div>");
    html
}

fn cells(row: &TableAnalysisRow) -> Vec<Cell> {
    let shown = |value: f64| {
        if row.metric_type == "proportion" { number::percent(value) } else { number::significant_digits(value, 4) }
    };
    vec![
        Cell::text(&row.metric),
        Cell::text(&row.metric_type),
        Cell::text(&row.variant),
        Cell::number(number::count(row.units), row.units),
        Cell::number(sum(row.sum), row.sum),
        Cell::optional(row.value, shown),
        Cell::optional(row.rel_effect_size, number::signed_percent),
        interval_cell(row.rel_effect_size_ci_lower, row.rel_effect_size_ci_upper),
        Cell::optional(row.p_value, number::p_value),
        Cell::optional(row.p_value_fixed_horizon, number::p_value),
        Cell::optional(row.chance_to_win, number::probability),
    ]
}

/// Whole sums are counts, mostly.
fn sum(sum: f64) -> String {
    if sum.fract() == 0.0 && sum.abs() < 1e15 { format!("{sum}") } else { number::significant_digits(sum, 6) }
}

fn among(properties: &Map<String, Value>) -> String {
    let shown = |(name, value): (&String, &Value)| format!("{name}: {}", value.as_str().unwrap_or("–"));
    properties.iter().map(shown).collect::<Vec<_>>().join(", ")
}
