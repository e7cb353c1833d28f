//! The rules of a funnel, of any order, and how one unit fares by them.

use crate::kernel::funnel::{Funnel, FunnelEvent};
use crate::kernel::{conversion, ordered, strict, unordered};
use crate::model::metric::{FunnelOrder, STEPS_MAX};

/// The rules of a funnel.
///
/// ```
/// use abduck::kernel::funnel::FunnelEvent;
/// use abduck::kernel::rules::{ExclusionRange, FunnelRules};
/// use abduck::model::metric::FunnelOrder;
///
/// let event = |timestamp, steps| FunnelEvent { timestamp, steps, variant: 1 };
/// let rules = FunnelRules {
///     order: FunnelOrder::Ordered,
///     never_with: &[0, 0],
///     exclusions: vec![ExclusionRange { from_step: 0, to_step: 1 }],
///     deadline: |entry| entry + 1_000_000,
/// };
/// // Q-E1, Q-E2: what has the bit after the steps' happens in between.
/// assert_eq!(rules.steps_reached(&[event(0, 0b001), event(1, 0b100), event(2, 0b010)]), 0);
/// assert_eq!(rules.steps_reached(&[event(0, 0b001), event(2, 0b010), event(3, 0b100)]), 2);
/// ```
#[derive(Clone, Debug)]
pub struct FunnelRules<'a, D> {
    /// In which order the steps count (Q-O0).
    pub order: FunnelOrder,
    /// For each step a bit for each earlier step that it may not share an instant with (Q-F9).
    pub never_with: &'a [u32],
    /// Between which steps each exclusion counts; none in a strict funnel (Q-E5).
    pub exclusions: Vec<ExclusionRange>,
    /// The last instant allowed for an entry (Q-F4).
    pub deadline: D,
}

/// Between which steps an exclusion counts (Q-E1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExclusionRange {
    /// The position of the step after which it counts, from 0.
    pub from_step: usize,
    /// The position of the step before which it counts.
    pub to_step: usize,
}

/// What a unit reaches from one start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pass<'a> {
    /// The position of the event it starts with; of several at one instant, of the first.
    pub(super) start: usize,
    /// The step that this event fills.
    pub(super) first_step: usize,
    /// How many starts of the same instant have this pass.
    pub(super) starts: u32,
    /// When each number of steps was reached.
    pub(super) times: &'a [i64],
    /// The position of the event that throws the start away (Q-E1).
    pub(super) excluded_by: Option<usize>,
}

impl<D: Fn(i64) -> i64> FunnelRules<'_, D> {
    /// The number of steps the unit reached, given all of its events in order of time; 0 when it is not in the funnel.
    #[must_use]
    pub fn steps_reached(&self, events: &[FunnelEvent]) -> usize {
        // The case that matters most has the fastest way.
        if self.order == FunnelOrder::Ordered && self.exclusions.is_empty() {
            return Funnel::new(self.never_with, &self.deadline).steps_reached(events);
        }
        let mut reached = 0;
        self.for_each_pass(events, |pass| {
            if pass.excluded_by.is_none() {
                reached = reached.max(pass.times.len());
            }
        });
        reached
    }

    /// The seconds from each step to the next, averaged over the starts that reach as many steps as the unit did (Q-F15).
    ///
    /// `reached` is what [`Self::steps_reached`] said; empty when that is fewer than two steps. In an unordered funnel the
    /// times are those from each number of completed steps to the next.
    #[must_use]
    pub fn seconds_between_steps(&self, events: &[FunnelEvent], reached: usize) -> Vec<f64> {
        if reached < 2 { Vec::new() } else { conversion::seconds(self, events, reached) }
    }

    pub(super) fn steps(&self) -> usize {
        self.never_with.len()
    }

    /// The bits of the steps, without those of the exclusions.
    pub(super) fn step_bits(&self) -> u32 {
        u32::MAX >> (STEPS_MAX - self.steps())
    }

    /// Whether an event is of an exclusion.
    pub(super) fn is_exclusion(&self, event: &FunnelEvent, exclusion: usize) -> bool {
        event.steps >> (self.steps() + exclusion) & 1 != 0
    }

    /// Calls `each` with what every start leads to.
    pub(super) fn for_each_pass(&self, events: &[FunnelEvent], each: impl FnMut(&Pass<'_>)) {
        debug_assert!((1..=STEPS_MAX).contains(&(self.steps() + self.exclusions.len())));
        match self.order {
            FunnelOrder::Ordered => ordered::passes(self, events, each),
            FunnelOrder::Strict => strict::passes(self, events, each),
            FunnelOrder::Unordered => unordered::passes(self, events, each),
        }
    }
}
