//! A result as a piece of HTML that stands in a notebook: nothing is loaded, and every text is escaped.

use std::fmt::Write;

use crate::report::table::Table;
use crate::report::text::{listed_table, listed_title, secondary_table, secondary_title, variant_table, verdict};
use crate::report::units;
use crate::results::{ExperimentResult, ListedResult, SecondaryResult, Warning};

/// The verdict, the table of variants and the warnings, as one `<div>`.
#[must_use]
pub fn html(result: &ExperimentResult) -> String {
    page(&units::title(result), result, &variant_table(result))
}

/// As [`html`], for a secondary result.
#[must_use]
pub fn secondary_html(secondary: &SecondaryResult) -> String {
    page(&secondary_title(secondary), &secondary.result, &secondary_table(secondary))
}

/// As [`html`], for the result of a listed metric.
#[must_use]
pub fn listed_html(listed: &ListedResult) -> String {
    page(&listed_title(listed), &listed.result, &listed_table(listed))
}

fn page(title: &str, result: &ExperimentResult, table: &Table) -> String {
    let mut html = format!("<div><p><b>{}</b><br>{}</p>", escape(title), escape(&verdict(result)));
    html.push_str(&table.to_html());
    for (heading, table) in units::sections(&result.result) {
        let _ = write!(html, "<p>{}</p>{}", escape(&heading), table.to_html());
    }
    html.push_str(&warnings(&result.warnings));
    html.push_str("</div>");
    html
}

/// What to be careful about, a paragraph each.
pub(super) fn warnings(warnings: &[Warning]) -> String {
    let warning =
        |warning: &Warning| format!("<p>⚠ {}<br><i>{}</i></p>", escape(&warning.message), escape(&warning.next_step));
    warnings.iter().map(warning).collect()
}

/// A text as HTML, for content and for quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#x27;"),
            other => escaped.push(other),
        }
    }
    escaped
}
