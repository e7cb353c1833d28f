//! Tables that are no events.

use clap::{Args, Subcommand, ValueHint};

use super::events::FileFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum TableCommand {
    /// Load a table, for metrics that take values from it; it replaces a table of that name
    Load(LoadTableArguments),
    /// List the tables with their columns
    List,
    /// Take a table out of the lab
    Drop {
        /// The table's name
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct LoadTableArguments {
    /// The table's name, as metrics call it in `table_name`
    pub(crate) name: String,
    /// Parquet, CSV or NDJSON files of the same columns; patterns such as 'payments/*.parquet' as well
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    /// The column with the time: count the rows where it cannot be read
    #[arg(long, value_name = "COLUMN")]
    pub(crate) timestamp: Option<String>,
    /// The format of the files, where their names do not tell it
    #[arg(long)]
    pub(crate) format: Option<FileFormat>,
}
