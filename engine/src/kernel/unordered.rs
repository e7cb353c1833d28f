//! What every start of an unordered funnel leads to.
//!
//! Any step may be the first; the others count when they happen strictly later and within the window of the first (Q-O3).
//! One event fills one step (Q-F9), so the steps done by some time are a matching of steps to distinct events; a time at
//! which the largest matching grows is the time of one more completed step. A start is thrown away when an exclusion event
//! lies strictly between it and the completion of all steps, or the end of its window (Q-E5).
//!
//! Where every event is of one step only, the next event of each step decides. Otherwise the next few do, as many as there
//! are steps: of more than that, some are left over and can stand in for a later one. Starts are taken from the last to the
//! first, so that these are at hand; a start costs O(steps log steps), or up to O(steps⁴) where events are of several steps.

use std::collections::VecDeque;

use crate::kernel::funnel::FunnelEvent;
use crate::kernel::instant::instant_of;
use crate::kernel::rules::{FunnelRules, Pass};
use crate::model::metric::STEPS_MAX;

/// Steps filled by distinct events.
pub(super) struct Filled {
    /// The event that fills each step.
    pub(super) by_step: [Option<usize>; STEPS_MAX],
    wanted: u32,
}

/// What lies strictly later than the instant being looked at.
struct Later {
    /// The next events of each step.
    of_steps: Vec<VecDeque<usize>>,
    /// The next event of each exclusion.
    of_exclusions: Vec<Option<usize>>,
    /// How many events of each step are kept.
    kept: usize,
}

pub(super) fn passes<D: Fn(i64) -> i64>(
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    mut each: impl FnMut(&Pass<'_>),
) {
    let is_of_one = |event: &FunnelEvent| (event.steps & rules.step_bits()).count_ones() <= 1;
    let mut later = Later {
        of_steps: vec![VecDeque::new(); rules.steps()],
        of_exclusions: vec![None; rules.exclusions.len()],
        kept: if events.iter().all(is_of_one) { 1 } else { rules.steps() },
    };
    let mut candidates = Vec::new();
    let mut end = events.len();
    while end > 0 {
        let instant = instant_of(events, end - 1);
        end = instant.start;
        for start in instant.clone() {
            for step in steps_of(events[start].steps & rules.step_bits()) {
                pass(rules, events, &later, &mut candidates, (start, step), &mut each);
            }
        }
        instant.rev().for_each(|index| later.add(rules, events, index));
    }
}

fn pass<D: Fn(i64) -> i64>(
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    later: &Later,
    candidates: &mut Vec<usize>,
    (start, first_step): (usize, usize),
    each: &mut impl FnMut(&Pass<'_>),
) {
    let last = (rules.deadline)(events[start].timestamp);
    candidates.clear();
    candidates.extend(later.of_steps.iter().flatten().filter(|index| events[**index].timestamp <= last));
    candidates.sort_unstable();
    candidates.dedup();
    let mut filled = Filled::start(rules, start, first_step);
    let mut times = [events[start].timestamp; STEPS_MAX];
    let mut reached = 1;
    for candidate in candidates.iter() {
        if filled.place(events, *candidate) {
            times[reached] = events[*candidate].timestamp;
            reached += 1;
        }
    }
    let before = if reached == rules.steps() { times[reached - 1] } else { last };
    let mut excluding = later.of_exclusions.iter().flatten().copied();
    let excluded_by = excluding.find(|index| events[*index].timestamp < before);
    each(&Pass { start, first_step, starts: 1, times: &times[..reached], excluded_by });
}

impl Later {
    /// Takes in an event that is earlier than all it has.
    fn add<D: Fn(i64) -> i64>(&mut self, rules: &FunnelRules<'_, D>, events: &[FunnelEvent], index: usize) {
        for step in steps_of(events[index].steps & rules.step_bits()) {
            self.of_steps[step].push_front(index);
            self.of_steps[step].truncate(self.kept);
        }
        for (exclusion, next) in self.of_exclusions.iter_mut().enumerate() {
            if rules.is_exclusion(&events[index], exclusion) {
                *next = Some(index);
            }
        }
    }
}

impl Filled {
    /// One step, filled by the event of a start.
    pub(super) fn start<D: Fn(i64) -> i64>(rules: &FunnelRules<'_, D>, start: usize, first_step: usize) -> Self {
        let mut by_step = [None; STEPS_MAX];
        by_step[first_step] = Some(start);
        Self { by_step, wanted: rules.step_bits() & !(1 << first_step) }
    }

    /// Whether one more step can be filled with the help of an event, moving the others to other steps where needed.
    pub(super) fn place(&mut self, events: &[FunnelEvent], event: usize) -> bool {
        self.augment(events, event, &mut 0)
    }

    fn augment(&mut self, events: &[FunnelEvent], event: usize, tried: &mut u32) -> bool {
        loop {
            let open = events[event].steps & self.wanted & !*tried;
            let Some(step) = steps_of(open).next() else { return false };
            *tried |= 1 << step;
            let is_free = match self.by_step[step] {
                None => true,
                Some(other) => self.augment(events, other, tried),
            };
            if is_free {
                self.by_step[step] = Some(event);
                return true;
            }
        }
    }
}

/// The positions of the bits that are set, ascending.
fn steps_of(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let step = bits.trailing_zeros();
        bits &= bits.checked_sub(1)?;
        Some(step as usize)
    })
}
