//! Documents put into effect: all of them in one transaction, or none.

mod report;

pub use report::{ApplyAction, ApplyReport, DocumentChange, FieldChange};

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::report::{Done, differences};
use super::flags::named_cohorts;
use super::{Engine, describe, flags, library};
use crate::catalog::{Change, Transaction};
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::{self, Surroundings};
use crate::model::cohort::UpdateCohort;
use crate::model::document::{self, Document, DocumentKind, ExperimentDefinition, Names};
use crate::model::experiment::Experiment;
use crate::model::flag::UpdateFlag;
use crate::model::holdout::UpdateHoldout;
use crate::model::saved_metric::UpdateSavedMetric;

impl Engine {
    /// Makes the lab hold what documents define. Things are found again by key or name; what is missing is created, what
    /// differs is changed, and nothing is ever deleted. If any document is refused, nothing changes, and the report names
    /// every refusal. A dry run does the same and keeps nothing.
    ///
    /// # Errors
    /// `Busy` or `Storage` when the lab cannot be written. A refused document is no error, but part of the report.
    ///
    /// ```
    /// use abduck::{ApplyAction, Document, Engine};
    ///
    /// let directory = std::env::temp_dir().join(format!("abduck-apply-{}", std::process::id()));
    /// let mut lab = Engine::init(&directory)?;
    /// let documents = Document::from_text("{kind: experiment, feature_flag_key: checkout, name: Checkout}", "-")?;
    /// let now = "2024-01-01T00:00:00Z".parse().unwrap();
    /// assert_eq!(lab.apply(&documents, false, now, Some("ada"))?.changes[0].action, ApplyAction::Create);
    /// assert_eq!(lab.apply(&documents, false, now, Some("ada"))?.changes[0].action, ApplyAction::NoChange);
    /// # drop(lab);
    /// # std::fs::remove_dir_all(&directory).ok();
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn apply(
        &mut self,
        documents: &[Document],
        dry_run: bool,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<ApplyReport> {
        let change = Change { operation: "apply", who: by.map(ToOwned::to_owned), at: now };
        let mut transaction = self.catalog.transaction()?;
        let changes = Applier::new(&mut transaction, &change)?.apply_all(documents)?;
        let report = ApplyReport::new(dry_run, changes);
        if report.is_applied {
            transaction.commit()?;
        }
        Ok(report)
    }
}

/// Documents on their way into the catalog.
struct Applier<'a, 'c> {
    transaction: &'a mut Transaction<'c>,
    change: &'a Change,
    names: Names,
    /// The numbers of the experiments, by the keys of their flags.
    experiments: HashMap<String, i64>,
}

impl<'a, 'c> Applier<'a, 'c> {
    fn new(transaction: &'a mut Transaction<'c>, change: &'a Change) -> Result<Self> {
        let names = describe::names(transaction)?;
        let experiments = transaction.experiments()?.into_iter().map(|one| (one.feature_flag_key, one.id)).collect();
        Ok(Self { transaction, change, names, experiments })
    }

    /// What becomes of each document, in the order they were given.
    fn apply_all(mut self, documents: &[Document]) -> Result<Vec<DocumentChange>> {
        let mut seen: HashMap<(DocumentKind, &str), usize> = HashMap::new();
        let mut changes: Vec<Option<DocumentChange>> = documents.iter().map(|_| None).collect();
        for index in order(documents) {
            let document = &documents[index];
            let is_named = document.kind.key_field().is_none() || !document.key().is_empty();
            let first = if is_named { *seen.entry((document.kind, document.key())).or_insert(index) } else { index };
            let done =
                if first == index { self.apply(document) } else { Err(given_twice(document, &documents[first])) };
            let done = match done {
                Err(error) if !is_refusal(&error) => return Err(error),
                done => done.map_err(|error| in_document(document, error)),
            };
            if done.is_err() {
                self.note_refusal(document);
            }
            changes[index] = Some(DocumentChange::new(document, done));
        }
        Ok(changes.into_iter().flatten().collect())
    }

    fn apply(&mut self, document: &Document) -> Result<Done> {
        match document.kind {
            DocumentKind::Cohort => self.cohort(document),
            DocumentKind::Holdout => self.holdout(document),
            DocumentKind::SavedMetric => self.saved_metric(document),
            DocumentKind::Flag => self.flag(document),
            DocumentKind::Experiment => self.experiment(document),
            DocumentKind::Settings => self.settings(document),
        }
    }

    fn cohort(&mut self, document: &Document) -> Result<Done> {
        let (request, members) = document.cohort(&self.names)?;
        let Some(id) = self.names.cohorts.id(&request.name)? else {
            let cohort = library::create_cohort(self.transaction, request, self.change)?;
            let members = members.unwrap_or_default();
            self.transaction.change_cohort_members(cohort.id, &members, &[], self.change)?;
            self.names.cohorts.insert(cohort.id, cohort.name);
            return Ok(Done::created());
        };
        let stored = self.transaction.cohort_named(&id.to_string())?;
        if stored.is_static != request.is_static {
            let message = "a cohort cannot change between listed and described members";
            return Err(Error::invalid_field("is_static", "invalid_input", message).hint("define another cohort"));
        }
        let present = self.transaction.cohort_members(id)?;
        let wanted = members.unwrap_or_else(|| present.clone());
        let before = describe::cohort(self.transaction, &stored, &self.names)?;
        let after = document::cohort(&request, Some(&wanted), &self.names)?;
        let differing = |field| before.get(field) != after.get(field);
        if differing("description") || differing("filters") {
            let update = UpdateCohort {
                name: None,
                description: differing("description").then_some(request.description),
                filters: differing("filters").then_some(request.filters),
            };
            library::update_cohort(self.transaction, &id.to_string(), update, self.change)?;
        }
        if differing("members") {
            let (added, removed) = (without(&wanted, &present), without(&present, &wanted));
            self.transaction.change_cohort_members(id, &added, &removed, self.change)?;
        }
        Ok(Done::updated(differences(&before, &after)))
    }

    fn holdout(&mut self, document: &Document) -> Result<Done> {
        let request = document.holdout(&self.names)?;
        let Some(id) = self.names.holdouts.id(&request.name)? else {
            let holdout = library::create_holdout(self.transaction, request, self.change)?;
            self.names.holdouts.insert(holdout.id, holdout.name);
            return Ok(Done::created());
        };
        let stored = self.transaction.holdout_named(&id.to_string())?;
        let before = describe::holdout(&stored, &self.names)?;
        let after = document::holdout(&request, &self.names)?;
        let changes = differences(&before, &after);
        if !changes.is_empty() {
            let differing = |field| before.get(field) != after.get(field);
            let update = UpdateHoldout {
                name: None,
                description: differing("description").then_some(request.description),
                filters: differing("filters").then_some(request.filters),
            };
            library::update_holdout(self.transaction, &id.to_string(), update, self.change)?;
        }
        Ok(Done::updated(changes))
    }

    fn saved_metric(&mut self, document: &Document) -> Result<Done> {
        let request = document.saved_metric(&self.names)?;
        let Some(id) = self.names.saved_metrics.id(&request.name)? else {
            let metric = library::create_saved_metric(self.transaction, request, self.change)?;
            self.names.saved_metrics.insert(metric.id, metric.name);
            return Ok(Done::created());
        };
        let stored = self.transaction.saved_metric_named(&id.to_string())?;
        let before = describe::saved_metric(&stored, &self.names)?;
        let after = document::saved_metric(&request, &self.names)?;
        let changes = differences(&before, &after);
        if !changes.is_empty() {
            let differing = |field| before.get(field) != after.get(field);
            let update = UpdateSavedMetric {
                name: None,
                description: differing("description").then_some(request.description),
                query: differing("query").then_some(request.query),
            };
            library::update_saved_metric(self.transaction, &id.to_string(), update, self.change)?;
        }
        Ok(Done::updated(changes))
    }

    fn flag(&mut self, document: &Document) -> Result<Done> {
        let key = document.key();
        if self.experiments.contains_key(key) {
            let message = format!("flag '{key}' belongs to an experiment");
            return Err(Error::invalid_field("key", "invalid_input", message)
                .hint("define it under `flag` in the document of the experiment"));
        }
        let existing = self.transaction.existing_flag(key)?;
        let Some(stored) = existing.map(|existing| existing.flag).filter(|flag| !flag.deleted) else {
            flags::create(self.transaction, document.flag(&self.names)?, self.change)?;
            return Ok(Done::created());
        };
        let before = describe::flag(&stored, &self.names)?;
        // What is there already needs no rule's consent.
        if before == document.fields {
            return Ok(Done::updated(Vec::new()));
        }
        let request = document.flag(&self.names)?;
        let after = document::flag(&request, &self.names)?;
        let changes = differences(&before, &after);
        if !changes.is_empty() {
            let update = UpdateFlag {
                key: None,
                name: Some(request.name),
                filters: (before.get("filters") != after.get("filters")).then_some(request.filters),
                rollout_percentage: Some(request.rollout_percentage),
                active: Some(request.active),
                deleted: None,
                ensure_experience_continuity: Some(request.ensure_experience_continuity),
            };
            flags::update(self.transaction, &request.key, update, self.change)?;
        }
        Ok(Done::updated(changes))
    }

    fn experiment(&mut self, document: &Document) -> Result<Done> {
        let Some(&id) = self.experiments.get(document.key()) else {
            let definition = document.experiment(&self.names)?;
            let surroundings = self.surroundings(&definition, &Value::Null)?;
            let who = self.change.who.as_deref();
            let new = lifecycle::define(definition, &surroundings, self.change.at, who)?;
            let (experiment, _) = self.transaction.insert_experiment(new, self.change)?;
            self.experiments.insert(experiment.feature_flag_key, experiment.id);
            return Ok(Done::created());
        };
        let stored = self.transaction.experiment(&id.to_string())?;
        let before = describe::stored_experiment(self.transaction, &stored, &self.names)?;
        // What is there already needs no rule's consent.
        if before == document.fields {
            return Ok(Done::updated(Vec::new()));
        }
        let definition = document.experiment(&self.names)?;
        self.redefine(&stored, &before, definition)
    }

    fn redefine(
        &mut self,
        stored: &Experiment,
        before: &Map<String, Value>,
        definition: ExperimentDefinition,
    ) -> Result<Done> {
        let flag = self.transaction.flag_of(stored)?;
        let surroundings = self.surroundings(&definition, &json!(flag.filters))?;
        let updated = lifecycle::redefine(stored, &flag, definition, &surroundings, self.change.at)?;
        let links = updated.links.as_deref();
        let saved_metrics = links.map_or_else(
            || describe::used_saved_metrics(stored),
            |links| links.iter().map(|link| (link.saved_metric, link.metadata.clone())).collect(),
        );
        let holdout = surroundings.holdout.as_ref();
        let after = describe::experiment(&updated.experiment, &updated.flag, saved_metrics, holdout, &self.names)?;
        let changes = differences(before, &after);
        if !changes.is_empty() {
            self.transaction.update_flag(&updated.flag, self.change)?;
            self.transaction.update_experiment(&updated.experiment, links, self.change)?;
        }
        Ok(Done::updated(changes))
    }

    fn surroundings(&self, definition: &ExperimentDefinition, present: &Value) -> Result<Surroundings> {
        let request = &definition.request;
        let holdout = request.holdout_id.map(|id| self.transaction.holdout(id)).transpose()?.flatten();
        // The names have been found, so the numbers exist.
        let ids = request.saved_metrics_ids.iter().flatten().filter_map(|link| link.get("id")?.as_i64());
        Ok(Surroundings {
            flag: self.transaction.existing_flag(&request.feature_flag_key)?,
            holdout,
            saved_metrics: ids.collect(),
            cohorts: named_cohorts(self.transaction, &json!([definition.flag.filters, present]))?,
        })
    }

    fn settings(&mut self, document: &Document) -> Result<Done> {
        let wanted = document.settings(&self.names)?;
        let before = document::settings(&self.transaction.settings()?, &self.names)?;
        let after = document::settings(&wanted, &self.names)?;
        let changes = differences(&before, &after);
        if !changes.is_empty() {
            super::set_settings(self.transaction, &wanted, self.change)?;
        }
        Ok(Done::updated(changes))
    }

    fn note_refusal(&mut self, document: &Document) {
        let name = document.key().to_owned();
        match document.kind {
            DocumentKind::Cohort => self.names.cohorts.refuse(name),
            DocumentKind::Holdout => self.names.holdouts.refuse(name),
            DocumentKind::SavedMetric => self.names.saved_metrics.refuse(name),
            DocumentKind::Flag | DocumentKind::Experiment | DocumentKind::Settings => {}
        }
    }
}

/// The order in which documents are applied: what is referred to comes first, cohorts that others name before those.
fn order(documents: &[Document]) -> Vec<usize> {
    let of_kind = |kind: DocumentKind| (0..documents.len()).filter(move |index| documents[*index].kind == kind);
    let cohorts: Vec<usize> = of_kind(DocumentKind::Cohort).collect();
    let others = DocumentKind::ALL.into_iter().filter(|kind| *kind != DocumentKind::Cohort).flat_map(of_kind);
    cohort_order(documents, &cohorts).into_iter().chain(others).collect()
}

/// Cohorts after those they name. Those that name each other in a circle come last, and are refused unless they exist.
fn cohort_order(documents: &[Document], cohorts: &[usize]) -> Vec<usize> {
    let by_name: HashMap<&str, usize> = cohorts.iter().rev().map(|index| (documents[*index].key(), *index)).collect();
    let mut waiting: HashMap<usize, usize> = HashMap::new();
    let mut followers: HashMap<usize, Vec<usize>> = HashMap::new();
    for index in cohorts {
        let named = document::referred_cohorts(&documents[*index].fields);
        let named: HashSet<usize> = named.iter().filter_map(|name| by_name.get(name.as_str()).copied()).collect();
        waiting.insert(*index, named.len());
        for one in named {
            followers.entry(one).or_default().push(*index);
        }
    }
    let mut ready: Vec<usize> = cohorts.iter().rev().copied().filter(|index| waiting[index] == 0).collect();
    let mut ordered = Vec::new();
    while let Some(index) = ready.pop() {
        ordered.push(index);
        for follower in followers.get(&index).into_iter().flatten().rev() {
            if let Some(count) = waiting.get_mut(follower) {
                *count -= 1;
                if *count == 0 {
                    ready.push(*follower);
                }
            }
        }
    }
    let placed: HashSet<usize> = ordered.iter().copied().collect();
    ordered.extend(cohorts.iter().filter(|index| !placed.contains(index)));
    ordered
}

/// What one list has and another has not.
fn without(one: &[String], other: &[String]) -> Vec<String> {
    let other: HashSet<&String> = other.iter().collect();
    one.iter().filter(|member| !other.contains(member)).cloned().collect()
}

fn given_twice(document: &Document, first: &Document) -> Error {
    let field = document.kind.key_field().unwrap_or("kind");
    let message = format!("{} '{}' is defined twice", document.kind, document.key());
    let error = Error::invalid_field(field, "unique", message);
    match first.place(Some(field)) {
        Some(place) => error.hint(format!("the other definition is at {place}")),
        None => error,
    }
}

/// Whether a document is at fault, rather than the lab.
fn is_refusal(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::NotFound { .. }
        | ErrorKind::Invalid { .. }
        | ErrorKind::NotAllowed { .. }
        | ErrorKind::NotReady { .. } => true,
        ErrorKind::Busy { .. }
        | ErrorKind::Schema { .. }
        | ErrorKind::Query { .. }
        | ErrorKind::Storage { .. }
        | ErrorKind::Io { .. }
        | ErrorKind::Interrupted
        | ErrorKind::Bug { .. } => false,
    }
}

/// The error with its field called as in documents.
fn in_document(document: &Document, error: Error) -> Error {
    let ErrorKind::Invalid { field: Some(field), code, message } = error.kind() else { return error };
    let renamed = match (document.kind, field.as_str()) {
        (DocumentKind::Experiment, "holdout_id") => "holdout",
        (DocumentKind::Experiment, "saved_metrics_ids") => "saved_metrics",
        (DocumentKind::Experiment, "key") => "feature_flag_key",
        (_, field) => field,
    };
    error.hints().iter().cloned().fold(Error::invalid_field(renamed, code, message), Error::hint)
}
