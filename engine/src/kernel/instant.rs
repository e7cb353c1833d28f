//! The events of one instant, taken together: their order in the store means nothing.

use std::ops::Range;

use crate::kernel::funnel::FunnelEvent;

/// The events that happened at the same instant as one of them.
pub(super) fn instant_of(events: &[FunnelEvent], index: usize) -> Range<usize> {
    let now = events[index].timestamp;
    let before = events[..index].iter().rev().take_while(|event| event.timestamp == now).count();
    let after = events[index..].iter().take_while(|event| event.timestamp == now).count();
    index - before..index + after
}

/// The first event of a step at or after a position.
pub(super) fn next_of_step(events: &[FunnelEvent], step: usize, from: usize) -> Option<usize> {
    let offset = events.get(from..)?.iter().position(|event| event.steps >> step & 1 != 0)?;
    Some(from + offset)
}

/// Calls `reach` with every number of steps that the events of one instant lead to from `reached`.
///
/// `never_with` has a bit for each earlier step that a step may not share an instant with.
pub(super) fn fill(instant: &[FunnelEvent], reached: usize, never_with: &[u32], mut reach: impl FnMut(usize)) {
    if let [event] = instant {
        if event.steps >> reached & 1 != 0 {
            reach(reached + 1);
        }
        return;
    }
    let mut matching = Matching::new(instant);
    let mut together = 0;
    for (step, conflicts) in never_with.iter().enumerate().skip(reached) {
        if conflicts & together != 0 || !matching.add(step) {
            break;
        }
        together |= 1 << step;
        reach(step + 1);
    }
}

/// The largest number of steps that the events of one instant lead to from `reached`.
pub(super) fn furthest(instant: &[FunnelEvent], reached: usize, never_with: &[u32]) -> usize {
    let mut furthest = reached;
    fill(instant, reached, never_with, |steps| furthest = steps);
    furthest
}

/// For each of some consecutive steps the position of the event of one instant that fills it.
pub(super) fn assignment(instant: &[FunnelEvent], steps: Range<usize>) -> Vec<usize> {
    let mut matching = Matching::new(instant);
    for step in steps.clone() {
        matching.add(step);
    }
    let position = |step| matching.filled.iter().position(|filled| *filled == Some(step));
    steps.filter_map(position).collect()
}

/// Steps matched to distinct events of one instant, by augmenting paths (Kuhn 1955).
pub(super) struct Matching<'a> {
    instant: &'a [FunnelEvent],
    /// The step each event fills.
    filled: Vec<Option<usize>>,
}

impl<'a> Matching<'a> {
    pub(super) fn new(instant: &'a [FunnelEvent]) -> Self {
        Self { instant, filled: vec![None; instant.len()] }
    }

    /// Whether one more step can be filled, moving the earlier ones to other events where needed.
    pub(super) fn add(&mut self, step: usize) -> bool {
        let mut tried = vec![false; self.instant.len()];
        self.augment(step, &mut tried)
    }

    fn augment(&mut self, step: usize, tried: &mut [bool]) -> bool {
        for index in 0..self.instant.len() {
            if self.instant[index].steps >> step & 1 == 0 || tried[index] {
                continue;
            }
            tried[index] = true;
            let free = match self.filled[index] {
                None => true,
                Some(other) => self.augment(other, tried),
            };
            if free {
                self.filled[index] = Some(step);
                return true;
            }
        }
        false
    }
}
