//! How often an experiment's tests are wrong on its own data, as the caller is told.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::ExperimentSummary;
use crate::stats::calibration::MethodCalibration;

/// How often the tests of a metric are wrong when the lab's own units are put into two variants at random.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment whose units they are.
    pub experiment: ExperimentSummary,
    /// The moment it holds for.
    pub as_of: Timestamp,
    /// The metric's definition.
    pub metric: Value,
    /// The number of units.
    pub units: u64,
    /// The value of the metric over all of them.
    pub value: f64,
    /// How often they were put into two variants.
    pub rounds: u32,
    /// The relative effect that was planted to see how often it is found.
    pub lift: f64,
    /// The two-sided error rate that the tests promise.
    pub alpha: f64,
    /// What came out, per method.
    pub methods: Vec<MethodCalibration>,
}

impl Calibration {
    /// The JSON Schema (2020-12) of a calibration.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }
}
