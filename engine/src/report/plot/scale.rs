//! From values to coordinates, and the round numbers along an axis.

use crate::report::number;

/// Larger numbers are drawn as this one: what is beyond would overflow.
const LARGEST: f64 = 1e200;
/// The part of the span that is left free at either end.
const MARGIN: f64 = 0.04;

/// An axis: values from `low` to `high` lie between the coordinates `from` and `to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

/// How the numbers of an axis are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A share, as a percentage.
    Share,
    /// A change, as a percentage with its sign.
    Lift,
    /// The difference of two shares, in percentage points.
    Points,
    /// Anything else.
    Amount,
    /// The difference of anything else, with its sign.
    Difference,
}

impl Scale {
    /// An axis that shows all the values, with some room at both ends.
    pub(super) fn covering(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let values = values.into_iter().filter(|value| value.is_finite());
        let values = values.map(|value| value.clamp(-LARGEST, LARGEST));
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = values.fold(ends, |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self { low: 0.0, high: 1.0, from, to };
        }
        // A single value stands in the middle.
        let margin = if high > low { (high - low) * MARGIN } else { 0.5 * low.abs().max(1e-9) };
        Self { low: low - margin, high: high + margin, from, to }
    }

    /// An axis of counts or shares: it begins at 0, and only its end has room.
    pub(super) fn from_zero(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let covering = Self::covering(values.into_iter().chain([0.0]), from, to);
        Self { low: 0.0, high: if covering.high > 0.0 { covering.high } else { 1.0 }, ..covering }
    }

    /// An axis of shares from nothing to all.
    pub(super) fn of_shares(from: f64, to: f64) -> Self {
        Self { low: 0.0, high: 1.0, from, to }
    }

    /// The coordinate of a value; what lies beyond the axis is drawn at its end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.clamp(self.low, self.high) - self.low) / (self.high - self.low);
        self.from + share * (self.to - self.from)
    }

    /// The coordinates of both ends.
    pub(super) fn ends(&self) -> [f64; 2] {
        [self.from, self.to]
    }

    /// Whether the axis shows a value at its place.
    pub(super) fn shows(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The distance of the round numbers, of which there are at most `most`.
    pub(super) fn step(&self, most: u32) -> f64 {
        round_step((self.high - self.low) / f64::from(most))
    }

    /// The round numbers along the axis.
    pub(super) fn ticks(&self, most: u32) -> Vec<f64> {
        let step = self.step(most);
        let first = (self.low / step).ceil();
        let numbers = (0..=most).map(|index| (first + f64::from(index)) * step);
        // A step that is tiny beside its place would round all numbers to the same one.
        let mut ticks: Vec<f64> = numbers.filter(|tick| self.shows(*tick)).collect();
        ticks.dedup();
        ticks
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least as large.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let rounds = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    rounds.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

impl Unit {
    /// A number of an axis whose numbers are `step` apart.
    pub(super) fn tick(self, value: f64, step: f64) -> String {
        let (scaled, step) = match self {
            Self::Share | Self::Lift | Self::Points => (100.0 * value, 100.0 * step),
            Self::Amount | Self::Difference => (value, step),
        };
        // The sum of steps that should be 0 need not be.
        let scaled = if scaled.abs() < step * 1e-6 { 0.0 } else { scaled };
        let sign = if self.is_signed() && scaled > 0.0 { "+" } else { "" };
        let number = if scaled != 0.0 && (scaled.abs() >= 1e6 || step < 1e-6) {
            format!("{scaled:.1e}")
        } else {
            let decimals = (0..=6).find(|decimals| is_whole(step * 10_f64.powi(*decimals))).unwrap_or(6);
            format!("{scaled:.*}", usize::try_from(decimals).unwrap_or(0))
        };
        match self {
            Self::Share | Self::Lift => format!("{sign}{number} %"),
            Self::Points => format!("{sign}{number} pp"),
            Self::Amount | Self::Difference => format!("{sign}{number}"),
        }
    }

    fn is_signed(self) -> bool {
        matches!(self, Self::Lift | Self::Points | Self::Difference)
    }

    /// A value as it stands in the result.
    pub(super) fn value(self, value: f64) -> String {
        let sign = if value > 0.0 { "+" } else { "" };
        match self {
            Self::Share => number::percent(value),
            Self::Lift => number::signed_percent(value),
            Self::Points => format!("{sign}{} pp", number::significant_digits(100.0 * value, 3)),
            Self::Amount => number::significant_digits(value, 4),
            Self::Difference => format!("{sign}{}", number::significant_digits(value, 3)),
        }
    }

    /// An interval as it stands in the result.
    pub(super) fn interval(self, [lower, upper]: [f64; 2]) -> String {
        format!("{} to {}", self.value(lower), self.value(upper))
    }
}

fn is_whole(value: f64) -> bool {
    (value - value.round()).abs() < 1e-6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn round_numbers_lie_on_an_axis() {
        let scale = Scale::covering([-0.127, 0.557], 0.0, 100.0);
        let labels: Vec<_> = scale.ticks(5).into_iter().map(|tick| Unit::Lift.tick(tick, scale.step(5))).collect();
        assert_eq!(labels, ["0 %", "+20 %", "+40 %"]);
        assert_eq!(Unit::Share.tick(0.025, 0.005), "2.5 %");
        assert_eq!(Unit::Amount.tick(3e7, 1e7), "3.0e7");
        assert_eq!(Unit::Difference.tick(0.3 - 0.1 - 0.2, 0.1), "0.0");
    }

    #[test]
    fn one_value_or_none_has_an_axis_too() {
        assert!((Scale::covering([3.0], 0.0, 10.0).at(3.0) - 5.0).abs() < 1e-12);
        assert!((Scale::covering([], 0.0, 10.0).at(0.5) - 5.0).abs() < 1e-12);
        assert!(Scale::from_zero([0.0], 0.0, 10.0).at(0.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn coordinates_stay_within(values in prop::collection::vec(any::<f64>(), 0..6), other in any::<f64>(), most in 1_u32..9) {
            let scale = Scale::covering(values, 10.0, 90.0);
            prop_assume!(!other.is_nan());
            prop_assert!((10.0..=90.0).contains(&scale.at(other)));
            let ticks = scale.ticks(most);
            prop_assert!(ticks.len() <= most as usize + 1);
            prop_assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "{ticks:?}");
        }

        #[test]
        fn an_axis_has_numbers(low in -1e9..1e9_f64, span in 1e-3..1e9_f64) {
            let ticks = Scale::covering([low, low + span], 0.0, 1.0).ticks(6);
            prop_assert!(ticks.len() >= 2, "{ticks:?}");
        }
    }
}
