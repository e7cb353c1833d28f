//! Making, changing and removing actions.

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::model::action::{Action, CreateAction, UpdateAction};
use crate::model::entity::{EntitySource, entities};
use crate::model::experiment::Experiment;

/// A new action; the catalog chooses its id.
#[must_use]
pub fn create_action(request: CreateAction, now: Timestamp, created_by: Option<&str>) -> Action {
    Action {
        id: 0,
        name: request.name,
        description: request.description,
        steps: request.steps,
        created_by: created_by.map(str::to_owned),
        created_at: now,
        updated_at: now,
    }
}

/// An action as it is after a change. Every experiment that uses it follows, running ones too: results are computed anew,
/// since a kept one holds what the action was (B-9).
#[must_use]
pub fn update_action(action: &Action, request: UpdateAction, now: Timestamp) -> Action {
    let UpdateAction { name, description, steps } = request;
    Action {
        name: name.unwrap_or_else(|| action.name.clone()),
        description: description.unwrap_or_else(|| action.description.clone()),
        steps: steps.unwrap_or_else(|| action.steps.clone()),
        updated_at: now,
        ..action.clone()
    }
}

/// Checks that an action may be removed: no experiment measures it.
///
/// The reference removes it all the same, after which the experiment has no results (Q-A5).
///
/// # Errors
/// `NotAllowed`, naming an experiment that measures it.
pub fn delete_action(action: &Action, experiments: &[Experiment]) -> Result<()> {
    match experiments.iter().find(|experiment| uses(experiment, action.id)) {
        None => Ok(()),
        Some(experiment) => {
            let message = format!("experiment '{}' measures action {}", experiment.feature_flag_key, action.id);
            Err(Error::not_allowed(message).hint("give the experiment another metric, or delete it first"))
        }
    }
}

/// Whether some metric or the exposure of an experiment is made of an action. What cannot be read uses nothing.
fn uses(experiment: &Experiment, id: i64) -> bool {
    let secondary = experiment.secondary_metrics.iter().flatten();
    let secondary = secondary.filter_map(|metric| metric.get("filters")?.as_object());
    let exposure = experiment.custom_exposure_filter().ok().flatten();
    let definitions = std::iter::once(&experiment.filters).chain(secondary).chain(exposure);
    let mut sources = definitions.flat_map(|definition| entities(definition, "filters").unwrap_or_default());
    sources.any(|entity| entity.source == EntitySource::Action(id))
}
