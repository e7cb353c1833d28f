//! The answer of the sequential method that was chosen to decide.

use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::stats::Outcome;
use crate::stats::comparison::{PlannedLook, SequentialAnswer};
use crate::stats::inference::Inference;

/// One row per variant; nothing where the anytime-valid answer decides, or none is given.
pub(super) fn section(outcome: &Outcome) -> Option<(String, Table)> {
    let Outcome::Observed(observed) = outcome else { return None };
    let compared = observed.comparisons.against_baseline.iter();
    let answers: Vec<_> =
        compared.filter_map(|(variant, comparison)| Some((variant, comparison.sequential.as_ref()?))).collect();
    // Where nothing is answered, the verdict has said why.
    let (_, first) = answers.iter().find(|(_, answer)| matches!(answer, SequentialAnswer::Given { .. }))?;
    let has_looks = answers.iter().any(|(_, answer)| look(answer).is_some());
    let mut names = vec!["variant", "difference", "interval", "p", "e-value"];
    if has_looks {
        names.extend(["look", "of the units", "z", "bar", "p if stopped", "next look at"]);
    }
    let mut table = Table::new(&names);
    for (variant, answer) in &answers {
        let mut cells = answered(variant, answer);
        if has_looks {
            cells.extend(look(answer).map_or_else(missing, placed));
        }
        table.push(cells);
    }
    Some((heading(first), table))
}

fn heading(answer: &SequentialAnswer) -> String {
    let (SequentialAnswer::Given { method, .. } | SequentialAnswer::Undecided { method, .. }) = answer;
    let adjusted = match answer {
        SequentialAnswer::Given { is_adjusted: true, .. } => ", with covariates taken out",
        _ => "",
    };
    format!("what decides: {}{adjusted}", method.as_str())
}

fn look(answer: &SequentialAnswer) -> Option<&PlannedLook> {
    match answer {
        SequentialAnswer::Given { look, .. } => look.as_ref(),
        SequentialAnswer::Undecided { .. } => None,
    }
}

fn answered(variant: &str, answer: &SequentialAnswer) -> Vec<Cell> {
    let SequentialAnswer::Given { difference, inference, .. } = answer else {
        let mut cells = vec![Cell::text(variant)];
        cells.extend((0..4).map(|_| Cell::missing()));
        return cells;
    };
    let Inference { interval: [lower, upper], p_value, e_value, .. } = inference;
    let digits = |value: f64| number::significant_digits(value, 4);
    vec![
        Cell::text(variant),
        Cell::number(digits(*difference), *difference),
        Cell::text(format!("{} to {}", digits(*lower), digits(*upper))),
        Cell::number(number::p_value(*p_value), *p_value),
        Cell::optional(*e_value, |value| number::significant_digits(value, 3)),
    ]
}

fn placed(place: &PlannedLook) -> Vec<Cell> {
    let z = |value: f64| number::significant_digits(value, 4);
    vec![
        Cell::text(format!("{} of {}", place.look.look, place.looks)),
        Cell::number(number::percent(place.information), place.information),
        Cell::number(z(place.look.z_statistic), place.look.z_statistic),
        Cell::number(z(place.look.z_boundary), place.look.z_boundary),
        Cell::number(number::p_value(place.look.stagewise_p_value), place.look.stagewise_p_value),
        Cell::optional(place.next_look_units, number::amount),
    ]
}

fn missing() -> Vec<Cell> {
    (0..6).map(|_| Cell::missing()).collect()
}
