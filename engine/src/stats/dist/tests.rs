#![allow(clippy::unreadable_literal, clippy::float_cmp, reason = "values as printed; ends of a scale are exact")]

use super::golden::{BETA, BETA_QUANTILES, GAMMA, GAMMA_QUANTILES};
use super::*;
use proptest::prelude::*;

/// Fails unless `got` is within `relative` of `expected`; a value below 1e-280 only has to be as small.
fn assert_close(got: f64, expected: f64, relative: f64, what: &str) {
    let tolerance = if expected.abs() < 1e-280 { 1e-280 } else { relative * expected.abs() };
    assert!((got - expected).abs() <= tolerance, "{what}: got {got:e}, expected {expected:e}");
}

#[test]
fn beta_agrees_with_golden_values() {
    for (a, b, x, cdf, sf, ln_pdf) in BETA {
        let beta = Beta::new(a, b).unwrap();
        let what = format!("Beta({a}, {b}) at {x}");
        assert_close(beta.cdf(x), cdf, 2e-13, &what);
        assert_close(beta.sf(x), sf, 2e-13, &what);
        assert!((beta.ln_pdf(x) - ln_pdf).abs() <= 2e-13 + 1e-15 * ln_pdf.abs(), "{what}");
    }
}

#[test]
fn gamma_agrees_with_golden_values() {
    for (shape, x, cdf, sf, ln_pdf) in GAMMA {
        let gamma = Gamma::new(shape, 1.0).unwrap();
        let what = format!("Gamma({shape}) at {x}");
        assert_close(gamma.cdf(x), cdf, 2e-13, &what);
        assert_close(gamma.sf(x), sf, 2e-13, &what);
        assert!((gamma.ln_pdf(x) - ln_pdf).abs() <= 2e-13 + 1e-15 * ln_pdf.abs(), "{what}");
    }
}

/// A tiny quantile is the exponential of a large number, so it keeps fewer digits.
fn quantile_bound(quantile: f64) -> f64 {
    if quantile > 1e-20 { 1e-14 } else { 1e-12 }
}

#[test]
fn quantiles_agree_with_golden_values() {
    for (a, b, probability, quantile) in BETA_QUANTILES {
        let got = Beta::new(a, b).unwrap().quantile(probability);
        assert_close(got, quantile, quantile_bound(quantile), &format!("Beta({a}, {b}) quantile {probability}"));
    }
    for (shape, probability, quantile) in GAMMA_QUANTILES {
        let got = Gamma::new(shape, 1.0).unwrap().quantile(probability);
        assert_close(got, quantile, quantile_bound(quantile), &format!("Gamma({shape}) quantile {probability}"));
    }
}

#[test]
fn the_normal_distribution_agrees_with_golden_values() {
    // erfc of mpmath at 60 digits.
    let values = [
        (-37.0, 5.725571222524577e-300, 1.0),
        (-20.0, 2.7536241186062337e-89, 1.0),
        (-5.5, 1.8989562465887718e-8, 0.9999999810104375),
        (-1.0, 0.15865525393145705, 0.8413447460685429),
        (0.0, 0.5, 0.5),
        (0.3, 0.6179114221889527, 0.3820885778110474),
        (2.0, 0.9772498680518208, 0.02275013194817921),
        (6.0, 0.9999999990134123, 9.86587645037698e-10),
    ];
    for (z, cdf, sf) in values {
        assert_close(normal_cdf(z), cdf, 2e-13, &format!("cdf({z})"));
        assert_close(normal_sf(z), sf, 2e-13, &format!("sf({z})"));
    }
    let quantiles = [
        (1e-300, -37.0470962993612),
        (1e-10, -6.361340902404057),
        (0.025, -1.9599639845400543),
        (0.5, 0.0),
        (0.7, 0.5244005127080407),
        (0.975, 1.9599639845400538),
    ];
    for (probability, quantile) in quantiles {
        assert_close(normal_quantile(probability), quantile, 1e-15, &format!("quantile({probability})"));
    }
    assert!(normal_quantile(1.5).is_nan());
}

#[test]
fn binomial_tails_agree_with_the_sum_of_terms() {
    // Sums of 60-digit terms for 50 trials at 0.3.
    assert_close(binomial_at_most(10.0, 50.0, 0.3).unwrap(), 0.07885062482305644, 1e-14, "at most 10");
    assert_close(binomial_at_least(10.0, 50.0, 0.3).unwrap(), 0.9597683658608059, 1e-14, "at least 10");
    assert_eq!(binomial_at_most(50.0, 50.0, 0.3).unwrap(), 1.0);
    assert_eq!(binomial_at_least(0.0, 50.0, 0.3).unwrap(), 1.0);
    assert_eq!(binomial_at_least(51.0, 50.0, 0.3).unwrap_err().code(), "out_of_range");
}

#[test]
fn ends_and_wrong_input_are_handled() {
    let beta = Beta::new(2.0, 3.0).unwrap();
    assert_eq!((beta.cdf(0.0), beta.cdf(1.0), beta.sf(0.0), beta.sf(1.0)), (0.0, 1.0, 1.0, 0.0));
    assert_eq!((beta.quantile(0.0), beta.quantile(1.0)), (0.0, 1.0));
    assert!(beta.quantile(-0.1).is_nan() && beta.quantile(f64::NAN).is_nan());
    let gamma = Gamma::new(2.0, 3.0).unwrap();
    assert_eq!((gamma.cdf(-1.0), gamma.sf(0.0), gamma.sf(1e300)), (0.0, 1.0, 0.0));
    for far in [1e-300, 1e-30, 1e3, 1e30, 1e300] {
        assert_eq!(gamma.cdf(far) + gamma.sf(far), 1.0, "far from everything at {far}");
    }
    assert_eq!((gamma.quantile(0.0), gamma.quantile(1.0)), (0.0, f64::INFINITY));
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Beta::new(wrong, 1.0).unwrap_err().code(), "out_of_range");
        assert_eq!(Gamma::new(1.0, wrong).unwrap_err().code(), "out_of_range");
    }
}

#[test]
fn tiny_shapes_have_quantiles() {
    for shape in [1e-6, 1e-3] {
        let gamma = Gamma::new(shape, 1.0).unwrap();
        let x = gamma.quantile(1.0 - 0.01 * shape);
        assert!((gamma.sf(x) / (0.01 * shape) - 1.0).abs() < 1e-6, "{shape}: {x}");
    }
}

/// The textbook continued fraction of the incomplete beta function, good for moderate shapes only.
fn cdf_by_continued_fraction(beta: &Beta, x: f64) -> f64 {
    let (a, b) = (beta.a(), beta.b());
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - cdf_by_continued_fraction(&Beta::new(b, a).unwrap(), 1.0 - x);
    }
    let numerator = |index: u32| {
        let m = f64::from(index / 2);
        match index {
            0 => 1.0,
            even if even % 2 == 0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        }
    };
    let fraction = (1..=2000).rev().fold(0.0, |rest, index| numerator(index) / (1.0 + rest));
    let log_front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    log_front.exp() / a / (1.0 + fraction)
}

proptest! {
    #[test]
    fn beta_agrees_with_the_continued_fraction(a in 0.01..500.0f64, b in 0.01..500.0f64, x in 0.001..0.999f64) {
        let beta = Beta::new(a, b).unwrap();
        prop_assert!((beta.cdf(x) - cdf_by_continued_fraction(&beta, x)).abs() < 1e-11);
    }

    #[test]
    fn both_tails_sum_to_one_and_mirror(a in 0.01..1e7f64, b in 0.01..1e7f64, z in -6.0..6.0f64) {
        let beta = Beta::new(a, b).unwrap();
        let x = (beta.mean() + z * beta.sd()).clamp(1e-9, 1.0 - 1e-9);
        prop_assert!((beta.cdf(x) + beta.sf(x) - 1.0).abs() < 1e-13);
        let gamma = Gamma::new(a, b).unwrap();
        let x = (gamma.mean() + z * gamma.sd()).max(1e-3 * gamma.mean());
        prop_assert!((gamma.cdf(x) + gamma.sf(x) - 1.0).abs() < 1e-13);
    }

    #[test]
    fn quantile_inverts_the_distribution_function(a in 0.05..1e7f64, b in 0.05..1e7f64, probability in 1e-6..0.999_999f64) {
        let beta = Beta::new(a, b).unwrap();
        let x = beta.quantile(probability);
        // Where x rounds to 1, its distance from 1 is lost in the double itself.
        prop_assume!(x < 1.0 - 1e-6);
        prop_assert!((beta.cdf(x) - probability).abs() < 1e-9);
        let gamma = Gamma::new(a, b).unwrap();
        prop_assert!((gamma.cdf(gamma.quantile(probability)) - probability).abs() < 1e-9);
    }
}
