//! From units to cells: the modern metrics.

mod clamp;
mod history;
mod projected;
mod quantile;
mod reconcile;
mod reduce;
mod series;
mod shuffle;
mod table;
mod without;

pub use history::{UnitHistory, unit_history};
pub use reconcile::reconcile;
pub use series::{SeriesCells, unit_series};
pub use shuffle::{Shuffle, shuffle};
pub use table::measure_table;
pub use without::{WithoutLargest, without_largest};

pub use self::reduce::reduce;

use std::time::Instant;

use arrow::array::RecordBatch;

use crate::error::Result;
use crate::events::{Interrupt, Reader};
use crate::kernel::columns::{UnitKey, UnitRowsReader};
use crate::kernel::units::{UnitRecord, UnitRows, View, evaluate};
use crate::model::experiment_metric::ValueOf;
use crate::plan::{Origin, Plan, Population, UnitMeasure};
use crate::results::Stage;
use crate::sql;
use crate::sql::Purpose;
use crate::stats::{Measured, UnitCells};

/// The units of a metric while their rows come in: one record per exposed unit, so memory grows with units, not events.
pub(super) struct UnitScan<'a> {
    population: &'a Population,
    measure: &'a UnitMeasure,
    reader: UnitRowsReader,
    records: Vec<UnitRecord>,
}

impl<'a> UnitScan<'a> {
    pub(super) fn new(population: &'a Population, measure: &'a UnitMeasure) -> Self {
        Self { population, measure, reader: UnitRowsReader::new(measure), records: Vec::new() }
    }

    pub(super) fn read(&mut self, batch: &RecordBatch) -> Result<()> {
        let Self { population, measure, reader, records } = self;
        reader.read(batch, |_, rows| {
            records.extend(evaluate(measure, population.range, rows, View::whole(measure)));
            Ok(())
        })
    }

    pub(super) fn finish(mut self) -> UnitCells {
        let Self { population, measure, reader, records } = &mut self;
        let last = reader.finish(|_, rows| {
            records.extend(evaluate(measure, population.range, rows, View::whole(measure)));
            Ok(())
        });
        debug_assert!(last.is_ok(), "nothing above fails");
        reduce(&self.population.variants, self.measure, &self.records)
    }
}

/// The cells of a metric from the projection; `None` when it does not have what the metric needs.
pub(super) fn projected(
    population: &Population,
    measure: &UnitMeasure,
    reader: &Reader,
    interrupt: &Interrupt,
) -> Result<Option<(Measured, Vec<Stage>)>> {
    let started = Instant::now();
    let Some((records, rows)) = projected::records(population, measure, reader, interrupt)? else { return Ok(None) };
    let cells = reduce(&population.variants, measure, records.iter().flatten());
    let stage = Stage { purpose: Purpose::UnitEvents, rows, seconds: started.elapsed().as_secs_f64() };
    Ok(Some((Measured::Units(cells), vec![stage])))
}

/// Checks that the lab has the tables that a metric takes values from, with their columns (M-1).
pub(super) fn check_tables(measure: &UnitMeasure, reader: &Reader) -> Result<()> {
    measure.sources.iter().try_for_each(|source| match &source.origin {
        Origin::Events(_) => Ok(()),
        Origin::Table(table) => {
            let value = match &source.value {
                ValueOf::Column(column) => Some(column.as_str()),
                _ => None,
            };
            let columns: Vec<&str> = std::iter::once(table.join_column.as_str()).chain(value).collect();
            reader.check_table(&table.table, &table.timestamp_column, &columns)
        }
    })
}

/// Hands over the rows of every unit that is exposed or has events of the metric, one unit after another.
///
/// # Errors
/// `NotFound` and `Invalid` when a table or column is not there; `Query` when the event store refuses; `Interrupted`; and
/// whatever `each` returns.
pub fn for_each_unit(
    plan: &Plan,
    measure: &UnitMeasure,
    reader: &Reader,
    interrupt: &Interrupt,
    each: &mut dyn FnMut(&UnitKey, &UnitRows) -> Result<()>,
) -> Result<u64> {
    check_tables(measure, reader)?;
    if let Some(rows) = projected::for_each_person(&plan.population, measure, reader, interrupt, each)? {
        return Ok(rows);
    }
    let mut units = UnitRowsReader::new(measure);
    let mut rows = 0;
    for query in sql::render(plan) {
        rows += reader.scan(&query.sql, interrupt, &mut |batch| units.read(batch, &mut *each))?;
    }
    units.finish(&mut *each)?;
    Ok(rows)
}
