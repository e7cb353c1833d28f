//! Elementary functions of 16 numbers at once.
//!
//! Without branches and calls, so that the compiler takes several numbers at a time; the same on every machine. The relative
//! errors are a few units in the last place.

use super::quadrature::{NODES, Nodal};

/// The logarithm of the smallest normal number, about; what is below has an exponential of 0.
const SMALLEST: f64 = -708.0;
const LARGEST: f64 = 709.0;
/// Added and taken away again, it rounds to a whole number, which then stands in the lowest bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts; the first has so few digits that its products with exponents are exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// 1/13!, 1/12!, ..., 1/2!, 1, 1.
const EXPONENTIAL: [f64; 14] = factorials();
/// The bits of the square root of a half: mantissas are taken from there to twice as much.
const ROOT_OF_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
const ONE: u64 = 0x3ff0_0000_0000_0000;
const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
/// As a number 2^52, whose last bits are then a whole number.
const TWO_TO_52: u64 = 0x4330_0000_0000_0000;
/// 1/23, 1/21, ..., 1/3.
const ODD: [f64; 11] = odd_reciprocals();

/// The exponentials; 0 below -708.
pub(super) fn exp(values: &Nodal) -> Nodal {
    let mut results = [0.0; NODES];
    for (result, x) in results.iter_mut().zip(values) {
        let bounded = if *x > SMALLEST { *x } else { SMALLEST };
        let bounded = if bounded < LARGEST { bounded } else { LARGEST };
        let shifted = bounded * std::f64::consts::LOG2_E + WHOLE;
        let power = shifted - WHOLE;
        let rest = (bounded - power * LN_2_HIGH) - power * LN_2_LOW;
        let mut sum = EXPONENTIAL[0];
        for term in &EXPONENTIAL[1..] {
            sum = sum * rest + term;
        }
        let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(ONE));
        *result = if *x > SMALLEST { sum * scale } else { 0.0 };
    }
    results
}

/// `ln(1 + v)` for v above -1, without cancellation.
pub(super) fn ln_1p(values: &Nodal) -> Nodal {
    let mut results = [0.0; NODES];
    for (result, v) in results.iter_mut().zip(values) {
        let Parts { fraction, ratio, cubic, power } = parts(*v);
        // f - r (f - 2 r^2 S), which is 2 r + 2 r^3 S.
        *result = (fraction - ratio * (fraction - cubic)) + power * LN_2_LOW + power * LN_2_HIGH;
    }
    results
}

/// `v - ln(1 + v)`, without cancellation; at -1 and below, more than 700.
pub(super) fn excess_over_log(values: &Nodal) -> Nodal {
    let mut results = [0.0; NODES];
    for (result, v) in results.iter_mut().zip(values) {
        let bounded = if *v > -1.0 { *v } else { -1.0 };
        let Parts { fraction, ratio, cubic, power } = parts(bounded);
        *result = ratio * (fraction - cubic) + ((bounded - fraction) - power * LN_2_HIGH - power * LN_2_LOW);
    }
    results
}

/// `1 + v` as `2^power (1 + fraction)`; `ln(1 + fraction)` is `fraction - ratio (fraction - cubic)`.
struct Parts {
    fraction: f64,
    ratio: f64,
    cubic: f64,
    power: f64,
}

#[inline]
fn parts(v: f64) -> Parts {
    let bits = (1.0 + v).to_bits().wrapping_add(ONE - ROOT_OF_HALF);
    let power = f64::from_bits((bits >> 52) | TWO_TO_52) - (4_503_599_627_370_496.0 + 1023.0);
    let reduced = f64::from_bits((bits & MANTISSA) + ROOT_OF_HALF) - 1.0;
    let fraction = if power == 0.0 { v } else { reduced };
    let ratio = fraction / (2.0 + fraction);
    let square = ratio * ratio;
    let mut series = ODD[0];
    for reciprocal in &ODD[1..] {
        series = series * square + reciprocal;
    }
    Parts { fraction, ratio, cubic: 2.0 * square * series, power }
}

const fn factorials() -> [f64; 14] {
    let mut values = [1.0; 14];
    let (mut index, mut factorial, mut factor) = (13, 1.0, 0.0);
    while index > 0 {
        index -= 1;
        factor += 1.0;
        factorial *= factor;
        values[index] = 1.0 / factorial;
    }
    values
}

const fn odd_reciprocals() -> [f64; 11] {
    let mut values = [0.0; 11];
    let (mut index, mut odd) = (0, 23.0);
    while index < 11 {
        values[index] = 1.0 / odd;
        odd -= 2.0;
        index += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::bell;

    /// 16 numbers from `first` in steps of `step`.
    fn spaced(first: f64, step: f64) -> Nodal {
        let mut next = first - step;
        [0.0; NODES].map(|_| {
            next += step;
            next
        })
    }

    #[test]
    fn exponentials_are_those_of_the_library() {
        for (first, step) in [(-700.0, 43.1), (-1.0, 0.13), (-1e-9, 1e-10), (30.0, 41.7)] {
            let values = spaced(first, step);
            for (x, got) in values.iter().zip(exp(&values)) {
                assert!((got / x.exp() - 1.0).abs() < 1e-15, "{x}: {got}");
            }
        }
        assert_eq!(exp(&[f64::NEG_INFINITY; NODES]), [0.0; NODES]);
        assert_eq!(exp(&[0.0; NODES]), [1.0; NODES]);
    }

    #[test]
    fn logarithms_are_those_of_the_library() {
        for (first, step) in
            [(-0.999_999, 0.1), (-0.3, 0.04), (-1e-7, 1.3e-8), (0.3, 0.2), (5.0, 1e4), (1e-300, 1e-301)]
        {
            let values = spaced(first, step);
            let excess = excess_over_log(&values);
            for ((v, got), excess) in values.iter().zip(ln_1p(&values)).zip(excess) {
                assert!((got - v.ln_1p()).abs() <= 1e-15 * v.ln_1p().abs(), "{v}: {got}");
                let wanted = bell::excess_over_log(*v);
                assert!((excess - wanted).abs() <= 2e-15 * wanted, "{v}: {excess} {wanted}");
            }
        }
        assert!(excess_over_log(&[-2.0; NODES]).iter().all(|excess| *excess > 700.0 && excess.is_finite()));
    }
}
