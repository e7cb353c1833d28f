//! One unit, event by event, as the caller is told of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::results::ListedUnit;

/// Which event of a unit matched what, and why others did not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitExplanation {
    /// The unit, as it was asked for.
    pub unit: String,
    /// What became of it; null when it was not exposed, so that it is in no metric (M-4).
    pub result: Option<ListedUnit>,
    /// The steps of a funnel in order, the exposure first; empty for other metrics.
    pub steps: Vec<ExplainedStep>,
    /// Its events in the time that the metric looks at, in their order.
    pub events: Vec<ExplainedEvent>,
}

/// An event of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainedEvent {
    /// When.
    pub timestamp: Timestamp,
    /// Its name; of a row of a table, the table's.
    pub event: String,
    /// What it matched, such as `exposure to test` or `step 2`; empty when the metric does not look at it.
    pub matched: Vec<String>,
    /// What it counts for, or why it does not.
    pub verdict: String,
}

/// A step of a funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainedStep {
    /// The number of the step; 0 is the exposure.
    pub step: usize,
    /// When the event happened that filled it; null when it was not reached.
    pub filled_at: Option<Timestamp>,
    /// Why it was not reached; null when it was.
    pub missing_because: Option<String>,
}
