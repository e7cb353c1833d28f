//! Counting a funnel, unit by unit.

use arrow::array::RecordBatch;

use crate::error::Result;
use crate::kernel::attribution::{all_touched, first_touch, last_touch, touched_at};
use crate::kernel::columns::UnitEvents;
use crate::kernel::funnel::FunnelEvent;
use crate::kernel::rules::{ExclusionRange, FunnelRules};
use crate::model::metric::Attribution;
use crate::plan::{Exclusion, FunnelMeasure, Population};
use crate::stats::{ConversionTime, FunnelCell, FunnelCells};

/// The cells of a funnel while its rows come in.
pub(super) struct FunnelScan<'a> {
    units: UnitEvents,
    tally: Tally<'a>,
}

/// Counts units as they come in.
struct Tally<'a> {
    attribution: Attribution,
    rules: FunnelRules<'a, Box<dyn Fn(i64) -> i64>>,
    cells: FunnelCells,
    /// For each variant and step after the first, the time of each unit that reached it, in seconds.
    seconds: Vec<Vec<Vec<f64>>>,
}

impl<'a> FunnelScan<'a> {
    pub(super) fn new(population: &Population, measure: &'a FunnelMeasure) -> Result<Self> {
        Ok(Self { units: UnitEvents::default(), tally: Tally::new(population, measure)? })
    }

    pub(super) fn read(&mut self, batch: &RecordBatch) -> Result<()> {
        let Self { units, tally } = self;
        units.read(batch, |events| tally.add(events))
    }

    pub(super) fn finish(mut self) -> FunnelCells {
        let tally = &mut self.tally;
        self.units.finish(|events| tally.add(events));
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
        let range =
            |exclusion: &Exclusion| ExclusionRange { from_step: exclusion.from_step, to_step: exclusion.to_step };
        Ok(Self {
            attribution: measure.attribution,
            rules: FunnelRules {
                order: measure.order,
                never_with: &measure.never_with,
                exclusions: measure.exclusions.iter().map(range).collect(),
                deadline: Box::new(measure.deadline.rule()?),
            },
            seconds: vec![vec![Vec::new(); steps - 1]; variants.len()],
            cells: FunnelCells { variants, persons_without_variant: 0, persons_with_foreign_variant: 0 },
        })
    }

    /// Adds one unit: its variants, every step it reached, and how long it took.
    fn add(&mut self, events: &[FunnelEvent]) {
        match self.attribution {
            Attribution::FirstTouch => self.add_whole(events, |events| first_touch(events).into_iter()),
            Attribution::LastTouch => self.add_whole(events, |events| last_touch(events).into_iter()),
            Attribution::Steps { steps } => self.add_whole(events, |events| touched_at(events, steps).into_iter()),
            Attribution::AllEvents => self.add_by_variant(events),
        }
    }

    /// Adds a unit that counts with all its events for each of some variants.
    fn add_whole<V: Iterator<Item = u32>>(
        &mut self,
        events: &[FunnelEvent],
        variants: impl FnOnce(&[FunnelEvent]) -> V,
    ) {
        let reached = self.rules.steps_reached(events);
        if reached == 0 {
            return;
        }
        let mut seen = Seen::default();
        for variant in variants(events) {
            seen.add(variant, self.count(variant, events, reached));
        }
        self.leave_out(seen);
    }

    /// Adds a unit that counts for each variant with the events that carry it (Q-F10).
    fn add_by_variant(&mut self, events: &[FunnelEvent]) {
        let mut seen = Seen::default();
        for variant in all_touched(events) {
            let own: Vec<_> = events.iter().filter(|event| event.variant == variant).copied().collect();
            let reached = self.rules.steps_reached(&own);
            if reached > 0 {
                seen.entered = true;
                seen.add(variant, self.count(variant, &own, reached));
            }
        }
        if seen.entered {
            self.leave_out(seen);
        }
    }

    /// Counts a unit for a variant; whether that is a known one.
    fn count(&mut self, variant: u32, events: &[FunnelEvent], reached: usize) -> bool {
        let Some(position) = (variant as usize).checked_sub(1) else { return false };
        let Some(cell) = self.cells.variants.get_mut(position) else { return false };
        cell.persons_by_step[..reached].iter_mut().for_each(|persons| *persons += 1);
        let seconds = self.rules.seconds_between_steps(events, reached);
        self.seconds[position].iter_mut().zip(seconds).for_each(|(times, seconds)| times.push(seconds));
        true
    }

    /// Counts a unit that entered without belonging to any known variant (Q-F6, Q-F7).
    fn leave_out(&mut self, seen: Seen) {
        match seen {
            Seen { known: true, .. } => {}
            Seen { foreign: true, .. } => self.cells.persons_with_foreign_variant += 1,
            Seen { .. } => self.cells.persons_without_variant += 1,
        }
    }

    fn finish(mut self) -> FunnelCells {
        for (cell, seconds) in self.cells.variants.iter_mut().zip(self.seconds) {
            cell.conversion_times = seconds.into_iter().map(ConversionTime::of).collect();
        }
        self.cells
    }
}

/// What variants a unit was counted for.
#[derive(Clone, Copy, Default)]
struct Seen {
    entered: bool,
    known: bool,
    foreign: bool,
}

impl Seen {
    fn add(&mut self, variant: u32, is_known: bool) {
        self.known |= is_known;
        self.foreign |= variant != 0 && !is_known;
    }
}
