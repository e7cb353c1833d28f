//! What was typed: one struct per group of commands, checked for form only.

mod action;
mod analyze;
mod cohort;
mod document;
mod events;
mod experiment;
mod flag;
mod history;
mod holdout;
mod metric;
mod modern;
mod planning;
mod report;
mod table;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use jiff::Timestamp;

pub(crate) use self::action::{ActionCommand, UpdateActionArguments};
pub(crate) use self::analyze::AnalyzeArguments;
pub(crate) use self::cohort::{
    CohortCommand, CreateCohortArguments, MemberArguments, MembersArguments, UpdateCohortArguments,
};
pub(crate) use self::document::{ApplyArguments, ExportArguments};
pub(crate) use self::events::{AttachArguments, FileFormat, IngestArguments, MappingArguments, Unit};
pub(crate) use self::experiment::{
    ConclusionName, CreateArguments, DeleteArguments, DuplicateArguments, EndArguments, ExperimentCommand,
    ExposureArguments, ExposureViewArguments, ListArguments, MetricArguments, MetricKind, MomentArguments,
    RequiresFlagArguments, ShipArguments, StatusName, UpdateArguments, VerdictArguments,
};
pub(crate) use self::flag::{CreateFlagArguments, EvaluateArguments, FlagCommand, SplitArguments, UpdateFlagArguments};
pub(crate) use self::history::{AuditArguments, BackfillInterval, HistoryArguments};
pub(crate) use self::holdout::{CreateHoldoutArguments, HoldoutCommand, UpdateHoldoutArguments};
pub(crate) use self::metric::{MetricCommand, UpdateMetricArguments};
pub(crate) use self::modern::{GivenMetricArguments, SeriesArguments, SeriesViewName, UnitsArguments};
pub(crate) use self::planning::{
    CalibrateArguments, InfluenceArguments, PastArguments, PlanCommand, RemainingArguments, SizeArguments,
};
pub(crate) use self::report::{PlotArguments, PlotKindName, ReportArguments, ReportForm, Target};
pub(crate) use self::table::{LoadTableArguments, TableCommand};

use self::report::TargetParser;
use self::values::{moment, seconds};
use crate::exit;

const EXAMPLES: &str = "\
Examples:
  abduck demo
  abduck init shop && cd shop
  abduck ingest 'events/*.parquet'
  abduck experiment create --name Checkout --flag checkout --event purchase --start 2026-03-01
  abduck results checkout";

/// A/B-test analytics in one directory, without a server
#[derive(Debug, Parser)]
#[command(name = "abduck", version, after_help = format!("{EXAMPLES}\n\n{}", exit::help()))]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The lab to work on
    #[arg(long, global = true, env = "ABDUCK_LAB", value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) lab: PathBuf,
    /// The form of the answer [default: table]; of reports and plots also the file, such as report.html
    #[arg(short, long, global = true, value_name = "FORMAT", value_parser = TargetParser)]
    pub(crate) output: Option<Target>,
    /// Print no messages, only answers and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Show what the engine does, on stderr; twice to see its SQL
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// How long to wait while others hold the lab
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) wait: Duration,
    /// Who makes a change, for the lab's audit log
    #[arg(long, global = true, env = "USER", hide_env_values = true, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// Comma-separated values
    Csv,
    /// Markdown
    Md,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a directory a lab
    Init {
        /// The directory, created if need be [default: the lab of --lab]
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        directory: Option<PathBuf>,
    },
    /// Take events, or tables of persons or groups, into the lab: all of a call or, on error, nothing
    Ingest(Box<IngestArguments>),
    /// Make Parquet files part of the events without copying them
    Attach(Box<AttachArguments>),
    /// Take attached files out of the events again
    Detach {
        /// The pattern they were attached by
        #[arg(value_hint = ValueHint::FilePath)]
        pattern: String,
    },
    /// Show what the lab holds
    Status,
    /// Look at persons
    #[command(subcommand)]
    Person(PersonCommand),
    /// Look at groups
    #[command(subcommand)]
    Group(GroupCommand),
    /// Tables that are no events, for metrics that take values from them
    #[command(subcommand)]
    Table(TableCommand),
    /// Actions: events that mean the same, under one name
    #[command(subcommand)]
    Action(ActionCommand),
    /// Show or change the settings of the lab
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Create experiments, and lead them through their life
    #[command(subcommand)]
    Experiment(ExperimentCommand),
    /// Change flags, and say which variant an id gets
    #[command(subcommand)]
    Flag(FlagCommand),
    /// Keep people out of experiments
    #[command(subcommand)]
    Holdout(HoldoutCommand),
    /// Save metrics that several experiments use
    #[command(subcommand)]
    Metric(MetricCommand),
    /// Name sets of persons
    #[command(subcommand)]
    Cohort(CohortCommand),
    /// Show who changed what, and when
    Log(LogArguments),
    /// Say how an experiment stands: the verdict, the numbers, and what to be careful about
    Results(ResultsArguments),
    /// Say whether to ship a variant, hold, roll back or keep running, and exit with a code for it
    Decide(DecideArguments),
    /// Write all that there is to say about an experiment into one file, for a browser, paper or a wiki
    Report(ReportArguments),
    /// Draw a plot of an experiment as SVG
    Plot(PlotArguments),
    /// Plan: how many units are needed, and how much longer it takes
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Put the lab's own units into two variants at random, and count how often the tests are wrong
    Calibrate(CalibrateArguments),
    /// Show a metric without its largest units: does one unit make the result?
    Influence(InfluenceArguments),
    /// Try a metric on an experiment: its result, without storing the metric
    Try(GivenMetricArguments),
    /// Show how a metric went, day by day
    Series(SeriesArguments),
    /// List the units behind a metric's numbers
    Units(UnitsArguments),
    /// Show why a plain query says something else than a metric: rule by rule, from its count to the result
    Reconcile(GivenMetricArguments),
    /// Compare variants on a table with one row per unit, or on sums; no lab is needed
    Analyze(Box<AnalyzeArguments>),
    /// Show how a result comes about: the plan and its SQL
    Explain(ExplainArguments),
    /// Make the lab hold what documents define: all of them or, if one is refused, none
    Apply(ApplyArguments),
    /// Write the definitions of the lab as documents
    Export(ExportArguments),
    /// Print the JSON Schema of a definition or of a result
    Schema {
        /// Of what
        noun: SchemaNoun,
    },
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Try it: two experiments on a sample log whose true effects are known
    Demo {
        /// Where to make the lab; it is kept [default: a new temporary directory]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        directory: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Show a person: the distinct ids and the latest properties
    Show {
        /// One of the person's distinct ids
        #[arg(value_name = "ID")]
        distinct_id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Show a group: its latest properties
    Show {
        /// The type of the group, such as company
        #[arg(value_name = "TYPE")]
        group_type: String,
        /// The key of the group
        #[arg(value_name = "KEY")]
        group_key: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// Show the settings
    Show,
    /// Change settings; what is left out stays
    Set(SettingsArguments),
}

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct SettingsArguments {
    /// Where days begin and end, such as Europe/Amsterdam
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// The first day of a week
    #[arg(long, value_name = "DAY")]
    pub(crate) week_start: Option<WeekStart>,
    /// Property filters that leave out your own people, as a JSON list
    #[arg(long, value_name = "JSON")]
    pub(crate) test_account_filters: Option<String>,
}

/// The first day of a week.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum WeekStart {
    Sunday,
    Monday,
}

#[derive(Args, Debug)]
pub(crate) struct ResultsArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// Of a secondary metric instead of the primary one: its place in the experiment's list, from 0
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) secondary: Option<String>,
    /// Of one of the metrics that `abduck experiment metrics` lists: its id, number or name
    #[arg(long, value_name = "METRIC", conflicts_with = "secondary")]
    pub(crate) metric: Option<String>,
    /// Compute even when a kept result is still true; `--refresh=false` does not
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, action = ArgAction::Set,
        default_value_t = false, default_missing_value = "true", hide_default_value = true)]
    pub(crate) refresh: bool,
    /// Compute also when a kept result is older than this; without it, it is kept for as long as it is true
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) max_age: Option<Duration>,
    /// The moment the result holds for [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
    /// The shape of the JSON; legacy is that of the compatible system, and is always JSON
    #[arg(long, default_value = "abduck")]
    pub(crate) shape: Shape,
}

/// The shape of a result in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// The engine's own; `abduck schema result` describes it
    Abduck,
    /// The compatible system's
    Legacy,
}

#[derive(Args, Debug)]
pub(crate) struct LogArguments {
    /// Only of an experiment and its flag: the flag's key, or the experiment's number [default: of everything]
    pub(crate) key: Option<String>,
    /// How many changes, the latest ones
    #[arg(long, value_name = "NUMBER", default_value = "20")]
    pub(crate) limit: u32,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// One of the experiment's metrics: its number, id or name, as `abduck experiment metrics` lists them
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Option<String>,
    /// Explain one unit instead, event by event: a distinct id, or the key of a group. The metric may be a definition, too
    #[arg(long, value_name = "ID", conflicts_with = "run")]
    pub(crate) unit: Option<String>,
    /// Run the queries too, and show their rows, times and counts
    #[arg(long)]
    pub(crate) run: bool,
    /// The moment the result holds for [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(crate) struct DecideArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// The moment the decision holds for [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

/// What has a JSON Schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaNoun {
    /// What `abduck results -o json` prints
    Result,
    /// What `abduck results --secondary NUMBER -o json` prints
    SecondaryResult,
    /// What `abduck results --metric METRIC -o json` prints
    MetricResult,
    /// What `abduck series -o json` prints
    MetricSeries,
    /// What `abduck experiment exposure-view -o json` prints
    ExposureView,
    /// What `abduck reconcile -o json` prints
    Reconciliation,
    /// What `abduck decide -o json` prints
    Decision,
    /// What `abduck analyze FILE -o json` prints
    Analysis,
    /// What `abduck experiment create FILE` reads
    Experiment,
    /// What `abduck experiment update KEY FILE` reads
    ExperimentUpdate,
    /// What `abduck experiment create-web FILE` reads
    WebExperiment,
    /// What `abduck flag create KEY FILE` reads; there the key may be left out
    Flag,
    /// What `abduck flag update KEY FILE` reads
    FlagUpdate,
    /// What a holdout is made from
    Holdout,
    /// What `abduck action create FILE` reads
    Action,
    /// What `abduck metric create FILE` reads
    #[value(alias = "metric")]
    SavedMetric,
    /// What `abduck cohort create FILE` reads
    Cohort,
    /// What `abduck apply FILE` reads and `abduck export` writes
    Document,
}
