//! Whether a unit came back (M-50 to M-53).

use super::{Counted, UnitRows};
use crate::model::experiment_metric::StartHandling;
use crate::plan::{Buckets, Period, RetentionRules, UnitMeasure};

/// Between which instants a unit may begin: as its other events, but with a conversion window up to and including the first
/// exposure plus the window (M-50).
pub(super) fn starts(first_exposure: i64, measure: &UnitMeasure, counted: Counted) -> Counted {
    match measure.window.conversion_microseconds {
        None => counted,
        Some(length) => Counted { to: first_exposure.saturating_add(length), ..counted },
    }
}

/// Whether the unit came back; `None` when it did not begin.
pub(super) fn is_retained(rules: &RetentionRules, rows: &UnitRows, starts: Counted, as_of: i64) -> Option<bool> {
    let has = |row: usize, source: u32| rows.roles[row] >> (source + 1) & 1 != 0;
    let within = |row: &usize| {
        let timestamp = rows.timestamps[*row];
        has(*row, 0) && starts.from <= timestamp && timestamp <= starts.to && timestamp <= as_of
    };
    let mut candidates = (0..rows.timestamps.len()).filter(within);
    let anchor = match rules.start_handling {
        StartHandling::FirstSeen => candidates.next(),
        StartHandling::LastSeen => candidates.next_back(),
    };
    let anchor = rows.timestamps[anchor?];
    let until = rules.until_microseconds.min(as_of);
    let returns = |row: usize| {
        let timestamp = rows.timestamps[row];
        has(row, 1) && timestamp <= until && counts(rules, anchor, timestamp)
    };
    Some((0..rows.timestamps.len()).any(returns))
}

/// Whether a return falls into the periods that count (M-52).
fn counts(rules: &RetentionRules, anchor: i64, timestamp: i64) -> bool {
    match &rules.period {
        Period::Calendar(buckets) => {
            let periods = bucket(buckets, timestamp) - bucket(buckets, anchor);
            (rules.first_period..=rules.last_period).contains(&periods)
        }
        Period::Exact { microseconds } => {
            let later = |periods: i64| anchor.saturating_add(periods.saturating_mul(*microseconds));
            later(rules.first_period) <= timestamp && timestamp <= later(rules.last_period)
        }
    }
}

/// The number of a bucket; -1 for what lies before all.
fn bucket(buckets: &Buckets, timestamp: i64) -> i64 {
    let after = buckets.begin_microseconds.partition_point(|begin| *begin <= timestamp);
    i64::try_from(after).unwrap_or(i64::MAX) - 1
}
