//! Experiments: loading what a rule needs, asking the rule, storing what it says.

use jiff::Timestamp;
use serde_json::json;

use super::Engine;
use crate::catalog::{Change, PastResult, Snapshot, Transaction};
use crate::error::Result;
use crate::lifecycle::{self, Copy, Ending, Surroundings};
use crate::model::experiment::{CreateExperiment, CreateWebExperiment, Experiment, ExperimentKind, UpdateExperiment};
use crate::model::flag::FeatureFlag;

/// Creates an experiment with its flag.
pub(super) fn create(
    transaction: &mut Transaction<'_>,
    request: CreateExperiment,
    change: &Change,
) -> Result<(Experiment, FeatureFlag)> {
    let mut surroundings = surroundings(transaction, request.holdout_id, None)?;
    surroundings.flag = transaction.existing_flag(&request.feature_flag_key)?;
    let new = lifecycle::create(request, &surroundings, change.at, change.who.as_deref())?;
    transaction.insert_experiment(new, change)
}

/// Changes an experiment, and its flag with it.
pub(super) fn update(
    transaction: &mut Transaction<'_>,
    key: &str,
    request: UpdateExperiment,
    change: &Change,
) -> Result<Experiment> {
    let experiment = transaction.experiment(key)?;
    let flag = transaction.flag_of(&experiment)?;
    let surroundings = surroundings(transaction, request.holdout_id.flatten(), Some(&flag))?;
    let updated = lifecycle::update(&experiment, &flag, request, &surroundings, change.at)?;
    transaction.update_flag(&updated.flag, change)?;
    transaction.update_experiment(&updated.experiment, updated.links.as_deref(), change)
}

fn surroundings(snapshot: &Snapshot<'_>, holdout: Option<i64>, flag: Option<&FeatureFlag>) -> Result<Surroundings> {
    Ok(Surroundings {
        flag: None,
        holdout: holdout.map(|id| snapshot.holdout(id)).transpose()?.flatten(),
        saved_metrics: snapshot.saved_metric_ids()?,
        cohorts: super::flags::named_cohorts(snapshot, &json!(flag.map(|flag| &flag.filters)))?,
    })
}

/// Changes an experiment and its flag by a rule for both.
fn lead(
    transaction: &mut Transaction<'_>,
    key: &str,
    change: &Change,
    rule: impl FnOnce(&Experiment, &FeatureFlag) -> Result<(Experiment, FeatureFlag)>,
) -> Result<Experiment> {
    let experiment = transaction.experiment(key)?;
    let flag = transaction.flag_of(&experiment)?;
    let (experiment, flag) = rule(&experiment, &flag)?;
    transaction.update_flag(&flag, change)?;
    transaction.update_experiment(&experiment, None, change)
}

impl Engine {
    /// Creates an experiment and its flag (L-1 to L-9).
    ///
    /// # Errors
    /// `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn create_experiment(
        &mut self,
        request: CreateExperiment,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<Experiment> {
        let created = self.change("create", now, by, |transaction, change| create(transaction, request, change));
        created.map(|(experiment, _)| experiment)
    }

    /// Creates a web experiment: a draft whose variants come with the changes they make to a page (L-20a).
    ///
    /// # Errors
    /// `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn create_web_experiment(
        &mut self,
        request: CreateWebExperiment,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<Experiment> {
        self.change("create", now, by, |transaction, change| {
            let taken = transaction.flag_keys()?;
            let new = lifecycle::create_web(request, &taken, change.at, change.who.as_deref())?;
            transaction.insert_experiment(new, change).map(|(experiment, _)| experiment)
        })
    }

    /// Changes an experiment (L-10 to L-18).
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn update_experiment(
        &mut self,
        key: &str,
        request: UpdateExperiment,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<Experiment> {
        self.change("update", now, by, |transaction, change| update(transaction, key, request, change))
    }

    /// All experiments, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn experiments(&mut self) -> Result<Vec<Experiment>> {
        self.catalog.snapshot()?.experiments()
    }

    /// The web experiments a page asks for: not archived, without an end date (L-20a).
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn web_experiments(&mut self) -> Result<Vec<Experiment>> {
        let is_public = |experiment: &Experiment| {
            experiment.kind == Some(ExperimentKind::Web) && !experiment.archived && experiment.end_date.is_none()
        };
        Ok(self.experiments()?.into_iter().filter(is_public).collect())
    }

    /// The experiment with a number, else with a flag key.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn experiment(&mut self, key: &str) -> Result<Experiment> {
        self.catalog.snapshot()?.experiment(key)
    }

    /// The flag of an experiment.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn flag_of(&mut self, experiment: &Experiment) -> Result<FeatureFlag> {
        self.catalog.snapshot()?.flag_of(experiment)
    }

    /// Launches a draft (L-16): it starts at `start`, and its flag is switched on.
    ///
    /// # Errors
    /// `NotFound`; `NotAllowed` when it was launched before or is archived.
    pub fn launch(&mut self, key: &str, start: Timestamp, now: Timestamp, by: Option<&str>) -> Result<Experiment> {
        self.change("launch", now, by, |transaction, change| {
            lead(transaction, key, change, |experiment, flag| lifecycle::launch(experiment, flag, start, now))
        })
    }

    /// Ends a running experiment; its flag stays as it is (L-16).
    ///
    /// # Errors
    /// `NotFound`; `NotReady` for a draft; `NotAllowed` for one that has ended; `Invalid` when the end is before the start
    /// (B-17).
    pub fn end(&mut self, key: &str, ending: Ending, now: Timestamp, by: Option<&str>) -> Result<Experiment> {
        self.change("end", now, by, |transaction, change| {
            lead(transaction, key, change, |experiment, flag| {
                Ok((lifecycle::end(experiment, ending, now)?, flag.clone()))
            })
        })
    }

    /// Ships a variant: its flag gives it to everyone, and an experiment that still runs ends (M-68).
    ///
    /// # Errors
    /// `NotFound`; `NotReady` for a draft; `Invalid` when the flag has no such variant.
    pub fn ship(
        &mut self,
        key: &str,
        variant: &str,
        ending: Ending,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<Experiment> {
        self.change("ship", now, by, |transaction, change| {
            lead(transaction, key, change, |experiment, flag| lifecycle::ship(experiment, flag, variant, ending, now))
        })
    }

    /// Switches the flag of a running experiment off for a while (M-68).
    ///
    /// # Errors
    /// `NotFound`; `NotReady` for a draft; `NotAllowed` when it has ended or is paused.
    pub fn pause(&mut self, key: &str, now: Timestamp, by: Option<&str>) -> Result<Experiment> {
        self.change("pause", now, by, |transaction, change| {
            lead(transaction, key, change, |experiment, flag| {
                Ok((experiment.clone(), lifecycle::pause(experiment, flag, now)?))
            })
        })
    }

    /// Switches the flag of a paused experiment on again (M-68).
    ///
    /// # Errors
    /// `NotFound`; `NotReady` for a draft; `NotAllowed` when it has ended or is not paused.
    pub fn resume(&mut self, key: &str, now: Timestamp, by: Option<&str>) -> Result<Experiment> {
        self.change("resume", now, by, |transaction, change| {
            lead(transaction, key, change, |experiment, flag| {
                Ok((experiment.clone(), lifecycle::resume(experiment, flag, now)?))
            })
        })
    }

    /// Makes a launched experiment a draft again, with its flag off (M-68, B-16).
    ///
    /// # Errors
    /// `NotFound`; `NotAllowed` for a draft.
    pub fn reset(&mut self, key: &str, now: Timestamp, by: Option<&str>) -> Result<Experiment> {
        self.change("reset", now, by, |transaction, change| {
            lead(transaction, key, change, |experiment, flag| lifecycle::reset(experiment, flag, now))
        })
    }

    /// Puts an experiment away, or takes it out again (L-18).
    ///
    /// # Errors
    /// `NotFound`.
    pub fn archive(&mut self, key: &str, archived: bool, now: Timestamp, by: Option<&str>) -> Result<Experiment> {
        let operation = if archived { "archive" } else { "unarchive" };
        self.change(operation, now, by, |transaction, change| {
            lead(transaction, key, change, |experiment, flag| {
                Ok((lifecycle::archive(experiment, archived, now), flag.clone()))
            })
        })
    }

    /// Copies an experiment as a draft with a flag of its own (M-68).
    ///
    /// # Errors
    /// `NotFound`; as [`Engine::create_experiment`].
    pub fn duplicate(&mut self, key: &str, copy: Copy, now: Timestamp, by: Option<&str>) -> Result<Experiment> {
        self.change("duplicate", now, by, |transaction, change| {
            let experiment = transaction.experiment(key)?;
            let flag = transaction.flag_of(&experiment)?;
            let mut surroundings = surroundings(transaction, experiment.holdout_id, Some(&flag))?;
            surroundings.flag = transaction.existing_flag(&copy.feature_flag_key)?;
            let new = lifecycle::duplicate(&experiment, &flag, copy, &surroundings, now, change.who.as_deref())?;
            transaction.insert_experiment(new, change).map(|(experiment, _)| experiment)
        })
    }

    /// Deletes an experiment and its past results for good; its flag is deleted too, so that the key is free (L-21).
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete_experiment(&mut self, key: &str, now: Timestamp, by: Option<&str>) -> Result<()> {
        self.change("delete", now, by, |transaction, change| {
            let experiment = transaction.experiment(key)?;
            let flag = transaction.flag_of(&experiment)?;
            transaction.delete_experiment(experiment.id, change)?;
            transaction.update_flag(&lifecycle::delete(&flag), change)
        })
    }

    /// The results an experiment has had, oldest first, as they were kept.
    ///
    /// # Errors
    /// `NotFound`; `Storage` when they cannot be read.
    pub fn result_history(&mut self, key: &str) -> Result<Vec<PastResult>> {
        let snapshot = self.catalog.snapshot()?;
        let experiment = snapshot.experiment(key)?;
        snapshot.result_history(experiment.id)
    }

    /// One step of changing definitions: all of it is kept, or on error nothing.
    pub(super) fn change<T>(
        &mut self,
        operation: &'static str,
        now: Timestamp,
        by: Option<&str>,
        work: impl FnOnce(&mut Transaction<'_>, &Change) -> Result<T>,
    ) -> Result<T> {
        let change = Change { operation, who: by.map(ToOwned::to_owned), at: now };
        let mut transaction = self.catalog.transaction()?;
        let done = work(&mut transaction, &change)?;
        transaction.commit()?;
        Ok(done)
    }
}
