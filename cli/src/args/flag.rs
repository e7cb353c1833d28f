//! Flags: what they are, and which variant an id gets.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueHint};
use serde_json::Value;

use super::events::FileFormat;
use super::values::{group_property, json_pair, pair, percent, share};

#[derive(Debug, Subcommand)]
pub(crate) enum FlagCommand {
    /// List flags, newest first
    List {
        /// Deleted ones, too
        #[arg(long)]
        deleted: bool,
    },
    /// Show a flag: the live one with the key, else the newest deleted one
    Show(FlagKey),
    /// Create a flag of its own, without an experiment
    Create(CreateFlagArguments),
    /// Change a flag, and its experiments with it; what is left out stays
    Update(UpdateFlagArguments),
    /// Delete a flag; its experiments stay, and it can be restored
    Delete(FlagKey),
    /// Take a deleted flag back
    Restore(FlagKey),
    /// Say which variant an id gets, and why
    Evaluate(EvaluateArguments),
}

#[derive(Args, Debug)]
pub(crate) struct FlagKey {
    /// The flag's key
    pub(crate) key: String,
}

#[derive(Args, Debug)]
pub(crate) struct CreateFlagArguments {
    /// The flag's key; events and assignments carry it
    pub(crate) key: String,
    /// The rest of a definition in YAML or JSON; - reads stdin (its form: `abduck schema flag`); the options below win over it
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) split: SplitArguments,
}

#[derive(Args, Debug)]
pub(crate) struct UpdateFlagArguments {
    /// The flag's key
    pub(crate) key: String,
    /// The changes in YAML or JSON; - reads stdin (their form: `abduck schema flag-update`); the options below win over it
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Whether the flag is evaluated at all
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    pub(crate) active: Option<bool>,
    #[command(flatten)]
    pub(crate) split: SplitArguments,
    /// A new key, as long as no launched experiment depends on the present one
    #[arg(long = "key", value_name = "NEWKEY")]
    pub(crate) new_key: Option<String>,
}

/// Who gets what from a flag.
#[derive(Args, Debug)]
pub(crate) struct SplitArguments {
    /// The name, which describes the flag
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How many people are let in, in percent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) rollout: Option<f64>,
    /// A variant and its share in percent; all variants are replaced
    #[arg(long = "variant", value_name = "KEY=PERCENT", value_parser = share)]
    pub(crate) variants: Vec<(String, f64)>,
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
    /// Keep that id in the lab for this person and flag; the first one kept stays
    #[arg(long, requires = "hash_key")]
    pub(crate) keep: bool,
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
