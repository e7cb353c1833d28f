//! Modern metrics from the projection: what is asked of events is answered once, then each bucket of persons is judged by itself.

use crate::error::{Error, Result};
use crate::events::{Answer, Bucket, Interrupt, Projection, Question};
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

/// What became of every exposed person, bucket by bucket, in the order of persons; `None` when the projection does not have what the metric needs.
///
/// # Errors
/// `Query` when the event store refuses a question; `Interrupted`.
pub(super) fn records(
    population: &Population,
    measure: &UnitMeasure,
    projection: &Projection<'_>,
    interrupt: &Interrupt,
) -> Result<Option<Vec<Vec<UnitRecord>>>> {
    let Some(questions) = sql::render_questions(population, measure) else { return Ok(None) };
    let asked = Asked::of(&questions, projection)?;
    match judged(population, measure, projection, &asked, interrupt) {
        // A projection that cannot be read or written is only a way that is closed.
        Err(error) if error.is_of_storage() => {
            tracing::warn!(%error, "the projection was of no use; the query reads the event table");
            Ok(None)
        }
        records => Ok(Some(records?)),
    }
}

fn judged(
    population: &Population,
    measure: &UnitMeasure,
    projection: &Projection<'_>,
    asked: &Asked,
    interrupt: &Interrupt,
) -> Result<Vec<Vec<UnitRecord>>> {
    projection.answer(&asked.questions, interrupt)?;
    projection.for_each_bucket(&asked.questions, interrupt, &|bucket| {
        let mut records = Vec::with_capacity(bucket.persons.len());
        let columns = asked.columns(bucket)?;
        persons::for_each_exposed(measure, population.range, &columns, |_, record| records.push(record));
        Ok(records)
    })
}

/// Hands over the rows of every person that is exposed or has events of the metric, and counts them; `None` as for [`records`].
///
/// # Errors
/// As [`records`]; and whatever `each` returns.
pub(super) fn for_each_person(
    population: &Population,
    measure: &UnitMeasure,
    projection: &Projection<'_>,
    interrupt: &Interrupt,
    each: &mut dyn FnMut(&UnitKey, &UnitRows) -> Result<()>,
) -> Result<Option<u64>> {
    let Some(questions) = sql::render_questions(population, measure) else { return Ok(None) };
    let asked = Asked::of(&questions, projection)?;
    match projection.answer(&asked.questions, interrupt) {
        Err(error) if error.is_of_storage() => {
            tracing::warn!(%error, "the projection was of no use; the query reads the event table");
            return Ok(None);
        }
        answered => answered?,
    }
    let mut rows = 0;
    projection.in_order(&asked.questions, interrupt, &mut |bucket| {
        rows += persons::for_each_person(measure, population.range, &asked.columns(bucket)?, each)?;
        Ok(())
    })?;
    Ok(Some(rows))
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
