//! Which events filled which steps for one unit, and why the other steps were not reached.

use crate::kernel::funnel::FunnelEvent;
use crate::kernel::instant::{assignment, instant_of, next_of_step};
use crate::kernel::rules::FunnelRules;
use crate::kernel::unordered::Filled;
use crate::model::metric::FunnelOrder;

/// How one unit fared in a funnel. Events are named by their position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The event of the start that counts: the earliest of those that reach most steps, one that was thrown away only if all
    /// were. `None` when nothing starts the funnel.
    pub start: Option<usize>,
    /// What became of each step.
    pub steps: Vec<StepTrace>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepTrace {
    /// It was filled.
    Filled {
        /// By this event.
        event: usize,
    },
    /// It was not reached.
    Missing(Gap),
}

/// Why a step was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// No such event that could fill it follows the step before, or the start of an unordered funnel.
    NoEvent,
    /// The next such event came too late.
    OutsideWindow {
        /// The event.
        event: usize,
    },
    /// Another event came in between, in a strict funnel.
    NotNext {
        /// The event that came.
        event: usize,
    },
    /// The start was thrown away, like every other (Q-E2).
    Excluded {
        /// By this event.
        by: usize,
    },
    /// An earlier step was not reached.
    AfterGap,
}

/// What was chosen of a pass.
struct Chosen {
    start: usize,
    first_step: usize,
    times: Vec<i64>,
    excluded_by: Option<usize>,
}

impl Trace {
    /// The number of steps reached: what [`FunnelRules::steps_reached`] says.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, StepTrace::Filled { .. })).count()
    }
}

/// How a unit fares in a funnel, given all of its events in order of time.
///
/// ```
/// use abduck::kernel::funnel::FunnelEvent;
/// use abduck::kernel::rules::FunnelRules;
/// use abduck::kernel::trace::{Gap, StepTrace, trace};
/// use abduck::model::metric::FunnelOrder;
///
/// let event = |timestamp, steps| FunnelEvent { timestamp, steps, variant: 1 };
/// let rules = FunnelRules {
///     order: FunnelOrder::Ordered,
///     never_with: &[0, 0],
///     exclusions: Vec::new(),
///     deadline: |entry| entry + 10,
/// };
/// let trace = trace(&rules, &[event(0, 0b01), event(11, 0b10)]);
/// assert_eq!(trace.steps[0], StepTrace::Filled { event: 0 });
/// assert_eq!(trace.steps[1], StepTrace::Missing(Gap::OutsideWindow { event: 1 }));
/// ```
#[must_use]
pub fn trace<D: Fn(i64) -> i64>(rules: &FunnelRules<'_, D>, events: &[FunnelEvent]) -> Trace {
    let Some(chosen) = choose(rules, events) else { return no_start(rules) };
    let steps = match (chosen.excluded_by, rules.order) {
        (Some(by), _) => vec![StepTrace::Missing(Gap::Excluded { by }); rules.steps()],
        (None, FunnelOrder::Unordered) => in_any_order(rules, events, &chosen),
        (None, FunnelOrder::Ordered | FunnelOrder::Strict) => in_order(rules, events, &chosen),
    };
    Trace { start: Some(chosen.start), steps }
}

fn no_start<D: Fn(i64) -> i64>(rules: &FunnelRules<'_, D>) -> Trace {
    let gap = match rules.order {
        FunnelOrder::Unordered => Gap::NoEvent,
        FunnelOrder::Ordered | FunnelOrder::Strict => Gap::AfterGap,
    };
    let mut steps = vec![StepTrace::Missing(gap); rules.steps()];
    steps[0] = StepTrace::Missing(Gap::NoEvent);
    Trace { start: None, steps }
}

fn choose<D: Fn(i64) -> i64>(rules: &FunnelRules<'_, D>, events: &[FunnelEvent]) -> Option<Chosen> {
    let mut best: Option<Chosen> = None;
    rules.for_each_pass(events, |pass| {
        let rank = |excluded_by: Option<usize>, reached: usize, start: usize| {
            (excluded_by.is_none(), reached, std::cmp::Reverse(start))
        };
        let new = rank(pass.excluded_by, pass.times.len(), pass.start);
        if best.as_ref().is_none_or(|old| rank(old.excluded_by, old.times.len(), old.start) < new) {
            best = Some(Chosen {
                start: pass.start,
                first_step: pass.first_step,
                times: pass.times.to_vec(),
                excluded_by: pass.excluded_by,
            });
        }
    });
    best
}

fn in_order<D: Fn(i64) -> i64>(rules: &FunnelRules<'_, D>, events: &[FunnelEvent], chosen: &Chosen) -> Vec<StepTrace> {
    let times = &chosen.times;
    let mut filled = Vec::new();
    // The steps of one time were filled by the events of that instant.
    while let Some(time) = times.get(filled.len()) {
        let instant = instant_of(events, events.partition_point(|event| event.timestamp < *time));
        let until = times.partition_point(|other| other <= time);
        let positions = assignment(&events[instant.clone()], filled.len()..until);
        filled.extend(positions.into_iter().map(|position| instant.start + position));
    }
    let mut steps: Vec<_> = filled.iter().map(|event| StepTrace::Filled { event: *event }).collect();
    if steps.len() < rules.steps() {
        steps.push(StepTrace::Missing(next_gap(rules, events, chosen, &filled)));
    }
    steps.resize(rules.steps(), StepTrace::Missing(Gap::AfterGap));
    steps
}

/// Why the first step that was not reached was not, given the events that filled the others.
fn next_gap<D: Fn(i64) -> i64>(
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    chosen: &Chosen,
    filled: &[usize],
) -> Gap {
    let step = filled.len();
    let Some(before) = filled.last() else { return Gap::NoEvent };
    let instant = instant_of(events, *before);
    let next = next_of_step(events, step, instant.end);
    if rules.order == FunnelOrder::Ordered {
        return next.map_or(Gap::NoEvent, |event| Gap::OutsideWindow { event });
    }
    // At the instant of the start, what is not used came before; later on, it came in between.
    let is_start = instant.contains(&chosen.start);
    let unused = instant.clone().find(|index| !is_start && !filled.contains(index));
    match unused.or_else(|| (instant.end < events.len()).then_some(instant.end)) {
        None => Gap::NoEvent,
        Some(event) if next == Some(event) && unused.is_none() => {
            if events[event].timestamp > (rules.deadline)(events[chosen.start].timestamp) {
                Gap::OutsideWindow { event }
            } else {
                Gap::NotNext { event }
            }
        }
        Some(event) => Gap::NotNext { event },
    }
}

fn in_any_order<D: Fn(i64) -> i64>(
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    chosen: &Chosen,
) -> Vec<StepTrace> {
    let last = (rules.deadline)(events[chosen.start].timestamp);
    let end = instant_of(events, chosen.start).end;
    let mut filled = Filled::start(rules, chosen.start, chosen.first_step);
    for index in (end..events.len()).take_while(|index| events[*index].timestamp <= last) {
        filled.place(events, index);
    }
    let step = |step: usize| match filled.by_step[step] {
        Some(event) => StepTrace::Filled { event },
        None => StepTrace::Missing(match next_of_step(events, step, end) {
            Some(event) if events[event].timestamp > last => Gap::OutsideWindow { event },
            _ => Gap::NoEvent,
        }),
    };
    (0..rules.steps()).map(step).collect()
}
