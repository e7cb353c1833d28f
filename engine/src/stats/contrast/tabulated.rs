//! A posterior whose distribution function is cheap at any value.

use super::{At, Marginal};
use crate::stats::quadrature::{Nodal, RULE, running_integral};

/// A posterior, panel by panel: the polynomial through its density, and what lies before and behind.
#[derive(Clone, Debug)]
pub(super) struct Tabulated {
    marginal: Marginal,
    /// Panels on which 16 nodes integrate the density.
    grid: Vec<f64>,
    /// Panels half as wide, on which the polynomial through 16 nodes is the density.
    edges: Vec<f64>,
    /// The coefficients of Legendre polynomials on each panel, of the mass per unit of the panel's half.
    coefficients: Vec<Nodal>,
    /// The mass before each edge, and behind it.
    below: Vec<f64>,
    above: Vec<f64>,
}

impl Tabulated {
    pub(super) fn new(marginal: Marginal) -> Self {
        let grid = marginal.edges();
        let middles = grid.iter().zip(grid.iter().skip(1)).map(|(from, to)| 0.5 * (from + to));
        let mut edges: Vec<f64> = grid.iter().copied().chain(middles).collect();
        edges.sort_by(f64::total_cmp);
        let panel = |(from, to): (&f64, &f64)| {
            let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
            RULE.coefficients(&RULE.nodes.map(|node| half * marginal.mass(middle + half * node)))
        };
        let coefficients: Vec<Nodal> = edges.iter().zip(edges.iter().skip(1)).map(panel).collect();
        // The integral of a panel is twice its mean, the first coefficient.
        let masses: Vec<f64> = coefficients.iter().map(|coefficients| 2.0 * coefficients[0]).collect();
        let running = |masses: &mut dyn Iterator<Item = &f64>| -> Vec<f64> {
            let mut sum = 0.0;
            let sums = masses.map(|mass| {
                sum += mass;
                sum
            });
            std::iter::once(0.0).chain(sums.collect::<Vec<_>>()).collect()
        };
        let below = running(&mut masses.iter());
        let mut above = running(&mut masses.iter().rev());
        above.reverse();
        Self { marginal, grid, edges, coefficients, below, above }
    }

    pub(super) fn marginal(&self) -> &Marginal {
        &self.marginal
    }

    /// The whole mass, which is 1 but for what the panels leave out.
    pub(super) fn total(&self) -> f64 {
        self.below.last().copied().unwrap_or_default()
    }

    pub(super) fn grid(&self) -> &[f64] {
        &self.grid
    }

    /// The probability of at most a value, of more, and the density there.
    pub(super) fn at(&self, value: f64) -> At {
        let position = self.marginal.position(value);
        let panel = self.edges.partition_point(|edge| *edge <= position);
        let Some((panel, coefficients)) =
            panel.checked_sub(1).and_then(|panel| Some((panel, self.coefficients.get(panel)?)))
        else {
            let is_before = self.edges.first().is_some_and(|first| position < *first);
            let (below, above) = if is_before { (0.0, 1.0) } else { (1.0, 0.0) };
            return At { below, above, density: 0.0 };
        };
        let (from, to) = (self.edges[panel], self.edges[panel + 1]);
        let half = 0.5 * (to - from);
        let (density, integral) = running_integral(coefficients, ((position - from) / half - 1.0).clamp(-1.0, 1.0));
        let rest = 2.0 * coefficients[0] - integral;
        At {
            below: self.below[panel] + integral,
            above: self.above[panel + 1] + rest,
            density: density / (half * self.marginal.value_per_position(position)),
        }
    }
}
