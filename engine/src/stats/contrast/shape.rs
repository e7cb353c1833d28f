//! A posterior as its density on the scale of the value itself, for those that are smooth there.

use super::Marginal;
use crate::stats::bell::Side;
use crate::stats::lanes;
use crate::stats::quadrature::Nodal;

/// A density by its distance from the mean, and its first four moments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    density: Density,
    pub(super) mean: f64,
    pub(super) sd: f64,
    pub(super) skewness: f64,
    /// The kurtosis of a normal distribution is 0 here.
    pub(super) kurtosis: f64,
}

#[derive(Clone, Copy, Debug)]
enum Density {
    /// With the logarithm of the density of the log-odds at the mean.
    Beta { a: f64, b: f64, share: f64, rest: f64, log_top: f64 },
    /// With the logarithm of the density of the logarithm at the mean.
    Gamma { shape: f64, mean: f64, log_top: f64 },
    /// `top exp(-(z / scale)^2 / 2)`.
    Normal { scale: f64, log_top: f64 },
    /// `top (1 + (t / scale)^2 / df)^(-power)`.
    Student { scale: f64, degrees_of_freedom: f64, power: f64, log_top: f64 },
}

/// Rates are smooth at 0 and at 1 when both shapes are at least this: the density begins like that power.
const SMOOTH: f64 = 8.0;
/// Student's t has the four moments above 4, and tails short enough from here on.
const LIGHT: f64 = 12.0;
/// How far the log density falls before a posterior is taken to have ended.
const DEPTH: f64 = 36.0;

impl Shape {
    /// None for posteriors that are not smooth on the scale of the value, or have long tails.
    pub(super) fn of(marginal: &Marginal) -> Option<Self> {
        match marginal {
            Marginal::Beta(beta) => {
                let (a, b, n) = (beta.a(), beta.b(), beta.a() + beta.b());
                let log_top = beta.bell().log_top();
                let density = Density::Beta { a, b, share: a / n, rest: b / n, log_top };
                let skewness = 2.0 * (b / n - a / n) * ((n + 1.0) / a * (n / b)).sqrt() * (n / (n + 2.0)) / n.sqrt();
                let apart = (a - b) / n;
                let kurtosis = 6.0 * (apart * apart * (n / a * (n / b)) * (n + 1.0) / n - (n + 2.0) / n)
                    / ((n + 2.0) / n * (n + 3.0));
                let shape = Self { density, mean: beta.mean(), sd: beta.sd(), skewness, kurtosis };
                (a.min(b) >= SMOOTH).then_some(shape)
            }
            Marginal::Gamma(gamma) => {
                let (shape, mean) = (gamma.shape(), gamma.mean());
                let density = Density::Gamma { shape, mean, log_top: gamma.bell().log_top() };
                let skewness = 2.0 / shape.sqrt();
                let smooth = Self { density, mean, sd: gamma.sd(), skewness, kurtosis: 6.0 / shape };
                (shape >= SMOOTH).then_some(smooth)
            }
            Marginal::Bell(bell) => {
                let (mean, scale) = (bell.location(), bell.scale());
                let log_top = bell.ln_top() - scale.ln();
                let Some(degrees_of_freedom) = bell.degrees_of_freedom() else {
                    let density = Density::Normal { scale, log_top };
                    return Some(Self { density, mean, sd: scale, skewness: 0.0, kurtosis: 0.0 });
                };
                let power = 0.5 * (degrees_of_freedom + 1.0);
                let density = Density::Student { scale, degrees_of_freedom, power, log_top };
                let sd = scale * (degrees_of_freedom / (degrees_of_freedom - 2.0)).sqrt();
                let kurtosis = 6.0 / (degrees_of_freedom - 4.0);
                (degrees_of_freedom >= LIGHT).then_some(Self { density, mean, sd, skewness: 0.0, kurtosis })
            }
            Marginal::LogNormal(_) => None,
        }
    }

    /// The densities per unit of the value, at distances from the mean.
    pub(super) fn densities(&self, distances: &Nodal) -> Nodal {
        match self.density {
            Density::Beta { a, b, share, rest, log_top } => {
                let (by_share, by_rest) = (1.0 / share, -1.0 / rest);
                let (above, below) = (distances.map(|x| by_share * x), distances.map(|x| by_rest * x));
                let (rises, falls) = (lanes::excess_over_log(&above), lanes::excess_over_log(&below));
                let logs = std::array::from_fn(|node| log_top - a * rises[node] - b * falls[node]);
                // From the log-odds to the rate: divided by the variance of a single trial.
                let per_trial = 1.0 / (share * rest);
                let values = lanes::exp(&logs);
                std::array::from_fn(|node| {
                    let variance = (1.0 + above[node]) * (1.0 + below[node]);
                    if variance > 0.0 { values[node] * per_trial / variance } else { 0.0 }
                })
            }
            Density::Gamma { shape, mean, log_top } => {
                let per_mean = 1.0 / mean;
                let above = distances.map(|x| per_mean * x);
                let rises = lanes::excess_over_log(&above);
                let values = lanes::exp(&rises.map(|rise| log_top - shape * rise));
                std::array::from_fn(|node| {
                    let ratio = 1.0 + above[node];
                    if ratio > 0.0 { values[node] * per_mean / ratio } else { 0.0 }
                })
            }
            Density::Normal { scale, log_top } => {
                let factor = -0.5 / (scale * scale);
                lanes::exp(&distances.map(|x| log_top + factor * x * x))
            }
            Density::Student { scale, degrees_of_freedom, power, log_top } => {
                let factor = 1.0 / (scale * scale * degrees_of_freedom);
                let bends = lanes::ln_1p(&distances.map(|x| factor * x * x));
                lanes::exp(&bends.map(|bend| log_top - power * bend))
            }
        }
    }

    /// The derivative of the log density at a distance from the mean, where there is one.
    fn slope(&self, distance: f64) -> f64 {
        match self.density {
            Density::Beta { a, b, share, rest, .. } => (a - 1.0) / (share + distance) - (b - 1.0) / (rest - distance),
            Density::Gamma { shape, mean, .. } => (shape - 1.0) / (mean + distance) - shape / mean,
            Density::Normal { scale, .. } => -distance / (scale * scale),
            Density::Student { scale, degrees_of_freedom, power, .. } => {
                -2.0 * power * distance / (scale * scale * degrees_of_freedom + distance * distance)
            }
        }
    }

    /// How far the density reaches from the mean to one side, as a distance without a sign.
    pub(super) fn reach(&self, side: Side) -> f64 {
        let sign = if side == Side::Below { -1.0 } else { 1.0 };
        let edge = match self.density {
            Density::Beta { share, rest, .. } => {
                if side == Side::Below {
                    share
                } else {
                    rest
                }
            }
            Density::Gamma { mean, .. } if side == Side::Below => mean,
            _ => f64::INFINITY,
        };
        let mut distance = (2.0 * DEPTH).sqrt() * self.sd;
        // The logarithm of the density is concave, or nearly: Newton's method comes out beyond, which does no harm.
        for _ in 0..3 {
            if distance >= edge {
                return edge;
            }
            let slope = (sign * self.slope(sign * distance)).min(-f64::MIN_POSITIVE);
            distance += (self.fall(sign * distance) - DEPTH) / slope;
        }
        distance.min(edge)
    }

    /// How far the logarithm of the density has fallen at a distance from the mean.
    fn fall(&self, distance: f64) -> f64 {
        match self.density {
            Density::Beta { a, b, share, rest, .. } => {
                -(a - 1.0) * (distance / share).ln_1p() - (b - 1.0) * (-distance / rest).ln_1p()
            }
            Density::Gamma { shape, mean, .. } => shape * distance / mean - (shape - 1.0) * (distance / mean).ln_1p(),
            Density::Normal { scale, .. } => 0.5 * (distance / scale).powi(2),
            Density::Student { scale, degrees_of_freedom, power, .. } => {
                power * ((distance / scale).powi(2) / degrees_of_freedom).ln_1p()
            }
        }
    }
}
