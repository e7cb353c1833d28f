//! Gauss-Legendre quadrature with 16 nodes, and the running integral at those nodes.

use std::sync::LazyLock;

/// Number of nodes on one panel.
pub(super) const NODES: usize = 16;

/// One value at each node of a panel.
pub(super) type Nodal = [f64; NODES];

/// Positive nodes and their weights on [-1, 1], from 40-digit arithmetic.
const HALF_RULE: [(f64, f64); NODES / 2] = [
    (0.095_012_509_837_637_44, 0.189_450_610_455_068_5),
    (0.281_603_550_779_258_9, 0.182_603_415_044_923_58),
    (0.458_016_777_657_227_37, 0.169_156_519_395_002_54),
    (0.617_876_244_402_643_7, 0.149_595_988_816_576_73),
    (0.755_404_408_355_003, 0.124_628_971_255_533_88),
    (0.865_631_202_387_831_8, 0.095_158_511_682_492_79),
    (0.944_575_023_073_232_6, 0.062_253_523_938_647_894),
    (0.989_400_934_991_649_9, 0.027_152_459_411_754_096),
];

/// The rule on [-1, 1].
pub(super) struct Quadrature {
    /// Where to evaluate, ascending.
    pub(super) nodes: Nodal,
    /// The weight of each node; they sum to 2.
    pub(super) weights: Nodal,
    /// `running[i][j]`: the integral from -1 to node `i` of the polynomial that is 1 at node `j` and 0 at the others.
    running: [Nodal; NODES],
}

/// The one rule everything here is integrated with.
pub(super) static RULE: LazyLock<Quadrature> = LazyLock::new(Quadrature::new);

impl Quadrature {
    fn new() -> Self {
        let mut nodes = [0.0; NODES];
        let mut weights = [0.0; NODES];
        for (index, (node, weight)) in HALF_RULE.into_iter().enumerate() {
            let (right, left) = (NODES / 2 + index, NODES / 2 - 1 - index);
            (nodes[right], weights[right]) = (node, weight);
            (nodes[left], weights[left]) = (-node, weight);
        }
        let polynomials = nodes.map(legendre);
        let running = std::array::from_fn(|i| {
            std::array::from_fn(|j| weights[j] * running_basis(nodes[i], &polynomials[i], &polynomials[j]))
        });
        Self { nodes, weights, running }
    }

    /// The Legendre coefficients of the polynomial that has the given values at the nodes: `(2 n + 1) / 2` times the integral of
    /// `P_n` with it, which the rule gives exactly.
    pub(super) fn coefficients(&self, values: &Nodal) -> Nodal {
        let mut coefficients = [0.0; NODES];
        for ((node, weight), value) in self.nodes.iter().zip(&self.weights).zip(values) {
            let at_node = legendre(*node);
            let mut factor = 0.5;
            for (coefficient, polynomial) in coefficients.iter_mut().zip(at_node) {
                *coefficient += factor * weight * value * polynomial;
                factor += 1.0;
            }
        }
        coefficients
    }

    /// The integral of a function over a panel of half-width 1, given at the nodes.
    pub(super) fn integral(&self, values: &Nodal) -> f64 {
        self.weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
    }

    /// The integrals from the left edge of a panel of half-width 1 to each node.
    pub(super) fn integrals_from_left(&self, values: &Nodal) -> Nodal {
        std::array::from_fn(|i| self.running[i].iter().zip(values).map(|(weight, value)| weight * value).sum())
    }

    /// The integrals from each node to the right edge of a panel of half-width 1.
    ///
    /// The mirror image of [`Self::integrals_from_left`] rather than the difference to the whole, so that small tails keep their digits.
    pub(super) fn integrals_to_right(&self, values: &Nodal) -> Nodal {
        let mut mirrored = *values;
        mirrored.reverse();
        let mut integrals = self.integrals_from_left(&mirrored);
        integrals.reverse();
        integrals
    }
}

/// The value at `x` of a polynomial, given by its Legendre coefficients, and its integral from -1 to `x`.
pub(super) fn running_integral(coefficients: &Nodal, x: f64) -> (f64, f64) {
    let at_x = legendre(x);
    let value = coefficients.iter().zip(&at_x).map(|(coefficient, value)| coefficient * value).sum();
    // The integral of P_n from -1 to x is (P_(n+1)(x) - P_(n-1)(x)) / (2 n + 1), that of P_0 is x + 1.
    let mut integral = coefficients[0] * (x + 1.0);
    let mut twice_degree_and_one = 3.0;
    for n in 1..NODES {
        integral += coefficients[n] * (at_x[n + 1] - at_x[n - 1]) / twice_degree_and_one;
        twice_degree_and_one += 2.0;
    }
    (value, integral)
}

/// The Legendre polynomials of degree 0 to `NODES` at `x`.
fn legendre(x: f64) -> [f64; NODES + 1] {
    let mut values = [1.0; NODES + 1];
    values[1] = x;
    let mut degree = 1.0;
    for n in 1..NODES {
        values[n + 1] = ((2.0 * degree + 1.0) * x * values[n] - degree * values[n - 1]) / (degree + 1.0);
        degree += 1.0;
    }
    values
}

/// The running integral at `x` of a basis polynomial, divided by its weight: the integral of `P_n` from -1 to x is
/// `(P_(n+1)(x) - P_(n-1)(x)) / (2n + 1)`, and the basis polynomial is the sum of `(2n + 1)/2 w_j P_n(x_j) P_n`.
fn running_basis(x: f64, at_x: &[f64; NODES + 1], at_node: &[f64; NODES + 1]) -> f64 {
    let higher: f64 = (1..NODES).map(|n| at_node[n] * (at_x[n + 1] - at_x[n - 1])).sum();
    0.5 * (x + 1.0 + higher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for degree in 0..NODES {
            let power = i32::try_from(degree).unwrap();
            let values = RULE.nodes.map(|x| x.powi(power));
            let primitive = |x: f64| x.powi(power + 1) / f64::from(power + 1);
            assert!((RULE.integral(&values) - (primitive(1.0) - primitive(-1.0))).abs() < 1e-15);
            for (node, integral) in RULE.nodes.iter().zip(RULE.integrals_from_left(&values)) {
                assert!((integral - (primitive(*node) - primitive(-1.0))).abs() < 1e-15, "degree {degree}");
            }
            for x in [-1.0, -0.3, 0.77, 1.0] {
                let (value, integral) = running_integral(&RULE.coefficients(&values), x);
                assert!((value - f64::powi(x, power)).abs() < 1e-14, "degree {degree}");
                assert!((integral - (primitive(x) - primitive(-1.0))).abs() < 1e-14, "degree {degree}");
            }
            for (node, integral) in RULE.nodes.iter().zip(RULE.integrals_to_right(&values)) {
                assert!((integral - (primitive(1.0) - primitive(*node))).abs() < 1e-15, "degree {degree}");
            }
        }
    }
}
