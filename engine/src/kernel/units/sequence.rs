//! How far a unit got through the steps after its exposure (M-30 to M-36).

use super::{UnitRows, View};
use crate::kernel::funnel::{Funnel, FunnelEvent};
use crate::plan::{SequenceRules, TimeRange, UnitMeasure};

/// A modern funnel of one unit: any of its exposures is a start, and the window runs from there, its end inside.
pub(super) struct Sequence<'a> {
    rules: &'a SequenceRules,
    /// The first instant at which steps count.
    from: i64,
    /// The last instant at which steps count.
    to: i64,
    /// How long after the exposure steps count.
    window: Option<i64>,
    never_with: Vec<u32>,
}

impl<'a> Sequence<'a> {
    pub(super) fn new(
        rules: &'a SequenceRules,
        measure: &UnitMeasure,
        exposed: TimeRange,
        first_exposure: i64,
        view: View,
    ) -> Self {
        let window = measure.window;
        let end = (exposed.until_microseconds - 1).min(view.as_of_microseconds);
        let latest = window.lookback_microseconds.map_or(i64::MIN, |lookback| end.saturating_sub(lookback));
        let until = match window.conversion_microseconds {
            None => end,
            Some(_) => i64::MAX,
        };
        let old = view.age_microseconds.map_or(i64::MAX, |(_, old)| first_exposure.saturating_add(old) - 1);
        Self {
            rules,
            from: first_exposure.saturating_add(window.delay_microseconds).max(latest),
            to: until.min(view.as_of_microseconds).min(old),
            window: window.conversion_microseconds,
            never_with: vec![0; rules.steps + 1],
        }
    }

    /// The number of steps after the exposure that the unit reached.
    pub(super) fn steps_reached(&self, rows: &UnitRows) -> usize {
        self.reached(&self.events(rows))
    }

    /// When the unit completed the last step, if it did; the earliest instant by which all steps can be done.
    pub(super) fn completed_at(&self, rows: &UnitRows) -> i64 {
        let events = self.events(rows);
        // More events never undo a step, so the shortest history that reaches the end is found by halving.
        let enough = (0..events.len()).collect::<Vec<_>>();
        let last = enough.partition_point(|last| self.reached(&events[..=*last]) < self.rules.steps);
        events.get(last).map_or(i64::MIN, |event| event.timestamp)
    }

    fn reached(&self, events: &[FunnelEvent]) -> usize {
        let deadline = |entry: i64| self.window.map_or(i64::MAX, |window| entry.saturating_add(window));
        Funnel::new(&self.never_with, deadline).steps_reached(events).saturating_sub(1)
    }

    /// The rows as a funnel sees them: bit 0 is the exposure, bit k step k.
    fn events(&self, rows: &UnitRows) -> Vec<FunnelEvent> {
        let steps = u32::MAX >> (u32::BITS - 1 - u32::try_from(self.rules.steps).unwrap_or(0));
        let event = |row: usize| {
            let timestamp = rows.timestamps[row];
            let bits = rows.roles[row] & steps;
            let counts = self.from <= timestamp && timestamp <= self.to;
            FunnelEvent { timestamp, steps: if counts { bits } else { bits & 1 }, variant: rows.variants[row] }
        };
        let events = (0..rows.timestamps.len()).map(event);
        events.filter(|event| event.steps != 0 && event.timestamp <= self.to).collect()
    }
}
