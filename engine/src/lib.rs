#![doc = include_str!("../ARCHITECTURE.md")]

pub mod error;
pub mod model;
pub mod lifecycle;
pub mod assignment;
pub mod plan;
pub mod sql;
pub mod kernel;
pub mod stats;
pub mod results;
pub mod report;
pub mod events;
pub mod backend;
pub mod catalog;
mod engine;

pub use engine::{
    ApplyAction, ApplyReport, Backfill, DocumentChange, Engine, FieldChange, PastQuestion, PlotMetric, ResultsRequest,
    analyze, analyze_aggregates, read_aggregates, read_documents, write_documents, write_text,
};
pub use error::{Error, ErrorKind, Result};
pub use events::{
    ColumnMapping, EventsFrom, IngestOptions, IngestReport, Interrupt, LabTable, LoadReport, Progress, Source,
    TableOptions, TableReport,
};
pub use model::document::{Document, DocumentKind};
pub use model::experiment::{CreateExperiment, Experiment};
pub use model::metric_list::MetricEntry;
pub use results::{ExperimentResult, Explanation, ListedResult, SecondaryResult};
