//! Saved metrics: defined once, used by several experiments.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
pub(crate) enum MetricCommand {
    /// List saved metrics, newest first
    List,
    /// Show a saved metric and the experiments that use it
    Show(MetricKey),
    /// Create a saved metric from a definition
    Create {
        /// A definition in YAML or JSON; - reads stdin (its form: `abduck schema saved-metric`)
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Change a saved metric for every experiment that uses it; what is left out stays
    Update(UpdateMetricArguments),
    /// Delete a saved metric; experiments that use it stay
    Delete(MetricKey),
}

#[derive(Args, Debug)]
pub(crate) struct MetricKey {
    /// The saved metric's number or name
    #[arg(value_name = "METRIC")]
    pub(crate) key: String,
}

#[derive(Args, Debug)]
pub(crate) struct UpdateMetricArguments {
    /// The saved metric's number or name
    #[arg(value_name = "METRIC")]
    pub(crate) key: String,
    /// The changes in YAML or JSON; - reads stdin (the fields of `abduck schema saved-metric`); the options below win over it
    #[arg(value_hint = ValueHint::FilePath, required_unless_present_any = ["name", "description"])]
    pub(crate) file: Option<PathBuf>,
    /// The name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The description
    #[arg(long)]
    pub(crate) description: Option<String>,
}
