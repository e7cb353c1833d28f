//! What is believed about differences, as the caller is told of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::{ExperimentSummary, FORMAT_VERSION, Provenance};
use crate::stats::comparison::{BelievedCurve, BelievedDifference};

/// The posteriors of a modern metric's differences to the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DifferencePosteriors {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// What they were computed from.
    pub provenance: Provenance,
    /// The metric's definition.
    pub metric: Value,
    /// Its type, such as `mean` or `funnel`.
    pub metric_type: String,
    /// The variants but the baseline; those that lack something are not in it.
    pub variants: Vec<DifferencePosterior>,
}

/// The posterior of a variant's value minus the baseline's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DifferencePosterior {
    /// The variant's key.
    pub variant: String,
    /// Its probability and intervals.
    pub believed: BelievedDifference,
    /// The density at values of the difference, from the quantile 0.001 to 0.999: pairs of value and density.
    pub density: Vec<[f64; 2]>,
}

impl DifferencePosteriors {
    /// Puts posteriors into their outward form.
    #[must_use]
    pub fn new(
        experiment: ExperimentSummary,
        provenance: Provenance,
        (metric, metric_type): (Value, String),
        curves: Vec<BelievedCurve>,
    ) -> Self {
        let variant = |curve: BelievedCurve| DifferencePosterior {
            variant: curve.variant,
            believed: curve.believed,
            density: curve.density.into_iter().map(|(value, density)| [value, density]).collect(),
        };
        let variants = curves.into_iter().map(variant).collect();
        Self { format_version: FORMAT_VERSION, experiment, provenance, metric, metric_type, variants }
    }

    /// The JSON Schema (2020-12) of the posteriors.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }
}
