//! Beta and Gamma densities on the scale on which they are bells: log-odds for Beta, logarithm for Gamma.
//!
//! On that scale both are log-concave and smooth for every shape, also for shapes below 1, so that one method serves all
//! of them: march away from a point in panels as wide as the curve allows, and add up. Positions are offsets from the top,
//! which stands at the mean. The density at an offset is `exp(log_top - fall(offset))`; both parts are computed without the
//! cancellation of the textbook formula (Loader's saddle-point form), which would leave eight digits at counts of 1e8.

use super::quadrature::{Nodal, RULE};

/// A density on its log scale, up to its position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bell {
    /// Log-odds of Beta(`a`, `b`); the top is at `ln(a / b)`.
    LogOdds {
        /// First shape.
        a: f64,
        /// Second shape.
        b: f64,
    },
    /// Logarithm of Gamma(`shape`, rate); the top is at `ln(shape / rate)`.
    Logarithm {
        /// Shape.
        shape: f64,
    },
}

/// Which way from a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Everything below the point.
    Below,
    /// Everything above the point.
    Above,
}

/// Widest panel in units of the local standard deviation, and in powers of e the density may change over one.
const PANEL_DEVIATIONS: f64 = 3.0;
pub(super) const PANEL_POWERS: f64 = 14.0;

/// Beyond this fall every probability underflows to 0, and only its logarithm can matter: the leading term will do.
const NEGLIGIBLE_FALL: f64 = 1e6;

/// 1/3, 1/5, 1/7, ...
const ODD_RECIPROCALS: [f64; 17] = reciprocals(3.0, 2.0);
/// 1/3, 1/4, 1/5, ...
const RECIPROCALS: [f64; 13] = reciprocals(3.0, 1.0);

/// Beyond this fall, what lies further out is below the rounding error of 1.
const ALL_BUT_NOTHING: f64 = 50.0;

/// Coefficients of Stirling's series in 1/x, 1/x^3, 1/x^5, ...
const STIRLING: [f64; 7] =
    [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0, 1.0 / 156.0];

/// `ln sqrt(2 pi)`.
const LN_SQRT_2_PI: f64 = 0.918_938_533_204_672_8;

impl Bell {
    /// Logarithm of the density at the top, per unit of the log scale.
    pub(super) fn log_top(&self) -> f64 {
        match *self {
            Self::LogOdds { a, b } => {
                let n = a + b;
                let spread = 0.5 * (a.min(b) * (a.max(b) / n)).ln();
                spread - LN_SQRT_2_PI + stirling_error(n) - stirling_error(a) - stirling_error(b)
            }
            Self::Logarithm { shape } => 0.5 * shape.ln() - LN_SQRT_2_PI - stirling_error(shape),
        }
    }

    /// How far the logarithm of the density has fallen at `offset` from the top; at least 0.
    pub(super) fn fall(&self, offset: f64) -> f64 {
        match *self {
            Self::LogOdds { a, b } if a <= b => log_odds_fall(a, b, offset),
            Self::LogOdds { a, b } => log_odds_fall(b, a, -offset),
            Self::Logarithm { shape } => shape * exponential_minus_tangent(offset),
        }
    }

    /// Derivative of the log density.
    pub(super) fn slope(&self, offset: f64) -> f64 {
        match *self {
            Self::LogOdds { a, b } => {
                let (p, q) = odds_shares(a, b, offset);
                a * q - b * p
            }
            Self::Logarithm { shape } => -shape * offset.exp_m1(),
        }
    }

    /// Negative second derivative of the log density.
    pub(super) fn curvature(&self, offset: f64) -> f64 {
        match *self {
            Self::LogOdds { a, b } => {
                let (p, q) = odds_shares(a, b, offset);
                (a + b) * p * q
            }
            Self::Logarithm { shape } => shape * offset.exp(),
        }
    }

    /// Widest panel, starting at `offset`, on which 16 nodes resolve the density; it may change by `powers` of e on it.
    fn panel_width(&self, offset: f64, powers: f64) -> f64 {
        // Where the curve has become a straight line on the log scale, panels may grow with the distance to the bend.
        let from_bend = match *self {
            Self::LogOdds { a, b } => ((a / b).ln() + offset).abs() - (a + b).max(1.0).ln(),
            Self::Logarithm { shape } => -shape.ln() - offset,
        };
        let straight = 2.0 + 0.5 * from_bend.max(0.0);
        straight.min(powers / self.slope(offset).abs()).min(PANEL_DEVIATIONS / self.curvature(offset).sqrt())
    }

    /// Standard deviation of the normal curve that fits the top.
    pub(super) fn deviation(&self) -> f64 {
        1.0 / self.curvature(0.0).sqrt()
    }

    /// The offset, on the given side of the top, where the log density has fallen by `depth`, up to a tenth more.
    pub(super) fn reach(&self, side: Side, depth: f64) -> f64 {
        let sign = side.sign();
        let mut inner = 0.0;
        let mut outer = self.deviation();
        while self.fall(sign * outer) < depth {
            inner = outer;
            outer *= 2.0;
        }
        // The far side of a small shape falls like exp(exp(offset)): to stop too far out would cost endless panels.
        while self.fall(sign * outer) > 1.1 * depth {
            let middle = 0.5 * (inner + outer);
            if self.fall(sign * middle) < depth { inner = middle } else { outer = middle }
        }
        sign * outer
    }

    /// The probability on one side of `offset`.
    pub(super) fn tail(&self, side: Side, offset: f64) -> f64 {
        self.log_tail(side, offset).0.exp().min(1.0)
    }

    /// Logarithm of the probability on one side of `offset`, and that probability divided by the density at `offset`.
    ///
    /// The tail is always added up itself, never taken as the difference to 1, so that it is accurate however small it is.
    pub(super) fn log_tail(&self, side: Side, offset: f64) -> (f64, f64) {
        if !offset.is_finite() {
            let empty = (offset < 0.0) == (side == Side::Below);
            return if empty { (f64::NEG_INFINITY, 0.0) } else { (0.0, f64::INFINITY) };
        }
        let start_fall = self.fall(offset);
        let sign = side.sign();
        if start_fall > ALL_BUT_NOTHING && sign * offset < 0.0 {
            // Nearly everything lies on this side: the march would start where the density underflows.
            let log_tail = (-self.tail(side.opposite(), offset)).ln_1p();
            return (log_tail, (log_tail - self.log_top() + start_fall).exp());
        }
        if start_fall > NEGLIGIBLE_FALL {
            let mass = 1.0 / self.slope(offset).abs();
            return (self.log_top() - start_fall + mass.ln(), mass);
        }
        let (mut position, mut mass) = (offset, 0.0);
        loop {
            let half = 0.5 * self.march_width(side, position, PANEL_POWERS);
            let middle = position + sign * half;
            let values: Nodal = std::array::from_fn(|i| (start_fall - self.fall(middle + half * RULE.nodes[i])).exp());
            let share = half * RULE.integral(&values);
            mass += share;
            position = middle + sign * half;
            // Past the top the density falls at least geometrically, so the last share bounds the rest.
            if sign * position > 0.0 && share <= 1e-18 * mass {
                break;
            }
        }
        (self.log_top() - start_fall + mass.ln(), mass)
    }

    /// The offset below (or above) which the given probability lies; Halley's method on the logarithm of the tail, whose second
    /// derivative comes for free.
    ///
    /// `start` is a guess. Each step leaves the cube of what it was wide, in deviations; so the last one may be that wide.
    pub(super) fn offset_of_tail(&self, side: Side, log_probability: f64, start: f64) -> f64 {
        let deviation = self.deviation();
        let mut offset = start;
        if start.abs() > 4.0 * deviation {
            let farthest = self.reach(side, 5.0 - log_probability).abs();
            offset = start.clamp(-farthest, farthest);
        }
        for _ in 0..200 {
            let (log_tail, mass_over_density) = self.log_tail(side, offset);
            let excess = log_tail - log_probability;
            let fall = -side.sign() * self.slope(offset);
            let bend = 1.0 - 0.5 * excess * (fall * mass_over_density - 1.0);
            // Far from the root the second derivative leads astray; that logarithm is concave, so Newton's step never does.
            let step = excess * mass_over_density / if bend > 0.5 { bend } else { 1.0 };
            offset += side.sign() * step;
            if step.abs() <= 1e-5 * deviation.min(mass_over_density) {
                break;
            }
        }
        offset
    }

    /// Panel width for a march to one side: where the density bends more on the way, the width at the far end counts too.
    pub(super) fn march_width(&self, side: Side, position: f64, powers: f64) -> f64 {
        let width = self.panel_width(position, powers);
        width.min((1.5 * self.panel_width(position + side.sign() * width, powers)).max(0.25 * width))
    }
}

impl Side {
    fn opposite(self) -> Self {
        match self {
            Self::Below => Self::Above,
            Self::Above => Self::Below,
        }
    }

    fn sign(self) -> f64 {
        match self {
            Self::Below => -1.0,
            Self::Above => 1.0,
        }
    }
}

/// `ln(numerator / denominator)` of two products, without losing digits when they are nearly equal.
pub(super) fn log_ratio(numerator: (f64, f64), denominator: (f64, f64)) -> f64 {
    let below = denominator.0 * denominator.1;
    let rounding = denominator.0.mul_add(denominator.1, -below);
    let difference = numerator.0.mul_add(numerator.1, -below) - rounding;
    if below.is_normal() && difference.abs() < 0.5 * below {
        (difference / below).ln_1p()
    } else {
        (numerator.0 / denominator.0 * (numerator.1 / denominator.1)).ln()
    }
}

/// The reciprocals of `first`, `first + step`, ...
const fn reciprocals<const COUNT: usize>(first: f64, step: f64) -> [f64; COUNT] {
    let mut values = [0.0; COUNT];
    let mut denominator = first;
    let mut index = 0;
    while index < COUNT {
        values[index] = 1.0 / denominator;
        denominator += step;
        index += 1;
    }
    values
}

/// `v - ln(1 + v)`, at least 0, without cancellation.
pub(super) fn excess_over_log(v: f64) -> f64 {
    if v.abs() > 0.5 {
        return v - v.ln_1p();
    }
    let r = v / (2.0 + v);
    let square = r * r;
    // ln(1 + v) = 2 (r + r^3/3 + r^5/5 + ...); the terms left out are below 1e-16 of the first, as |r| <= 1/3.
    let terms = match square {
        ..1e-4 => 4,
        ..1e-2 => 8,
        _ => ODD_RECIPROCALS.len(),
    };
    let series = ODD_RECIPROCALS[..terms].iter().rev().fold(0.0, |sum, reciprocal| sum * square + reciprocal);
    r * (v - 2.0 * square * series)
}

/// `exp(s) - 1 - s`, at least 0, without cancellation.
fn exponential_minus_tangent(s: f64) -> f64 {
    if s.abs() > 0.5 {
        return s.exp_m1() - s;
    }
    // s^2/2 (1 + s/3 (1 + s/4 (1 + ...))), up to s^15/15!.
    0.5 * s * s * RECIPROCALS.iter().rev().fold(1.0, |sum, reciprocal| 1.0 + s * reciprocal * sum)
}

/// Fall of the log-odds density for `a <= b`.
fn log_odds_fall(a: f64, b: f64, offset: f64) -> f64 {
    let total = a + b;
    let (share, rest) = (a / total, b / total);
    if offset.abs() <= 1.0 {
        let growth = offset.exp_m1();
        let scaled = growth / (1.0 + share * growth);
        a * excess_over_log(rest * scaled) + b * excess_over_log(-share * scaled)
    } else if offset < 300.0 {
        total * (share * offset.exp_m1()).ln_1p() - a * offset
    } else {
        b * offset + total * (share + rest * (-offset).exp()).ln()
    }
}

/// The rate `x` and its complement at an offset from the mean of Beta(a, b), on the log-odds scale.
pub(super) fn odds_shares(a: f64, b: f64, offset: f64) -> (f64, f64) {
    if offset <= 0.0 {
        let weight = a * offset.exp();
        (weight / (b + weight), b / (b + weight))
    } else {
        let weight = b * (-offset).exp();
        (a / (a + weight), weight / (a + weight))
    }
}

/// What Stirling's formula leaves out of `ln Gamma(x)`: `ln Gamma(x) - (x - 1/2) ln x + x - ln sqrt(2 pi)`.
pub(super) fn stirling_error(x: f64) -> f64 {
    if x < 10.0 {
        return libm::lgamma(x) - (x - 0.5) * x.ln() + x - LN_SQRT_2_PI;
    }
    let inverse_square = 1.0 / (x * x);
    STIRLING.iter().rev().fold(0.0, |sum, coefficient| sum * inverse_square + coefficient) / x
}
