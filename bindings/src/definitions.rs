//! Definitions in the form in which they cross, and requests read from what Python gives.

use abduck::events::{Change, DataState};
use abduck::lifecycle::{Copy, Ending};
use abduck::model::experiment::UpdateExperiment;
use abduck::{CreateExperiment, Engine, ErrorKind, Experiment};
use serde_json::{Value, json};

use crate::moment::{moment, now};

/// An experiment with its status, its flag and its holdout, and whether it is paused.
pub(crate) fn shown(engine: &mut Engine, experiment: &Experiment) -> abduck::Result<Value> {
    let flag = engine.flag_of(experiment)?;
    let holdout = match experiment.holdout_id {
        Some(id) => if_found(engine.holdout(&id.to_string()))?,
        None => None,
    };
    let as_of = now();
    let is_running = !experiment.is_draft() && !experiment.has_ended(as_of);
    let mut shown = json!(experiment);
    shown["status"] = json!(experiment.status(as_of));
    shown["is_paused"] = json!(is_running && !flag.active && !flag.deleted);
    shown["feature_flag"] = json!(flag);
    shown["holdout"] = json!(holdout);
    Ok(shown)
}

/// Experiments in their shown form. One that somebody else deletes meanwhile is left out.
pub(crate) fn all_shown(engine: &mut Engine, experiments: &[Experiment]) -> abduck::Result<Vec<Value>> {
    experiments.iter().filter_map(|experiment| if_found(shown(engine, experiment)).transpose()).collect()
}

fn if_found<T>(found: abduck::Result<T>) -> abduck::Result<Option<T>> {
    match found {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => Ok(None),
        found => found.map(Some),
    }
}

/// The state of the event store.
pub(crate) fn shown_state(state: &DataState) -> Value {
    let change = |change: Change| match change {
        Change::Altered => "altered",
        Change::Vanished => "vanished",
        Change::Appeared => "appeared",
    };
    json!({
        "data_version": state.data_version,
        "event_count": state.event_count,
        "person_count": state.person_count,
        "group_types": state.group_types,
        "first_event": state.first_event,
        "last_event": state.last_event,
        "attached": state.attached,
        "attached_changes": state.attached_changes.iter().map(|file| (&file.path, change(file.change))).collect::<Vec<_>>(),
    })
}

/// How an experiment ends. What is said of it is read as an update reads it, so that it is refused in the same words.
pub(crate) fn ending(at: Option<&str>, conclusion: Option<&str>, comment: Option<&str>) -> abduck::Result<Ending> {
    let said = UpdateExperiment::from_json(json!({"conclusion": conclusion, "conclusion_comment": comment}))?;
    let (conclusion, comment) = (said.conclusion.flatten(), said.conclusion_comment.flatten());
    Ok(Ending { at: moment(at)?, conclusion, comment })
}

/// What a copy is called. Key and name are read as those of a new experiment.
pub(crate) fn copy(feature_flag_key: &str, name: Option<&str>) -> abduck::Result<Copy> {
    let stand_in = name.unwrap_or("copy");
    let said = CreateExperiment::from_json(json!({"name": stand_in, "feature_flag_key": feature_flag_key}))?;
    Ok(Copy { feature_flag_key: said.feature_flag_key, name: name.map(|_| said.name) })
}
