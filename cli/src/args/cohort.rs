//! Cohorts: named sets of persons.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use jiff::Timestamp;

use super::values::moment;

#[derive(Debug, Subcommand)]
pub(crate) enum CohortCommand {
    /// List cohorts, newest first
    List,
    /// Show a cohort
    Show(CohortKey),
    /// Create a cohort: static, of persons that are listed, or dynamic, of whoever meets the filters of a definition
    Create(CreateCohortArguments),
    /// Change a cohort; what is left out stays
    Update(UpdateCohortArguments),
    /// Delete a cohort that no flag and no other cohort names
    Delete(CohortKey),
    /// List the members: persons that the events know
    Members(MembersArguments),
    /// Add members to a static cohort
    Add(MemberArguments),
    /// Remove members from a static cohort
    Remove(MemberArguments),
}

#[derive(Args, Debug)]
pub(crate) struct CohortKey {
    /// The cohort's number or name
    #[arg(value_name = "COHORT")]
    pub(crate) key: String,
}

#[derive(Args, Debug)]
pub(crate) struct CreateCohortArguments {
    /// A definition in YAML or JSON; - reads stdin (its form: `abduck schema cohort`); --name and --description win over it
    #[arg(value_hint = ValueHint::FilePath, required_unless_present = "is_static", conflicts_with = "is_static")]
    pub(crate) file: Option<PathBuf>,
    /// The name
    #[arg(long, required_unless_present = "file")]
    pub(crate) name: Option<String>,
    /// The description
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// The members are listed
    #[arg(long = "static")]
    pub(crate) is_static: bool,
    /// The members: one id per line, or CSV with a column of ids; - reads stdin
    #[arg(long, value_name = "FILE", requires = "is_static", value_hint = ValueHint::FilePath)]
    pub(crate) members: Option<PathBuf>,
    /// The column with the ids
    #[arg(long, value_name = "COLUMN", default_value = abduck::assignment::ID_COLUMN)]
    pub(crate) id_column: String,
}

#[derive(Args, Debug)]
pub(crate) struct UpdateCohortArguments {
    /// The cohort's number or name
    #[arg(value_name = "COHORT")]
    pub(crate) key: String,
    /// The changes in YAML or JSON; - reads stdin (the fields of `abduck schema cohort`); the options below win over it
    #[arg(value_hint = ValueHint::FilePath, required_unless_present_any = ["name", "description"])]
    pub(crate) file: Option<PathBuf>,
    /// The name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The description
    #[arg(long)]
    pub(crate) description: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct MembersArguments {
    /// The cohort's number or name
    #[arg(value_name = "COHORT")]
    pub(crate) key: String,
    /// Of an experiment's cohort, whoever its own filters find, as in the compatible system, rather than whom the
    /// experiment's results count
    #[arg(long)]
    pub(crate) as_defined: bool,
    /// The moment the list holds for [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) as_of: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(crate) struct MemberArguments {
    /// The cohort's number or name
    #[arg(value_name = "COHORT")]
    pub(crate) key: String,
    /// Distinct ids, or the names other systems gave to persons
    #[arg(value_name = "ID", required_unless_present = "from", conflicts_with = "from")]
    pub(crate) ids: Vec<String>,
    /// The ids: one per line, or CSV with a column of ids; - reads stdin
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) from: Option<PathBuf>,
    /// The column with the ids
    #[arg(long, value_name = "COLUMN", default_value = abduck::assignment::ID_COLUMN)]
    pub(crate) id_column: String,
}
