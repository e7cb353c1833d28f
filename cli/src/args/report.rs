//! Reports and plots, and where they go to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::{Error, ErrorKind};
use clap::{Arg, Args, Command, ValueEnum};
use jiff::Timestamp;

use super::Format;
use super::modern::GivenMetricArguments;
use super::values::moment;

/// The form of an answer, or the file that a report or a plot is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Format(Format),
    File(PathBuf),
}

/// Takes the names of formats for what they are, and any other name with an extension or a folder for a file.
#[derive(Clone, Debug)]
pub(crate) struct TargetParser;

impl TypedValueParser for TargetParser {
    type Value = Target;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Target, Error> {
        let formats = EnumValueParser::<Format>::new();
        formats.parse_ref(command, argument, value).map(Target::Format).or_else(|error| {
            let path = Path::new(value);
            let is_file = path.extension().is_some() || path.components().count() > 1 || path.is_dir();
            if is_file && error.kind() == ErrorKind::InvalidValue {
                Ok(Target::File(path.to_owned()))
            } else {
                Err(error)
            }
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Format::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  abduck report checkout -o report.html\n  abduck report checkout -o report.md\n  \
    abduck report checkout --format html > report.html")]
pub(crate) struct ReportArguments {
    /// The flag's key, or the experiment's number
    pub(crate) key: String,
    /// The form of the report [default: as the file's name ends, else markdown]
    #[arg(long, value_name = "FORM")]
    pub(crate) format: Option<ReportForm>,
    /// The moment the report holds for [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    /// One file with everything in it, for a browser and for paper
    Html,
    /// Tables without plots
    Markdown,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  abduck plot checkout --kind forest -o forest.svg\n  \
    abduck plot checkout 0 --kind series > series.svg")]
pub(crate) struct PlotArguments {
    #[command(flatten)]
    pub(crate) given: GivenMetricArguments,
    /// What to show
    #[arg(long, default_value = "forest")]
    pub(crate) kind: PlotKindName,
}

/// What a plot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlotKindName {
    /// Effects with the intervals of all answers
    Forest,
    /// What is believed about the differences
    Posterior,
    /// The lift as of the end of each day, with the interval that holds at any look
    Series,
    /// The values by day of the first exposure
    Daily,
    /// The steps of a funnel
    Funnel,
    /// First exposures per day, and the ratio of the variants
    Exposure,
    /// The lift by days since the first exposure
    Age,
}
