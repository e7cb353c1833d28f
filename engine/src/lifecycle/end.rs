//! Ending an experiment, and what comes after.

use jiff::Timestamp;
use serde_json::Map;

use super::check_dates;
use super::flag_rules::check_sums;
use crate::error::{Error, Result};
use crate::model::experiment::{Conclusion, Experiment};
use crate::model::flag::{ConditionGroup, FeatureFlag};
use crate::model::suggest::closest;

/// How an experiment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When; also ahead of a planned end.
    pub at: Timestamp,
    /// What was concluded (M-68).
    pub conclusion: Option<Conclusion>,
    /// Why.
    pub comment: Option<String>,
}

/// Ends a launched experiment. Its flag stays as it is (L-16).
///
/// Returns the experiment as it is to be stored.
///
/// # Errors
/// - `NotReady` for a draft;
/// - `NotAllowed` when the experiment has ended;
/// - `Invalid` on `end_date` when that is before its start (B-17).
pub fn end(experiment: &Experiment, ending: Ending, now: Timestamp) -> Result<Experiment> {
    let key = &experiment.feature_flag_key;
    if experiment.is_draft() {
        let message = format!("experiment '{key}' is a draft and cannot be ended");
        return Err(Error::not_ready(message).hint("launch it first"));
    }
    if let Some(ended) = experiment.end_date.filter(|_| experiment.has_ended(now)) {
        return Err(Error::not_allowed(format!("experiment '{key}' has ended already, on {ended}"))
            .hint("its end date and conclusion can still be changed: `abduck experiment update KEY`"));
    }
    check_dates(experiment.start_date, Some(ending.at))?;
    check_comment(ending.comment.as_deref())?;
    Ok(Experiment {
        end_date: Some(ending.at),
        conclusion: ending.conclusion.or(experiment.conclusion),
        conclusion_comment: ending.comment.or_else(|| experiment.conclusion_comment.clone()),
        updated_at: now,
        ..experiment.clone()
    })
}

/// Ships a variant: from now on the flag gives it to everyone (M-68).
///
/// An experiment that still runs ends, because what happens from now on says nothing about the other variants. Release
/// conditions, the holdout and early access give way; the audit log keeps what they were.
///
/// # Errors
/// - `NotReady` for a draft;
/// - `NotAllowed` when the flag was deleted;
/// - `Invalid` on `variant` when the flag has no such variant, and as for [`end`].
pub fn ship(
    experiment: &Experiment,
    flag: &FeatureFlag,
    variant: &str,
    ending: Ending,
    now: Timestamp,
) -> Result<(Experiment, FeatureFlag)> {
    let key = &experiment.feature_flag_key;
    if flag.deleted {
        return Err(Error::not_allowed(format!("the flag of experiment '{key}' was deleted, so nobody would see it")));
    }
    let keys = || flag.variants().iter().map(|variant| variant.key.as_str());
    if keys().all(|known| known != variant) {
        let error =
            Error::invalid_field("variant", "invalid_choice", format!("\"{variant}\" is not a variant of '{key}'"));
        return Err(match closest(variant, keys()) {
            Some(meant) => error.hint(format!("did you mean '{meant}'?")),
            None => error.hint(format!("its variants: {}", keys().collect::<Vec<_>>().join(", "))),
        });
    }
    check_comment(ending.comment.as_deref())?;
    let experiment = if experiment.has_ended(now) {
        Experiment {
            conclusion: ending.conclusion.or(experiment.conclusion),
            conclusion_comment: ending.comment.or_else(|| experiment.conclusion_comment.clone()),
            updated_at: now,
            ..experiment.clone()
        }
    } else {
        end(experiment, ending, now)?
    };
    let mut shipped = FeatureFlag { active: true, version: flag.version + 1, ..flag.clone() };
    let everyone = ConditionGroup { rollout_percentage: Some(100.0), other: Map::new(), ..ConditionGroup::default() };
    shipped.filters.groups = Some(vec![everyone]);
    shipped.filters.super_groups = None;
    shipped.filters.holdout_groups = None;
    for one in shipped.filters.multivariate.iter_mut().flat_map(|multivariate| &mut multivariate.variants) {
        one.rollout_percentage = if one.key == variant { 100.0 } else { 0.0 };
    }
    check_sums(&shipped)?;
    Ok((experiment, shipped))
}

fn check_comment(comment: Option<&str>) -> Result<()> {
    const LENGTH_MAX: usize = 400;
    match comment.map(|comment| comment.chars().count()) {
        Some(length) if length > LENGTH_MAX => {
            let message = format!("Ensure this field has no more than {LENGTH_MAX} characters.");
            Err(Error::invalid_field("conclusion_comment", "max_length", message))
        }
        _ => Ok(()),
    }
}

/// Puts an experiment away, or takes it out again; nothing else changes (L-18).
#[must_use]
pub fn archive(experiment: &Experiment, archived: bool, now: Timestamp) -> Experiment {
    Experiment { archived, updated_at: now, ..experiment.clone() }
}

/// The flag of an experiment that is deleted: it goes too, so that its key can be used again (L-21).
#[must_use]
pub fn delete(flag: &FeatureFlag) -> FeatureFlag {
    if flag.deleted {
        return flag.clone();
    }
    FeatureFlag { deleted: true, version: flag.version + 1, ..flag.clone() }
}
