//! What comes out of the event store: counts per variant, and nothing about single units.

mod funnel;
mod reconcile;
mod table;
mod trend;
mod units;

pub use funnel::{ConversionTime, FunnelCell, FunnelCells};
pub use reconcile::{ReconcileRule, ReconcileStep, VariantSum};
pub use table::{TableCells, TableMetricCells};
pub use trend::{Display, TrendCell, TrendCells};
pub use units::{BreakdownCells, QuantileCell, SeveralVariantsCells, UnitCell, UnitCells};

use serde::{Deserialize, Serialize};

/// The counts of one metric of one experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Measured {
    /// Of a trend.
    Trend(TrendCells),
    /// Of a funnel.
    Funnel(FunnelCells),
    /// Of a modern metric.
    Units(UnitCells),
}
