//! How far a unit got through the steps after its exposure (M-30 to M-36).

use super::{UnitRows, View};
use crate::kernel::funnel::FunnelEvent;
use crate::kernel::instant::Matching;
use crate::kernel::rules::{ExclusionRange, FunnelRules};
use crate::kernel::trace::{Trace, trace};
use crate::model::metric::{FunnelOrder, STEPS_MAX};
use crate::plan::{SequenceRules, TimeRange, UnitMeasure};

/// Any two steps may share an instant.
const NEVER_WITH: [u32; STEPS_MAX + 1] = [0; STEPS_MAX + 1];

/// A modern funnel of one unit: any of its exposures is a start, and the window runs from there, its end inside.
pub(super) struct Sequence<'a> {
    rules: &'a SequenceRules,
    /// The first instant at which steps count.
    from: i64,
    /// The last instant at which steps count.
    to: i64,
    /// How long after the exposure steps count.
    window: Option<i64>,
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
        let ends: Vec<usize> = (0..events.len()).collect();
        let last = ends.partition_point(|last| self.reached(&events[..=*last]) < self.rules.steps);
        events.get(last).map_or(i64::MIN, |event| event.timestamp)
    }

    /// Which events filled which steps, the exposure first, and the rows that these events are.
    pub(super) fn trace(&self, rows: &UnitRows) -> (Trace, Vec<usize>) {
        let seen = self.seen(rows);
        let events: Vec<FunnelEvent> = seen.iter().map(|(_, event)| *event).collect();
        let trace = trace(&self.in_order(&NEVER_WITH[..=self.rules.steps]), &events);
        (trace, seen.into_iter().map(|(row, _)| row).collect())
    }

    fn deadline(&self, entry: i64) -> i64 {
        self.window.map_or(self.to, |window| entry.saturating_add(window).min(self.to))
    }

    /// The rules of a funnel in order, or a strict one.
    fn in_order<'b>(&'b self, never_with: &'b [u32]) -> FunnelRules<'b, impl Fn(i64) -> i64> {
        let exclusion =
            |(from_step, to_step): &(usize, usize)| ExclusionRange { from_step: *from_step, to_step: *to_step };
        FunnelRules {
            order: self.rules.order,
            never_with,
            exclusions: self.exclusions().iter().map(exclusion).collect(),
            deadline: |entry| self.deadline(entry),
        }
    }

    fn reached(&self, events: &[FunnelEvent]) -> usize {
        if self.rules.order == FunnelOrder::Unordered {
            return self.reached_in_any_order(events);
        }
        self.in_order(&NEVER_WITH[..=self.rules.steps]).steps_reached(events).saturating_sub(1)
    }

    /// What must not happen in between; nothing does in a strict funnel (Q-E5).
    fn exclusions(&self) -> &[(usize, usize)] {
        if self.rules.order == FunnelOrder::Strict { &[] } else { &self.rules.exclusions }
    }

    /// The exposure comes first, then the steps in any order: the most steps that distinct events inside the window of one
    /// exposure fill. An exposure is thrown away when an excluded event follows it before all steps are done, or its window ends.
    fn reached_in_any_order(&self, events: &[FunnelEvent]) -> usize {
        let mut best = 0;
        for (index, start) in events.iter().enumerate().filter(|(_, event)| event.steps & 1 != 0) {
            let until = self.deadline(start.timestamp);
            let begin = events.partition_point(|event| event.timestamp < start.timestamp);
            let end = events.partition_point(|event| event.timestamp <= until).max(begin);
            // The exposure itself fills no step.
            let inside: Vec<FunnelEvent> =
                (begin..end).filter(|other| *other != index).map(|other| events[other]).collect();
            let filled = self.filled(&inside);
            let complete = filled == self.rules.steps;
            let done = if complete {
                let ends: Vec<usize> = (0..inside.len()).collect();
                let last = ends.partition_point(|last| self.filled(&inside[..=*last]) < self.rules.steps);
                inside.get(last).map_or(until, |event| event.timestamp)
            } else {
                until
            };
            let is_excluded = inside.iter().any(|event| {
                event.steps >> (self.rules.steps + 1) != 0
                    && start.timestamp < event.timestamp
                    && event.timestamp < done
            });
            if !is_excluded {
                best = best.max(filled);
            }
            if best == self.rules.steps {
                break;
            }
        }
        best
    }

    fn filled(&self, events: &[FunnelEvent]) -> usize {
        let mut matching = Matching::new(events);
        (1..=self.rules.steps).filter(|step| matching.add(*step)).count()
    }

    fn events(&self, rows: &UnitRows) -> Vec<FunnelEvent> {
        let mut events = Vec::with_capacity(rows.timestamps.len());
        events.extend(self.each_seen(rows).map(|(_, event)| event));
        events
    }

    /// The rows as a funnel sees them, with their positions: bit 0 is the exposure, bit k step k, and the exclusions follow.
    fn seen(&self, rows: &UnitRows) -> Vec<(usize, FunnelEvent)> {
        self.each_seen(rows).collect()
    }

    fn each_seen(&self, rows: &UnitRows) -> impl Iterator<Item = (usize, FunnelEvent)> {
        let width = 1 + self.rules.steps + self.exclusions().len();
        let known = u32::MAX >> (u32::BITS as usize - width);
        let event = move |row: usize| {
            let timestamp = rows.timestamps[row];
            let bits = rows.roles[row] & known;
            let counts = self.from <= timestamp;
            (row, FunnelEvent { timestamp, steps: if counts { bits } else { bits & 1 }, variant: rows.variants[row] })
        };
        let events = (0..rows.timestamps.len()).map(event);
        let is_seen = move |event: &FunnelEvent| event.steps != 0 || self.rules.order == FunnelOrder::Strict;
        events.filter(move |(_, event)| event.timestamp <= self.to && is_seen(event))
    }
}
