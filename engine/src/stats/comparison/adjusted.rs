//! Differences with covariates taken out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arm, Nature, Saved};
use crate::error::Result;
use crate::stats::adjust::{MultiMoments, Outcome, Slopes, adjust};
use crate::stats::inference::{Estimate, Inference, anytime_valid, fixed_horizon};
use crate::stats::modern::sequential::Layout;
use crate::stats::moments::Moments;
use crate::stats::number::from_count;

/// A difference with the covariate taken out (CUPED; Deng et al. 2013).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjusted {
    /// The slope of the value on the covariate, pooled within the variants: the effect itself does not bend it. Of several covariates,
    /// that of the first.
    pub theta: f64,
    /// Of several covariates, the slope of each: the metric's own before the exposure, then those it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slopes: Vec<f64>,
    /// Of several covariates, the positions from 0 of those not used, because they do not vary or others say the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<usize>,
    /// The adjusted difference, in the unit of the metric.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The share of the variance of the difference that the covariate explains: as many units less would have been enough.
    pub variance_reduction: f64,
    /// The difference of the covariate itself. It was there before the exposure, so it should be none but by chance. Of several
    /// covariates, that of the one that differs most surely.
    pub covariate_difference: f64,
    /// The anytime-valid p-value of no such difference: a very small one says that the units were not put into variants at random. Of
    /// several covariates, corrected for their number.
    pub covariate_p_value: f64,
    /// The answer that holds however often one looks.
    pub anytime_valid: Inference,
    /// The answer for a single look.
    pub fixed_horizon: Inference,
    /// What that saves, in units and in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Saved>,
}

/// Takes the covariates out of both arms; `None` when there is none, it does not vary, or it explains everything.
pub(super) fn adjusted(nature: Nature, baseline: &Arm, arm: &Arm, layout: Layout) -> Result<Option<Adjusted>> {
    match (&baseline.covaried, &arm.covaried) {
        (Some(before), Some(after)) => several(nature, before, after, layout),
        _ if baseline.has_covariate && arm.has_covariate => single(&baseline.moments, &arm.moments, layout),
        _ => Ok(None),
    }
}

/// From moments of several covariates. What does not suffice for them, such as too few units, leaves the difference as it is.
fn several(nature: Nature, before: &MultiMoments, after: &MultiMoments, layout: Layout) -> Result<Option<Adjusted>> {
    let outcome = if nature == Nature::Ratio { Outcome::Ratio } else { Outcome::Mean };
    let Ok(adjusted) = adjust(before, after, outcome, Slopes::Pooled) else { return Ok(None) };
    let first = if nature == Nature::Ratio { 2 } else { 1 };
    let (covariate_difference, covariate_p_value) = most_different(before, after, first, layout)?;
    Ok(Some(Adjusted {
        theta: adjusted.control_slopes.first().copied().unwrap_or_default(),
        difference: adjusted.difference(),
        standard_error: adjusted.standard_error(),
        variance_reduction: adjusted.variance_reduction,
        covariate_difference,
        covariate_p_value,
        anytime_valid: adjusted.anytime_valid(layout)?,
        fixed_horizon: adjusted.fixed_horizon(layout.alpha)?,
        slopes: adjusted.control_slopes,
        dropped: adjusted.dropped,
        saved: None,
    }))
}

/// The difference of the covariate that differs most surely, and its p-value times their number.
fn most_different(before: &MultiMoments, after: &MultiMoments, first: usize, layout: Layout) -> Result<(f64, f64)> {
    let covariates = first..before.width();
    let number = from_count(covariates.len() as u64);
    let estimate = |moments: &MultiMoments, index: usize| {
        let count = from_count(moments.count());
        let unit_variance = moments.co_moment(index, index)? / (count - 1.0);
        Some(Estimate { count, value: moments.mean(index)?, unit_variance })
    };
    let mut surest = (0.0, 1.0_f64);
    for (before, after) in covariates.filter_map(|index| estimate(before, index).zip(estimate(after, index))) {
        if before.unit_variance + after.unit_variance <= 0.0 {
            continue;
        }
        let p_value = (number * anytime_valid(before, after, layout)?.p_value).min(1.0);
        if p_value < surest.1 {
            surest = (after.value - before.value, p_value);
        }
    }
    Ok(surest)
}

/// The values of both arms with the covariates taken out, the baseline first; `None` where [`adjusted`] has none.
pub(super) fn estimates(nature: Nature, baseline: &Arm, arm: &Arm) -> Option<[Estimate; 2]> {
    match (&baseline.covaried, &arm.covaried) {
        (Some(before), Some(after)) => {
            let outcome = if nature == Nature::Ratio { Outcome::Ratio } else { Outcome::Mean };
            let adjusted = adjust(before, after, outcome, Slopes::Pooled).ok()?;
            Some([adjusted.control, adjusted.treatment])
        }
        _ if baseline.has_covariate && arm.has_covariate => {
            let (_, pair) = pooled(&baseline.moments, &arm.moments)?;
            Some(pair)
        }
        _ => None,
    }
}

/// The slope pooled within both arms, and their values with it taken out; `None` where the covariate does not vary or explains all.
fn pooled(baseline: &Moments, arm: &Moments) -> Option<(f64, [Estimate; 2])> {
    let spread = baseline.other.second_moment + arm.other.second_moment;
    if spread <= 0.0 {
        return None;
    }
    let theta = (baseline.other.co_moment + arm.other.co_moment) / spread;
    let center = baseline.merge(arm).other_mean();
    let estimate = |moments: &Moments| {
        // The second moment of y - theta x.
        let explained = 2.0 * theta * moments.other.co_moment - theta * theta * moments.other.second_moment;
        let freedom = moments.count_as_number() - 1.0;
        Estimate {
            count: moments.count_as_number(),
            value: moments.mean() - theta * (moments.other_mean() - center),
            unit_variance: (moments.second_moment - explained).max(0.0) / freedom,
        }
    };
    let pair = [estimate(baseline), estimate(arm)];
    (pair[0].variance() + pair[1].variance() > 0.0).then_some((theta, pair))
}

/// From the moments of values and one covariate.
fn single(baseline: &Moments, arm: &Moments, layout: Layout) -> Result<Option<Adjusted>> {
    let Some((theta, [before, after])) = pooled(baseline, arm) else { return Ok(None) };
    let variance = before.variance() + after.variance();
    let covariate = |moments: &Moments| {
        let count = moments.count_as_number();
        Estimate { count, value: moments.other_mean(), unit_variance: moments.other.second_moment / (count - 1.0) }
    };
    let (covariate_before, covariate_after) = (covariate(baseline), covariate(arm));
    let unadjusted =
        |moments: &Moments| moments.second_moment / (moments.count_as_number() - 1.0) / moments.count_as_number();
    Ok(Some(Adjusted {
        theta,
        slopes: Vec::new(),
        dropped: Vec::new(),
        difference: after.value - before.value,
        standard_error: variance.sqrt(),
        variance_reduction: 1.0 - variance / (unadjusted(baseline) + unadjusted(arm)),
        covariate_difference: covariate_after.value - covariate_before.value,
        covariate_p_value: anytime_valid(covariate_before, covariate_after, layout)?.p_value,
        anytime_valid: anytime_valid(before, after, layout)?,
        fixed_horizon: fixed_horizon(before, after, layout.alpha)?,
        saved: None,
    }))
}
