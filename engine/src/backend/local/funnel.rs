//! Counting a funnel, actor by actor.

use arrow::array::RecordBatch;

use crate::error::Result;
use crate::kernel::columns::UnitEvents;
use crate::kernel::conversion::seconds_between_steps;
use crate::kernel::funnel::{Funnel, FunnelEvent, first_touch};
use crate::plan::{FunnelMeasure, Population};
use crate::stats::{ConversionTime, FunnelCell, FunnelCells};

/// The cells of a funnel while its rows come in.
pub(super) struct FunnelScan<'a> {
    actors: UnitEvents,
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

impl<'a> FunnelScan<'a> {
    pub(super) fn new(population: &Population, measure: &'a FunnelMeasure) -> Result<Self> {
        Ok(Self { actors: UnitEvents::default(), tally: Tally::new(population, measure)? })
    }

    pub(super) fn read(&mut self, batch: &RecordBatch) -> Result<()> {
        let Self { actors, tally } = self;
        actors.read(batch, |events| tally.add(events))
    }

    pub(super) fn finish(mut self) -> FunnelCells {
        let tally = &mut self.tally;
        self.actors.finish(|events| tally.add(events));
        self.tally.finish()
    }
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
