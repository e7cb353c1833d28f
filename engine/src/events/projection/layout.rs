//! How persons are divided into buckets, and what a projection says of itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::database::{self, text};
use super::super::store::Reader;
use crate::error::{Error, Result};
use crate::plan::hash_of;

/// The form of the files; another form is another folder.
const FORMAT_VERSION: u32 = 1;

/// About how many events a bucket has: its columns then stay in a processor's cache.
const EVENTS_PER_BUCKET: u64 = 1 << 16;

/// Most buckets, so that even the longest log has few enough batches per file.
const BUCKETS_MAX: u64 = 1 << 13;

/// What a projection of the present data would be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The number of events.
    pub(super) events: u64,
    /// The persons of a bucket, as a power of two.
    pub(super) bits: u32,
}

/// What a finished projection says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// The number of events.
    pub(super) events: u64,
    /// The number of events of each bucket.
    pub(super) events_per_bucket: Vec<u64>,
    /// The persons of a bucket, as a power of two.
    pub(super) bits: u32,
    /// The number of each event name.
    pub(super) event_names: BTreeMap<String, u16>,
}

/// The name of the folder for what a reader sees, and the number of events; `None` where there can be no projection.
pub(super) fn of(reader: &Reader) -> Result<Option<(String, u64)>> {
    let state = reader.state()?;
    // Rows are numbered by 32 bits.
    if !state.attached.is_empty() || state.event_count == 0 || state.event_count > u64::from(u32::MAX) {
        return Ok(None);
    }
    let data = format!("{FORMAT_VERSION} {} {}", state.data_version, state.data_digest);
    Ok(Some((hash_of(&data), state.event_count)))
}

/// What a projection would be; `None` if there are more names of events than it has numbers for.
pub(super) fn wanted(reader: &Reader, events: u64) -> Result<Option<Wanted>> {
    let sql = text(
        "SELECT (SELECT coalesce(max(person_id), 0) FROM distinct_id), (SELECT coalesce(max(id), 0) FROM event_name)",
    );
    let (last_person, last_name): (u64, u64) =
        database::row(reader.connection()?, &sql, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let fits = u16::try_from(last_name).is_ok();
    Ok(fits.then(|| Wanted { events, bits: bits(events, last_person + 1) }))
}

/// How many persons a bucket has, as a power of two, so that it has about as many events as it should.
fn bits(events: u64, persons: u64) -> u32 {
    let buckets = events.div_ceil(EVENTS_PER_BUCKET).clamp(1, BUCKETS_MAX);
    persons.div_ceil(buckets).next_power_of_two().trailing_zeros()
}

impl Manifest {
    const NAME: &str = "manifest.json";

    /// What a folder says of itself, if it is a finished projection.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(Self::NAME)).ok()?).ok()
    }

    /// Written last: a folder with it is complete.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(Self::NAME);
        let text = serde_json::to_vec(self).map_err(|error| Error::bug(error.to_string()))?;
        fs::write(&path, text).map_err(|error| Error::io(&path, error))
    }

    pub(super) fn buckets(&self) -> usize {
        self.events_per_bucket.len()
    }
}

#[cfg(test)]
mod tests {
    use super::bits;

    #[test]
    fn buckets_hold_about_as_many_events_as_they_should() {
        assert_eq!(bits(1, 1), 0);
        assert_eq!(bits(1_000, 50), 6);
        // 153 buckets would be 3,268 persons each.
        assert_eq!(bits(10_000_000, 500_000), 12);
        // However long the log, at most so many buckets.
        assert_eq!(bits(4_000_000_000, 1 << 27), 14);
    }
}
