//! What every start of an ordered funnel leads to.
//!
//! From a start the unit takes, step by step, the earliest events that are left (Q-F3). A start is thrown away when an
//! exclusion event lies strictly between the times of two steps; where the second was not reached within the window of the
//! start, the window of the first one bounds it (Q-E1, Q-E3).
//!
//! Starts are walked one by one, in order of time. A later start is never ahead of an earlier one, so the place where each
//! state leads to only moves forward, and so does the place of the next exclusion event. All starts together cost
//! O(events × steps + starts × (steps + exclusions)), plus the matching where events coincide. Remembering only the latest
//! deadline per step, as [`Funnel`](crate::kernel::funnel::Funnel) does, would not do: the start it belongs to may be thrown
//! away later.

use crate::kernel::funnel::FunnelEvent;
use crate::kernel::instant::{furthest, instant_of, next_of_step};
use crate::kernel::rules::{FunnelRules, Pass};
use crate::model::metric::STEPS_MAX;

/// Where a unit that has reached some steps goes next.
#[derive(Clone, Copy, Default)]
struct Stop {
    /// The first event of the next step; past the last event when there is none.
    event: usize,
    /// The position after the last event of its instant; 0 when nobody has looked yet.
    end: usize,
    /// How many steps are reached there.
    reached: usize,
}

pub(super) fn passes<D: Fn(i64) -> i64>(
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    mut each: impl FnMut(&Pass<'_>),
) {
    let mut stops = [Stop::default(); STEPS_MAX];
    let mut exclusion_events = vec![0; rules.exclusions.len()];
    let mut times = [0; STEPS_MAX];
    let mut next = 0;
    while let Some(start) = next_of_step(events, 0, next) {
        let instant = instant_of(events, start);
        next = instant.end;
        let starts = events[instant.clone()].iter().filter(|event| event.steps & 1 != 0).count();
        let last = (rules.deadline)(events[start].timestamp);
        let mut stop =
            Stop { event: start, end: instant.end, reached: furthest(&events[instant], 0, rules.never_with) };
        let mut reached = 0;
        loop {
            times[reached..stop.reached].fill(events[stop.event].timestamp);
            reached = stop.reached;
            if reached == rules.steps() {
                break;
            }
            stop = next_stop(&mut stops[reached], rules, events, reached, stop.end);
            if events.get(stop.event).is_none_or(|event| event.timestamp > last) {
                break;
            }
        }
        let times = &times[..reached];
        let excluded_by = excluded_by(rules, events, times, &mut exclusion_events);
        each(&Pass { start, first_step: 0, starts: u32::try_from(starts).unwrap_or(u32::MAX), times, excluded_by });
    }
}

/// Where a unit goes that has reached some steps with the events before `from`.
fn next_stop<D>(
    known: &mut Stop,
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    reached: usize,
    from: usize,
) -> Stop {
    if known.end == 0 || known.event < from {
        *known = match next_of_step(events, reached, from.max(known.event)) {
            None => Stop { event: events.len(), end: events.len() + 1, reached },
            Some(event) => {
                let instant = instant_of(events, event);
                Stop { event, end: instant.end, reached: furthest(&events[instant], reached, rules.never_with) }
            }
        };
    }
    *known
}

/// The event that throws a start away, given when it reached its steps. `next` only moves forward from start to start.
fn excluded_by<D: Fn(i64) -> i64>(
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    times: &[i64],
    next: &mut [usize],
) -> Option<usize> {
    for (exclusion, (range, next)) in rules.exclusions.iter().zip(next).enumerate() {
        let Some(after) = times.get(range.from_step) else { continue };
        let is_candidate = |event: &FunnelEvent| event.timestamp > *after && rules.is_exclusion(event, exclusion);
        *next += events[*next..].iter().take_while(|event| !is_candidate(event)).count();
        let before = times.get(range.to_step).copied().unwrap_or_else(|| (rules.deadline)(*after));
        if events.get(*next).is_some_and(|event| event.timestamp < before) {
            return Some(*next);
        }
    }
    None
}
