//! One number for many: sums that are exact, and statistics of values that occur many times.
//!
//! The sum is that of J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates"
//! (1997): a list of doubles that do not overlap holds the sum so far without any error, so the order of the values and the
//! number of threads that read them cannot matter.

use crate::model::math::Statistic;

/// A sum without rounding errors until it is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExactSum {
    /// Doubles whose digits do not overlap, smallest first.
    parts: Vec<f64>,
}

impl ExactSum {
    /// Adds a finite value as often as it occurs.
    pub fn add(&mut self, value: f64, times: u64) {
        // The count in two halves, each of which a double holds exactly.
        for (half, scale) in [(times >> 32, 4_294_967_296.0), (times & 0xffff_ffff, 1.0)] {
            let factor = f64::from(u32::try_from(half).unwrap_or(u32::MAX)) * scale;
            let product = value * factor;
            self.add_one(product);
            self.add_one(value.mul_add(factor, -product));
        }
    }

    fn add_one(&mut self, value: f64) {
        let mut rest = value;
        let mut kept = 0;
        for index in 0..self.parts.len() {
            let part = self.parts[index];
            let (large, small) = if rest.abs() < part.abs() { (part, rest) } else { (rest, part) };
            let sum = large + small;
            let error = small - (sum - large);
            if error != 0.0 {
                self.parts[kept] = error;
                kept += 1;
            }
            rest = sum;
        }
        self.parts.truncate(kept);
        if rest != 0.0 {
            self.parts.push(rest);
        }
    }

    /// The double nearest to the sum; `None` when it is too large for any.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        let mut parts = self.parts.iter().rev().copied();
        let mut sum = parts.next().unwrap_or(0.0);
        let mut error = 0.0;
        for part in parts.by_ref() {
            let before = sum;
            sum = before + part;
            error = part - (sum - before);
            if error != 0.0 {
                break;
            }
        }
        // Exactly half of the last digit is left: what is smaller still decides to which side it is rounded.
        if parts.next().is_some_and(|next| error != 0.0 && (error < 0.0) == (next < 0.0)) {
            let doubled = error * 2.0;
            let rounded = sum + doubled;
            if rounded - sum == doubled {
                sum = rounded;
            }
        }
        sum.is_finite().then_some(sum)
    }
}

/// A statistic of finite values, each with how often it occurs, in ascending order.
///
/// `None` of nothing (Q-P30), and when a sum is too large for a double.
#[must_use]
pub fn statistic(values: &[(f64, u64)], statistic: Statistic) -> Option<f64> {
    let (smallest, largest) = (values.first()?.0, values.last()?.0);
    match statistic {
        Statistic::Sum => sum(values),
        Statistic::Mean => Some(sum(values)? / to_double(count(values))),
        Statistic::Minimum => Some(smallest),
        Statistic::Maximum => Some(largest),
        Statistic::Quantile { percent } => quantile(values, percent),
    }
}

fn sum(values: &[(f64, u64)]) -> Option<f64> {
    let mut sum = ExactSum::default();
    for (value, times) in values {
        sum.add(*value, *times);
    }
    sum.value()
}

fn count(values: &[(f64, u64)]) -> u64 {
    values.iter().map(|(_, times)| times).sum()
}

/// Linear interpolation between the neighbours of position `percent / 100 · (n − 1)` (Q-T11).
fn quantile(values: &[(f64, u64)], percent: u8) -> Option<f64> {
    let hundredths = u128::from(count(values).checked_sub(1)?) * u128::from(percent);
    let position = u64::try_from(hundredths / 100).ok()?;
    let share = f64::from(u8::try_from(hundredths % 100).ok()?) / 100.0;
    let lower = at(values, position)?;
    let upper = at(values, position + 1).unwrap_or(lower);
    // Not `lower + share * (upper - lower)`: the difference of two doubles can be too large for one.
    Some(if lower == upper { lower } else { lower * (1.0 - share) + upper * share })
}

/// The value at a position of the sorted list, from 0.
fn at(values: &[(f64, u64)], position: u64) -> Option<f64> {
    let mut before = 0;
    values.iter().find_map(|(value, times)| {
        before += times;
        (position < before).then_some(*value)
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of events stay far below 2^53")]
fn to_double(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the sums are exact, and so must the answers be")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64], wanted: Statistic) -> Option<f64> {
        let mut sorted: Vec<_> = values.iter().map(|value| (*value, 1)).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        statistic(&sorted, wanted)
    }

    #[test]
    fn quantiles_interpolate_linearly() {
        // Q-T11: position q (n - 1)
        let quantile = |values: &[f64], percent| of(values, Statistic::Quantile { percent }).unwrap();
        assert_eq!(quantile(&[4.0, 1.0], 50), 2.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 50), 2.0);
        assert_eq!(quantile(&[0.0, 10.0], 90), 9.0);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 75), 4.0);
        assert_eq!(quantile(&[7.0], 99), 7.0);
        let repeated = statistic(&[(1.0, 3), (5.0, 1)], Statistic::Quantile { percent: 90 }).unwrap();
        assert!((repeated - 3.8).abs() < 1e-12, "{repeated}");
    }

    #[test]
    fn sums_are_rounded_once() {
        let sum = |values: &[f64]| of(values, Statistic::Sum).unwrap();
        assert_eq!(sum(&[1e16, 1.0, -1e16]), 1.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(statistic(&[(0.1, 10)], Statistic::Sum), Some(1.0));
        assert_eq!(statistic(&[(0.1, 10)], Statistic::Mean), Some(0.1));
        // A tie that something smaller breaks.
        assert_eq!(sum(&[1.0, f64::EPSILON / 2.0, 1e-30]), 1.0 + f64::EPSILON);
        assert_eq!(statistic(&[], Statistic::Sum), None);
        assert_eq!(of(&[f64::MAX, f64::MAX], Statistic::Sum), None);
    }

    proptest! {
        /// Exact in 128-bit integers: halves of whole numbers in any order.
        #[test]
        fn sums_agree_with_integers(values in prop::collection::vec((-1_000_000_000_i64..1_000_000_000, 1_u64..1_000), 0..50)) {
            let mut sum = ExactSum::default();
            for (value, times) in &values {
                #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
                sum.add(*value as f64 / 2.0, *times);
            }
            let exact: i128 = values.iter().map(|(value, times)| i128::from(*value) * i128::from(*times)).sum();
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let wanted = exact as f64 / 2.0;
            prop_assert_eq!(sum.value(), Some(wanted));
        }

        #[test]
        fn the_order_does_not_matter(values in prop::collection::vec(-1e300_f64..1e300, 0..30), turn in 0_usize..30) {
            let add = |values: &[f64]| {
                let mut sum = ExactSum::default();
                for value in values {
                    sum.add(value * 1e-3, 1);
                }
                sum.value()
            };
            let mut turned = values.clone();
            turned.rotate_left(turn % values.len().max(1));
            prop_assert_eq!(add(&values), add(&turned));
        }
    }
}
