//! The ordered funnel of one actor.
//!
//! What an actor reached is decided by these rules:
//! - a funnel is entered by any event of the first step, and the best entry counts (Q-F3);
//! - steps happen in order, other events may lie between them (Q-O1);
//! - every step happens no later than the deadline of its entry, inclusive (Q-F4);
//! - one event fills at most one step (Q-F9);
//! - distinct events at the same instant may fill consecutive steps in either order (Q-F8), except that a step never shares
//!   an instant with an earlier step it covers: such steps need increasing times (Q-F9).
//!
//! One pass suffices: for each step it is enough to remember the latest deadline among the entries that reached it, because
//! a later deadline allows everything an earlier one does. Events of one instant are taken together; how many steps they
//! can fill in a row is a matching of steps to distinct events. The cost is O(events × steps), plus the matching where
//! events coincide. `Reference` in the tests is the slow and obvious form.

use crate::kernel::instant::fill;
use crate::model::metric::STEPS_MAX;

/// An event of an actor, as the funnel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunnelEvent {
    /// When it happened, in microseconds since 1970 UTC.
    pub timestamp: i64,
    /// Bit k is set when the event matches step k; the bits of the exclusions follow those of the steps.
    pub steps: u32,
    /// The position of the variant it carries: 0 is none.
    pub variant: u32,
}

/// A funnel, ready to run over actors.
#[derive(Clone, Debug)]
pub struct Funnel<'a, D> {
    steps: usize,
    never_with: &'a [u32],
    deadline: D,
}

impl<'a, D: Fn(i64) -> i64> Funnel<'a, D> {
    /// A funnel with one entry in `never_with` per step: a bit for each earlier step it may not share an instant with.
    ///
    /// `deadline` gives the last instant allowed for an entry.
    #[must_use]
    pub fn new(never_with: &'a [u32], deadline: D) -> Self {
        debug_assert!((1..=STEPS_MAX).contains(&never_with.len()));
        Self { steps: never_with.len(), never_with, deadline }
    }

    /// The number of steps the actor reached, given all of the actor's events in order of time.
    ///
    /// ```
    /// use abduck::kernel::funnel::{Funnel, FunnelEvent};
    ///
    /// let event = |timestamp, steps| FunnelEvent { timestamp, steps, variant: 1 };
    /// let funnel = Funnel::new(&[0, 0, 0], |entry| entry + 10);
    /// assert_eq!(funnel.steps_reached(&[event(0, 0b001), event(5, 0b010), event(11, 0b100)]), 2);
    /// assert_eq!(funnel.steps_reached(&[event(0, 0b001), event(3, 0b001), event(5, 0b010), event(11, 0b100)]), 3);
    /// ```
    #[must_use]
    pub fn steps_reached(&self, events: &[FunnelEvent]) -> usize {
        // deadlines[k] is the latest deadline of the entries that have reached k steps.
        let mut deadlines = [i64::MIN; STEPS_MAX + 1];
        let mut best = 0;
        let mut rest = events;
        while let Some(first) = rest.first() {
            let together = rest.partition_point(|event| event.timestamp <= first.timestamp);
            let (instant, later) = rest.split_at(together);
            rest = later;
            self.advance(instant, &mut deadlines, &mut best);
            if best == self.steps {
                break;
            }
        }
        best
    }

    /// Takes the events of one instant into account.
    fn advance(&self, instant: &[FunnelEvent], deadlines: &mut [i64; STEPS_MAX + 1], best: &mut usize) {
        let now = instant[0].timestamp;
        // From the highest state down, so that what this instant reaches is not extended by this instant again.
        for reached in (1..self.steps.min(*best + 1)).rev() {
            if deadlines[reached] >= now {
                let deadline = deadlines[reached];
                fill(instant, reached, self.never_with, |steps| {
                    deadlines[steps] = deadlines[steps].max(deadline);
                    *best = (*best).max(steps);
                });
            }
        }
        if instant.iter().any(|event| event.steps & 1 != 0) {
            let deadline = (self.deadline)(now);
            fill(instant, 0, self.never_with, |steps| {
                deadlines[steps] = deadlines[steps].max(deadline);
                *best = (*best).max(steps);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(timestamp: i64, steps: u32) -> FunnelEvent {
        FunnelEvent { timestamp, steps, variant: 0 }
    }

    /// The slow and obvious form: try every event for every step.
    fn reference(events: &[FunnelEvent], never_with: &[u32], window: i64) -> usize {
        fn longest(events: &[FunnelEvent], never_with: &[u32], last: i64, chain: &mut Vec<usize>) -> usize {
            let step = chain.len();
            let mut best = step;
            if step == never_with.len() {
                return best;
            }
            for (index, event) in events.iter().enumerate() {
                let in_order = chain.last().is_none_or(|before| events[*before].timestamp <= event.timestamp);
                let shares_instant = chain.iter().enumerate().any(|(earlier, before)| {
                    events[*before].timestamp == event.timestamp && never_with[step] >> earlier & 1 != 0
                });
                let in_window = step == 0 || event.timestamp <= last;
                if event.steps >> step & 1 == 0 || !in_order || chain.contains(&index) || shares_instant || !in_window {
                    continue;
                }
                let last = if step == 0 { event.timestamp + (last - i64::MIN) } else { last };
                chain.push(index);
                best = best.max(longest(events, never_with, last, chain));
                chain.pop();
            }
            best
        }
        longest(events, never_with, i64::MIN + window, &mut Vec::new())
    }

    #[test]
    fn the_best_entry_counts() {
        // Q-F3, Q-F4: the window is measured from the entry, inclusive.
        let funnel = Funnel::new(&[0, 0], |entry| entry + 5);
        assert_eq!(funnel.steps_reached(&[event(0, 1), event(5, 2)]), 2);
        assert_eq!(funnel.steps_reached(&[event(0, 1), event(6, 2)]), 1);
        assert_eq!(funnel.steps_reached(&[event(0, 1), event(3, 1), event(6, 2)]), 2);
        assert_eq!(funnel.steps_reached(&[event(0, 2), event(1, 1)]), 1);
        assert_eq!(funnel.steps_reached(&[event(0, 2)]), 0);
    }

    #[test]
    fn one_event_fills_one_step_and_events_of_an_instant_come_in_any_order() {
        // Q-F8, Q-F9
        let funnel = Funnel::new(&[0, 0], |entry| entry + 5);
        assert_eq!(funnel.steps_reached(&[event(0, 2), event(0, 1)]), 2);
        assert_eq!(funnel.steps_reached(&[event(0, 3)]), 1);
        // The second step takes the event that the third does not need.
        let three = Funnel::new(&[0, 0, 0], |entry| entry + 5);
        assert_eq!(three.steps_reached(&[event(0, 1), event(1, 0b110), event(1, 0b010)]), 3);
    }

    #[test]
    fn equal_steps_need_increasing_times() {
        // Q-F9
        let funnel = Funnel::new(&[0, 1], |entry| entry + 5);
        assert_eq!(funnel.steps_reached(&[event(0, 3), event(0, 3)]), 1);
        assert_eq!(funnel.steps_reached(&[event(0, 3), event(1, 3)]), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_pass_agrees_with_trying_everything(
            mut events in prop::collection::vec((0_i64..8, 0_u32..16), 0..8),
            steps in 1_usize..5,
            window in 0_i64..9,
            conflicts in prop::collection::vec(0_u32..16, 4),
        ) {
            events.sort_by_key(|(timestamp, _)| *timestamp);
            let events: Vec<_> = events.into_iter().map(|(timestamp, steps)| event(timestamp, steps)).collect();
            let never_with: Vec<u32> = (0..steps).map(|step| conflicts[step] & ((1 << step) - 1)).collect();
            let funnel = Funnel::new(&never_with, |entry| entry + window);
            prop_assert_eq!(funnel.steps_reached(&events), reference(&events, &never_with, window));
        }

        /// Many events that are all entries stay cheap, and the answer does not depend on the order within an instant.
        #[test]
        fn the_order_within_an_instant_does_not_matter(
            mut events in prop::collection::vec((0_i64..4, 1_u32..8), 1..12), seed in 0_usize..100,
        ) {
            events.sort_by_key(|(timestamp, _)| *timestamp);
            let forward: Vec<_> = events.iter().map(|(timestamp, steps)| event(*timestamp, *steps)).collect();
            let mut shuffled = forward.clone();
            let length = shuffled.len();
            for index in 0..length {
                shuffled.swap(index, (index * 7 + seed) % length);
            }
            shuffled.sort_by_key(|event| event.timestamp);
            let funnel = Funnel::new(&[0, 0, 1], |entry| entry + 2);
            prop_assert_eq!(funnel.steps_reached(&forward), funnel.steps_reached(&shuffled));
        }
    }
}
