//! What every person of a log has in common: options, calendar and flags, computed once.

use crate::Error;
use crate::calendar::Calendar;
use crate::event::Event;
use crate::flag::{Flag, flags};
use crate::identifier::Identifiers;
use crate::options::Options;
use crate::person::Person;
use crate::shopper;
use crate::visit::visit_starts_us;

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) calendar: Calendar,
    pub(crate) flags: [Flag; 2],
}

impl World {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        options.check()?;
        let calendar = Calendar::new(options.start, options.days, &options.time_zone()?)?;
        Ok(Self { options: options.clone(), calendar, flags: flags(options.rollout_percentage) })
    }

    /// When a person visits; the cheap part of [`World::shop`].
    pub(crate) fn visit_starts_us(&self, index: u64) -> Vec<i64> {
        visit_starts_us(self.options.seed, index, &self.calendar)
    }

    /// A person and their clean log: a pure function of the options and the index.
    pub(crate) fn shop(&self, index: u64, starts_us: &[i64]) -> (Person, Vec<Event>) {
        let mut identifiers = Identifiers::new(index);
        let person = Person::new(&self.options, index, &mut identifiers, starts_us[0]);
        let events = shopper::events(self, &person, identifiers, starts_us);
        (person, events)
    }
}
