//! What is stored, in the form of documents.

use serde_json::{Map, Value, json};

use crate::catalog::Snapshot;
use crate::error::Result;
use crate::lifecycle::{flag_differences, page_variants};
use crate::model::cohort::{Cohort, CreateCohort};
use crate::model::document::{self, DocumentKind, ExperimentParts, Names, NamesOfKind};
use crate::model::experiment::Experiment;
use crate::model::flag::{CreateFlag, FeatureFlag};
use crate::model::holdout::{CreateHoldout, Holdout};
use crate::model::saved_metric::{CreateSavedMetric, SavedMetric};

type Fields = Map<String, Value>;

/// The names of all that documents refer to.
pub(super) fn names(snapshot: &Snapshot<'_>) -> Result<Names> {
    let cohorts = snapshot.cohorts()?.into_iter().map(|cohort| (cohort.id, cohort.name));
    let holdouts = snapshot.holdouts()?.into_iter().map(|holdout| (holdout.id, holdout.name));
    let saved_metrics = snapshot.saved_metrics()?.into_iter().map(|metric| (metric.id, metric.name));
    Ok(Names {
        cohorts: NamesOfKind::new(DocumentKind::Cohort, cohorts),
        holdouts: NamesOfKind::new(DocumentKind::Holdout, holdouts),
        saved_metrics: NamesOfKind::new(DocumentKind::SavedMetric, saved_metrics),
    })
}

pub(super) fn cohort(snapshot: &Snapshot<'_>, cohort: &Cohort, names: &Names) -> Result<Fields> {
    let request = CreateCohort {
        name: cohort.name.clone(),
        description: cohort.description.clone(),
        is_static: cohort.is_static,
        filters: cohort.filters.clone(),
    };
    let members = if cohort.is_static { Some(snapshot.cohort_members(cohort.id)?) } else { None };
    document::cohort(&request, members.as_deref(), names)
}

pub(super) fn holdout(holdout: &Holdout, names: &Names) -> Result<Fields> {
    let request = CreateHoldout {
        name: holdout.name.clone(),
        description: holdout.description.clone(),
        filters: holdout.filters.iter().map(|group| json!(group)).collect(),
    };
    document::holdout(&request, names)
}

pub(super) fn saved_metric(metric: &SavedMetric, names: &Names) -> Result<Fields> {
    let request = CreateSavedMetric {
        name: metric.name.clone(),
        description: metric.description.clone(),
        query: metric.query.clone(),
    };
    document::saved_metric(&request, names)
}

pub(super) fn flag(flag: &FeatureFlag, names: &Names) -> Result<Fields> {
    let request = CreateFlag {
        key: flag.key.clone(),
        name: flag.name.clone(),
        filters: flag.filters.clone(),
        rollout_percentage: flag.rollout_percentage,
        active: flag.active,
        ensure_experience_continuity: flag.ensure_experience_continuity,
    };
    document::flag(&request, names)
}

/// An experiment with the flag and the saved metrics it has or is to have.
pub(super) fn experiment(
    experiment: &Experiment,
    flag: &FeatureFlag,
    saved_metrics: Vec<(i64, Fields)>,
    holdout: Option<&Holdout>,
    names: &Names,
) -> Result<Fields> {
    let parts = ExperimentParts {
        saved_metrics,
        flag: flag_differences(experiment, flag, holdout)?,
        variants: page_variants(experiment, flag),
    };
    document::experiment(experiment, parts, names)
}

pub(super) fn stored_experiment(snapshot: &Snapshot<'_>, stored: &Experiment, names: &Names) -> Result<Fields> {
    let flag = snapshot.flag_of(stored)?;
    let holdout = stored.holdout_id.map(|id| snapshot.holdout(id)).transpose()?.flatten();
    experiment(stored, &flag, used_saved_metrics(stored), holdout.as_ref(), names)
}

/// The saved metrics an experiment uses, and how.
pub(super) fn used_saved_metrics(experiment: &Experiment) -> Vec<(i64, Fields)> {
    experiment.saved_metrics.iter().map(|link| (link.saved_metric, link.metadata.clone())).collect()
}
