//! What experiments share: holdouts, saved metrics and cohorts. And the log of all changes.

use jiff::Timestamp;

use super::Engine;
use crate::catalog::{AuditEntry, Change, Transaction};
use crate::error::{Error, Result};
use crate::lifecycle;
use crate::model::cohort::{Cohort, CreateCohort, UpdateCohort};
use crate::model::experiment::Experiment;
use crate::model::flag::FeatureFlag;
use crate::model::holdout::{CreateHoldout, Holdout, UpdateHoldout};
use crate::model::saved_metric::{CreateSavedMetric, SavedMetric, UpdateSavedMetric};

/// Creates a holdout.
pub(super) fn create_holdout(
    transaction: &mut Transaction<'_>,
    request: CreateHoldout,
    change: &Change,
) -> Result<Holdout> {
    let holdout = lifecycle::create_holdout(request, change.at, change.who.as_deref())?;
    transaction.insert_holdout(holdout, change)
}

/// Changes a holdout, and the flags of its experiments with it (L-31).
pub(super) fn update_holdout(
    transaction: &mut Transaction<'_>,
    key: &str,
    request: UpdateHoldout,
    change: &Change,
) -> Result<Holdout> {
    let holdout = transaction.holdout_named(key)?;
    let flags = flags_of(transaction, &transaction.experiments_of_holdout(holdout.id)?)?;
    let updated = lifecycle::update_holdout(&holdout, &flags, request, change.at)?;
    transaction.update_holdout(&updated.holdout, change)?;
    for flag in &updated.flags {
        transaction.update_flag(flag, change)?;
    }
    Ok(updated.holdout)
}

/// Creates a saved metric.
pub(super) fn create_saved_metric(
    transaction: &mut Transaction<'_>,
    request: CreateSavedMetric,
    change: &Change,
) -> Result<SavedMetric> {
    let metric = lifecycle::create_saved_metric(request, change.at, change.who.as_deref())?;
    transaction.insert_saved_metric(metric, change)
}

/// Changes a saved metric.
pub(super) fn update_saved_metric(
    transaction: &mut Transaction<'_>,
    key: &str,
    request: UpdateSavedMetric,
    change: &Change,
) -> Result<SavedMetric> {
    let metric = transaction.saved_metric_named(key)?;
    let metric = lifecycle::update_saved_metric(&metric, request, change.at)?;
    transaction.update_saved_metric(&metric, change)?;
    Ok(metric)
}

/// Creates a cohort.
pub(super) fn create_cohort(
    transaction: &mut Transaction<'_>,
    request: CreateCohort,
    change: &Change,
) -> Result<Cohort> {
    let cohort = lifecycle::create_cohort(request, change.at, change.who.as_deref())?;
    transaction.insert_cohort(cohort, change)
}

/// Changes a cohort.
pub(super) fn update_cohort(
    transaction: &mut Transaction<'_>,
    key: &str,
    request: UpdateCohort,
    change: &Change,
) -> Result<Cohort> {
    let cohort = transaction.cohort_named(key)?;
    let cohort = lifecycle::update_cohort(&cohort, request, change.at)?;
    transaction.update_cohort(&cohort, change)?;
    Ok(cohort)
}

/// Adds members to a static cohort and removes others.
fn change_members(
    transaction: &mut Transaction<'_>,
    cohort: &Cohort,
    added: &[String],
    removed: &[String],
    change: &Change,
) -> Result<(usize, usize)> {
    let changes_nothing = added.is_empty() && removed.is_empty();
    if !cohort.is_static && !changes_nothing {
        let message = format!("cohort '{}' is dynamic: its filters say who belongs to it", cohort.name);
        return Err(Error::not_allowed(message).hint("make a static cohort to list members"));
    }
    transaction.change_cohort_members(cohort.id, added, removed, change)
}

fn flags_of(transaction: &Transaction<'_>, experiments: &[Experiment]) -> Result<Vec<FeatureFlag>> {
    experiments.iter().map(|experiment| transaction.flag_of(experiment)).collect()
}

impl Engine {
    /// All holdouts, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn holdouts(&mut self) -> Result<Vec<Holdout>> {
        self.catalog.snapshot()?.holdouts()
    }

    /// The holdout with a number, else with a name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name.
    pub fn holdout(&mut self, key: &str) -> Result<Holdout> {
        self.catalog.snapshot()?.holdout_named(key)
    }

    /// The experiments that use a holdout, oldest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn experiments_of_holdout(&mut self, holdout: &Holdout) -> Result<Vec<Experiment>> {
        self.catalog.snapshot()?.experiments_of_holdout(holdout.id)
    }

    /// Creates a holdout (L-30).
    ///
    /// # Errors
    /// `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn create_holdout(&mut self, request: CreateHoldout, now: Timestamp, by: Option<&str>) -> Result<Holdout> {
        self.change("create", now, by, |transaction, change| create_holdout(transaction, request, change))
    }

    /// Changes a holdout, and the flags of its experiments with it (L-31).
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn update_holdout(
        &mut self,
        key: &str,
        request: UpdateHoldout,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<Holdout> {
        self.change("update", now, by, |transaction, change| update_holdout(transaction, key, request, change))
    }

    /// Deletes a holdout; its experiments and their flags have none then (L-32).
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete_holdout(&mut self, key: &str, now: Timestamp, by: Option<&str>) -> Result<()> {
        self.change("delete", now, by, |transaction, change| {
            let holdout = transaction.holdout_named(key)?;
            let experiments = transaction.experiments_of_holdout(holdout.id)?;
            for flag in lifecycle::delete_holdout(&flags_of(transaction, &experiments)?) {
                transaction.update_flag(&flag, change)?;
            }
            for experiment in experiments {
                let without = Experiment { holdout_id: None, updated_at: change.at, ..experiment };
                transaction.update_experiment(&without, None, change)?;
            }
            transaction.delete_holdout(holdout.id, change)
        })
    }

    /// All saved metrics, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn saved_metrics(&mut self) -> Result<Vec<SavedMetric>> {
        self.catalog.snapshot()?.saved_metrics()
    }

    /// The saved metric with a number, else with a name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name.
    pub fn saved_metric(&mut self, key: &str) -> Result<SavedMetric> {
        self.catalog.snapshot()?.saved_metric_named(key)
    }

    /// Creates a saved metric (L-40).
    ///
    /// # Errors
    /// `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn create_saved_metric(
        &mut self,
        request: CreateSavedMetric,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<SavedMetric> {
        self.change("create", now, by, |transaction, change| create_saved_metric(transaction, request, change))
    }

    /// Changes a saved metric, for every experiment that uses it (L-43).
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn update_saved_metric(
        &mut self,
        key: &str,
        request: UpdateSavedMetric,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<SavedMetric> {
        self.change("update", now, by, |transaction, change| update_saved_metric(transaction, key, request, change))
    }

    /// Deletes a saved metric; experiments that use it stay (L-43).
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete_saved_metric(&mut self, key: &str, now: Timestamp, by: Option<&str>) -> Result<()> {
        self.change("delete", now, by, |transaction, change| {
            let metric = transaction.saved_metric_named(key)?;
            transaction.delete_saved_metric(metric.id, change)
        })
    }

    /// All cohorts, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn cohorts(&mut self) -> Result<Vec<Cohort>> {
        self.catalog.snapshot()?.cohorts()
    }

    /// The cohort with a number, else with a name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name.
    pub fn cohort(&mut self, key: &str) -> Result<Cohort> {
        self.catalog.snapshot()?.cohort_named(key)
    }

    /// The listed members of a static cohort; none of a dynamic one.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name.
    pub fn listed_members(&mut self, key: &str) -> Result<Vec<String>> {
        let snapshot = self.catalog.snapshot()?;
        let cohort = snapshot.cohort_named(key)?;
        snapshot.cohort_members(cohort.id)
    }

    /// Creates a cohort, a static one with its members.
    ///
    /// # Errors
    /// `Invalid` when the request breaks a rule, or a dynamic cohort is given members; nothing has changed then.
    pub fn create_cohort(
        &mut self,
        request: CreateCohort,
        members: &[String],
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<Cohort> {
        self.change("create", now, by, |transaction, change| {
            let cohort = create_cohort(transaction, request, change)?;
            change_members(transaction, &cohort, members, &[], change)?;
            Ok(cohort)
        })
    }

    /// Changes a cohort.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn update_cohort(
        &mut self,
        key: &str,
        request: UpdateCohort,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<Cohort> {
        self.change("update", now, by, |transaction, change| update_cohort(transaction, key, request, change))
    }

    /// Adds members to a static cohort and removes others; returns how many came and went.
    ///
    /// Members are distinct ids, or the names other systems gave to persons.
    ///
    /// # Errors
    /// `NotFound`; `NotAllowed` for a dynamic cohort.
    pub fn change_cohort_members(
        &mut self,
        key: &str,
        added: &[String],
        removed: &[String],
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<(usize, usize)> {
        self.change("change members", now, by, |transaction, change| {
            let cohort = transaction.cohort_named(key)?;
            change_members(transaction, &cohort, added, removed, change)
        })
    }

    /// Deletes a cohort.
    ///
    /// # Errors
    /// `NotFound`; `NotAllowed` when a live flag or another cohort names it.
    pub fn delete_cohort(&mut self, key: &str, now: Timestamp, by: Option<&str>) -> Result<()> {
        self.change("delete", now, by, |transaction, change| {
            let cohort = transaction.cohort_named(key)?;
            lifecycle::delete_cohort(&cohort, &transaction.flags()?, &transaction.cohorts()?)?;
            transaction.delete_cohort(cohort.id, change)
        })
    }

    /// The last `limit` changes of definitions, oldest first: who changed what, when, with before and after.
    ///
    /// # Errors
    /// `Storage` when the log cannot be read.
    pub fn audit_log(&mut self, limit: u32) -> Result<Vec<AuditEntry>> {
        self.catalog.snapshot()?.last_audit_entries(limit)
    }

    /// The changes of an experiment and of its flag, oldest first.
    ///
    /// # Errors
    /// `NotFound`; `Storage` when the log cannot be read.
    pub fn audit_log_of_experiment(&mut self, key: &str) -> Result<Vec<AuditEntry>> {
        let snapshot = self.catalog.snapshot()?;
        let experiment = snapshot.experiment(key)?;
        let mut entries = snapshot.audit_log("experiment", experiment.id)?;
        entries.extend(snapshot.audit_log("feature_flag", experiment.feature_flag_id)?);
        entries.sort_by_key(|entry| entry.id);
        Ok(entries)
    }
}
