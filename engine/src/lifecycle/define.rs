//! Experiments as documents define them: the whole definition at once, flag included.

use std::slice;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::flag::{check_flag, update_flag, with_holdout};
use super::parameters::flag_changes;
use super::saved_metric::links;
use super::variants::{default_variants, web_variants};
use super::web::check_variants;
use super::{NewExperiment, Surroundings, UpdatedExperiment, create, update, within};
use crate::error::{Error, Result};
use crate::model::document::{ExperimentDefinition, FlagDefinition, flag_filters};
use crate::model::experiment::{Experiment, ExperimentKind, UpdateExperiment};
use crate::model::flag::{ConditionGroup, FeatureFlag, FlagFilters, Multivariate, UpdateFlag, percentage_value};
use crate::model::holdout::Holdout;

/// Creates an experiment as a document defines it.
///
/// # Errors
/// As for [`create`], and `Invalid` on the parts of `flag` as for [`super::create_flag`].
pub fn define(
    definition: ExperimentDefinition,
    surroundings: &Surroundings,
    now: Timestamp,
    created_by: Option<&str>,
) -> Result<NewExperiment> {
    let (conclusion, conclusion_comment) = definition.conclusion();
    let ExperimentDefinition { request, flag: part, variants, exposure_cohort, .. } = definition;
    let mut new = create(request, surroundings, now, created_by)?;
    let filters = part.filters(&new.flag.filters)?;
    if filters != new.flag.filters {
        new.flag.filters = filters;
        check_flag(&new.flag, &surroundings.cohorts).map_err(|error| within("flag", error))?;
    }
    let FlagDefinition { name, rollout_percentage, active, deleted, ensure_experience_continuity, .. } = part;
    new.flag.name = name.unwrap_or(new.flag.name);
    new.flag.rollout_percentage = rollout_percentage;
    new.flag.active = active.unwrap_or(new.flag.active);
    new.flag.deleted = deleted.unwrap_or(false);
    new.flag.ensure_experience_continuity = ensure_experience_continuity;
    new.experiment.variants = checked_variants(new.experiment.kind, variants, &new.flag)?;
    new.experiment.conclusion = conclusion;
    new.experiment.conclusion_comment = conclusion_comment;
    new.experiment.exposure_cohort = exposure_cohort.flatten();
    Ok(new)
}

/// Changes an experiment and its flag to what a document defines. `surroundings` are those of the definition; where nothing
/// differs, nothing changes but the time of the change.
///
/// # Errors
/// As for [`update`] and, on the parts of `flag`, for [`update_flag`]; `Invalid` when the type differs.
pub fn redefine(
    experiment: &Experiment,
    flag: &FeatureFlag,
    definition: ExperimentDefinition,
    surroundings: &Surroundings,
    now: Timestamp,
) -> Result<UpdatedExperiment> {
    let request = &definition.request;
    if request.kind != experiment.kind {
        return Err(Error::invalid_field("type", "invalid_input", "Can't update keys: type on Experiment")
            .hint("duplicate the experiment under another key"));
    }
    let mut updated = update(
        experiment,
        &plain(experiment, flag),
        changes(experiment, &definition, surroundings)?,
        surroundings,
        now,
    )?;
    let made = made_filters(request.parameters.as_ref(), surroundings.holdout.as_ref());
    let part = &definition.flag;
    let wanted = UpdateFlag {
        key: None,
        name: Some(part.name.clone().unwrap_or_else(|| flag_name(&request.name))),
        filters: Some(part.filters(&made)?),
        rollout_percentage: Some(part.rollout_percentage),
        active: Some(part.active.unwrap_or(updated.flag.active)),
        deleted: part.deleted,
        ensure_experience_continuity: Some(part.ensure_experience_continuity),
    };
    let existing = surroundings.flag.as_ref();
    let followed = update_flag(flag, slice::from_ref(experiment), wanted, existing, &surroundings.cohorts, now);
    updated.flag = followed.map_err(|error| within("flag", error))?.flag;
    updated.experiment.variants = match request.kind {
        Some(ExperimentKind::Web) => checked_variants(request.kind, definition.variants, &updated.flag)?,
        Some(ExperimentKind::Product) | None => experiment.variants.clone(),
    };
    updated.experiment.exposure_cohort = definition.exposure_cohort.unwrap_or(experiment.exposure_cohort);
    Ok(updated)
}

/// How a flag differs from the one that creating its experiment makes, in the form of a document. Whether it is on is part
/// of that only where the experiment's state does not tell.
///
/// # Errors
/// `Bug` when the filters have no JSON form.
pub fn flag_differences(
    experiment: &Experiment,
    flag: &FeatureFlag,
    holdout: Option<&Holdout>,
) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    let mut put = |field: &str, value: Value| fields.insert(field.to_owned(), value);
    if flag.name != flag_name(&experiment.name) {
        put("name", flag.name.clone().into());
    }
    let made = flag_filters(&made_filters(experiment.parameters.as_ref(), holdout))?;
    let present = flag_filters(&flag.filters)?;
    let mut filters = present.clone();
    filters.retain(|field, value| made.get(field) != Some(value));
    let gone = made.keys().filter(|field| !present.contains_key(*field));
    filters.extend(gone.map(|field| (field.clone(), Value::Null)));
    if !filters.is_empty() {
        put("filters", filters.into());
    }
    if let Some(percentage) = flag.rollout_percentage {
        put("rollout_percentage", percentage_value(percentage));
    }
    if flag.active == experiment.is_draft() {
        put("active", flag.active.into());
    }
    if flag.deleted {
        put("deleted", true.into());
    }
    if flag.ensure_experience_continuity {
        put("ensure_experience_continuity", true.into());
    }
    Ok(fields)
}

/// The variants of a web page, where they say more than the flag does; inner `None` is null.
#[must_use]
pub fn page_variants(experiment: &Experiment, flag: &FeatureFlag) -> Option<Option<Map<String, Value>>> {
    let is_web = experiment.kind == Some(ExperimentKind::Web);
    let follows = experiment.variants.as_ref() == Some(&web_variants(flag.variants()));
    (is_web && !follows).then(|| experiment.variants.clone())
}

/// What the document says differently.
fn changes(
    experiment: &Experiment,
    definition: &ExperimentDefinition,
    surroundings: &Surroundings,
) -> Result<UpdateExperiment> {
    fn differing<T: Clone + PartialEq>(before: &T, after: &T) -> Option<T> {
        (before != after).then(|| after.clone())
    }
    let request = &definition.request;
    let wanted = links(request.saved_metrics_ids.as_deref(), &surroundings.saved_metrics)?;
    let has_links = wanted.len() == experiment.saved_metrics.len()
        && wanted
            .iter()
            .zip(&experiment.saved_metrics)
            .all(|(wanted, link)| wanted.saved_metric == link.saved_metric && wanted.metadata == link.metadata);
    Ok(UpdateExperiment {
        name: differing(&experiment.name, &request.name),
        description: differing(&experiment.description, &request.description),
        feature_flag_key: None,
        holdout_id: differing(&experiment.holdout_id, &request.holdout_id),
        parameters: differing(&experiment.parameters, &request.parameters),
        filters: differing(&experiment.filters, &request.filters),
        secondary_metrics: differing(&experiment.secondary_metrics, &request.secondary_metrics),
        saved_metrics_ids: (!has_links).then(|| request.saved_metrics_ids.clone()),
        metrics: differing(&experiment.metrics, &request.metrics),
        metrics_secondary: differing(&experiment.metrics_secondary, &request.metrics_secondary),
        stats_config: differing(&experiment.stats_config, &request.stats_config),
        exposure_criteria: differing(&experiment.exposure_criteria, &request.exposure_criteria),
        only_count_matured_users: differing(&experiment.only_count_matured_users, &request.only_count_matured_users),
        ..definition.state.clone()
    })
}

/// The flag as far as changing the experiment is concerned. Of a draft, what the parameters make of it is worked out anew
/// afterwards, so that conditions which the document takes away cannot stand against it.
fn plain(experiment: &Experiment, flag: &FeatureFlag) -> FeatureFlag {
    if experiment.is_draft() {
        FeatureFlag { filters: made_filters(experiment.parameters.as_ref(), None), ..flag.clone() }
    } else {
        flag.clone()
    }
}

/// The filters that creating an experiment makes (L-2). Parameters that could not create one, which an experiment can have
/// from its flag (L-19), make those of an experiment without.
fn made_filters(parameters: Option<&Map<String, Value>>, holdout: Option<&Holdout>) -> FlagFilters {
    let mut filters = FlagFilters {
        groups: Some(vec![ConditionGroup { rollout_percentage: Some(100.0), ..ConditionGroup::default() }]),
        multivariate: Some(Multivariate { variants: default_variants() }),
        ..FlagFilters::default()
    };
    if let Some(Ok(changes)) = parameters.map(flag_changes) {
        changes.apply(&mut filters);
    }
    with_holdout(&filters, holdout)
}

fn flag_name(experiment: &str) -> String {
    format!("Feature Flag for Experiment {experiment}")
}

fn checked_variants(
    kind: Option<ExperimentKind>,
    variants: Option<Option<Map<String, Value>>>,
    flag: &FeatureFlag,
) -> Result<Option<Map<String, Value>>> {
    match (kind, variants) {
        (Some(ExperimentKind::Web), Some(Some(variants))) => check_variants(Value::Object(variants)).map(Some),
        (Some(ExperimentKind::Web), Some(None)) => Ok(None),
        (Some(ExperimentKind::Web), None) => Ok(Some(web_variants(flag.variants()))),
        (Some(ExperimentKind::Product) | None, _) => Ok(Some(Map::new())),
    }
}
