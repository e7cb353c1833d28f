//! Holdouts: people kept out of experiments.

use abduck::model::experiment::Status;
use abduck::model::holdout::{CreateHoldout, Holdout, UpdateHoldout};
use abduck::report::{Cell, Table};
use abduck::{Engine, Result};
use serde_json::{Value, json};

use crate::args::{CreateHoldoutArguments, Global, HoldoutCommand, UpdateHoldoutArguments};
use crate::commands::definition::Definition;
use crate::commands::experiment::{Described, described, held_out};
use crate::output::{Answer, Output, json};

/// Does what was asked with holdouts.
pub(crate) fn run(global: &Global, command: HoldoutCommand, output: &Output) -> Result<()> {
    match command {
        HoldoutCommand::List => list(global, output),
        HoldoutCommand::Show(arguments) => {
            let mut engine = super::open(global)?;
            let holdout = engine.holdout(&arguments.key)?;
            show(&mut engine, &holdout, output)
        }
        HoldoutCommand::Create(arguments) => create(global, arguments, output),
        HoldoutCommand::Update(arguments) => update(global, arguments, output),
        HoldoutCommand::Delete(arguments) => delete(global, &arguments.key, output),
    }
}

fn list(global: &Global, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let holdouts = engine.holdouts()?;
    if holdouts.is_empty() {
        output.note("no holdouts yet; create one with `abduck holdout create --name NAME --percent PERCENT`");
    }
    let mut table = Table::new(&["number", "name", "held out", "experiments"]);
    for holdout in &holdouts {
        let experiments = engine.experiments_of_holdout(holdout)?.len();
        table.push(vec![
            Cell::number(holdout.id.to_string(), holdout.id),
            Cell::text(&holdout.name),
            Cell::text(held_out(holdout)),
            Cell::number(experiments.to_string(), experiments),
        ]);
    }
    output.answer(&Answer::list(table, &holdouts)?)
}

fn show(engine: &mut Engine, holdout: &Holdout, output: &Output) -> Result<()> {
    let experiments = experiments(engine, holdout)?;
    let mut fields =
        vec![("number", holdout.id.to_string()), ("name", holdout.name.clone()), ("held out", held_out(holdout))];
    let optional = [("description", &holdout.description), ("created by", &holdout.created_by)];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    fields.extend(experiments.iter().map(|experiment| ("experiment", experiment.one_line())));
    output.answer(&Answer::fields(&fields, &json!({"holdout": json(holdout)?, "experiments": json(&experiments)?}))?)
}

fn create(global: &Global, arguments: CreateHoldoutArguments, output: &Output) -> Result<()> {
    let CreateHoldoutArguments { name, percent, description } = arguments;
    let filters = json!([{"properties": [], "rollout_percentage": percent}]);
    let request = json!({"name": name, "description": description, "filters": filters});
    let request = CreateHoldout::from_json(request)?;
    let mut engine = super::open(global)?;
    let holdout = engine.create_holdout(request, super::now(), global.by.as_deref())?;
    output.note(&format!("created; use it with `abduck experiment update KEY --holdout {}`", holdout.id));
    show(&mut engine, &holdout, output)
}

fn update(global: &Global, arguments: UpdateHoldoutArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let before = engine.holdout(&arguments.key)?;
    let mut definition = Definition::from_file(None, "holdout")?;
    definition.set_given("name", arguments.name);
    definition.set_given("description", arguments.description);
    if let Some(percent) = arguments.percent {
        definition.set("filters", with_percent(&before, percent)?);
    }
    let request = definition.read(UpdateHoldout::from_json)?;
    let holdout = engine.update_holdout(&before.id.to_string(), request, super::now(), global.by.as_deref())?;
    if holdout.filters != before.filters {
        warn_of_running(&mut engine, &holdout, output)?;
    }
    output.note("changed; `abduck log` shows what it was before");
    show(&mut engine, &holdout, output)
}

fn delete(global: &Global, key: &str, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let holdout = engine.holdout(key)?;
    let experiments = experiments(&mut engine, &holdout)?;
    engine.delete_holdout(&holdout.id.to_string(), super::now(), global.by.as_deref())?;
    if experiments.iter().any(is_running) {
        output.warning("running experiments now take in the people who were held out");
    }
    output.note("deleted; `abduck log` shows what it was");
    output.answer(&Answer::deleted("holdout", holdout.id, &holdout.name, &holdout)?)
}

/// The conditions with another percentage in the first, which is the one that counts (L-33).
fn with_percent(holdout: &Holdout, percent: f64) -> Result<Vec<Value>> {
    let mut filters = holdout.filters.iter().map(json).collect::<Result<Vec<_>>>()?;
    match filters.first_mut().and_then(Value::as_object_mut) {
        Some(first) => drop(first.insert("rollout_percentage".to_owned(), percent.into())),
        None => filters.push(json!({"properties": [], "rollout_percentage": percent})),
    }
    Ok(filters)
}

/// Another percentage moves people between held out and exposed (B-24).
fn warn_of_running(engine: &mut Engine, holdout: &Holdout, output: &Output) -> Result<()> {
    let experiments = experiments(engine, holdout)?;
    let running: Vec<_> = experiments.iter().filter(|experiment| is_running(experiment)).collect();
    if !running.is_empty() {
        let keys: Vec<_> = running.iter().map(|one| one.experiment.feature_flag_key.as_str()).collect();
        let keys = keys.join(", ");
        output.warning(&format!("people moved between held out and exposed while experiments ran: {keys}"));
    }
    Ok(())
}

fn experiments(engine: &mut Engine, holdout: &Holdout) -> Result<Vec<Described>> {
    let experiments = engine.experiments_of_holdout(holdout)?;
    described(engine, experiments)
}

fn is_running(experiment: &Described) -> bool {
    experiment.status == Status::Running
}
