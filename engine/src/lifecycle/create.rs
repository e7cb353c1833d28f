//! Creating an experiment and the flag that splits its traffic.

use jiff::Timestamp;
use serde_json::Map;

use super::flag::{free_key, with_holdout};
use super::parameters::{flag_changes, refuse_misspelt_parameters};
use super::saved_metric::{NewLink, links};
use super::variants::{default_variants, web_variants};
use super::{Surroundings, check_dates, check_metrics, check_modern_metrics};
use crate::error::Result;
use crate::model::experiment::{CreateExperiment, Experiment, ExperimentKind};
use crate::model::flag::{ConditionGroup, FeatureFlag, FlagFilters, Multivariate};
use crate::model::holdout::Holdout;

/// A new experiment and its flag; the catalog chooses their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct NewExperiment {
    /// The experiment.
    pub experiment: Experiment,
    /// The flag made for it.
    pub flag: FeatureFlag,
    /// The deleted flag whose key is taken over; it is to be removed first (L-6).
    pub replaces: Option<i64>,
    /// The saved metrics to link (L-8).
    pub links: Vec<NewLink>,
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
    surroundings.check_holdout(request.holdout_id)?;
    let links = links(request.saved_metrics_ids.as_deref(), &surroundings.saved_metrics)?;
    check_metrics(Some(&request.filters), request.secondary_metrics.as_deref())?;
    check_modern_metrics("metrics", request.metrics.as_deref())?;
    check_modern_metrics("metrics_secondary", request.metrics_secondary.as_deref())?;
    let filters = flag_filters(&request, surroundings.holdout.as_ref())?;
    let replaces = free_key(&request.feature_flag_key, surroundings.flag.as_ref())?;
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
    Ok(NewExperiment { experiment, flag, replaces, links })
}

/// One group of everyone, split into the variants, minus the holdout (L-2).
fn flag_filters(request: &CreateExperiment, holdout: Option<&Holdout>) -> Result<FlagFilters> {
    let mut filters = FlagFilters {
        groups: Some(vec![ConditionGroup { rollout_percentage: Some(100.0), ..ConditionGroup::default() }]),
        multivariate: Some(Multivariate { variants: default_variants() }),
        ..FlagFilters::default()
    };
    if let Some(parameters) = &request.parameters {
        refuse_misspelt_parameters(parameters)?;
        flag_changes(parameters)?.apply(&mut filters);
    }
    Ok(with_holdout(&filters, holdout))
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
        exposure_criteria: request.exposure_criteria,
        only_count_matured_users: request.only_count_matured_users,
        kind: request.kind,
        variants: Some(variants),
        archived: request.archived,
        conclusion: None,
        conclusion_comment: None,
        created_by: flag.created_by.clone(),
        created_at: now,
        updated_at: now,
    }
}
