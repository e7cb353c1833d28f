//! Computing on the lab's own event store.

mod funnel;
mod trend;
mod units;

pub use units::{
    SeriesCells, Shuffle, UnitHistory, WithoutLargest, for_each_unit, measure_table, reconcile, reduce, shuffle,
    unit_history, unit_series, without_largest,
};

use std::time::Instant;

use arrow::array::RecordBatch;

use self::funnel::FunnelScan;
use self::trend::TrendScan;
use self::units::UnitScan;
use crate::error::Result;
use crate::events::{Interrupt, Reader};
use crate::plan::{Measure, Plan};
use crate::results::Stage;
use crate::sql::{self, Purpose};
use crate::stats::Measured;

/// Computes the counts of a plan, and says what each query did.
///
/// # Errors
/// `NotFound` and `Invalid` when a table or column of the lab is not there; `Query` when the event store refuses a query;
/// `Interrupted`.
pub fn measure(plan: &Plan, reader: &Reader, interrupt: &Interrupt) -> Result<(Measured, Vec<Stage>)> {
    match &plan.measure {
        Measure::Units(measure) => units::check_tables(measure, reader)?,
        Measure::Trend(measure) => trend::check_table(measure, reader)?,
        Measure::Funnel(_) => {}
    }
    if let Measure::Units(measure) = &plan.measure
        && let Some(found) = units::projected(&plan.population, measure, reader, interrupt)?
    {
        return Ok(found);
    }
    let mut cells = Cells::new(plan)?;
    let mut stages = Vec::new();
    for query in sql::render(plan) {
        let started = Instant::now();
        let rows = reader.scan(&query.sql, interrupt, &mut |batch| cells.read(query.purpose, batch))?;
        stages.push(Stage { purpose: query.purpose, rows, seconds: started.elapsed().as_secs_f64() });
    }
    Ok((cells.finish()?, stages))
}

/// The cells of a plan while its rows come in.
enum Cells<'a> {
    Trend(TrendScan<'a>),
    Funnel(FunnelScan<'a>),
    Units(UnitScan<'a>),
}

impl<'a> Cells<'a> {
    fn new(plan: &'a Plan) -> Result<Self> {
        Ok(match &plan.measure {
            Measure::Trend(measure) => Self::Trend(TrendScan::new(&plan.population, measure)),
            Measure::Units(measure) => Self::Units(UnitScan::new(&plan.population, measure)),
            Measure::Funnel(measure) => Self::Funnel(FunnelScan::new(&plan.population, measure)?),
        })
    }

    fn read(&mut self, purpose: Purpose, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Trend(scan) => scan.read(purpose, batch),
            Self::Funnel(scan) => scan.read(batch),
            Self::Units(scan) => scan.read(batch),
        }
    }

    fn finish(self) -> Result<Measured> {
        Ok(match self {
            Self::Trend(scan) => Measured::Trend(scan.finish()?),
            Self::Funnel(scan) => Measured::Funnel(scan.finish()),
            Self::Units(scan) => Measured::Units(scan.finish()),
        })
    }
}
