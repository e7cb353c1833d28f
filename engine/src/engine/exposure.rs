//! Who was exposed, who belongs to a cohort, and whether a flag is in the events yet.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Engine, library_naming};
use crate::backend;
use crate::error::Result;
use crate::lifecycle;
use crate::model::cohort::Cohort;
use crate::model::experiment::Experiment;
use crate::plan::{self, CohortCondition};
use crate::results::{CohortMember, ExposedPerson};

impl Engine {
    /// Hands over who was exposed to an experiment, by the definition its results use (B-27): piece by piece, ordered by
    /// first exposure, person and variant. Returns their number.
    ///
    /// The persons of a variant are its `absolute_exposure` in the result of a trend; with an exposure of the experiment's
    /// own, the sum of their `exposures` is.
    ///
    /// # Errors
    /// As [`Engine::results`], and whatever `each` returns.
    pub fn exposures(
        &mut self,
        key: &str,
        as_of: Timestamp,
        each: &mut dyn FnMut(&[ExposedPerson]) -> Result<()>,
    ) -> Result<u64> {
        let definition = self.definition(key)?;
        let plan = plan::exposures(&definition.experiment, &definition.flag, &definition.library, as_of)?;
        let (reader, _) = self.reader(&format!("exposures of {key}"))?;
        backend::exposures(&plan, &reader, &self.interrupt, each)
    }

    /// Creates the cohort of the people exposed to an experiment, and links it (L-50 to L-55).
    ///
    /// # Errors
    /// `NotFound`; `NotReady` for a draft; `NotAllowed` when the experiment has such a cohort; `Invalid` when its own
    /// exposure is malformed.
    pub fn create_exposure_cohort(&mut self, key: &str, now: Timestamp, by: Option<&str>) -> Result<Cohort> {
        self.change("create exposure cohort", now, by, |transaction, change| {
            let experiment = transaction.experiment(key)?;
            let cohort = lifecycle::create_exposure_cohort(&experiment, now, by)?;
            let cohort = transaction.insert_cohort(cohort, change)?;
            let linked = Experiment { exposure_cohort: Some(cohort.id), updated_at: now, ..experiment };
            transaction.update_experiment(&linked, None, change)?;
            Ok(cohort)
        })
    }

    /// The members of a cohort at a moment, by the store's number of the person.
    ///
    /// The people exposed to an experiment are those its results count (B-27), unless `as_defined` asks for what the
    /// cohort's own filters say, as the reference does (L-54).
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when the filters are not supported; as [`Engine::exposures`]; `Busy`; `Interrupted`.
    pub fn members_of_cohort(&mut self, key: &str, as_defined: bool, now: Timestamp) -> Result<Vec<CohortMember>> {
        let snapshot = self.catalog.snapshot()?;
        let cohort = snapshot.cohort_named(key)?;
        if cohort.is_static {
            let condition = CohortCondition::Listed(snapshot.cohort_members(cohort.id)?);
            drop(snapshot);
            let (reader, _) = self.reader("list the members of a cohort")?;
            return backend::cohort_members(&condition, &reader, &self.interrupt);
        }
        drop(snapshot);
        let Some(experiment) = cohort.experiment_set.first().filter(|_| !as_defined) else {
            return self.cohort_members(&cohort.filters, now);
        };
        let mut members = BTreeMap::new();
        self.exposures(&experiment.to_string(), now, &mut |exposed| {
            for person in exposed {
                members.entry(person.person_id).or_insert_with(|| person.distinct_id.clone());
            }
            Ok(())
        })?;
        Ok(members.into_iter().map(|(person_id, distinct_id)| CohortMember { person_id, distinct_id }).collect())
    }

    /// The members that a cohort with these `filters` has at a moment (L-54, Q-P18).
    ///
    /// # Errors
    /// `Invalid` when the filters are malformed or not supported; `Busy`; `Interrupted`.
    pub fn cohort_members(&mut self, filters: &Map<String, Value>, now: Timestamp) -> Result<Vec<CohortMember>> {
        let library = library_naming(&self.catalog.snapshot()?, &json!(filters))?;
        let condition = plan::cohort_members(filters, &library, now)?;
        let (reader, _) = self.reader("list the members of a cohort")?;
        backend::cohort_members(&condition, &reader, &self.interrupt)
    }

    /// Whether the events of a metric in the legacy form carry no flag yet, in the seven days up to `now`, so that the flag
    /// still needs to be implemented (Q-W1 to Q-W3). Without a flag key, any flag counts.
    ///
    /// # Errors
    /// `Invalid` when the entities of the metric cannot be read; `Busy`; `Interrupted`.
    pub fn requires_flag_implementation(
        &mut self,
        filters: &Map<String, Value>,
        flag_key: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let actions = self.catalog.snapshot()?.actions()?;
        let question = plan::requires_flag_implementation(filters, flag_key, &actions, now)?;
        let (reader, _) = self.reader("look for a flag in the events")?;
        backend::requires_flag_implementation(&question, &reader, &self.interrupt)
    }
}
