//! The result of a secondary metric.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::ExperimentResult;

/// The result of a secondary metric of an experiment: one number per variant, and the counts and the judgement behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondaryResult {
    /// Which metric.
    pub metric: SecondaryMetricSummary,
    /// The number of each variant that has data: events of a trend, the share of persons that completed a funnel.
    pub values: IndexMap<String, f64>,
    /// The counts and the judgement, as for a primary metric.
    pub result: ExperimentResult,
}

/// Which secondary metric a result belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondaryMetricSummary {
    /// Its place among the experiment's secondary metrics, from 0.
    pub index: usize,
    /// Its name; empty when the definition gives none.
    pub name: String,
}

impl SecondaryResult {
    /// The JSON Schema (2020-12) of a secondary result.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }
}
