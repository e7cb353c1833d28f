//! Which events to take in, and which column of them means what.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use jiff::Timestamp;

use super::values::{group, moment, pair};

#[derive(Args, Debug)]
pub(crate) struct IngestArguments {
    /// Files or patterns: Parquet, CSV or JSON lines, also compressed
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    /// The format, where the names of the files do not tell it
    #[arg(long)]
    pub(crate) format: Option<FileFormat>,
    /// Refuse all rows if one cannot be stored
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) table: TableArguments,
    #[command(flatten)]
    pub(crate) mapping: MappingArguments,
}

/// That the files hold persons or groups rather than events.
#[derive(Args, Debug)]
#[command(next_help_heading = "Tables of persons and groups (every other column is a property)")]
pub(crate) struct TableArguments {
    /// The rows are persons, each with a distinct id or a person id
    #[arg(long, conflicts_with_all = EVENTS_ONLY)]
    pub(crate) persons: bool,
    /// The rows are groups of one type, each with a key
    #[arg(long, conflicts_with_all = EVENTS_ONLY, conflicts_with_all = ["persons", "distinct_id", "person_id"],
        requires = "group_type")]
    pub(crate) groups: bool,
    /// The type of the groups, as events name it in $groups
    #[arg(long, value_name = "NAME", requires = "groups", conflicts_with = "persons")]
    pub(crate) group_type: Option<String>,
    /// The key of the group
    #[arg(long, value_name = "COLUMN", requires = "groups", conflicts_with = "persons")]
    pub(crate) group_key: Option<String>,
    /// The time that rows without a timestamp speak of [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with_all = EVENTS_ONLY)]
    pub(crate) as_of: Option<Timestamp>,
}

/// The options that say something of events only.
const EVENTS_ONLY: [&str; 6] = ["mapping", "event", "uuid", "index_groups", "flags", "exposure_event"];

#[derive(Args, Debug)]
pub(crate) struct AttachArguments {
    /// A Parquet file, or a pattern for several
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) pattern: String,
    #[command(flatten)]
    pub(crate) mapping: MappingArguments,
}

/// Which column means what; what is left out is recognised by its name.
#[derive(Args, Debug)]
#[command(next_help_heading = "Columns (what is left out is recognised by its name)")]
pub(crate) struct MappingArguments {
    /// A YAML or JSON file that says which column means what; the options below win over it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) mapping: Option<PathBuf>,
    /// The event's name
    #[arg(long, value_name = "COLUMN")]
    pub(crate) event: Option<String>,
    /// The id of whoever did it
    #[arg(long, value_name = "COLUMN")]
    pub(crate) distinct_id: Option<String>,
    /// When it happened
    #[arg(long, value_name = "COLUMN")]
    pub(crate) timestamp: Option<String>,
    /// The event's own id, by which repetitions are recognised
    #[arg(long, value_name = "COLUMN")]
    pub(crate) uuid: Option<String>,
    /// The properties: JSON text, a struct or a map
    #[arg(long, value_name = "COLUMN")]
    pub(crate) properties: Option<String>,
    /// Another system's id of the person; distinct ids that share one are one person
    #[arg(long, value_name = "COLUMN")]
    pub(crate) person_id: Option<String>,
    /// The key of a group, 0 to 4
    #[arg(long = "group", value_name = "INDEX=COLUMN", value_parser = group)]
    pub(crate) index_groups: Vec<(u8, String)>,
    /// What numeric timestamps count since 1970
    #[arg(long, value_name = "UNIT")]
    pub(crate) timestamp_unit: Option<Unit>,
    /// The time zone of timestamps without an offset, such as Europe/Amsterdam [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// The column that holds the variant of a flag
    #[arg(long = "flag", value_name = "KEY=COLUMN", value_parser = pair)]
    pub(crate) flags: Vec<(String, String)>,
    /// The event that says "was shown the variant" of the one --flag
    #[arg(long, value_name = "NAME")]
    pub(crate) exposure_event: Option<String>,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FileFormat {
    /// Apache Parquet
    Parquet,
    /// Comma-separated values with a header
    Csv,
    /// One JSON object per line
    Ndjson,
}

/// What a numeric timestamp counts.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
}
