//! Tests and intervals of the difference of two shares (reference statistics, section 13).
//!
//! For large counts the normal ones; for small counts Fisher's exact test, which is valid whatever the share, and
//! [`boschloo`](exact::boschloo), which is valid too and rejects more often.

pub mod exact;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dist::{normal_ln_sf, normal_quantile};
use super::modern::check_rate;
use crate::error::{Error, Result};

/// Units that did something, among those that could have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Units that did it.
    pub successes: f64,
    /// All units.
    pub trials: f64,
}

/// In which direction a difference counts as evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// In both.
    #[default]
    TwoSided,
    /// The treatment has the larger share.
    Greater,
    /// The treatment has the smaller share.
    Less,
}

/// What the normal tests say about two shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TwoProportions {
    /// The treatment's share minus the control's.
    pub difference: f64,
    /// The difference in pooled standard errors.
    pub z_statistic: f64,
    /// The p-value with the pooled standard error.
    pub p_value: f64,
    /// Its natural logarithm.
    pub ln_p_value: f64,
    /// The p-value with the unpooled standard error; null when neither share varies.
    pub p_value_unpooled: Option<f64>,
    /// Wald's interval of the difference, with the unpooled standard error.
    pub wald_interval: [f64; 2],
    /// Wilson's interval of the treatment's share.
    pub wilson_treatment: [f64; 2],
    /// Wilson's interval of the control's share.
    pub wilson_control: [f64; 2],
    /// Newcombe's interval of the difference, from both of Wilson's: holds near 0 and 1, where Wald's does not.
    pub newcombe_interval: [f64; 2],
}

impl Share {
    /// The share itself.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.successes / self.trials
    }

    fn variance(&self) -> f64 {
        let share = self.value();
        share * (1.0 - share) / self.trials
    }

    pub(super) fn check(&self) -> Result<()> {
        let is_possible = self.trials > 0.0 && self.trials.is_finite() && (0.0..=self.trials).contains(&self.successes);
        if is_possible {
            return Ok(());
        }
        let message = format!("a share needs trials, and no more successes, got {} of {}", self.successes, self.trials);
        Err(Error::invalid_field("successes", "out_of_range", message))
    }
}

/// The normal tests of equal shares, and two-sided intervals at the error rate `alpha`.
///
/// ```
/// use abduck::stats::proportion::{Alternative, Share, two_proportions};
///
/// let (test, control) = (Share { successes: 156.0, trials: 1200.0 }, Share { successes: 131.0, trials: 1180.0 });
/// let answer = two_proportions(test, control, 0.05, Alternative::TwoSided)?;
/// assert!((answer.p_value - 0.155_063_363_864_035_2).abs() < 1e-12);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for impossible shares, `no_variation` when all did it or nobody, `statistic_error` for an alpha that is not
/// strictly between 0 and 1.
pub fn two_proportions(
    treatment: Share,
    control: Share,
    alpha: f64,
    alternative: Alternative,
) -> Result<TwoProportions> {
    check_rate("alpha", alpha)?;
    treatment.check()?;
    control.check()?;
    let pooled = (treatment.successes + control.successes) / (treatment.trials + control.trials);
    let pooled_error = (pooled * (1.0 - pooled) * (1.0 / treatment.trials + 1.0 / control.trials)).sqrt();
    if pooled_error <= 0.0 {
        let message = "all units did it, or none did, so no difference can be judged";
        return Err(Error::invalid_field("successes", "no_variation", message));
    }
    let difference = treatment.value() - control.value();
    let unpooled_error = (treatment.variance() + control.variance()).sqrt();
    let (z_statistic, critical) = (difference / pooled_error, -normal_quantile(alpha / 2.0));
    let ln_p_value = ln_p_value(z_statistic, alternative);
    let unpooled = || self::ln_p_value(difference / unpooled_error, alternative).exp();
    let (wilson_treatment, wilson_control) = (wilson(treatment, critical), wilson(control, critical));
    Ok(TwoProportions {
        difference,
        z_statistic,
        p_value: ln_p_value.exp(),
        ln_p_value,
        p_value_unpooled: (unpooled_error > 0.0).then(unpooled),
        wald_interval: [difference - critical * unpooled_error, difference + critical * unpooled_error],
        wilson_treatment,
        wilson_control,
        newcombe_interval: newcombe([treatment.value(), control.value()], wilson_treatment, wilson_control),
    })
}

/// The natural logarithm of the p-value of a standard normal statistic.
fn ln_p_value(z: f64, alternative: Alternative) -> f64 {
    match alternative {
        Alternative::TwoSided => (std::f64::consts::LN_2 + normal_ln_sf(z.abs())).min(0.0),
        Alternative::Greater => normal_ln_sf(z),
        Alternative::Less => normal_ln_sf(-z),
    }
}

/// Whether the treatment's share is not smaller than the control's by a margin, one-sided: the score test with the shares that are
/// most likely where the difference is exactly the margin (Farrington and Manning 1990). Returns the p-value of being worse by the
/// margin or more.
///
/// ```
/// use abduck::stats::proportion::{Share, non_inferiority_p_value};
///
/// let (test, control) = (Share { successes: 495.0, trials: 1000.0 }, Share { successes: 500.0, trials: 1000.0 });
/// assert!(non_inferiority_p_value(test, control, 0.05)? < 0.05);
/// assert!(non_inferiority_p_value(test, control, 0.01)? > 0.3);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for impossible shares or a margin that is not between 0 and 1; `no_variation` where the restricted shares do not
/// vary.
pub fn non_inferiority_p_value(treatment: Share, control: Share, margin: f64) -> Result<f64> {
    treatment.check()?;
    control.check()?;
    if !(0.0..1.0).contains(&margin) {
        let message = format!("a margin is a difference of shares from 0 to below 1, got {margin}");
        return Err(Error::invalid_field("margin", "out_of_range", message));
    }
    let restricted = restricted_treatment_share(treatment, control, -margin);
    let other = (restricted + margin).clamp(0.0, 1.0);
    let variance = restricted * (1.0 - restricted) / treatment.trials + other * (1.0 - other) / control.trials;
    if variance <= 0.0 {
        return Err(Error::invalid_field("successes", "no_variation", "neither share varies at the margin"));
    }
    Ok(normal_ln_sf((treatment.value() - control.value() + margin) / variance.sqrt()).exp())
}

/// The most likely share of the treatment when it exceeds the control's by `difference`, by bisection of the score, which falls.
fn restricted_treatment_share(treatment: Share, control: Share, difference: f64) -> f64 {
    let score = |p: f64| {
        let q = p - difference;
        let part = |share: Share, p: f64| share.successes / p - (share.trials - share.successes) / (1.0 - p);
        part(treatment, p) + part(control, q)
    };
    let (mut from, mut until) = (difference.max(0.0), (1.0 + difference).min(1.0));
    for _ in 0..200 {
        let middle = 0.5 * (from + until);
        if middle <= from || middle >= until {
            break;
        }
        // At an edge where 0 / 0 stands, the half that is kept does not matter: the edge itself is the answer.
        if score(middle) > 0.0 { from = middle } else { until = middle }
    }
    0.5 * (from + until)
}

/// Wilson's interval of a share (1927): all values whose score test does not reject.
///
/// ```
/// use abduck::stats::proportion::{Share, wilson};
///
/// let [lower, upper] = wilson(Share { successes: 0.0, trials: 20.0 }, 1.959_963_984_540_054);
/// assert!(lower == 0.0 && (upper - 0.161_125_158_052_819).abs() < 1e-12);
/// ```
#[must_use]
pub fn wilson(share: Share, critical: f64) -> [f64; 2] {
    let (n, p, squared) = (share.trials, share.value(), critical * critical);
    let shrink = 1.0 + squared / n;
    let middle = (p + squared / (2.0 * n)) / shrink;
    let half_width = critical * (p * (1.0 - p) / n + squared / (4.0 * n * n)).sqrt() / shrink;
    let lower = if share.successes <= 0.0 { 0.0 } else { (middle - half_width).max(0.0) };
    let upper = if share.successes >= n { 1.0 } else { (middle + half_width).min(1.0) };
    [lower, upper]
}

/// Newcombe's interval of a difference (1998, method 10).
fn newcombe([treatment, control]: [f64; 2], of_treatment: [f64; 2], of_control: [f64; 2]) -> [f64; 2] {
    let difference = treatment - control;
    [
        difference - f64::hypot(treatment - of_treatment[0], of_control[1] - control),
        difference + f64::hypot(of_treatment[1] - treatment, control - of_control[0]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(successes: f64, trials: f64) -> Share {
        Share { successes, trials }
    }

    #[test]
    fn one_sided_p_values_add_up_to_one_and_tails_keep_their_size() {
        let p = |alternative| two_proportions(share(40.0, 300.0), share(25.0, 310.0), 0.05, alternative).unwrap();
        let (greater, less) = (p(Alternative::Greater).p_value, p(Alternative::Less).p_value);
        assert!((greater + less - 1.0).abs() < 1e-14 && greater < less);
        assert!((p(Alternative::TwoSided).p_value - 2.0 * greater).abs() < 1e-15);
        let far = two_proportions(share(9e8, 1e9), share(1e8, 1e9), 0.05, Alternative::TwoSided).unwrap();
        assert!(far.ln_p_value < -1e8 && far.ln_p_value.is_finite());
    }

    #[test]
    fn the_score_test_at_margin_zero_is_the_pooled_one() {
        let (treatment, control) = (share(40.0, 300.0), share(25.0, 310.0));
        let pooled = two_proportions(treatment, control, 0.05, Alternative::Greater).unwrap();
        let score = non_inferiority_p_value(treatment, control, 0.0).unwrap();
        assert!((pooled.p_value - score).abs() < 1e-12);
    }

    #[test]
    fn the_score_test_has_the_value_of_its_authors() {
        // mpmath 1.4: restricted maximum likelihood by root finding for 80/100 against 90/100 and a margin of 0.2.
        let p = non_inferiority_p_value(share(80.0, 100.0), share(90.0, 100.0), 0.2).unwrap();
        assert!((p - 0.026_669_394_391_404_106).abs() < 1e-12, "{p}");
        // Shares at the edges: nobody did it in either arm.
        assert!(non_inferiority_p_value(share(0.0, 100.0), share(0.0, 100.0), 0.1).unwrap() < 1e-2);
        assert!(non_inferiority_p_value(share(100.0, 100.0), share(100.0, 100.0), 0.1).unwrap() < 1e-2);
    }

    #[test]
    fn impossible_shares_are_refused() {
        let code =
            |treatment, control| two_proportions(treatment, control, 0.05, Alternative::TwoSided).unwrap_err().code();
        assert_eq!(code(share(2.0, 1.0), share(1.0, 2.0)), "out_of_range");
        assert_eq!(code(share(0.0, 0.0), share(1.0, 2.0)), "out_of_range");
        assert_eq!(code(share(0.0, 5.0), share(0.0, 5.0)), "no_variation");
        assert_eq!(non_inferiority_p_value(share(1.0, 2.0), share(1.0, 2.0), 1.0).unwrap_err().code(), "out_of_range");
    }
}
