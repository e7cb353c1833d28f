//! Making and changing flags, and when a key is free.

use jiff::Timestamp;

use super::flag_rules::{check_key, check_sums};
use super::update::synced_parameters;
use super::variants::following_web_variants;
use crate::error::{Error, Result};
use crate::model::cohort::Cohort;
use crate::model::experiment::{Experiment, ExperimentKind};
use crate::model::flag::{CreateFlag, FeatureFlag, FlagFilters, UpdateFlag};
use crate::model::holdout::Holdout;

pub(super) use super::flag_rules::check_flag;

/// A flag that has a key somebody asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ExistingFlag {
    /// The flag: the live one, else a deleted one.
    pub flag: FeatureFlag,
    /// Whether an experiment belongs to it.
    pub has_experiment: bool,
}

/// A new flag; the catalog chooses its id.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFlag {
    /// The flag.
    pub flag: FeatureFlag,
    /// The deleted flag whose key is taken over; it is to be removed first (L-6).
    pub replaces: Option<i64>,
}

/// What becomes of a flag and of its experiments.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatedFlag {
    /// The flag.
    pub flag: FeatureFlag,
    /// The experiments that follow it (L-19).
    pub experiments: Vec<Experiment>,
    /// The deleted flag whose key is taken over; it is to be removed first (L-6).
    pub replaces: Option<i64>,
}

/// Creates a flag of its own, without an experiment (V-20 to V-28, B-13).
///
/// # Errors
/// - `Invalid` on `key` when a live flag has it (V-20, code `unique`), when a deleted flag with it still belongs to an
///   experiment (V-23), and when it has characters that cannot be in a key (V-28);
/// - `Invalid` on `filters` when they break a rule for flags (V-21, V-22, V-24 to V-27, B-13).
pub fn create_flag(
    request: CreateFlag,
    existing: Option<&ExistingFlag>,
    cohorts: &[Cohort],
    now: Timestamp,
    created_by: Option<&str>,
) -> Result<NewFlag> {
    let replaces = free_key(&request.key, existing)?;
    let flag = FeatureFlag {
        id: 0,
        key: request.key,
        name: request.name,
        filters: request.filters,
        rollout_percentage: request.rollout_percentage,
        active: request.active,
        deleted: false,
        ensure_experience_continuity: request.ensure_experience_continuity,
        version: 1,
        created_by: created_by.map(str::to_owned),
        created_at: now,
    };
    check_flag(&flag, cohorts)?;
    Ok(NewFlag { flag, replaces })
}

/// Changes a flag; its experiments follow it (L-19), and do not go when it is deleted (L-22).
///
/// `existing` is who has the new key, when a new one is asked for or the flag is to be restored.
///
/// # Errors
/// - `Invalid` as for [`create_flag`];
/// - `Invalid` on `key` when an experiment of the flag was launched: its events carry the present key;
/// - `Invalid` on `filters` when the variants of a launched experiment would come or go (V-13).
pub fn update_flag(
    flag: &FeatureFlag,
    experiments: &[Experiment],
    request: UpdateFlag,
    existing: Option<&ExistingFlag>,
    cohorts: &[Cohort],
    now: Timestamp,
) -> Result<UpdatedFlag> {
    let existing = existing.filter(|existing| existing.flag.id != flag.id);
    let is_renamed = request.key.as_ref().is_some_and(|key| *key != flag.key);
    let is_restored = flag.deleted && request.deleted == Some(false);
    let mut replaces = None;
    if is_renamed || is_restored {
        replaces = free_key(request.key.as_ref().unwrap_or(&flag.key), existing)?;
    }
    if is_renamed && experiments.iter().any(|experiment| !experiment.is_draft()) {
        return Err(Error::invalid_field(
            "key",
            "invalid_input",
            "the key of a launched experiment's flag cannot change",
        )
        .hint("events carry the present key; duplicate the experiment with another"));
    }
    let before = flag.clone();
    let mut after = FeatureFlag {
        key: request.key.unwrap_or(before.key),
        name: request.name.unwrap_or(before.name),
        filters: request.filters.unwrap_or(before.filters),
        rollout_percentage: request.rollout_percentage.unwrap_or(before.rollout_percentage),
        active: request.active.unwrap_or(before.active),
        deleted: request.deleted.unwrap_or(before.deleted),
        ensure_experience_continuity: request
            .ensure_experience_continuity
            .unwrap_or(before.ensure_experience_continuity),
        ..before
    };
    let mut followers = Vec::new();
    if after.filters != flag.filters {
        check_flag(&after, cohorts)?;
        keep_variants(flag, &after, experiments)?;
        followers = experiments.iter().map(|experiment| follow(experiment, &after, now)).collect();
    } else if is_restored {
        check_sums(&after)?;
    }
    if after != *flag {
        after.version += 1;
    }
    Ok(UpdatedFlag { flag: after, experiments: followers, replaces })
}

/// The key can be used (V-28): no live flag has it (L-5); a deleted one gives it up, unless an experiment needs it (L-6).
///
/// Returns the deleted flag to remove.
pub(super) fn free_key(key: &str, existing: Option<&ExistingFlag>) -> Result<Option<i64>> {
    check_key(key)?;
    match existing {
        None => Ok(None),
        Some(existing) if !existing.flag.deleted => {
            Err(Error::invalid_field("key", "unique", "There is already a feature flag with this key.")
                .hint("every experiment has a flag of its own: choose another key"))
        }
        Some(existing) if existing.has_experiment => {
            let message = "Feature flag with this key already exists and is used in an experiment. \
                           Please delete the experiment before deleting the flag.";
            Err(Error::invalid_field("key", "invalid_input", message))
        }
        Some(existing) => Ok(Some(existing.flag.id)),
    }
}

/// The filters with the people of a holdout kept out, or with nobody kept out.
pub(super) fn with_holdout(filters: &FlagFilters, holdout: Option<&Holdout>) -> FlagFilters {
    FlagFilters { holdout_groups: holdout.map(|holdout| holdout.filters.clone()), ..filters.clone() }
}

/// People of a launched experiment have seen its variants, so they stay; their shares may change.
fn keep_variants(before: &FeatureFlag, after: &FeatureFlag, experiments: &[Experiment]) -> Result<()> {
    let keys = |flag: &FeatureFlag| {
        let mut keys: Vec<String> = flag.variants().iter().map(|variant| variant.key.clone()).collect();
        keys.sort_unstable();
        keys
    };
    if keys(before) == keys(after) || experiments.iter().all(Experiment::is_draft) {
        return Ok(());
    }
    Err(Error::invalid_field("filters", "invalid_input", "Can't update feature_flag_variants on Experiment")
        .hint("the flag's experiment was launched: end it and duplicate it with other variants"))
}

/// The experiment once its flag is as it will be (L-19, B-18).
fn follow(experiment: &Experiment, flag: &FeatureFlag, now: Timestamp) -> Experiment {
    let variants = match experiment.kind {
        Some(ExperimentKind::Web) => Some(following_web_variants(experiment.variants.as_ref(), flag.variants())),
        Some(ExperimentKind::Product) | None => experiment.variants.clone(),
    };
    let parameters = Some(synced_parameters(experiment.parameters.as_ref(), flag));
    Experiment { parameters, variants, updated_at: now, ..experiment.clone() }
}
