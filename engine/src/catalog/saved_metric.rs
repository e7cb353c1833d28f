//! Saved metrics, and which experiment uses which.

use rusqlite::Row;

use super::column::{Json, Microseconds};
use super::transaction::Snapshot;
use crate::error::Result;
use crate::model::saved_metric::ExperimentSavedMetric;

const OF_EXPERIMENT: &str = "
    SELECT link.*, saved_metric.query, saved_metric.name
    FROM experiment_saved_metric AS link JOIN saved_metric ON saved_metric.id = link.saved_metric_id
    WHERE link.experiment_id = ?1 ORDER BY link.id";

impl Snapshot<'_> {
    /// The saved metrics an experiment uses, as they are now (L-43), in the order they were linked.
    pub(super) fn saved_metrics_of(&self, experiment: i64) -> Result<Vec<ExperimentSavedMetric>> {
        self.rows(OF_EXPERIMENT, (experiment,), read_link)
    }
}

fn read_link(row: &Row<'_>) -> rusqlite::Result<ExperimentSavedMetric> {
    Ok(ExperimentSavedMetric {
        id: row.get("id")?,
        experiment: row.get("experiment_id")?,
        saved_metric: row.get("saved_metric_id")?,
        metadata: row.get::<_, Json<_>>("metadata")?.0,
        created_at: row.get::<_, Microseconds>("created_at")?.0,
        updated_at: row.get::<_, Microseconds>("updated_at")?.0,
        query: row.get::<_, Json<_>>("query")?.0,
        name: row.get("name")?,
    })
}
