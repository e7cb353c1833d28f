//! The result of any of an experiment's metrics.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::metric_list::MetricEntry;
use crate::results::ExperimentResult;

/// The result of one of an experiment's metrics: one number per variant, and the counts and the judgement behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedResult {
    /// Which metric.
    pub metric: MetricEntry,
    /// The number of each variant that has data: what a trend counts, the share of persons that completed a funnel.
    pub values: IndexMap<String, f64>,
    /// The counts and the judgement.
    pub result: ExperimentResult,
}

impl ListedResult {
    /// The JSON Schema (2020-12) of the result of a listed metric.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }
}
