//! How long an actor took from step to step (Q-F15).

use crate::kernel::funnel::FunnelEvent;

/// The seconds from each step to the next, averaged over the actor's best passes through the funnel.
///
/// A pass starts at any event of the first step and takes, step by step, the earliest event that is left (Q-F3); the passes
/// that reach as many steps as the actor did count alike. `events` are all of the actor's in order of time, `never_with` and
/// `deadline` as for [`Funnel`](crate::kernel::funnel::Funnel), `reached` what it said. Empty when fewer than two steps were
/// reached. The cost is O(entries × steps × log events).
///
/// Where distinct events of one instant fit several steps each, taking the earliest can miss a pass that the funnel found by
/// matching; such a pass has no say here.
#[must_use]
pub fn seconds_between_steps(
    events: &[FunnelEvent],
    never_with: &[u32],
    deadline: impl Fn(i64) -> i64,
    reached: usize,
) -> Vec<f64> {
    if reached < 2 {
        return Vec::new();
    }
    let occurrences: Vec<Vec<usize>> = (0..reached).map(|step| matching(events, step)).collect();
    let mut totals = vec![0.0; reached - 1];
    let mut passes = 0.0;
    for entry in &occurrences[0] {
        let last = deadline(events[*entry].timestamp);
        let Some(pass) = pass(events, &occurrences, never_with, *entry, last) else { continue };
        passes += 1.0;
        for (total, pair) in totals.iter_mut().zip(pass.windows(2)) {
            *total += seconds(events[pair[1]].timestamp - events[pair[0]].timestamp);
        }
    }
    if passes == 0.0 { Vec::new() } else { totals.into_iter().map(|total| total / passes).collect() }
}

fn matching(events: &[FunnelEvent], step: usize) -> Vec<usize> {
    (0..events.len()).filter(|index| events[*index].steps >> step & 1 != 0).collect()
}

/// The events of the pass that starts with an entry, if it reaches all steps before the deadline.
fn pass(
    events: &[FunnelEvent],
    occurrences: &[Vec<usize>],
    never_with: &[u32],
    entry: usize,
    last: i64,
) -> Option<Vec<usize>> {
    let mut chain = vec![entry];
    for (step, candidates) in occurrences.iter().enumerate().skip(1) {
        let now = events[chain[step - 1]].timestamp;
        // A step that may not share this instant begins after all events of it.
        let excluded = chain
            .iter()
            .enumerate()
            .any(|(earlier, before)| never_with[step] >> earlier & 1 != 0 && events[*before].timestamp == now);
        let before = |index: &usize| events[*index].timestamp < now || (excluded && events[*index].timestamp == now);
        let begin = candidates.partition_point(before);
        let next = *candidates[begin..].iter().find(|index| !chain.contains(index))?;
        if events[next].timestamp > last {
            return None;
        }
        chain.push(next);
    }
    Some(chain)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds within the calendar stay below 2^60, an error of microseconds"
)]
fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::funnel::Funnel;

    fn event(seconds: i64, steps: u32) -> FunnelEvent {
        FunnelEvent { timestamp: seconds * 1_000_000, steps, variant: 0 }
    }

    fn window(length_seconds: i64) -> impl Fn(i64) -> i64 {
        move |entry| entry + length_seconds * 1_000_000
    }

    #[test]
    fn the_passes_of_an_actor_are_averaged() {
        // Q-F15: the entries at 0 and 4 both reach the purchase at 10; the one at 12 does not.
        let events = [event(0, 1), event(4, 1), event(10, 2), event(12, 1)];
        assert_eq!(seconds_between_steps(&events, &[0, 0], window(20), 2), [8.0]);
        // Within 7 seconds only the entry at 4 does.
        assert_eq!(seconds_between_steps(&events, &[0, 0], window(7), 2), [6.0]);
        assert!(seconds_between_steps(&events, &[0, 0], window(20), 1).is_empty());
    }

    proptest! {
        /// Where every event fits one step, the passes are those of walking through the events one by one.
        #[test]
        fn passes_agree_with_walking(
            mut raw in prop::collection::vec((0_i64..30, 0_u32..3), 0..25), length in 0_i64..30,
        ) {
            raw.sort_unstable();
            let events: Vec<_> = raw.iter().map(|(at, step)| event(*at, 1 << step)).collect();
            let never_with = [0, 0, 0];
            let reached = Funnel::new(&never_with, window(length)).steps_reached(&events);
            let mut walks: Vec<Vec<f64>> = Vec::new();
            for (start, _) in raw.iter().filter(|(_, step)| *step == 0) {
                let mut times = vec![*start];
                while times.len() < reached {
                    let step = u32::try_from(times.len()).unwrap();
                    let now = times[times.len() - 1];
                    let next = raw.iter().find(|(at, fits)| *fits == step && *at >= now && *at <= start + length);
                    let Some((at, _)) = next else { break };
                    times.push(*at);
                }
                if times.len() == reached && reached > 1 {
                    walks.push(times.windows(2).map(|pair| seconds((pair[1] - pair[0]) * 1_000_000)).collect());
                }
            }
            let got = seconds_between_steps(&events, &never_with, window(length), reached);
            prop_assert_eq!(got.is_empty(), walks.is_empty());
            for (step, seconds) in got.iter().enumerate() {
                let wanted: f64 = walks.iter().map(|walk| walk[step]).sum::<f64>() / f64::from(u32::try_from(walks.len()).unwrap());
                prop_assert!((seconds - wanted).abs() < 1e-9);
            }
        }
    }
}
