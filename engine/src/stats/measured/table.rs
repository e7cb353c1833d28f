//! What the units of a table came to.

use super::{BreakdownCells, UnitCell};

/// What the metrics of a table came to, and the rows that were left out.
#[derive(Clone, Debug, PartialEq)]
pub struct TableCells {
    /// The number of rows.
    pub rows: u64,
    /// The variants, the baseline first.
    pub variants: Vec<String>,
    /// Rows without a variant.
    pub without_variant: u64,
    /// Rows with a variant that is none of the known ones.
    pub with_unknown_variant: u64,
    /// The metrics, in the order they were asked for.
    pub metrics: Vec<TableMetricCells>,
}

/// What a metric of a table came to.
#[derive(Clone, Debug, PartialEq)]
pub struct TableMetricCells {
    /// One cell per variant, the baseline first.
    pub variants: Vec<UnitCell>,
    /// The same per combination of values of the columns it is broken down by.
    pub breakdowns: Vec<BreakdownCells>,
    /// Units, of known variants, that lack a value the metric needs.
    pub units_with_missing_values: u64,
}
