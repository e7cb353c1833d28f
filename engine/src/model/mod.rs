//! The nouns: what an experiment, a flag, a metric or a filter is.
//!
//! Plain values with their outward form (JSON and YAML). Requests are read here, field by field, with the messages
//! clients of the reference system match on; what a request may *do* is decided by [`crate::lifecycle`]. Nothing here
//! reads a file, a clock or a database.

pub mod action;
pub mod cohort;
pub(crate) mod date;
pub mod cuped;
pub mod document;
pub mod definition;
pub mod entity;
pub mod experiment;
pub mod experiment_metric;
pub mod exposure;
pub mod exposure_criteria;
pub mod expression;
pub(crate) mod fields;
pub mod filter;
pub mod flag;
pub mod holdout;
pub mod math;
pub mod metric;
pub mod metric_list;
pub(crate) mod payload;
pub mod prior;
pub mod query_node;
pub mod saved_metric;
pub mod secondary;
pub mod session;
pub mod settings;
pub mod sequential;
pub mod stats_config;
pub(crate) mod suggest;
pub mod table_aggregate;
pub mod table_metric;
pub mod time;
