//! Quantiles, and how sure they are.

use super::clamp::{floor, linear, to_double};
use crate::stats::QuantileCell;

/// The 97.5 % point of the standard normal distribution: the order statistics this many standard deviations away from the
/// quantile's rank tell its standard error.
const Z: f64 = 1.959_963_984_540_054;

/// The quantile of all values of some units, each of which has none, one or several; `None` of nothing.
///
/// The standard error is the distance of two order statistics divided by 2 z, whose ranks lie z standard deviations of the
/// share of values below the quantile away from it. That share is a ratio of sums over units, whose variance the delta method
/// gives, so that values of one unit need not be independent (Deng, Knoblich, Lu 2018, section 4). With one value per unit it
/// is the binomial variance.
pub(super) fn quantile(level: f64, units: &[&[f64]]) -> Option<QuantileCell> {
    let mut sorted: Vec<f64> = units.iter().flat_map(|values| values.iter().copied()).collect();
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let value = linear(&sorted, level);
    let count = to_double(sorted.len());
    let is_single = units.iter().all(|values| values.len() == 1);
    let deviation = if is_single { (count * level * (1.0 - level)).sqrt() } else { clustered(value, units) };
    let rank = count * level;
    // Ranks from 1.
    let lower = floor((rank - Z * deviation).max(1.0));
    let upper = floor((rank + Z * deviation).ceil().max(1.0)).min(sorted.len());
    let standard_error = (sorted[upper - 1] - sorted[lower.min(upper) - 1]) / (2.0 * Z);
    Some(QuantileCell { value, standard_error, values: sorted.len() as u64 })
}

/// The standard deviation of the number of values below the quantile, given the number of values, over units.
fn clustered(value: f64, units: &[&[f64]]) -> f64 {
    let below = |values: &&[f64]| to_double(values.iter().filter(|other| **other <= value).count());
    let total: f64 = units.iter().map(|values| to_double(values.len())).sum();
    let share = units.iter().map(below).sum::<f64>() / total;
    let residual = |values: &&[f64]| below(values) - share * to_double(values.len());
    let count = to_double(units.len());
    let scale = if count > 1.0 { count / (count - 1.0) } else { 1.0 };
    (units.iter().map(|values| residual(values).powi(2)).sum::<f64>() * scale).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_values_give_the_binomial_ranks() {
        // 1 … 100 at 0.5: ranks 50 -+ 1.96 * 5 are 40 and 60.
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let units: Vec<&[f64]> = values.chunks(1).collect();
        let cell = quantile(0.5, &units).unwrap();
        assert_eq!(cell.value, 50.5);
        assert!((cell.standard_error - 20.0 / (2.0 * Z)).abs() < 1e-12);
    }

    #[test]
    fn values_of_one_unit_count_as_dependent() {
        let values: Vec<f64> = (1..=100).flat_map(|value| [f64::from(value); 4]).collect();
        let alone: Vec<&[f64]> = values.chunks(1).collect();
        let together: Vec<&[f64]> = values.chunks(4).collect();
        let [alone, together] = [&alone, &together].map(|units| quantile(0.5, units).unwrap().standard_error);
        assert!(together > 1.7 * alone, "{together} {alone}");
        assert!(quantile(0.5, &[]).is_none());
    }
}
