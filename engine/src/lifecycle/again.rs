//! Running an experiment again: from its draft, or as a copy (M-68).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::flag::with_holdout;
use super::update::synced_parameters;
use super::{NewExperiment, Surroundings, create};
use crate::error::{Error, Result};
use crate::model::experiment::{CreateExperiment, Experiment};
use crate::model::flag::FeatureFlag;

/// What a copy of an experiment is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The key of its flag, which is a new one.
    pub feature_flag_key: String,
    /// Its name; the original's with `(copy)` behind it when nothing is said.
    pub name: Option<String>,
}

/// Makes a launched experiment a draft again: dates, conclusion and archival are cleared, and its flag is switched off
/// (B-16). Its past results stay in the history.
///
/// # Errors
/// `NotAllowed` for a draft.
pub fn reset(experiment: &Experiment, flag: &FeatureFlag, now: Timestamp) -> Result<(Experiment, FeatureFlag)> {
    if experiment.is_draft() {
        return Err(Error::not_allowed(format!("experiment '{}' is a draft already", experiment.feature_flag_key)));
    }
    let draft = Experiment {
        start_date: None,
        end_date: None,
        archived: false,
        conclusion: None,
        conclusion_comment: None,
        updated_at: now,
        ..experiment.clone()
    };
    let mut switched_off = flag.clone();
    if flag.active {
        switched_off.active = false;
        switched_off.version += 1;
    }
    Ok((draft, switched_off))
}

/// Copies an experiment as a draft: the definition, the saved metrics, the holdout, and the flag's conditions under a new
/// key; no dates, no results.
///
/// # Errors
/// As for [`create`].
pub fn duplicate(
    experiment: &Experiment,
    flag: &FeatureFlag,
    copy: Copy,
    surroundings: &Surroundings,
    now: Timestamp,
    created_by: Option<&str>,
) -> Result<NewExperiment> {
    let links = experiment.saved_metrics.iter().map(|link| json!({"id": link.saved_metric, "metadata": link.metadata}));
    let request = CreateExperiment {
        name: copy.name.unwrap_or_else(|| copy_name(&experiment.name)),
        feature_flag_key: copy.feature_flag_key,
        description: experiment.description.clone(),
        start_date: None,
        end_date: None,
        holdout_id: experiment.holdout_id,
        parameters: Some(synced_parameters(experiment.parameters.as_ref(), flag)),
        filters: experiment.filters.clone(),
        secondary_metrics: experiment.secondary_metrics.clone(),
        saved_metrics_ids: Some(links.map(without_empty_metadata).collect()),
        metrics: experiment.metrics.clone(),
        metrics_secondary: experiment.metrics_secondary.clone(),
        stats_config: experiment.stats_config.clone(),
        exposure_criteria: experiment.exposure_criteria.clone(),
        only_count_matured_users: experiment.only_count_matured_users,
        kind: experiment.kind,
        archived: false,
    };
    // The key and the name are as new as those of any request.
    let request = CreateExperiment::from_json(json!(request))?;
    let mut new = create(request, surroundings, now, created_by)?;
    new.flag.filters = with_holdout(&flag.filters, surroundings.holdout.as_ref());
    Ok(new)
}

/// A link made without metadata cannot be asked for with an empty one (V-9).
fn without_empty_metadata(mut link: Value) -> Value {
    if let Some(fields) = link.as_object_mut()
        && fields.get("metadata").and_then(Value::as_object).is_some_and(Map::is_empty)
    {
        fields.shift_remove("metadata");
    }
    link
}

/// The name of a copy, within the length of names.
fn copy_name(name: &str) -> String {
    const SUFFIX: &str = " (copy)";
    const LENGTH_MAX: usize = 400;
    name.chars().take(LENGTH_MAX - SUFFIX.len()).collect::<String>() + SUFFIX
}
