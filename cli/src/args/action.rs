//! Actions: events that mean the same, under one name.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

#[derive(Debug, Subcommand)]
pub(crate) enum ActionCommand {
    /// List actions, newest first
    List,
    /// Show an action
    Show(ActionKey),
    /// Create an action from a definition
    Create {
        /// A definition in YAML or JSON; - reads stdin (its form: `abduck scheman action`)
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Change an action for every experiment that uses it; what is left out stays
    Update(UpdateActionArguments),
    /// Delete an action that no experiment measures
    Delete(ActionKey),
}

#[derive(Args, Debug)]
pub(crate) struct ActionKey {
    /// The action's number or name
    #[arg(value_name = "ACTION")]
    pub(crate) key: String,
}

#[derive(Args, Debug)]
pub(crate) struct UpdateActionArguments {
    /// The action's number or name
    #[arg(value_name = "ACTION")]
    pub(crate) key: String,
    /// The changes in YAML or JSON; - reads stdin (the fields of `abduck scheman action`); the options below win over it
    #[arg(value_hint = ValueHint::FilePath, required_unless_present_any = ["name", "description"])]
    pub(crate) file: Option<PathBuf>,
    /// The name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The description
    #[arg(long)]
    pub(crate) description: Option<String>,
}
