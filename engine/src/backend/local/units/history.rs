//! All events of one unit.

use arrow::array::AsArray;

use crate::error::{Error, Result};
use crate::events::{Interrupt, Reader};
use crate::kernel::columns::UnitRowsReader;
use crate::kernel::units::UnitRows;
use crate::plan::{Condition, Plan, UnitMeasure};
use crate::sql;

/// The events of one unit in the time that a metric looks at, also those that it does not look at.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitHistory {
    /// The rows as the metric reads them; those of test accounts are marked.
    pub rows: UnitRows,
    /// The name of each row's event; of rows of a table, the table's.
    pub events: Vec<String>,
}

/// Reads the events of one unit: of a person by any of its distinct ids, of anything else by its name.
///
/// # Errors
/// `Query` when the event store refuses; `Interrupted`.
pub fn unit_history(
    plan: &Plan,
    measure: &UnitMeasure,
    unit: &str,
    reader: &Reader,
    interrupt: &Interrupt,
) -> Result<UnitHistory> {
    let mut population = plan.population.clone();
    population.marked = std::mem::replace(&mut population.filter, Condition::EVERYTHING);
    let mut rows = UnitRowsReader::new(measure);
    let mut history = UnitHistory { rows: UnitRows::default(), events: Vec::new() };
    let read = &mut history.rows;
    let mut keep = |_: &_, rows: &UnitRows| {
        read.clone_from(rows);
        Ok(())
    };
    let query = sql::render_unit_history(&population, measure, unit);
    reader.scan(&query, interrupt, &mut |batch| {
        let names = batch.column_by_name("event").and_then(|column| column.as_string_opt::<i32>());
        let names = names.ok_or_else(|| Error::bug("the names of a unit's events are missing"))?;
        history.events.extend(names.iter().map(|name| name.unwrap_or_default().to_owned()));
        rows.read(batch, &mut keep)
    })?;
    rows.finish(&mut keep)?;
    Ok(history)
}
