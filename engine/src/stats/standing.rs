//! Where each of several independent values stands among them, from their distributions on one grid (reference statistics, section
//! 12.2).
//!
//! One pass over the grid gives all probabilities and all losses. How good it is, three sums tell that must come out right: each
//! density adds up to 1, so do the probabilities to be best, and every value's mean and loss add up to the same, the mean of the
//! largest. What they miss by is the error bound; while it is too large, the grid is made finer.

use super::bayes::Bounded;
use super::quadrature::{NODES, Nodal, RULE};

/// What the comparison of several values says about one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// The probability to be the largest of all.
    pub probability_best: f64,
    /// `E max(0, largest of the others - this one)`, in the unit of the values.
    pub expected_loss: f64,
}

/// Sums that miss by no more than this are right.
pub(super) const AGREEMENT: f64 = 1e-12;
/// Rounding of densities and sums.
pub(super) const ROUNDING: f64 = 1e-13;
/// The most parts that a panel is cut into.
pub(super) const FINEST: u32 = 32;

/// One distribution at the nodes of all panels.
pub(super) struct Curve {
    /// Density times the half-width of the panel.
    pub(super) mass: Vec<Nodal>,
    /// Probability below the node, accurate where small.
    pub(super) below: Vec<Nodal>,
    /// Probability above the node, accurate where small.
    pub(super) above: Vec<Nodal>,
}

/// Several distributions on the same panels.
pub(super) struct Grid {
    pub(super) curves: Vec<Curve>,
    /// Change of the value per unit of the panel, at each node.
    pub(super) widths: Vec<Nodal>,
}

impl Curve {
    /// From densities, by running sums from both ends.
    pub(super) fn from_mass(mass: Vec<Nodal>) -> Self {
        // Where a density underflows, rounding can take its running integral below 0.
        let plus = |start: f64, values: Nodal| values.map(|value| (start + value).clamp(0.0, 1.0));
        let nothing: Nodal = [0.0; NODES];
        let is_empty: Vec<bool> = mass.iter().map(|values| values.iter().all(|value| *value <= 0.0)).collect();
        let (mut below, mut from_left) = (Vec::with_capacity(mass.len()), 0.0);
        for (values, is_empty) in mass.iter().zip(&is_empty) {
            if *is_empty {
                below.push(plus(from_left, nothing));
            } else {
                below.push(plus(from_left, RULE.integrals_from_left(values)));
                from_left += RULE.integral(values);
            }
        }
        let (mut above, mut from_right) = (Vec::with_capacity(mass.len()), 0.0);
        for (values, is_empty) in mass.iter().zip(&is_empty).rev() {
            if *is_empty {
                above.push(plus(from_right, nothing));
            } else {
                above.push(plus(from_right, RULE.integrals_to_right(values)));
                from_right += RULE.integral(values);
            }
        }
        above.reverse();
        Self { mass, below, above }
    }

    fn total(&self) -> f64 {
        self.mass.iter().map(|values| RULE.integral(values)).sum()
    }

    fn ln_below(&self, panel: usize) -> Nodal {
        std::array::from_fn(|node| {
            let (below, above) = (self.below[panel][node], self.above[panel][node]);
            if above < 0.5 { (-above).ln_1p() } else { below.ln() }
        })
    }
}

/// Computes on ever finer grids until the sums come out right; `means` are those of the distributions, up to a constant, and
/// losses are judged in `unit`s.
pub(super) fn refined(means: &[f64], unit: f64, grid: impl Fn(u32) -> Grid) -> Bounded<Vec<Standing>> {
    let mut parts = 1;
    loop {
        let grid = grid(parts);
        let value = standings(&grid);
        let missed = missed(&grid, &value, means, unit);
        if missed <= AGREEMENT || parts >= FINEST {
            return Bounded { value, error_bound: missed + ROUNDING };
        }
        parts *= 2;
    }
}

/// By how much the sums that are known come out wrong.
fn missed(grid: &Grid, standings: &[Standing], means: &[f64], unit: f64) -> f64 {
    let densities = grid.curves.iter().map(|curve| (curve.total() - 1.0).abs()).fold(0.0, f64::max);
    let probabilities = (standings.iter().map(|standing| standing.probability_best).sum::<f64>() - 1.0).abs();
    let largest = || standings.iter().zip(means).map(|(standing, mean)| mean + standing.expected_loss);
    let spread = largest().fold(f64::NEG_INFINITY, f64::max) - largest().fold(f64::INFINITY, f64::min);
    densities.max(probabilities).max(spread / unit)
}

/// All standings in one pass.
pub(super) fn standings(grid: &Grid) -> Vec<Standing> {
    let Grid { curves, widths } = grid;
    let mut standings = vec![Standing::default(); curves.len()];
    for (panel, widths) in widths.iter().enumerate() {
        let ln_below: Vec<Nodal> = curves.iter().map(|curve| curve.ln_below(panel)).collect();
        // Sums over the arms after each: with those before, instead of taking one out of the sum of all, which may be infinite.
        let mut after = vec![[0.0; NODES]; curves.len() + 1];
        for arm in (0..curves.len()).rev() {
            after[arm] = std::array::from_fn(|node| after[arm + 1][node] + ln_below[arm][node]);
        }
        let mut before = [0.0; NODES];
        for (arm, (curve, standing)) in curves.iter().zip(&mut standings).enumerate() {
            let ln_others: Nodal = std::array::from_fn(|node| before[node] + after[arm + 1][node]);
            let some_above = ln_others.map(|ln_others| -ln_others.exp_m1());
            let best = std::array::from_fn(|node| curve.mass[panel][node] * (1.0 - some_above[node]));
            let lost = std::array::from_fn(|node| widths[node] * curve.below[panel][node] * some_above[node]);
            standing.probability_best += RULE.integral(&best);
            standing.expected_loss += RULE.integral(&lost);
            before = std::array::from_fn(|node| before[node] + ln_below[arm][node]);
        }
    }
    for standing in &mut standings {
        standing.probability_best = standing.probability_best.clamp(0.0, 1.0);
    }
    standings
}
