//! The one number per variant that a secondary metric comes down to (R-10, Q-S2, Q-S3).

use indexmap::IndexMap;

use crate::stats::{Display, Measured, TrendCell, funnel_arms};

/// The number of each variant that has data, the baseline first (Q-S4): the total of a trend (Q-S2), the mean of its buckets
/// where each stands for itself (Q-S5), or the share of persons that completed a funnel, rounded to three decimals (Q-S3).
///
/// ```
/// use abduck::stats::{FunnelCell, FunnelCells, Measured, secondary_values};
///
/// let control = FunnelCell { variant: "control".into(), persons_by_step: vec![3, 1], conversion_times: vec![None] };
/// let cells = FunnelCells { variants: vec![control], persons_without_variant: 0, persons_with_foreign_variant: 0 };
/// assert_eq!(secondary_values(&Measured::Funnel(cells))["control"], 0.333);
/// ```
#[must_use]
pub fn secondary_values(measured: &Measured) -> IndexMap<String, f64> {
    match measured {
        Measured::Units(cells) => {
            cells.variants.iter().map(|cell| (cell.variant.clone(), cell.moments.mean())).collect()
        }
        Measured::Trend(cells) => {
            let value = |cell: &TrendCell| match cells.display {
                Display::Cumulative => cell.total(),
                Display::Linear => cell.mean(),
            };
            cells.present().into_iter().map(|cell| (cell.variant.clone(), value(cell))).collect()
        }
        Measured::Funnel(cells) => {
            let share = |success: f64, failure: f64| three_decimals(success / (success + failure));
            let arms = funnel_arms(cells).into_iter();
            arms.map(|arm| (arm.key, share(arm.success_count, arm.failure_count))).collect()
        }
    }
}

/// Rounded by the exact value of the number, ties to even, as the reference rounds.
fn three_decimals(value: f64) -> f64 {
    format!("{value:.3}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::three_decimals;

    #[test]
    fn rounding_is_by_the_exact_value() {
        // A tie, two numbers whose doubles lie beside the tie they look like, and a plain one.
        assert_eq!([0.0625, 0.0145, 0.0005, 2.0 / 3.0].map(three_decimals), [0.062, 0.015, 0.001, 0.667]);
    }
}
