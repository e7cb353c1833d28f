//! Many comparisons at once: adjusted p-values, rejections and the intervals that go with them (reference statistics, section 13).
//!
//! Sources: Holm 1979; Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001, and 2005 for intervals of what was selected; Wang
//! and Ramdas 2022 for e-values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::modern::check_rate;
use super::number::from_count;
use crate::error::{Error, Result};

/// How a family of comparisons is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// No false rejection at all with the error rate; each test at its share of it.
    Bonferroni,
    /// The same promise, never weaker: from the smallest p-value on.
    Holm,
    /// The expected share of false rejections; for independent or positively dependent tests.
    #[default]
    BenjaminiHochberg,
    /// The same for tests of any dependence.
    BenjaminiYekutieli,
}

/// What a correction makes of one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjusted {
    /// The adjusted p-value: the smallest error rate of the family at which this one is rejected.
    pub adjusted: f64,
    /// Whether it is rejected at the family's error rate.
    pub rejected: bool,
    /// The error rate at which this comparison's own interval is to be made, so that interval and rejection come from one
    /// procedure.
    pub interval_alpha: f64,
}

/// Adjusts the p-values of a family, in their order.
///
/// Intervals: Bonferroni's share of the error rate for Bonferroni and Holm (Holm has no plain intervals of its own, so some that
/// Holm rejects may contain 0); the false-coverage rate of the rejected for the others, `alpha R / m` with `R` rejections, which
/// contains 0 exactly for those that are not rejected by Benjamini-Hochberg (with `R` at least 1).
///
/// ```
/// use abduck::stats::many::{Correction, adjust};
///
/// let family = adjust(&[0.01, 0.04, 0.03, 0.005, 0.2], 0.05, Correction::BenjaminiHochberg)?;
/// assert_eq!(family.iter().filter(|one| one.rejected).count(), 4);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for a p-value outside 0 to 1, `statistic_error` for an alpha that is not strictly between 0 and 1.
pub fn adjust(p_values: &[f64], alpha: f64, correction: Correction) -> Result<Vec<Adjusted>> {
    check_rate("alpha", alpha)?;
    if let Some(p_value) = p_values.iter().find(|p_value| !(0.0..=1.0).contains(*p_value)) {
        let message = format!("a p-value lies between 0 and 1, got {p_value}");
        return Err(Error::invalid_field("p_values", "out_of_range", message));
    }
    let size = from_count(p_values.len() as u64);
    let adjusted = match correction {
        Correction::Bonferroni => p_values.iter().map(|p_value| (size * p_value).min(1.0)).collect(),
        Correction::Holm => holm(p_values),
        Correction::BenjaminiHochberg => step_up(p_values, 1.0),
        Correction::BenjaminiYekutieli => step_up(p_values, harmonic(p_values.len())),
    };
    let rejected = from_count(adjusted.iter().filter(|adjusted| **adjusted <= alpha).count() as u64);
    let interval_alpha = match correction {
        Correction::Bonferroni | Correction::Holm => alpha / size,
        Correction::BenjaminiHochberg => alpha * rejected.max(1.0) / size,
        Correction::BenjaminiYekutieli => alpha * rejected.max(1.0) / (size * harmonic(p_values.len())),
    };
    let member = |adjusted: f64| Adjusted { adjusted, rejected: adjusted <= alpha, interval_alpha };
    Ok(adjusted.into_iter().map(member).collect())
}

/// The positions of the p-values, the smallest first; equal ones in their order.
fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    order
}

fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![0.0; p_values.len()];
    let (mut largest, mut left) = (0.0_f64, from_count(p_values.len() as u64));
    for index in ascending(p_values) {
        largest = largest.max((left * p_values[index]).min(1.0));
        adjusted[index] = largest;
        left -= 1.0;
    }
    adjusted
}

fn step_up(p_values: &[f64], factor: f64) -> Vec<f64> {
    let size = from_count(p_values.len() as u64);
    let mut adjusted = vec![0.0; p_values.len()];
    let (mut smallest, mut rank) = (1.0_f64, size);
    for index in ascending(p_values).into_iter().rev() {
        smallest = smallest.min(size * factor / rank * p_values[index]);
        adjusted[index] = smallest;
        rank -= 1.0;
    }
    adjusted
}

fn harmonic(size: usize) -> f64 {
    (1..=size).map(|rank| 1.0 / from_count(rank as u64)).sum()
}

/// Which of a family of e-values are rejected so that the expected share of false rejections is at most `alpha`, whatever their
/// dependence and whenever one looks (e-BH); given and returned as natural logarithms and in their order.
///
/// ```
/// use abduck::stats::many::e_benjamini_hochberg;
///
/// let ln = |e: f64| e.ln();
/// assert_eq!(e_benjamini_hochberg(&[ln(100.0), ln(25.0), ln(2.0)], 0.05)?, [true, false, false]);
/// assert_eq!(e_benjamini_hochberg(&[ln(100.0), ln(31.0), ln(2.0)], 0.05)?, [true, true, false]);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for what is no number, `statistic_error` for an alpha that is not strictly between 0 and 1.
pub fn e_benjamini_hochberg(ln_e_values: &[f64], alpha: f64) -> Result<Vec<bool>> {
    check_rate("alpha", alpha)?;
    if ln_e_values.iter().any(|ln_e_value| ln_e_value.is_nan()) {
        return Err(Error::invalid_field(
            "ln_e_values",
            "out_of_range",
            "the logarithm of an e-value must be a number",
        ));
    }
    let mut descending = ln_e_values.to_vec();
    descending.sort_by(|a, b| b.total_cmp(a));
    let ln_bar = |rank: usize| (from_count(ln_e_values.len() as u64) / (from_count(rank as u64) * alpha)).ln();
    let enough = |(index, ln_e_value): (usize, &f64)| (*ln_e_value >= ln_bar(index + 1)).then_some(index + 1);
    let rejections = descending.iter().enumerate().filter_map(enough).max();
    Ok(ln_e_values.iter().map(|ln_e_value| rejections.is_some_and(|rank| *ln_e_value >= ln_bar(rank))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Benjamini and Hochberg as they wrote it: the largest rank whose p-value is at most its share of alpha.
    fn rejected_by_definition(p_values: &[f64], alpha: f64) -> Vec<bool> {
        let mut sorted = p_values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let size = from_count(p_values.len() as u64);
        let bar = (1..=sorted.len()).filter(|rank| sorted[rank - 1] <= from_count(*rank as u64) / size * alpha).max();
        let bar = bar.map(|rank| sorted[rank - 1]);
        p_values.iter().map(|p_value| bar.is_some_and(|bar| *p_value <= bar)).collect()
    }

    proptest! {
        #[test]
        fn what_is_rejected_is_what_the_definition_rejects(p_values in prop::collection::vec(0.0..0.2_f64, 1..30)) {
            let alpha = 0.05;
            let got: Vec<bool> =
                adjust(&p_values, alpha, Correction::BenjaminiHochberg).unwrap().iter().map(|one| one.rejected).collect();
            prop_assert_eq!(got, rejected_by_definition(&p_values, alpha));
        }

        #[test]
        fn holm_rejects_what_bonferroni_rejects_and_order_does_not_matter(p_values in prop::collection::vec(0.0..0.1_f64, 1..20)) {
            let of = |p_values: &[f64], correction| adjust(p_values, 0.05, correction).unwrap();
            let (holm, bonferroni) = (of(&p_values, Correction::Holm), of(&p_values, Correction::Bonferroni));
            prop_assert!(holm.iter().zip(&bonferroni).all(|(holm, bonferroni)| holm.adjusted <= bonferroni.adjusted));
            let mut turned = p_values.clone();
            turned.reverse();
            let mut back = of(&turned, Correction::Holm);
            back.reverse();
            prop_assert_eq!(holm, back);
        }
    }

    #[test]
    fn impossible_values_are_refused_and_no_family_is_none() {
        assert_eq!(adjust(&[1.5], 0.05, Correction::Holm).unwrap_err().code(), "out_of_range");
        assert_eq!(adjust(&[f64::NAN], 0.05, Correction::Holm).unwrap_err().code(), "out_of_range");
        assert_eq!(adjust(&[0.5], 1.0, Correction::Holm).unwrap_err().code(), "statistic_error");
        assert!(adjust(&[], 0.05, Correction::BenjaminiHochberg).unwrap().is_empty());
        assert_eq!(e_benjamini_hochberg(&[f64::NAN], 0.05).unwrap_err().code(), "out_of_range");
    }
}
