//! What is computed from the events of a population.

mod deadline;
mod funnel;
mod trend;

pub use deadline::Deadline;
pub use funnel::{Exclusion, FunnelMeasure};
pub use trend::{Counted, TrendMeasure};

use serde::Serialize;

use crate::plan::UnitMeasure;

/// What is computed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Events per variant, and exposed persons per variant.
    Trend(Box<TrendMeasure>),
    /// Persons per variant and step.
    Funnel(FunnelMeasure),
    /// A value per exposed unit.
    Units(Box<UnitMeasure>),
}
