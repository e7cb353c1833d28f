//! Experiments: creating them, and leading them through their life.

mod described;
mod request;

use abduck::lifecycle::{Copy, Ending};
use abduck::model::experiment::{Conclusion, CreateWebExperiment, Status};
use abduck::model::metric_list::EntryRole;
use abduck::report::{Cell, Table};
use abduck::{CreateExperiment, Engine, Experiment, Result};
use jiff::Timestamp;
use serde_json::json;

pub(crate) use self::described::{Described, held_out};
pub(crate) use self::request::shares;

use crate::args::{
    ConclusionName, CreateArguments, DeleteArguments, DuplicateArguments, EndArguments, ExperimentCommand, Global,
    ListArguments, MomentArguments, RequiresFlagArguments, ShipArguments, StatusName, UpdateArguments,
    VerdictArguments,
};
use crate::commands::definition::Definition;
use crate::output::{Answer, Output};

/// Does what was asked with experiments.
pub(crate) fn run(global: &Global, command: ExperimentCommand, output: &Output) -> Result<()> {
    match command {
        ExperimentCommand::Create(arguments) => create(global, *arguments, output),
        ExperimentCommand::CreateWeb { file } => {
            let request = Definition::from_file(Some(&file), "web-experiment")?.read(CreateWebExperiment::from_json)?;
            step(global, output, created, |engine, now, by| engine.create_web_experiment(request, now, by))
        }
        ExperimentCommand::List(arguments) => list(global, &arguments, output),
        ExperimentCommand::Show(arguments) => {
            let mut engine = super::open(global)?;
            let experiment = engine.experiment(&arguments.key)?;
            show(&mut engine, experiment, output)
        }
        ExperimentCommand::Update(arguments) => update(global, *arguments, output),
        ExperimentCommand::Launch(MomentArguments { key, at }) => {
            step(global, output, launched, |engine, now, by| engine.launch(&key, at.unwrap_or(now), now, by))
        }
        ExperimentCommand::Pause(arguments) => {
            let said = |key: &str| format!("paused: nobody gets a variant until `abduck experiment resume {key}`");
            step(global, output, said, |engine, now, by| engine.pause(&arguments.key, now, by))
        }
        ExperimentCommand::Resume(arguments) => {
            let said = |key: &str| format!("resumed; see `abduck results {key}`");
            step(global, output, said, |engine, now, by| engine.resume(&arguments.key, now, by))
        }
        ExperimentCommand::End(EndArguments { moment, verdict }) => {
            let said =
                |key: &str| format!("ended; its flag stays as it is until `abduck experiment ship {key} VARIANT`");
            step(global, output, said, |engine, now, by| {
                engine.end(&moment.key, ending(verdict, moment.at.unwrap_or(now)), now, by)
            })
        }
        ExperimentCommand::Ship(ShipArguments { key, variant, verdict }) => {
            let said = |key: &str| {
                format!("shipped: the flag gives {variant} to everyone; `abduck log {key}` shows what it was before")
            };
            step(global, output, said, |engine, now, by| engine.ship(&key, &variant, ending(verdict, now), now, by))
        }
        ExperimentCommand::Reset(arguments) => {
            let said =
                |key: &str| format!("a draft again, its flag off; launch it with `abduck experiment launch {key}`");
            step(global, output, said, |engine, now, by| engine.reset(&arguments.key, now, by))
        }
        ExperimentCommand::Archive(arguments) => {
            let said = |key: &str| {
                format!("archived, its flag as it was; take it out again with `abduck experiment unarchive {key}`")
            };
            step(global, output, said, |engine, now, by| engine.archive(&arguments.key, true, now, by))
        }
        ExperimentCommand::Unarchive(arguments) => {
            let said = |key: &str| format!("out of the archive; see `abduck results {key}`");
            step(global, output, said, |engine, now, by| engine.archive(&arguments.key, false, now, by))
        }
        ExperimentCommand::Duplicate(DuplicateArguments { key, flag, name }) => {
            let copy = Copy { feature_flag_key: flag, name };
            step(global, output, created, |engine, now, by| engine.duplicate(&key, copy, now, by))
        }
        ExperimentCommand::Delete(arguments) => delete(global, &arguments, output),
        ExperimentCommand::CreateCohort(arguments) => super::cohort::of_exposed(global, &arguments.key, output),
        ExperimentCommand::Exposures(arguments) => super::exposures::run(global, &arguments, output),
        ExperimentCommand::ExposureView(arguments) => super::modern::exposure_view(global, &arguments, output),
        ExperimentCommand::RequiresFlag(arguments) => requires_flag(global, &arguments, output),
        ExperimentCommand::Metrics(arguments) => metrics(global, &arguments.key, output),
        ExperimentCommand::History(arguments) => super::history::run(global, &arguments, output),
        ExperimentCommand::Audit(arguments) => super::audit::run(global, &arguments, output),
    }
}

/// All experiments, newest first.
pub(crate) fn described_all(engine: &mut Engine) -> Result<Vec<Described>> {
    let experiments = engine.experiments()?;
    described(engine, experiments)
}

/// Experiments with what belongs to them.
pub(crate) fn described(engine: &mut Engine, experiments: Vec<Experiment>) -> Result<Vec<Described>> {
    experiments.into_iter().map(|experiment| Described::new(engine, experiment)).collect()
}

/// Takes one step, says so with the key of the flag, and shows what became of the experiment.
fn step(
    global: &Global,
    output: &Output,
    said: impl FnOnce(&str) -> String,
    take: impl FnOnce(&mut Engine, Timestamp, Option<&str>) -> Result<Experiment>,
) -> Result<()> {
    let mut engine = super::open(global)?;
    let experiment = take(&mut engine, super::now(), global.by.as_deref())?;
    output.note(&said(&experiment.feature_flag_key));
    show(&mut engine, experiment, output)
}

fn created(key: &str) -> String {
    format!("created a draft; launch it with `abduck experiment launch {key}`")
}

fn launched(key: &str) -> String {
    format!("launched; see `abduck results {key}`")
}

fn create(global: &Global, arguments: CreateArguments, output: &Output) -> Result<()> {
    // The definition comes first: reading it from a terminal may take a while.
    let request = match &arguments.file {
        Some(file) => Definition::from_file(Some(file), "experiment")?.read(CreateExperiment::from_json)?,
        None => request::create(arguments)?,
    };
    let is_draft = request.start_date.is_none();
    let said = |key: &str| if is_draft { created(key) } else { format!("created and {}", launched(key)) };
    step(global, output, said, |engine, now, by| engine.create_experiment(request, now, by))
}

fn update(global: &Global, arguments: UpdateArguments, output: &Output) -> Result<()> {
    let definition = Definition::from_file(arguments.file.as_deref(), "experiment-update")?;
    let mut engine = super::open(global)?;
    let key = arguments.key.clone();
    let was_draft = engine.experiment(&key)?.is_draft();
    let request = request::update(&mut engine, definition, arguments)?;
    let experiment = engine.update_experiment(&key, request, super::now(), global.by.as_deref())?;
    let key = &experiment.feature_flag_key;
    output.note(&match (was_draft, experiment.is_draft()) {
        (true, false) => launched(key),
        (false, true) => format!("a draft again, its flag off; launch it with `abduck experiment launch {key}`"),
        _ => format!("changed; `abduck log {key}` shows what it was before"),
    });
    show(&mut engine, experiment, output)
}

fn delete(global: &Global, arguments: &DeleteArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let experiment = engine.experiment(&arguments.key)?;
    let described = Described::new(&mut engine, experiment)?;
    let Experiment { id, name, feature_flag_key: key, .. } = &described.experiment;
    let question = format!("delete experiment '{key}' ({name}, {}) and its past results for good?", described.state());
    output.confirm(&question, arguments.yes)?;
    engine.interrupt().check()?;
    engine.delete_experiment(&id.to_string(), super::now(), global.by.as_deref())?;
    output.note(&format!("deleted, and its flag with it: the key {key} is free"));
    output.answer(&Answer::deleted("experiment", *id, name, &described.experiment)?)
}

fn requires_flag(global: &Global, arguments: &RequiresFlagArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let experiment = engine.experiment(&arguments.key)?;
    let flag_key = (!arguments.any_flag).then_some(experiment.feature_flag_key.as_str());
    let now = arguments.as_of.unwrap_or_else(super::now);
    let is_required = engine.requires_flag_implementation(&experiment.filters, flag_key, now)?;
    let flag = flag_key.map_or_else(|| "a flag".to_owned(), |key| format!("the flag '{key}'"));
    let text = if is_required {
        format!("yes: no event of the metric carried {flag} in the seven days up to {now}\n")
    } else {
        format!("no: an event of the metric carried {flag} in the seven days up to {now}\n")
    };
    let mut table = Table::new(&["requires_flag_implementation"]);
    table.push(vec![Cell::text(is_required.to_string())]);
    output.answer(&Answer { text: Some(text), table, data: json!({"result": is_required}) })
}

fn show(engine: &mut Engine, experiment: Experiment, output: &Output) -> Result<()> {
    let described = Described::new(engine, experiment)?;
    output.answer(&Answer::fields(&described.fields(), &described)?)
}

fn list(global: &Global, arguments: &ListArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let experiments = if arguments.web { engine.web_experiments()? } else { engine.experiments()? };
    let mut described = described(&mut engine, experiments)?;
    if let Some(status) = arguments.status {
        described.retain(|one| one.status == Status::from(status));
    }
    if described.is_empty() {
        output.note(match (arguments.status, arguments.web) {
            (None, false) => "no experiments yet; create one with `abduck experiment create`",
            _ => "no such experiments; see all with `abduck experiment list`",
        });
    }
    output.answer(&Answer::list(described::table(&described), &described)?)
}

fn metrics(global: &Global, key: &str, output: &Output) -> Result<()> {
    let entries = super::open(global)?.metrics(key)?;
    if entries.is_empty() {
        output.note("no metrics yet; give the experiment `filters` or `metrics` with `abduck experiment update`");
    }
    let mut table = Table::new(&["number", "id", "name", "role", "kind"]);
    for entry in &entries {
        let role = match entry.role {
            EntryRole::Primary => "primary",
            EntryRole::Secondary => "secondary",
        };
        table.push(vec![
            Cell::number(entry.index.to_string(), entry.index),
            Cell::text(&entry.id),
            Cell::text(&entry.name),
            Cell::text(role),
            Cell::text(&entry.kind),
        ]);
    }
    output.answer(&Answer::list(table, &entries)?)
}

fn ending(verdict: VerdictArguments, at: Timestamp) -> Ending {
    Ending { at, conclusion: verdict.conclusion.map(Conclusion::from), comment: verdict.comment }
}

impl From<StatusName> for Status {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Draft => Self::Draft,
            StatusName::Running => Self::Running,
            StatusName::Complete => Self::Complete,
            StatusName::Archived => Self::Archived,
        }
    }
}

impl From<ConclusionName> for Conclusion {
    fn from(name: ConclusionName) -> Self {
        match name {
            ConclusionName::Won => Self::Won,
            ConclusionName::Lost => Self::Lost,
            ConclusionName::Inconclusive => Self::Inconclusive,
            ConclusionName::StoppedEarly => Self::StoppedEarly,
            ConclusionName::Invalid => Self::Invalid,
        }
    }
}
