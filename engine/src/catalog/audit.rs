//! The audit log: who changed what, and when. It only ever grows.

use jiff::Timestamp;
use rusqlite::{Row, named_params};
use serde::Serialize;
use serde_json::Value;

use super::column::{Json, Microseconds};
use super::transaction::{Snapshot, Transaction};
use crate::error::Result;

const INSERT: &str = "
    INSERT INTO audit_log (at, who, operation, noun, noun_id, before, after)
    VALUES (:at, :who, :operation, :noun, :noun_id, :before, :after)";
const OF_NOUN: &str = "SELECT * FROM audit_log WHERE noun = ?1 AND noun_id = ?2 ORDER BY id";
const LAST: &str = "SELECT * FROM (SELECT * FROM audit_log ORDER BY id DESC LIMIT ?1) ORDER BY id";

/// What happens, by whom and when: every change of a definition is made under one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is done, such as `launch`.
    pub operation: &'static str,
    /// Who does it, if known.
    pub who: Option<String>,
    /// When it is done.
    pub at: Timestamp,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Its number, in the order of what happened.
    pub id: i64,
    /// When it was done.
    pub at: Timestamp,
    /// Who did it, if known.
    pub who: Option<String>,
    /// What was done, such as `launch`.
    pub operation: String,
    /// The kind of thing changed: `experiment`, `feature_flag`, `holdout`, `saved_metric`, `cohort`, `action` or
    /// `lab_settings`.
    pub noun: String,
    /// Its id.
    pub noun_id: i64,
    /// What it was; null when it was made.
    pub before: Option<Value>,
    /// What it became; null when it was removed.
    pub after: Option<Value>,
}

impl Snapshot<'_> {
    /// What happened to one thing, oldest first. See [`AuditEntry::noun`] for the kinds.
    ///
    /// # Errors
    /// `Storage` when the log cannot be read.
    pub fn audit_log(&self, noun: &str, id: i64) -> Result<Vec<AuditEntry>> {
        self.rows(OF_NOUN, (noun, id), read_entry)
    }

    /// The last `limit` things that happened, oldest first.
    ///
    /// # Errors
    /// `Storage` when the log cannot be read.
    pub fn last_audit_entries(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        self.rows(LAST, (limit,), read_entry)
    }
}

impl Transaction<'_> {
    /// Adds an entry to the log.
    pub(super) fn record<T: Serialize>(
        &mut self,
        change: &Change,
        (noun, id): (&str, i64),
        before: Option<&T>,
        after: Option<&T>,
    ) -> Result<()> {
        let values = named_params! {
            ":at": Microseconds(change.at),
            ":who": change.who,
            ":operation": change.operation,
            ":noun": noun,
            ":noun_id": id,
            ":before": before.map(Json),
            ":after": after.map(Json),
        };
        self.write(INSERT, values).map(drop)
    }
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.get("id")?,
        at: row.get::<_, Microseconds>("at")?.0,
        who: row.get("who")?,
        operation: row.get("operation")?,
        noun: row.get("noun")?,
        noun_id: row.get("noun_id")?,
        before: row.get::<_, Option<Json<Value>>>("before")?.map(|json| json.0),
        after: row.get::<_, Option<Json<Value>>>("after")?.map(|json| json.0),
    })
}
