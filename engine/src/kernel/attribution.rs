//! Which variants a unit belongs to (Q-F5, Q-F10).

use crate::kernel::funnel::FunnelEvent;

/// The variant of the earliest event that carries one (Q-F5, Q-F6), known or not.
///
/// `None` when no event carries any (Q-F7). Of events at the same instant, the first in the given order counts.
#[must_use]
pub fn first_touch(events: &[FunnelEvent]) -> Option<u32> {
    events.iter().map(|event| event.variant).find(|variant| *variant != 0)
}

/// The variant of the latest event that carries one (Q-F10); of events at the same instant, the last in the given order.
#[must_use]
pub fn last_touch(events: &[FunnelEvent]) -> Option<u32> {
    events.iter().rev().map(|event| event.variant).find(|variant| *variant != 0)
}

/// The distinct variants on the events of some steps, one bit each (Q-F10): ascending, without 0.
///
/// Foreign values need not be told apart: a unit is run once however many it has, and belongs to none of them.
#[must_use]
pub fn touched_at(events: &[FunnelEvent], steps: u32) -> Vec<u32> {
    let at_steps = events.iter().filter(|event| event.steps & steps != 0).map(|event| event.variant);
    distinct(at_steps.filter(|variant| *variant != 0))
}

/// The distinct variants of all events, ascending; 0 stands for events without one.
#[must_use]
pub fn all_touched(events: &[FunnelEvent]) -> Vec<u32> {
    distinct(events.iter().map(|event| event.variant))
}

fn distinct(variants: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut variants: Vec<u32> = variants.collect();
    variants.sort_unstable();
    variants.dedup();
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(variants: &[(u32, u32)]) -> Vec<FunnelEvent> {
        (0..)
            .zip(variants)
            .map(|(timestamp, (steps, variant))| FunnelEvent { timestamp, steps: *steps, variant: *variant })
            .collect()
    }

    #[test]
    fn the_first_or_last_value_decides_even_if_foreign() {
        // Q-F5 to Q-F7, Q-F10
        let touched = events(&[(1, 0), (1, 9), (2, 1), (2, 2), (1, 0)]);
        assert_eq!((first_touch(&touched), last_touch(&touched)), (Some(9), Some(2)));
        let untouched = events(&[(1, 0)]);
        assert_eq!((first_touch(&untouched), last_touch(&untouched)), (None, None));
    }

    #[test]
    fn the_events_of_steps_give_each_value_once() {
        // Q-F10
        let touched = events(&[(0b01, 3), (0b10, 2), (0b11, 1), (0b10, 2), (0b10, 0), (0, 4)]);
        assert_eq!(touched_at(&touched, 0b10), [1, 2]);
        assert_eq!(touched_at(&touched, 0b11), [1, 2, 3]);
        assert_eq!(all_touched(&touched), [0, 1, 2, 3, 4]);
    }
}
