//! How many units and days an experiment will need, from what the lab has seen before it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::modern::sequential::Layout;
use super::number::from_count;
use super::power::Means;
use crate::error::{Error, Result};

/// What is to be seen, and by how many variants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The relative effect.
    pub lift: f64,
    /// The probability to see it.
    pub power: f64,
    /// The number of variants of equal size, the baseline included, at least 2.
    pub variants: u32,
    /// The error rate, and where looking at any time is tightest.
    pub layout: Layout,
}

/// What the past says about a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past<'a> {
    /// The metric's value.
    pub value: f64,
    /// Its variance per unit.
    pub unit_variance: f64,
    /// The share of the variance that the value before the exposure explains.
    pub variance_reduction: f64,
    /// How many units came for the first time on each day.
    pub arrivals: &'a [u64],
}

/// What one way of looking needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PastNeed {
    /// Whether one may look as often as one likes.
    pub any_time: bool,
    /// Whether the value before the exposure is taken out.
    pub adjusted: bool,
    /// Units of each variant.
    pub units_per_variant: f64,
    /// Units of all variants together.
    pub units: f64,
    /// Days until so many have come; null when nobody comes any more.
    pub days: Option<f64>,
    /// Whether that is longer than the days that were looked at, so that the last week was taken to go on.
    pub is_extrapolated: bool,
}

/// Days that go on where the past ends.
const LAST_DAYS: usize = 7;

/// The needs of one look and of any number, as the value is and, where that helps, with the value before taken out.
///
/// ```
/// use abduck::stats::modern::sequential::Layout;
/// use abduck::stats::past::{Goal, Past, needs};
///
/// let goal = Goal { lift: 0.1, power: 0.8, variants: 2, layout: Layout::default() };
/// let arrivals = vec![500; 28];
/// let past = Past { value: 0.2, unit_variance: 0.16, variance_reduction: 0.0, arrivals: &arrivals };
/// let needs = needs(past, goal)?;
/// assert_eq!((needs.len(), needs[0].days, needs[0].is_extrapolated), (2, Some(26.0), false));
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for an effect of 0, less than two variants, or a value that does not vary; `statistic_error` for a power that is
/// not strictly between 0 and 1.
pub fn needs(past: Past<'_>, goal: Goal) -> Result<Vec<PastNeed>> {
    if goal.variants < 2 {
        let message = format!("an experiment has at least 2 variants, not {}", goal.variants);
        return Err(Error::invalid_field("variants", "out_of_range", message));
    }
    let mut needs = Vec::new();
    for adjusted in [false, true] {
        if adjusted && past.variance_reduction <= 0.0 {
            continue;
        }
        let left = if adjusted { 1.0 - past.variance_reduction } else { 1.0 };
        let standard_deviation = (past.unit_variance * left).sqrt();
        let design = Means { standard_deviation, ratio: 1.0, alpha: goal.layout.alpha };
        let difference = goal.lift * past.value;
        for any_time in [false, true] {
            let units_per_variant = if any_time {
                design.units_anytime(difference, goal.power, goal.layout)?.ceil()
            } else {
                design.units(difference, goal.power)?.ceil()
            };
            let units = units_per_variant * f64::from(goal.variants);
            let (days, is_extrapolated) = days_until(units, past.arrivals);
            needs.push(PastNeed { any_time, adjusted, units_per_variant, units, days, is_extrapolated });
        }
    }
    Ok(needs)
}

/// The day on which so many have come, and whether it lies beyond the days that are known.
fn days_until(units: f64, arrivals: &[u64]) -> (Option<f64>, bool) {
    let (mut so_far, mut days) = (0.0, 0.0);
    for arrived in arrivals {
        so_far += from_count(*arrived);
        days += 1.0;
        if so_far >= units {
            return (Some(days), false);
        }
    }
    let last = &arrivals[arrivals.len().saturating_sub(LAST_DAYS)..];
    let per_day = from_count(last.iter().sum()) / from_count(last.len().max(1) as u64);
    let more = (units - so_far) / per_day;
    (more.is_finite().then(|| days + more.ceil()), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_who_come_back_are_counted_once_so_days_grow_faster_than_units() {
        let arrivals = [100, 60, 40, 30, 20, 20, 20, 20, 20, 20];
        assert_eq!(days_until(100.0, &arrivals), (Some(1.0), false));
        assert_eq!(days_until(200.0, &arrivals), (Some(3.0), false));
        assert_eq!(days_until(350.0, &arrivals), (Some(10.0), false));
        // 20 a day of the last week, but for the fourth day's 30.
        assert_eq!(days_until(450.0, &arrivals), (Some(10.0 + (100.0_f64 / (150.0 / 7.0)).ceil()), true));
        assert_eq!(days_until(5.0, &[1, 0, 0, 0, 0, 0, 0, 0]), (None, true));
    }

    #[test]
    fn what_the_past_explains_needs_no_units() {
        let goal = Goal { lift: 0.05, power: 0.9, variants: 3, layout: Layout::default() };
        let arrivals = [1000; 10];
        let past = Past { value: 10.0, unit_variance: 400.0, variance_reduction: 0.5, arrivals: &arrivals };
        let needs = needs(past, goal).unwrap();
        let flags: Vec<_> = needs.iter().map(|need| (need.any_time, need.adjusted)).collect();
        assert_eq!(flags, [(false, false), (true, false), (false, true), (true, true)]);
        assert!((needs[2].units / needs[0].units - 0.5).abs() < 0.001);
        assert!(needs.iter().all(|need| (need.units - 3.0 * need.units_per_variant).abs() < 1e-9));
        assert!(needs[1].units > needs[0].units);
    }

    #[test]
    fn impossible_goals_are_refused() {
        let goal = Goal { lift: 0.05, power: 0.9, variants: 2, layout: Layout::default() };
        let past = Past { value: 10.0, unit_variance: 400.0, variance_reduction: 0.0, arrivals: &[1] };
        assert_eq!(needs(past, Goal { variants: 1, ..goal }).unwrap_err().code(), "out_of_range");
        assert!(needs(past, Goal { lift: 0.0, ..goal }).is_err());
        assert!(needs(past, Goal { power: 1.0, ..goal }).is_err());
        assert!(needs(Past { unit_variance: 0.0, ..past }, goal).is_err());
    }
}
