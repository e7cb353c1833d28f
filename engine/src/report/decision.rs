//! What to do with an experiment: as text, as a table, and as HTML.

use std::fmt::Write;

use crate::report::html::escape;
use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::report::units::interval_cell;
use crate::results::ExperimentDecision;
use crate::stats::decision::{DecisionRole, Finding, Verdict};

/// The decision for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn decision(decision: &ExperimentDecision, width: Option<u16>) -> String {
    let mut text = format!("{}: {}\n", decision.experiment.name, decision_verdict(decision));
    if !decision.decision.reasons.is_empty() {
        let _ = write!(text, "\n{}", decision_table(decision).to_text(width));
    }
    if let Some(ratio) = &decision.sample_ratio {
        let fits = if ratio.is_mismatch { "does not fit" } else { "fits" };
        let p_value = number::p_value(ratio.anytime_p_value);
        let _ = write!(text, "\nThe ratio of the variants {fits} the split (any-time p {p_value}).\n");
    }
    if !decision.ignored_metrics.is_empty() {
        let _ = write!(
            text,
            "\nWithout a part in it, as only metrics of the kind ExperimentMetric have answers that hold at any look: {}.\n",
            decision.ignored_metrics.join(", ")
        );
    }
    text
}

/// One sentence: what to do, and why.
#[must_use]
pub fn decision_verdict(decision: &ExperimentDecision) -> String {
    let what = match (decision.decision.verdict, &decision.decision.variant) {
        (Verdict::Ship, Some(variant)) => format!("ship '{variant}'"),
        (Verdict::Ship, None) => "ship".to_owned(),
        (Verdict::KeepRunning, _) => "keep running".to_owned(),
        (Verdict::Hold, _) => "hold".to_owned(),
        (Verdict::RollBack, _) => "roll back".to_owned(),
    };
    format!("{what}, because {}.", decision.decision.because)
}

/// One row per metric and variant: what is known.
#[must_use]
pub fn decision_table(decision: &ExperimentDecision) -> Table {
    let mut table = Table::new(&["metric", "role", "variant", "finding", "interval", "p adjusted"]);
    for reason in decision.rows() {
        let role = match reason.role {
            DecisionRole::Guardrail { margin } => format!("guardrail, {} at most", number::percent(margin)),
            DecisionRole::Primary | DecisionRole::Secondary => reason.role.as_str().to_owned(),
        };
        let finding = reason
            .undecided
            .as_ref()
            .map_or_else(|| in_words(reason.finding).to_owned(), |why| format!("{}: {why}", in_words(reason.finding)));
        let [low, high] = reason.relative_interval.map_or([None, None], |[low, high]| [Some(low), Some(high)]);
        table.push(vec![
            Cell::text(&reason.metric),
            Cell::text(&role),
            Cell::text(&reason.variant),
            Cell::text(finding),
            interval_cell(low, high),
            Cell::optional(reason.adjusted_p_value, number::p_value),
        ]);
    }
    table
}

/// The decision as one `<div>` for a notebook.
#[must_use]
pub fn decision_html(decision: &ExperimentDecision) -> String {
    format!(
        "<div><p><b>{}</b><br>{}</p>{}</div>",
        escape(&decision.experiment.name),
        escape(&decision_verdict(decision)),
        decision_table(decision).to_html()
    )
}

fn in_words(finding: Finding) -> &'static str {
    match finding {
        Finding::Better => "better",
        Finding::Worse => "worse",
        Finding::Open => "open",
        Finding::Safe => "holds",
        Finding::Breached => "broken",
        Finding::TooLittleData => "too little data",
    }
}
