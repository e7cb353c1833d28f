//! Writing the columns that every question needs: who, when, what, and where in the store.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, UInt16Array, UInt32Array};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Int64Type, UInt32Type};

use super::super::database::{self, text};
use super::super::interrupt::Interrupt;
use super::super::store::Reader;
use super::file::ColumnWriter;
use super::layout::{Manifest, Wanted};
use crate::error::{Error, Result};
use crate::sql::Sql;

/// At most about how many events are held in memory at once, 24 bytes each.
const EVENTS_PER_PASS: u64 = 1 << 24;

/// Up to how many rows are asked for by their numbers; of more, all are read.
const ROWS_BY_NUMBER: usize = 1_000;

/// An event on its way to its place.
#[derive(Clone, Copy)]
struct Placed {
    timestamp: i64,
    person: u32,
    row: u32,
    event_name: u16,
}

/// Writes the columns of all events into a folder, and its manifest when they are complete.
pub(super) fn write(reader: &Reader, folder: &Path, wanted: &Wanted, interrupt: &Interrupt) -> Result<Manifest> {
    let manifest = Manifest {
        events: wanted.events,
        events_per_bucket: events_per_bucket(reader, wanted, interrupt)?,
        bits: wanted.bits,
        event_names: event_names(reader)?,
    };
    let mut columns = Columns::create(folder)?;
    let mut first = 0;
    while first < manifest.buckets() {
        let mut end = first;
        let mut events = 0;
        while end < manifest.buckets() && (end == first || events + manifest.events_per_bucket[end] <= EVENTS_PER_PASS)
        {
            events += manifest.events_per_bucket[end];
            end += 1;
        }
        let sizes = &manifest.events_per_bucket[first..end];
        let range = persons_of(first, sizes.len(), wanted.bits);
        let mut placed = read(reader, (first, sizes), wanted.bits, &range, interrupt)?;
        sort(reader, &mut placed, &range, interrupt)?;
        placed.iter().try_for_each(|bucket| columns.append(bucket))?;
        first = end;
    }
    columns.finish()?;
    manifest.write(folder)?;
    Ok(manifest)
}

fn event_names(reader: &Reader) -> Result<BTreeMap<String, u16>> {
    let rows = database::rows(reader.connection()?, &text("SELECT name, id FROM event_name"), |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, u16>(1)?))
    })?;
    Ok(rows.into_iter().collect())
}

fn events_per_bucket(reader: &Reader, wanted: &Wanted, interrupt: &Interrupt) -> Result<Vec<u64>> {
    let mut sql = text("SELECT CAST(d.person_id >> ");
    sql.value(i64::from(wanted.bits));
    sql.text(" AS UINTEGER) AS bucket, CAST(count(*) AS BIGINT) AS events FROM event AS e JOIN distinct_id AS d ON d.id = e.distinct_id_id GROUP BY 1");
    let mut sizes: Vec<u64> = Vec::new();
    reader.scan(&sql, interrupt, &mut |batch| {
        let (buckets, events) = (column::<UInt32Type>(batch, 0)?, column::<Int64Type>(batch, 1)?);
        for (bucket, events) in buckets.iter().zip(events) {
            let bucket = *bucket as usize;
            sizes.resize(sizes.len().max(bucket + 1), 0);
            sizes[bucket] = events.unsigned_abs();
        }
        Ok(())
    })?;
    Ok(sizes)
}

/// The persons of consecutive buckets, as a condition.
fn persons_of(first: usize, buckets: usize, bits: u32) -> Sql {
    let person = |bucket: usize| i64::try_from(bucket << bits).unwrap_or(i64::MAX);
    let mut sql = Sql::new();
    sql.text("d.person_id >= ").value(person(first)).text(" AND d.person_id < ").value(person(first + buckets));
    sql
}

/// The events of consecutive buckets, in the order of the store.
fn read(
    reader: &Reader,
    (first, sizes): (usize, &[u64]),
    bits: u32,
    range: &Sql,
    interrupt: &Interrupt,
) -> Result<Vec<Vec<Placed>>> {
    let capacity = |size: &u64| Vec::with_capacity(usize::try_from(*size).unwrap_or(0));
    let mut buckets: Vec<Vec<Placed>> = sizes.iter().map(capacity).collect();
    let mut sql = text(
        "SELECT CAST(e.rowid AS UINTEGER) AS row, d.person_id, epoch_us(e.timestamp) AS timestamp, e.event_name_id \
         FROM event AS e JOIN distinct_id AS d ON d.id = e.distinct_id_id WHERE ",
    );
    sql.append(range);
    reader.scan(&sql, interrupt, &mut |batch| {
        let (rows, persons) = (column::<UInt32Type>(batch, 0)?, column::<UInt32Type>(batch, 1)?);
        let (timestamps, names) = (column::<Int64Type>(batch, 2)?, column::<UInt32Type>(batch, 3)?);
        for index in 0..batch.num_rows() {
            let person = persons[index];
            let event_name = u16::try_from(names[index]).map_err(|_| Error::bug("more names than numbers"))?;
            let placed = Placed { timestamp: timestamps[index], person, row: rows[index], event_name };
            let bucket = (person >> bits) as usize - first;
            buckets.get_mut(bucket).ok_or_else(|| Error::bug("a person in no bucket"))?.push(placed);
        }
        Ok(())
    })?;
    Ok(buckets)
}

/// By person, time and uuid. Few events share a person and an instant, so only of these the uuids are looked up.
fn sort(reader: &Reader, buckets: &mut [Vec<Placed>], range: &Sql, interrupt: &Interrupt) -> Result<()> {
    let place = |event: &Placed| (event.person, event.timestamp);
    let mut tied = Vec::new();
    for bucket in buckets.iter_mut() {
        interrupt.check()?;
        bucket.sort_unstable_by_key(|event| (event.person, event.timestamp));
        for tie in bucket.chunk_by(|one, other| place(one) == place(other)).filter(|tie| tie.len() > 1) {
            tied.extend(tie.iter().map(|event| event.row));
        }
    }
    if tied.is_empty() {
        return Ok(());
    }
    tied.sort_unstable();
    let uuids = uuids(reader, &tied, range, interrupt)?;
    let uuid = |event: &Placed| tied.binary_search(&event.row).map(|at| uuids[at]);
    for tie in buckets.iter_mut().flat_map(|bucket| bucket.chunk_by_mut(|one, other| place(one) == place(other))) {
        if tie.len() > 1 {
            tie.sort_unstable_by_key(uuid);
        }
    }
    Ok(())
}

/// The uuids of some rows, which are in ascending order.
fn uuids(reader: &Reader, tied: &[u32], range: &Sql, interrupt: &Interrupt) -> Result<Vec<u128>> {
    let mut sql = text(
        "SELECT CAST(e.rowid AS UINTEGER) AS row, CAST(e.uuid AS VARCHAR) AS uuid \
         FROM event AS e JOIN distinct_id AS d ON d.id = e.distinct_id_id WHERE ",
    );
    if tied.len() <= ROWS_BY_NUMBER {
        sql.text("e.rowid IN (").separated(", ", tied, |sql, row| {
            sql.value(i64::from(*row));
        });
        sql.text(")");
    } else {
        sql.append(range);
    }
    let mut uuids = vec![0; tied.len()];
    reader.scan(&sql, interrupt, &mut |batch| {
        let rows = column::<UInt32Type>(batch, 0)?;
        let texts = batch.column(1).as_string_opt::<i32>().ok_or_else(|| Error::bug("uuids are texts"))?;
        for (row, text) in rows.iter().zip(texts.iter().flatten()) {
            if let Ok(at) = tied.binary_search(row) {
                let digits = text.replace('-', "");
                uuids[at] = u128::from_str_radix(&digits, 16).map_err(|_| Error::bug(format!("the uuid {text}")))?;
            }
        }
        Ok(())
    })?;
    Ok(uuids)
}

/// The files of the columns.
struct Columns {
    units: ColumnWriter,
    timestamps: ColumnWriter,
    event_names: ColumnWriter,
    rows: ColumnWriter,
}

impl Columns {
    fn create(folder: &Path) -> Result<Self> {
        let create = |name: &str, columns: &[(&str, DataType)]| {
            ColumnWriter::create(folder.join(format!("{name}.arrow")), columns)
        };
        Ok(Self {
            units: create("units", &[("person", DataType::UInt32), ("events", DataType::UInt32)])?,
            timestamps: create("timestamp", &[("timestamp", DataType::Int64)])?,
            event_names: create("event_name", &[("event_name", DataType::UInt16)])?,
            rows: create("row", &[("row", DataType::UInt32)])?,
        })
    }

    fn append(&mut self, bucket: &[Placed]) -> Result<()> {
        let (mut persons, mut events): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for events_of_person in bucket.chunk_by(|one, other| one.person == other.person) {
            persons.push(events_of_person[0].person);
            events.push(u32::try_from(events_of_person.len()).map_err(|_| Error::bug("more events than numbers"))?);
        }
        let of = |value: fn(&Placed) -> u32| UInt32Array::from_iter_values(bucket.iter().map(value));
        self.units.append(vec![Arc::new(UInt32Array::from(persons)), Arc::new(UInt32Array::from(events))])?;
        let timestamps = Int64Array::from_iter_values(bucket.iter().map(|event| event.timestamp));
        self.timestamps.append(vec![Arc::new(timestamps)])?;
        let names = UInt16Array::from_iter_values(bucket.iter().map(|event| event.event_name));
        self.event_names.append(vec![Arc::new(names)])?;
        self.rows.append(vec![Arc::new(of(|event| event.row))])
    }

    fn finish(self) -> Result<()> {
        [self.units, self.timestamps, self.event_names, self.rows].into_iter().try_for_each(ColumnWriter::finish)
    }
}

/// The values of a column of a query.
pub(super) fn column<T: ArrowPrimitiveType>(batch: &RecordBatch, index: usize) -> Result<&[T::Native]> {
    let column = batch.columns().get(index).and_then(|column| column.as_primitive_opt::<T>());
    let column = column.filter(|column| column.null_count() == 0);
    column
        .map(|column| &**column.values())
        .ok_or_else(|| Error::bug(format!("column {index} of a query is of another type")))
}
