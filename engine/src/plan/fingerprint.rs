//! The cache key of a plan: a hash of everything its result depends on (B-9).

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::plan::{Measure, Plan};

/// What a plan can see of the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Visible {
    /// The version of the event data; it rises with every change of the data.
    pub data_version: u64,
    /// A hash of all changes of the event data: it tells stores with equal versions apart.
    pub data_digest: String,
    /// The time of the last event, in microseconds since 1970 UTC.
    pub last_event_microseconds: Option<i64>,
}

impl Plan {
    /// The key of this plan's result over some data, computed by this version of the engine: 64 hexadecimal digits.
    ///
    /// An experiment without an end date ends "now", which moves with every call. The result does not, as long as no event
    /// comes into view, so the key holds the end only up to the last event.
    #[must_use]
    pub fn fingerprint(&self, visible: &Visible) -> String {
        let mut plan = self.clone();
        let range = &mut plan.population.range;
        let after_last_event = visible.last_event_microseconds.map_or(i64::MIN, |last| last.saturating_add(1));
        range.until_microseconds = range.until_microseconds.min(after_last_event.max(range.from_microseconds));
        if let Measure::Units(measure) = &mut plan.measure {
            let seen = after_last_event.max(plan.population.range.from_microseconds);
            measure.scanned.until_microseconds = measure.scanned.until_microseconds.min(seen);
            // Units mature as time goes by, but nobody was exposed after the last event.
            measure.matured_by_microseconds = measure.matured_by_microseconds.map(|by| by.min(seen));
        }
        let text = serde_json::json!({
            "engine": env!("CARGO_PKG_VERSION"),
            "data_version": visible.data_version,
            "data_digest": visible.data_digest,
            "plan": plan,
        });
        hash_of(&text.to_string())
    }
}

/// The SHA-256 of a text: 64 hexadecimal digits.
pub(crate) fn hash_of(text: &str) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    Sha256::digest(text.as_bytes()).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
