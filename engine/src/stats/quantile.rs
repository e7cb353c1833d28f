//! The difference of two quantiles, with intervals from order statistics (reference statistics, section 13).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dist::normal_quantile;
use super::modern::check_rate;
use super::number::{from_count, whole};
use crate::error::{Error, Result};

/// A quantile of one arm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmQuantile {
    /// The quantile, interpolated between neighbours.
    pub quantile: f64,
    /// The rank, from 1, of the value that the quantile's own interval begins with.
    pub lower_rank: u64,
    /// The rank of the value it ends with.
    pub upper_rank: u64,
    /// Half the width of that interval, in normal deviations.
    pub standard_error: f64,
}

/// The difference of the quantiles of two arms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantileDifference {
    /// The treatment.
    pub treatment: ArmQuantile,
    /// The control.
    pub control: ArmQuantile,
    /// The treatment's quantile minus the control's.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The two-sided interval of the difference.
    pub confidence_interval: [f64; 2],
}

/// The difference of the quantiles at `level`, between 0 and 1, with an interval at the two-sided error rate `alpha`.
///
/// ```
/// use abduck::stats::quantile::quantile_difference;
///
/// let (test, control): (Vec<f64>, Vec<f64>) = ((0..101).map(f64::from).collect(), (0..51).map(f64::from).collect());
/// let answer = quantile_difference(&test, &control, 0.5, 0.05)?;
/// assert_eq!((answer.treatment.quantile, answer.difference), (50.0, 25.0));
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `too_few` for an arm without values, `out_of_range` for values that are no finite numbers, `statistic_error` for a level or
/// alpha that is not strictly between 0 and 1.
pub fn quantile_difference(treatment: &[f64], control: &[f64], level: f64, alpha: f64) -> Result<QuantileDifference> {
    check_rate("level", level)?;
    check_rate("alpha", alpha)?;
    let critical = -normal_quantile(alpha / 2.0);
    let (treatment, control) = (arm(treatment, level, critical)?, arm(control, level, critical)?);
    let difference = treatment.quantile - control.quantile;
    let standard_error = f64::hypot(treatment.standard_error, control.standard_error);
    let half_width = critical * standard_error;
    Ok(QuantileDifference {
        treatment,
        control,
        difference,
        standard_error,
        confidence_interval: [difference - half_width, difference + half_width],
    })
}

/// Differences of larger values would be no finite numbers.
const LARGEST: f64 = 1e300;

fn arm(values: &[f64], level: f64, critical: f64) -> Result<ArmQuantile> {
    if values.is_empty() {
        return Err(Error::invalid_field("values", "too_few", "a quantile needs at least one value"));
    }
    if let Some(value) = values.iter().find(|value| !(-LARGEST..=LARGEST).contains(*value)) {
        let message = format!("values must be numbers between -{LARGEST:e} and {LARGEST:e}, got {value}");
        return Err(Error::invalid_field("values", "out_of_range", message));
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = from_count(sorted.len() as u64);
    let (middle, spread) = (n * level, critical * (n * level * (1.0 - level)).sqrt());
    let (lower, upper) = ((middle - spread).floor().max(1.0), (middle + spread).ceil().min(n));
    let at = |rank: f64| value_at(&sorted, rank - 1.0);
    let position = (n - 1.0) * level;
    let below = value_at(&sorted, position.floor());
    let quantile = below + (value_at(&sorted, position.ceil()) - below) * position.fract();
    Ok(ArmQuantile {
        quantile,
        lower_rank: rank(lower),
        upper_rank: rank(upper),
        standard_error: (at(upper) - at(lower)) / (2.0 * critical),
    })
}

/// The value at a whole position from 0, which lies inside.
fn value_at(sorted: &[f64], position: f64) -> f64 {
    let index = usize::try_from(rank(position)).unwrap_or_default().min(sorted.len() - 1);
    sorted[index]
}

fn rank(number: f64) -> u64 {
    whole(number).and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_value_is_its_own_quantile() {
        let answer = quantile_difference(&[3.0], &[1.0], 0.9, 0.05).unwrap();
        assert!((answer.difference - 2.0).abs() < f64::EPSILON && answer.standard_error.abs() < f64::EPSILON);
        assert_eq!((answer.treatment.lower_rank, answer.treatment.upper_rank), (1, 1));
    }

    #[test]
    fn order_does_not_matter_and_impossible_values_are_refused() {
        let (up, down) = ([1.0, 2.0, 5.0, 9.0], [9.0, 5.0, 1.0, 2.0]);
        assert_eq!(
            quantile_difference(&up, &up, 0.3, 0.05).unwrap(),
            quantile_difference(&down, &down, 0.3, 0.05).unwrap()
        );
        assert_eq!(quantile_difference(&[], &up, 0.5, 0.05).unwrap_err().code(), "too_few");
        assert_eq!(quantile_difference(&[-1.7e308, 1.7e308], &up, 0.5, 0.05).unwrap_err().code(), "out_of_range");
        assert_eq!(quantile_difference(&[f64::NAN], &up, 0.5, 0.05).unwrap_err().code(), "out_of_range");
        assert_eq!(quantile_difference(&up, &up, 1.0, 0.05).unwrap_err().code(), "statistic_error");
    }
}
