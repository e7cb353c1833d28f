//! Saved metrics, and which experiment uses which.

use rusqlite::{Row, named_params};

use super::audit::Change;
use super::column::{Json, Microseconds};
use super::named::{Named, one_of};
use super::transaction::{Snapshot, Transaction};
use crate::error::{Error, Result};
use crate::lifecycle::NewLink;
use crate::model::saved_metric::{ExperimentSavedMetric, SavedMetric};

const ALL: &str = "SELECT * FROM saved_metric ORDER BY created_at DESC, id DESC";
const BY_ID: &str = "SELECT * FROM saved_metric WHERE id = ?1";
const IDS: &str = "SELECT id FROM saved_metric ORDER BY id";
const INSERT: &str = "
    INSERT INTO saved_metric (id, name, description, query, created_by, created_at, updated_at)
    VALUES (nullif(:id, 0), :name, :description, :query, :created_by, :created_at, :updated_at)";
const UPDATE: &str = "
    UPDATE saved_metric SET name = :name, description = :description, query = :query, created_by = :created_by,
        created_at = :created_at, updated_at = :updated_at
    WHERE id = :id";
const DELETE: &str = "DELETE FROM saved_metric WHERE id = ?1";
const OF_EXPERIMENT: &str = "
    SELECT link.*, saved_metric.query, saved_metric.name
    FROM experiment_saved_metric AS link JOIN saved_metric ON saved_metric.id = link.saved_metric_id
    WHERE link.experiment_id = ?1 ORDER BY link.id";
const LINK: &str = "
    INSERT INTO experiment_saved_metric (experiment_id, saved_metric_id, metadata, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?4)";
const UNLINK: &str = "DELETE FROM experiment_saved_metric WHERE experiment_id = ?1";

/// The audit log's name for a saved metric.
const NOUN: &str = "saved_metric";

impl Named for SavedMetric {
    const NOUN: &'static str = "saved metric";

    fn id(&self) -> i64 {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Snapshot<'_> {
    /// All saved metrics, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn saved_metrics(&self) -> Result<Vec<SavedMetric>> {
        self.rows(ALL, (), read_saved_metric)
    }

    /// The ids of all saved metrics.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn saved_metric_ids(&self) -> Result<Vec<i64>> {
        self.rows(IDS, (), |row| row.get(0))
    }

    /// The saved metric with a number, else with a name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name; `Storage` when it cannot be read.
    pub fn saved_metric_named(&self, id_or_name: &str) -> Result<SavedMetric> {
        if let Ok(id) = id_or_name.parse::<i64>()
            && let Some(metric) = self.row(BY_ID, (id,), read_saved_metric)?
        {
            return Ok(metric);
        }
        one_of(self.saved_metrics()?, id_or_name)
    }

    /// The saved metrics an experiment uses, as they are now (L-43), in the order they were linked.
    pub(super) fn saved_metrics_of(&self, experiment: i64) -> Result<Vec<ExperimentSavedMetric>> {
        self.rows(OF_EXPERIMENT, (experiment,), read_link)
    }
}

impl Transaction<'_> {
    /// Stores a new saved metric, and returns it with its id.
    ///
    /// # Errors
    /// `Storage` when it cannot be written.
    pub fn insert_saved_metric(&mut self, metric: SavedMetric, change: &Change) -> Result<SavedMetric> {
        let id = self.write_saved_metric(INSERT, &metric)?;
        let metric = SavedMetric { id, ..metric };
        self.record(change, (NOUN, id), None, Some(&metric))?;
        Ok(metric)
    }

    /// Stores what became of a saved metric.
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn update_saved_metric(&mut self, metric: &SavedMetric, change: &Change) -> Result<()> {
        let before = self.stored_saved_metric(metric.id)?;
        self.write_saved_metric(UPDATE, metric)?;
        self.record(change, (NOUN, metric.id), Some(&before), Some(metric))
    }

    /// Removes a saved metric and its links; the experiments stay (L-43).
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn delete_saved_metric(&mut self, id: i64, change: &Change) -> Result<()> {
        let before = self.stored_saved_metric(id)?;
        self.write(DELETE, (id,))?;
        self.record(change, (NOUN, id), Some(&before), None)
    }

    /// Links saved metrics to an experiment, in their order.
    pub(super) fn link_saved_metrics(&mut self, experiment: i64, links: &[NewLink], change: &Change) -> Result<()> {
        for link in links {
            self.write(LINK, (experiment, link.saved_metric, Json(&link.metadata), Microseconds(change.at)))?;
        }
        Ok(())
    }

    /// Drops all links of an experiment.
    pub(super) fn unlink_saved_metrics(&mut self, experiment: i64) -> Result<()> {
        self.write(UNLINK, (experiment,)).map(drop)
    }

    fn stored_saved_metric(&self, id: i64) -> Result<SavedMetric> {
        self.row(BY_ID, (id,), read_saved_metric)?.ok_or_else(|| Error::not_found(SavedMetric::NOUN, id.to_string()))
    }

    fn write_saved_metric(&mut self, sql: &'static str, metric: &SavedMetric) -> Result<i64> {
        let values = named_params! {
            ":id": metric.id,
            ":name": metric.name,
            ":description": metric.description,
            ":query": Json(&metric.query),
            ":created_by": metric.created_by,
            ":created_at": Microseconds(metric.created_at),
            ":updated_at": Microseconds(metric.updated_at),
        };
        self.write(sql, values)
    }
}

fn read_saved_metric(row: &Row<'_>) -> rusqlite::Result<SavedMetric> {
    Ok(SavedMetric {
        id: row.get("id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        query: row.get::<_, Json<_>>("query")?.0,
        created_by: row.get("created_by")?,
        created_at: row.get::<_, Microseconds>("created_at")?.0,
        updated_at: row.get::<_, Microseconds>("updated_at")?.0,
    })
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
