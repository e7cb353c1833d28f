#![allow(clippy::unreadable_literal, clippy::float_cmp, reason = "values as printed; an underflow is exactly 0")]

use super::*;
use proptest::prelude::*;

/// `(shape, rate, reference shape, reference rate, P(beats), loss of choosing the reference)`: the closed forms with the
/// incomplete beta function, in 120-digit arithmetic (mpmath).
const GAMMA_PAIRS: [(f64, f64, f64, f64, f64, f64); 10] = [
    (31.0, 200.0, 21.0, 200.0, 0.9196101990940058, 0.05131755148440069),
    (1003001.0, 100000.0, 1000001.0, 100000.0, 0.9829856280538535, 0.030086675328992608),
    (100010000.0, 10000000.0, 100000000.0, 10000000.0, 0.7602444471904717, 0.0011996522124470613),
    (3000.0, 100.0, 5000.0, 100.0, 3.181825957766232e-112, 1.2676890111301696e-113),
    (40000.0, 100.0, 50000.0, 100.0, 2.0013011740730307e-244, 1.7979434063020121e-245),
    (0.25, 1.0, 0.5, 3.0, 0.44551489018313123, 0.19282392559071213),
    (1.0, 1000.0, 1.0, 1000.0, 0.5, 0.0005),
    (10000001.0, 90000.0, 101.0, 1.0, 0.8430942239217657, 11.016725335426273),
    (3.25, 40.0, 12.5, 7.0, 4.986771573456853e-09, 1.4910007516545882e-10),
    // The wider arm stands 27000 of its deviations from the narrower one.
    (17098788.224761534, 0.012578076835255012, 28500781.83127679, 14.132438467940105, 1.0, 1357395278.7782706),
];

/// `(a, b, reference a, reference b, P(beats), loss of choosing the reference)`: the finite sum over a, in 120-digit
/// arithmetic (mpmath).
const BETA_PAIRS: [(f64, f64, f64, f64, f64, f64); 8] = [
    (101.0, 11.0, 101.0, 19.0, 0.9183406587022948, 0.061766075560807904),
    (1501.0, 8501.0, 1001.0, 9001.0, 1.0, 0.04999000199960008),
    (1001.0, 9001.0, 2001.0, 8001.0, 5.7880700177625066e-89, 1.4690097567965688e-92),
    (60.0, 990000.0, 51.0, 1000000.0, 0.8187753979674801, 1.0646800669682357e-05),
    (200001.0, 1800001.0, 101.0, 901.0, 0.47761941639225575, 0.00339755502596028),
    (3.0, 10000000.0, 1.0, 10000000.0, 0.8749999812500009, 2.1249991875002602e-07),
    (2.0, 3.5, 0.5, 0.5, 0.4042030300746548, 0.10903460249286556),
    (1.0, 11.0, 1.0, 101.0, 0.9017857142857143, 0.07448377581120944),
];

fn beta(a: f64, b: f64) -> Posterior {
    Posterior::beta(a, b).unwrap()
}

fn gamma(shape: f64, rate: f64) -> Posterior {
    Posterior::gamma(shape, rate).unwrap()
}

fn check_pair(challenger: Posterior, reference: Posterior, beats: f64, loss: f64) {
    let what = format!("{challenger:?} against {reference:?}");
    let best = probability_best(&[reference, challenger]).unwrap();
    assert!(best.error_bound < 1e-12, "{what}: {best:?}");
    assert!((best.value[1] - beats).abs() <= best.error_bound, "{what}: {best:?}");
    let pair = probability_beats(&challenger, &reference).unwrap();
    assert!((pair.value - beats).abs() <= pair.error_bound, "{what}: {pair:?}");
    let got = expected_loss(&reference, &[challenger]).unwrap();
    assert!(got.error_bound < 2e-12 * loss, "{what}: {got:?}");
    assert!((got.value - loss).abs() <= got.error_bound, "{what}: {got:?}, expected {loss:e}");
}

#[test]
fn pairs_agree_with_their_closed_forms_down_to_tiny_losses() {
    for (shape, rate, reference_shape, reference_rate, beats, loss) in GAMMA_PAIRS {
        check_pair(gamma(shape, rate), gamma(reference_shape, reference_rate), beats, loss);
    }
    for (a, b, reference_a, reference_b, beats, loss) in BETA_PAIRS {
        check_pair(beta(a, b), beta(reference_a, reference_b), beats, loss);
    }
}

#[test]
fn neighbours_far_from_a_narrower_arm_keep_their_digits() {
    // Left, right, a narrower arm so far below both that it changes nothing, P(right is best), loss of choosing left. In
    // 60- and 40-digit arithmetic (mpmath): the incomplete beta function for Gamma, the trapezoidal rule for Beta.
    let gammas = [gamma(2e7, 0.00013336), gamma(3e7, 0.0002), gamma(1e8, 1e6)];
    let betas = [beta(1e12, 1e7), beta(8.001e11, 8e6), beta(5e7, 5e7)];
    for ([left, right, far], beats, cost) in
        [(gammas, 0.7557745896959823, 36256448.3585773), (betas, 0.6039264535486023, 2.5824230069133627e-9)]
    {
        let best = probability_best(&[left, far, right]).unwrap();
        assert!(best.error_bound < 2e-13, "{best:?}");
        for (share, expected) in best.value.iter().zip([1.0 - beats, 0.0, beats]) {
            assert!((share - expected).abs() <= best.error_bound, "{best:?}");
        }
        let loss = expected_loss(&left, &[far, right]).unwrap();
        assert!(loss.error_bound < 5e-13 * loss.value, "{loss:?}");
        assert!((loss.value - cost).abs() <= loss.error_bound, "{loss:?}");
    }
}

#[test]
fn identical_arms_share_equally() {
    for arm in [beta(101.0, 901.0), beta(0.01, 0.02), beta(1.0, 1e7), beta(5e7, 5e7), gamma(0.01, 3.0), gamma(1e8, 7.0)]
    {
        let best = probability_best(&[arm; 10]).unwrap();
        assert!(best.error_bound < 1e-12);
        assert!(best.value.iter().all(|share| (share - 0.1).abs() <= best.error_bound), "{arm:?}: {best:?}");
    }
}

#[test]
fn a_loss_below_the_smallest_double_is_zero() {
    let loss = expected_loss(&beta(9e6, 1e6), &[beta(1e6, 9e6)]).unwrap();
    assert_eq!(loss.value, 0.0);
    assert!(loss.error_bound < 1e-300);
}

#[test]
fn extreme_shapes_come_to_an_end() {
    for arms in [
        [beta(1e-15, 1e15), beta(1e15, 1e-15)],
        [beta(1e15, 1e15), beta(2e14, 1e15)],
        [gamma(1e-15, 1e9), gamma(1e15, 1.0)],
    ] {
        let best = probability_best(&arms).unwrap();
        assert!(best.error_bound < 1e-9, "{arms:?}: {best:?}");
        assert!(expected_loss(&arms[0], &arms[1..]).unwrap().value.is_finite());
    }
}

#[test]
fn impossible_comparisons_are_refused() {
    assert_eq!(probability_best(&[beta(1.0, 1.0)]).unwrap_err().code(), "too_few");
    assert_eq!(expected_loss(&beta(1.0, 1.0), &[]).unwrap_err().code(), "too_few");
    assert_eq!(probability_best(&[beta(1.0, 1.0), gamma(1.0, 1.0)]).unwrap_err().code(), "mixed_families");
    assert_eq!(probability_beats(&beta(1.0, 1.0), &gamma(1.0, 1.0)).unwrap_err().code(), "mixed_families");
}

/// The definitions, by the trapezoidal rule on the log scale with the public distribution functions: no panels, no running
/// integrals. Returns the probability of each arm to be best, and the loss of the first against the rest.
fn oracle(arms: &[Posterior]) -> (Vec<f64>, f64) {
    let step = 0.2 * arms.iter().map(|arm| log_scale(arm).1).fold(f64::INFINITY, f64::min);
    let first = arms.iter().map(|arm| log_scale(arm).0 - reach(arm)).fold(f64::INFINITY, f64::min);
    let last = arms.iter().map(|arm| log_scale(arm).0 + reach(arm)).fold(f64::NEG_INFINITY, f64::max);
    let (mut best, mut loss) = (vec![0.0; arms.len()], 0.0);
    let mut position = first;
    while position < last {
        let (x, unit) = match arms[0] {
            Posterior::Beta(_) => (1.0 / (1.0 + (-position).exp()), 1.0 / (2.0 + position.exp() + (-position).exp())),
            Posterior::Gamma(_) => (position.exp(), position.exp()),
        };
        let below: Vec<f64> = arms.iter().map(|arm| cdf(arm, x)).collect();
        for (index, share) in best.iter_mut().enumerate() {
            let others: f64 =
                below.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, value)| value).product();
            *share += step * unit * ln_pdf(&arms[index], x).exp() * others;
        }
        loss += step * unit * below[0] * (1.0 - below[1..].iter().product::<f64>());
        position += step;
    }
    (best, loss)
}

/// Mean and standard deviation of the fitted normal on the log scale.
fn log_scale(arm: &Posterior) -> (f64, f64) {
    match arm {
        Posterior::Beta(beta) => ((beta.a() / beta.b()).ln(), (1.0 / beta.a() + 1.0 / beta.b()).sqrt()),
        Posterior::Gamma(gamma) => (gamma.mean().ln(), 1.0 / gamma.shape().sqrt()),
    }
}

/// A generous distance on the log scale beyond which nothing is left.
fn reach(arm: &Posterior) -> f64 {
    let smallest = match arm {
        Posterior::Beta(beta) => beta.a().min(beta.b()),
        Posterior::Gamma(gamma) => gamma.shape(),
    };
    (10.0 * log_scale(arm).1 + 40.0 / smallest).min(100.0 * log_scale(arm).1)
}

fn cdf(arm: &Posterior, x: f64) -> f64 {
    match arm {
        Posterior::Beta(beta) => beta.cdf(x),
        Posterior::Gamma(gamma) => gamma.cdf(x),
    }
}

fn ln_pdf(arm: &Posterior, x: f64) -> f64 {
    match arm {
        Posterior::Beta(beta) => beta.ln_pdf(x),
        Posterior::Gamma(gamma) => gamma.ln_pdf(x),
    }
}

/// Two to four arms of similar scale, so that the oracle stays affordable.
fn similar_arms() -> impl Strategy<Value = Vec<Posterior>> {
    let scale = prop_oneof![Just(1.0), Just(30.0), Just(1000.0)];
    (any::<bool>(), scale, prop::collection::vec((0.5..4.0f64, 1.0..9.0f64), 2..5)).prop_map(
        |(conversion, scale, shapes)| {
            let arm = |(x, y): (f64, f64)| if conversion { beta(x * scale, y * scale) } else { gamma(x * scale, y) };
            shapes.into_iter().map(arm).collect()
        },
    )
}

/// Two to ten arms from shapes below 1 to tens of millions, mixed.
fn any_arms() -> impl Strategy<Value = Vec<Posterior>> {
    let shape = || (-2.0..7.5f64).prop_map(|power| 10f64.powf(power));
    prop_oneof![
        prop::collection::vec((shape(), shape()).prop_map(|(a, b)| beta(a, b)), 2..11),
        prop::collection::vec((shape(), shape()).prop_map(|(shape, rate)| gamma(shape, rate)), 2..11),
        prop::collection::vec(shape().prop_map(|n| beta(1.0, n)), 2..11),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn panels_agree_with_the_trapezoidal_rule(arms in similar_arms()) {
        let (best, loss) = oracle(&arms);
        let got = probability_best(&arms).unwrap();
        // 1e-12 for the rounding of the oracle's own sum.
        for (share, expected) in got.value.iter().zip(&best) {
            prop_assert!((share - expected).abs() <= got.error_bound + 1e-12, "{share} {expected}");
        }
        let got = expected_loss(&arms[0], &arms[1..]).unwrap();
        prop_assert!((got.value - loss).abs() <= got.error_bound + 1e-12 * got.value.max(1.0), "{} {loss}", got.value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn probabilities_sum_to_one_with_a_small_bound(arms in any_arms()) {
        let best = probability_best(&arms).unwrap();
        prop_assert!(best.error_bound < 1e-11, "{}", best.error_bound);
        prop_assert!((best.value.iter().sum::<f64>() - 1.0).abs() <= best.error_bound);
        let loss = expected_loss(&arms[0], &arms[1..]).unwrap();
        prop_assert!(loss.error_bound <= 1e-11 * loss.value + 1e-290, "{loss:?}");
    }

    #[test]
    fn the_order_of_arms_does_not_matter(arms in any_arms()) {
        let best = probability_best(&arms).unwrap();
        let reversed: Vec<Posterior> = arms.iter().rev().copied().collect();
        let mirrored = probability_best(&reversed).unwrap();
        for (share, other) in best.value.iter().zip(mirrored.value.iter().rev()) {
            prop_assert!((share - other).abs() <= best.error_bound + mirrored.error_bound);
        }
    }

    #[test]
    fn two_losses_differ_by_the_means(arms in any_arms()) {
        // E max(0, B - A) - E max(0, A - B) = E B - E A.
        let (left, right) = (&arms[0], &arms[1]);
        let loss = expected_loss(left, &[*right]).unwrap();
        let other = expected_loss(right, &[*left]).unwrap();
        let size = left.mean().max(right.mean());
        let difference = loss.value - other.value - (right.mean() - left.mean());
        prop_assert!(difference.abs() <= loss.error_bound + other.error_bound + 1e-15 * size, "{difference:e}");
    }

    #[test]
    fn gamma_pairs_agree_with_the_incomplete_beta_function(arms in any_arms()) {
        let best = probability_best(&arms[..2]).unwrap();
        let beats = probability_beats(&arms[1], &arms[0]).unwrap();
        prop_assert!((best.value[1] - beats.value).abs() <= best.error_bound + beats.error_bound);
    }
}
