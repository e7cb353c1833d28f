//! Sample-ratio mismatch: do the variants have as many units as the split says? (Reference statistics, section 13.)
//!
//! A mismatch means that something other than the flag decides who is counted, so that no result can be trusted. The chi-square test is
//! for one look; the sequential one, a Dirichlet mixture of multinomials, may be looked at as often as one likes (Lindon and Malek
//! 2022, "Anytime-valid inference for multinomial count data").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dist::ChiSquare;
use super::mixture::ln_dirichlet_ratio;
use super::number::from_count;
use crate::error::{Error, Result};

/// A p-value below this is a mismatch: far below 5 %, because every experiment is checked and an alarm stops everything.
pub const ALARM_P_VALUE: f64 = 0.001;
/// The weight of the mixture's prior, in units: wide enough to see differences of a few percent early.
const PRIOR_UNITS: f64 = 100.0;
/// More units than this are not counted anywhere.
const MOST_UNITS: f64 = 1e15;

/// The counts of a family of variants against their weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleRatio {
    /// How many units each variant should have.
    pub expected_counts: Vec<f64>,
    /// Pearson's statistic.
    pub chi_square: f64,
    /// One less than the number of variants.
    pub degrees_of_freedom: u32,
    /// The p-value of a single look.
    pub p_value: f64,
    /// Its natural logarithm.
    pub ln_p_value: f64,
    /// The natural logarithm of the evidence for a mismatch, valid however often one looks.
    pub ln_e_value: f64,
    /// The p-value that holds however often one looks.
    pub anytime_p_value: f64,
    /// Whether the anytime p-value is below 0.001.
    pub is_mismatch: bool,
}

/// One part of the units and what it contributes to a mismatch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentMismatch {
    /// The name of the part: a value of a property, or a day.
    pub segment: String,
    /// Units per variant.
    pub counts: Vec<f64>,
    /// Pearson's statistic of this part alone.
    pub chi_square: f64,
    /// Its p-value.
    pub p_value: f64,
    /// The p-value of all the other parts together: what is left of the mismatch without this part.
    pub p_value_of_the_others: f64,
}

/// Compares counts with weights, which need not add up to 1.
///
/// ```
/// use abduck::stats::mismatch::sample_ratio;
///
/// let ratio = sample_ratio(&[5000.0, 5200.0], &[0.5, 0.5])?;
/// assert!((ratio.p_value - 0.047_670_380_656_161_45).abs() < 1e-12);
/// assert!(!ratio.is_mismatch);
/// assert!(sample_ratio(&[5000.0, 5600.0], &[0.5, 0.5])?.is_mismatch);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for fewer than two variants, counts and weights of different number, weights that are not positive, or no units.
pub fn sample_ratio(counts: &[f64], weights: &[f64]) -> Result<SampleRatio> {
    check(counts, weights)?;
    let (units, weight) = (counts.iter().sum::<f64>(), weights.iter().sum::<f64>());
    let shares: Vec<f64> = weights.iter().map(|one| one / weight).collect();
    let expected_counts: Vec<f64> = shares.iter().map(|share| share * units).collect();
    let chi_square =
        counts.iter().zip(&expected_counts).map(|(count, expected)| (count - expected).powi(2) / expected).sum();
    let freedom = counts.len() - 1;
    let ln_p_value = ChiSquare::new(from_count(freedom as u64))?.ln_sf(chi_square);
    let ln_e_value = ln_e_value(counts, &shares);
    let anytime_p_value = (-ln_e_value).min(0.0).exp();
    Ok(SampleRatio {
        expected_counts,
        chi_square,
        degrees_of_freedom: u32::try_from(freedom).unwrap_or(u32::MAX),
        p_value: ln_p_value.exp(),
        ln_p_value,
        ln_e_value,
        anytime_p_value,
        is_mismatch: anytime_p_value < ALARM_P_VALUE,
    })
}

/// The Dirichlet mixture of multinomials against the multinomial with the shares.
fn ln_e_value(counts: &[f64], shares: &[f64]) -> f64 {
    let priors: Vec<f64> = shares.iter().map(|share| PRIOR_UNITS * share).collect();
    ln_dirichlet_ratio(counts, shares, &priors)
}

/// The parts of the units, those first that contribute most to a mismatch.
///
/// # Errors
/// As [`sample_ratio`], for parts that have units; parts without are left out.
pub fn rank_segments(segments: &[(String, Vec<f64>)], weights: &[f64]) -> Result<Vec<SegmentMismatch>> {
    if let Some((name, counts)) =
        segments.iter().find(|(_, counts)| counts.iter().any(|count| !(0.0..=MOST_UNITS).contains(count)))
    {
        let message = format!("the counts of '{name}' must lie between 0 and {MOST_UNITS:e}, got {counts:?}");
        return Err(Error::invalid_field("segments", "out_of_range", message));
    }
    let filled: Vec<&(String, Vec<f64>)> =
        segments.iter().filter(|(_, counts)| counts.iter().sum::<f64>() > 0.0).collect();
    let mut total = vec![0.0; weights.len()];
    for (_, counts) in &filled {
        check(counts, weights)?;
        for (sum, count) in total.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let segment = |(name, counts): &&(String, Vec<f64>)| {
        let alone = sample_ratio(counts, weights)?;
        let others: Vec<f64> = total.iter().zip(counts).map(|(sum, count)| sum - count).collect();
        let is_all = others.iter().sum::<f64>() <= 0.0;
        Ok(SegmentMismatch {
            segment: name.clone(),
            counts: counts.clone(),
            chi_square: alone.chi_square,
            p_value: alone.p_value,
            p_value_of_the_others: if is_all { 1.0 } else { sample_ratio(&others, weights)?.p_value },
        })
    };
    let mut ranked = filled.iter().map(segment).collect::<Result<Vec<_>>>()?;
    ranked.sort_by(|a, b| b.chi_square.total_cmp(&a.chi_square).then_with(|| a.segment.cmp(&b.segment)));
    Ok(ranked)
}

fn check(counts: &[f64], weights: &[f64]) -> Result<()> {
    let refuse = |message: String| Err(Error::invalid_field("counts", "out_of_range", message));
    if counts.len() < 2 || counts.len() != weights.len() {
        return refuse(format!("at least two variants with a weight each are needed, got {counts:?} and {weights:?}"));
    }
    if !weights.iter().all(|weight| *weight > 0.0 && weight.is_finite()) {
        return refuse(format!("weights must be positive and finite, got {weights:?}"));
    }
    if !counts.iter().all(|count| (0.0..=MOST_UNITS).contains(count)) || counts.iter().sum::<f64>() <= 0.0 {
        return refuse(format!("counts must lie between 0 and {MOST_UNITS:e}, and some above 0, got {counts:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::dist::ln_gamma;

    #[test]
    fn the_evidence_is_the_average_likelihood_ratio_over_the_prior() {
        // Two variants: the Dirichlet prior is Beta(50, 50); its average of the binomial likelihood, by a fine sum.
        let counts = [30.0, 50.0];
        let steps = 200_000_u32;
        let ln_beta = 2.0 * ln_gamma(50.0) - ln_gamma(100.0);
        let average: f64 = (0..steps)
            .map(|step| {
                let p = (f64::from(step) + 0.5) / f64::from(steps);
                let ln_density = 49.0 * (p.ln() + (-p).ln_1p()) - ln_beta;
                let ln_ratio = counts[0] * (p / 0.5).ln() + counts[1] * ((1.0 - p) / 0.5).ln();
                (ln_density + ln_ratio).exp() / f64::from(steps)
            })
            .sum();
        let ratio = sample_ratio(&counts, &[1.0, 1.0]).unwrap();
        assert!((ratio.ln_e_value - average.ln()).abs() < 1e-9, "{} {}", ratio.ln_e_value, average.ln());
    }

    #[test]
    fn the_part_that_causes_a_mismatch_comes_first_and_without_it_there_is_none() {
        let segments = [
            ("chrome".to_owned(), vec![5000.0, 5010.0]),
            ("safari".to_owned(), vec![2000.0, 1500.0]),
            ("nobody".to_owned(), vec![0.0, 0.0]),
        ];
        let ranked = rank_segments(&segments, &[50.0, 50.0]).unwrap();
        assert_eq!(ranked.iter().map(|one| one.segment.as_str()).collect::<Vec<_>>(), ["safari", "chrome"]);
        assert!(ranked[0].p_value < 1e-10 && ranked[0].p_value_of_the_others > 0.5);
        assert!(ranked[1].p_value_of_the_others < 1e-10);
    }

    #[test]
    fn impossible_segments_are_refused_and_not_left_out() {
        for counts in [vec![-5.0, 3.0], vec![f64::NAN, 1.0], vec![1e308, 1e308]] {
            let segments = [("x".to_owned(), counts), ("y".to_owned(), vec![10.0, 12.0])];
            assert_eq!(rank_segments(&segments, &[1.0, 1.0]).unwrap_err().code(), "out_of_range");
        }
        assert_eq!(sample_ratio(&[1e308, 1e308], &[1.0, 1.0]).unwrap_err().code(), "out_of_range");
    }

    #[test]
    fn a_tail_of_a_billion_units_is_a_number() {
        let ratio = sample_ratio(&[5.0e8, 5.2e8], &[0.5, 0.5]).unwrap();
        assert!(ratio.ln_p_value < -1e5 && ratio.ln_p_value.is_finite() && ratio.is_mismatch);
        // An average cannot exceed the largest likelihood ratio.
        let largest: f64 = [5.0e8_f64, 5.2e8].iter().map(|count| count * (count / 5.1e8).ln()).sum();
        assert!(ratio.ln_e_value < largest && ratio.ln_e_value > largest - 20.0);
    }

    #[test]
    fn impossible_counts_are_refused() {
        for (counts, weights) in [
            (&[1.0][..], &[1.0][..]),
            (&[1.0, 2.0], &[1.0, 0.0]),
            (&[0.0, 0.0], &[1.0, 1.0]),
            (&[-1.0, 2.0], &[1.0, 1.0]),
            (&[1.0, 2.0], &[1.0]),
        ] {
            assert_eq!(sample_ratio(counts, weights).unwrap_err().code(), "out_of_range");
        }
    }
}
