//! When a person visits, and what they have in mind for each visit before any flag is asked.

use crate::calendar::{Calendar, VISIT_LIMIT_US};
use crate::person::Person;
use crate::random::{Purpose, Random};

/// Probability that a person comes back after a visit, if the range has time left.
const RETURN_CHANCE: f64 = 0.62;
/// Mean time between visits.
const RETURN_DAYS_MEAN: f64 = 3.5;
/// Mean number of products viewed in a visit, by a person of average engagement.
const VIEWS_MEAN: f64 = 1.1;
/// Chance that a visit after the sign-in is made on the second device.
const SECOND_DEVICE_CHANCE: f64 = 0.4;
/// Cap on product views and on searches in one visit, which bounds its length; the means are near 1.
pub(crate) const VISIT_ITEMS_MAX: u32 = 18;

/// One visit as intended.
pub(crate) struct Visit {
    pub(crate) start_us: i64,
    pub(crate) device: u8,
    pub(crate) product_views: u32,
    /// The person signs in during this visit.
    pub(crate) signs_in: bool,
}

/// The starts of a person's visits, ascending, at least two visit lengths apart. Cheap: this is all that is computed
/// for persons who are not active in a slice of the log.
pub(crate) fn visit_starts_us(seed: u64, index: u64, calendar: &Calendar) -> Vec<i64> {
    let mut random = Random::new(seed, index, Purpose::Visits);
    let mut position = random.unit();
    let mut starts_us = vec![calendar.instant_us(position)];
    while random.chance(RETURN_CHANCE) {
        position += random.exponential() * RETURN_DAYS_MEAN / calendar.days;
        if position >= 1.0 {
            break;
        }
        let start_us = calendar.instant_us(position);
        if starts_us.last().is_some_and(|last_us| start_us >= last_us + 2 * VISIT_LIMIT_US) {
            starts_us.push(start_us);
        }
    }
    starts_us
}

/// Decides device, sign-in and product views of every visit.
pub(crate) fn plan(person: &Person, starts_us: &[i64], random: &mut Random) -> Vec<Visit> {
    let sign_in = person.signs_in.then(|| sign_in_visit(starts_us.len(), random));
    let visits = starts_us.iter().enumerate().map(|(index, &start_us)| {
        let after_sign_in = sign_in.is_some_and(|visit| index > visit);
        let second = after_sign_in && person.uses_second_device && random.chance(SECOND_DEVICE_CHANCE);
        let product_views = random.poisson(VIEWS_MEAN * person.engagement).min(VISIT_ITEMS_MAX);
        Visit { start_us, device: u8::from(second), product_views, signs_in: sign_in == Some(index) }
    });
    visits.collect()
}

/// Half of those who sign in do so on their first visit, the others on any.
fn sign_in_visit(visit_count: usize, random: &mut Random) -> usize {
    if random.chance(0.5) { 0 } else { random.below(visit_count as u32) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    #[test]
    fn visits_ascend_and_keep_their_distance() {
        let calendar = Calendar::new(date(2026, 3, 2), 28, &TimeZone::UTC).unwrap();
        let mut visits = 0;
        for index in 0..2000 {
            let starts_us = visit_starts_us(7, index, &calendar);
            assert!(starts_us.windows(2).all(|pair| pair[1] - pair[0] >= 2 * VISIT_LIMIT_US));
            assert!(starts_us[0] >= calendar.start_us);
            assert!(starts_us[starts_us.len() - 1] <= calendar.end_us - VISIT_LIMIT_US);
            visits += starts_us.len();
        }
        assert!((3000..6000).contains(&visits), "{visits} visits of 2000 persons");
    }
}
