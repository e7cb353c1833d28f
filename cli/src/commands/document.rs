//! Documents: definitions into the lab, and out of it.

use std::io::Read;
use std::path::{Path, PathBuf};

use abduck::model::document;
use abduck::report::{Cell, Table};
use abduck::{ApplyAction, ApplyReport, Document, DocumentChange, Error, Result};
use serde_json::{Value, json};

use crate::args::{ApplyArguments, ExportArguments, Global};
use crate::output::{Answer, Output};

/// How much of a value a table shows, in characters.
const SHOWN_MAX: usize = 60;

/// Makes the lab hold what documents define.
pub(crate) fn apply(global: &Global, arguments: &ApplyArguments, output: &Output) -> Result<()> {
    let mut documents = Vec::new();
    for path in &arguments.paths {
        documents.extend(read(path)?);
    }
    let report = super::open(global)?.apply(&documents, arguments.dry_run, super::now(), global.by.as_deref())?;
    output.answer(&Answer::table(table(&report), &report)?)?;
    if let Some(refusal) = report.refusal() {
        return Err(refusal);
    }
    output.note(&summary(&report));
    Ok(())
}

/// Writes the definitions of the lab as documents.
pub(crate) fn export(global: &Global, arguments: &ExportArguments, output: &Output) -> Result<()> {
    let documents = super::open(global)?.export(&arguments.keys)?;
    match &arguments.to {
        None => {
            let mut table = Table::new(&["kind", "key"]);
            for document in &documents {
                table.push(vec![Cell::text(document.kind.name()), Cell::text(document.key())]);
            }
            output.answer(&Answer { text: Some(document::to_yaml(&documents)?), ..Answer::table(table, &documents)? })
        }
        Some(directory) => export_to(&documents, directory, arguments.force, output),
    }
}

fn export_to(documents: &[Document], directory: &Path, force: bool, output: &Output) -> Result<()> {
    let files: Vec<PathBuf> = abduck::write_documents(documents, directory, force)?;
    let mut table = Table::new(&["file"]);
    let mut text = String::new();
    for file in &files {
        let file = file.display().to_string();
        text.extend([file.as_str(), "\n"]);
        table.push(vec![Cell::text(file)]);
    }
    output.note(&format!("{} of {} files written, the others are as they should be", files.len(), documents.len()));
    output.answer(&Answer { text: Some(text), ..Answer::table(table, &json!({"files": files}))? })
}

fn read(path: &Path) -> Result<Vec<Document>> {
    if path != Path::new("-") {
        return abduck::read_documents(path);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Error::io("standard input", error))?;
    Document::from_text(&text, "-")
}

fn table(report: &ApplyReport) -> Table {
    let mut table = Table::new(&["kind", "key", "action", "changes"]);
    for change in &report.changes {
        table.push(vec![
            Cell::text(change.kind.name()),
            Cell::text(&change.key),
            Cell::text(change.action.name()),
            Cell::text(changes(change)),
        ]);
    }
    table
}

fn changes(change: &DocumentChange) -> String {
    if let Some(error) = &change.error {
        return error.to_string();
    }
    let fields = change.changes.iter();
    let fields = fields.map(|field| format!("{}: {} → {}", field.field, shown(&field.before), shown(&field.after)));
    fields.collect::<Vec<_>>().join("; ")
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN_MAX { text } else { text.chars().take(SHOWN_MAX - 1).chain(['…']).collect() }
}

fn summary(report: &ApplyReport) -> String {
    let count = |action: ApplyAction| report.changes.iter().filter(|change| change.action == action).count();
    let [done, create, update] = if report.dry_run {
        ["a dry run, nothing was changed", "to create", "to update"]
    } else {
        ["done", "created", "updated"]
    };
    let (created, updated) = (count(ApplyAction::Create), count(ApplyAction::Update));
    format!("{done}: {created} {create}, {updated} {update}, {} as they should be", count(ApplyAction::NoChange))
}
