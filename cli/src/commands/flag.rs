//! Flags: what they are, and which variant an id gets.

mod definitions;

use std::io::{BufRead, Read};
use std::path::Path;

use abduck::assignment::{Evaluation, Evaluator, KnownSubject, Layout, evaluate_batch, evaluate_objects};
use abduck::events::{Format as TableFormat, TableRows, read_table};
use abduck::{Engine, Error, ErrorKind, Interrupt, Result};
use serde_json::{Map, Value, json};

pub(crate) use self::definitions::shown_variants;

use crate::args::{EvaluateArguments, FlagCommand, Global};
use crate::output::stream::RowStream;
use crate::output::{Answer, Output};

/// How many ids from stdin are evaluated at once.
const IDS: usize = 8_192;

/// Does what was asked with flags.
pub(crate) fn run(global: &Global, command: FlagCommand, output: &Output) -> Result<()> {
    match command {
        FlagCommand::List { deleted } => definitions::list(global, deleted, output),
        FlagCommand::Show(arguments) => {
            let mut engine = super::open(global)?;
            let flag = engine.flag(&arguments.key)?;
            definitions::show(&mut engine, &flag, output)
        }
        FlagCommand::Create(arguments) => definitions::create(global, &arguments, output),
        FlagCommand::Update(arguments) => definitions::update(global, &arguments, output),
        FlagCommand::Delete(arguments) => definitions::delete(global, &arguments.key, output),
        FlagCommand::Restore(arguments) => definitions::restore(global, &arguments.key, output),
        FlagCommand::Evaluate(arguments) => evaluate(global, &arguments, output),
    }
}

fn evaluate(global: &Global, arguments: &EvaluateArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let evaluator = match &arguments.ids {
        None => engine.flag_evaluator(&arguments.key, super::now())?,
        Some(_) => engine.flag_evaluator_for_rows(&arguments.key, super::now())?,
    };
    note_if_off(&mut engine, &arguments.key, output)?;
    match &arguments.ids {
        None => {
            let id = arguments.id.as_deref().unwrap_or_default();
            let mut known = engine.known_subject(&arguments.key, id, arguments.groups.iter().cloned().collect())?;
            if let (true, Some(hash_key)) = (arguments.keep, &arguments.hash_key) {
                let by = global.by.as_deref();
                known.hash_key_override = Some(engine.keep_hash_key(&arguments.key, id, hash_key, super::now(), by)?);
            } else if let Some(hash_key) = &arguments.hash_key {
                known.hash_key_override = Some(hash_key.clone());
            }
            output.answer(&evaluate_one(&evaluator, known, arguments)?)
        }
        Some(file) => evaluate_all(&evaluator, file, arguments, &engine.interrupt(), output),
    }
}

/// A flag that is switched off answers nothing (F-1); people should know why.
fn note_if_off(engine: &mut Engine, key: &str, output: &Output) -> Result<()> {
    let flag = engine.flag(key)?;
    if flag.deleted {
        output.note(&format!("the flag '{key}' is deleted, so it answers nothing"));
    } else if !flag.active {
        output.note(&format!(
            "the flag '{key}' is switched off, so it answers nothing; launching its experiment switches it on"
        ));
    }
    Ok(())
}

/// What is given goes before what the lab knows.
fn evaluate_one(evaluator: &Evaluator, mut known: KnownSubject, arguments: &EvaluateArguments) -> Result<Answer> {
    known.person_properties.extend(arguments.properties.iter().cloned());
    for (group, (property, value)) in arguments.group_properties.iter().cloned() {
        known.group_properties.entry(group).or_default().insert(property, value);
    }
    let evaluation = evaluator.evaluate(&known.subject(arguments.id.as_deref().unwrap_or_default()));
    Answer::fields(&fields(evaluation.as_ref()), &evaluation)
}

fn fields(evaluation: Option<&Evaluation<'_>>) -> Vec<(&'static str, String)> {
    let shown = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let of = |part: fn(&Evaluation<'_>) -> Option<String>| shown(evaluation.and_then(part));
    vec![
        ("value", of(|evaluation| Some(evaluation.value().as_text().to_owned()))),
        ("variant", of(|evaluation| evaluation.variant.map(ToOwned::to_owned))),
        ("reason", of(|evaluation| Some(evaluation.reason.name().to_owned()))),
        ("condition", of(|evaluation| evaluation.condition_index.map(|index| index.to_string()))),
        ("payload", of(|evaluation| evaluation.payload.map(Value::to_string))),
    ]
}

/// Evaluates every row, and prints answers while it goes on.
fn evaluate_all(
    evaluator: &Evaluator,
    file: &Path,
    arguments: &EvaluateArguments,
    interrupt: &Interrupt,
    output: &Output,
) -> Result<()> {
    let group_column = evaluator.group_type().map(|name| format!("group_{name}"));
    let layout = Layout { id_column: arguments.id_column.clone(), group_column };
    let mut stream = RowStream::new(output);
    let mut on_rows = |rows: TableRows<'_>| {
        let answers = match rows {
            TableRows::Columns(batch) => evaluate_batch(evaluator, batch, &layout)?,
            TableRows::Objects(objects) => evaluate_objects(evaluator, objects, &layout)?,
        };
        stream.push(&answers)
    };
    let done = if file == Path::new("-") {
        read_ids(&layout.id_column, interrupt, &mut on_rows)
    } else {
        let format = arguments.format.map(TableFormat::from);
        let columns = layout.columns(evaluator);
        read_table(file, format, &layout.id_column, &columns, interrupt, &mut on_rows).map(drop)
    };
    match done {
        // A reader that has seen enough, such as `head`, is content.
        Err(error) if matches!(error.kind(), ErrorKind::Interrupted) && stream.is_over() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => stream.finish(),
    }
}

/// One id per line of stdin; blank lines are none.
fn read_ids(column: &str, interrupt: &Interrupt, on_rows: &mut dyn FnMut(TableRows<'_>) -> Result<()>) -> Result<()> {
    let mut lines = std::io::stdin().lock();
    let mut objects: Vec<Map<String, Value>> = Vec::with_capacity(IDS);
    let mut line = String::new();
    loop {
        interrupt.check()?;
        line.clear();
        let read = lines.by_ref().read_line(&mut line).map_err(|error| Error::io("standard input", error))?;
        let id = line.trim_end_matches(['\r', '\n']);
        if !id.is_empty() {
            objects.push(Map::from_iter([(column.to_owned(), json!(id))]));
        }
        if objects.len() == IDS || read == 0 {
            on_rows(TableRows::Objects(&objects))?;
            objects.clear();
        }
        if read == 0 {
            return Ok(());
        }
    }
}
