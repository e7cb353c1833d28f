//! A report: all that there is to say about an experiment, as one HTML file and as Markdown.

mod html;
mod markdown;

pub use html::report_html;
pub use markdown::report_markdown;

use crate::model::metric_list::EntryRole;
use crate::report::decision::decision_verdict;
use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::report::text::verdict;
use crate::report::units;
use crate::results::{MetricResult, Report, ReportedMetric, Warning, rows};

/// What came out, in one sentence.
fn headline(report: &Report) -> String {
    match (&report.decision, report.metrics.first()) {
        (Some(decision), _) => capital(&decision_verdict(decision)),
        (None, Some(metric)) => verdict(&metric.listed.result),
        (None, None) => "The experiment has no metric that could be shown.".to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// When it ran, and what the report holds for.
fn subject(report: &Report) -> String {
    let experiment = &report.experiment;
    let began = experiment.start_date.map_or_else(|| "not begun".to_owned(), |start| format!("from {start}"));
    let ended = experiment.end_date.map_or_else(String::new, |end| format!(" to {end}"));
    format!("flag {}, {began}{ended}, as of {}", experiment.feature_flag_key, report.as_of)
}

/// Its name, or its place in the experiment.
fn name(metric: &ReportedMetric) -> &str {
    let entry = &metric.listed.metric;
    if entry.name.is_empty() { &entry.id } else { &entry.name }
}

fn role(metric: &ReportedMetric) -> String {
    match (metric.guardrail_margin, metric.listed.metric.role) {
        (Some(margin), _) => format!("guardrail, {} at most", number::percent(margin)),
        (None, EntryRole::Primary) => "primary".to_owned(),
        (None, EntryRole::Secondary) => "secondary".to_owned(),
    }
}

/// All metrics, a row per variant.
fn overview(report: &Report) -> Table {
    let mut table = Table::new(&[
        "metric",
        "role",
        "variant",
        "units",
        "value",
        "lift",
        "any-time interval",
        "p any-time",
        "chance to win",
    ]);
    for metric in &report.metrics {
        for row in rows(&metric.listed.result) {
            let shown = |value: f64| match &metric.listed.result.result {
                MetricResult::Units { metric_type, .. } => units::shown(metric_type, value),
                MetricResult::Funnel { .. } => number::percent(value),
                MetricResult::Trend { .. } => number::significant_digits(value, 4),
            };
            table.push(vec![
                Cell::text(name(metric)),
                Cell::text(role(metric)),
                Cell::text(&row.variant),
                Cell::number(number::amount(row.units), row.units),
                Cell::optional(row.rate, shown),
                Cell::optional(row.rel_effect_size, number::signed_percent),
                units::interval_cell(row.rel_effect_size_ci_lower, row.rel_effect_size_ci_upper),
                Cell::optional(row.p_value, number::p_value),
                Cell::optional(row.chance_to_win, number::probability),
            ]);
        }
    }
    table
}

/// What to be careful about, of all parts, each with what it is about.
fn doubts(report: &Report) -> Vec<(String, &Warning)> {
    let of_metrics = report
        .metrics
        .iter()
        .flat_map(|metric| metric.listed.result.warnings.iter().map(|warning| (name(metric).to_owned(), warning)));
    let of_exposures = report.exposures.iter().flat_map(|view| &view.warnings);
    let besides = report.not_shown.iter().map(|warning| (String::new(), warning));
    besides.chain(of_exposures.map(|warning| ("exposures".to_owned(), warning))).chain(of_metrics).collect()
}

/// What the numbers were computed from.
fn fingerprints(report: &Report) -> Table {
    let mut table = Table::new(&["what", "value"]);
    let mut put = |what: &str, value: String| table.push(vec![Cell::text(what), Cell::text(value)]);
    put("as of", report.as_of.to_string());
    put("engine", format!("abduck {}", report.engine_version));
    put("data", format!("version {}, digest {}", report.data_version, report.data_digest));
    for metric in &report.metrics {
        put(&format!("fingerprint of {}", name(metric)), metric.listed.result.provenance.fingerprint.clone());
    }
    table
}

/// A definition as indented JSON.
fn definition(metric: &ReportedMetric) -> String {
    let query = serde_json::Value::Object(metric.listed.metric.query.clone());
    format!("{query:#}\n")
}
