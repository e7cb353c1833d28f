//! An audit of assignments: what it comes to, the counts, and the first that disagree.

use std::fmt::Write;

use crate::assignment::{Disagreement, DisagreementReason, NotEvaluable, Source, SourceAudit};
use crate::error::Result;
use crate::report::html::escape;
use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::results::{AssignmentAudit, AuditVerdict};

/// An audit for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn audit(audit: &AssignmentAudit, width: Option<u16>) -> String {
    let mut text =
        format!("{}  (assignment audit, {})\n{}\n", audit.experiment.name, subject(audit), audit_verdict(audit));
    for (title, table) in tables(audit) {
        let title = if title.is_empty() { String::new() } else { format!("{title}\n") };
        let _ = write!(text, "\n{title}{}", table.to_text(width));
    }
    for note in notes(audit) {
        let _ = write!(text, "\nnote: {note}\n");
    }
    if let Some(next_step) = &audit.next_step {
        let _ = write!(text, "\nhint: {next_step}\n");
    }
    text
}

/// One sentence that says what came out.
#[must_use]
pub fn audit_verdict(audit: &AssignmentAudit) -> String {
    let sum = |count: fn(&SourceAudit) -> u64| audit.tally.sources.iter().map(count).sum::<u64>();
    let (agreeing, disagreeing) = (sum(|source| source.agreeing), sum(|source| source.disagreeing));
    let compared = agreeing + disagreeing;
    let since = audit.tally.sources.iter().filter_map(|source| source.disagreeing_since).min();
    let since = since.map_or_else(String::new, |since| format!(", since {since}"));
    let differ = || {
        format!(
            "{} of {} logged assignments differ from what the flag gives{since}",
            number::count(disagreeing),
            number::count(compared)
        )
    };
    match audit.verdict {
        AuditVerdict::NothingLogged => "No assignment was logged.".into(),
        AuditVerdict::NotEvaluable => "No logged assignment could be recomputed.".into(),
        AuditVerdict::Agrees => {
            format!("All {} logged assignments that could be compared agree with the flag.", number::count(compared))
        }
        AuditVerdict::FlagChanged => format!("{}; each is what the flag gave at the time.", differ()),
        AuditVerdict::MostlyAgrees => format!("{}: less than 1 %.", differ()),
        AuditVerdict::Disagrees => format!("{}.", differ()),
    }
}

/// One row per source with its totals.
#[must_use]
pub fn source_table(audit: &AssignmentAudit) -> Table {
    let columns =
        ["logged in", "ids", "with several values", "agree", "disagree", "not evaluable", "unanswered", "agreement"];
    let mut table = Table::new(&columns);
    for source in &audit.tally.sources {
        let count = |count: u64| Cell::number(number::count(count), count);
        table.push(vec![
            Cell::text(name_of(source.source)),
            count(source.ids),
            count(source.ids_with_several_values),
            count(source.agreeing),
            count(source.disagreeing),
            count(source.not_evaluable),
            count(source.unanswered),
            Cell::optional(source.agreement, number::probability),
        ]);
    }
    table
}

/// Logged against recomputed values.
#[must_use]
pub fn matrix_table(audit: &AssignmentAudit) -> Table {
    let mut table = Table::new(&["logged in", "logged", "the flag gives", "assignments", "events"]);
    for source in &audit.tally.sources {
        for cell in &source.matrix {
            table.push(vec![
                Cell::text(name_of(source.source)),
                Cell::text(&cell.logged),
                Cell::text(cell.recomputed.as_deref().unwrap_or("–")),
                Cell::number(number::count(cell.assignments), cell.assignments),
                Cell::number(number::count(cell.events), cell.events),
            ]);
        }
    }
    table
}

/// The columns of a disagreement in a file.
const COLUMNS: [&str; 9] =
    ["distinct_id", "group", "source", "logged", "recomputed", "reason", "first_seen", "last_seen", "events"];

/// Disagreements as a table.
#[must_use]
pub fn disagreement_table<'a>(disagreements: impl IntoIterator<Item = &'a Disagreement>) -> Table {
    let mut table = Table::new(&COLUMNS);
    for one in disagreements {
        table.push(vec![
            Cell::text(&one.distinct_id),
            Cell::text(one.group.as_deref().unwrap_or_default()),
            Cell::text(one.source.as_str()),
            Cell::text(&one.logged),
            Cell::text(&one.recomputed),
            Cell::text(one.reason.as_str()),
            Cell::text(one.first_seen.to_string()),
            Cell::text(one.last_seen.to_string()),
            Cell::number(number::count(one.events), one.events),
        ]);
    }
    table
}

/// The first line of a CSV file of disagreements.
///
/// # Errors
/// `Bug`, should it not be writable.
pub fn disagreement_header() -> Result<String> {
    disagreement_table([]).to_csv()
}

/// A disagreement as a line of a CSV file.
///
/// # Errors
/// `Bug`, should it not be writable.
pub fn disagreement_csv(disagreement: &Disagreement) -> Result<String> {
    let with_header = disagreement_table([disagreement]).to_csv()?;
    Ok(with_header.split_once('\n').map(|(_, line)| line.to_owned()).unwrap_or_default())
}

/// The audit as one `<div>` for a notebook.
#[must_use]
pub fn audit_html(audit: &AssignmentAudit) -> String {
    let mut html =
        format!("<div><p><b>{}</b><br>{}</p>", escape(&audit.experiment.name), escape(&audit_verdict(audit)));
    for (title, table) in tables(audit) {
        let _ = write!(html, "<p>{}</p>{}", escape(title), table.to_html());
    }
    for note in notes(audit) {
        let _ = write!(html, "<p>{}</p>", escape(&note));
    }
    if let Some(next_step) = &audit.next_step {
        let _ = write!(html, "<p><i>{}</i></p>", escape(next_step));
    }
    html.push_str("</div>");
    html
}

/// The tables that have rows, with their titles.
fn tables(audit: &AssignmentAudit) -> Vec<(&'static str, Table)> {
    let all = [
        ("", source_table(audit)),
        ("", matrix_table(audit)),
        ("likely reasons", reason_table(audit)),
        ("the first that disagree", example_table(&audit.tally.examples)),
    ];
    let is_silent = audit.verdict == AuditVerdict::NothingLogged;
    all.into_iter().filter(|(_, table)| !is_silent && !table.is_empty()).collect()
}

/// Disagreements as people read them; without a column of groups where there are none.
fn example_table(examples: &[Disagreement]) -> Table {
    let has_groups = examples.iter().any(|one| one.group.is_some());
    let mut columns = vec!["id", "logged in", "logged", "the flag gives", "reason", "first seen", "events"];
    if has_groups {
        columns.insert(1, "group");
    }
    let mut table = Table::new(&columns);
    for one in examples {
        let mut row = vec![
            Cell::text(&one.distinct_id),
            Cell::text(name_of(one.source)),
            Cell::text(&one.logged),
            Cell::text(&one.recomputed),
            Cell::text(one.reason.as_str()),
            Cell::text(one.first_seen.to_string()),
            Cell::number(number::count(one.events), one.events),
        ];
        if has_groups {
            row.insert(1, Cell::text(one.group.as_deref().unwrap_or("–")));
        }
        table.push(row);
    }
    table
}

fn reason_table(audit: &AssignmentAudit) -> Table {
    let mut table = Table::new(&["logged in", "reason", "assignments", "events", "which means"]);
    for source in &audit.tally.sources {
        for count in &source.reasons {
            table.push(vec![
                Cell::text(name_of(source.source)),
                Cell::text(count.reason.as_str()),
                Cell::number(number::count(count.assignments), count.assignments),
                Cell::number(number::count(count.events), count.events),
                Cell::text(meaning(count.reason)),
            ]);
        }
    }
    table
}

fn notes(audit: &AssignmentAudit) -> Vec<String> {
    let mut notes = Vec::new();
    for reason in &audit.tally.not_evaluable {
        let why = match reason {
            NotEvaluable::UnknownProperties => "the flag asks for properties that are not known",
            NotEvaluable::UnknownCohort => "the flag asks who is listed in a static cohort, which is not known",
            NotEvaluable::UnknownGroup => "the flag splits groups, and events do not say which group it was",
        };
        notes.push(format!("some are not evaluable, as {why}"));
    }
    let broken = audit.tally.definitions_not_evaluable;
    if broken > 0 {
        notes.push(format!("{broken} of the flag's earlier definitions cannot be evaluated, and so explain nothing"));
    }
    notes
}

fn subject(audit: &AssignmentAudit) -> String {
    let start = audit.experiment.start_date.map(|start| start.to_string()).unwrap_or_default();
    let end = audit.experiment.end_date.map_or(audit.as_of, |end| end.min(audit.as_of));
    format!("flag {}, {start} to {end}", audit.experiment.feature_flag_key)
}

fn name_of(source: Source) -> &'static str {
    match source {
        Source::FlagCalled => "flag calls",
        Source::EventProperty => "event properties",
    }
}

fn meaning(reason: DisagreementReason) -> &'static str {
    match reason {
        DisagreementReason::FlagChanged => "the flag as it was then gives the logged value",
        DisagreementReason::Holdout => "held out by the flag or by the log, but not by both",
        DisagreementReason::UnknownVariant => "the flag has no such variant",
        DisagreementReason::OtherId => "the flag gives the logged value to another id of the person",
        DisagreementReason::Rollout => "let in by the flag or by the log, but not by both",
        DisagreementReason::Unexplained => "nothing in the data tells why",
    }
}
