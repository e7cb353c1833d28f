//! Pausing an experiment: its flag is off for a while, without ending it (M-68).

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::model::experiment::Experiment;
use crate::model::flag::FeatureFlag;

/// Switches the flag of a running experiment off.
///
/// # Errors
/// `NotReady` for a draft; `NotAllowed` when it has ended, is paused already, or its flag was deleted.
pub fn pause(experiment: &Experiment, flag: &FeatureFlag, now: Timestamp) -> Result<FeatureFlag> {
    check_running(experiment, flag, now)?;
    if !flag.active {
        let key = &experiment.feature_flag_key;
        return Err(Error::not_allowed(format!("experiment '{key}' is paused already"))
            .hint("take it up again with `abduck experiment resume KEY`"));
    }
    Ok(switched(flag, false))
}

/// Switches the flag of a paused experiment on again.
///
/// # Errors
/// `NotReady` for a draft; `NotAllowed` when it has ended, is not paused, or its flag was deleted.
pub fn resume(experiment: &Experiment, flag: &FeatureFlag, now: Timestamp) -> Result<FeatureFlag> {
    check_running(experiment, flag, now)?;
    if flag.active {
        return Err(Error::not_allowed(format!("experiment '{}' is not paused", experiment.feature_flag_key)));
    }
    Ok(switched(flag, true))
}

fn check_running(experiment: &Experiment, flag: &FeatureFlag, now: Timestamp) -> Result<()> {
    let key = &experiment.feature_flag_key;
    if experiment.is_draft() {
        return Err(Error::not_ready(format!("experiment '{key}' is a draft")).hint("launch it first"));
    }
    if let Some(ended) = experiment.end_date.filter(|_| experiment.has_ended(now)) {
        return Err(Error::not_allowed(format!("experiment '{key}' has ended, on {ended}"))
            .hint("switch its flag on or off by itself: `abduck flag update KEY --active true`"));
    }
    if flag.deleted {
        return Err(Error::not_allowed(format!("the flag of experiment '{key}' was deleted")));
    }
    Ok(())
}

fn switched(flag: &FeatureFlag, active: bool) -> FeatureFlag {
    FeatureFlag { active, version: flag.version + 1, ..flag.clone() }
}
