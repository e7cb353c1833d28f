//! One look of a planned test: the bar that holds now, and the p-values that go with it.
//!
//! Earlier looks are taken to have been at their planned shares; the present one is at the share there is, which spending functions
//! allow for (Lan and `DeMets` 1983). The last look spends all that is left, also where there is more information than planned. The
//! p-values: stagewise, of a test that stops at this look (Armitage 1957; Jennison and Turnbull 2000, chapter 8), and repeated, which
//! hold for all planned looks at once (Jennison and Turnbull 1989).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Spending, UNREACHABLE, Walk, check_times, crossings, falling_root, falling_root_within, from_constant, spent,
};
use crate::error::Result;
use crate::stats::modern::check_rate;

/// What one look of a planned test says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InterimLook {
    /// Which of the planned looks it is, from 1.
    pub look: usize,
    /// The difference in standard errors.
    pub z_statistic: f64,
    /// The absolute value of it that rejects at this look.
    pub z_boundary: f64,
    /// Whether it rejects.
    pub crossed: bool,
    /// The error rate that is spent up to and including this look.
    pub cumulative_alpha: f64,
    /// The p-value of a test that stops at this look: to cross earlier, or to be as far out now.
    pub stagewise_p_value: f64,
    /// The p-value that holds for all planned looks at once: the smallest error rate at which the test rejects at this look.
    pub repeated_p_value: f64,
}

/// How precise a repeated p-value is, as a share of it.
const PRECISION: f64 = 1e-9;
/// The smallest logarithm of a repeated p-value that is looked for.
const LN_SMALLEST: f64 = -690.0;

/// The look that is due at a share of the planned information; `None` before the first one.
///
/// Between two planned looks it is the earlier one, taken late, and it holds if it is taken once.
///
/// ```
/// use abduck::stats::group_sequential::{Spending, interim_look};
///
/// let planned = [0.5, 1.0];
/// assert_eq!(interim_look(Spending::ObrienFleming, &planned, 0.4, 3.0, 0.05)?, None);
/// let look = interim_look(Spending::ObrienFleming, &planned, 0.5, 3.0, 0.05)?.unwrap();
/// assert!(look.crossed && (look.z_boundary - 2.796_5).abs() < 1e-4);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// As [`boundaries`](super::boundaries).
pub fn interim_look(
    spending: Spending,
    planned: &[f64],
    information: f64,
    z_statistic: f64,
    alpha: f64,
) -> Result<Option<InterimLook>> {
    check_rate("alpha", alpha)?;
    check_times(planned)?;
    let reached = planned.iter().filter(|time| **time <= information + 1e-9).count();
    let Some(earlier) = reached.checked_sub(1) else { return Ok(None) };
    let design = Design { spending, planned, earlier, now: information.max(planned[earlier]) };
    let at_alpha = design.at(alpha);
    let z = z_statistic.abs();
    Ok(Some(InterimLook {
        look: reached,
        z_statistic,
        z_boundary: at_alpha.bar,
        crossed: z >= at_alpha.bar,
        cumulative_alpha: at_alpha.spent_before + at_alpha.walk.crosses(design.now, at_alpha.bar),
        stagewise_p_value: (at_alpha.spent_before + at_alpha.walk.crosses(design.now, z)).min(1.0),
        repeated_p_value: design.repeated_p_value(z),
    }))
}

/// A plan, and where it is looked at.
struct Design<'a> {
    spending: Spending,
    planned: &'a [f64],
    /// The number of looks before this one.
    earlier: usize,
    /// The information of this look.
    now: f64,
}

/// The test up to this look: the motion that has not crossed before, and the bar of now.
struct Until {
    walk: Walk,
    spent_before: f64,
    bar: f64,
}

impl Design<'_> {
    fn is_last(&self) -> bool {
        self.earlier + 1 == self.planned.len()
    }

    fn at(&self, alpha: f64) -> Until {
        match self.constant_bar() {
            Some(bar) => self.by_constant(bar, from_constant(self.planned, alpha, bar).1),
            None => self.by_spending(alpha),
        }
    }

    /// How a bar follows from the constant of the kinds that have one.
    fn constant_bar(&self) -> Option<fn(f64, f64) -> f64> {
        match self.spending {
            Spending::Pocock => Some(|constant, _| constant),
            Spending::ObrienFleming => Some(|constant, time| constant / time.sqrt()),
            Spending::LanDemetsObrienFleming | Spending::LanDemetsPocock => None,
        }
    }

    fn by_constant(&self, bar: fn(f64, f64) -> f64, constant: f64) -> Until {
        let bars: Vec<f64> = self.planned.iter().map(|time| bar(constant, *time)).collect();
        let (walk, spent_before) = self.walk(|look, _, _| bars[look]);
        // The last look spends what the plan has left, whatever information it is at.
        let last = |walk: &Walk| {
            let left = crossings(self.planned, &bars).last().copied().unwrap_or_default() - spent_before;
            falling_root(|bar| walk.crosses(self.now, bar) - left, 0.0, UNREACHABLE)
        };
        let bar = if self.is_last() { last(&walk) } else { bar(constant, self.now) };
        Until { walk, spent_before, bar }
    }

    fn by_spending(&self, alpha: f64) -> Until {
        let to_spend = |walk: &Walk, time: f64, spent_before: f64| {
            let now = (spent(self.spending, alpha, time.min(1.0)) - spent_before).max(0.0);
            falling_root(|bar| walk.crosses(time, bar) - now, 0.0, UNREACHABLE)
        };
        let (walk, spent_before) = self.walk(|look, walk, spent| to_spend(walk, self.planned[look], spent));
        let bar = to_spend(&walk, self.now, spent_before);
        Until { walk, spent_before, bar }
    }

    /// The motion up to this look, and how probably it has crossed a bar before.
    fn walk(&self, bar: impl Fn(usize, &Walk, f64) -> f64) -> (Walk, f64) {
        let (mut walk, mut spent_before) = (Walk::default(), 0.0);
        for look in 0..self.earlier {
            let (time, bar) = (self.planned[look], bar(look, &walk, spent_before));
            spent_before += walk.crosses(time, bar);
            let next = if look + 1 == self.earlier { self.now } else { self.planned[look + 1] };
            walk.go_on(time, bar, Some(&next));
        }
        (walk, spent_before)
    }

    /// The error rate at which the bar of now is what was seen.
    fn repeated_p_value(&self, z: f64) -> f64 {
        if let Some(bar) = self.constant_bar() {
            return self.repeated_by_constant(bar, z);
        }
        // How far what was seen is beyond the bar, which rises as the error rate falls.
        let beyond = |minus_ln_alpha: f64| z - self.by_spending((-minus_ln_alpha).exp()).bar;
        (-falling_root_within(beyond, 0.0, -LN_SMALLEST, PRECISION)).exp()
    }

    fn repeated_by_constant(&self, bar: fn(f64, f64) -> f64, z: f64) -> f64 {
        let constant = if self.is_last() {
            // The bar rises with the constant.
            falling_root_within(|constant| z - self.by_constant(bar, constant).bar, 0.0, UNREACHABLE, PRECISION)
        } else {
            z / bar(1.0, self.now)
        };
        let bars: Vec<f64> = self.planned.iter().map(|time| bar(constant, *time)).collect();
        crossings(self.planned, &bars).last().copied().unwrap_or_default().clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::dist::normal_sf;
    use crate::stats::group_sequential::boundaries;

    const ALL: [Spending; 4] =
        [Spending::Pocock, Spending::ObrienFleming, Spending::LanDemetsObrienFleming, Spending::LanDemetsPocock];

    fn look(spending: Spending, planned: &[f64], information: f64, z: f64) -> InterimLook {
        interim_look(spending, planned, information, z, 0.05).unwrap().unwrap()
    }

    #[test]
    fn looks_on_plan_have_the_bars_of_the_plan_and_their_p_values() {
        let planned = [0.25, 0.5, 1.0];
        for spending in ALL {
            let plan = boundaries(spending, &planned, 0.05).unwrap();
            for (index, (time, bar)) in planned.iter().zip(&plan.z_boundaries).enumerate() {
                let at_bar = look(spending, &planned, *time, -bar);
                assert_eq!(at_bar.look, index + 1);
                assert!((at_bar.z_boundary - bar).abs() < 1e-9, "{spending:?} {index}: {at_bar:?} {bar}");
                // At the bar, the repeated p-value is the error rate, and the stagewise one what is spent so far.
                assert!((at_bar.repeated_p_value - 0.05).abs() < 1e-8, "{spending:?} {index}: {at_bar:?}");
                assert!((at_bar.stagewise_p_value - plan.cumulative_alpha[index]).abs() < 1e-9, "{at_bar:?}");
                assert!((at_bar.cumulative_alpha - plan.cumulative_alpha[index]).abs() < 1e-9, "{at_bar:?}");
                let beyond = look(spending, &planned, *time, bar + 0.1);
                assert!(beyond.crossed && beyond.repeated_p_value < 0.05);
                assert!(!look(spending, &planned, *time, bar - 0.1).crossed);
            }
        }
    }

    #[test]
    fn a_late_look_spends_what_its_own_time_allows() {
        // mpmath 1.3, 30 digits: two looks, the bivariate normal integrated directly, bars by root finding.
        for (spending, information, expected) in GOLDEN {
            let got = look(spending, &[0.5, 1.0], information, 2.3);
            let (bar, stagewise, repeated) = expected;
            assert!((got.z_boundary - bar).abs() < 1e-9, "{spending:?} {information}: {got:?}");
            assert!((got.stagewise_p_value - stagewise).abs() < 1e-10, "{spending:?} {information}: {got:?}");
            assert!((got.repeated_p_value - repeated).abs() < 1e-8, "{spending:?} {information}: {got:?}");
        }
    }

    #[test]
    fn a_single_look_is_the_plain_test_and_nothing_is_due_before_the_first() {
        for spending in ALL {
            let single = look(spending, &[1.0], 1.0, 2.5);
            let plain = 2.0 * normal_sf(2.5);
            assert!((single.stagewise_p_value - plain).abs() < 1e-12 && (single.repeated_p_value - plain).abs() < 1e-9);
            assert_eq!(interim_look(spending, &[0.2, 1.0], 0.19, 9.0, 0.05).unwrap(), None);
        }
        assert_eq!(look(Spending::Pocock, &[0.5, 1.0], 0.5, 0.0).repeated_p_value, 1.0);
        assert_eq!(interim_look(Spending::Pocock, &[0.5], 0.5, 0.0, 0.05).unwrap_err().code(), "out_of_range");
    }

    /// Kind, information, and the bar, the stagewise and the repeated p-value of a statistic of 2.3.
    const GOLDEN: [(Spending, f64, (f64, f64, f64)); 8] = [
        (Spending::LanDemetsObrienFleming, 0.7, (2.437_994_989_489, 0.021_448_220_043_35, 0.065_556_283_506_01)),
        (Spending::LanDemetsObrienFleming, 1.2, (1.971_511_770_093, 0.023_289_317_149_36, 0.021_741_815_517_67)),
        (Spending::LanDemetsPocock, 0.7, (2.059_081_808_728, 0.021_448_220_043_35, 0.027_158_995_071_5)),
        (Spending::LanDemetsPocock, 1.2, (2.228_491_192_674, 0.046_397_167_860_62, 0.042_101_238_211_15)),
        (Spending::Pocock, 0.7, (2.178_272_088_727, 0.021_448_220_043_35, 0.036_937_319_295_53)),
        (Spending::Pocock, 1.2, (2.204_115_974_723, 0.044_970_172_019_8, 0.039_299_214_558_94)),
        (Spending::ObrienFleming, 0.7, (2.363_482_055_53, 0.021_448_220_043_35, 0.056_827_540_517_95)),
        (Spending::ObrienFleming, 1.2, (1.982_253_537_066, 0.024_812_217_386_06, 0.022_045_866_291_67)),
    ];
}
