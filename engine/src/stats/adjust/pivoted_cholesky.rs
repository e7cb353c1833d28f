//! A Cholesky factor that leaves out what the rest explains.
//!
//! Works on the scale of correlations, so that a value in thousand millions may stand beside one in thousandths.
//! Sources: N. Higham, "Accuracy and stability of numerical algorithms" (2002), sections 10.3 and 10.4.

/// What is left of a column once the chosen ones are taken out of it, as a share of its second moment; at less it
/// counts as explained by them. Slopes lose as many digits as this has zeros, and ten of sixteen is what may be lost.
const COLLINEAR: f64 = 1e-10;
/// A column is chosen before later ones unless this part of the largest rest is more than its own: the order given
/// decides, and not the rounding, which of two equal columns stays.
const PART_OF_LARGEST: f64 = 0.5;

/// The factor of the linearly independent columns of a symmetric positive semidefinite matrix.
pub(super) struct PivotedCholesky {
    size: usize,
    pivots: Vec<Column>,
}

/// A column of the matrix, and its row of the factor.
struct Column {
    index: usize,
    scale: f64,
    /// The entries left of the diagonal.
    factors: Vec<f64>,
    /// What is left of its second moment, as a share; once it is a pivot, the root of it is its diagonal entry.
    rest: f64,
}

impl PivotedCholesky {
    /// Factorises the columns among `candidates`, whose diagonal entries must be positive.
    pub(super) fn new(matrix: &[Vec<f64>], candidates: &[usize]) -> Self {
        let column = |&index: &usize| Column { index, scale: matrix[index][index].sqrt(), factors: vec![], rest: 1.0 };
        let mut columns: Vec<Column> = candidates.iter().map(column).collect();
        let mut pivots = vec![];
        loop {
            columns.retain(|column| column.rest > COLLINEAR);
            let largest = columns.iter().map(|column| column.rest).fold(0.0, f64::max);
            let Some(next) = columns.iter().position(|column| column.rest >= PART_OF_LARGEST * largest) else { break };
            let pivot = columns.remove(next);
            for column in &mut columns {
                let correlation = matrix[column.index][pivot.index] / column.scale / pivot.scale;
                let factor = (correlation - dot(&column.factors, &pivot.factors)) / pivot.rest.sqrt();
                column.factors.push(factor);
                column.rest -= factor * factor;
            }
            pivots.push(pivot);
        }
        Self { size: matrix.len(), pivots }
    }

    /// The columns that are linearly independent, ascending.
    pub(super) fn kept(&self) -> Vec<usize> {
        let mut kept: Vec<usize> = self.pivots.iter().map(|pivot| pivot.index).collect();
        kept.sort_unstable();
        kept
    }

    /// Solves matrix x = `right` in the columns kept; x is 0 in the others.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut forward: Vec<f64> = vec![];
        for pivot in &self.pivots {
            forward.push((right[pivot.index] / pivot.scale - dot(&pivot.factors, &forward)) / pivot.rest.sqrt());
        }
        let mut solution = vec![0.0; self.size];
        for (position, pivot) in self.pivots.iter().enumerate().rev() {
            let standardised = forward[position] / pivot.rest.sqrt();
            for (earlier, factor) in forward.iter_mut().zip(&pivot.factors) {
                *earlier -= factor * standardised;
            }
            solution[pivot.index] = standardised / pivot.scale;
        }
        solution
    }
}

pub(super) fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_columns_and_sums_of_columns_are_left_out_in_the_order_given() {
        // Columns 0 and 1 are independent, 2 is the first again, 3 their sum.
        let matrix =
            [vec![4.0, 1.0, 4.0, 5.0], vec![1.0, 9.0, 1.0, 10.0], vec![4.0, 1.0, 4.0, 5.0], vec![5.0, 10.0, 5.0, 15.0]];
        let factor = PivotedCholesky::new(&matrix, &[0, 1, 2, 3]);
        assert_eq!(factor.kept(), [0, 1]);
        // 4 x + y = 7, x + 9 y = -7.
        let solution = factor.solve(&[7.0, -7.0, 7.0, 0.0]);
        assert!((solution[0] - 2.0).abs() < 1e-15 && (solution[1] + 1.0).abs() < 1e-15, "{solution:?}");
        assert_eq!(solution[2..], [0.0, 0.0]);
        assert_eq!(PivotedCholesky::new(&matrix, &[1, 2]).kept(), [1, 2]);
        assert!(PivotedCholesky::new(&matrix, &[]).solve(&[1.0; 4]).iter().all(|slope| *slope == 0.0));
    }

    #[test]
    fn scales_far_apart_do_not_matter() {
        let (large, small) = (1e9_f64, 1e-3);
        let matrix = [vec![large * large, 0.5 * large * small], vec![0.5 * large * small, small * small]];
        let factor = PivotedCholesky::new(&matrix, &[0, 1]);
        assert_eq!(factor.kept(), [0, 1]);
        let solution = factor.solve(&[2.5 * large, 2.0 * small]);
        assert!((solution[0] * large - 2.0).abs() < 1e-14 && (solution[1] * small - 1.0).abs() < 1e-14, "{solution:?}");
    }
}
