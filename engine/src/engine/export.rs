//! The definitions of a lab as documents.

use std::collections::HashSet;

use super::{Engine, describe};
use crate::catalog::Snapshot;
use crate::error::{Error, Result};
use crate::model::document::{self, Document, DocumentKind, Names};
use crate::model::suggest::closest;

impl Engine {
    /// The definitions of the lab as documents: cohorts, holdouts, saved metrics, flags, experiments, settings; of each kind
    /// by name. `keys` selects some: the key of an experiment or a flag, or `kind/name` for anything. Without keys, all.
    ///
    /// Settings that are all at their defaults have no document, and deleted flags without an experiment have none.
    ///
    /// # Errors
    /// `NotFound` when nothing has a key; `Invalid` with code `ambiguous` when two things of a kind share a name, because
    /// documents find things again by it; `Storage` when the definitions cannot be read.
    pub fn export(&mut self, keys: &[String]) -> Result<Vec<Document>> {
        let snapshot = self.catalog.snapshot()?;
        let names = describe::names(&snapshot)?;
        let wanted = selection(&snapshot, keys)?;
        let is_wanted = |kind: DocumentKind, key: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.contains(&(kind, key.to_owned())))
        };
        documents(&snapshot, &names, &is_wanted)
    }
}

fn documents(
    snapshot: &Snapshot<'_>,
    names: &Names,
    is_wanted: &dyn Fn(DocumentKind, &str) -> bool,
) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    let mut put = |kind: DocumentKind, fields| documents.push(Document::new(kind, fields));
    for cohort in snapshot.cohorts()?.iter().filter(|cohort| is_wanted(DocumentKind::Cohort, &cohort.name)) {
        names.cohorts.name(cohort.id)?;
        put(DocumentKind::Cohort, describe::cohort(snapshot, cohort, names)?);
    }
    for holdout in snapshot.holdouts()?.iter().filter(|holdout| is_wanted(DocumentKind::Holdout, &holdout.name)) {
        names.holdouts.name(holdout.id)?;
        put(DocumentKind::Holdout, describe::holdout(holdout, names)?);
    }
    for metric in snapshot.saved_metrics()?.iter().filter(|metric| is_wanted(DocumentKind::SavedMetric, &metric.name)) {
        names.saved_metrics.name(metric.id)?;
        put(DocumentKind::SavedMetric, describe::saved_metric(metric, names)?);
    }
    let experiments = snapshot.experiments()?;
    let led: HashSet<i64> = experiments.iter().map(|experiment| experiment.feature_flag_id).collect();
    let own = snapshot.flags()?.into_iter().filter(|flag| !flag.deleted && !led.contains(&flag.id));
    for flag in own.filter(|flag| is_wanted(DocumentKind::Flag, &flag.key)) {
        put(DocumentKind::Flag, describe::flag(&flag, names)?);
    }
    for experiment in experiments.iter().filter(|one| is_wanted(DocumentKind::Experiment, &one.feature_flag_key)) {
        put(DocumentKind::Experiment, describe::stored_experiment(snapshot, experiment, names)?);
    }
    let settings = document::settings(&snapshot.settings()?, names)?;
    if !settings.is_empty() && is_wanted(DocumentKind::Settings, "") {
        put(DocumentKind::Settings, settings);
    }
    documents.sort_by(|one, other| (one.kind, one.key()).cmp(&(other.kind, other.key())));
    Ok(documents)
}

/// What keys select; `None` when all is selected.
fn selection(snapshot: &Snapshot<'_>, keys: &[String]) -> Result<Option<HashSet<(DocumentKind, String)>>> {
    if keys.is_empty() {
        return Ok(None);
    }
    let known = known(snapshot)?;
    keys.iter().map(|key| selected(key, &known)).collect::<Result<_>>().map(Some)
}

fn known(snapshot: &Snapshot<'_>) -> Result<HashSet<(DocumentKind, String)>> {
    let experiments = snapshot.experiments()?;
    let led: HashSet<i64> = experiments.iter().map(|experiment| experiment.feature_flag_id).collect();
    let flags = snapshot.flags()?.into_iter().filter(|flag| !flag.deleted && !led.contains(&flag.id));
    let mut known: HashSet<_> = flags.map(|flag| (DocumentKind::Flag, flag.key)).collect();
    known.extend(experiments.into_iter().map(|one| (DocumentKind::Experiment, one.feature_flag_key)));
    known.extend(snapshot.cohorts()?.into_iter().map(|one| (DocumentKind::Cohort, one.name)));
    known.extend(snapshot.holdouts()?.into_iter().map(|one| (DocumentKind::Holdout, one.name)));
    known.extend(snapshot.saved_metrics()?.into_iter().map(|one| (DocumentKind::SavedMetric, one.name)));
    known.insert((DocumentKind::Settings, String::new()));
    Ok(known)
}

fn selected(key: &str, known: &HashSet<(DocumentKind, String)>) -> Result<(DocumentKind, String)> {
    let named = |kind: DocumentKind, name: &str| Some((kind, name.to_owned())).filter(|one| known.contains(one));
    let by_key = [DocumentKind::Experiment, DocumentKind::Flag].into_iter().find_map(|kind| named(kind, key));
    let by_kind = || {
        let (kind, name) = key.split_once('/').unwrap_or((key, ""));
        let kind = DocumentKind::ALL.into_iter().find(|known| known.name() == kind)?;
        named(kind, name)
    };
    by_key.or_else(by_kind).ok_or_else(|| {
        let error = Error::not_found("definition", key);
        let mut candidates: Vec<String> = known
            .iter()
            .flat_map(|(kind, name)| match kind {
                DocumentKind::Experiment | DocumentKind::Flag => vec![name.clone(), format!("{kind}/{name}")],
                _ => vec![format!("{kind}/{name}")],
            })
            .collect();
        candidates.sort_unstable();
        match closest(key, candidates.iter().map(String::as_str)) {
            Some(meant) => error.hint(format!("did you mean '{meant}'?")),
            None => {
                error.hint("name an experiment or a flag by its key, anything else as kind/name: 'holdout/2025 global'")
            }
        }
    })
}
