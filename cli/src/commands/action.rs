//! Actions: events that mean the same, under one name.

use abduck::Result;
use abduck::model::action::{Action, CreateAction, UpdateAction};
use abduck::report::{Cell, Table};

use crate::args::{ActionCommand, Global, UpdateActionArguments};
use crate::commands::definition::Definition;
use crate::output::{Answer, Output, json};

/// The noun, as `abduck schema` knows it.
const FORM: &str = "action";

/// Does what was asked with actions.
pub(crate) fn run(global: &Global, command: ActionCommand, output: &Output) -> Result<()> {
    match command {
        ActionCommand::List => list(global, output),
        ActionCommand::Show(arguments) => show(&super::open(global)?.action(&arguments.key)?, output),
        ActionCommand::Create { file } => {
            let request = Definition::from_file(Some(&file), FORM)?.read(CreateAction::from_json)?;
            let action = super::open(global)?.create_action(request, super::now(), global.by.as_deref())?;
            output.note(&format!(
                "created; a metric names it as {{\"actions\": [{{\"id\": {}, \"type\": \"actions\"}}]}}",
                action.id
            ));
            show(&action, output)
        }
        ActionCommand::Update(arguments) => update(global, arguments, output),
        ActionCommand::Delete(arguments) => delete(global, &arguments.key, output),
    }
}

fn list(global: &Global, output: &Output) -> Result<()> {
    let actions = super::open(global)?.actions()?;
    if actions.is_empty() {
        output.note("no actions yet; create one with `abduck action create FILE`");
    }
    let mut table = Table::new(&["number", "name", "steps", "description"]);
    for action in &actions {
        table.push(vec![
            Cell::number(action.id.to_string(), action.id),
            Cell::text(&action.name),
            Cell::number(action.steps.len().to_string(), action.steps.len()),
            Cell::text(action.description.as_deref().unwrap_or("–")),
        ]);
    }
    output.answer(&Answer::list(table, &actions)?)
}

fn show(action: &Action, output: &Output) -> Result<()> {
    let mut fields = vec![("number", action.id.to_string()), ("name", action.name.clone())];
    for step in &action.steps {
        fields.push(("step", json(step)?.to_string()));
    }
    let optional = [("description", &action.description), ("created by", &action.created_by)];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    output.answer(&Answer::fields(&fields, action)?)
}

fn update(global: &Global, arguments: UpdateActionArguments, output: &Output) -> Result<()> {
    let UpdateActionArguments { key, file, name, description } = arguments;
    let mut definition = Definition::from_file(file.as_deref(), FORM)?;
    definition.set_given("name", name);
    definition.set_given("description", description);
    let request = definition.read(UpdateAction::from_json)?;
    let action = super::open(global)?.update_action(&key, request, super::now(), global.by.as_deref())?;
    output.note("changed for every experiment that uses it; `abduck log` shows what it was before");
    show(&action, output)
}

fn delete(global: &Global, key: &str, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let action = engine.action(key)?;
    engine.delete_action(&action.id.to_string(), super::now(), global.by.as_deref())?;
    output.note("deleted; `abduck log` shows what it was");
    output.answer(&Answer::deleted("action", action.id, &action.name, &action)?)
}
