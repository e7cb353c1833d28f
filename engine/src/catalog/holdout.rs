//! Holdouts.

use rusqlite::Row;

use super::column::{Json, Microseconds};
use super::transaction::Snapshot;
use crate::error::Result;
use crate::model::holdout::Holdout;

const BY_ID: &str = "SELECT * FROM holdout WHERE id = ?1";

impl Snapshot<'_> {
    /// The holdout with an id, if there is one.
    ///
    /// # Errors
    /// `Storage` when it cannot be read.
    pub fn holdout(&self, id: i64) -> Result<Option<Holdout>> {
        self.row(BY_ID, (id,), read_holdout)
    }
}

fn read_holdout(row: &Row<'_>) -> rusqlite::Result<Holdout> {
    Ok(Holdout {
        id: row.get("id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        filters: row.get::<_, Json<_>>("filters")?.0,
        created_by: row.get("created_by")?,
        created_at: row.get::<_, Microseconds>("created_at")?.0,
        updated_at: row.get::<_, Microseconds>("updated_at")?.0,
    })
}
