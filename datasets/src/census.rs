//! The first pass: how many persons it takes, and the truth about them.

use crate::event::Event;
use crate::pathology::{PathologyCounts, delivered, recorded};
use crate::tally::{Tally, tally};
use crate::world::World;
use std::ops::AddAssign;

/// Everything counted about a log. Memory does not grow with the log.
#[derive(Default)]
pub(crate) struct Census {
    pub(crate) persons: u64,
    pub(crate) distinct_ids: u64,
    pub(crate) events: u64,
    pub(crate) rows: u64,
    pub(crate) tally: Tally,
    pub(crate) tally_without_test_accounts: Tally,
    pub(crate) pathologies: PathologyCounts,
}

/// Generates person after person until their clean logs hold the wanted number of events.
///
/// The clean logs decide, so the persons are the same whatever pathologies are switched on.
pub(crate) fn census(world: &World) -> Census {
    let mut census = Census::default();
    let mut clean_events = 0;
    while clean_events < world.options.events {
        let index = census.persons;
        let (person, events) = world.shop(index, &world.visit_starts_us(index));
        clean_events += events.len() as u64;
        let (events, mut counts) = recorded(world, &person, events);
        census.persons += 1;
        census.distinct_ids += distinct_ids(&events);
        census.events += events.len() as u64;
        census.rows += delivered(world, &person, &events, &mut counts).len() as u64;
        census.pathologies += counts;
        let tally = tally(&events);
        add(&mut census.tally, &tally);
        if !person.is_test_account {
            add(&mut census.tally_without_test_accounts, &tally);
        }
    }
    census
}

fn add(sum: &mut Tally, tally: &Tally) {
    for (sum, counts) in sum.as_flattened_mut().iter_mut().zip(tally.as_flattened()) {
        sum.add_assign(*counts);
    }
}

/// One per device used before its sign-in, and the user id.
fn distinct_ids(events: &[Event]) -> u64 {
    let used = |condition: &dyn Fn(&Event) -> bool| u64::from(events.iter().any(condition));
    used(&|event| event.signed_in)
        + used(&|event| !event.signed_in && event.device == 0)
        + used(&|event| !event.signed_in && event.device == 1)
}
