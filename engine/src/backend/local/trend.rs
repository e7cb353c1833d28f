//! Adding up the counts of a trend.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::error::{Error, Result};
use crate::plan::{Population, TrendMeasure};
use crate::sql::Purpose;
use crate::stats::{TrendCell, TrendCells};

/// The cells of a trend while its rows come in.
pub(super) struct TrendScan<'a> {
    measure: &'a TrendMeasure,
    cells: TrendCells,
}

impl<'a> TrendScan<'a> {
    pub(super) fn new(population: &Population, measure: &'a TrendMeasure) -> Self {
        Self { measure, cells: trend_cells(population, measure) }
    }

    pub(super) fn read(&mut self, purpose: Purpose, batch: &RecordBatch) -> Result<()> {
        let cells = &mut self.cells;
        if purpose != Purpose::Counts {
            let exposures = integers(batch, "exposures")?;
            return for_each_variant(batch, |row, variant| {
                cell(cells, variant.unwrap_or_default())?.exposures = count(exposures[row]);
                Ok(())
            });
        }
        let slots = integers(batch, "slot")?;
        let events = integers(batch, "events")?;
        for_each_variant(batch, |row, variant| {
            match variant {
                None => cells.events_without_variant += count(events[row]),
                Some(key) => {
                    let bucket = self.measure.buckets.of_slot(slots[row]);
                    cell(cells, key)?.events_by_bucket[bucket] += count(events[row]);
                }
            }
            Ok(())
        })
    }

    pub(super) fn finish(self) -> TrendCells {
        self.cells
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
