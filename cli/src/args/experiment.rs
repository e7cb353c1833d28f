//! Experiments: definitions, and the steps of their life.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use jiff::Timestamp;

use super::values::{moment, pair, share};

#[derive(Debug, Subcommand)]
pub(crate) enum ExperimentCommand {
    /// Create an experiment and its flag, from a definition or from options
    Create(Box<CreateArguments>),
    /// List all experiments, newest first
    List,
    /// Show an experiment and its flag
    Show {
        /// The flag's key, or the experiment's number
        key: String,
    },
    /// Launch a draft
    Launch(MomentArguments),
    /// End a running experiment
    End(MomentArguments),
    /// List who was exposed, by the definition the results use: person by person, in the order of first exposures
    Exposures(ExposureArguments),
    /// Say whether the events of the last seven days that the primary metric looks at carry no flag yet
    RequiresFlag(RequiresFlagArguments),
}

#[derive(Args, Debug)]
pub(crate) struct CreateArguments {
    /// A definition in YAML or JSON; - reads stdin (its form: `abduck schema experiment`)
    #[arg(value_hint = ValueHint::FilePath, required_unless_present = "name", conflicts_with_all = [
        "name", "flag", "description", "metric", "events", "window_days", "conditions", "variants", "start", "end",
    ])]
    pub(crate) file: Option<PathBuf>,
    /// The name
    #[arg(long, requires = "flag")]
    pub(crate) name: Option<String>,
    /// The key of the flag; events and assignments carry it
    #[arg(long, value_name = "KEY", requires = "name")]
    pub(crate) flag: Option<String>,
    /// The description
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// What is measured: how often an event happens, or how many persons get through several
    #[arg(long, default_value = "trend")]
    pub(crate) metric: MetricKind,
    /// The event that counts; for a funnel, once per step in order
    #[arg(long = "event", value_name = "NAME")]
    pub(crate) events: Vec<String>,
    /// How many days a person has for the whole funnel [default: 14]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) window_days: Option<u32>,
    /// A property that every event of the metric must have
    #[arg(long = "where", value_name = "PROPERTY=VALUE", value_parser = pair)]
    pub(crate) conditions: Vec<(String, String)>,
    /// A variant and its share in percent; one is called control [default: control=50 and test=50]
    #[arg(long = "variant", value_name = "KEY=PERCENT", value_parser = share)]
    pub(crate) variants: Vec<(String, f64)>,
    /// When the experiment begins; without it, it is a draft to be launched
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) start: Option<Timestamp>,
    /// When the experiment ends
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) end: Option<Timestamp>,
}

/// What an experiment measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricKind {
    /// How often an event happens
    Trend,
    /// How many persons get through several events in order
    Funnel,
}

#[derive(Args, Debug)]
pub(crate) struct ExposureArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// The moment the list holds for [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(crate) struct RequiresFlagArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// Ask for any flag, as the compatible system does, not for the experiment's own
    #[arg(long)]
    pub(crate) any_flag: bool,
    /// The end of the seven days [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(crate) struct MomentArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// When: RFC 3339, or a date with or without a time, in UTC [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<Timestamp>,
}
