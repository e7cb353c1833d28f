//! Boundaries of a test that is looked at a planned number of times (reference statistics, section 13).
//!
//! Under no effect, the statistic at information times `t_k` is Brownian motion divided by `sqrt t_k`. The density of the motion
//! that has not crossed so far is carried from look to look by Gauss-Legendre quadrature (Armitage et al. 1969; Jennison
//! and Turnbull 2000, "Group Sequential Methods", chapter 19). Sources of the boundaries: Pocock 1977; O'Brien and Fleming 1979;
//! Lan and `DeMets` 1983.

mod interim;

pub use interim::{InterimLook, interim_look};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dist::{normal_pdf, normal_quantile, normal_sf};
use super::modern::check_rate;
use super::quadrature::RULE;
use crate::error::{Error, Result};

pub use crate::model::sequential::Spending;

/// The bars of a two-sided test, look by look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Boundaries {
    /// The absolute value of the statistic that rejects at each look.
    pub z_boundaries: Vec<f64>,
    /// The two-sided p-value that each bar stands for.
    pub nominal_two_sided_p: Vec<f64>,
    /// The number behind the bars of the kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<f64>,
    /// The error rate that is spent up to and including each look.
    pub cumulative_alpha: Vec<f64>,
}

/// The most looks that are planned for.
pub const MOST_LOOKS: usize = 100;
/// Panels of the quadrature between two boundaries.
const PANELS: u32 = 12;
/// The most panels, for looks that are as close together as may be.
const MOST_PANELS: u32 = 128 * PANELS;
/// The least distance of two looks, as a share of the later one's information; looks closer than this are one look.
const LEAST_DISTANCE: f64 = 1e-5;
/// Beyond so many standard deviations there is nothing to carry on.
const REACH: f64 = 9.0;
/// A bar that nothing crosses, for looks where nothing is spent.
const UNREACHABLE: f64 = 38.0;

/// The boundaries of a test with looks at increasing shares of the planned information, the last at 1.
///
/// ```
/// use abduck::stats::group_sequential::{Spending, boundaries};
///
/// let pocock = boundaries(Spending::Pocock, &[1.0 / 3.0, 2.0 / 3.0, 1.0], 0.05)?;
/// assert!((pocock.z_boundaries[0] - 2.289_478_061_024_868_6).abs() < 1e-9);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for no look or more than 100, and for times that do not increase from above 0 to 1 or are too close together; `statistic_error` for an alpha
/// that is not strictly between 0 and 1.
pub fn boundaries(spending: Spending, information_times: &[f64], alpha: f64) -> Result<Boundaries> {
    check_rate("alpha", alpha)?;
    check_times(information_times)?;
    let (z_boundaries, constant) = match spending {
        Spending::Pocock => by_constant(information_times, alpha, |constant, _| constant),
        Spending::ObrienFleming => by_constant(information_times, alpha, |constant, time| constant / time.sqrt()),
        Spending::LanDemetsObrienFleming | Spending::LanDemetsPocock => {
            (by_spending(information_times, |time| spent(spending, alpha, time)), None)
        }
    };
    Ok(Boundaries {
        nominal_two_sided_p: z_boundaries.iter().map(|bar| 2.0 * normal_sf(*bar)).collect(),
        cumulative_alpha: crossings(information_times, &z_boundaries),
        z_boundaries,
        constant,
    })
}

/// What the kinds with a spending function allow to be spent until a time; the others spend by their bars.
fn spent(spending: Spending, alpha: f64, time: f64) -> f64 {
    match spending {
        Spending::LanDemetsPocock => alpha * (1.0 + (1.0_f64.exp() - 1.0) * time).ln(),
        _ => 4.0 * normal_sf(-normal_quantile(alpha / 4.0) / time.sqrt()),
    }
}

/// The probability that the statistic has crossed its bar up to and including each look, when there is no effect.
fn crossings(times: &[f64], bars: &[f64]) -> Vec<f64> {
    let mut walk = Walk::default();
    let mut crossed = 0.0;
    let look = |(index, (time, bar)): (usize, (&f64, &f64))| {
        crossed += walk.crosses(*time, *bar);
        walk.go_on(*time, *bar, times.get(index + 1));
        crossed
    };
    times.iter().zip(bars).enumerate().map(look).collect()
}

/// The bars that come from one constant, which is found so that the whole error rate is `alpha`.
fn by_constant(times: &[f64], alpha: f64, bar: impl Fn(f64, f64) -> f64) -> (Vec<f64>, Option<f64>) {
    let (bars, constant) = from_constant(times, alpha, bar);
    (bars, Some(constant))
}

fn from_constant(times: &[f64], alpha: f64, bar: impl Fn(f64, f64) -> f64) -> (Vec<f64>, f64) {
    let bars = |constant: f64| times.iter().map(|time| bar(constant, *time)).collect::<Vec<_>>();
    let excess = |constant: f64| crossings(times, &bars(constant)).last().copied().unwrap_or_default() - alpha;
    let constant = falling_root(excess, 0.0, UNREACHABLE);
    (bars(constant), constant)
}

/// The bars that spend, look by look, what a function of the information allows.
fn by_spending(times: &[f64], allowed: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut walk = Walk::default();
    let mut spent = 0.0;
    let look = |(index, time): (usize, &f64)| {
        let now = (allowed(*time) - spent).max(0.0);
        let bar = falling_root(|bar| walk.crosses(*time, bar) - now, 0.0, UNREACHABLE);
        walk.go_on(*time, bar, times.get(index + 1));
        spent += now;
        bar
    };
    times.iter().enumerate().map(look).collect()
}

/// Where a falling function is 0, by bisection with the steps of the secant where these are inside.
fn falling_root(function: impl Fn(f64) -> f64, from: f64, until: f64) -> f64 {
    falling_root_within(function, from, until, 1e-14)
}

/// The same, as closely as this share of it.
fn falling_root_within(function: impl Fn(f64) -> f64, mut from: f64, mut until: f64, precision: f64) -> f64 {
    let (mut at_from, mut at_until) = (function(from), function(until));
    if at_from <= 0.0 {
        return from;
    }
    if at_until >= 0.0 {
        return until;
    }
    for step in 0..200 {
        if until - from <= precision * until {
            break;
        }
        let secant = from + (until - from) * at_from / (at_from - at_until);
        // A plain halving every third step keeps the bracket shrinking.
        let next = if step % 3 == 2 || !(secant > from && secant < until) { 0.5 * (from + until) } else { secant };
        let value = function(next);
        if value > 0.0 {
            (from, at_from) = (next, value);
        } else {
            (until, at_until) = (next, value);
        }
        if value == 0.0 {
            return next;
        }
    }
    0.5 * (from + until)
}

/// Brownian motion that has not crossed a bar so far: its density at the nodes between the bars of the last look.
#[derive(Default)]
struct Walk {
    time: f64,
    /// Position, and density times weight; empty before the first look, when the motion is at 0.
    nodes: Vec<(f64, f64)>,
}

impl Walk {
    /// The probability to be outside a bar at a later time, not having crossed one before.
    fn crosses(&self, time: f64, bar: f64) -> f64 {
        let edge = bar * time.sqrt();
        let spread = (time - self.time).sqrt();
        if self.nodes.is_empty() {
            return 2.0 * normal_sf(bar);
        }
        let outside =
            |(at, mass): &(f64, f64)| mass * (normal_sf((edge - at) / spread) + normal_sf((edge + at) / spread));
        self.nodes.iter().map(outside).sum()
    }

    /// Moves to a later time and stays inside a bar; nothing is left to carry when no look follows.
    fn go_on(&mut self, time: f64, bar: f64, next_time: Option<&f64>) {
        let Some(next_time) = next_time else { return };
        let edge = bar.min(REACH) * time.sqrt();
        let spread = (time - self.time).sqrt();
        // The density is as sharp as the step before it, and is smeared as sharply as the step after it.
        let panels = panels(edge, spread.min((next_time - time).sqrt()));
        let half = edge / f64::from(panels);
        let mut nodes = Vec::new();
        for panel in 0..panels {
            let middle = -edge + half * (2.0 * f64::from(panel) + 1.0);
            for (node, weight) in RULE.nodes.iter().zip(&RULE.weights) {
                let x = middle + half * node;
                nodes.push((x, half * weight * self.density(x, spread)));
            }
        }
        (self.time, self.nodes) = (time, nodes);
    }

    /// The density at a position after a step that spreads so far.
    fn density(&self, x: f64, spread: f64) -> f64 {
        if self.nodes.is_empty() {
            return normal_pdf(x / spread) / spread;
        }
        // The nodes ascend, and those out of reach add nothing.
        let from = self.nodes.partition_point(|(at, _)| *at < x - REACH * spread);
        let until = self.nodes.partition_point(|(at, _)| *at <= x + REACH * spread);
        let near = self.nodes.get(from..until).unwrap_or_default();
        near.iter().map(|(at, mass)| mass * normal_pdf((x - at) / spread) / spread).sum()
    }
}

/// Enough panels for one to be no wider than three times what a step between looks spreads, within reason.
fn panels(edge: f64, spread: f64) -> u32 {
    let mut panels = PANELS;
    while 2.0 * edge / f64::from(panels) > 3.0 * spread && panels < MOST_PANELS {
        panels *= 2;
    }
    panels
}

fn check_times(times: &[f64]) -> Result<()> {
    let increases = times.windows(2).all(|pair| pair[1] - pair[0] >= LEAST_DISTANCE * pair[1])
        && times.first().is_some_and(|first| *first > 0.0);
    let ends_at_one = times.last().is_some_and(|last| (last - 1.0).abs() < 1e-9);
    if increases && ends_at_one && times.len() <= MOST_LOOKS {
        return Ok(());
    }
    let message = format!(
        "1 to {MOST_LOOKS} looks at increasing shares of the information are needed, from above 0 to 1 and at least \
         {LEAST_DISTANCE} of it apart, got {times:?}"
    );
    Err(Error::invalid_field("information_times", "out_of_range", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_look_is_the_plain_test() {
        for spending in
            [Spending::Pocock, Spending::ObrienFleming, Spending::LanDemetsObrienFleming, Spending::LanDemetsPocock]
        {
            let bar = boundaries(spending, &[1.0], 0.05).unwrap().z_boundaries[0];
            assert!((bar - 1.959_963_984_540_054).abs() < 1e-9, "{spending:?} {bar}");
        }
    }

    #[test]
    fn the_whole_error_rate_is_spent_however_the_looks_lie() {
        let uneven = [0.05, 0.06, 0.5, 0.500_1, 1.0];
        for spending in
            [Spending::Pocock, Spending::ObrienFleming, Spending::LanDemetsObrienFleming, Spending::LanDemetsPocock]
        {
            for alpha in [0.05, 1e-4] {
                let answer = boundaries(spending, &uneven, alpha).unwrap();
                assert!(
                    (answer.cumulative_alpha[4] / alpha - 1.0).abs() < 1e-8,
                    "{spending:?}: {:?}",
                    answer.cumulative_alpha
                );
                assert!(answer.cumulative_alpha.windows(2).all(|pair| pair[0] <= pair[1]));
            }
        }
    }

    /// P(|Z1| < c and |Z2| < c) for looks at `first` and 1, integrated in one dimension with panels that are fine enough for both.
    fn inside(bar: f64, first: f64) -> f64 {
        let (correlation, panels) = (first.sqrt(), 4_000_u32);
        let spread = (1.0 - first).sqrt();
        let half = bar / f64::from(panels);
        let mut inside = 0.0;
        for panel in 0..panels {
            let middle = -bar + half * (2.0 * f64::from(panel) + 1.0);
            for (node, weight) in RULE.nodes.iter().zip(&RULE.weights) {
                let z = middle + half * node;
                let outside = normal_sf((bar - correlation * z) / spread) + normal_sf((bar + correlation * z) / spread);
                inside += half * weight * normal_pdf(z) * (1.0 - outside);
            }
        }
        inside
    }

    #[test]
    fn two_looks_agree_with_the_bivariate_normal_however_close_they_are() {
        for first in [0.01, 0.5, 0.99, 0.999_9, 0.999_989] {
            let bar = boundaries(Spending::Pocock, &[first, 1.0], 0.05).unwrap().z_boundaries[0];
            let inside = inside(bar, first);
            assert!((inside - 0.95).abs() < 1e-10, "{first}: {inside}");
        }
    }

    #[test]
    fn impossible_plans_are_refused() {
        let refused = |times: &[f64]| boundaries(Spending::Pocock, times, 0.05).unwrap_err().code();
        for times in [&[][..], &[0.5], &[0.5, 0.5, 1.0], &[0.5, 0.500_001, 1.0], &[0.0, 1.0], &[f64::NAN, 1.0]] {
            assert_eq!(refused(times), "out_of_range");
        }
        assert_eq!(boundaries(Spending::Pocock, &[1.0], 0.0).unwrap_err().code(), "statistic_error");
    }
}
