//! Creating an experiment and the flag that splits its traffic.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::check_dates;
use super::flag::{ExistingFlag, free_key};
use super::variants::planned_variants;
use crate::error::{Error, Result};
use crate::model::experiment::{CreateExperiment, Experiment, ExperimentKind};
use crate::model::flag::{ConditionGroup, FeatureFlag, FlagFilters, Multivariate, Variant, percentage_value};
use crate::model::holdout::Holdout;
use crate::model::suggest::closest;

/// Group types are numbered from 0 to this (1.2).
const GROUP_TYPE_INDEX_MAX: u8 = 4;

/// What the lab holds that bears on a new experiment.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The flag that has the requested key already, if there is one.
    pub flag: Option<ExistingFlag>,
    /// The holdout the request names, if it names one that exists.
    pub holdout: Option<Holdout>,
}

/// A new experiment and its flag; the catalog chooses their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct NewExperiment {
    /// The experiment.
    pub experiment: Experiment,
    /// The flag made for it.
    pub flag: FeatureFlag,
    /// The deleted flag whose key is taken over; it is to be removed first (L-6).
    pub replaces: Option<i64>,
}

/// Creates an experiment together with its flag (L-1 to L-9, L-20).
///
/// # Errors
/// - `Invalid` on `key` (code `unique`) when a live flag has the key (L-5), and when a deleted flag with the key still
///   belongs to an experiment (L-6, V-23);
/// - `Invalid` on `parameters` for too many variants (V-2), none called `control` (V-3), a variant without key or
///   percentage (B-5), keys that repeat, or percentages outside 0 to 100 or not adding up to 100 (V-22, B-13);
/// - `Invalid` on `holdout_id` or `saved_metrics_ids` when there is no such thing (V-16, V-10);
/// - `Invalid` on `end_date` when it is before the start (B-17).
///
/// ```
/// use abduck::lifecycle::{Surroundings, create};
/// use abduck::model::experiment::CreateExperiment;
///
/// let request = CreateExperiment::from_yaml("name: Checkout\nfeature_flag_key: checkout")?;
/// let new = create(request, &Surroundings::default(), "2024-01-01T00:00:00Z".parse().unwrap(), Some("ada"))?;
/// assert!(new.experiment.is_draft() && !new.flag.active);
/// assert_eq!(new.flag.variants()[0].key, "control");
/// # Ok::<(), abduck::error::Error>(())
/// ```
pub fn create(
    request: CreateExperiment,
    surroundings: &Surroundings,
    now: Timestamp,
    created_by: Option<&str>,
) -> Result<NewExperiment> {
    check_dates(request.start_date, request.end_date)?;
    check_references(&request, surroundings)?;
    refuse_misspelt_parameters(&request)?;
    let variants = planned_variants(request.parameters.as_ref())?;
    let filters = flag_filters(&request, variants, surroundings.holdout.as_ref())?;
    let replaces = free_key(surroundings.flag.as_ref())?;
    let flag = FeatureFlag {
        id: 0,
        key: request.feature_flag_key.clone(),
        name: format!("Feature Flag for Experiment {}", request.name),
        filters,
        rollout_percentage: None,
        // A start still to come counts as launched (L-9).
        active: request.start_date.is_some(),
        deleted: false,
        ensure_experience_continuity: false,
        version: 1,
        created_by: created_by.map(str::to_owned),
        created_at: now,
    };
    let experiment = new_experiment(request, &flag, now);
    Ok(NewExperiment { experiment, flag, replaces })
}

/// The keys of `parameters` that mean something (1.2).
const PARAMETERS: [&str; 6] = [
    "minimum_detectable_effect",
    "recommended_running_time",
    "recommended_sample_size",
    "feature_flag_variants",
    "aggregation_group_type_index",
    "custom_exposure_filter",
];

/// Unknown parameters are kept as they are (1.2), but one that is nearly a known one is a slip: a misspelt
/// `feature_flag_variants` would quietly make an experiment with the default variants.
fn refuse_misspelt_parameters(request: &CreateExperiment) -> Result<()> {
    let keys = request.parameters.iter().flat_map(Map::keys);
    for key in keys.filter(|key| !PARAMETERS.contains(&key.as_str())) {
        if let Some(meant) = closest(key, PARAMETERS) {
            let message = format!("unknown parameter '{key}'");
            return Err(
                Error::invalid_field("parameters", "unknown_field", message).hint(format!("did you mean '{meant}'?"))
            );
        }
    }
    Ok(())
}

/// What the request refers to exists (V-10, V-16).
fn check_references(request: &CreateExperiment, surroundings: &Surroundings) -> Result<()> {
    if let Some(id) = request.holdout_id.filter(|_| surroundings.holdout.is_none()) {
        let message = format!("Invalid pk \"{id}\" - object does not exist.");
        return Err(Error::invalid_field("holdout_id", "does_not_exist", message));
    }
    // Saved metrics cannot be defined yet, so that every id is unknown.
    if request.saved_metrics_ids.as_ref().is_some_and(|ids| !ids.is_empty()) {
        return Err(Error::invalid_field("saved_metrics_ids", "invalid_input", "Saved metric does not exist"));
    }
    Ok(())
}

/// One group of everyone, split into the variants, minus the holdout (L-2).
fn flag_filters(request: &CreateExperiment, variants: Vec<Variant>, holdout: Option<&Holdout>) -> Result<FlagFilters> {
    Ok(FlagFilters {
        groups: Some(vec![ConditionGroup { rollout_percentage: Some(100.0), ..ConditionGroup::default() }]),
        multivariate: Some(Multivariate { variants }),
        aggregation_group_type_index: group_type_index(request.parameters.as_ref())?,
        holdout_groups: holdout.map(|holdout| holdout.filters.clone()),
        ..FlagFilters::default()
    })
}

/// The group type that is assigned together; only `parameters` can name it (L-4).
fn group_type_index(parameters: Option<&Map<String, Value>>) -> Result<Option<u8>> {
    const FIELD: &str = "aggregation_group_type_index";
    let index = match parameters.and_then(|parameters| parameters.get(FIELD)) {
        None | Some(Value::Null) => return Ok(None),
        Some(index) => index.as_u64().and_then(|index| u8::try_from(index).ok()),
    };
    let index = index.filter(|index| *index <= GROUP_TYPE_INDEX_MAX).ok_or_else(|| {
        let message = format!("{FIELD} must be a whole number from 0 to {GROUP_TYPE_INDEX_MAX}");
        Error::invalid_field("parameters", "invalid_input", message)
    })?;
    Ok(Some(index))
}

fn new_experiment(request: CreateExperiment, flag: &FeatureFlag, now: Timestamp) -> Experiment {
    let variants = match request.kind {
        Some(ExperimentKind::Web) => web_variants(flag.variants()),
        Some(ExperimentKind::Product) | None => Map::new(),
    };
    Experiment {
        id: 0,
        name: request.name,
        description: request.description,
        start_date: request.start_date,
        end_date: request.end_date,
        feature_flag_id: flag.id,
        feature_flag_key: request.feature_flag_key,
        holdout_id: request.holdout_id,
        exposure_cohort: None,
        parameters: request.parameters,
        filters: request.filters,
        secondary_metrics: request.secondary_metrics,
        saved_metrics: Vec::new(),
        metrics: request.metrics,
        metrics_secondary: request.metrics_secondary,
        stats_config: request.stats_config,
        kind: request.kind,
        variants: Some(variants),
        archived: request.archived,
        created_by: flag.created_by.clone(),
        created_at: now,
        updated_at: now,
    }
}

/// The variants as a web page reads them (L-20).
fn web_variants(variants: &[Variant]) -> Map<String, Value> {
    let share = |variant: &Variant| json!({"rollout_percentage": percentage_value(variant.rollout_percentage)});
    variants.iter().map(|variant| (variant.key.clone(), share(variant))).collect()
}
