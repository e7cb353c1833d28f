//! Adding up a trend.

use arrow::array::{Array, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};

use crate::error::{Error, Result};
use crate::events::Reader;
use crate::kernel::statistic::{ExactSum, statistic};
use crate::model::math::{EventNumber, Statistic};
use crate::plan::{Counted, Counting, IntervalStatistic, Population, TrendMeasure, TrendValue};
use crate::sql::Purpose;
use crate::stats::{Display, TrendCell, TrendCells, number};

/// The cells of a trend while its rows come in.
pub(super) struct TrendScan<'a> {
    measure: &'a TrendMeasure,
    cells: TrendCells,
    bucket: Bucket,
    /// The exposure of each variant, where it is a sum.
    exposures: Vec<ExactSum>,
}

/// The values of the bucket that is being read, each with how often it occurs; the slots of a bucket follow each other.
#[derive(Default)]
struct Bucket {
    variant: usize,
    index: usize,
    values: Vec<(f64, u64)>,
}

/// Checks that the lab has the table whose rows a trend counts, with its columns (Q-N6).
pub(super) fn check_table(measure: &TrendMeasure, reader: &Reader) -> Result<()> {
    let Counted::Rows { rows, .. } = &measure.counted else { return Ok(()) };
    let mut columns = vec![rows.distinct_id_column.as_str()];
    if let TrendValue::Cumulative(Counting::Sum(EventNumber::Column(column))) = &measure.value {
        columns.push(column);
    }
    reader.check_table(&rows.table, &rows.timestamp_column, &columns)
}

impl<'a> TrendScan<'a> {
    pub(super) fn new(population: &Population, measure: &'a TrendMeasure) -> Self {
        let exposures = vec![ExactSum::default(); population.variants.len()];
        Self { measure, cells: trend_cells(population, measure), bucket: Bucket::default(), exposures }
    }

    pub(super) fn read(&mut self, purpose: Purpose, batch: &RecordBatch) -> Result<()> {
        match purpose {
            Purpose::Counts => self.read_counts(batch, "events"),
            Purpose::Units => self.read_counts(batch, "units"),
            Purpose::Values | Purpose::EventsPerUnit => self.read_values(batch),
            Purpose::ExposureValues => self.read_exposure_values(batch),
            Purpose::Exposures | Purpose::ExposureEvents => {
                let exposures = integers(batch, "exposures")?;
                let cells = &mut self.cells;
                for_each_variant(batch, |row, variant| {
                    let position = position(cells, variant.unwrap_or_default())?;
                    cells.variants[position].exposures = number::from_count(count(exposures[row]));
                    Ok(())
                })
            }
            Purpose::FunnelEvents | Purpose::UnitEvents => Err(Error::bug("a trend has no such rows")),
        }
    }

    fn read_counts(&mut self, batch: &RecordBatch, counted: &str) -> Result<()> {
        let slots = integers(batch, "slot")?;
        let counts = integers(batch, counted)?;
        let events = integers(batch, "events")?;
        let cells = &mut self.cells;
        for_each_variant(batch, |row, variant| {
            let Some(key) = variant else {
                cells.events_without_variant += count(events[row]);
                return Ok(());
            };
            let position = position(cells, key)?;
            let cell = &mut cells.variants[position];
            cell.events += count(events[row]);
            let bucket = self.measure.buckets.of_slot(slots[row]);
            cell.value_by_bucket[bucket] += number::from_count(count(counts[row]));
            Ok(())
        })
    }

    /// A value stands for an event, for a session, or for one unit's number of events.
    fn read_values(&mut self, batch: &RecordBatch) -> Result<()> {
        let slots = integers(batch, "slot")?;
        let times = integers(batch, "times")?;
        let events = integers(batch, "events")?;
        let values = doubles(batch, "value")?;
        for_each_variant(batch, |row, variant| {
            let (value, times) = (value_at(values, row), count(times[row]));
            let events = count(events[row]);
            let Some(key) = variant else {
                self.cells.events_without_variant += events;
                return Ok(());
            };
            let position = position(&self.cells, key)?;
            self.cells.variants[position].events += events;
            let index = self.measure.buckets.of_slot(slots[row]);
            if (self.bucket.variant, self.bucket.index) != (position, index) {
                self.close_bucket()?;
                self.bucket = Bucket { variant: position, index, values: Vec::new() };
            }
            self.bucket.values.extend(value.map(|value| (value, times)));
            Ok(())
        })
    }

    fn read_exposure_values(&mut self, batch: &RecordBatch) -> Result<()> {
        let times = integers(batch, "times")?;
        let values = doubles(batch, "value")?;
        for_each_variant(batch, |row, variant| {
            let position = position(&self.cells, variant.unwrap_or_default())?;
            if let Some(value) = value_at(values, row) {
                self.exposures[position].add(value, count(times[row]));
            }
            Ok(())
        })
    }

    /// Computes what the bucket that was read stands for.
    fn close_bucket(&mut self) -> Result<()> {
        let Bucket { variant, index, values } = &mut self.bucket;
        if values.is_empty() {
            return Ok(());
        }
        // Several slots may hold the same value.
        values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let value = statistic(values, wanted(&self.measure.value)).ok_or_else(too_large)?;
        self.cells.variants[*variant].value_by_bucket[*index] = value;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<TrendCells> {
        self.close_bucket()?;
        for (cell, sum) in self.cells.variants.iter_mut().zip(&self.exposures) {
            cell.exposures += sum.value().ok_or_else(too_large)?;
        }
        let is_finite = |cell: &TrendCell| cell.total().is_finite();
        if self.cells.variants.iter().all(is_finite) { Ok(self.cells) } else { Err(too_large()) }
    }
}

fn trend_cells(population: &Population, measure: &TrendMeasure) -> TrendCells {
    let empty = |variant: &String| TrendCell {
        variant: variant.clone(),
        events: 0,
        value_by_bucket: vec![0.0; measure.buckets.count()],
        exposures: 0.0,
    };
    let display = match measure.value {
        TrendValue::Cumulative(_) => Display::Cumulative,
        TrendValue::PerInterval(_) => Display::Linear,
    };
    TrendCells { variants: population.variants.iter().map(empty).collect(), events_without_variant: 0, display }
}

/// The statistic of a bucket's values.
fn wanted(value: &TrendValue) -> Statistic {
    match value {
        TrendValue::Cumulative(_) => Statistic::Sum,
        TrendValue::PerInterval(
            IntervalStatistic::Numbers { statistic, .. } | IntervalStatistic::EventsPerUnit(statistic),
        ) => *statistic,
    }
}

fn too_large() -> Error {
    Error::invalid_field("filters.events", "out_of_range", "the sum of the property is too large for a number")
        .hint("choose a property with smaller numbers, or filter its outliers")
}

fn for_each_variant(batch: &RecordBatch, mut each: impl FnMut(usize, Option<&str>) -> Result<()>) -> Result<()> {
    let variants = batch.column_by_name("variant").and_then(|column| column.as_string_opt::<i32>());
    let variants = variants.ok_or_else(|| Error::bug("the column variant of a trend query is missing"))?;
    variants.iter().enumerate().try_for_each(|(row, variant)| each(row, variant))
}

fn position(cells: &TrendCells, key: &str) -> Result<usize> {
    let position = cells.variants.iter().position(|cell| cell.variant == key);
    position.ok_or_else(|| Error::bug("a trend query returned an unknown variant"))
}

fn integers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64]> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.map(|column| &**column.values()).ok_or_else(|| missing(name))
}

fn doubles<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Float64Array> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
    column.ok_or_else(|| missing(name))
}

/// A text such as `1e999` reads as infinite, which is no number to compute with.
fn value_at(values: &Float64Array, row: usize) -> Option<f64> {
    values.is_valid(row).then(|| values.value(row)).filter(|value| value.is_finite())
}

fn missing(name: &str) -> Error {
    Error::bug(format!("the column {name} of a query is missing"))
}

/// A count of the database, which has no unsigned counts.
fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
