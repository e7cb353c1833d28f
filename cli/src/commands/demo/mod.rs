//! Two experiments on a sample log whose true effects are known, from nothing to a verdict.

mod truth;

use std::path::{Path, PathBuf};
use std::time::Instant;

use abduck::report::{self, number};
use abduck::{CreateExperiment, Engine, Error, ExperimentResult, IngestOptions, Result, ResultsRequest, Source};
use serde_json::json;

use self::truth::{Comparison, Truth};
use crate::args::Global;
use crate::output::{Answer, Output};
use crate::progress::IngestProgress;

const EVENTS: &[u8] = include_bytes!("../../../../datasets/sample/shop.parquet");
const TRUTH: &str = include_str!("../../../../datasets/sample/shop.truth.json");

/// Makes a lab of the sample, and compares what it says with the truth.
pub(crate) fn run(global: &Global, directory: Option<PathBuf>, output: &Output) -> Result<()> {
    let began = Instant::now();
    let truth = Truth::read(TRUTH)?;
    let directory = directory.map_or_else(temporary_directory, Ok)?;
    let mut engine = super::ready(Engine::init(&directory)?, global)?;
    output.note(&format!("made a lab in {}", directory.display()));
    ingest(&mut engine, output)?;
    let results = results(&mut engine, &truth, global)?;
    let comparisons = results.iter().map(|result| truth.compare(result)).collect::<Result<Vec<_>>>()?;
    let comparisons: Vec<_> = comparisons.into_iter().flatten().collect();
    let seconds = began.elapsed().as_secs_f64();
    let data = json!({"lab": directory, "seconds": seconds, "results": results, "comparison": comparisons});
    let text = Some(text(&results, &comparisons, output.width()));
    output.answer(&Answer { text, table: truth::table(&comparisons), data })?;
    output.note(&format!("\nThat took {seconds:.1} s.\n{}", next_steps(&directory)));
    Ok(())
}

fn temporary_directory() -> Result<PathBuf> {
    let made = tempfile::Builder::new().prefix("abduck-demo-").tempdir();
    made.map(tempfile::TempDir::keep).map_err(|error| Error::io(std::env::temp_dir(), error))
}

/// Takes the sample in; its file stays beside the lab's own, to be looked at.
fn ingest(engine: &mut Engine, output: &Output) -> Result<()> {
    let file = engine.directory().join("shop.parquet");
    std::fs::write(&file, EVENTS).map_err(|error| Error::io(&file, error))?;
    let source = Source::Files(vec![file.display().to_string()]);
    let progress = IngestProgress::new(output.is_quiet());
    let report = engine.ingest(source, &IngestOptions::default(), &mut |step| progress.show(&step))?;
    drop(progress);
    let (stored, persons) = (number::count(report.stored), number::count(report.new_persons));
    output.note(&format!("took in {stored} events of {persons} persons"));
    Ok(())
}

/// Creates each experiment of the sample, and asks how it stands.
fn results(engine: &mut Engine, truth: &Truth, global: &Global) -> Result<Vec<ExperimentResult>> {
    let now = super::now();
    let result = |definition: &serde_json::Value| {
        let request = CreateExperiment::from_json(definition.clone())?;
        let experiment = engine.create_experiment(request, now, global.by.as_deref())?;
        engine.results(&experiment.feature_flag_key, &ResultsRequest { as_of: now, now, refresh: false, max_age: None })
    };
    truth.experiments.iter().map(result).collect()
}

fn text(results: &[ExperimentResult], comparisons: &[Comparison], width: Option<u16>) -> String {
    let mut text = String::new();
    for result in results {
        text.push_str(&report::result(result, width));
        text.push('\n');
    }
    text.push_str("Beside the truth\n");
    text.push_str(&truth::table(comparisons).to_text(width));
    let found = comparisons.iter().all(|row| row.counts_equal && row.planted_lift_allowed != Some(false));
    text.push_str(if found {
        "Every count is exact, and every planted effect lies within the intervals.\n"
    } else {
        "Not everything was found again; see the rows that say no.\n"
    });
    text
}

fn next_steps(directory: &Path) -> String {
    let lab = directory.display();
    format!(
        "\
The lab is kept. Try next:
  abduck --lab {lab} status
  abduck --lab {lab} explain quick-checkout --run
  abduck --lab {lab} results smart-search -o json
and then your own events: abduck init my-lab, abduck --lab my-lab ingest FILES"
    )
}
