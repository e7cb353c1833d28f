//! Why a plain query says something else: from its count to the reported one, as the caller is told of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::results::{ExperimentSummary, FORMAT_VERSION, Provenance};
use crate::stats::{ReconcileRule, ReconcileStep};

/// The way from the naive count of a modern metric to the reported one, rule by rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// What it was computed from.
    pub provenance: Provenance,
    /// The metric's definition.
    pub metric: Value,
    /// The steps; the first is the naive count, the last the result.
    pub steps: Vec<ReconcileStep>,
}

/// One row of a reconciliation, flat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReconciliationRow<'a> {
    /// The rule.
    pub rule: ReconcileRule,
    /// What it does, in words.
    pub description: &'static str,
    /// The units whose contribution it changed, in all variants together.
    pub changed_units: u64,
    /// The variant.
    pub variant: &'a str,
    /// The units of the variant once it is applied.
    pub units: u64,
    /// The sum of their values.
    pub sum: f64,
    /// The sum of what the values are divided by.
    pub denominator_sum: f64,
}

impl Reconciliation {
    /// Puts steps into their outward form.
    #[must_use]
    pub fn new(
        experiment: ExperimentSummary,
        provenance: Provenance,
        metric: Value,
        steps: Vec<ReconcileStep>,
    ) -> Self {
        Self { format_version: FORMAT_VERSION, experiment, provenance, metric, steps }
    }

    /// The JSON Schema (2020-12) of a reconciliation.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// The rows: one per rule and variant.
    #[must_use]
    pub fn rows(&self) -> Vec<ReconciliationRow<'_>> {
        let rows = |step: &'_ ReconcileStep| {
            let (rule, changed_units) = (step.rule, step.changed_units);
            move |sum| row(rule, changed_units, sum)
        };
        self.steps.iter().flat_map(|step| step.variants.iter().map(rows(step))).collect()
    }
}

fn row(rule: ReconcileRule, changed_units: u64, sum: &crate::stats::VariantSum) -> ReconciliationRow<'_> {
    ReconciliationRow {
        rule,
        description: rule.description(),
        changed_units,
        variant: &sum.variant,
        units: sum.units,
        sum: sum.sum,
        denominator_sum: sum.denominator_sum,
    }
}
