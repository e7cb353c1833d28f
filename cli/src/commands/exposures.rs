//! Who was exposed to an experiment, person by person. The list is printed while it is made, so that it may be long.

use abduck::Result;
use abduck::report::{Cell, Table};
use abduck::results::ExposedPerson;

use crate::args::{ExposureArguments, Format, Global};
use crate::output::{Output, json};

/// Lists the persons exposed to an experiment.
pub(crate) fn run(global: &Global, arguments: &ExposureArguments, output: &Output) -> Result<()> {
    let as_of = arguments.as_of.unwrap_or_else(super::now);
    let format = output.format().unwrap_or(Format::Table);
    let mut engine = super::open(global)?;
    let mut is_first = true;
    let rows = engine.exposures(&arguments.key, as_of, &mut |persons| {
        // Only now, when nothing can be refused any more.
        if is_first {
            output.print(&beginning(format)?)?;
        }
        output.print(&part(format, persons, is_first)?)?;
        is_first = false;
        Ok(())
    })?;
    if is_first {
        output.print(&beginning(format)?)?;
    }
    if format == Format::Json {
        output.print("]\n")?;
    }
    if rows == 0 {
        output.note("nobody was exposed yet");
    }
    Ok(())
}

/// What stands before the first person.
fn beginning(format: Format) -> Result<String> {
    Ok(match format {
        Format::Table => line("first exposure", "variant", "exposures", "person", "distinct id"),
        Format::Json => "[".to_owned(),
        Format::Csv => table(&[]).to_csv()?,
        Format::Md => table(&[]).to_markdown(),
    })
}

fn part(format: Format, persons: &[ExposedPerson], is_first: bool) -> Result<String> {
    match format {
        Format::Table => Ok(persons.iter().map(shown).collect()),
        Format::Json => objects(persons, is_first),
        Format::Csv => Ok(without_lines(&table(persons).to_csv()?, 1)),
        Format::Md => Ok(without_lines(&table(persons).to_markdown(), 2)),
    }
}

fn shown(person: &ExposedPerson) -> String {
    let ExposedPerson { first_exposure, variant, exposures, person_id, distinct_id } = person;
    let first_exposure = first_exposure.to_string();
    line(&first_exposure, variant, &exposures.to_string(), &person_id.to_string(), distinct_id)
}

/// Columns of fixed width, since the widest value is not known before the end.
fn line(first_exposure: &str, variant: &str, exposures: &str, person: &str, distinct_id: &str) -> String {
    format!("{first_exposure:<27}  {variant:<20}  {exposures:>9}  {person:>10}  {distinct_id}\n")
}

/// The elements of a JSON list, each on a line of its own.
fn objects(persons: &[ExposedPerson], is_first: bool) -> Result<String> {
    let mut text = String::new();
    for (index, person) in persons.iter().enumerate() {
        text.push_str(if is_first && index == 0 { "\n" } else { ",\n" });
        text.push_str(&json(person)?.to_string());
    }
    Ok(text)
}

fn table(persons: &[ExposedPerson]) -> Table {
    let mut table = Table::new(&["first_exposure", "variant", "exposures", "person_id", "distinct_id"]);
    for person in persons {
        table.push(vec![
            Cell::text(person.first_exposure.to_string()),
            Cell::text(&person.variant),
            Cell::number(person.exposures.to_string(), person.exposures),
            Cell::number(person.person_id.to_string(), person.person_id),
            Cell::text(&person.distinct_id),
        ]);
    }
    table
}

/// A table's text without its header, which was printed already.
fn without_lines(text: &str, count: usize) -> String {
    text.splitn(count + 1, '\n').nth(count).unwrap_or_default().to_owned()
}
