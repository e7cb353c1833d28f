//! The course of results, and the audit of assignments.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use jiff::Timestamp;

use super::values::moment;

#[derive(Args, Debug)]
pub(crate) struct HistoryArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// First compute the results as of the end of each day or week that are missing; the days are those of the lab's timezone
    #[arg(long, value_name = "INTERVAL")]
    pub(crate) backfill: Option<BackfillInterval>,
}

/// How far apart the moments of a backfill are.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BackfillInterval {
    /// The end of each day
    Day,
    /// The end of each week
    Week,
}

#[derive(Args, Debug)]
pub(crate) struct AuditArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// Up to which moment logged assignments count [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
    /// How many of those who disagree are shown
    #[arg(long, value_name = "NUMBER", default_value = "10")]
    pub(crate) examples: usize,
    /// Write all who disagree to a CSV file; `--output csv` prints the same
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) disagreements: Option<PathBuf>,
}
