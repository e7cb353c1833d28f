//! Conversion by a two-proportion test, as a short-lived method of the reference had it (section 9).
//!
//! Its "probabilities" are 1 minus p-values, no probabilities of winning; its bar is therefore p <= 0.1, and its loss is always
//! 0 where it is reported at all.

use serde::{Deserialize, Serialize};

use super::split_best;
use crate::error::Result;
use crate::stats::FunnelArm;
use crate::stats::dist::{normal_quantile, normal_sf};
use crate::stats::proportion::{Share, wilson};
use crate::stats::significance::{
    Judgement, Ladder, MINIMUM_EXPOSURE, MINIMUM_WIN_PROBABILITY, Significance, SignificanceCode, check_not_negative,
    require_control,
};

/// What the method says; arms in order, control first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InterimAnswer {
    /// The verdict.
    pub significance_code: SignificanceCode,
    /// 0 when significant; otherwise 1 minus the largest of the probabilities, or 1 where there is too little data.
    pub expected_loss: f64,
    /// 1 minus the p-value, kept between 0.001 and 0.999: of control against the best test, and of each test against control.
    pub probabilities: Vec<(String, f64)>,
    /// The 95 % interval of each arm's rate: Wald's where there is enough data for it, Wilson's otherwise.
    pub confidence_intervals: Vec<(String, [f64; 2])>,
}

/// What p-values turned around are kept within.
const CERTAIN: (f64, f64) = (0.001, 0.999);

/// The answer about control and its tests.
///
/// ```
/// use abduck::stats::FunnelArm;
/// use abduck::stats::second::interim::analyze;
///
/// let control = FunnelArm::new("control", 200.0, 1800.0);
/// let answer = analyze(&control, &[FunnelArm::new("test", 260.0, 1740.0)])?;
/// assert_eq!(answer.significance_code.as_str(), "significant");
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for a negative or non-finite count.
pub fn analyze(control: &FunnelArm, tests: &[FunnelArm]) -> Result<InterimAnswer> {
    let arms: Vec<FunnelArm> = std::iter::once(control).chain(tests).cloned().collect();
    for arm in &arms {
        check_not_negative(&arm.key, "success_count", arm.success_count)?;
        check_not_negative(&arm.key, "failure_count", arm.failure_count)?;
    }
    let rate = |arm: &FunnelArm| arm.success_count / arm.exposure().max(1.0);
    let against = |arm: &FunnelArm, other: &FunnelArm| (1.0 - p_value(arm, other)).clamp(CERTAIN.0, CERTAIN.1);
    let of_control = split_best(tests, rate).map_or(CERTAIN.0, |(best, _)| against(&best, control));
    let of_tests = tests.iter().map(|test| against(test, control));
    let plain: Vec<f64> = std::iter::once(of_control).chain(of_tests).collect();
    let largest = plain.iter().copied().fold(0.0, f64::max);
    let (significance_code, expected_loss) = if arms.iter().any(|arm| arm.exposure() < MINIMUM_EXPOSURE) {
        (SignificanceCode::NotEnoughExposure, 1.0)
    } else if largest >= MINIMUM_WIN_PROBABILITY {
        (SignificanceCode::Significant, 0.0)
    } else {
        (SignificanceCode::HighPValue, 1.0 - largest)
    };
    Ok(InterimAnswer {
        significance_code,
        expected_loss,
        probabilities: arms.iter().map(|arm| arm.key.clone()).zip(plain).collect(),
        confidence_intervals: arms.iter().map(|arm| (arm.key.clone(), interval(arm))).collect(),
    })
}

/// The answer in the form of the other methods. What stand for probabilities are 1 minus p-values, and the intervals are confidence
/// intervals.
///
/// # Errors
/// `no_data` without control, and as [`analyze`].
pub fn judge(control: Option<&FunnelArm>, tests: &[FunnelArm]) -> Result<Judgement> {
    let control = require_control(control)?;
    let answer = analyze(control, tests)?;
    let exposures: Vec<f64> = tests.iter().map(FunnelArm::exposure).collect();
    let largest = answer.probabilities.iter().map(|(_, probability)| *probability).fold(0.0, f64::max);
    let ladder = Ladder::start_interim(control.exposure(), &exposures, largest)?;
    let significance = Significance {
        code: answer.significance_code,
        expected_loss: Some(answer.expected_loss),
        ..ladder.with_expected_loss()
    };
    let (probabilities, credible_intervals) = (answer.probabilities, answer.confidence_intervals);
    Ok(Judgement { probabilities, credible_intervals, significance })
}

/// The two-sided p-value of equal rates, with the pooled standard error; 1 where nothing can be said.
fn p_value(arm: &FunnelArm, other: &FunnelArm) -> f64 {
    let (n, m) = (arm.exposure(), other.exposure());
    let pooled = (arm.success_count + other.success_count) / (n + m);
    let standard_error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    if !(n > 0.0 && m > 0.0 && standard_error > 0.0) {
        return 1.0;
    }
    let z = (arm.success_count / n - other.success_count / m) / standard_error;
    2.0 * normal_sf(z.abs())
}

fn interval(arm: &FunnelArm) -> [f64; 2] {
    let n = arm.exposure();
    if n <= 0.0 {
        return [0.0, 0.0];
    }
    let (z, share) = (normal_quantile(0.975), arm.success_count / n);
    let is_enough = n >= 30.0 && arm.success_count >= 5.0 && arm.failure_count >= 5.0;
    if !is_enough {
        return wilson(Share { successes: arm.success_count, trials: n }, z);
    }
    let half_width = z * (share * (1.0 - share) / n).sqrt();
    [(share - half_width).max(0.0), (share + half_width).min(1.0)]
}
