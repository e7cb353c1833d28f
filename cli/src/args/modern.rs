//! Metrics that are tried out: their result, their course, the units behind them, and how they come about.

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::values::moment;

/// What every question about a metric has in common.
#[derive(Args, Debug)]
pub(crate) struct GivenMetricArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// The metric: a YAML or JSON file, - for stdin, JSON in braces, or the number, id or name of one of the experiment's
    /// metrics [default: its first modern one]
    pub(crate) metric: Option<String>,
    /// The moment the answer holds for [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(crate) struct SeriesArguments {
    #[command(flatten)]
    pub(crate) given: GivenMetricArguments,
    /// Only this view; tables show one [default: cumulative], CSV and JSON have all
    #[arg(long)]
    pub(crate) view: Option<SeriesViewName>,
}

/// A view of a metric's course.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SeriesViewName {
    /// As of the end of each day, over everything since the start
    Cumulative,
    /// By the day of the first exposure
    ByExposureDay,
    /// By days since the first exposure
    ByDaysSinceExposure,
}

#[derive(Args, Debug)]
pub(crate) struct UnitsArguments {
    #[command(flatten)]
    pub(crate) given: GivenMetricArguments,
    /// Only units of a variant
    #[arg(long, value_name = "VARIANT")]
    pub(crate) variant: Option<String>,
    /// Of a funnel, only units that reached a step, from 1 after the exposure
    #[arg(long, value_name = "NUMBER")]
    pub(crate) step: Option<usize>,
    /// Instead, those that reached the step before it and stopped there
    #[arg(long)]
    pub(crate) dropped: bool,
    /// Instead, units that were exposed but do not count, with the reason
    #[arg(long)]
    pub(crate) left_out: bool,
}
