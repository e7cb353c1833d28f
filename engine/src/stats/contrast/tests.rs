use super::*;
use crate::stats::bayes::{Posterior, probability_beats};
use crate::stats::believed::{BellPosterior, compare_bells};
use crate::stats::dist::{Beta, normal_cdf, normal_pdf};
use crate::stats::lognormal::LogNormal;

fn beta(a: f64, b: f64) -> Marginal {
    Posterior::beta(a, b).unwrap().into()
}

fn gamma(shape: f64, rate: f64) -> Marginal {
    Posterior::gamma(shape, rate).unwrap().into()
}

fn student(location: f64, scale: f64, degrees_of_freedom: f64) -> Marginal {
    BellPosterior::student(location, scale, degrees_of_freedom).unwrap().into()
}

fn normal(location: f64, scale: f64) -> Marginal {
    BellPosterior::normal(location, scale).unwrap().into()
}

fn log_normal(mean: f64, sd: f64) -> Marginal {
    LogNormal::new(mean, sd).unwrap().into()
}

fn assert_close(got: Bounded<f64>, wanted: f64, what: &str) {
    assert!((got.value - wanted).abs() <= got.error_bound.max(1e-12), "{what}: {got:?} {wanted}");
    assert!(got.error_bound < 1e-9, "{what}: {got:?}");
}

#[test]
fn golden_values() {
    // mpmath 1.4, 30 digits.
    let difference = |control, treatment| Contrast::difference(control, treatment).unwrap();
    let ratio = |control, treatment| Contrast::ratio(control, treatment).unwrap();
    for (contrast, x, wanted) in [
        (difference(beta(101.0, 19.0), beta(101.0, 11.0)), 0.05, 0.407_913_902_546_278_7),
        (difference(beta(1.5, 40.0), beta(3.0, 30.0)), 0.1, 0.804_459_798_074_476_1),
        (difference(beta(2.0, 1e6), beta(9.0, 1e6)), 1e-5, 0.826_106_476_800_921_6),
        (difference(beta(5.0, 3.0), beta(5e5, 3e5)), -0.1, 0.297_058_049_286_095_47),
        (ratio(beta(101.0, 19.0), beta(101.0, 11.0)), 1.02, 0.160_090_457_420_507_8),
        (ratio(beta(2.0, 1e6), beta(9.0, 1e6)), 3.0, 0.244_027_870_102_040_6),
        (difference(student(10.0, 0.5, 5.0), student(11.0, 0.2, 3.0)), 0.7, 0.312_397_417_263_165_17),
        (difference(student(0.0, 1.0, 2.0), student(1.0, 0.001, 30.0)), -2.0, 0.047_732_995_147_535_82),
        (ratio(student(10.0, 0.5, 40.0), student(11.0, 0.7, 60.0)), 1.2, 0.857_186_465_519_790_5),
        (difference(gamma(21.0, 200.0), gamma(30.0, 210.0)), 0.04, 0.527_020_722_626_645_7),
        (difference(gamma(1.0, 10.0), gamma(0.5, 3.0)), 0.1, 0.700_966_787_862_463_5),
    ] {
        assert_close(
            contrast.cdf(x),
            wanted,
            &format!("{:?} of {:?} at {x}", contrast.kind, contrast.control().marginal()),
        );
    }
}

#[test]
fn what_has_a_closed_form_agrees_with_it() {
    let triangle = Contrast::difference(beta(1.0, 1.0), beta(1.0, 1.0)).unwrap();
    assert_close(triangle.cdf(-0.3), 0.5 * 0.7 * 0.7, "two flat rates");
    assert!((triangle.density(0.25).value - 0.75).abs() < 1e-9);
    let flat = Contrast::ratio(beta(1.0, 1.0), beta(1.0, 1.0)).unwrap();
    assert_close(flat.cdf(0.5), 0.25, "their ratio");
    assert_close(flat.sf(4.0), 0.125, "their ratio");
    for (wide, narrow) in [(1.0, 1.0), (1.0, 1e-6), (1e-6, 1.0), (1e6, 3.0)] {
        let spread = f64::hypot(wide, narrow);
        let difference = Contrast::difference(normal(2.0, wide), normal(3.0, narrow)).unwrap();
        for z in [-8.0, -1.0, 0.0, 0.5, 3.0] {
            assert_close(difference.cdf(1.0 + spread * z), normal_cdf(z), &format!("{wide} {narrow} {z}"));
            let density = difference.density(1.0 + spread * z).value * spread;
            assert!((density - normal_pdf(z)).abs() < 1e-9, "{wide} {narrow} {z}: {density}");
        }
        let quantile = difference.quantile(0.975).unwrap();
        assert!((quantile.value - 1.0 - spread * 1.959_963_984_540_054).abs() < 1e-10 * spread, "{quantile:?}");
    }
    let ratio = Contrast::ratio(log_normal(1.0, 0.3), log_normal(1.2, 0.4)).unwrap();
    assert_close(ratio.cdf(1.5), normal_cdf((1.5_f64.ln() - 0.2) / 0.5), "log-normal");
    for (a, rate_a, b, rate_b) in [(21.0, 200.0, 30.0, 210.0), (1.0, 1e-3, 1e9, 5e8), (1e9, 1e6, 1.000_1e9, 1e6)] {
        let ratio = Contrast::ratio(gamma(a, rate_a), gamma(b, rate_b)).unwrap();
        let middle = (b / rate_b) / (a / rate_a);
        for r in [0.5 * middle, 0.999_9 * middle, middle, 1.000_1 * middle, 2.0 * middle] {
            let exact = Beta::new(a, b).unwrap().sf(rate_a / (r * rate_b + rate_a));
            assert_close(ratio.cdf(r), exact, &format!("{a} {b} {r}"));
        }
    }
}

#[test]
fn extremes_have_quantiles_that_lead_back() {
    let pairs = [
        (beta(1.0, 1e9), beta(4.0, 1e9)),
        (beta(5e8, 5e8), beta(5.000_1e8, 5e8)),
        (beta(0.5, 1e6), beta(0.5, 10.0)),
        (beta(1.0, 1.0), beta(1e8, 1.0)),
        (gamma(0.5, 3.0), gamma(1e9, 1e9)),
        (student(5.0, 1.0, 1.5), student(5.0, 1e-5, 1e9)),
        (log_normal(0.0, 3.0), log_normal(1.0, 0.01)),
    ];
    for (control, treatment) in pairs {
        let difference = Contrast::difference(control, treatment).unwrap();
        let mut contrasts = vec![difference.clone()];
        contrasts.extend(Contrast::ratio(control, treatment).ok());
        for contrast in &contrasts {
            for p in [1e-6, 0.025, 0.3, 0.5, 0.975, 1.0 - 1e-6] {
                let quantile = contrast.quantile(p).unwrap();
                let back = contrast.cdf(quantile.value);
                let tolerance = 1e-9_f64.max(quantile.error_bound * contrast.density(quantile.value).value);
                assert!((back.value - p).abs() < tolerance, "{:?} {p}: {quantile:?} {back:?}", contrast.kind);
            }
        }
        // Turned round, the difference is the opposite.
        let turned = Contrast::difference(treatment, control).unwrap();
        let x = difference.quantile(0.2).unwrap().value;
        assert!((turned.sf(-x).value - 0.2).abs() < 1e-9, "{control:?}");
    }
}

#[test]
fn the_density_is_the_derivative() {
    let difference = Contrast::difference(beta(12.0, 30.0), beta(0.7, 3.0)).unwrap();
    let step = 1e-5;
    for x in [-0.2, 0.0, 0.1, 0.4] {
        let slope = (difference.cdf(x + step).value - difference.cdf(x - step).value) / (2.0 * step);
        assert!((difference.density(x).value - slope).abs() < 1e-5, "{x}");
    }
    let curve = difference.curve(401).unwrap();
    let area: f64 = curve.windows(2).map(|pair| 0.5 * (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1)).sum();
    assert!((area - 0.998).abs() < 1e-3, "{area}");
}

#[test]
fn the_probability_of_being_larger_is_that_of_the_other_methods() {
    let rates = [Posterior::beta(101.0, 19.0).unwrap(), Posterior::beta(101.0, 11.0).unwrap()];
    let beats = probability_beats(&rates[1], &rates[0]).unwrap().value;
    let contrasts = [Contrast::difference, Contrast::ratio];
    for contrast in contrasts {
        assert_close(
            contrast(rates[0].into(), rates[1].into()).unwrap().probability_of_larger_treatment(),
            beats,
            "rates",
        );
    }
    let bells = [BellPosterior::student(5.0, 0.3, 9.0).unwrap(), BellPosterior::student(5.2, 0.2, 30.0).unwrap()];
    let best = compare_bells(&bells).unwrap().value[1].probability_best;
    let difference = Contrast::difference(bells[0].into(), bells[1].into()).unwrap();
    assert_close(difference.probability_of_larger_treatment(), best, "bells");
}

#[test]
fn what_means_nothing_is_refused() {
    assert_eq!(Contrast::difference(beta(1.0, 1.0), gamma(1.0, 1.0)).unwrap_err().code(), "mixed_families");
    assert_eq!(Contrast::ratio(normal(1.0, 1.0), normal(1.0, 1.0)).unwrap_err().code(), "unsure_baseline");
    let difference = Contrast::difference(beta(1.0, 1.0), beta(1.0, 1.0)).unwrap();
    for p in [0.0, 1.0, f64::NAN] {
        assert_eq!(difference.quantile(p).unwrap_err().code(), "statistic_error");
        assert_eq!(difference.credible_interval(p).unwrap_err().code(), "statistic_error");
    }
    assert_eq!(difference.curve(1).unwrap_err().code(), "out_of_range");
    assert_eq!((difference.cdf(-2.0).value, difference.sf(2.0).value), (0.0, 0.0));
}

#[test]
fn the_lattice_agrees_with_the_panels() {
    let pairs = [
        (beta(1001.0, 9001.0), beta(1031.0, 8971.0)),
        (beta(80.0, 300.0), beta(95.0, 290.0)),
        (beta(5e6, 5e6), beta(5.001e6, 5e6)),
        (gamma(40.0, 200.0), gamma(900.0, 4000.0)),
        (student(0.1, 0.0055, 1e4), student(0.103, 0.0054, 1e4)),
        (student(10.0, 0.5, 40.0), student(11.0, 0.7, 60.0)),
        (normal(3.0, 0.1), normal(3.1, 0.02)),
    ];
    for (control, treatment) in pairs {
        let difference = Contrast::difference(control, treatment).unwrap();
        assert!(difference.lattice.is_some(), "{control:?}");
        for contrast in [difference.clone(), difference.into_ratio().unwrap()] {
            let panels = Contrast { lattice: None, ..contrast.clone() };
            for p in [0.001, 0.025, 0.5, 0.975] {
                let (got, wanted) = (contrast.quantile(p).unwrap(), panels.quantile(p).unwrap());
                let back = panels.cdf(got.value);
                assert!((back.value - p).abs() < 1e-10, "{control:?} {p}: {back:?}");
                assert!((got.value - wanted.value).abs() <= got.error_bound + wanted.error_bound, "{got:?} {wanted:?}");
                let (cdf, sf) = (contrast.cdf(wanted.value), contrast.sf(wanted.value));
                assert!((cdf.value - p).abs() < 1e-10 && (cdf.value + sf.value - 1.0).abs() < 1e-10, "{cdf:?}");
                let density = panels.density(got.value).value;
                assert!((contrast.density(got.value).value / density - 1.0).abs() < 1e-8, "{control:?} {p}");
            }
        }
    }
}

/// Doubles around the location are too coarse for bells as narrow as these: the answer is as good as they allow, says so, and comes.
#[test]
fn bells_that_are_narrow_for_their_place_are_as_sure_as_doubles_are() {
    let wide = Contrast::difference(student(0.0, 1.0, 3.0), student(0.0, 1.0, 3.0)).unwrap().quantile(0.975).unwrap();
    for (location, scale) in [(5.0, 5e-11), (1e12, 1e-3), (-3e8, 1e-5)] {
        let arm = student(location, scale, 3.0);
        let narrow = Contrast::difference(arm, arm).unwrap().quantile(0.975).unwrap();
        let wanted = scale * wide.value;
        assert!((narrow.value - wanted).abs() <= narrow.error_bound + 1e-12 * wanted, "{location} {scale}: {narrow:?}");
        assert!(narrow.error_bound < 1e-9 * scale, "{location} {scale}: {narrow:?}");
    }
    // To a ratio the place matters, and what it takes away is said.
    let arm = student(5.0, 5e-8, 3.0);
    let ratio = Contrast::ratio(arm, arm).unwrap().quantile(0.975).unwrap();
    assert!((ratio.value - 1.0 - 1e-8 * wide.value).abs() <= ratio.error_bound, "{ratio:?}");
    assert!(ratio.error_bound < 1e-6 * 1e-8, "{ratio:?}");
    let arm = student(5.0, 5e-14, 3.0);
    assert!(Contrast::ratio(arm, arm).unwrap().cdf(1.0).error_bound > 1e-3);
}
