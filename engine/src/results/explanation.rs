//! How a result comes about.

use serde::Serialize;

use crate::plan::Plan;
use crate::sql::{Purpose, Query};
use crate::stats::Measured;

/// How a result comes about: the plan, its queries, and what they did if they were run.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// What is computed.
    pub plan: Plan,
    /// How it is said to the event store.
    pub queries: Vec<Query>,
    /// Rows and time of each query, if the plan was run.
    pub stages: Option<Vec<Stage>>,
    /// The counts per variant, if the plan was run.
    pub measured: Option<Measured>,
}

/// What one query of a plan did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// What the query answers.
    pub purpose: Purpose,
    /// The number of rows that left the event store.
    pub rows: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}
