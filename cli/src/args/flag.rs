//! Flags: which variant an id gets.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use serde_json::Value;

use super::events::FileFormat;
use super::values::{group_property, json_pair, pair};

#[derive(Debug, Subcommand)]
pub(crate) enum FlagCommand {
    /// Say which variant an id gets, and why
    Evaluate(EvaluateArguments),
}

#[derive(Args, Debug)]
pub(crate) struct EvaluateArguments {
    /// The flag's key
    pub(crate) key: String,
    /// The distinct id
    #[arg(required_unless_present = "ids")]
    pub(crate) id: Option<String>,
    /// What is known of the person; a value is read as JSON if it is JSON, else as text
    #[arg(long = "property", value_name = "PROPERTY=VALUE", value_parser = json_pair, conflicts_with = "ids")]
    pub(crate) properties: Vec<(String, Value)>,
    /// A group that the person belongs to: the number of its type, 0 to 4, and its key
    #[arg(long = "group", value_name = "TYPE=KEY", value_parser = pair, conflicts_with = "ids")]
    pub(crate) groups: Vec<(String, String)>,
    /// What is known of such a group
    #[arg(long = "group-property", value_name = "TYPE.PROPERTY=VALUE", value_parser = group_property, conflicts_with = "ids")]
    pub(crate) group_properties: Vec<(String, (String, Value))>,
    /// The id that was kept for this person, for flags with experience continuity
    #[arg(long, value_name = "ID", conflicts_with = "ids")]
    pub(crate) hash_key: Option<String>,
    /// Evaluate every row of a Parquet, CSV or NDJSON file, whose other columns are properties (`group_0` to `group_4` are
    /// the keys of groups, `group_0.size` is a property of one); - reads ids from stdin, one per line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "id")]
    pub(crate) ids: Option<PathBuf>,
    /// The column with the ids
    #[arg(long, value_name = "COLUMN", default_value = abduck::assignment::ID_COLUMN)]
    pub(crate) id_column: String,
    /// The format of the file, where its name does not tell it
    #[arg(long, requires = "ids")]
    pub(crate) format: Option<FileFormat>,
}
