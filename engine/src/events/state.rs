//! What is in the store: counts, times, names.

use jiff::Timestamp;

use super::attach::{self, AttachedChange};
use super::database::{self, text};
use super::profiles::GroupType;
use super::store::Reader;
use crate::error::{Error, Result};
use crate::sql::Sql;

/// What the store holds. Results computed from equal `data_version`s and `data_digest`s are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct DataState {
    /// Rises with every change of the data; 0 for an empty new store.
    pub data_version: u64,
    /// A hash of all changes of the data so far; it tells stores with equal versions apart.
    pub data_digest: String,
    /// Number of events, stored and attached.
    pub event_count: u64,
    /// Number of persons.
    pub person_count: u64,
    /// The types of groups, by index.
    pub group_types: Vec<GroupType>,
    /// Time of the earliest event.
    pub first_event: Option<Timestamp>,
    /// Time of the latest event.
    pub last_event: Option<Timestamp>,
    /// The patterns of the attached files, in the order they were attached.
    pub attached: Vec<String>,
    /// Attached files that are not as they were scanned. Unless this is empty, queries may fail or disagree with
    /// `data_version`; [`refresh_attached`](super::refresh_attached) mends that.
    pub attached_changes: Vec<AttachedChange>,
}

impl Reader {
    /// What the store holds.
    ///
    /// # Errors
    ///
    /// `Query` if the store cannot be read.
    pub fn state(&self) -> Result<DataState> {
        if let Some(state) = self.memory.recall(&self.identity) {
            return Ok(state);
        }
        let sql = text(
            "SELECT (SELECT data_version FROM meta), (SELECT data_digest FROM meta), sum(n)::UBIGINT, epoch_us(min(first)), epoch_us(max(last)), \
             (SELECT count(*) FROM person_profile) \
             FROM (SELECT count(*) AS n, min(timestamp) AS first, max(timestamp) AS last FROM event \
             UNION ALL SELECT event_count, first_event, last_event FROM attached)",
        );
        let (data_version, data_digest, event_count, first, last, persons) =
            database::row(self.connection()?, &sql, |row| {
                Ok((
                    row.get::<_, u64>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, u64>(2)?,
                    row.get::<_, Option<i64>>(3)?,
                    row.get::<_, Option<i64>>(4)?,
                    row.get::<_, i64>(5)?,
                ))
            })?;
        let attachments = attach::recorded(self.connection()?)?;
        let state = DataState {
            data_version,
            data_digest,
            event_count,
            person_count: persons.unsigned_abs(),
            group_types: self.group_types()?,
            first_event: first.map(instant).transpose()?,
            last_event: last.map(instant).transpose()?,
            attached: attachments.iter().map(|attachment| attachment.pattern.clone()).collect(),
            attached_changes: attach::changes(&attachments)?,
        };
        self.memory.remember(&self.identity, &state);
        Ok(state)
    }

    /// The most frequent event names with their counts, at most `limit` of them; among equals in alphabetical order.
    ///
    /// # Errors
    ///
    /// `Query` if the store, or an attached file, cannot be read.
    pub fn event_names(&self, limit: u32) -> Result<Vec<(String, u64)>> {
        let mut sql = Sql::new();
        sql.text("SELECT event, count(*) FROM events GROUP BY event ORDER BY count(*) DESC, event LIMIT ")
            .value(i64::from(limit));
        database::rows(self.connection()?, &sql, |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
    }
}

fn instant(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|error| Error::bug(format!("an event at {microseconds} µs is stored, which is out of range: {error}")))
}
