//! Documents: definitions in files.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Args, Debug)]
pub(crate) struct ApplyArguments {
    /// YAML or JSON files, or folders of them; - reads stdin (their form: `abduck schema document`)
    #[arg(required = true, value_name = "FILE|DIR|-", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    /// The keys of experiments or flags, or anything as KIND/NAME [default: everything]
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// Write one file each into this folder, such as experiments/KEY.yaml, instead of printing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) to: Option<PathBuf>,
    /// Overwrite files that differ
    #[arg(long, requires = "to")]
    pub(crate) force: bool,
}
