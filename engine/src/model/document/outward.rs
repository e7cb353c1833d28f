//! Definitions in the form of documents: fixed order of keys, names in place of numbers, defaults left out.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Names;
use crate::error::{Error, Result};
use crate::model::cohort::CreateCohort;
use crate::model::experiment::{Experiment, ExperimentKind};
use crate::model::flag::{CreateFlag, FlagFilters, percentage_value};
use crate::model::holdout::CreateHoldout;
use crate::model::saved_metric::CreateSavedMetric;
use crate::model::settings::LabSettings;

type Fields = Map<String, Value>;

/// What belongs to an experiment and is stored apart from it.
#[derive(Clone, Debug)]
pub struct ExperimentParts {
    /// The saved metrics in use, with how they are used.
    pub saved_metrics: Vec<(i64, Fields)>,
    /// How the flag differs from the one that creating the experiment makes, in the form of a document.
    pub flag: Fields,
    /// The variants of a web page, when they say more than the flag does; inner `None` is null.
    pub variants: Option<Option<Fields>>,
}

/// The fields of an experiment's document.
///
/// # Errors
/// `Invalid` with code `ambiguous` when something it uses shares its name with another.
pub fn experiment(experiment: &Experiment, parts: ExperimentParts, names: &Names) -> Result<Fields> {
    let mut fields = Fields::new();
    put(&mut fields, "feature_flag_key", experiment.feature_flag_key.clone());
    put(&mut fields, "name", experiment.name.clone());
    put_some(&mut fields, "description", experiment.description.clone());
    match experiment.kind {
        Some(ExperimentKind::Product) => {}
        Some(ExperimentKind::Web) => put(&mut fields, "type", "web"),
        None => put(&mut fields, "type", Value::Null),
    }
    put_some(&mut fields, "holdout", name(experiment.holdout_id, |id| names.holdouts.name(id))?);
    put_some(&mut fields, "parameters", experiment.parameters.clone());
    put_filled(&mut fields, "filters", experiment.filters.clone());
    put_list(&mut fields, "secondary_metrics", experiment.secondary_metrics.as_ref());
    put_list(&mut fields, "metrics", experiment.metrics.as_ref());
    put_list(&mut fields, "metrics_secondary", experiment.metrics_secondary.as_ref());
    let saved_metrics = parts.saved_metrics.iter().map(|(id, metadata)| saved_metric_use(*id, metadata, names));
    let saved_metrics: Vec<Value> = saved_metrics.collect::<Result<_>>()?;
    put_list(&mut fields, "saved_metrics", Some(&saved_metrics));
    put_filled(&mut fields, "stats_config", experiment.stats_config.clone());
    put_some(&mut fields, "exposure_criteria", experiment.exposure_criteria.clone());
    if experiment.only_count_matured_users {
        put(&mut fields, "only_count_matured_users", true);
    }
    put_filled(&mut fields, "flag", parts.flag);
    if let Some(variants) = parts.variants {
        put(&mut fields, "variants", variants.map_or(Value::Null, Value::Object));
    }
    put_some(&mut fields, "start_date", experiment.start_date.map(moment));
    put_some(&mut fields, "end_date", experiment.end_date.map(moment));
    if experiment.archived {
        put(&mut fields, "archived", true);
    }
    put_some(&mut fields, "conclusion", experiment.conclusion.map(|conclusion| json!(conclusion)));
    put_some(&mut fields, "conclusion_comment", experiment.conclusion_comment.clone());
    put_some(&mut fields, "exposure_cohort", name(experiment.exposure_cohort, |id| names.cohorts.name(id))?);
    names.name_cohorts(&fields)
}

/// The fields of a flag's document.
///
/// # Errors
/// `Invalid` with code `ambiguous` when a cohort it names shares its name with another.
pub fn flag(flag: &CreateFlag, names: &Names) -> Result<Fields> {
    let mut fields = Fields::new();
    put(&mut fields, "key", flag.key.clone());
    if !flag.name.is_empty() {
        put(&mut fields, "name", flag.name.clone());
    }
    put_filled(&mut fields, "filters", flag_filters(&flag.filters)?);
    put_some(&mut fields, "rollout_percentage", flag.rollout_percentage.map(percentage_value));
    if !flag.active {
        put(&mut fields, "active", false);
    }
    if flag.ensure_experience_continuity {
        put(&mut fields, "ensure_experience_continuity", true);
    }
    names.name_cohorts(&fields)
}

/// The filters of a flag without what they have by default.
///
/// # Errors
/// `Bug` when they have no JSON form.
pub fn flag_filters(filters: &FlagFilters) -> Result<Fields> {
    let value = serde_json::to_value(filters).map_err(|error| Error::bug(error.to_string()))?;
    let Value::Object(mut fields) = value else { return Err(Error::bug("the filters of a flag are no object")) };
    for absent in ["multivariate", "aggregation_group_type_index", "holdout_groups"] {
        if fields.get(absent).is_some_and(Value::is_null) {
            fields.shift_remove(absent);
        }
    }
    for groups in ["groups", "super_groups", "holdout_groups"] {
        for group in fields.get_mut(groups).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(group) = group.as_object_mut() {
                without_defaults(group);
            }
        }
    }
    Ok(fields)
}

/// The fields of a holdout's document.
///
/// # Errors
/// `Invalid` with code `ambiguous` when a cohort it names shares its name with another.
pub fn holdout(holdout: &CreateHoldout, names: &Names) -> Result<Fields> {
    let mut fields = Fields::new();
    put(&mut fields, "name", holdout.name.clone());
    put_some(&mut fields, "description", holdout.description.clone());
    let filters = holdout.filters.iter().map(|filter| match filter {
        Value::Object(group) => {
            let mut group = group.clone();
            // The variant is made of the number (L-30).
            group.shift_remove("variant");
            without_defaults(&mut group);
            if let Some(percentage) = group.get("rollout_percentage").and_then(Value::as_f64) {
                group.insert("rollout_percentage".to_owned(), percentage_value(percentage));
            }
            Value::Object(group)
        }
        other => other.clone(),
    });
    put(&mut fields, "filters", filters.collect::<Vec<_>>());
    names.name_cohorts(&fields)
}

/// The fields of a saved metric's document.
///
/// # Errors
/// `Invalid` with code `ambiguous` when a cohort it names shares its name with another.
pub fn saved_metric(metric: &CreateSavedMetric, names: &Names) -> Result<Fields> {
    let mut fields = Fields::new();
    put(&mut fields, "name", metric.name.clone());
    put_some(&mut fields, "description", metric.description.clone());
    put(&mut fields, "query", metric.query.clone());
    names.name_cohorts(&fields)
}

/// The fields of a cohort's document; `members` are those of a static one.
///
/// # Errors
/// `Invalid` with code `ambiguous` when a cohort it names shares its name with another.
pub fn cohort(cohort: &CreateCohort, members: Option<&[String]>, names: &Names) -> Result<Fields> {
    let mut fields = Fields::new();
    put(&mut fields, "name", cohort.name.clone());
    put_some(&mut fields, "description", cohort.description.clone());
    if cohort.is_static {
        put(&mut fields, "is_static", true);
    }
    put_filled(&mut fields, "filters", cohort.filters.clone());
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        put(&mut fields, "members", members);
    }
    names.name_cohorts(&fields)
}

/// The fields of the settings' document.
///
/// # Errors
/// `Invalid` with code `ambiguous` when a cohort they name shares its name with another.
pub fn settings(settings: &LabSettings, names: &Names) -> Result<Fields> {
    let object = |settings: &LabSettings| match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Error::bug("the settings have no JSON form")),
    };
    let defaults = object(&LabSettings::default())?;
    let mut fields = object(settings)?;
    fields.retain(|field, value| defaults.get(field) != Some(value));
    names.name_cohorts(&fields)
}

/// How an experiment uses a saved metric: the type alone in most cases.
fn saved_metric_use(id: i64, metadata: &Fields, names: &Names) -> Result<Value> {
    let name = names.saved_metrics.name(id)?.ok_or_else(|| Error::bug("a linked saved metric does not exist"))?;
    let mut fields = Fields::new();
    put(&mut fields, "name", name);
    match (metadata.len(), metadata.get("type")) {
        (0, _) => {}
        (1, Some(kind)) => put(&mut fields, "type", kind.clone()),
        _ => put(&mut fields, "metadata", metadata.clone()),
    }
    Ok(Value::Object(fields))
}

fn name<'a>(id: Option<i64>, find: impl FnOnce(i64) -> Result<Option<&'a str>>) -> Result<Option<&'a str>> {
    Ok(id.map(find).transpose()?.flatten())
}

fn moment(moment: Timestamp) -> String {
    moment.to_string()
}

/// A group of conditions without what it has by default.
fn without_defaults(group: &mut Fields) {
    let is_empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if group.get("properties").is_some_and(is_empty) {
        group.shift_remove("properties");
    }
    if group.get("rollout_percentage").is_some_and(Value::is_null) {
        group.shift_remove("rollout_percentage");
    }
}

fn put(fields: &mut Fields, field: &str, value: impl Into<Value>) {
    fields.insert(field.to_owned(), value.into());
}

fn put_some(fields: &mut Fields, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        put(fields, field, value);
    }
}

fn put_filled(fields: &mut Fields, field: &str, value: Fields) {
    if !value.is_empty() {
        put(fields, field, value);
    }
}

/// A list that is empty by default, and may be null.
fn put_list(fields: &mut Fields, field: &str, list: Option<&Vec<Value>>) {
    match list {
        None => put(fields, field, Value::Null),
        Some(list) if list.is_empty() => {}
        Some(list) => put(fields, field, list.clone()),
    }
}
