//! Experiments: definitions, and the steps of their life.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use jiff::Timestamp;
use serde_json::Value;

use super::values::{json_field, moment, moment_or_none, pair, share};
use super::{AuditArguments, HistoryArguments};

#[derive(Debug, Subcommand)]
pub(crate) enum ExperimentCommand {
    /// Create an experiment and its flag, from a definition or from options
    Create(Box<CreateArguments>),
    /// Create a web experiment, whose variants come with the changes they make to a page
    CreateWeb {
        /// A definition in YAML or JSON; - reads stdin (its form: `abduck schema web-experiment`)
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// List experiments, newest first
    List(ListArguments),
    /// Show an experiment and what belongs to it
    Show(ExperimentKey),
    /// Change an experiment; what is left out stays
    Update(Box<UpdateArguments>),
    /// Launch a draft
    Launch(MomentArguments),
    /// Switch the flag of a running experiment off for a while
    Pause(ExperimentKey),
    /// Switch the flag of a paused experiment on again
    Resume(ExperimentKey),
    /// End a running experiment
    End(EndArguments),
    /// Give one variant to everyone; an experiment that still runs ends
    Ship(ShipArguments),
    /// Make a launched experiment a draft again
    Reset(ExperimentKey),
    /// Put an experiment away
    Archive(ExperimentKey),
    /// Take an experiment out of the archive
    Unarchive(ExperimentKey),
    /// Copy an experiment as a draft with a flag of its own
    Duplicate(DuplicateArguments),
    /// Delete an experiment and its past results for good, and its flag with it
    Delete(DeleteArguments),
    /// List the metrics of an experiment, primary ones first
    Metrics(ExperimentKey),
    /// Show how the results went: what was kept of them, and how often the verdict changed
    History(HistoryArguments),
    /// Check that people were given the variants that the flag gives
    Audit(AuditArguments),
    /// Make a cohort of the people exposed to an experiment
    CreateCohort(ExperimentKey),
    /// List who was exposed, by the definition the results use: person by person, in the order of first exposures
    Exposures(ExposureArguments),
    /// Show how many units were exposed per day and variant, and how many saw several variants
    ExposureView(ExposureViewArguments),
    /// Say whether the events of the last seven days that the primary metric looks at carry no flag yet
    RequiresFlag(RequiresFlagArguments),
}

#[derive(Args, Debug)]
pub(crate) struct ExperimentKey {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
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
    #[command(flatten)]
    pub(crate) metric: MetricArguments,
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

#[derive(Args, Debug)]
pub(crate) struct MetricArguments {
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
    /// The moment the answer holds for [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(crate) struct ExposureViewArguments {
    #[command(flatten)]
    pub(crate) exposures: ExposureArguments,
    /// A property of the first exposure to take the units apart by; may be given again [default: usual ones, where the ratio of
    /// the variants does not fit]
    #[arg(long = "segment", value_name = "PROPERTY")]
    pub(crate) segments: Vec<String>,
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
pub(crate) struct UpdateArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// The changes in YAML or JSON; - reads stdin (their form: `abduck schema experiment-update`); the options below win
    /// over it
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The description
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// When the experiment begins: a time launches a draft, none makes it a draft again
    #[arg(long, value_name = "TIME|none", value_parser = moment_or_none)]
    pub(crate) start: Option<Value>,
    /// When the experiment ends; none has it go on
    #[arg(long, value_name = "TIME|none", value_parser = moment_or_none)]
    pub(crate) end: Option<Value>,
    /// The number or the name of the holdout; of a draft only
    #[arg(long, value_name = "HOLDOUT|none")]
    pub(crate) holdout: Option<String>,
    #[command(flatten)]
    pub(crate) metric: MetricArguments,
    /// A variant and its share in percent; all variants are replaced, of a draft only
    #[arg(long = "variant", value_name = "KEY=PERCENT", value_parser = share)]
    pub(crate) variants: Vec<(String, f64)>,
    /// Any field of the form, as JSON; a value that cannot be JSON is a text
    #[arg(long = "set", value_name = "FIELD=JSON", value_parser = json_field)]
    pub(crate) fields: Vec<(String, Value)>,
}

#[derive(Args, Debug)]
pub(crate) struct ListArguments {
    /// Only those that are there in their life
    #[arg(long)]
    pub(crate) status: Option<StatusName>,
    /// Only what a page asks for: web experiments that are neither archived nor have an end
    #[arg(long)]
    pub(crate) web: bool,
}

/// Where an experiment is in its life.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StatusName {
    /// Not launched
    Draft,
    /// Launched, and not at its end
    Running,
    /// Past its end
    Complete,
    /// Put away
    Archived,
}

#[derive(Args, Debug)]
pub(crate) struct MomentArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// When: RFC 3339, or a date with or without a time, in UTC [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(crate) struct EndArguments {
    #[command(flatten)]
    pub(crate) moment: MomentArguments,
    #[command(flatten)]
    pub(crate) verdict: VerdictArguments,
}

#[derive(Args, Debug)]
pub(crate) struct ShipArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// The key of the variant
    pub(crate) variant: String,
    #[command(flatten)]
    pub(crate) verdict: VerdictArguments,
}

#[derive(Args, Debug)]
pub(crate) struct VerdictArguments {
    /// What is concluded from the experiment
    #[arg(long)]
    pub(crate) conclusion: Option<ConclusionName>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
}

/// What is concluded from an experiment.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ConclusionName {
    /// A test variant is better
    Won,
    /// The test variants are worse
    Lost,
    /// The data do not tell
    Inconclusive,
    /// It was ended before the data could tell
    StoppedEarly,
    /// Something was wrong with it
    Invalid,
}

#[derive(Args, Debug)]
pub(crate) struct DuplicateArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// The key of the copy's flag, which is a new one
    #[arg(long, value_name = "NEWKEY")]
    pub(crate) flag: String,
    /// The name of the copy [default: the name, and (copy)]
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct DeleteArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}
