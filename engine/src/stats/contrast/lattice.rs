//! Probabilities of a contrast from evenly spaced values of both densities.
//!
//! What the treatment must exceed is spread like the control, so the contrast is at most x with the probability
//! `integral of f(t) S(t - x)`, or `S(t / x)` for a ratio, of the treatment's density `f` and the control's probability `S` of
//! more. At evenly spaced places of the control, `S` is computed once; for each x remain some fifty densities of the treatment.
//!
//! Sums over evenly spaced values of a smooth density converge faster than any rule of fixed order: what they miss is what the
//! density still has of frequencies beyond one per two steps. Where a product of two functions misses, one of the two must have such
//! a frequency; and how much of them each has is what its sums over every other value disagree by. That is the error bound; where it is
//! not small, there is no answer here, and adaptive panels give it.

use std::sync::LazyLock;

use super::shape::Shape;
use super::{At, Kind, Marginal};
use crate::stats::bell::Side;
use crate::stats::dist::normal_quantile;
use crate::stats::quadrature::{NODES, Nodal, RULE};

/// Two posteriors, smooth on the scale of the value.
#[derive(Clone, Debug)]
pub(super) struct Lattice {
    control: Shape,
    treatment: Shape,
    step: f64,
    /// Where the table begins, in steps from the control's mean.
    first: f64,
    /// The control's probability of more, and its density times the step, at every step.
    more: Vec<f64>,
    density: Vec<f64>,
    /// How far the treatment reaches from its mean.
    reach: [f64; 2],
    missed: f64,
}

/// The steps, in standard deviations of the narrower posterior; of a ratio they are wider where the ratio is larger.
const STEP: f64 = 0.3;
/// More steps than this, and panels are the better way.
const MOST_STEPS: u16 = 384;
/// With what is added to fill a block.
const MOST: usize = 400;
/// Sums that miss by no more than this are right.
const AGREEMENT: f64 = 2e-11;

/// The integral of `sin(pi t) / (pi t)` from 0 to whole numbers, from `-MOST` to `MOST`: how much of a value on the lattice lies on this
/// side of another.
static SHARES: LazyLock<[f64; 2 * MOST + 1]> = LazyLock::new(|| {
    let mut shares = [0.0; 2 * MOST + 1];
    let mut sum = 0.0;
    let mut middle = 0.5;
    for distance in 1..=MOST {
        let sinc = |t: f64| (std::f64::consts::PI * t).sin() / (std::f64::consts::PI * t);
        sum += 0.5 * RULE.integral(&RULE.nodes.map(|node| sinc(middle + 0.5 * node)));
        (shares[MOST + distance], shares[MOST - distance]) = (sum, -sum);
        middle += 1.0;
    }
    shares
});

impl Lattice {
    /// None where one of the two is not smooth, or much narrower than the other.
    pub(super) fn new(control: &Marginal, treatment: &Marginal) -> Option<Self> {
        let (control, treatment) = (Shape::of(control)?, Shape::of(treatment)?);
        // The treatment as wide as it is for the difference, and for the ratio.
        let for_ratio = (treatment.sd * control.mean / treatment.mean).abs();
        let narrower = if for_ratio > 0.0 { treatment.sd.min(for_ratio) } else { treatment.sd };
        let step = STEP * control.sd.min(narrower);
        let first = -(control.reach(Side::Below) / step).ceil();
        let count = counted((control.reach(Side::Above) / step).ceil() - first + 1.0)?;
        let reach = [-treatment.reach(Side::Below), treatment.reach(Side::Above)];
        let mut lattice =
            Self { control, treatment, step, first, more: Vec::new(), density: Vec::new(), reach, missed: 0.0 };
        lattice.tabulate(count);
        (lattice.missed <= AGREEMENT).then_some(lattice)
    }

    fn tabulate(&mut self, count: usize) {
        let mut sums = Nodal::default();
        let mut position = self.first;
        while self.density.len() < count {
            let masses = self.control.densities(&spaced(self.step * position, self.step));
            let masses = masses.map(|density| self.step * density);
            sums = std::array::from_fn(|node| sums[node] + masses[node]);
            self.density.extend(masses);
            position += BLOCK;
        }
        self.missed = missed(&sums);
        let count = self.density.len();
        self.more = vec![0.5 * sums.iter().sum::<f64>(); count];
        for (place, mass) in self.density.iter().enumerate() {
            for (more, share) in self.more.iter_mut().zip(&SHARES[MOST - place..MOST - place + count]) {
                *more -= mass * share;
            }
        }
        for more in &mut self.more {
            *more = more.clamp(0.0, 1.0);
        }
    }

    /// Whether the control is surely positive.
    pub(super) fn begins_above_zero(&self) -> bool {
        self.control.mean + self.first * self.step > 0.0
    }

    /// What the contrast has at a value; none where the sums do not come out right.
    pub(super) fn at(&self, kind: Kind, x: f64) -> Option<(At, f64)> {
        let stretch = if kind == Kind::Difference { 1.0 } else { x };
        let unit = stretch * self.step;
        // Where the place of the control's mean lies, from the treatment's mean.
        let middle = match kind {
            Kind::Difference => (self.control.mean - self.treatment.mean) + x,
            Kind::Ratio => x * self.control.mean - self.treatment.mean,
        };
        if !(unit > 0.0 && middle.is_finite()) {
            return None;
        }
        let from = ((self.reach[0] - middle) / unit).floor();
        let count = counted(((self.reach[1] - middle) / unit).ceil() - from + 1.0)?;
        let [mut all, mut below, mut density] = [Nodal::default(); 3];
        let (mut position, mean) = (from, self.control.mean);
        for _ in 0..count.div_ceil(NODES) {
            let treatment = self.treatment.densities(&spaced(middle + unit * position, unit));
            let values = spaced(mean + self.step * position, self.step);
            let start = counted_from(position - self.first);
            for node in 0..NODES {
                let (more, mass) = self.entry(start, node);
                let weight = if kind == Kind::Difference { 1.0 } else { values[node] };
                all[node] += unit * treatment[node];
                below[node] += unit * treatment[node] * more;
                density[node] += weight * mass * treatment[node];
            }
            position += BLOCK;
        }
        let missed = missed(&all);
        let [total, below, density] = [all, below, density].map(|sums| sums.iter().sum::<f64>());
        let rounding = f64::EPSILON * (self.treatment.mean.abs() + (stretch * mean).abs() + x.abs())
            / self.treatment.sd.max(stretch * self.control.sd);
        let at = At { below, above: total - below, density };
        (missed <= AGREEMENT).then_some((at, 4.0 * (self.missed + missed + rounding)))
    }

    /// The control's probability of more, and its mass, some places after the beginning of the table.
    fn entry(&self, start: isize, node: usize) -> (f64, f64) {
        match start.checked_add_unsigned(node).map(usize::try_from) {
            Some(Ok(place)) => (
                self.more.get(place).copied().unwrap_or_default(),
                self.density.get(place).copied().unwrap_or_default(),
            ),
            _ => (1.0, 0.0),
        }
    }

    /// A first guess of a quantile, by Cornish and Fisher's series for the treatment less the control, or less x times the control;
    /// and how far the contrast spreads.
    pub(super) fn guess(&self, kind: Kind, probability: f64) -> (f64, f64) {
        let (control, treatment) = (self.control, self.treatment);
        let z = normal_quantile(probability);
        let (mut x, mut spread) = (treatment.mean / control.mean, 0.0);
        for _ in 0..6 {
            let stretch = if kind == Kind::Difference { 1.0 } else { x };
            let (own, other) = (treatment.sd, stretch * control.sd);
            let sd = own.hypot(other);
            let skewness = (treatment.skewness * own.powi(3) - control.skewness * other.powi(3)) / sd.powi(3);
            let kurtosis = (treatment.kurtosis * own.powi(4) + control.kurtosis * other.powi(4)) / sd.powi(4);
            let place = z + skewness * (z * z - 1.0) / 6.0 + kurtosis * z * (z * z - 3.0) / 24.0
                - skewness * skewness * z * (2.0 * z * z - 5.0) / 36.0;
            let upper = treatment.mean + place * sd;
            if kind == Kind::Difference {
                return (upper - control.mean, sd);
            }
            (x, spread) = (upper / control.mean, sd / control.mean);
        }
        (x, spread)
    }
}

/// A block of the table, as a number.
const BLOCK: f64 = 16.0;

/// 16 values from the first, evenly spaced.
fn spaced(first: f64, step: f64) -> Nodal {
    let mut next = 0.0;
    [0.0; NODES].map(|_| {
        let value = first + step * next;
        next += 1.0;
        value
    })
}

/// By how much the sum of all misses 1, and those of every other one miss each other.
fn missed(sums: &Nodal) -> f64 {
    let odd: f64 = sums.iter().skip(1).step_by(2).sum();
    let even: f64 = sums.iter().step_by(2).sum();
    (even + odd - 1.0).abs() + 2.0 * (even - odd).abs()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and MOST")]
fn counted(count: f64) -> Option<usize> {
    (1.0..=f64::from(MOST_STEPS)).contains(&count).then_some(count as usize)
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number; one too large stands beyond the table as well")]
fn counted_from(places: f64) -> isize {
    places as isize
}
