//! The slow way: least squares straight from units.

use proptest::prelude::*;

use super::*;

fn of(rows: &[[f64; 4]]) -> MultiMoments {
    MultiMoments::of(rows).unwrap()
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * b.abs().max(1.0)
}

/// Gauss elimination with the largest pivot.
fn gauss(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let size = rows.len();
    for column in 0..size {
        let largest = (column..size).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs())).unwrap();
        rows.swap(column, largest);
        for row in 0..size {
            let factor = if row == column { 0.0 } else { rows[row][column] / rows[column][column] };
            let pivot = rows[column].clone();
            rows[row].iter_mut().zip(&pivot).for_each(|(entry, own)| *entry -= factor * own);
        }
    }
    (0..size).map(|row| rows[row][size] / rows[row][row]).collect()
}

/// Rows of the distances from their means, the linearised outcome first; and the unadjusted value.
fn distances(rows: &[[f64; 4]], outcome: Outcome) -> (f64, Vec<Vec<f64>>) {
    let mean = |of: &dyn Fn(&[f64; 4]) -> f64| {
        rows.iter().map(of).sum::<f64>() / f64::from(u32::try_from(rows.len()).unwrap())
    };
    let (own, below) = (mean(&|row| row[0]), mean(&|row| row[1]));
    let (value, first) = if outcome == Outcome::Mean { (own, 1) } else { (own / below, 2) };
    let linearised = |row: &[f64; 4]| if first == 1 { row[0] - own } else { (row[0] - value * row[1]) / below };
    let means: Vec<f64> = (first..4).map(|index| mean(&|row| row[index])).collect();
    let distance = |row: &[f64; 4]| {
        let covariates = row[first..].iter().zip(&means).map(|(covariate, mean)| covariate - mean);
        std::iter::once(linearised(row)).chain(covariates).collect()
    };
    (value, rows.iter().map(distance).collect())
}

fn least_squares(distances: &[Vec<f64>]) -> Vec<f64> {
    let width = distances[0].len();
    let sum = |one: usize, other: usize| distances.iter().map(|row| row[one] * row[other]).sum::<f64>();
    gauss((1..width).map(|row| (1..width).chain([0]).map(|column| sum(row, column)).collect()).collect())
}

/// The difference and its variance, straight from the units.
fn slow(arms: &[Vec<[f64; 4]>; 2], outcome: Outcome, slopes: Slopes) -> (f64, f64) {
    let [before, after] = arms.each_ref().map(|rows| distances(rows, outcome));
    let (many, others) =
        (f64::from(u32::try_from(arms[0].len()).unwrap()), f64::from(u32::try_from(arms[1].len()).unwrap()));
    let thetas = match slopes {
        Slopes::Pooled => {
            let theta = least_squares(&[before.1.clone(), after.1.clone()].concat());
            [theta.clone(), theta]
        }
        Slopes::PerArm => [least_squares(&before.1), least_squares(&after.1)],
    };
    let covariates = thetas[0].len();
    let fitted = if slopes == Slopes::PerArm { f64::from(u32::try_from(covariates).unwrap()) } else { 0.0 };
    let mean = |rows: &[[f64; 4]], index: usize, count: f64| rows.iter().map(|row| row[index]).sum::<f64>() / count;
    let adjustment: f64 = (4 - covariates..4)
        .zip(thetas[0].iter().zip(&thetas[1]))
        .map(|(column, (own, other))| {
            let apart = mean(&arms[1], column, others) - mean(&arms[0], column, many);
            (many * other + others * own) / (many + others) * apart
        })
        .sum();
    let difference = after.0 - before.0 - adjustment;
    let project = |row: &Vec<f64>, theta: &[f64]| row[1..].iter().zip(theta).map(|(x, slope)| x * slope).sum::<f64>();
    let bent: Vec<f64> = thetas[0].iter().zip(&thetas[1]).map(|(a, b)| b - a).collect();
    let variance = |rows: &[Vec<f64>], theta: &[f64], count: f64| {
        let residual: f64 = rows.iter().map(|row| (row[0] - project(row, theta)).powi(2)).sum();
        let bend: f64 = rows.iter().map(|row| project(row, &bent).powi(2)).sum();
        residual / (count - 1.0 - fitted) / count + bend / (count - 1.0) * count / (many + others).powi(2)
    };
    (difference, variance(&before.1, &thetas[0], many) + variance(&after.1, &thetas[1], others))
}

fn unit() -> impl Strategy<Value = [f64; 4]> {
    (-5.0..5.0_f64, 1.0..3.0_f64, -1.0..1.0_f64, 10.0..14.0_f64)
        .prop_map(|(rest, below, one, other)| [rest + 3.0 * one - other + below, below, one, other])
}

proptest! {
    #[test]
    fn moments_give_what_units_give(
        control in prop::collection::vec(unit(), 30..60),
        treatment in prop::collection::vec(unit(), 30..90),
        outcome in prop::sample::select(vec![Outcome::Mean, Outcome::Ratio]),
        slopes in prop::sample::select(vec![Slopes::Pooled, Slopes::PerArm]),
    ) {
        let adjusted = adjust(&of(&control), &of(&treatment), outcome, slopes).unwrap();
        let (difference, variance) = slow(&[control, treatment], outcome, slopes);
        prop_assert!(close(adjusted.difference(), difference, 1e-9), "{} {}", adjusted.difference(), difference);
        prop_assert!((adjusted.standard_error().powi(2) / variance - 1.0).abs() < 1e-9);
    }

    #[test]
    fn it_does_not_matter_how_units_were_merged(
        control in prop::collection::vec(unit(), 30..60),
        treatment in prop::collection::vec(unit(), 30..60),
        cut in 1_usize..30,
    ) {
        let merged = [&control, &treatment].map(|rows| of(&rows[..cut]).merge(&of(&rows[cut..])).unwrap());
        let merged = adjust(&merged[0], &merged[1], Outcome::Ratio, Slopes::PerArm).unwrap();
        let whole = adjust(&of(&control), &of(&treatment), Outcome::Ratio, Slopes::PerArm).unwrap();
        prop_assert!(close(merged.difference(), whole.difference(), 1e-10));
        prop_assert!((merged.standard_error() / whole.standard_error() - 1.0).abs() < 1e-10);
    }
}
