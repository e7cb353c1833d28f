//! One unit, event by event, as text.

use std::fmt::Write;

use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::results::{ListedUnit, UnitExplanation};

/// What a modern metric makes of one unit: the outcome, the steps of a funnel, and every event.
#[must_use]
pub fn unit_explanation(explanation: &UnitExplanation, width: Option<u16>) -> String {
    let mut text = format!("{}\n{}\n", explanation.unit, outcome(explanation.result.as_ref()));
    for step in &explanation.steps {
        let name = if step.step == 0 { "exposure".to_owned() } else { format!("step {}", step.step) };
        let told = match (&step.filled_at, &step.missing_because) {
            (Some(at), _) => at.to_string(),
            (None, Some(why)) => format!("not reached: {why}"),
            (None, None) => "not reached".to_owned(),
        };
        let _ = writeln!(text, "{name}: {told}");
    }
    text.push('\n');
    text.push_str(&unit_event_table(explanation).to_text(width));
    text
}

/// The events of an explained unit: when, what, what it matched, and what it counts for.
#[must_use]
pub fn unit_event_table(explanation: &UnitExplanation) -> Table {
    let mut table = Table::new(&["timestamp", "event", "matched", "verdict"]);
    for event in &explanation.events {
        table.push(vec![
            Cell::text(event.timestamp.to_string()),
            Cell::text(&event.event),
            Cell::text(event.matched.join(", ")),
            Cell::text(&event.verdict),
        ]);
    }
    table
}

fn outcome(result: Option<&ListedUnit>) -> String {
    let Some(unit) = result else {
        return "was not exposed to a variant in the experiment's time, so it is in no metric".into();
    };
    let first = format!("variant {}, first exposed on {}", unit.variant, unit.first_exposure);
    match unit.left_out {
        Some(reason) => format!("{first}; does not count: {}", reason.as_str()),
        None => format!("{first}; its value is {}", number::significant_digits(unit.value, 6)),
    }
}
