//! The integration tests of the engine, in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a test may fail where it stands, and small numbers are cast"
)]

mod actions;
mod analyze;
mod audit;
mod beliefs;
mod catalog;
mod conformance;
mod covariates;
mod deliveries;
mod diagnostics;
mod documents;
mod errors;
mod event_store;
mod exposures;
mod filters;
mod funnels;
mod golden;
mod history;
mod ingest;
mod judged;
mod lifecycle;
mod modern;
mod modern_rules;
mod person_properties;
mod planning;
mod plots;
mod projection;
mod query_nodes;
mod results;
mod secondary;
mod sequential;
mod sessions;
mod simulations;
mod support;
mod tables;
mod tidy;
mod trends;
mod updates;
