//! The command as people and scripts meet it: the real binary, in a directory of its own, its whole answer at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

mod actions;
mod analyze;
mod cohorts;
mod definitions;
mod demo;
mod documents;
mod events;
mod exit_codes;
mod experiments;
mod flag_definitions;
mod flags;
mod forms;
mod history;
mod holdouts;
mod interrupt;
mod lab;
mod lifecycle;
mod log;
mod modern;
mod planning;
mod readme;
mod reports;
mod results;
mod saved_metrics;
mod tables;
