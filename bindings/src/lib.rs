//! The Rust side of the Python package `abduck`: conversions only.
//!
//! The module `abduck._engine` is private. Trees cross as JSON text, rows as Arrow streams; names, types and documentation
//! are in the Python files of the package.

mod analysis;
mod arrow;
mod assignments;
mod audit;
mod definitions;
mod decision;
mod errors;
mod exposures;
mod flag;
mod history;
mod lab;
mod modern;
mod moment;
mod plot;
mod result;
mod session;
mod stats;
mod tables;
mod wait;

use pyo3::prelude::*;

/// The private native module of `abduck`.
#[pymodule(gil_used = false)]
mod _engine {
    #[pymodule_export]
    use crate::analysis::{TableAnalysis, analyze_files, analyze_frame, analyze_sums, analyze_sums_frame};
    #[pymodule_export]
    use crate::assignments::AssignmentAudit;
    #[pymodule_export]
    use crate::audit::AuditLog;
    #[pymodule_export]
    use crate::decision::Decision;
    #[pymodule_export]
    use crate::exposures::Exposures;
    #[pymodule_export]
    use crate::flag::{Evaluations, evaluate_flag, evaluate_flag_frame};
    #[pymodule_export]
    use crate::history::ResultHistory;
    #[pymodule_export]
    use crate::lab::{Lab, read_mapping};
    #[pymodule_export]
    use crate::modern::{ExposureView, ListedUnits, MetricSeries, Reconciliation, check_metric};
    #[pymodule_export]
    use crate::plot::write_text;
    #[pymodule_export]
    use crate::result::{ExperimentResult, ListedResult, SecondaryResult};
    #[pymodule_export]
    use crate::stats::statistic;

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    /// A small event log of a shop, as Parquet.
    #[pymodule_export]
    use super::sample_log;
    /// What was planted in that log, as JSON.
    #[pymodule_export]
    use super::sample_truth;

    #[pymodule_init]
    fn constants(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("ERROR_KINDS", abduck::ErrorKind::NAMES)
    }
}

/// A small event log of a shop, as Parquet.
#[pyfunction]
fn sample_log() -> &'static [u8] {
    include_bytes!("../../datasets/sample/shop.parquet")
}

/// What was planted in that log, as JSON.
#[pyfunction]
fn sample_truth() -> &'static str {
    include_str!("../../datasets/sample/shop.truth.json")
}
