//! What to do with an experiment, as the caller is told.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::{ExperimentSummary, FORMAT_VERSION};
use crate::stats::decision::{Decision, Reason};
use crate::stats::mismatch::SampleRatio;

/// What to do with an experiment, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentDecision {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// The moment it holds for.
    pub as_of: Timestamp,
    /// The decision.
    pub decision: Decision,
    /// Whether the variants have as many units as the split says.
    pub sample_ratio: Option<SampleRatio>,
    /// Metrics that have no part in it, because only modern ones have answers that hold at any look.
    pub ignored_metrics: Vec<String>,
}

impl ExperimentDecision {
    /// Puts a decision into its outward form.
    #[must_use]
    pub fn new(
        experiment: ExperimentSummary,
        as_of: Timestamp,
        decision: Decision,
        sample_ratio: Option<SampleRatio>,
        ignored_metrics: Vec<String>,
    ) -> Self {
        Self { format_version: FORMAT_VERSION, experiment, as_of, decision, sample_ratio, ignored_metrics }
    }

    /// The JSON Schema (2020-12) of a decision.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// The reasons, one row each.
    #[must_use]
    pub fn rows(&self) -> &[Reason] {
        &self.decision.reasons
    }
}
