//! What editors and shells read: JSON Schemas and completions.

use abduck::model::action::CreateAction;
use abduck::model::cohort::CreateCohort;
use abduck::model::document;
use abduck::model::experiment::{CreateExperiment, CreateWebExperiment, UpdateExperiment};
use abduck::model::flag::{CreateFlag, UpdateFlag};
use abduck::model::holdout::CreateHoldout;
use abduck::model::saved_metric::CreateSavedMetric;
use abduck::results::{
    ExperimentDecision, ExposureView, ListedResult, MetricSeries, Reconciliation, SecondaryResult, TableAnalysis,
};
use abduck::{Error, Result, results};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::{Arguments, SchemaNoun};
use crate::output::Output;

/// Prints a JSON Schema, indented, so that it can be kept and compared.
pub(crate) fn schema(noun: SchemaNoun, output: &Output) -> Result<()> {
    let schema = match noun {
        SchemaNoun::Result => results::json_schema(),
        SchemaNoun::SecondaryResult => SecondaryResult::json_schema(),
        SchemaNoun::MetricResult => ListedResult::json_schema(),
        SchemaNoun::MetricSeries => MetricSeries::json_schema(),
        SchemaNoun::ExposureView => ExposureView::json_schema(),
        SchemaNoun::Reconciliation => Reconciliation::json_schema(),
        SchemaNoun::Decision => ExperimentDecision::json_schema(),
        SchemaNoun::Analysis => TableAnalysis::json_schema(),
        SchemaNoun::Document => document::json_schema(),
        SchemaNoun::Experiment => CreateExperiment::json_schema(),
        SchemaNoun::ExperimentUpdate => UpdateExperiment::json_schema(),
        SchemaNoun::WebExperiment => CreateWebExperiment::json_schema(),
        SchemaNoun::Flag => CreateFlag::json_schema(),
        SchemaNoun::FlagUpdate => UpdateFlag::json_schema(),
        SchemaNoun::Holdout => CreateHoldout::json_schema(),
        SchemaNoun::Action => CreateAction::json_schema(),
        SchemaNoun::SavedMetric => CreateSavedMetric::json_schema(),
        SchemaNoun::Cohort => CreateCohort::json_schema(),
    };
    output.print(&format!("{schema:#}\n"))
}

/// Prints a completion script.
pub(crate) fn completions(shell: Shell, output: &Output) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "abduck", &mut script);
    let script = String::from_utf8(script).map_err(|error| Error::bug(error.to_string()))?;
    output.print(&script)
}
