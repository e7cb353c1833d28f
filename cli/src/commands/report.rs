//! Reports and plots, into a file or on stdout.

use std::path::Path;

use abduck::report::{self, PlotKind};
use abduck::{Error, PlotMetric, Result, ResultsRequest};
use jiff::Timestamp;

use super::given_metric::GivenMetric;
use crate::args::{Format, Global, PlotArguments, PlotKindName, ReportArguments, ReportForm};
use crate::output::{Output, json};

/// Writes all that there is to say about an experiment.
pub(crate) fn report(global: &Global, arguments: &ReportArguments, output: &Output) -> Result<()> {
    let form = form(arguments.format, output)?;
    let report = super::open(global)?.report(&arguments.key, &request(arguments.as_of))?;
    match form {
        None => output.json(&json(&report)?),
        Some(ReportForm::Html) => write(&report::report_html(&report), output),
        Some(ReportForm::Markdown) => write(&report::report_markdown(&report), output),
    }
}

/// Draws a plot.
pub(crate) fn plot(global: &Global, arguments: &PlotArguments, output: &Output) -> Result<()> {
    if output.format().is_some() || output.file().is_some_and(|file| !ends(file, &["svg"])) {
        return Err(Error::invalid_field("output", "invalid_choice", "a plot is SVG")
            .hint("write it to a file: -o plot.svg; or leave --output out, and it is printed"));
    }
    let metric = GivenMetric::read(arguments.given.metric.as_deref())?;
    let metric = match &metric {
        GivenMetric::Definition(definition) => PlotMetric::Given(definition),
        GivenMetric::Stored(Some(name)) => PlotMetric::Listed(name),
        GivenMetric::Stored(None) => PlotMetric::Leading,
    };
    let request = request(arguments.given.as_of);
    let svg = super::open(global)?.plot(&arguments.given.key, metric, arguments.kind.into(), &request)?;
    write(&svg, output)
}

/// The form that was asked for, by name or by the end of the file's name; `None` is JSON.
fn form(named: Option<ReportForm>, output: &Output) -> Result<Option<ReportForm>> {
    let refused = |message: &str| {
        Err(Error::invalid_field("output", "invalid_choice", message)
            .hint("write it to a file: -o report.html or -o report.md; or name it: --format html"))
    };
    if let Some(folder) = output.file().filter(|file| file.is_dir()) {
        return refused(&format!("{} is a folder", folder.display()));
    }
    match (named, output.format(), output.file()) {
        (None, Some(Format::Json), _) => Ok(None),
        (Some(_), Some(Format::Json), _) => refused("a report is either JSON or of the form that --format names"),
        (_, Some(Format::Csv), _) => refused("a report is no table of comma-separated values"),
        (Some(named), ..) => Ok(Some(named)),
        (None, _, Some(file)) if ends(file, &["html", "htm"]) => Ok(Some(ReportForm::Html)),
        (None, _, Some(file)) if !ends(file, &["md", "markdown", "txt"]) => {
            refused("the end of the file's name does not say which form the report has")
        }
        _ => Ok(Some(ReportForm::Markdown)),
    }
}

fn ends(file: &Path, extensions: &[&str]) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase);
    extension.is_some_and(|extension| extensions.contains(&extension.as_str()))
}

fn write(text: &str, output: &Output) -> Result<()> {
    let Some(file) = output.file() else { return output.print(text) };
    abduck::write_text(file, text)?;
    output.note(&format!("{} is written", file.display()));
    Ok(())
}

fn request(as_of: Option<Timestamp>) -> ResultsRequest {
    let now = super::now();
    ResultsRequest { as_of: as_of.unwrap_or(now), now, refresh: false, max_age: None }
}

impl From<PlotKindName> for PlotKind {
    fn from(name: PlotKindName) -> Self {
        match name {
            PlotKindName::Forest => Self::Forest,
            PlotKindName::Posterior => Self::Posterior,
            PlotKindName::Series => Self::Series,
            PlotKindName::Daily => Self::Daily,
            PlotKindName::Funnel => Self::Funnel,
            PlotKindName::Exposure => Self::Exposure,
            PlotKindName::Age => Self::Age,
        }
    }
}
