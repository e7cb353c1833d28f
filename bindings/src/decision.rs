//! What to do with an experiment.

use ::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use ::arrow::error::ArrowError;
use abduck::report;
use abduck::results::ExperimentDecision;
use abduck::stats::decision::{DecisionRole, Reason};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::sync::Arc;

use crate::lab::json;
use crate::modern::{export, read};

/// A decision and its reasons.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct Decision {
    pub(crate) decision: ExperimentDecision,
}

#[pymethods]
impl Decision {
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        read(py, "a decision", text).map(|decision| Self { decision })
    }

    #[getter]
    fn verdict(&self) -> String {
        report::decision_verdict(&self.decision)
    }

    fn to_json(&self) -> PyResult<String> {
        json(&self.decision)
    }

    fn rows_json(&self) -> PyResult<String> {
        json(&self.decision.rows())
    }

    fn to_text(&self) -> String {
        report::decision(&self.decision, None)
    }

    fn html(&self) -> String {
        report::decision_html(&self.decision)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Another schema is a wish that a producer may ignore.
        drop(requested_schema);
        export(py, batch(self.decision.rows()))
    }
}

fn batch(reasons: &[Reason]) -> Result<RecordBatch, ArrowError> {
    let texts = |text: fn(&Reason) -> &str| -> ArrayRef {
        Arc::new(reasons.iter().map(|reason| Some(text(reason))).collect::<StringArray>())
    };
    let numbers = |number: fn(&Reason) -> Option<f64>| -> ArrayRef {
        Arc::new(reasons.iter().map(number).collect::<Float64Array>())
    };
    let optional_texts =
        |text: fn(&Reason) -> Option<&str>| -> ArrayRef { Arc::new(reasons.iter().map(text).collect::<StringArray>()) };
    let margin = |reason: &Reason| match reason.role {
        DecisionRole::Guardrail { margin } => Some(margin),
        DecisionRole::Primary | DecisionRole::Secondary => None,
    };
    RecordBatch::try_from_iter_with_nullable([
        ("metric", texts(|reason| reason.metric.as_str()), false),
        ("role", texts(|reason| reason.role.as_str()), false),
        ("margin", numbers(margin), true),
        ("variant", texts(|reason| reason.variant.as_str()), false),
        ("finding", texts(|reason| reason.finding.as_str()), false),
        ("adjusted_p_value", numbers(|reason| reason.adjusted_p_value), true),
        ("relative_interval_lower", numbers(|reason| reason.relative_interval.map(|[lower, _]| lower)), true),
        ("relative_interval_upper", numbers(|reason| reason.relative_interval.map(|[_, upper]| upper)), true),
        ("undecided", optional_texts(|reason| reason.undecided.as_deref()), true),
    ])
}
