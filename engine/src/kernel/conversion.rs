//! How long a unit took from step to step (Q-F15).

use crate::kernel::funnel::FunnelEvent;
use crate::kernel::rules::FunnelRules;

/// The seconds from each step to the next, averaged over the starts that reach `reached` steps and are not thrown away.
///
/// Starts count alike, also several at one instant.
pub(super) fn seconds<D: Fn(i64) -> i64>(
    rules: &FunnelRules<'_, D>,
    events: &[FunnelEvent],
    reached: usize,
) -> Vec<f64> {
    let mut totals = vec![0.0; reached - 1];
    let mut starts = 0.0;
    rules.for_each_pass(events, |pass| {
        if pass.excluded_by.is_some() || pass.times.len() != reached {
            return;
        }
        let weight = f64::from(pass.starts);
        starts += weight;
        for (total, pair) in totals.iter_mut().zip(pass.times.windows(2)) {
            *total += weight * in_seconds(pair[1] - pair[0]);
        }
    });
    if starts == 0.0 { Vec::new() } else { totals.into_iter().map(|total| total / starts).collect() }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds within the calendar stay below 2^60, an error of microseconds"
)]
fn in_seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}
