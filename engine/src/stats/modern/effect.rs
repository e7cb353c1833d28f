//! The difference of two statistics and its variance (reference statistics, section 10.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Statistic, refused};
use crate::error::Result;

/// On which scale an effect is expressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceType {
    /// As a share of the baseline's value.
    #[default]
    Relative,
    /// In the unit of the metric.
    Absolute,
}

/// An effect and its variance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The effect.
    pub value: f64,
    /// The variance of the effect, not per unit.
    pub variance: f64,
}

/// Two arms to compare, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The arm in question.
    pub treatment: Statistic,
    /// The arm it is compared with.
    pub control: Statistic,
    /// The scale.
    pub difference: DifferenceType,
    /// What a relative difference is a share of: the control's mean, unless it was adjusted (section 10.7).
    pub denominator: f64,
}

/// A baseline this close to 0 cannot be divided by.
const SMALLEST_BASELINE: f64 = 1e-10;

impl Pair {
    /// Two arms; a relative difference is a share of the control's mean.
    ///
    /// # Errors
    /// `invalid_statistic` for impossible sums, `statistic_error` for statistics of different types.
    pub fn new(treatment: Statistic, control: Statistic, difference: DifferenceType) -> Result<Self> {
        treatment.check()?;
        control.check()?;
        if !treatment.is_like(&control) {
            return Err(refused("treatment", "the statistics of both arms must have the same type"));
        }
        Ok(Self { treatment, control, difference, denominator: control.mean() })
    }

    /// The effect of the treatment.
    ///
    /// ```
    /// use abduck::stats::modern::effect::{DifferenceType, Pair};
    /// use abduck::stats::modern::Statistic;
    ///
    /// let (test, control) = (Statistic::share_of(100.0, 30.0)?, Statistic::share_of(100.0, 20.0)?);
    /// let effect = Pair::new(test, control, DifferenceType::Relative)?.effect()?;
    /// assert!((effect.value - 0.5).abs() < 1e-15);
    /// # Ok::<(), abduck::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// `statistic_error` for a relative difference from a baseline of 0.
    pub fn effect(&self) -> Result<Effect> {
        let (treatment, control) = (self.treatment.variance_of_mean(), self.control.variance_of_mean());
        let difference = self.treatment.mean() - self.control.mean();
        if self.difference == DifferenceType::Absolute {
            return Ok(Effect { value: difference, variance: treatment + control });
        }
        let baseline = self.denominator;
        if baseline.abs() < SMALLEST_BASELINE {
            return Err(refused("control", format!("nothing is relative to a baseline of {baseline}"))
                .hint("compare absolute differences"));
        }
        let ratio = self.treatment.mean() / baseline;
        let variance = (treatment + ratio * ratio * control) / (baseline * baseline);
        Ok(Effect { value: difference / baseline, variance })
    }
}
