//! Flags of their own, and flags as the other side of an experiment.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Engine;
use crate::assignment::{Evaluator, KnownSubject, Properties, References};
use crate::catalog::{Change, Snapshot, Transaction};
use crate::error::{Error, Result};
use crate::lifecycle;
use crate::model::cohort::Cohort;
use crate::model::flag::{CreateFlag, FeatureFlag, UpdateFlag};

/// How many group types events can have.
const GROUP_TYPES: u8 = 5;

/// Creates a flag.
pub(super) fn create(transaction: &mut Transaction<'_>, request: CreateFlag, change: &Change) -> Result<FeatureFlag> {
    let existing = transaction.existing_flag(&request.key)?;
    let cohorts = named_cohorts(transaction, &json!(request.filters))?;
    let new = lifecycle::create_flag(request, existing.as_ref(), &cohorts, change.at, change.who.as_deref())?;
    transaction.insert_flag(new, change)
}

/// Changes a flag, and its experiments with it (L-19).
pub(super) fn update(
    transaction: &mut Transaction<'_>,
    key: &str,
    request: UpdateFlag,
    change: &Change,
) -> Result<FeatureFlag> {
    let flag = transaction.flag(key)?;
    let experiments = transaction.experiments_of_flag(&flag)?;
    let wanted = request.key.as_deref().unwrap_or(key);
    let existing = transaction.existing_flag(wanted)?;
    let cohorts = named_cohorts(transaction, &json!(request.filters))?;
    let updated = lifecycle::update_flag(&flag, &experiments, request, existing.as_ref(), &cohorts, change.at)?;
    if let Some(replaced) = updated.replaces {
        transaction.remove_flag(replaced, change)?;
    }
    transaction.update_flag(&updated.flag, change)?;
    for experiment in &updated.experiments {
        transaction.update_experiment(experiment, None, change)?;
    }
    Ok(updated.flag)
}

/// The cohorts that conditions name, and those that these name in turn.
pub(super) fn named_cohorts(snapshot: &Snapshot<'_>, conditions: &Value) -> Result<Vec<Cohort>> {
    let mut cohorts: Vec<Cohort> = Vec::new();
    let mut seen = HashSet::new();
    let mut ahead = lifecycle::named_cohorts(conditions);
    while let Some(id) = ahead.pop() {
        if let Some(cohort) = seen.insert(id).then(|| snapshot.cohort(id)).transpose()?.flatten() {
            ahead.extend(lifecycle::named_cohorts(&Value::Object(cohort.filters.clone())));
            cohorts.push(cohort);
        }
    }
    Ok(cohorts)
}

/// What flags of a lab refer to. Its group types are named by their numbers.
pub(super) fn references(snapshot: &Snapshot<'_>, now: Timestamp) -> Result<References> {
    let cohorts = snapshot.cohorts()?;
    Ok(References {
        group_types: (0..GROUP_TYPES).map(|index| (index, index.to_string())).collect(),
        cohorts: cohorts.iter().map(|cohort| (cohort.id, cohort.into())).collect(),
        now: Some(now),
    })
}

impl Engine {
    /// All flags, deleted ones included, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn flags(&mut self) -> Result<Vec<FeatureFlag>> {
        self.catalog.snapshot()?.flags()
    }

    /// The flag with a key: the live one, else the newest deleted one.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn flag(&mut self, key: &str) -> Result<FeatureFlag> {
        self.catalog.snapshot()?.flag(key)
    }

    /// Creates a flag without an experiment (V-20 to V-28).
    ///
    /// # Errors
    /// `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn create_flag(&mut self, request: CreateFlag, now: Timestamp, by: Option<&str>) -> Result<FeatureFlag> {
        self.change("create", now, by, |transaction, change| create(transaction, request, change))
    }

    /// Changes a flag; its experiments follow (L-19). Deleting it leaves them (L-22).
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the request breaks a rule; nothing has changed then.
    pub fn update_flag(
        &mut self,
        key: &str,
        request: UpdateFlag,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<FeatureFlag> {
        self.change("update", now, by, |transaction, change| update(transaction, key, request, change))
    }

    /// Deletes a flag, or restores a deleted one; its experiments keep it (L-22).
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when another live flag has the key of one to be restored.
    pub fn delete_flag(&mut self, key: &str, deleted: bool, now: Timestamp, by: Option<&str>) -> Result<FeatureFlag> {
        let request = UpdateFlag { deleted: Some(deleted), ..UpdateFlag::default() };
        let operation = if deleted { "delete" } else { "restore" };
        self.change(operation, now, by, |transaction, change| update(transaction, key, request, change))
    }

    /// A flag, ready to be evaluated for any number of subjects. Group types go by the names that events gave them, else by
    /// their numbers, `0` to `4`; `now` is the moment from which relative dates are counted.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the flag cannot be evaluated; `Busy` when it splits groups and somebody else holds the lab.
    pub fn flag_evaluator(&mut self, key: &str, now: Timestamp) -> Result<Evaluator> {
        let snapshot = self.catalog.snapshot()?;
        let flag = snapshot.flag(key)?;
        let cohorts = snapshot.cohorts()?.iter().map(|cohort| (cohort.id, cohort.into())).collect();
        drop(snapshot);
        let mut group_types: BTreeMap<u8, String> = (0..GROUP_TYPES).map(|index| (index, index.to_string())).collect();
        if flag.filters.aggregation_group_type_index.is_some() {
            let known = self.reader("evaluate a flag")?.0.group_types()?;
            group_types.extend(known.into_iter().map(|group_type| (group_type.index, group_type.name)));
        }
        Evaluator::new(&flag, &References { group_types, cohorts, now: Some(now) })
    }

    /// A flag, ready to be evaluated for rows of a table.
    ///
    /// Who is in a static cohort differs from row to row, which rows do not say; a flag that asks for it is refused rather
    /// than answered as if nobody were.
    ///
    /// # Errors
    /// As [`Engine::flag_evaluator`]; `Invalid` (code `unsupported`) when the flag asks who is in a static cohort.
    pub fn flag_evaluator_for_rows(&mut self, key: &str, now: Timestamp) -> Result<Evaluator> {
        let evaluator = self.flag_evaluator(key, now)?;
        let snapshot = self.catalog.snapshot()?;
        let dynamic = snapshot.cohorts()?.into_iter().filter(|cohort| !cohort.is_static);
        let cohorts = dynamic.map(|cohort| (cohort.id, (&cohort).into())).collect();
        let references = References { cohorts, now: Some(now), ..References::default() };
        // What it names besides dynamic cohorts, directly or through them, are static ones.
        match Evaluator::new(&snapshot.flag(key)?, &references) {
            Err(error) if error.code() == "cohort_does_not_exist" => {
                let message = format!("flag '{key}' asks who is in a static cohort, which cannot be told for rows");
                Err(Error::invalid_field("filters", "unsupported", message).hint("evaluate one id at a time"))
            }
            _ => Ok(evaluator),
        }
    }

    /// What the lab knows of somebody whom a flag is to be evaluated for: properties, static cohorts, the id that was kept.
    /// Nothing is looked up that the flag does not ask for; who is not known has nothing. `groups` name their types, by name
    /// or by number.
    ///
    /// # Errors
    /// `NotFound` for the flag; `Busy` when somebody else holds the lab; `Storage`.
    pub fn known_subject(
        &mut self,
        flag_key: &str,
        distinct_id: &str,
        mut groups: BTreeMap<String, String>,
    ) -> Result<KnownSubject> {
        let flag = self.flag(flag_key)?;
        if !asks_for_more_than_an_id(&flag) {
            return Ok(KnownSubject { groups, ..KnownSubject::default() });
        }
        let (reader, _) = self.reader("evaluate a flag")?;
        for group_type in reader.group_types()? {
            if let Some(group_key) = groups.remove(&group_type.index.to_string()) {
                groups.insert(group_type.name, group_key);
            }
        }
        let person = reader.person(distinct_id)?;
        let mut group_properties = BTreeMap::new();
        for (group_type, group_key) in &groups {
            if let Some(group) = reader.group(group_type, group_key)? {
                group_properties.insert(group_type.clone(), group.properties);
            }
        }
        drop(reader);
        let (names, person_properties) = match person {
            Some(person) => (person.distinct_ids, person.properties),
            None => (vec![distinct_id.to_owned()], Properties::new()),
        };
        let snapshot = self.catalog.snapshot()?;
        let kept = if flag.ensure_experience_continuity { snapshot.hash_key_override(&flag, &names)? } else { None };
        let static_cohorts = snapshot.static_cohorts_of(&names)?;
        Ok(KnownSubject { person_properties, groups, group_properties, hash_key_override: kept, static_cohorts })
    }

    /// Keeps an id for a person and a flag with experience continuity, such as the one the person had before signing in;
    /// the first one written stays (F-15). Returns the one that holds.
    ///
    /// # Errors
    /// `NotFound`; `NotAllowed` for a flag without experience continuity; `Busy`; `Storage`.
    pub fn keep_hash_key(
        &mut self,
        flag_key: &str,
        distinct_id: &str,
        hash_key: &str,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<String> {
        let person = self.reader("keep an id")?.0.person(distinct_id)?;
        let mut names = vec![distinct_id.to_owned()];
        names.extend(person.into_iter().flat_map(|person| person.distinct_ids).filter(|name| name != distinct_id));
        self.change("keep id", now, by, |transaction, change| {
            let flag = transaction.flag(flag_key)?;
            if !flag.ensure_experience_continuity {
                let message = format!("the flag '{flag_key}' does not keep ids over a sign-in");
                return Err(Error::not_allowed(message)
                    .hint("switch ensure_experience_continuity on: `abduck flag update KEY`"));
            }
            transaction.keep_hash_key(&flag, &names, hash_key, change)
        })
    }
}

/// Whether the answer can depend on anything but the id and the groups' keys.
fn asks_for_more_than_an_id(flag: &FeatureFlag) -> bool {
    let groups = flag.groups();
    let mut conditions = groups.iter().chain(flag.filters.super_groups.iter().flatten());
    let splits_groups = flag.filters.aggregation_group_type_index.is_some();
    splits_groups || flag.ensure_experience_continuity || conditions.any(|group| !group.properties.is_empty())
}
