//! Every order of steps against a slow and obvious form, that tries everything.

use proptest::prelude::*;

use crate::kernel::funnel::FunnelEvent;
use crate::kernel::rules::{ExclusionRange, FunnelRules};
use crate::kernel::trace::{Gap, StepTrace, trace};
use crate::model::metric::FunnelOrder;

const SECOND: i64 = 1_000_000;

/// A funnel and the events of a unit.
#[derive(Clone, Debug)]
struct Case {
    order: FunnelOrder,
    never_with: Vec<u32>,
    exclusions: Vec<ExclusionRange>,
    window: i64,
    events: Vec<FunnelEvent>,
}

/// What the slow form says of one start: when each number of steps was reached first, and whether it is thrown away.
struct Start {
    times: Vec<i64>,
    is_excluded: bool,
}

impl Case {
    fn rules(&self) -> FunnelRules<'_, impl Fn(i64) -> i64> {
        let window = self.window;
        FunnelRules {
            order: self.order,
            never_with: &self.never_with,
            exclusions: self.exclusions.clone(),
            deadline: move |entry| entry + window,
        }
    }

    fn steps(&self) -> usize {
        self.never_with.len()
    }

    fn fits(&self, index: usize, step: usize) -> bool {
        self.events[index].steps >> step & 1 != 0
    }

    fn at(&self, index: usize) -> i64 {
        self.events[index].timestamp
    }

    fn is_excluded(&self, exclusion: usize, after: i64, before: i64) -> bool {
        let hits = |index: usize| {
            self.fits(index, self.steps() + exclusion) && after < self.at(index) && self.at(index) < before
        };
        (0..self.events.len()).any(hits)
    }

    /// What every start leads to, one per event of the first step.
    fn starts(&self) -> Vec<Start> {
        let entries = (0..self.events.len()).flat_map(|index| (0..self.steps()).map(move |step| (index, step)));
        let entries = entries.filter(|(index, step)| self.fits(*index, *step));
        match self.order {
            FunnelOrder::Ordered => {
                entries.filter(|(_, step)| *step == 0).map(|(index, _)| self.ordered(index)).collect()
            }
            FunnelOrder::Strict => {
                entries.filter(|(_, step)| *step == 0).map(|(index, _)| self.strict(index)).collect()
            }
            FunnelOrder::Unordered => entries.map(|(index, step)| self.unordered(index, step)).collect(),
        }
    }

    /// Q-F3, Q-F8, Q-F9, Q-E1: the earliest time of each step over all chains that start at the instant of an event.
    fn ordered(&self, entry: usize) -> Start {
        let mut times = Vec::new();
        let together = (0..self.events.len()).filter(|index| self.at(*index) == self.at(entry) && self.fits(*index, 0));
        for index in together {
            self.chains(&mut vec![index], &mut times);
        }
        let is_excluded = self.exclusions.iter().enumerate().any(|(exclusion, range)| {
            times.get(range.from_step).is_some_and(|after| {
                let before = times.get(range.to_step).copied().unwrap_or(after + self.window);
                self.is_excluded(exclusion, *after, before)
            })
        });
        Start { times, is_excluded }
    }

    fn chains(&self, chain: &mut Vec<usize>, times: &mut Vec<i64>) {
        let (step, last) = (chain.len(), self.at(chain[chain.len() - 1]));
        match times.get_mut(step - 1) {
            Some(time) => *time = last.min(*time),
            None => times.push(last),
        }
        for next in 0..self.events.len() {
            if step < self.steps() && self.fits(next, step) && self.may_follow(chain, next) && self.at(next) >= last {
                chain.push(next);
                self.chains(chain, times);
                chain.pop();
            }
        }
    }

    /// Within the window, another event, and not in one instant with an earlier step that its step covers.
    fn may_follow(&self, chain: &[usize], next: usize) -> bool {
        let conflicts = self.never_with[chain.len()];
        let conflict = |(step, event): (usize, &usize)| conflicts >> step & 1 != 0 && self.at(*event) == self.at(next);
        self.at(next) <= self.at(chain[0]) + self.window
            && !chain.contains(&next)
            && !chain.iter().enumerate().any(conflict)
    }

    /// Q-O2, Q-F8: neighbours in any arrangement of the events that keeps the order of time.
    fn strict(&self, entry: usize) -> Start {
        let mut best: Vec<i64> = Vec::new();
        for arrangement in self.arrangements() {
            for (position, first) in arrangement.iter().enumerate() {
                if self.at(*first) != self.at(entry) || !self.fits(*first, 0) {
                    continue;
                }
                let mut chain = vec![*first];
                for next in &arrangement[position + 1..] {
                    if chain.len() == self.steps() || !self.fits(*next, chain.len()) || !self.may_follow(&chain, *next)
                    {
                        break;
                    }
                    chain.push(*next);
                }
                let times: Vec<_> = chain.iter().map(|index| self.at(*index)).collect();
                if times.len() > best.len() || (times.len() == best.len() && times < best) {
                    best = times;
                }
            }
        }
        Start { times: best, is_excluded: false }
    }

    /// All orders of the events in which time does not go back.
    fn arrangements(&self) -> Vec<Vec<usize>> {
        let mut arrangements = vec![Vec::new()];
        for _ in 0..self.events.len() {
            let longer = arrangements.into_iter().flat_map(|arrangement: Vec<usize>| {
                let left = (0..self.events.len()).filter(|index| !arrangement.contains(index));
                let earliest = left.clone().map(|index| self.at(index)).min();
                let next = left.filter(|index| Some(self.at(*index)) == earliest);
                let with = |index| [arrangement.as_slice(), &[index]].concat();
                next.map(with).collect::<Vec<_>>()
            });
            arrangements = longer.collect();
        }
        arrangements
    }

    /// Q-O3, Q-E5: the most steps that distinct later events can fill by each time.
    fn unordered(&self, entry: usize, first_step: usize) -> Start {
        let last = self.at(entry) + self.window;
        let mut times = vec![self.at(entry)];
        for time in (0..self.events.len()).map(|index| self.at(index)).filter(|time| *time <= last) {
            let most = 1 + self.most(entry, time, 0, 1 << first_step, &mut Vec::new());
            while times.len() < most {
                times.push(time);
            }
        }
        let before = if times.len() == self.steps() { times[self.steps() - 1] } else { last };
        let is_excluded =
            (0..self.exclusions.len()).any(|exclusion| self.is_excluded(exclusion, self.at(entry), before));
        Start { times, is_excluded }
    }

    fn most(&self, entry: usize, until: i64, step: usize, done: u32, used: &mut Vec<usize>) -> usize {
        if step == self.steps() {
            return 0;
        }
        let mut best = self.most(entry, until, step + 1, done, used);
        for index in 0..self.events.len() {
            let is_later = self.at(index) > self.at(entry) && self.at(index) <= until;
            if done >> step & 1 == 0 && is_later && self.fits(index, step) && !used.contains(&index) {
                used.push(index);
                best = best.max(1 + self.most(entry, until, step + 1, done, used));
                used.pop();
            }
        }
        best
    }

    fn reached(&self) -> usize {
        self.starts().iter().filter(|start| !start.is_excluded).map(|start| start.times.len()).max().unwrap_or(0)
    }

    /// The mean seconds between steps over the starts that count (Q-F15).
    fn seconds(&self, reached: usize) -> Vec<f64> {
        let mut starts = self.starts();
        starts.retain(|start| !start.is_excluded && start.times.len() == reached);
        let weight = 1.0 / f64::from(u32::try_from(starts.len().max(1)).unwrap());
        let seconds = |start: &Start, step: usize| {
            f64::from(u32::try_from(start.times[step] - start.times[step - 1]).unwrap()) / 1e6
        };
        (1..reached).map(|step| starts.iter().map(|start| weight * seconds(start, step)).sum()).collect()
    }
}

fn order() -> impl Strategy<Value = FunnelOrder> {
    prop::sample::select(vec![FunnelOrder::Ordered, FunnelOrder::Strict, FunnelOrder::Unordered])
}

/// Funnels of up to four steps and two exclusions over few events, with many ties and events of several steps.
fn case() -> impl Strategy<Value = Case> {
    let ranges = prop::collection::vec((0_usize..3, 1_usize..4), 0..3);
    let events = prop::collection::vec((0_i64..7, 0_u32..64), 0..7);
    (order(), 1_usize..5, ranges, prop::collection::vec(0_u32..16, 4), 0_i64..9, events, any::<bool>()).prop_map(
        |(order, steps, ranges, conflicts, window, mut events, is_single)| {
            let last = steps - 1;
            let range = |(from, length): (usize, usize)| match order {
                FunnelOrder::Unordered => ExclusionRange { from_step: 0, to_step: last },
                _ => ExclusionRange { from_step: from.min(last.saturating_sub(1)), to_step: (from + length).min(last) },
            };
            let is_possible = last > 0 && order != FunnelOrder::Strict;
            events.sort_by_key(|(timestamp, _)| *timestamp);
            // Half of the cases have events of one step or one exclusion only, as most funnels do.
            let bits = |bits: u32| if is_single { 1 << (bits % 7) } else { bits };
            let event = |(at, steps)| FunnelEvent { timestamp: at * SECOND, steps: bits(steps), variant: 0 };
            Case {
                order,
                never_with: (0..steps).map(|step| conflicts[step] & conflicts[step] >> 2 & ((1 << step) - 1)).collect(),
                exclusions: if is_possible { ranges.into_iter().map(range).collect() } else { Vec::new() },
                window: window * SECOND,
                events: events.into_iter().map(event).collect(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Q-F3, Q-O1 to Q-O3, Q-E1 to Q-E5, Q-F15
    #[test]
    fn every_order_agrees_with_trying_everything(case in case()) {
        let rules = case.rules();
        let reached = rules.steps_reached(&case.events);
        prop_assert_eq!(reached, case.reached());
        let (got, wanted) = (rules.seconds_between_steps(&case.events, reached), case.seconds(reached));
        prop_assert_eq!(got.len(), wanted.len());
        for (got, wanted) in got.iter().zip(&wanted) {
            prop_assert!((got - wanted).abs() < 1e-9, "{:?} instead of {:?}", got, wanted);
        }
    }

    /// The fast pass of ordered funnels and the walk through all starts are two ways to one number.
    #[test]
    fn the_fast_pass_agrees_with_the_walk(case in case()) {
        let plain = Case { order: FunnelOrder::Ordered, exclusions: Vec::new(), ..case };
        let mut walked = 0;
        plain.rules().for_each_pass(&plain.events, |pass| walked = walked.max(pass.times.len()));
        prop_assert_eq!(plain.rules().steps_reached(&plain.events), walked);
    }

    /// A trace names as many steps as the kernel counts, with events that fit, each once, in order and within the window.
    #[test]
    fn traces_agree_with_the_counts(case in case()) {
        let trace = trace(&case.rules(), &case.events);
        prop_assert_eq!(trace.reached(), case.reached());
        prop_assert_eq!(trace.steps.len(), case.steps());
        let mut filled = Vec::new();
        for (step, fate) in trace.steps.iter().enumerate() {
            match *fate {
                StepTrace::Filled { event } => {
                    prop_assert!(case.fits(event, step) && !filled.contains(&event));
                    filled.push(event);
                }
                StepTrace::Missing(Gap::OutsideWindow { event }) => {
                    let start = trace.start.unwrap();
                    prop_assert!(case.fits(event, step) && case.at(event) > case.at(start) + case.window);
                }
                StepTrace::Missing(Gap::Excluded { by }) => {
                    prop_assert!(case.events[by].steps >> case.steps() != 0);
                }
                StepTrace::Missing(_) => {}
            }
        }
        if case.order != FunnelOrder::Unordered {
            prop_assert!(filled.is_sorted_by_key(|event| case.at(*event)));
        }
        let within = |event: &usize| case.at(*event) <= case.at(trace.start.unwrap()) + case.window;
        prop_assert!(filled.iter().all(within));
    }

    /// The order of the events of one instant means nothing (Q-F8).
    #[test]
    fn the_order_within_an_instant_does_not_matter(case in case(), seed in 0_usize..100) {
        let mut shuffled = case.events.clone();
        let length = shuffled.len();
        (0..length).for_each(|index| shuffled.swap(index, (index * 7 + seed) % length));
        shuffled.sort_by_key(|event| event.timestamp);
        prop_assert_eq!(case.rules().steps_reached(&case.events), case.rules().steps_reached(&shuffled));
    }
}

fn events(steps: &[(i64, u32)]) -> Vec<FunnelEvent> {
    steps.iter().map(|(at, steps)| FunnelEvent { timestamp: at * SECOND, steps: *steps, variant: 0 }).collect()
}

fn case_of(order: FunnelOrder, steps: usize, exclusions: &[(usize, usize)], of: &[(i64, u32)]) -> Case {
    let range = |(from_step, to_step): &(usize, usize)| ExclusionRange { from_step: *from_step, to_step: *to_step };
    Case {
        order,
        never_with: vec![0; steps],
        exclusions: exclusions.iter().map(range).collect(),
        window: 10 * SECOND,
        events: events(of),
    }
}

fn reached(order: FunnelOrder, steps: usize, exclusions: &[(usize, usize)], of: &[(i64, u32)]) -> usize {
    let case = case_of(order, steps, exclusions, of);
    case.rules().steps_reached(&case.events)
}

#[test]
fn exclusions_throw_starts_away() {
    use FunnelOrder::Ordered;
    let ab = |of| reached(Ordered, 2, &[(0, 1)], of);
    // Q-E1, Q-E2
    assert_eq!(ab(&[(0, 0b001), (1, 0b100), (2, 0b010)]), 0);
    assert_eq!(ab(&[(0, 0b001), (1, 0b100), (1, 0b001), (2, 0b010)]), 2);
    // Q-E3
    assert_eq!(ab(&[(0, 0b001), (0, 0b100), (2, 0b100), (2, 0b010)]), 2);
    // Without the second step the window bounds the exclusion, its end not included.
    assert_eq!(ab(&[(0, 0b001), (9, 0b100)]), 0);
    assert_eq!(ab(&[(0, 0b001), (10, 0b100)]), 1);
    // A second step beyond the window is not reached.
    assert_eq!(ab(&[(0, 0b001), (11, 0b100), (12, 0b010)]), 1);
    // Only between the second and the third step; the start is not enough to be thrown away.
    let later = |of| reached(Ordered, 3, &[(1, 2)], of);
    assert_eq!(later(&[(0, 0b0001), (1, 0b1000), (2, 0b0010), (3, 0b0100)]), 3);
    assert_eq!(later(&[(0, 0b0001), (2, 0b0010), (3, 0b1000)]), 0);
    assert_eq!(later(&[(0, 0b0001), (3, 0b1000)]), 1);
}

#[test]
fn strict_steps_are_neighbours() {
    use FunnelOrder::Strict;
    // Q-O2
    assert_eq!(reached(Strict, 2, &[], &[(0, 1), (1, 2)]), 2);
    assert_eq!(reached(Strict, 2, &[], &[(0, 1), (1, 0), (2, 2)]), 1);
    assert_eq!(reached(Strict, 2, &[], &[(0, 1), (1, 0), (2, 1), (3, 2)]), 2);
    assert_eq!(reached(Strict, 2, &[], &[(0, 1), (11, 2)]), 1);
    // At the instant of the start another event may come first; at a later one it comes in between.
    assert_eq!(reached(Strict, 2, &[], &[(0, 1), (0, 0), (1, 2)]), 2);
    assert_eq!(reached(Strict, 3, &[], &[(0, 1), (1, 0), (1, 2), (2, 4)]), 2);
}

#[test]
fn unordered_steps_come_in_any_order_after_the_start() {
    use FunnelOrder::Unordered;
    // Q-O3
    assert_eq!(reached(Unordered, 3, &[], &[(0, 4)]), 1);
    assert_eq!(reached(Unordered, 3, &[], &[(0, 4), (10, 1), (11, 2)]), 2);
    // Strictly later, and one event fills one step.
    assert_eq!(reached(Unordered, 2, &[], &[(0, 1), (0, 2)]), 1);
    assert_eq!(reached(Unordered, 2, &[], &[(0, 3)]), 1);
    assert_eq!(reached(Unordered, 3, &[], &[(0, 1), (1, 6), (2, 2)]), 3);
    // Q-E5: the start at 2 survives.
    assert_eq!(reached(Unordered, 2, &[(0, 1)], &[(0, 1), (1, 4), (2, 2)]), 1);
}

#[test]
fn a_trace_says_why_a_step_was_not_reached() {
    use FunnelOrder::{Ordered, Strict, Unordered};
    let gap = |order, exclusions: &[(usize, usize)], of: &[(i64, u32)], step: usize| {
        let case = case_of(order, 2, exclusions, of);
        match trace(&case.rules(), &case.events).steps[step] {
            StepTrace::Missing(gap) => gap,
            StepTrace::Filled { event } => panic!("filled by {event}"),
        }
    };
    assert_eq!(gap(Ordered, &[], &[(0, 2)], 0), Gap::NoEvent);
    assert_eq!(gap(Ordered, &[], &[(0, 2)], 1), Gap::AfterGap);
    assert_eq!(gap(Ordered, &[], &[(0, 2), (1, 1)], 1), Gap::NoEvent);
    assert_eq!(gap(Ordered, &[], &[(0, 1), (11, 2)], 1), Gap::OutsideWindow { event: 1 });
    assert_eq!(gap(Ordered, &[(0, 1)], &[(0, 1), (1, 4), (2, 2)], 0), Gap::Excluded { by: 1 });
    assert_eq!(gap(Strict, &[], &[(0, 1), (1, 0), (2, 2)], 1), Gap::NotNext { event: 1 });
    assert_eq!(gap(Strict, &[], &[(0, 1), (11, 2)], 1), Gap::OutsideWindow { event: 1 });
    assert_eq!(gap(Strict, &[], &[(0, 1)], 1), Gap::NoEvent);
    assert_eq!(gap(Unordered, &[], &[(0, 1), (11, 1)], 1), Gap::NoEvent);
    assert_eq!(gap(Unordered, &[], &[(0, 2), (11, 1)], 0), Gap::OutsideWindow { event: 1 });
}
