//! The rates of a repeated experiment of the same size: Beta-binomial, and what choosing one of them costs.
//!
//! The loss is `E max(0, largest of the others - chosen)`, the integral of `F_t (1 - product of F_j)` over the rate. All are step
//! functions, so the integral is a finite sum over the merged steps (reference statistics, section 12.3). Steps whose
//! probability underflows beside the largest are left out, which bounds the work by the square root of the number of units.

use crate::stats::FunnelArm;

/// Probabilities beside the largest below this are left out.
const NEGLIGIBLE: f64 = 1e-300;

/// The possible rates of one arm, ascending, from the first to the last that is not negligible.
struct Steps {
    first: f64,
    units: f64,
    /// The probability of a rate up to and including each step.
    below: Vec<f64>,
    /// The probability of a rate above each step.
    above: Vec<f64>,
}

/// What choosing an arm costs on average in a repeated experiment; counts are cut to whole numbers, as the reference does.
pub(super) fn expected_loss(target: &FunnelArm, others: &[FunnelArm]) -> f64 {
    let arms: Vec<Steps> = std::iter::once(target).chain(others).map(Steps::of).collect();
    let mut next = vec![0_usize; arms.len()];
    let (mut loss, mut rate) = (0.0, 0.0);
    loop {
        let upcoming = arms.iter().zip(&next).filter_map(|(arm, next)| arm.rate(*next)).reduce(f64::min);
        let Some(upcoming) = upcoming else { return loss };
        loss += (upcoming - rate) * integrand(&arms, &next);
        rate = upcoming;
        for (arm, next) in arms.iter().zip(&mut next) {
            if arm.rate(*next).is_some_and(|rate| rate <= upcoming) {
                *next += 1;
            }
        }
    }
}

/// `F_t (1 - product of F_j)` between two steps; `next` is each arm's first step beyond.
fn integrand(arms: &[Steps], next: &[usize]) -> f64 {
    let Some(passed) = next[0].checked_sub(1) else { return 0.0 };
    let ln_below = |(arm, next): (&Steps, &usize)| match next.checked_sub(1) {
        None => f64::NEG_INFINITY,
        Some(passed) if arm.above[passed] < 0.5 => (-arm.above[passed]).ln_1p(),
        Some(passed) => arm.below[passed].ln(),
    };
    let ln_all_below: f64 = arms.iter().zip(next).skip(1).map(ln_below).sum();
    arms[0].below[passed] * -ln_all_below.exp_m1()
}

impl Steps {
    fn of(arm: &FunnelArm) -> Self {
        let (successes, failures) = (arm.success_count.trunc(), arm.failure_count.trunc());
        let units = successes + failures;
        // The probability of k + 1 beside that of k.
        let growth = |k: f64| (units - k) * (k + 1.0 + successes) / ((k + 1.0) * (units - k + failures));
        let upwards = outwards(successes, |k| (k < units).then(|| (growth(k), k + 1.0)));
        let downwards = outwards(successes, |k| (k > 0.0).then(|| (1.0 / growth(k - 1.0), k - 1.0)));
        let mut mass: Vec<f64> = downwards.into_iter().rev().collect();
        let first = successes - crate::stats::number::from_count(mass.len() as u64);
        mass.push(1.0);
        mass.extend(upwards);
        let total: f64 = mass.iter().sum();
        let running = |sum: &mut f64, mass: &f64| {
            *sum += mass / total;
            Some(*sum)
        };
        let below = mass.iter().scan(0.0, running).map(|sum| sum.min(1.0)).collect();
        let mut above: Vec<f64> = mass.iter().rev().scan(0.0, running).map(|sum| sum.min(1.0)).collect();
        above.pop();
        above.reverse();
        above.push(0.0);
        Self { first, units, below, above }
    }

    fn rate(&self, step: usize) -> Option<f64> {
        let is_there = step < self.below.len() && self.units > 0.0;
        is_there.then(|| (self.first + crate::stats::number::from_count(step as u64)) / self.units)
    }
}

/// The probabilities beside that of `start` from one step next to it outwards, until they are negligible.
fn outwards(start: f64, step: impl Fn(f64) -> Option<(f64, f64)>) -> Vec<f64> {
    let mut beside = Vec::new();
    let (mut at, mut mass) = (start, 1.0);
    while let Some((factor, next)) = step(at) {
        mass *= factor;
        if mass < NEGLIGIBLE {
            break;
        }
        beside.push(mass);
        at = next;
    }
    beside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::dist::ln_gamma;

    fn arm(successes: f64, failures: f64) -> FunnelArm {
        FunnelArm::new("arm", successes, failures)
    }

    /// The definition, as a double sum over both arms' possible counts.
    fn slow(target: &FunnelArm, other: &FunnelArm) -> f64 {
        let ln_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
        let mass = |arm: &FunnelArm, k: f64| {
            let n = arm.exposure();
            let ways = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
            let (a, b) = (1.0 + arm.success_count, 1.0 + arm.failure_count);
            (ways + ln_beta(k + a, n - k + b) - ln_beta(a, b)).exp()
        };
        let counts = |arm: &FunnelArm| {
            (0_u32..=u32::try_from(crate::stats::number::whole(arm.exposure()).unwrap()).unwrap()).map(f64::from)
        };
        let mut loss = 0.0;
        for chosen in counts(target) {
            for rival in counts(other) {
                let gain = rival / other.exposure() - chosen / target.exposure();
                loss += gain.max(0.0) * mass(target, chosen) * mass(other, rival);
            }
        }
        loss
    }

    #[test]
    fn the_sum_over_steps_is_the_double_sum_of_the_definition() {
        for (target, other) in [
            (arm(56.0, 150.0), arm(40.0, 160.0)),
            (arm(0.0, 7.0), arm(3.0, 10.0)),
            (arm(9.0, 0.0), arm(1.0, 0.0)),
            (arm(1.0, 99.0), arm(90.0, 10.0)),
        ] {
            let (fast, slow) = (expected_loss(&target, std::slice::from_ref(&other)), slow(&target, &other));
            assert!((fast - slow).abs() < 1e-11 * slow.max(1e-3), "{fast} {slow}");
        }
    }

    #[test]
    fn many_units_take_little_and_tiny_losses_keep_their_size() {
        let loss = expected_loss(&arm(1.001e8, 8.999e8), &[arm(1e8, 9e8)]);
        assert!(loss > 0.0 && loss < 1e-6, "{loss:e}");
        let tiny = expected_loss(&arm(2000.0, 8000.0), &[arm(1000.0, 9000.0)]);
        assert!((tiny / 3.573_619_789_262_883e-49 - 1.0).abs() < 1e-9, "{tiny:e}");
    }
}
