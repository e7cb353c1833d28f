//! Changing an experiment, and what that does to its flag.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::flag::{check_flag, with_holdout};
use super::parameters::{flag_changes, given_variants, named_variants, refuse_misspelt_parameters};
use super::saved_metric::{NewLink, links};
use super::variants::following_web_variants;
use super::{Surroundings, check_dates, check_metrics, check_modern_metrics};
use crate::error::{Error, Result};
use crate::model::experiment::{Experiment, ExperimentKind, UpdateExperiment};
use crate::model::flag::FeatureFlag;

/// What becomes of an experiment and of what belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatedExperiment {
    /// The experiment.
    pub experiment: Experiment,
    /// Its flag; the same as before when the update does not concern it.
    pub flag: FeatureFlag,
    /// The saved metrics to link in place of all present ones (L-41); `None` leaves them.
    pub links: Option<Vec<NewLink>>,
}

/// Changes an experiment (L-10 to L-18).
///
/// Of a draft, variants, group type and holdout go on to the flag; only what is given is changed there (B-15). Of a
/// launched one, the flag is the only source of its split (B-19): it is changed on the flag itself.
///
/// # Errors
/// - `Invalid` without a field when a key (V-12), the variants (V-13) or the holdout (V-14) of a running experiment
///   cannot be changed, and for global filter properties (V-15);
/// - `Invalid` with the field for whatever [`super::create`] refuses, too.
pub fn update(
    experiment: &Experiment,
    flag: &FeatureFlag,
    request: UpdateExperiment,
    surroundings: &Surroundings,
    now: Timestamp,
) -> Result<UpdatedExperiment> {
    check(experiment, flag, &request, surroundings)?;
    let links = match &request.saved_metrics_ids {
        None => None,
        Some(ids) => Some(links(ids.as_deref(), &surroundings.saved_metrics)?),
    };
    let mut changed = flag.clone();
    if experiment.is_draft() {
        let parameters = request.parameters.iter().flatten().filter(|parameters| !parameters.is_empty());
        for parameters in parameters {
            flag_changes(parameters)?.apply(&mut changed.filters);
        }
        if request.holdout_id.is_some() {
            changed.filters = with_holdout(&changed.filters, surroundings.holdout.as_ref());
        }
    }
    let mut after = apply(experiment, request, now);
    if experiment.is_draft() != after.is_draft() {
        // Launching switches the flag on (L-16); making it a draft again switches it off (B-16).
        changed.active = !after.is_draft();
        refuse_launch_without_flag(&after, &changed)?;
    }
    if changed.filters != flag.filters {
        check_flag(&changed, &surroundings.cohorts)?;
        if after.kind == Some(ExperimentKind::Web) {
            // In step with the flag (B-18).
            after.variants = Some(following_web_variants(experiment.variants.as_ref(), changed.variants()));
        }
    }
    if changed != *flag {
        changed.version += 1;
    }
    Ok(UpdatedExperiment { experiment: after, flag: changed, links })
}

fn check(
    experiment: &Experiment,
    flag: &FeatureFlag,
    request: &UpdateExperiment,
    surroundings: &Surroundings,
) -> Result<()> {
    if let Some(parameters) = request.parameters.iter().flatten().next() {
        refuse_misspelt_parameters(parameters)?;
    }
    surroundings.check_holdout(request.holdout_id.flatten())?;
    if request.feature_flag_key.as_ref().is_some_and(|key| *key != experiment.feature_flag_key) {
        return Err(Error::invalid("Can't update keys: get_feature_flag_key on Experiment")
            .hint("change the key on the flag itself: `abduck flag update KEY --key NEW`"));
    }
    if !experiment.is_draft() {
        check_running(experiment, flag, request)?;
    }
    let has_properties = request.filters.iter().any(|filters| match filters.get("properties") {
        None | Some(Value::Null) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(group)) => !group.is_empty(),
        Some(_) => true,
    });
    if has_properties {
        return Err(Error::invalid("Experiments do not support global filter properties")
            .hint("put the properties on the events of the metric"));
    }
    check_metrics(request.filters.as_ref(), request.secondary_metrics.as_ref().and_then(Option::as_deref))?;
    check_modern_metrics("metrics", request.metrics.as_ref().and_then(Option::as_deref))?;
    check_modern_metrics("metrics_secondary", request.metrics_secondary.as_ref().and_then(Option::as_deref))?;
    check_dates(request.start_date.unwrap_or(experiment.start_date), request.end_date.unwrap_or(experiment.end_date))
}

/// What must not change once people see variants (L-13, L-14).
fn check_running(experiment: &Experiment, flag: &FeatureFlag, request: &UpdateExperiment) -> Result<()> {
    // Parameters of null give no variants (B-4).
    let parameters = request.parameters.iter().flatten().next();
    if let Some(variants) = named_variants(parameters)? {
        let mut given: Vec<&str> = variants.iter().map(|variant| variant.key.as_str()).collect();
        let mut present: Vec<&str> = flag.variants().iter().map(|variant| variant.key.as_str()).collect();
        given.sort_unstable();
        present.sort_unstable();
        if given != present {
            return Err(Error::invalid("Can't update feature_flag_variants on Experiment")
                .hint("a launched experiment keeps its variants: end it and duplicate it with others"));
        }
        given_variants(parameters)?;
    }
    match request.holdout_id {
        Some(holdout) if holdout != experiment.holdout_id => {
            Err(Error::invalid("Can't update holdout on running Experiment")
                .hint("a launched experiment keeps its holdout: end it and duplicate it with another"))
        }
        _ => Ok(()),
    }
}

fn refuse_launch_without_flag(experiment: &Experiment, flag: &FeatureFlag) -> Result<()> {
    if flag.active && flag.deleted {
        let key = &experiment.feature_flag_key;
        return Err(Error::not_allowed(format!("the flag of experiment '{key}' was deleted, so nobody would see it"))
            .hint("restore the flag first: `abduck flag restore KEY`"));
    }
    Ok(())
}

/// The experiment with what is given in place of what it had.
fn apply(experiment: &Experiment, request: UpdateExperiment, now: Timestamp) -> Experiment {
    let UpdateExperiment {
        name,
        description,
        start_date,
        end_date,
        feature_flag_key: _,
        holdout_id,
        parameters,
        filters,
        secondary_metrics,
        saved_metrics_ids: _,
        metrics,
        metrics_secondary,
        stats_config,
        exposure_criteria,
        only_count_matured_users,
        archived,
        conclusion,
        conclusion_comment,
    } = request;
    let before = experiment.clone();
    Experiment {
        name: name.unwrap_or(before.name),
        description: description.unwrap_or(before.description),
        start_date: start_date.unwrap_or(before.start_date),
        end_date: end_date.unwrap_or(before.end_date),
        holdout_id: holdout_id.unwrap_or(before.holdout_id),
        parameters: parameters.unwrap_or(before.parameters),
        filters: filters.unwrap_or(before.filters),
        secondary_metrics: secondary_metrics.unwrap_or(before.secondary_metrics),
        metrics: metrics.unwrap_or(before.metrics),
        metrics_secondary: metrics_secondary.unwrap_or(before.metrics_secondary),
        stats_config: stats_config.unwrap_or(before.stats_config),
        exposure_criteria: exposure_criteria.unwrap_or(before.exposure_criteria),
        only_count_matured_users: only_count_matured_users.unwrap_or(before.only_count_matured_users),
        archived: archived.unwrap_or(before.archived),
        conclusion: conclusion.unwrap_or(before.conclusion),
        conclusion_comment: conclusion_comment.unwrap_or(before.conclusion_comment),
        updated_at: now,
        ..before
    }
}

/// The parameters of an experiment once its flag's filters are `filters` (L-19): the flag is the only source of the
/// variants and of the group type; everything else stays.
pub(super) fn synced_parameters(parameters: Option<&Map<String, Value>>, flag: &FeatureFlag) -> Map<String, Value> {
    let mut parameters = parameters.cloned().unwrap_or_default();
    let variants = flag.variants().iter().map(super::variants::variant_value).collect();
    parameters.insert("feature_flag_variants".to_owned(), Value::Array(variants));
    match flag.filters.aggregation_group_type_index {
        Some(index) => parameters.insert("aggregation_group_type_index".to_owned(), index.into()),
        None => parameters.shift_remove("aggregation_group_type_index"),
    };
    parameters
}
