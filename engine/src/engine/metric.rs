//! Modern metrics: those of an experiment, and any that is tried out on it.

use serde_json::{Map, Value};

use super::{Defined, Engine, ResultsRequest};
use crate::error::Result;
use crate::model::experiment_metric::ExperimentMetric;
use crate::plan::{self, MetricRole, Plan};
use crate::results::ExperimentResult;

impl Engine {
    /// The result of a modern metric on an experiment. The metric need not be stored anywhere, and the result is not kept:
    /// it is a question, no part of the experiment's history.
    ///
    /// # Errors
    /// `NotFound`; `NotReady` for a draft; `Invalid` when the metric or the exposure criteria are wrong; `Busy`;
    /// `Interrupted`.
    pub fn try_metric(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        request: &ResultsRequest,
    ) -> Result<ExperimentResult> {
        let (definition, plan) = self.unit_plan(key, metric, request.as_of)?;
        let (result, _) =
            self.answer(key, &definition, Defined { definition: metric, metric: None }, &plan, request)?;
        self.warned(result)
    }

    /// What a modern metric on an experiment computes.
    pub(super) fn unit_plan(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        as_of: jiff::Timestamp,
    ) -> Result<(super::Definition, Plan)> {
        let definition = self.definition_with(key, metric)?;
        let parsed = ExperimentMetric::parse(metric, "metric")?;
        let super::Definition { experiment, flag, library } = &definition;
        let plan = plan::compile_metric(&parsed, MetricRole::Primary, experiment, flag, library, as_of)?;
        Ok((definition, plan))
    }
}
