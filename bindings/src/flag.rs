//! Evaluating flags, those of a lab and others.

use std::collections::BTreeMap;

use ::arrow::array::RecordBatch;
use abduck::assignment::{
    CohortDefinition, Evaluator, KnownSubject, Layout, Properties, References, Subject, evaluate_batch,
    evaluation_schema,
};
use abduck::model::flag::FeatureFlag;
use abduck::{Error, Interrupt};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use serde::Deserialize;
use serde_json::Value;

use crate::arrow;
use crate::errors::exception;
use crate::lab::{json, read};
use crate::moment::moment;
use crate::wait::wait;

/// A flag and what its definition refers to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    flag: Value,
    group_types: BTreeMap<u8, String>,
    /// Definitions of dynamic cohorts; of static ones, whether the person is listed.
    cohorts: BTreeMap<i64, Value>,
    now: Option<String>,
}

/// What is known of whoever the flag is evaluated for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    pub(crate) distinct_id: String,
    person_properties: Properties,
    pub(crate) groups: BTreeMap<String, String>,
    group_properties: BTreeMap<String, Properties>,
    hash_key_override: Option<String>,
}

/// The answers of a flag for the rows of a frame.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct Evaluations {
    batches: Vec<RecordBatch>,
}

#[pymethods]
impl Evaluations {
    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        arrow::stream(py, Ok(evaluation_schema()), self.batches.clone())
    }
}

/// A flag's answer for one person as JSON; `null` when it is switched off.
#[pyfunction]
pub(crate) fn evaluate_flag(py: Python<'_>, question: &str, person: &str) -> PyResult<String> {
    let question: Question = read(py, "flag", question)?;
    let person: Known = read(py, "person", person)?;
    let static_cohorts = question.listed();
    let evaluator = question.evaluator().map_err(|error| exception(py, &error))?;
    person.evaluate(&evaluator, &static_cohorts)
}

/// A flag's answers for the rows of a frame.
#[pyfunction]
pub(crate) fn evaluate_flag_frame(
    question: &str,
    frame: &Bound<'_, PyAny>,
    id_column: String,
) -> PyResult<Evaluations> {
    let py = frame.py();
    let question: Question = read(py, "flag", question)?;
    let evaluator = question.evaluator().map_err(|error| exception(py, &error))?;
    evaluate_rows(&evaluator, frame, id_column)
}

/// The answers of a flag for the rows of a frame, batch by batch.
pub(crate) fn evaluate_rows(
    evaluator: &Evaluator,
    frame: &Bound<'_, PyAny>,
    id_column: String,
) -> PyResult<Evaluations> {
    let group_column = evaluator.group_type().map(|name| format!("group:{name}"));
    let layout = Layout { id_column, group_column };
    let rows = arrow::reader(frame)?;
    let interrupt = Interrupt::new();
    let evaluate = |_: &mut dyn FnMut(())| {
        let evaluated = rows.map(|batch| {
            interrupt.check()?;
            let batch = batch.map_err(|error| Error::schema(format!("the Arrow stream broke off: {error}")))?;
            evaluate_batch(evaluator, &batch, &layout)
        });
        evaluated.collect::<abduck::Result<Vec<_>>>()
    };
    wait(frame.py(), &interrupt, evaluate, |_, ()| Ok(())).map(|batches| Evaluations { batches })
}

impl Known {
    /// A lab's flag's answer as JSON, with what the lab knows where nothing is given.
    pub(crate) fn evaluate_on(self, evaluator: &Evaluator, mut known: KnownSubject) -> PyResult<String> {
        known.person_properties.extend(self.person_properties);
        for (group_type, properties) in self.group_properties {
            known.group_properties.entry(group_type).or_default().extend(properties);
        }
        known.hash_key_override = self.hash_key_override.or(known.hash_key_override);
        json(&evaluator.evaluate(&known.subject(&self.distinct_id)))
    }

    /// A flag's answer as JSON; `null` when it is switched off. `static_cohorts` are those that list the person.
    fn evaluate(&self, evaluator: &Evaluator, static_cohorts: &[i64]) -> PyResult<String> {
        let evaluation = evaluator.evaluate(&Subject {
            distinct_id: &self.distinct_id,
            person_properties: Some(&self.person_properties),
            groups: Some(&self.groups),
            group_properties: Some(&self.group_properties),
            hash_key_override: self.hash_key_override.as_deref(),
            static_cohorts,
        });
        json(&evaluation)
    }
}

impl Question {
    fn evaluator(self) -> abduck::Result<Evaluator> {
        let cohort = |(id, definition): (i64, Value)| {
            let definition = match definition {
                Value::Bool(_) => CohortDefinition { name: id.to_string(), properties: None },
                definition => CohortDefinition::from_json(id, &definition)?,
            };
            Ok((id, definition))
        };
        let references = References {
            group_types: self.group_types,
            cohorts: self.cohorts.into_iter().map(cohort).collect::<abduck::Result<_>>()?,
            now: Some(moment(self.now.as_deref())?),
        };
        Evaluator::new(&FeatureFlag::from_json(self.flag)?, &references)
    }

    /// The static cohorts that list the person.
    fn listed(&self) -> Vec<i64> {
        self.cohorts.iter().filter(|(_, cohort)| **cohort == Value::Bool(true)).map(|(id, _)| *id).collect()
    }
}
