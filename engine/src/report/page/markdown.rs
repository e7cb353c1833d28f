//! A report as Markdown: tables instead of plots.

use std::fmt::Write;

use super::{capital, definition, doubts, fingerprints, headline, name, overview, role, subject};
use crate::report::decision::decision_table;
use crate::report::explain::explanation;
use crate::report::exposure_view::{summary, totals};
use crate::report::text::{listed_table, verdict};
use crate::report::units;
use crate::results::{Report, ReportedMetric, Warning};

/// A report as Markdown, for a wiki, a pull request or a terminal.
#[must_use]
pub fn report_markdown(report: &Report) -> String {
    let mut text = format!("# {}\n\n{}\n\n", escaped(&report.experiment.name), escaped(&subject(report)));
    let _ = write!(text, "**{}**\n\n", escaped(&headline(report)));
    if let Some(decision) = report.decision.as_ref().filter(|decision| !decision.rows().is_empty()) {
        let _ = writeln!(text, "{}", decision_table(decision).to_markdown());
    }
    let metrics = overview(report);
    if !metrics.is_empty() {
        let _ = write!(text, "## Metrics\n\n{}\n", metrics.to_markdown());
    }
    for reported in &report.metrics {
        metric(&mut text, reported);
    }
    if let Some(view) = &report.exposures {
        let _ = write!(text, "## Exposures\n\n{}\n\n{}\n", escaped(&summary(view)), totals(view).to_markdown());
    }
    careful(&mut text, report);
    text.push_str("## Definitions\n\n");
    fenced(&mut text, "yaml", &report.definition);
    for reported in &report.metrics {
        let _ = write!(text, "### {}: definition, plan and SQL\n\n", escaped(&capital(name(reported))));
        fenced(&mut text, "json", &definition(reported));
        fenced(&mut text, "sql", &explanation(&reported.explanation, None));
    }
    let _ = write!(text, "## Where the numbers come from\n\n{}", fingerprints(report).to_markdown());
    text
}

fn metric(text: &mut String, reported: &ReportedMetric) {
    let listed = &reported.listed;
    let _ = write!(
        text,
        "## {} ({})\n\n{}\n\n{}\n",
        escaped(&capital(name(reported))),
        role(reported),
        escaped(&verdict(&listed.result)),
        listed_table(listed).to_markdown()
    );
    for (heading, table) in units::sections(&listed.result.result) {
        let _ = write!(text, "### {}\n\n{}\n", escaped(&capital(&heading)), table.to_markdown());
    }
}

fn careful(text: &mut String, report: &Report) {
    let doubts = doubts(report);
    if doubts.is_empty() {
        return;
    }
    text.push_str("## What to be careful about\n\n");
    for (about, Warning { message, next_step, .. }) in doubts {
        let about = if about.is_empty() { String::new() } else { format!("**{}**: ", escaped(&about)) };
        let _ = writeln!(text, "- {about}{}  \n  *{}*", escaped(message), escaped(next_step));
    }
    text.push('\n');
}

/// A block of code in a fence that is longer than any in it.
fn fenced(text: &mut String, language: &str, code: &str) {
    let longest = code.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = write!(text, "{fence}{language}\n{}\n{fence}\n\n", code.trim_end());
}

/// A text in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' => escaped.extend(['\\', character]),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_texts_stays_text() {
        assert_eq!(escaped("a*b_c <script>\n# d"), "a\\*b\\_c \\<script\\> \\# d");
        let mut text = String::new();
        fenced(&mut text, "sql", "SELECT '````'");
        assert_eq!(text, "`````sql\nSELECT '````'\n`````\n\n");
    }
}
