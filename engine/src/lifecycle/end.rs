//! Ending an experiment.

use jiff::Timestamp;

use super::check_dates;
use crate::error::{Error, Result};
use crate::model::experiment::Experiment;

/// Ends a launched experiment at `end`, also ahead of a planned end. Its flag stays as it is (L-16).
///
/// Returns the experiment as it is to be stored.
///
/// # Errors
/// - `NotReady` for a draft;
/// - `NotAllowed` when the experiment has ended;
/// - `Invalid` on `end_date` when that is before its start (B-17).
pub fn end(experiment: &Experiment, end: Timestamp, now: Timestamp) -> Result<Experiment> {
    let key = &experiment.feature_flag_key;
    if experiment.is_draft() {
        let message = format!("experiment '{key}' is a draft and cannot be ended");
        return Err(Error::not_ready(message).hint("launch it first"));
    }
    if let Some(ended) = experiment.end_date.filter(|_| experiment.has_ended(now)) {
        return Err(Error::not_allowed(format!("experiment '{key}' has ended already, on {ended}")));
    }
    check_dates(experiment.start_date, Some(end))?;
    Ok(Experiment { end_date: Some(end), updated_at: now, ..experiment.clone() })
}
