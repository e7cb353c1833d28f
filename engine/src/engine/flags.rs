//! Flags of their own, and flags as the other side of an experiment.

use jiff::Timestamp;

use super::Engine;
use crate::assignment::{Evaluator, References};
use crate::catalog::{Change, Transaction};
use crate::error::Result;
use crate::lifecycle;
use crate::model::flag::{CreateFlag, FeatureFlag, UpdateFlag};

/// How many group types events can have.
const GROUP_TYPES: u8 = 5;

/// Creates a flag.
pub(super) fn create(transaction: &mut Transaction<'_>, request: CreateFlag, change: &Change) -> Result<FeatureFlag> {
    let existing = transaction.existing_flag(&request.key)?;
    let cohorts = transaction.cohorts()?;
    let new = lifecycle::create_flag(request, existing.as_ref(), &cohorts, change.at, change.who.as_deref())?;
    transaction.insert_flag(new, change)
}

/// Changes a flag, and its experiments with it (L-19).
pub(super) fn update(
    transaction: &mut Transaction<'_>,
    key: &str,
    request: UpdateFlag,
    change: &Change,
) -> Result<FeatureFlag> {
    let flag = transaction.flag(key)?;
    let experiments = transaction.experiments_of_flag(&flag)?;
    let wanted = request.key.as_deref().unwrap_or(key);
    let existing = transaction.existing_flag(wanted)?;
    let cohorts = transaction.cohorts()?;
    let updated = lifecycle::update_flag(&flag, &experiments, request, existing.as_ref(), &cohorts, change.at)?;
    if let Some(replaced) = updated.replaces {
        transaction.remove_flag(replaced, change)?;
    }
    transaction.update_flag(&updated.flag, change)?;
    for experiment in &updated.experiments {
        transaction.update_experiment(experiment, None, change)?;
    }
    Ok(updated.flag)
}

impl Engine {
    /// All flags, deleted ones included, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn flags(&mut self) -> Result<Vec<FeatureFlag>> {
        self.catalog.snapshot()?.flags()
    }

    /// The flag with a key: the live one, else the newest deleted one.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn flag(&mut self, key: &str) -> Result<FeatureFlag> {
        self.catalog.snapshot()?.flag(key)
    }

    /// Creates a flag without an experiment (V-20 to V-28).
    ///
    /// # Errors
    /// `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn create_flag(&mut self, request: CreateFlag, now: Timestamp, by: Option<&str>) -> Result<FeatureFlag> {
        self.change("create", now, by, |transaction, change| create(transaction, request, change))
    }

    /// Changes a flag; its experiments follow (L-19). Deleting it leaves them (L-22).
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn update_flag(
        &mut self,
        key: &str,
        request: UpdateFlag,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<FeatureFlag> {
        self.change("update", now, by, |transaction, change| update(transaction, key, request, change))
    }

    /// Deletes a flag, or restores a deleted one; its experiments keep it (L-22).
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when another live flag has the key of one to be restored.
    pub fn delete_flag(&mut self, key: &str, deleted: bool, now: Timestamp, by: Option<&str>) -> Result<FeatureFlag> {
        let request = UpdateFlag { deleted: Some(deleted), ..UpdateFlag::default() };
        let operation = if deleted { "delete" } else { "restore" };
        self.change(operation, now, by, |transaction, change| update(transaction, key, request, change))
    }

    /// A flag, ready to be evaluated for any number of subjects. The group types of a lab are named by their numbers, `0` to
    /// `4`; `now` is the moment from which relative dates are counted.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the flag cannot be evaluated.
    pub fn flag_evaluator(&mut self, key: &str, now: Timestamp) -> Result<Evaluator> {
        let snapshot = self.catalog.snapshot()?;
        let cohorts = snapshot.cohorts()?;
        let references = References {
            group_types: (0..GROUP_TYPES).map(|index| (index, index.to_string())).collect(),
            cohorts: cohorts.iter().map(|cohort| (cohort.id, cohort.into())).collect(),
            now: Some(now),
        };
        Evaluator::new(&snapshot.flag(key)?, &references)
    }
}
