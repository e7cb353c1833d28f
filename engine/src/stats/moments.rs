//! Centred moments of values over units: all that statistics need, and nothing about single units.

use serde::{Deserialize, Serialize};

/// Count, sum and centred second moment of a value over units; with a second value, its moments and the co-moment too.
///
/// The second value is what a ratio divides by (M-2), or a covariate (M-61).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    /// The number of units.
    pub count: u64,
    /// The sum of the values.
    pub sum: f64,
    /// The sum of the squared distances of the values from their mean.
    pub second_moment: f64,
    /// The same of the second value; zeros when there is none.
    pub other: OtherMoments,
}

/// The moments of the second value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherMoments {
    /// The sum of the second values.
    pub sum: f64,
    /// The sum of the squared distances of the second values from their mean.
    pub second_moment: f64,
    /// The sum of the products of both distances.
    pub co_moment: f64,
}

impl Moments {
    /// Of pairs of values, in two passes: the sums without loss of small values beside large ones (Neumaier 1974), then the
    /// distances from the means.
    ///
    /// ```
    /// use abduck::stats::Moments;
    ///
    /// let moments = Moments::of(&[(1.0, 0.0), (2.0, 0.0), (6.0, 0.0)]);
    /// assert_eq!((moments.count, moments.sum, moments.second_moment), (3, 9.0, 14.0));
    /// assert_eq!(moments.sum_squares(), 41.0);
    /// ```
    #[must_use]
    pub fn of(pairs: &[(f64, f64)]) -> Self {
        let count = pairs.len() as u64;
        if count == 0 {
            return Self::default();
        }
        let sum = exact_sum(pairs.iter().map(|(value, _)| *value));
        let other_sum = exact_sum(pairs.iter().map(|(_, other)| *other));
        let (mean, other_mean) = (sum / to_double(count), other_sum / to_double(count));
        let distances = || pairs.iter().map(|(value, other)| (value - mean, other - other_mean));
        Self {
            count,
            sum,
            second_moment: exact_sum(distances().map(|(value, _)| value * value)),
            other: OtherMoments {
                sum: other_sum,
                second_moment: exact_sum(distances().map(|(_, other)| other * other)),
                co_moment: exact_sum(distances().map(|(value, other)| value * other)),
            },
        }
    }

    /// From sums over units, which must be possible: what rounding takes below zero becomes zero. `other` are the sum and the
    /// sum of squares of the second value, and the sum of the products.
    ///
    /// ```
    /// use abduck::stats::Moments;
    ///
    /// let moments = Moments::from_sums(3, [9.0, 41.0], [3.0, 3.0, 9.0]);
    /// assert_eq!(moments, Moments::of(&[(1.0, 1.0), (2.0, 1.0), (6.0, 1.0)]));
    /// ```
    #[must_use]
    pub fn from_sums(count: u64, [sum, sum_squares]: [f64; 2], other: [f64; 3]) -> Self {
        if count == 0 {
            return Self::default();
        }
        let [other_sum, other_sum_squares, sum_product] = other;
        let per_unit = |sum: f64| sum / to_double(count);
        Self {
            count,
            sum,
            second_moment: (sum_squares - sum * per_unit(sum)).max(0.0),
            other: OtherMoments {
                sum: other_sum,
                second_moment: (other_sum_squares - other_sum * per_unit(other_sum)).max(0.0),
                co_moment: sum_product - sum * per_unit(other_sum),
            },
        }
    }

    /// The moments of both sets of units together, which must have none in common (Chan, Golub, `LeVeque` 1983).
    ///
    /// ```
    /// use abduck::stats::Moments;
    ///
    /// let of = |values: &[f64]| Moments::of(&values.iter().map(|value| (*value, 1.0)).collect::<Vec<_>>());
    /// assert_eq!(of(&[1.0, 2.0]).merge(&of(&[6.0])), of(&[1.0, 2.0, 6.0]));
    /// ```
    #[must_use]
    pub fn merge(&self, others: &Self) -> Self {
        if self.count == 0 || others.count == 0 {
            return if self.count == 0 { *others } else { *self };
        }
        let count = self.count + others.count;
        let weight = to_double(self.count) * to_double(others.count) / to_double(count);
        let apart = others.mean() - self.mean();
        let other_apart = others.other_mean() - self.other_mean();
        Self {
            count,
            sum: self.sum + others.sum,
            second_moment: self.second_moment + others.second_moment + apart * apart * weight,
            other: OtherMoments {
                sum: self.other.sum + others.other.sum,
                second_moment: self.other.second_moment
                    + others.other.second_moment
                    + other_apart * other_apart * weight,
                co_moment: self.other.co_moment + others.other.co_moment + apart * other_apart * weight,
            },
        }
    }

    /// The number of units, as a number to compute with.
    #[must_use]
    pub fn count_as_number(&self) -> f64 {
        to_double(self.count)
    }

    /// The mean; 0 of nothing.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / to_double(self.count) }
    }

    /// The mean of the second value; 0 of nothing.
    #[must_use]
    pub fn other_mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.other.sum / to_double(self.count) }
    }

    /// The variance over units, of a sample; `None` of fewer than two.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.second_moment / to_double(self.count - 1))
    }

    /// The variance per unit of the ratio of both sums, by the delta method (reference statistics, section 10.1); `None` of
    /// fewer than two units or where the second values add up to nothing.
    ///
    /// ```
    /// use abduck::stats::Moments;
    ///
    /// let per_click = Moments::of(&[(2.0, 1.0), (4.0, 2.0), (9.0, 3.0)]);
    /// assert!((per_click.ratio_unit_variance().unwrap() - 0.4375).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn ratio_unit_variance(&self) -> Option<f64> {
        let (mean, below) = (self.mean(), self.other_mean());
        if self.count < 2 || below == 0.0 {
            return None;
        }
        let ratio = mean / below;
        let second_moment =
            self.second_moment - 2.0 * ratio * self.other.co_moment + ratio * ratio * self.other.second_moment;
        Some(second_moment.max(0.0) / to_double(self.count - 1) / (below * below))
    }

    /// The sum of squares, as the reference reports it (M-2).
    #[must_use]
    pub fn sum_squares(&self) -> f64 {
        self.second_moment + self.sum * self.mean()
    }

    /// The sum of squares of the second value (M-2).
    #[must_use]
    pub fn other_sum_squares(&self) -> f64 {
        self.other.second_moment + self.other.sum * self.other_mean()
    }

    /// The sum of the products of both values (M-2).
    #[must_use]
    pub fn sum_product(&self) -> f64 {
        self.other.co_moment + self.sum * self.other_mean()
    }
}

pub(super) fn exact_sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    sum + lost
}

#[expect(clippy::cast_precision_loss, reason = "counts of units stay far below 2^53")]
fn to_double(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn large_offsets_do_not_swallow_the_spread() {
        // Raw sums of squares would give a variance of 0 or less here.
        let values = [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0];
        let moments = Moments::of(&values.map(|value| (value, value)));
        assert_eq!(moments.variance(), Some(1.0));
        assert_eq!(moments.other.co_moment, 2.0);
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(pairs in prop::collection::vec((-1e6..1e6_f64, -1e3..1e3_f64), 0..60), cut in 0_usize..60) {
            let (left, right) = pairs.split_at(cut.min(pairs.len()));
            let merged = Moments::of(left).merge(&Moments::of(right));
            let whole = Moments::of(&pairs);
            let close = |a: f64, b: f64, scale: f64| (a - b).abs() <= 1e-9 * scale.max(1.0);
            prop_assert_eq!(merged.count, whole.count);
            prop_assert!(close(merged.sum, whole.sum, 1e6));
            prop_assert!(close(merged.second_moment, whole.second_moment, 1e13));
            prop_assert!(close(merged.other.second_moment, whole.other.second_moment, 1e7));
            prop_assert!(close(merged.other.co_moment, whole.other.co_moment, 1e10));
        }
    }
}
