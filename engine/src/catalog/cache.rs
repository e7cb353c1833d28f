//! Results computed before, by a key that names everything they depend on.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::column::{Json, Microseconds};
use super::transaction::{Snapshot, Transaction};
use crate::error::Result;

const SELECT: &str = "SELECT computed_at, value FROM result_cache WHERE key = ?1";
const UPSERT: &str = "INSERT OR REPLACE INTO result_cache (key, computed_at, value) VALUES (?1, ?2, ?3)";

/// A result computed before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CachedResult {
    /// When it was computed.
    pub computed_at: Timestamp,
    /// The result, as it was put in.
    pub value: Value,
}

impl Snapshot<'_> {
    /// The result under a key, if there is one. A value that cannot be read back counts as absent (C-4).
    ///
    /// # Errors
    /// `Storage` when the cache cannot be read.
    pub fn cached_result(&self, key: &str) -> Result<Option<CachedResult>> {
        let row = self.row(SELECT, (key,), |row| Ok((row.get::<_, Microseconds>(0)?.0, row.get::<_, String>(1)?)))?;
        Ok(row.and_then(|(computed_at, text)| {
            serde_json::from_str(&text).ok().map(|value| CachedResult { computed_at, value })
        }))
    }
}

impl Transaction<'_> {
    /// Puts a result under a key, in place of what was there.
    ///
    /// # Errors
    /// `Storage` when it cannot be written.
    pub fn cache_result(&mut self, key: &str, result: &CachedResult) -> Result<()> {
        self.write(UPSERT, (key, Microseconds(result.computed_at), Json(&result.value))).map(drop)
    }
}
