//! Faults met in practice, put into the clean log of one person.
//!
//! Each fault draws from a stream of its own, and the shoppers know nothing of them: behaviour follows the first
//! variant even where the log says otherwise.

use crate::event::{Action, Event};
use crate::flag::Decision;
use crate::person::Person;
use crate::random::{Purpose, Random};
use crate::shopper::QUICK_CHECKOUT;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

const MINUTE_US: f64 = 60_000_000.0;
const HOUR_US: f64 = 60.0 * MINUTE_US;
/// A late row arrives this many hours late at most, and one hour at least.
const LATE_HOURS_MAX: f64 = 24.0;
/// A duplicate follows the original within this many minutes.
const DUPLICATE_MINUTES_MAX: f64 = 10.0;

/// No row arrives later than this after its event.
pub(crate) const ARRIVAL_DELAY_MAX_US: i64 = ((LATE_HOURS_MAX * 60.0 + DUPLICATE_MINUTES_MAX) * MINUTE_US) as i64;

/// One row of the file: an event and when it arrived, which is the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) arrival_us: i64,
    pub(crate) event: Event,
}

/// How much of each pathology is in the log, counted while it was made.
///
/// ```
/// let counts = abduck_datasets::PathologyCounts::default();
/// assert_eq!(counts.late_rows, 0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathologyCounts {
    /// Persons whose exposure to `quick-checkout` = `test` was never recorded.
    pub sample_ratio_mismatch_persons: u64,
    /// `$feature_flag_called` rows missing for that reason.
    pub sample_ratio_mismatch_events: u64,
    /// Persons whose flags were evaluated again with another answer.
    pub reevaluated_persons: u64,
    /// Persons of them who were reported exposed to two variants of one flag, or have events carrying two.
    pub two_variants_persons: u64,
    /// Rows that arrived an hour or more after their event, duplicates not counted.
    pub late_rows: u64,
    /// Rows that repeat an earlier row.
    pub duplicate_rows: u64,
    /// Events moved to the time of the event before.
    pub equal_timestamps_events: u64,
    /// Internal persons.
    pub test_accounts_persons: u64,
    /// Events of internal persons, duplicates not counted.
    pub test_accounts_events: u64,
}

impl AddAssign for PathologyCounts {
    fn add_assign(&mut self, other: Self) {
        self.sample_ratio_mismatch_persons += other.sample_ratio_mismatch_persons;
        self.sample_ratio_mismatch_events += other.sample_ratio_mismatch_events;
        self.reevaluated_persons += other.reevaluated_persons;
        self.two_variants_persons += other.two_variants_persons;
        self.late_rows += other.late_rows;
        self.duplicate_rows += other.duplicate_rows;
        self.equal_timestamps_events += other.equal_timestamps_events;
        self.test_accounts_persons += other.test_accounts_persons;
        self.test_accounts_events += other.test_accounts_events;
    }
}

/// What is recorded of a person: their events, changed or lost by the faults of recording, and the faults counted.
pub(crate) fn recorded(world: &World, person: &Person, mut events: Vec<Event>) -> (Vec<Event>, PathologyCounts) {
    let mut counts = PathologyCounts::default();
    reevaluate_flags(world, person, &mut events, &mut counts);
    lose_exposures(world, person, &mut events, &mut counts);
    tie_timestamps(world, person, &mut events, &mut counts);
    if person.is_test_account {
        counts.test_accounts_persons = 1;
        counts.test_accounts_events = events.len() as u64;
    }
    (events, counts)
}

/// The rows of a person's recorded events, in no particular order of arrival.
pub(crate) fn delivered(world: &World, person: &Person, events: &[Event], counts: &mut PathologyCounts) -> Vec<Row> {
    let faults = &world.options.pathologies;
    let mut late = Random::new(world.options.seed, person.index, Purpose::LateRows);
    let mut duplicate = Random::new(world.options.seed, person.index, Purpose::DuplicateRows);
    let mut rows = Vec::with_capacity(events.len());
    for &event in events {
        let mut arrival_us = event.time_us;
        if late.chance(faults.late_rows) {
            counts.late_rows += 1;
            arrival_us += ((1.0 + (LATE_HOURS_MAX - 1.0) * late.unit()) * HOUR_US) as i64;
        }
        rows.push(Row { arrival_us, event });
        if duplicate.chance(faults.duplicate_rows) {
            counts.duplicate_rows += 1;
            let delay_us = (duplicate.unit() * DUPLICATE_MINUTES_MAX * MINUTE_US) as i64;
            rows.push(Row { arrival_us: arrival_us + delay_us, event });
        }
    }
    rows
}

fn reevaluate_flags(world: &World, person: &Person, events: &mut [Event], counts: &mut PathologyCounts) {
    let mut random = Random::new(world.options.seed, person.index, Purpose::TwoVariants);
    if !random.chance(world.options.pathologies.two_variants) {
        return;
    }
    let answers = world.flags.map(|flag| flag.decide(&person.user_id()));
    let mut changed = false;
    for decision_pair in events.iter_mut().filter(|event| event.signed_in).map(|event| &mut event.decisions) {
        for (decision, answer) in decision_pair.iter_mut().zip(answers) {
            changed |= decision.is_some_and(|before| before != answer);
            *decision = decision.map(|_| answer);
        }
    }
    counts.reevaluated_persons = u64::from(changed);
    counts.two_variants_persons = u64::from((0..2).any(|flag| has_two_variants(events, flag)));
}

fn has_two_variants(events: &[Event], flag: usize) -> bool {
    let mut variants = events.iter().filter_map(|event| match event.decisions[flag] {
        Some(Decision::Variant(variant)) => Some(variant),
        _ => None,
    });
    variants.next().is_some_and(|first| variants.any(|variant| variant != first))
}

fn lose_exposures(world: &World, person: &Person, events: &mut Vec<Event>, counts: &mut PathologyCounts) {
    let mut random = Random::new(world.options.seed, person.index, Purpose::SampleRatioMismatch);
    let first = events.iter().find_map(|event| event.decisions[QUICK_CHECKOUT]);
    if first != Some(Decision::Variant(1)) || !random.chance(world.options.pathologies.sample_ratio_mismatch) {
        return;
    }
    let before = events.len();
    events.retain(|event| event.action != Action::FlagCalled { flag: QUICK_CHECKOUT as u8 });
    for event in events.iter_mut() {
        event.decisions[QUICK_CHECKOUT] = None;
    }
    counts.sample_ratio_mismatch_persons = 1;
    counts.sample_ratio_mismatch_events = (before - events.len()) as u64;
}

fn tie_timestamps(world: &World, person: &Person, events: &mut [Event], counts: &mut PathologyCounts) {
    let mut random = Random::new(world.options.seed, person.index, Purpose::EqualTimestamps);
    for index in 1..events.len() {
        let before = events[index - 1];
        // Not across a sign-in: which of two variants was seen first would then depend on the order of rows.
        let same_visit = events[index].session == before.session && events[index].signed_in == before.signed_in;
        if same_visit && random.chance(world.options.pathologies.equal_timestamps) {
            events[index].time_us = before.time_us;
            counts.equal_timestamps_events += 1;
        }
    }
}
