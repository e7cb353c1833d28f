//! The second pass: the log in order of arrival, slice by slice.
//!
//! The range is cut into slices of about [`SLICE_ROWS`] rows each. For every slice all persons are asked whether they
//! are active in it, which costs a handful of random numbers; those who are get generated again and the rows in the
//! slice are kept and sorted. Memory is one slice, however long the log; the price is time that grows with persons times
//! slices: about a fifth of the whole at ten million events, a third at twenty.

use crate::calendar::VISIT_LIMIT_US;
use crate::pathology::{ARRIVAL_DELAY_MAX_US, Row, delivered, recorded};
use crate::person::Person;
use crate::world::World;
use std::ops::Range;

/// Aimed number of rows of a slice. Traffic varies less than twofold over the positions of a calendar, so a slice holds
/// at most about twice as many.
pub(crate) const SLICE_ROWS: u64 = 200_000;

/// The rows that arrive in one stretch of time, in order of arrival.
pub(crate) struct Slice {
    persons: Vec<Person>,
    rows: Vec<SliceRow>,
}

struct SliceRow {
    /// Index into the persons of the slice, which are in order of their index.
    person: u32,
    /// Place among the person's rows.
    place: u32,
    row: Row,
}

impl Slice {
    /// The rows with the persons they are of.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Person, &Row)> {
        self.rows.iter().map(|each| (&self.persons[each.person as usize], &each.row))
    }
}

/// All slices of the log of the first so many persons, one after the other.
pub(crate) fn slices(world: &World, persons: u64, slice_count: u64) -> impl Iterator<Item = Slice> {
    (0..slice_count).map(move |slice| {
        let edge = |slice: u64| world.calendar.instant_us(slice as f64 / slice_count as f64);
        // Late rows may arrive after the end of the range; they belong to the last slice.
        let end_us = if slice + 1 == slice_count { i64::MAX } else { edge(slice + 1) };
        rows_arriving(world, persons, edge(slice)..end_us)
    })
}

fn rows_arriving(world: &World, persons: u64, stretch_us: Range<i64>) -> Slice {
    let faults = &world.options.pathologies;
    let has_delays = faults.late_rows > 0.0 || faults.duplicate_rows > 0.0;
    let delay_max_us = if has_delays { ARRIVAL_DELAY_MAX_US } else { 0 };
    let mut slice = Slice { persons: Vec::new(), rows: Vec::new() };
    for index in 0..persons {
        let starts_us = world.visit_starts_us(index);
        let may_arrive = |start_us: &i64| {
            *start_us < stretch_us.end && *start_us + VISIT_LIMIT_US + delay_max_us >= stretch_us.start
        };
        if !starts_us.iter().any(may_arrive) {
            continue;
        }
        let (person, events) = world.shop(index, &starts_us);
        let (events, mut counts) = recorded(world, &person, events);
        let number = slice.persons.len() as u32;
        let rows = (0..).zip(delivered(world, &person, &events, &mut counts));
        let before = slice.rows.len();
        slice.rows.extend(rows.filter(|(_, row)| stretch_us.contains(&row.arrival_us)).map(|(place, row)| SliceRow {
            person: number,
            place,
            row,
        }));
        if slice.rows.len() > before {
            slice.persons.push(person);
        }
    }
    slice.rows.sort_unstable_by_key(|each| (each.row.arrival_us, each.person, each.place));
    slice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::census;
    use crate::options::{Options, Pathologies};

    fn world() -> World {
        let pathologies =
            Pathologies { late_rows: 0.05, duplicate_rows: 0.05, equal_timestamps: 0.1, ..Pathologies::default() };
        World::new(&Options { events: 20_000, pathologies, ..Options::default() }).unwrap()
    }

    #[test]
    fn the_number_of_slices_does_not_change_the_rows() {
        let world = world();
        let census = census(&world);
        let rows = |slice_count| -> Vec<(u64, Row)> {
            let slices: Vec<Slice> = slices(&world, census.persons, slice_count).collect();
            slices.iter().flat_map(Slice::rows).map(|(person, row)| (person.index, *row)).collect()
        };
        let whole = rows(1);
        assert_eq!(whole.len() as u64, census.rows);
        assert!(whole.is_sorted_by_key(|(_, row)| row.arrival_us));
        assert!(rows(37) == whole);
    }

    #[test]
    fn slices_are_of_like_size() {
        let world = world();
        let census = census(&world);
        let largest = slices(&world, census.persons, 10).map(|slice| slice.rows.len() as u64).max();
        assert!(largest.unwrap() < census.rows / 10 * 2, "{largest:?} of {}", census.rows);
    }
}
