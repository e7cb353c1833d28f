//! Holdouts: people kept out of experiments.

use clap::{Args, Subcommand};

use super::values::percent;

#[derive(Debug, Subcommand)]
pub(crate) enum HoldoutCommand {
    /// List holdouts, newest first
    List,
    /// Show a holdout and the experiments that use it
    Show(HoldoutKey),
    /// Create a holdout
    Create(CreateHoldoutArguments),
    /// Change a holdout, and the flags of its experiments with it; what is left out stays
    Update(UpdateHoldoutArguments),
    /// Delete a holdout; its experiments have none then
    Delete(HoldoutKey),
}

#[derive(Args, Debug)]
pub(crate) struct HoldoutKey {
    /// The holdout's number or name
    #[arg(value_name = "HOLDOUT")]
    pub(crate) key: String,
}

#[derive(Args, Debug)]
pub(crate) struct CreateHoldoutArguments {
    /// The name
    #[arg(long)]
    pub(crate) name: String,
    /// How many people are held out, in percent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) percent: f64,
    /// The description
    #[arg(long)]
    pub(crate) description: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct UpdateHoldoutArguments {
    /// The holdout's number or name
    #[arg(value_name = "HOLDOUT")]
    pub(crate) key: String,
    /// The name
    #[arg(long, required_unless_present_any = ["percent", "description"])]
    pub(crate) name: Option<String>,
    /// How many people are held out, in percent; running experiments follow at once
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) percent: Option<f64>,
    /// The description
    #[arg(long)]
    pub(crate) description: Option<String>,
}
