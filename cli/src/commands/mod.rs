//! What each command does: ask the engine, and answer.

mod action;
mod analyze;
mod audit;
mod cohort;
mod decide;
mod definition;
mod demo;
mod document;
mod events;
mod experiment;
mod explain;
mod exposures;
mod flag;
mod given_metric;
mod history;
mod holdout;
mod lab;
mod log;
mod metric;
mod modern;
mod planning;
mod profiles;
mod report;
mod results;
mod settings;
mod shell;
mod table;

use abduck::model::time::to_microseconds;
use abduck::{Engine, Error, ErrorKind, Result};
use jiff::Timestamp;

use crate::args::{Arguments, Command, Global};
use crate::exit::Exit;
use crate::interrupt::stop_on_control_c;
use crate::output::Output;

/// Does what was typed. A decision has exit codes of its own.
pub(crate) fn run(arguments: Arguments, output: &Output) -> Result<Exit> {
    let Arguments { global, command } = arguments;
    if let (Some(file), false) = (output.file(), matches!(command, Command::Report(_) | Command::Plot(_))) {
        let message = format!("only reports and plots are written to a file, and '{}' is no format", file.display());
        return Err(Error::invalid_field("output", "invalid_choice", message)
            .hint("choose table, json, csv or md, and put the answer into a file with >"));
    }
    match command {
        Command::Decide(arguments) => decide::run(&global, &arguments, output),
        command => answer(&global, command, output).map(|()| Exit::Success),
    }
}

fn answer(global: &Global, command: Command, output: &Output) -> Result<()> {
    match command {
        Command::Decide(arguments) => decide::run(global, &arguments, output).map(drop),
        Command::Init { directory } => lab::init(global, directory, output),
        Command::Status => lab::status(global, output),
        Command::Ingest(arguments) => events::ingest(global, *arguments, output),
        Command::Attach(arguments) => events::attach(global, *arguments, output),
        Command::Detach { pattern } => events::detach(global, &pattern, output),
        Command::Person(command) => profiles::person(global, &command, output),
        Command::Group(command) => profiles::group(global, &command, output),
        Command::Table(command) => table::run(global, command, output),
        Command::Settings(command) => settings::run(global, command, output),
        Command::Experiment(command) => experiment::run(global, command, output),
        Command::Flag(command) => flag::run(global, command, output),
        Command::Holdout(command) => holdout::run(global, command, output),
        Command::Metric(command) => metric::run(global, command, output),
        Command::Action(command) => action::run(global, command, output),
        Command::Cohort(command) => cohort::run(global, command, output),
        Command::Log(arguments) => log::run(global, &arguments, output),
        Command::Results(arguments) => results::run(global, &arguments, output),
        Command::Report(arguments) => report::report(global, &arguments, output),
        Command::Plot(arguments) => report::plot(global, &arguments, output),
        Command::Plan(command) => planning::run(global, command, output),
        Command::Calibrate(arguments) => planning::calibrate(global, &arguments, output),
        Command::Influence(arguments) => planning::influence(global, &arguments, output),
        Command::Try(arguments) => modern::try_metric(global, &arguments, output),
        Command::Series(arguments) => modern::series(global, &arguments, output),
        Command::Units(arguments) => modern::units(global, &arguments, output),
        Command::Reconcile(arguments) => modern::reconcile(global, &arguments, output),
        Command::Analyze(arguments) => analyze::run(&arguments, output),
        Command::Explain(arguments) => explain::run(global, &arguments, output),
        Command::Apply(arguments) => document::apply(global, &arguments, output),
        Command::Export(arguments) => document::export(global, &arguments, output),
        Command::Schema { noun } => shell::schema(noun, output),
        Command::Completions { shell } => shell::completions(shell, output),
        Command::Demo { directory } => demo::run(global, directory, output),
    }
}

/// The present, to the microsecond that all stores keep. The only place that reads the clock for the engine.
fn now() -> Timestamp {
    let now = Timestamp::now();
    to_microseconds(now).unwrap_or(now)
}

/// Opens the lab, ready to be interrupted.
fn open(global: &Global) -> Result<Engine> {
    let engine = Engine::open(&global.lab).map_err(|error| match error.kind() {
        ErrorKind::NotFound { .. } => error.hint("or name another: --lab DIR, or ABDUCK_LAB in the environment"),
        _ => error,
    })?;
    ready(engine, global)
}

/// An engine that waits as long as was asked for, and that Ctrl-C stops.
fn ready(engine: Engine, global: &Global) -> Result<Engine> {
    let engine = engine.waiting_at_most(global.wait)?;
    stop_on_control_c(engine.interrupt())?;
    Ok(engine)
}
