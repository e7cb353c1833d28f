//! Counting the truth: what an exact analysis of the log must find, person by person.

use crate::event::{Action, Event, FUNNEL_STEPS};
use crate::flag::Decision;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// The conversion window of the funnel, measured from the first step, inclusive.
pub(crate) const FUNNEL_WINDOW_DAYS: i64 = 14;
const FUNNEL_WINDOW_US: i64 = FUNNEL_WINDOW_DAYS * 24 * 3_600_000_000;

/// Most variants a flag has.
pub(crate) const VARIANTS_MAX: usize = 3;

/// What happened in one variant of one flag. Repeated rows count once; persons are whole persons, however many
/// distinct ids they have.
///
/// ```
/// let counts = abduck_datasets::Counts::default();
/// assert_eq!(counts.funnel_persons, [0; 4]);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Persons with a `$feature_flag_called` event answered with this variant. Who was answered two counts in both.
    pub exposed_persons: u64,
    /// Those events.
    pub exposure_events: u64,
    /// `search` events that carry this variant.
    pub searches: u64,
    /// `purchase` events that carry this variant.
    pub purchases: u64,
    /// Sum of `revenue` over those purchases, in hundredths.
    pub revenue_cents: u64,
    /// Persons that reached at least each step of `product_viewed`, `cart_added`, `checkout_started`, `purchase` in
    /// this order, within 14 days of the first step (both ends included), other events between allowed, the best over
    /// all first steps. A person belongs to the variant on their earliest funnel event that carries any answer of the
    /// flag; if that answer is `false` or there is none, to no variant.
    pub funnel_persons: [u64; FUNNEL_STEPS.len()],
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.exposed_persons += other.exposed_persons;
        self.exposure_events += other.exposure_events;
        self.searches += other.searches;
        self.purchases += other.purchases;
        self.revenue_cents += other.revenue_cents;
        for (sum, persons) in self.funnel_persons.iter_mut().zip(other.funnel_persons) {
            *sum += persons;
        }
    }
}

/// The counts of every variant of both flags.
pub(crate) type Tally = [[Counts; VARIANTS_MAX]; 2];

/// The tally of one person's events, given in order of time.
pub(crate) fn tally(events: &[Event]) -> Tally {
    let reached = steps_reached(events);
    std::array::from_fn(|flag| {
        let mut counts = counts_by_event(events, flag);
        if let Some(variant) = first_touch(events, flag) {
            counts[variant].funnel_persons = std::array::from_fn(|step| u64::from(step < reached));
        }
        counts
    })
}

fn counts_by_event(events: &[Event], flag: usize) -> [Counts; VARIANTS_MAX] {
    let mut counts = [Counts::default(); VARIANTS_MAX];
    for event in events {
        let Some(Decision::Variant(variant)) = event.decisions[flag] else { continue };
        let counts = &mut counts[usize::from(variant)];
        match event.action {
            Action::FlagCalled { flag: called } if usize::from(called) == flag => {
                counts.exposed_persons = 1;
                counts.exposure_events += 1;
            }
            Action::Search { .. } => counts.searches += 1,
            Action::Purchase { revenue_cents, .. } => {
                counts.purchases += 1;
                counts.revenue_cents += u64::from(revenue_cents);
            }
            _ => {}
        }
    }
    counts
}

fn first_touch(events: &[Event], flag: usize) -> Option<usize> {
    let mut answers = events.iter().filter(|event| event.action.funnel_step().is_some());
    match answers.find_map(|event| event.decisions[flag])? {
        Decision::Variant(variant) => Some(usize::from(variant)),
        Decision::Off => None,
    }
}

/// How many steps of the funnel were done: from every first step, always the earliest next step at or after it.
fn steps_reached(events: &[Event]) -> usize {
    let times = |step| events.iter().filter(move |event| event.action.funnel_step() == Some(step));
    let from = |start_us: i64| {
        let mut last_us = start_us;
        for step in 1..FUNNEL_STEPS.len() {
            let window = last_us..=start_us + FUNNEL_WINDOW_US;
            match times(step).map(|event| event.time_us).find(|time_us| window.contains(time_us)) {
                Some(time_us) => last_us = time_us,
                None => return step,
            }
        }
        FUNNEL_STEPS.len()
    };
    times(0).map(|start| from(start.time_us)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const DAY_US: i64 = 24 * 3_600_000_000;
    const STEPS: [Action; 4] = [
        Action::ProductViewed { product: 1 },
        Action::CartAdded { product: 1 },
        Action::CheckoutStarted { product: 1 },
        Action::Purchase { product: 1, revenue_cents: 999 },
    ];

    fn event(time_us: i64, action: Action, decision: Option<Decision>) -> Event {
        let id = Uuid::nil();
        Event { uuid: id, time_us, session: id, device: 0, signed_in: false, decisions: [decision, None], action }
    }

    fn steps(times_and_steps: &[(i64, usize)]) -> usize {
        let events: Vec<Event> = times_and_steps.iter().map(|&(time, step)| event(time, STEPS[step], None)).collect();
        steps_reached(&events)
    }

    #[test]
    fn steps_need_their_order_but_may_tie() {
        assert_eq!(steps(&[]), 0);
        assert_eq!(steps(&[(0, 1), (1, 2), (2, 3)]), 0);
        assert_eq!(steps(&[(0, 0), (1, 2), (2, 1)]), 2);
        assert_eq!(steps(&[(0, 0), (0, 1), (0, 2), (0, 3)]), 4);
        assert_eq!(steps(&[(5, 1), (5, 0)]), 2);
    }

    #[test]
    fn the_window_is_inclusive_and_starts_at_the_first_step() {
        assert_eq!(steps(&[(0, 0), (1, 1), (2, 2), (14 * DAY_US, 3)]), 4);
        assert_eq!(steps(&[(0, 0), (1, 1), (2, 2), (14 * DAY_US + 1, 3)]), 3);
        // A later first step may reach further than the first one.
        assert_eq!(steps(&[(0, 0), (1, 1), (9 * DAY_US, 0), (10 * DAY_US, 1), (11 * DAY_US, 2), (20 * DAY_US, 3)]), 4);
    }

    #[test]
    fn the_first_answer_on_a_funnel_event_decides_the_variant() {
        let of = |answers: [Option<Decision>; 3]| {
            let actions = [Action::PageView { path: 0 }, STEPS[0], STEPS[1]];
            let events: Vec<Event> = (0..).zip(actions).zip(answers).map(|((t, a), d)| event(t, a, d)).collect();
            tally(&events)[0].map(|counts| counts.funnel_persons[1])
        };
        let [control, test] = [Some(Decision::Variant(0)), Some(Decision::Variant(1))];
        assert_eq!(of([control, test, control]), [0, 1, 0]);
        assert_eq!(of([control, None, control]), [1, 0, 0]);
        assert_eq!(of([control, Some(Decision::Off), control]), [0, 0, 0]);
    }
}
