//! Tables that are no events.

use abduck::events::Format;
use abduck::report::{Cell, Table, number};
use abduck::{LabTable, Result, Source};

use crate::args::{Global, LoadTableArguments, TableCommand};
use crate::output::{Answer, Output};

/// Does what was asked with tables.
pub(crate) fn run(global: &Global, command: TableCommand, output: &Output) -> Result<()> {
    match command {
        TableCommand::Load(arguments) => load(global, arguments, output),
        TableCommand::List => list(global, output),
        TableCommand::Drop { name } => {
            let data_version = super::open(global)?.drop_table(&name)?;
            let fields = [("dropped", name.clone()), ("data version", data_version.to_string())];
            output
                .answer(&Answer::fields(&fields, &serde_json::json!({"dropped": name, "data_version": data_version}))?)
        }
    }
}

fn load(global: &Global, arguments: LoadTableArguments, output: &Output) -> Result<()> {
    let LoadTableArguments { name, files, timestamp, format } = arguments;
    let mut engine = super::open(global)?;
    let report = engine.load_table(&name, Source::Files(files), format.map(Format::from), timestamp.as_deref())?;
    if let Some(rows) = report.unreadable_timestamps.filter(|rows| *rows > 0) {
        output.warning(&format!("the time of {rows} rows cannot be read; no metric counts them"));
    }
    let mut fields = vec![
        (if report.replaced { "replaced" } else { "loaded" }, report.table.name.clone()),
        ("rows", number::count(report.table.rows)),
        ("columns", columns(&report.table)),
    ];
    fields.extend(report.unreadable_timestamps.map(|rows| ("unreadable times", number::count(rows))));
    fields.push(("data version", report.data_version.to_string()));
    output.answer(&Answer::fields(&fields, &report)?)
}

fn list(global: &Global, output: &Output) -> Result<()> {
    let tables = super::open(global)?.tables()?;
    if tables.is_empty() {
        output.note("no tables yet; load one with `abduck table load NAME FILE`");
    }
    let mut table = Table::new(&["table", "rows", "columns"]);
    for one in &tables {
        table.push(vec![
            Cell::text(&one.name),
            Cell::number(number::count(one.rows), one.rows),
            Cell::text(columns(one)),
        ]);
    }
    output.answer(&Answer::list(table, &tables)?)
}

fn columns(table: &LabTable) -> String {
    table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}
