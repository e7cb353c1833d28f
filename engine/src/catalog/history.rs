//! The results an experiment has had over time.

use jiff::Timestamp;
use rusqlite::Row;
use serde::Serialize;
use serde_json::Value;

use super::column::{Json, Microseconds};
use super::transaction::{Snapshot, Transaction};
use crate::error::Result;

const INSERT: &str = "INSERT INTO result_history (experiment_id, computed_at, result) VALUES (?1, ?2, ?3)";
const OF_EXPERIMENT: &str = "SELECT * FROM result_history WHERE experiment_id = ?1 ORDER BY computed_at, id";

/// A result as it was at one time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PastResult {
    /// Its id in the catalog.
    pub id: i64,
    /// The experiment's id.
    pub experiment: i64,
    /// When it was computed.
    pub computed_at: Timestamp,
    /// The result.
    pub result: Value,
}

impl Snapshot<'_> {
    /// The results an experiment has had, oldest first, so that they can be drawn as a course.
    ///
    /// # Errors
    /// `Storage` when the history cannot be read.
    pub fn result_history(&self, experiment: i64) -> Result<Vec<PastResult>> {
        self.rows(OF_EXPERIMENT, (experiment,), read_past_result)
    }
}

impl Transaction<'_> {
    /// Adds a result to the history of an experiment.
    ///
    /// # Errors
    /// `Storage` when it cannot be written.
    pub fn append_result(&mut self, experiment: i64, result: &Value, computed_at: Timestamp) -> Result<()> {
        self.write(INSERT, (experiment, Microseconds(computed_at), Json(result))).map(drop)
    }
}

fn read_past_result(row: &Row<'_>) -> rusqlite::Result<PastResult> {
    Ok(PastResult {
        id: row.get("id")?,
        experiment: row.get("experiment_id")?,
        computed_at: row.get::<_, Microseconds>("computed_at")?.0,
        result: row.get::<_, Json<Value>>("result")?.0,
    })
}
