//! What every start of a strict funnel leads to.
//!
//! The events of the steps are direct neighbours among all events of the unit (Q-O2). Events of one instant have no order
//! of their own (Q-F8): they may be taken in whichever lets the unit get further, so a start may use any number of the
//! events of its instant as the last ones of it; every instant in the middle is used up by steps; and the last one may have
//! more events. A pass visits no more events than there are steps, so all starts cost O(starts × steps) where no events
//! coincide.

use crate::kernel::funnel::FunnelEvent;
use crate::kernel::instant::{furthest, instant_of, next_of_step};
use crate::kernel::rules::{FunnelRules, Pass};
use crate::model::metric::STEPS_MAX;

pub(super) fn passes<D: Fn(i64) -> i64>(
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    mut each: impl FnMut(&Pass<'_>),
) {
    let mut next = 0;
    while let Some(start) = next_of_step(events, 0, next) {
        let instant = instant_of(events, start);
        next = instant.end;
        let starts = events[instant.clone()].iter().filter(|event| event.steps & 1 != 0).count();
        let mut best = ([0; STEPS_MAX], 0);
        // Of equally long passes, the one that is earlier at its steps.
        for first in (1..=furthest(&events[instant], 0, rules.never_with)).rev() {
            let pass = follow(rules, events, start, next, first);
            if pass.1 > best.1 {
                best = pass;
            }
        }
        let (times, reached) = best;
        let starts = u32::try_from(starts).unwrap_or(u32::MAX);
        each(&Pass { start, first_step: 0, starts, times: &times[..reached], excluded_by: None });
    }
}

/// When each step is reached if the first `first` are filled at the instant of the start, and how many are.
fn follow<D: Fn(i64) -> i64>(
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    start: usize,
    end: usize,
    first: usize,
) -> ([i64; STEPS_MAX], usize) {
    let last = (rules.deadline)(events[start].timestamp);
    let mut times = [0; STEPS_MAX];
    times[..first].fill(events[start].timestamp);
    let (mut reached, mut position) = (first, end);
    while reached < rules.steps() && events.get(position).is_some_and(|event| event.timestamp <= last) {
        let instant = instant_of(events, position);
        let further = furthest(&events[instant.clone()], reached, rules.never_with);
        times[reached..further].fill(events[position].timestamp);
        let is_used_up = further - reached == instant.len();
        reached = further;
        if !is_used_up {
            break;
        }
        position = instant.end;
    }
    (times, reached)
}
