//! Computing on the lab's own event store.

use std::time::Instant;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::error::{Error, Result};
use crate::events::{Interrupt, Reader};
use crate::kernel::columns::ActorEvents;
use crate::kernel::conversion::seconds_between_steps;
use crate::kernel::funnel::{Funnel, FunnelEvent, first_touch};
use crate::plan::{FunnelMeasure, Measure, Plan, Population, TrendMeasure};
use crate::results::Stage;
use crate::sql::{self, Purpose, Query};
use crate::stats::{ConversionTime, FunnelCell, FunnelCells, Measured, TrendCell, TrendCells};

/// Computes the counts of a plan, and says what each query did.
///
/// # Errors
/// `Query` when the event store refuses a query; `Interrupted`.
pub fn measure(plan: &Plan, reader: &Reader, interrupt: &Interrupt) -> Result<(Measured, Vec<Stage>)> {
    let mut cells = Cells::new(plan)?;
    let mut stages = Vec::new();
    for query in sql::render(plan) {
        let started = Instant::now();
        let rows = reader.scan(&query.sql, interrupt, &mut |batch| cells.read(&query, batch))?;
        cells.finish();
        stages.push(Stage { purpose: query.purpose, rows, seconds: started.elapsed().as_secs_f64() });
    }
    Ok((cells.measured(), stages))
}

/// The cells of a plan while its rows come in.
enum Cells<'a> {
    Trend { measure: &'a TrendMeasure, cells: TrendCells },
    Funnel(FunnelScan<'a>),
}

struct FunnelScan<'a> {
    actors: ActorEvents,
    tally: Tally<'a>,
}

/// Counts actors as they come in.
struct Tally<'a> {
    measure: &'a FunnelMeasure,
    deadline: Box<dyn Fn(i64) -> i64>,
    cells: FunnelCells,
    /// For each variant and step after the first, the time of each actor that reached it, in seconds.
    seconds: Vec<Vec<Vec<f64>>>,
}

impl<'a> Cells<'a> {
    fn new(plan: &'a Plan) -> Result<Self> {
        Ok(match &plan.measure {
            Measure::Trend(measure) => Self::Trend { measure, cells: trend_cells(&plan.population, measure) },
            Measure::Funnel(measure) => {
                let tally = Tally::new(&plan.population, measure)?;
                Self::Funnel(FunnelScan { actors: ActorEvents::default(), tally })
            }
        })
    }

    fn read(&mut self, query: &Query, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Trend { measure, cells } if query.purpose == Purpose::Counts => {
                let slots = integers(batch, "slot")?;
                let events = integers(batch, "events")?;
                for_each_variant(batch, |row, variant| {
                    match variant {
                        None => cells.events_without_variant += count(events[row]),
                        Some(key) => {
                            let bucket = measure.buckets.of_slot(slots[row]);
                            cell(cells, key)?.events_by_bucket[bucket] += count(events[row]);
                        }
                    }
                    Ok(())
                })
            }
            Self::Trend { cells, .. } => {
                let exposures = integers(batch, "exposures")?;
                for_each_variant(batch, |row, variant| {
                    cell(cells, variant.unwrap_or_default())?.exposures = count(exposures[row]);
                    Ok(())
                })
            }
            Self::Funnel(FunnelScan { actors, tally }) => actors.read(batch, |events| tally.add(events)),
        }
    }

    fn finish(&mut self) {
        if let Self::Funnel(FunnelScan { actors, tally }) = self {
            actors.finish(|events| tally.add(events));
        }
    }

    fn measured(self) -> Measured {
        match self {
            Self::Trend { cells, .. } => Measured::Trend(cells),
            Self::Funnel(scan) => Measured::Funnel(scan.tally.finish()),
        }
    }
}

fn trend_cells(population: &Population, measure: &TrendMeasure) -> TrendCells {
    let empty = |variant: &String| TrendCell {
        variant: variant.clone(),
        events_by_bucket: vec![0; measure.buckets.count()],
        exposures: 0,
    };
    TrendCells { variants: population.variants.iter().map(empty).collect(), events_without_variant: 0 }
}

impl<'a> Tally<'a> {
    fn new(population: &Population, measure: &'a FunnelMeasure) -> Result<Self> {
        let steps = measure.steps.len();
        let empty = |variant: &String| FunnelCell {
            variant: variant.clone(),
            persons_by_step: vec![0; steps],
            conversion_times: Vec::new(),
        };
        let variants: Vec<_> = population.variants.iter().map(empty).collect();
        Ok(Self {
            measure,
            deadline: Box::new(measure.deadline.rule()?),
            seconds: vec![vec![Vec::new(); steps - 1]; variants.len()],
            cells: FunnelCells { variants, persons_without_variant: 0, persons_with_foreign_variant: 0 },
        })
    }

    /// Adds one actor: its variant, every step it reached, and how long it took.
    fn add(&mut self, events: &[FunnelEvent]) {
        let never_with = &self.measure.never_with;
        let reached = Funnel::new(never_with, &self.deadline).steps_reached(events);
        if reached == 0 {
            return;
        }
        let Some(position) = first_touch(events) else {
            self.cells.persons_without_variant += 1;
            return;
        };
        let variant = position as usize - 1;
        let Some(cell) = self.cells.variants.get_mut(variant) else {
            self.cells.persons_with_foreign_variant += 1;
            return;
        };
        cell.persons_by_step[..reached].iter_mut().for_each(|persons| *persons += 1);
        let seconds = seconds_between_steps(events, never_with, &self.deadline, reached);
        self.seconds[variant].iter_mut().zip(seconds).for_each(|(times, seconds)| times.push(seconds));
    }

    fn finish(mut self) -> FunnelCells {
        for (cell, seconds) in self.cells.variants.iter_mut().zip(self.seconds) {
            cell.conversion_times = seconds.into_iter().map(ConversionTime::of).collect();
        }
        self.cells
    }
}

fn for_each_variant(batch: &RecordBatch, mut each: impl FnMut(usize, Option<&str>) -> Result<()>) -> Result<()> {
    let variants = batch.column_by_name("variant").and_then(|column| column.as_string_opt::<i32>());
    let variants = variants.ok_or_else(|| Error::bug("the column variant of a trend query is missing"))?;
    variants.iter().enumerate().try_for_each(|(row, variant)| each(row, variant))
}

fn cell<'a>(cells: &'a mut TrendCells, key: &str) -> Result<&'a mut TrendCell> {
    let cell = cells.variants.iter_mut().find(|cell| cell.variant == key);
    cell.ok_or_else(|| Error::bug("a trend query returned an unknown variant"))
}

fn integers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64]> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column
        .map(|column| &**column.values())
        .ok_or_else(|| Error::bug(format!("the column {name} of a query is missing")))
}

/// A count of the database, which has no unsigned counts.
fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
