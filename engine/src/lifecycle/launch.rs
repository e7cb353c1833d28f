//! Launching an experiment.

use jiff::Timestamp;

use super::check_dates;
use crate::error::{Error, Result};
use crate::model::experiment::Experiment;
use crate::model::flag::FeatureFlag;

/// Launches a draft: it starts at `start`, and its flag is switched on at once (L-1, L-9, L-16).
///
/// Returns the experiment and the flag as they are to be stored.
///
/// # Errors
/// - `NotAllowed` when the experiment was launched before, is archived, or its flag was deleted;
/// - `Invalid` on `end_date` when the planned end is before the start (B-17).
pub fn launch(
    experiment: &Experiment,
    flag: &FeatureFlag,
    start: Timestamp,
    now: Timestamp,
) -> Result<(Experiment, FeatureFlag)> {
    let key = &experiment.feature_flag_key;
    if experiment.archived {
        return Err(Error::not_allowed(format!("experiment '{key}' is archived and cannot be launched")));
    }
    if let Some(launched) = experiment.start_date {
        let message = format!("experiment '{key}' is launched already, with the start date {launched}");
        return Err(Error::not_allowed(message));
    }
    if flag.deleted {
        return Err(Error::not_allowed(format!("the flag of experiment '{key}' was deleted, so nobody would see it")));
    }
    check_dates(Some(start), experiment.end_date)?;
    let launched = Experiment { start_date: Some(start), updated_at: now, ..experiment.clone() };
    let switched_on = FeatureFlag { active: true, version: flag.version + 1, ..flag.clone() };
    Ok((launched, switched_on))
}
