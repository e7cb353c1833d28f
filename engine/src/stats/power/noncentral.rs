//! The power of Student's test: the noncentral t distribution as a mixture of normals.
//!
//! `T = (Z + shift) / S` with `S^2` a chi-square divided by its degrees of freedom, so `P(T > t)` is the mean of
//! `P(Z > t S - shift)` over `S`. The density of `S` is written around `S = 1`, where no large numbers cancel, and normalised by
//! its own sum, so it is as accurate for 1e9 degrees of freedom as for 3.

use crate::error::Result;
use crate::stats::dist::{StudentT, normal_sf};
use crate::stats::quadrature::RULE;

/// Panels of each stretch.
const PANELS: u32 = 48;
/// How far the integration, and the cliff in it, go, in standard deviations.
const REACH: f64 = 12.0;

/// The probability that a two-sided test with the error rate `alpha` rejects, when the statistic is shifted.
///
/// # Errors
/// `out_of_range` for degrees of freedom that are not positive and finite.
pub(super) fn two_sided_t_power(degrees_of_freedom: f64, shift: f64, alpha: f64) -> Result<f64> {
    let critical = -StudentT::new(degrees_of_freedom)?.quantile(alpha / 2.0);
    let rejects = |s: f64| normal_sf(critical * s - shift) + normal_sf(critical * s + shift);
    let reach = REACH / (2.0 * degrees_of_freedom).sqrt();
    let (from, until) = ((1.0 - reach).max(0.0), 1.0 + reach);
    // The test turns from rejecting to not where `critical s` is near the shift: with few degrees of freedom and a small alpha
    // that is a cliff, which gets panels of its own.
    let edge = |deviations: f64| ((shift.abs() + deviations) / critical).clamp(from, until);
    let edges = [from, edge(-REACH), edge(REACH), until];
    let (mut mass, mut rejected) = (0.0, 0.0);
    for (from, until) in edges.into_iter().zip(edges.into_iter().skip(1)).filter(|(from, until)| from < until) {
        // The steps are those of the cube root of S, because at 0 its density is a power that need not be whole.
        let (from, until) = (from.cbrt() - 1.0, until.cbrt() - 1.0);
        let width = (until - from) / f64::from(PANELS);
        for panel in 0..PANELS {
            let middle = from + width * (f64::from(panel) + 0.5);
            for (node, weight) in RULE.nodes.iter().zip(&RULE.weights) {
                let root = middle + 0.5 * width * node;
                let u = root * (3.0 + root * (3.0 + root));
                let density = width * weight * (1.0 + root) * (1.0 + root) * ln_density(degrees_of_freedom, u).exp();
                mass += density;
                rejected += density * rejects(1.0 + u);
            }
        }
    }
    Ok((rejected / mass).min(1.0))
}

/// The logarithm of the density of `S = 1 + u`, up to a constant.
fn ln_density(degrees_of_freedom: f64, u: f64) -> f64 {
    (degrees_of_freedom - 1.0) * (u.ln_1p() - u) - u - 0.5 * degrees_of_freedom * u * u
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Degrees of freedom, shift, alpha, power.
    const GOLDEN: [(f64, f64, f64, f64); 8] = [
        (1.0, 2.0, 0.05, 0.125_756_317_757_052_73),
        (3.0, 2.5, 0.05, 0.407_841_251_298_027_9),
        (10.0, 0.5, 0.01, 0.017_077_355_772_353_447),
        (118.0, 2.981_423_969_999_719_6, 0.01, 0.641_937_069_067_209_5),
        (1998.0, 2.795_084_971_874_737_3, 0.05, 0.797_797_739_833_485_7),
        (1e6, 3.0, 0.05, 0.850_838_099_086_529_1),
        (1e9, 2.8, 0.05, 0.799_556_870_681_836_7),
        (7.5, -1.25, 0.1, 0.308_712_109_244_591_75),
    ];

    #[test]
    fn the_power_is_that_of_mpmath() {
        // mpmath 1.4 with 30 digits: the same mixture, integrated adaptively; critical values by root finding.
        for (degrees_of_freedom, shift, alpha, expected) in GOLDEN {
            let power = two_sided_t_power(degrees_of_freedom, shift, alpha).unwrap();
            assert!((power - expected).abs() < 1e-11, "{degrees_of_freedom} {shift} {alpha}: {power} {expected}");
        }
    }

    #[test]
    fn a_cliff_of_few_degrees_of_freedom_and_a_small_alpha_is_seen() {
        // mpmath 1.4 with 30 digits: the other way round, the mean of the chi distribution over the normal.
        let golden = [
            (1.0, 1e3, 1e-3, 0.883_769_884_340_585_5),
            (2.0, 100.0, 1e-4, 0.632_138_954_180_202_5),
            (1.0, 1e6, 1e-6, 0.883_770_034_433_030_9),
            (1.5, 20.0, 0.01, 0.721_734_683_759_914_5),
            (10.0, 15.0, 1e-6, 0.964_784_418_657_654_2),
            (2.0, 5.0, 0.001, 0.025_653_218_625_049),
        ];
        for (degrees_of_freedom, shift, alpha, expected) in golden {
            let power = two_sided_t_power(degrees_of_freedom, shift, alpha).unwrap();
            assert!((power - expected).abs() < 1e-11, "{degrees_of_freedom} {shift} {alpha}: {power} {expected}");
        }
    }

    #[test]
    fn without_a_shift_the_test_rejects_as_often_as_it_may() {
        for degrees_of_freedom in [1.0, 2.5, 30.0, 1e9] {
            assert!((two_sided_t_power(degrees_of_freedom, 0.0, 0.05).unwrap() - 0.05).abs() < 1e-10);
        }
    }
}
