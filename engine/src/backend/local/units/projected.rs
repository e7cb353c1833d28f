//! Modern metrics from the projection: what is asked of events is answered once, then each bucket of persons is judged by itself.

use crate::error::{Error, Result};
use crate::events::{Answer, Bucket, Interrupt, Projection, Question, Reader};
use crate::kernel::columns::UnitKey;
use crate::kernel::persons::{self, PersonColumns};
use crate::kernel::units::{UnitRecord, UnitRows};
use crate::plan::{Population, UnitMeasure};
use crate::sql::{self, Belonging, EventQuestion};

/// The questions of a metric, and what the answers to them are to it.
struct Asked {
    questions: Vec<Question>,
    filter: Option<usize>,
    /// Roles, and the question that says which events have them.
    roles: Vec<(u32, usize)>,
    /// The roles of every event of a name.
    roles_of_name: Vec<u32>,
    /// Per source, the question for its numbers.
    numbers: Vec<Option<usize>>,
}

/// The position of the question for exposures.
const EXPOSURE: usize = 0;

/// What became of every exposed person, bucket by bucket, in the order of persons, and how many events there are; `None` when there
/// is no projection, or it does not have what the metric needs.
///
/// # Errors
/// `Query` when the event store refuses a question; `Interrupted`.
pub(super) fn records(
    population: &Population,
    measure: &UnitMeasure,
    reader: &Reader,
    interrupt: &Interrupt,
) -> Result<Option<(Vec<Vec<UnitRecord>>, u64)>> {
    let Some((projection, asked)) = answered(population, measure, reader, interrupt)? else { return Ok(None) };
    let judged = projection.for_each_bucket(&asked.questions, interrupt, &|bucket| {
        let mut records = Vec::with_capacity(bucket.persons.len());
        let columns = asked.columns(bucket)?;
        persons::for_each_exposed(measure, population.range, &columns, |_, record| records.push(record));
        Ok(records)
    });
    match judged {
        Err(error) if error.is_of_storage() => Ok(without(projection, &error)),
        records => Ok(Some((records?, projection.events()))),
    }
}

/// Hands over the rows of every person that is exposed or has events of the metric, and counts them; `None` as for [`records`].
///
/// # Errors
/// As [`records`]; `Io` and `Storage` when the projection cannot be read, which asking again mends; and whatever `each` returns.
pub(super) fn for_each_person(
    population: &Population,
    measure: &UnitMeasure,
    reader: &Reader,
    interrupt: &Interrupt,
    each: &mut dyn FnMut(&UnitKey, &UnitRows) -> Result<()>,
) -> Result<Option<u64>> {
    let Some((projection, asked)) = answered(population, measure, reader, interrupt)? else { return Ok(None) };
    let mut rows = 0;
    let handed_over = projection.in_order(&asked.questions, interrupt, &mut |bucket| {
        rows += persons::for_each_person(measure, population.range, &asked.columns(bucket)?, each)?;
        Ok(())
    });
    if handed_over.as_ref().is_err_and(Error::is_of_storage) {
        // Too late for the table: some persons have been handed over.
        projection.discard();
    }
    handed_over.map(|()| Some(rows))
}

/// The projection with all that a metric asks of events answered.
fn answered<'a>(
    population: &Population,
    measure: &UnitMeasure,
    reader: &'a Reader,
    interrupt: &Interrupt,
) -> Result<Option<(Projection<'a>, Asked)>> {
    let Some(questions) = sql::render_questions(population, measure) else { return Ok(None) };
    let Some(projection) = reader.projection(interrupt)? else { return Ok(None) };
    let asked = Asked::of(&questions, &projection)?;
    match projection.answer(&asked.questions, interrupt) {
        Err(error) if error.is_of_storage() => Ok(without(projection, &error)),
        answered => answered.map(|()| Some((projection, asked))),
    }
}

/// A projection that cannot be read or written is only a way that is closed.
fn without<T>(projection: Projection<'_>, error: &Error) -> Option<T> {
    tracing::warn!(%error, "the projection was of no use and is removed; the query reads the event table");
    projection.discard();
    None
}

impl Asked {
    fn of(metric: &sql::EventQuestions, projection: &Projection<'_>) -> Result<Self> {
        let numbers_of_names = projection.event_names();
        let names = numbers_of_names.values().max().map_or(0, |last| usize::from(*last) + 1);
        let mut asked = Self {
            questions: Vec::new(),
            filter: None,
            roles: Vec::new(),
            roles_of_name: vec![0; names],
            numbers: Vec::new(),
        };
        asked.ask(Answer::Code, &metric.exposure);
        asked.filter = metric.filter.as_ref().map(|filter| asked.ask(Answer::Code, filter));
        for (index, belonging) in metric.sources.iter().enumerate() {
            let role = u32::try_from(index).ok().and_then(|index| 1_u32.checked_shl(index + 1));
            let role = role.ok_or_else(|| Error::bug("more sources than roles"))?;
            match belonging {
                Belonging::All => asked.roles_of_name.iter_mut().for_each(|roles| *roles |= role),
                Belonging::Named(names) => {
                    for number in names.iter().filter_map(|name| numbers_of_names.get(name)) {
                        asked.roles_of_name[usize::from(*number)] |= role;
                    }
                }
                Belonging::Asked(question) => {
                    let question = asked.ask(Answer::Code, question);
                    asked.roles.push((role, question));
                }
            }
        }
        let number = |of: &Option<EventQuestion>| of.as_ref().map(|of| asked.ask(Answer::Number, of));
        let numbers = metric.numbers.iter().map(number).collect();
        Ok(Self { numbers, ..asked })
    }

    /// The position of a question, which is asked only once.
    fn ask(&mut self, answer: Answer, asked: &EventQuestion) -> usize {
        let question = Question { answer, event: asked.event.clone(), expression: asked.expression.clone() };
        let known = self.questions.iter().position(|known| *known == question);
        known.unwrap_or_else(|| {
            self.questions.push(question);
            self.questions.len() - 1
        })
    }

    fn columns<'a>(&'a self, bucket: &'a Bucket<'_>) -> Result<PersonColumns<'a>> {
        let numbers = |question: &Option<usize>| question.map(|question| bucket.numbers(question)).transpose();
        Ok(PersonColumns {
            persons: bucket.persons,
            events_per_person: bucket.events_per_person,
            timestamps: bucket.timestamps,
            event_names: bucket.event_names,
            roles_of_name: &self.roles_of_name,
            asked: self
                .roles
                .iter()
                .map(|(role, question)| Ok((*role, bucket.codes(*question)?)))
                .collect::<Result<_>>()?,
            exposures: bucket.codes(EXPOSURE)?,
            filter: self.filter.map(|question| bucket.codes(question)).transpose()?,
            numbers: self.numbers.iter().map(numbers).collect::<Result<_>>()?,
        })
    }
}
