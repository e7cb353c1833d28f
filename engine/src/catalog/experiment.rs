//! Experiments.

use rusqlite::{Row, named_params};

use super::audit::Change;
use super::column::{Json, Microseconds, Word};
use super::named::not_found;
use super::transaction::{Snapshot, Transaction};
use crate::error::{Error, Result};
use crate::lifecycle::{NewExperiment, NewFlag, NewLink};
use crate::model::experiment::Experiment;
use crate::model::flag::FeatureFlag;

const ALL: &str = "
    SELECT experiment.*, feature_flag.key AS feature_flag_key
    FROM experiment JOIN feature_flag ON feature_flag.id = feature_flag_id
    ORDER BY experiment.created_at DESC, experiment.id DESC";
const BY_ID: &str = "
    SELECT experiment.*, feature_flag.key AS feature_flag_key
    FROM experiment JOIN feature_flag ON feature_flag.id = feature_flag_id
    WHERE experiment.id = ?1";
const BY_KEY: &str = "
    SELECT experiment.*, feature_flag.key AS feature_flag_key
    FROM experiment JOIN feature_flag ON feature_flag.id = feature_flag_id
    WHERE feature_flag.key = ?1 ORDER BY feature_flag.deleted, experiment.id DESC LIMIT 1";
const KEYS: &str = "
    SELECT DISTINCT feature_flag.key
    FROM experiment JOIN feature_flag ON feature_flag.id = feature_flag_id ORDER BY feature_flag.key";
const OF_FLAG: &str = "
    SELECT experiment.*, feature_flag.key AS feature_flag_key
    FROM experiment JOIN feature_flag ON feature_flag.id = feature_flag_id
    WHERE feature_flag.id = ?1 ORDER BY experiment.id";
const OF_HOLDOUT: &str = "
    SELECT experiment.*, feature_flag.key AS feature_flag_key
    FROM experiment JOIN feature_flag ON feature_flag.id = feature_flag_id
    WHERE experiment.holdout_id = ?1 ORDER BY experiment.id";
const INSERT: &str = "
    INSERT INTO experiment (id, name, description, start_date, end_date, feature_flag_id, holdout_id,
        exposure_cohort_id, parameters, filters, secondary_metrics, metrics, metrics_secondary, stats_config,
        exposure_criteria, only_count_matured_users, type,
        variants, archived, conclusion, conclusion_comment, created_by, created_at, updated_at)
    VALUES (nullif(:id, 0), :name, :description, :start_date, :end_date, :feature_flag_id, :holdout_id,
        :exposure_cohort_id, :parameters, :filters, :secondary_metrics, :metrics, :metrics_secondary, :stats_config,
        :exposure_criteria, :only_count_matured_users, :type, :variants, :archived, :conclusion, :conclusion_comment, :created_by, :created_at, :updated_at)";
const UPDATE: &str = "
    UPDATE experiment SET name = :name, description = :description, start_date = :start_date, end_date = :end_date,
        feature_flag_id = :feature_flag_id, holdout_id = :holdout_id, exposure_cohort_id = :exposure_cohort_id,
        parameters = :parameters, filters = :filters, secondary_metrics = :secondary_metrics, metrics = :metrics,
        metrics_secondary = :metrics_secondary, stats_config = :stats_config,
        exposure_criteria = :exposure_criteria, only_count_matured_users = :only_count_matured_users, type = :type, variants = :variants,
        archived = :archived, conclusion = :conclusion, conclusion_comment = :conclusion_comment, created_by = :created_by, created_at = :created_at, updated_at = :updated_at
    WHERE id = :id";
const DELETE: &str = "DELETE FROM experiment WHERE id = ?1";

/// The audit log's name for an experiment.
const NOUN: &str = "experiment";

impl Snapshot<'_> {
    /// All experiments, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn experiments(&self) -> Result<Vec<Experiment>> {
        self.with_all_saved_metrics(self.rows(ALL, (), read_experiment)?)
    }

    /// The experiment with a number, else with a feature flag key.
    ///
    /// # Errors
    /// `NotFound`, with the closest key as a hint; `Storage` when it cannot be read.
    pub fn experiment(&self, id_or_key: &str) -> Result<Experiment> {
        if let Ok(id) = id_or_key.parse()
            && let Some(experiment) = self.experiment_by_id(id)?
        {
            return Ok(experiment);
        }
        match self.row(BY_KEY, (id_or_key,), read_experiment)? {
            Some(experiment) => self.with_saved_metrics(experiment),
            None => Err(not_found("experiment", id_or_key, &self.rows(KEYS, (), |row| row.get(0))?)),
        }
    }

    /// The experiments of a flag, oldest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn experiments_of_flag(&self, flag: &FeatureFlag) -> Result<Vec<Experiment>> {
        self.with_all_saved_metrics(self.rows(OF_FLAG, (flag.id,), read_experiment)?)
    }

    /// The experiments that use a holdout, oldest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn experiments_of_holdout(&self, holdout: i64) -> Result<Vec<Experiment>> {
        self.with_all_saved_metrics(self.rows(OF_HOLDOUT, (holdout,), read_experiment)?)
    }

    fn experiment_by_id(&self, id: i64) -> Result<Option<Experiment>> {
        let experiment = self.row(BY_ID, (id,), read_experiment)?;
        experiment.map(|experiment| self.with_saved_metrics(experiment)).transpose()
    }

    fn with_all_saved_metrics(&self, experiments: Vec<Experiment>) -> Result<Vec<Experiment>> {
        experiments.into_iter().map(|experiment| self.with_saved_metrics(experiment)).collect()
    }

    fn with_saved_metrics(&self, experiment: Experiment) -> Result<Experiment> {
        let saved_metrics = self.saved_metrics_of(experiment.id)?;
        Ok(Experiment { saved_metrics, ..experiment })
    }
}

impl Transaction<'_> {
    /// Stores a new experiment and its flag, and returns both with their ids.
    ///
    /// # Errors
    /// `Storage` when they cannot be written; `Bug` when they break a rule for new experiments.
    pub fn insert_experiment(&mut self, new: NewExperiment, change: &Change) -> Result<(Experiment, FeatureFlag)> {
        let flag = self.insert_flag(NewFlag { flag: new.flag, replaces: new.replaces }, change)?;
        let id = self.write_experiment(INSERT, &Experiment { feature_flag_id: flag.id, ..new.experiment })?;
        self.link_saved_metrics(id, &new.links, change)?;
        let experiment = self.stored_experiment(id)?;
        self.record(change, (NOUN, id), None, Some(&experiment))?;
        Ok((experiment, flag))
    }

    /// Stores what became of an experiment, and returns it as it is now. `links` are the saved metrics to use in place of
    /// all present ones (L-41); `None` leaves them.
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn update_experiment(
        &mut self,
        experiment: &Experiment,
        links: Option<&[NewLink]>,
        change: &Change,
    ) -> Result<Experiment> {
        let id = experiment.id;
        let before = self.stored_experiment(id)?;
        self.write_experiment(UPDATE, experiment)?;
        if let Some(links) = links {
            self.unlink_saved_metrics(id)?;
            self.link_saved_metrics(id, links, change)?;
        }
        let after = self.stored_experiment(id)?;
        self.record(change, (NOUN, id), Some(&before), Some(&after))?;
        Ok(after)
    }

    /// Removes an experiment, its links and its past results for good (L-21).
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn delete_experiment(&mut self, id: i64, change: &Change) -> Result<()> {
        let before = self.stored_experiment(id)?;
        self.write(DELETE, (id,))?;
        self.record(change, (NOUN, id), Some(&before), None)
    }

    fn stored_experiment(&self, id: i64) -> Result<Experiment> {
        self.experiment_by_id(id)?.ok_or_else(|| Error::not_found(NOUN, id.to_string()))
    }

    fn write_experiment(&mut self, sql: &'static str, experiment: &Experiment) -> Result<i64> {
        let values = named_params! {
            ":id": experiment.id,
            ":name": experiment.name,
            ":description": experiment.description,
            ":start_date": experiment.start_date.map(Microseconds),
            ":end_date": experiment.end_date.map(Microseconds),
            ":feature_flag_id": experiment.feature_flag_id,
            ":holdout_id": experiment.holdout_id,
            ":exposure_cohort_id": experiment.exposure_cohort,
            ":parameters": experiment.parameters.as_ref().map(Json),
            ":filters": Json(&experiment.filters),
            ":secondary_metrics": experiment.secondary_metrics.as_ref().map(Json),
            ":metrics": experiment.metrics.as_ref().map(Json),
            ":metrics_secondary": experiment.metrics_secondary.as_ref().map(Json),
            ":stats_config": Json(&experiment.stats_config),
            ":exposure_criteria": experiment.exposure_criteria.as_ref().map(Json),
            ":only_count_matured_users": experiment.only_count_matured_users,
            ":type": experiment.kind.map(Word),
            ":variants": experiment.variants.as_ref().map(Json),
            ":archived": experiment.archived,
            ":conclusion": experiment.conclusion.map(Word),
            ":conclusion_comment": experiment.conclusion_comment,
            ":created_by": experiment.created_by,
            ":created_at": Microseconds(experiment.created_at),
            ":updated_at": Microseconds(experiment.updated_at),
        };
        self.write(sql, values)
    }
}

/// Reads an experiment, but for its saved metrics, which are rows of their own.
fn read_experiment(row: &Row<'_>) -> rusqlite::Result<Experiment> {
    Ok(Experiment {
        id: row.get("id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        start_date: row.get::<_, Option<Microseconds>>("start_date")?.map(|time| time.0),
        end_date: row.get::<_, Option<Microseconds>>("end_date")?.map(|time| time.0),
        feature_flag_id: row.get("feature_flag_id")?,
        feature_flag_key: row.get("feature_flag_key")?,
        holdout_id: row.get("holdout_id")?,
        exposure_cohort: row.get("exposure_cohort_id")?,
        parameters: row.get::<_, Option<Json<_>>>("parameters")?.map(|json| json.0),
        filters: row.get::<_, Json<_>>("filters")?.0,
        secondary_metrics: row.get::<_, Option<Json<_>>>("secondary_metrics")?.map(|json| json.0),
        saved_metrics: Vec::new(),
        metrics: row.get::<_, Option<Json<_>>>("metrics")?.map(|json| json.0),
        metrics_secondary: row.get::<_, Option<Json<_>>>("metrics_secondary")?.map(|json| json.0),
        stats_config: row.get::<_, Json<_>>("stats_config")?.0,
        exposure_criteria: row.get::<_, Option<Json<_>>>("exposure_criteria")?.map(|json| json.0),
        only_count_matured_users: row.get("only_count_matured_users")?,
        kind: row.get::<_, Option<Word<_>>>("type")?.map(|word| word.0),
        variants: row.get::<_, Option<Json<_>>>("variants")?.map(|json| json.0),
        archived: row.get("archived")?,
        conclusion: row.get::<_, Option<Word<_>>>("conclusion")?.map(|word| word.0),
        conclusion_comment: row.get("conclusion_comment")?,
        created_by: row.get("created_by")?,
        created_at: row.get::<_, Microseconds>("created_at")?.0,
        updated_at: row.get::<_, Microseconds>("updated_at")?.0,
    })
}
