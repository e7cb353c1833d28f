//! What each event of one unit counts for, and why not (M-21, M-30, M-50).

use super::{Counted, UnitRecord, UnitRows, View, counted, evaluate, retention, sequence::Sequence};
use crate::kernel::trace::Trace;
use crate::model::metric::FunnelOrder;
use crate::plan::{TEST_ACCOUNT_ROLE, TimeRange, UnitMeasure, UnitValue};

/// What one event of a unit is to the metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowExplanation {
    /// Whether it is left out because it is of a test account.
    pub is_test_account: bool,
    /// The position of the variant that it exposes the unit to, from 0.
    pub exposes: Option<usize>,
    /// The sources it belongs to, and whether it counts for each.
    pub sources: Vec<(usize, Standing)>,
}

/// Whether an event counts for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Counted,
    /// It counts for the covariate: it happened before the exposure, within the look-back (M-61).
    Covariate,
    /// It happened before the unit was exposed, or before the delay after that.
    TooEarly,
    /// It happened after the window, or after the experiment's end.
    TooLate,
    /// The unit was never exposed.
    NotExposed,
}

/// How a unit fared, event by event.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitTrace {
    /// What became of it; `None` when it was not exposed.
    pub record: Option<UnitRecord>,
    /// What each row is.
    pub rows: Vec<RowExplanation>,
    /// How it went through the steps, the exposure first, and the rows that the trace's events stand for; only of funnels in
    /// order.
    pub steps: Option<(Trace, Vec<usize>)>,
}

/// Explains all rows of a unit, those of test accounts included.
#[must_use]
pub fn explain(measure: &UnitMeasure, exposed: TimeRange, rows: &UnitRows) -> UnitTrace {
    let view = View::whole(measure);
    let own = rows.without(TEST_ACCOUNT_ROLE);
    let record = evaluate(measure, exposed, &own, view);
    let window = record.as_ref().map(|record| counted(record, measure, exposed, view));
    let row = |index: usize| {
        let roles = rows.roles[index];
        let is_of = |source: &usize| roles >> (source + 1) & 1 != 0;
        let sources = (0..measure.sources.len()).filter(is_of);
        let standing = |source| {
            let place = (source, rows.timestamps[index]);
            (source, standing(measure, record.as_ref().zip(window), place))
        };
        RowExplanation {
            is_test_account: roles & TEST_ACCOUNT_ROLE != 0,
            exposes: (roles & 1 != 0).then(|| super::position(rows.variants[index])),
            sources: sources.map(standing).collect(),
        }
    };
    let steps = record.as_ref().and_then(|record| steps(measure, exposed, rows, record, view));
    UnitTrace { rows: (0..rows.timestamps.len()).map(row).collect(), steps, record }
}

fn standing(measure: &UnitMeasure, exposure: Option<(&UnitRecord, Counted)>, place: (usize, i64)) -> Standing {
    let (source, timestamp) = place;
    let Some((record, window)) = exposure else { return Standing::NotExposed };
    let window = match &measure.value {
        UnitValue::Retention(_) if source == 0 => retention::starts(record.first_exposure, measure, window),
        UnitValue::Retention(rules) => Counted { to: rules.until_microseconds, ..window },
        // Each start has a window of its own; the trace tells which events were too late.
        UnitValue::Funnel(_) | UnitValue::TimeToConvert(_) => Counted { to: i64::MAX, ..window },
        _ => window,
    };
    let is_covariate = measure
        .covariate_microseconds
        .is_some_and(|reach| (record.first_exposure.saturating_sub(reach)..record.first_exposure).contains(&timestamp));
    if is_covariate {
        Standing::Covariate
    } else if source + measure.further_covariates >= measure.sources.len() {
        // It is looked at before the exposure only.
        if timestamp < record.first_exposure { Standing::TooEarly } else { Standing::TooLate }
    } else if timestamp < window.from {
        Standing::TooEarly
    } else if timestamp > window.to {
        Standing::TooLate
    } else {
        Standing::Counted
    }
}

fn steps(
    measure: &UnitMeasure,
    exposed: TimeRange,
    rows: &UnitRows,
    record: &UnitRecord,
    view: View,
) -> Option<(Trace, Vec<usize>)> {
    let (UnitValue::Funnel(rules) | UnitValue::TimeToConvert(rules)) = &measure.value else { return None };
    if rules.order == FunnelOrder::Unordered {
        return None;
    }
    let kept: Vec<usize> = (0..rows.roles.len()).filter(|row| rows.roles[*row] & TEST_ACCOUNT_ROLE == 0).collect();
    let own = rows.without(TEST_ACCOUNT_ROLE);
    let sequence = Sequence::new(rules, measure, exposed, record.first_exposure, view);
    let (trace, events) = sequence.trace(&own);
    Some((trace, events.into_iter().map(|row| kept[row]).collect()))
}
