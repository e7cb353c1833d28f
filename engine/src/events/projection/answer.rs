//! Answers to questions about each event, by SQL, kept as columns.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, UInt8Array};
use arrow::datatypes::{DataType, Float64Type, UInt8Type, UInt32Type};

use super::super::database::text;
use super::super::interrupt::Interrupt;
use super::super::store::{COLUMNS_OF_EVENTS, Reader};
use super::base::column;
use super::file::{ColumnFile, ColumnWriter};
use super::layout::Manifest;
use crate::error::{Error, Result};
use crate::plan::hash_of;
use crate::sql::Sql;

/// At most so many answers are kept; beyond, the oldest go.
const ANSWERS_MAX: usize = 64;

/// What is asked of each event: an expression over `events AS e`.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What kind of value the expression has.
    pub answer: Answer,
    /// The name of the events that are asked; the others have no answer. Without one, all are asked.
    pub event: Option<String>,
    /// The expression.
    pub expression: Sql,
}

/// What kind of value a question has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A whole number from 0 to 255; null counts as 0.
    Code,
    /// A number, or null, which is read as not a number, as are infinities.
    Number,
}

impl Question {
    /// The file of its answers. Equal questions have equal files, and no others do.
    pub(super) fn file_name(&self) -> String {
        let asked = (self.answer, &self.event, self.expression.as_text(), self.expression.values());
        format!("{}.arrow", hash_of(&format!("{asked:?}")))
    }

    fn kind(&self) -> DataType {
        match self.answer {
            Answer::Code => DataType::UInt8,
            Answer::Number => DataType::Float64,
        }
    }
}

/// Answers those questions that were not answered yet, all with one query.
pub(super) fn write_missing(
    reader: &Reader,
    folder: &Path,
    manifest: &Manifest,
    questions: &[Question],
    interrupt: &Interrupt,
) -> Result<()> {
    let mut missing: Vec<&Question> = Vec::new();
    for question in questions {
        let path = folder.join(question.file_name());
        if !path.is_file() && !missing.contains(&question) {
            missing.push(question);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let answers = ask(reader, manifest, &missing, interrupt)?;
    write(folder, manifest, &missing, &answers)?;
    forget_oldest(folder, questions);
    Ok(())
}

/// The answers, by row of the store.
enum Answers {
    Codes(Vec<u8>),
    Numbers(Vec<f64>),
}

fn ask(reader: &Reader, manifest: &Manifest, questions: &[&Question], interrupt: &Interrupt) -> Result<Vec<Answers>> {
    let events = usize::try_from(manifest.events).map_err(|_| Error::bug("more events than memory"))?;
    let empty = |question: &&Question| match question.answer {
        Answer::Code => Answers::Codes(vec![0; events]),
        Answer::Number => Answers::Numbers(vec![f64::NAN; events]),
    };
    let mut answers: Vec<Answers> = questions.iter().map(empty).collect();
    reader.scan(&query(questions), interrupt, &mut |batch| {
        let rows = column::<UInt32Type>(batch, 0)?;
        answers.iter_mut().enumerate().try_for_each(|(index, answers)| fill(answers, rows, batch, index + 1))
    })?;
    Ok(answers)
}

/// The answers of each row.
///
/// A join would carry whole properties through it, instead of the one that is asked for, which costs thirty times as much, and
/// so does a view in between. So the table itself is asked, unless a question is about what only the view has.
fn query(questions: &[&Question]) -> Sql {
    let needs_view = |question: &&Question| {
        ["e.event", "e.person_id", "e.distinct_id"].iter().any(|column| mentions(question.expression.as_text(), column))
    };
    let mut sql = text("SELECT CAST(e.rowid AS UINTEGER) AS row");
    for question in questions {
        sql.text(", CAST(");
        if let Some(name) = &question.event {
            sql.text("CASE WHEN e.event_name_id = ").append(&number_of(name)).text(" THEN ");
        }
        sql.append(&question.expression);
        if question.event.is_some() {
            sql.text(" END");
        }
        sql.text(match question.answer {
            Answer::Code => " AS UTINYINT)",
            Answer::Number => " AS DOUBLE)",
        });
    }
    sql.text("\nFROM ");
    if questions.iter().any(needs_view) {
        sql.text("(SELECT event.rowid, event.event_name_id,").text(COLUMNS_OF_EVENTS).text(")");
    } else {
        sql.text("event");
    }
    sql.text(" AS e");
    if questions.iter().all(|question| question.event.is_some()) {
        sql.text("\nWHERE e.event_name_id IN (").separated(", ", questions, |sql, question| {
            sql.append(&number_of(question.event.as_deref().unwrap_or_default()));
        });
        sql.text(")");
    }
    sql
}

/// Whether a column occurs in a text; one whose name is longer does not count.
fn mentions(text: &str, column: &str) -> bool {
    let is_of_name = |rest: &str| rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    text.match_indices(column).any(|(at, _)| !is_of_name(&text[at + column.len()..]))
}

fn number_of(name: &str) -> Sql {
    let mut sql = text("(SELECT id FROM event_name WHERE name = ");
    sql.value(name).text(")");
    sql
}

fn fill(answers: &mut Answers, rows: &[u32], batch: &RecordBatch, index: usize) -> Result<()> {
    let wrong = || Error::bug(format!("answer {index} is of another type"));
    let column = batch.column(index);
    match answers {
        Answers::Codes(codes) => {
            let values = column.as_primitive_opt::<UInt8Type>().ok_or_else(wrong)?;
            for (row, value) in rows.iter().zip(values) {
                if let Some(value) = value {
                    *codes.get_mut(*row as usize).ok_or_else(wrong)? = value;
                }
            }
        }
        Answers::Numbers(numbers) => {
            let values = column.as_primitive_opt::<Float64Type>().ok_or_else(wrong)?;
            for (row, value) in rows.iter().zip(values) {
                if let Some(value) = value.filter(|value| value.is_finite()) {
                    *numbers.get_mut(*row as usize).ok_or_else(wrong)? = value;
                }
            }
        }
    }
    Ok(())
}

/// Puts the answers in the order of the projection.
fn write(folder: &Path, manifest: &Manifest, questions: &[&Question], answers: &[Answers]) -> Result<()> {
    let create =
        |question: &&Question| ColumnWriter::create(folder.join(question.file_name()), &[("answer", question.kind())]);
    let mut writers = questions.iter().map(create).collect::<Result<Vec<_>>>()?;
    let mut rows = ColumnFile::open(folder.join("row.arrow"))?;
    for bucket in 0..manifest.buckets() {
        let batch = rows.read(bucket)?;
        let rows = column::<UInt32Type>(&batch, 0)?;
        for (writer, answers) in writers.iter_mut().zip(answers) {
            let outside = || Error::bug("the projection has a row that the store does not have");
            let array: ArrayRef = match answers {
                Answers::Codes(codes) => {
                    let of = |row: &u32| codes.get(*row as usize).copied().ok_or_else(outside);
                    Arc::new(UInt8Array::from(rows.iter().map(of).collect::<Result<Vec<_>>>()?))
                }
                Answers::Numbers(numbers) => {
                    let of = |row: &u32| numbers.get(*row as usize).copied().ok_or_else(outside);
                    Arc::new(Float64Array::from(rows.iter().map(of).collect::<Result<Vec<_>>>()?))
                }
            };
            writer.append(vec![array])?;
        }
    }
    writers.into_iter().try_for_each(ColumnWriter::finish)
}

/// Keeps the folder from growing without end.
fn forget_oldest(folder: &Path, in_use: &[Question]) {
    const BASE: [&str; 4] = ["units.arrow", "timestamp.arrow", "event_name.arrow", "row.arrow"];
    let Ok(entries) = fs::read_dir(folder) else { return };
    let is_answer = |name: &str| {
        Path::new(name).extension().is_some_and(|extension| extension == "arrow")
            && !BASE.contains(&name)
            && !in_use.iter().any(|question| question.file_name() == name)
    };
    let mut answers: Vec<_> = entries
        .flatten()
        .filter(|entry| is_answer(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    answers.sort();
    let surplus = (answers.len() + in_use.len()).saturating_sub(ANSWERS_MAX);
    for (_, path) in answers.into_iter().take(surplus) {
        fs::remove_file(path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_column_is_not_taken_for_a_longer_one() {
        assert!(mentions("lower(e.event) = 'x'", "e.event"));
        assert!(mentions("e.event", "e.event"));
        assert!(!mentions("e.event_name_id = 3", "e.event"));
    }
}
