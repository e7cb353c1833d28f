//! Clamping of extreme values (M-23).

use crate::model::experiment_metric::{Outliers, PercentileMethod};

/// Between which bounds values are clamped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    lower: f64,
    upper: f64,
}

impl Bounds {
    /// The bounds of some values, in any order. Zeros may be left out where the upper one is found.
    pub(crate) fn of(outliers: &Outliers, values: impl Iterator<Item = f64>) -> Self {
        let mut bounds = Self { lower: f64::NEG_INFINITY, upper: f64::INFINITY };
        if !outliers.is_active() {
            return bounds;
        }
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_unstable_by(f64::total_cmp);
        if let Some(percentile) = outliers.lower_percentile {
            bounds.lower = at(&sorted, percentile, outliers.method).unwrap_or(f64::NEG_INFINITY);
        }
        if let Some(percentile) = outliers.upper_percentile {
            if outliers.ignore_zeros {
                sorted.retain(|value| *value != 0.0);
            }
            bounds.upper = at(&sorted, percentile, outliers.method).unwrap_or(f64::INFINITY);
        }
        bounds
    }

    /// The value, or the bound it lies beyond. Where the bounds cross, which leaving out zeros can do, the upper one holds.
    pub(crate) fn clamp(self, value: f64) -> f64 {
        value.max(self.lower).min(self.upper)
    }
}

/// A percentile of sorted values; `None` of nothing.
fn at(sorted: &[f64], percentile: f64, method: PercentileMethod) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    match method {
        PercentileMethod::Linear => Some(linear(sorted, percentile)),
        PercentileMethod::Exact => Some(sorted[floor(percentile * to_double(sorted.len())).min(last)]),
    }
}

/// The percentile at position `q * (n - 1)`, in proportion between its neighbours; of at least one value.
pub(super) fn linear(sorted: &[f64], percentile: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let position = percentile * to_double(last);
    let below = floor(position).min(last);
    let above = (below + 1).min(last);
    let share = position - to_double(below);
    sorted[below] + (sorted[above] - sorted[below]) * share
}

#[expect(clippy::cast_precision_loss, reason = "counts of units stay far below 2^53")]
pub(super) fn to_double(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positions are not negative, and saturate")]
pub(super) fn floor(position: f64) -> usize {
    position.floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_linear_or_elements() {
        // M-23
        let sorted = [0.0, 10.0, 20.0, 30.0];
        assert_eq!(at(&sorted, 0.5, PercentileMethod::Linear), Some(15.0));
        assert_eq!(at(&sorted, 0.5, PercentileMethod::Exact), Some(20.0));
        assert_eq!(at(&sorted, 1.0, PercentileMethod::Exact), Some(30.0));
        assert_eq!(at(&[], 0.5, PercentileMethod::Linear), None);
    }

    #[test]
    fn zeros_are_left_out_of_the_upper_percentile_only() {
        // M-23
        let outliers = Outliers {
            lower_percentile: Some(0.25),
            upper_percentile: Some(0.5),
            ignore_zeros: true,
            ..Outliers::default()
        };
        let bounds = Bounds::of(&outliers, [0.0, 0.0, 4.0, 8.0, 12.0].into_iter());
        assert_eq!(bounds, Bounds { lower: 0.0, upper: 8.0 });
        assert_eq!([0.0, 5.0, 12.0].map(|value| bounds.clamp(value)), [0.0, 5.0, 8.0]);
    }
}
