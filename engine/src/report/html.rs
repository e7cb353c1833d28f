//! A result as a piece of HTML that stands in a notebook: nothing is loaded, and every text is escaped.

use std::fmt::Write;

use crate::report::table::Table;
use crate::report::text::{listed_table, listed_title, secondary_table, secondary_title, variant_table, verdict};
use crate::results::{ExperimentResult, ListedResult, SecondaryResult};

/// The verdict, the table of variants and the warnings, as one `<div>`.
#[must_use]
pub fn html(result: &ExperimentResult) -> String {
    page(&result.experiment.name, result, &variant_table(result))
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
    for warning in &result.warnings {
        let _ = write!(html, "<p>⚠ {}<br><i>{}</i></p>", escape(&warning.message), escape(&warning.next_step));
    }
    html.push_str("</div>");
    html
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
