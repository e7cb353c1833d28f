//! Who and what is looked at: the time range, the variants, the test accounts.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::experiment::Experiment;
use crate::model::flag::FeatureFlag;
use crate::model::stats_config::BASELINE;
use crate::plan::exposure::test_accounts;
use crate::plan::{Condition, Library, Unit};

/// Which events and variants a plan looks at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Population {
    /// The flag whose variants are compared.
    pub feature_flag_key: String,
    /// The known variants in the flag's order, the experiment's holdout last (L-34).
    pub variants: Vec<String>,
    /// What events are put together by.
    pub unit: Unit,
    /// The time range of everything (Q-D1).
    pub range: TimeRange,
    /// What every event must pass, from the lab's test-account filters (Q-P20).
    pub filter: Condition,
    /// What marks events that are read but counted apart: those that do not pass. Mostly everything passes.
    pub marked: Condition,
    /// Whether events count as often as they were delivered. The engine never does; a count of rows would.
    pub every_delivery: bool,
}

/// A half-open range of instants, in microseconds since 1970 UTC.
///
/// The reference truncates events and both bounds to whole seconds and includes both ends (Q-D1, Q-D2); that is the same as
/// including the start's second and excluding the second after the end's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimeRange {
    /// The first instant inside.
    pub from_microseconds: i64,
    /// The first instant after.
    pub until_microseconds: i64,
}

impl TimeRange {
    /// Whether an instant lies in it.
    #[must_use]
    pub fn contains(&self, microseconds: i64) -> bool {
        self.from_microseconds <= microseconds && microseconds < self.until_microseconds
    }

    /// The range of an experiment that began at `start` and ended at `end`, or runs, as of a moment.
    #[must_use]
    pub fn new(start: Timestamp, end: Option<Timestamp>, as_of: Timestamp) -> Self {
        // Q-D4: without an end date, up to now; nor does anything look beyond the moment that was asked for.
        let end = end.map_or(as_of, |end| end.min(as_of));
        Self {
            from_microseconds: floor_to_second(start),
            until_microseconds: floor_to_second(end) + MICROSECONDS_PER_SECOND,
        }
    }
}

impl Population {
    pub(super) fn new(
        experiment: &Experiment,
        flag: &FeatureFlag,
        library: &Library,
        range: TimeRange,
        filter_test_accounts: bool,
    ) -> Result<Self> {
        let mut variants: Vec<String> = flag.variants().iter().map(|variant| variant.key.clone()).collect();
        let holdout = experiment.holdout_id.map(|id| format!("holdout-{id}"));
        variants.extend(holdout.filter(|key| flag.variants().iter().all(|variant| variant.key != *key)));
        if !variants.iter().any(|key| key == BASELINE) {
            return Err(Error::not_ready(format!("the flag '{}' has no variant '{BASELINE}'", flag.key))
                .hint("give the flag a variant with the key control"));
        }
        let filter = test_accounts(filter_test_accounts, library)?;
        let unit = if library.settings.aggregate_users_by_distinct_id { Unit::DistinctId } else { Unit::Person };
        let marked = Condition::EVERYTHING;
        Ok(Self { feature_flag_key: flag.key.clone(), variants, unit, range, filter, marked, every_delivery: false })
    }

    /// The property an event carries its variant in (Q-V1).
    #[must_use]
    pub fn variant_property(&self) -> String {
        format!("$feature/{}", self.feature_flag_key)
    }
}

const MICROSECONDS_PER_SECOND: i64 = 1_000_000;

fn floor_to_second(instant: Timestamp) -> i64 {
    instant.as_microsecond().div_euclid(MICROSECONDS_PER_SECOND) * MICROSECONDS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_whole_seconds_and_both_inside() {
        // Q-D1, Q-D2: with start :21.71 an event at :21.10 is in; with end :00 an event at :00.9 is in.
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let range =
            TimeRange::new(at("2024-01-01T00:00:21.71Z"), Some(at("2024-01-02T00:00:00Z")), at("2030-01-01T00:00:00Z"));
        let inside =
            |text: &str| (range.from_microseconds..range.until_microseconds).contains(&at(text).as_microsecond());
        assert!(inside("2024-01-01T00:00:21.10Z") && inside("2024-01-02T00:00:00.9Z"));
        assert!(!inside("2024-01-01T00:00:20.999999Z") && !inside("2024-01-02T00:00:01Z"));
    }

    #[test]
    fn an_ended_experiment_is_cut_at_the_moment_asked_for() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let range =
            TimeRange::new(at("2024-01-01T00:00:00Z"), Some(at("2024-02-01T00:00:00Z")), at("2024-01-03T00:00:00Z"));
        assert_eq!(range.until_microseconds, at("2024-01-03T00:00:01Z").as_microsecond());
    }

    #[test]
    fn an_open_experiment_ends_now() {
        // Q-D4
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let range = TimeRange::new(at("2024-01-01T00:00:00Z"), None, at("2024-01-03T00:00:00.5Z"));
        assert_eq!(range.until_microseconds, at("2024-01-03T00:00:01Z").as_microsecond());
    }
}
