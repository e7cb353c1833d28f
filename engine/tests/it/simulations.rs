//! Simulation studies: how often tests are wrong and intervals miss when the truth is known, one look and many.
//!
//! They take long and are run by `make simulate`. Draws are the same on every run, so that what fails can be looked at.

use abduck::stats::group_sequential::{Spending, boundaries};
use abduck::stats::inference::{Estimate, Inference, anytime_valid, fixed_horizon};
use abduck::stats::mismatch::sample_ratio;
use abduck::stats::mixture::{ln_e_value_of_equal_shares, share_interval};
use abduck::stats::modern::sequential::Layout;
use abduck::stats::proportion::{Alternative, Share, exact::boschloo, exact::fisher_ln_p_value, two_proportions};

const ALPHA: f64 = 0.05;

/// Draws that look random: `SplitMix64`.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Skewed, with mean and variance 1.
    fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    fn happens(&mut self, probability: f64) -> f64 {
        f64::from(u8::from(self.uniform() < probability))
    }
}

/// The running count, mean and second moment of values (Welford 1962).
#[derive(Clone, Copy, Default)]
struct Running {
    count: f64,
    mean: f64,
    second_moment: f64,
}

impl Running {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let before = value - self.mean;
        self.mean += before / self.count;
        self.second_moment += before * (value - self.mean);
    }

    fn estimate(&self) -> Estimate {
        Estimate { count: self.count, value: self.mean, unit_variance: self.second_moment / (self.count - 1.0) }
    }
}

/// Whether so many of the rounds are within four standard errors of a probability.
#[track_caller]
fn assert_about(happened: u32, rounds: u32, probability: f64) {
    let (share, error) =
        (f64::from(happened) / f64::from(rounds), (probability * (1.0 - probability) / f64::from(rounds)).sqrt());
    assert!((share - probability).abs() <= 4.0 * error, "{share} of {rounds} rounds, expected about {probability}");
}

#[track_caller]
fn assert_at_most(happened: u32, rounds: u32, probability: f64) {
    let (share, error) =
        (f64::from(happened) / f64::from(rounds), (probability * (1.0 - probability) / f64::from(rounds)).sqrt());
    assert!(share <= probability + 4.0 * error, "{share} of {rounds} rounds, expected at most {probability}");
}

/// How often something happens in rounds of an experiment with values of two arms.
fn count(rounds: u32, seed: u64, mut happens: impl FnMut(&mut Draws) -> bool) -> u32 {
    let mut draws = Draws(seed);
    (0..rounds).map(|_| u32::from(happens(&mut draws))).sum()
}

fn two_arms(draws: &mut Draws, units: u32, lift: f64) -> (Estimate, Estimate) {
    let (mut control, mut test) = (Running::default(), Running::default());
    for _ in 0..units {
        control.add(draws.exponential());
        test.add((1.0 + lift) * draws.exponential());
    }
    (control.estimate(), test.estimate())
}

#[test]
#[ignore = "a simulation study"]
fn welchs_test_is_wrong_as_often_as_it_says_and_its_intervals_hold_the_truth() {
    let rounds = 20_000;
    let test = |(control, test): (Estimate, Estimate)| fixed_horizon(control, test, ALPHA).unwrap();
    assert_about(count(rounds, 1, |draws| test(two_arms(draws, 500, 0.0)).significant), rounds, ALPHA);
    let holds = |inference: &Inference, truth: f64| (inference.interval[0]..=inference.interval[1]).contains(&truth);
    assert_about(count(rounds, 2, |draws| !holds(&test(two_arms(draws, 500, 0.2)), 0.2)), rounds, ALPHA);
    // Fieller's interval of the lift.
    let misses = |draws: &mut Draws| {
        let [lower, upper] = test(two_arms(draws, 500, 0.2)).relative_interval.unwrap();
        !(lower..=upper).contains(&0.2)
    };
    assert_about(count(rounds, 3, misses), rounds, ALPHA);
}

#[test]
#[ignore = "a simulation study"]
fn looking_after_every_unit_is_wrong_no_more_often_than_promised_only_with_a_confidence_sequence() {
    let rounds = 1_500;
    let ever = |draws: &mut Draws, answer: &dyn Fn(Estimate, Estimate) -> Inference| {
        let (mut control, mut test) = (Running::default(), Running::default());
        for unit in 0..3_000 {
            control.add(draws.exponential());
            test.add(draws.exponential());
            // The sequence is asymptotic: it begins where results do, at 50 units.
            if unit >= 50 && answer(control.estimate(), test.estimate()).significant {
                return true;
            }
        }
        false
    };
    let anytime = |control, test| anytime_valid(control, test, Layout::default()).unwrap();
    assert_at_most(count(rounds, 4, |draws| ever(draws, &anytime)), rounds, ALPHA);
    let fixed = |control, test| fixed_horizon(control, test, ALPHA).unwrap();
    let rounds = 300;
    let wrong = count(rounds, 5, |draws| ever(draws, &fixed));
    assert!(f64::from(wrong) > 0.2 * f64::from(rounds), "peeking costs: {wrong} of {rounds}");
}

#[test]
#[ignore = "a simulation study"]
fn tests_of_small_counts_keep_their_promise() {
    let (rounds, trials) = (4_000, 20.0);
    for truth in [0.05, 0.3] {
        let shares = |draws: &mut Draws| {
            let mut share = || (0..20).map(|_| draws.happens(truth)).sum::<f64>();
            (Share { successes: share(), trials }, Share { successes: share(), trials })
        };
        let fisher = count(rounds, 6, |draws| {
            let (test, control) = shares(draws);
            fisher_ln_p_value(test, control, Alternative::TwoSided).unwrap() <= ALPHA.ln()
        });
        assert_at_most(fisher, rounds, ALPHA);
        let exact = count(rounds / 20, 6, |draws| {
            let (test, control) = shares(draws);
            boschloo(test, control, Alternative::TwoSided).unwrap() <= ALPHA
        });
        assert_at_most(exact, rounds / 20, ALPHA);
    }
    let rounds = 20_000;
    let normal = count(rounds, 7, |draws| {
        let mut share = || Share { successes: (0..400).map(|_| draws.happens(0.3)).sum(), trials: 400.0 };
        let (test, control) = (share(), share());
        two_proportions(test, control, ALPHA, Alternative::TwoSided).unwrap().p_value < ALPHA
    });
    assert_about(normal, rounds, ALPHA);
}

#[test]
#[ignore = "a simulation study"]
fn exact_sequences_of_shares_hold_at_every_look() {
    let rounds = 2_000;
    for truth in [0.02, 0.5] {
        let ever_missed = |draws: &mut Draws| {
            let mut successes = 0.0;
            (1..=1_000).any(|trials| {
                successes += draws.happens(truth);
                let share = Share { successes, trials: f64::from(trials) };
                let [lower, upper] = share_interval(share, ALPHA).unwrap();
                !(lower..=upper).contains(&truth)
            })
        };
        assert_at_most(count(rounds, 8, ever_missed), rounds, ALPHA);
    }
    let ever_rejected = |draws: &mut Draws| {
        let (mut test, mut control) = (0.0, 0.0);
        (1..=1_000).any(|trials| {
            test += draws.happens(0.1);
            control += draws.happens(0.1);
            let share = |successes| Share { successes, trials: f64::from(trials) };
            ln_e_value_of_equal_shares(share(test), share(control)).unwrap() >= -ALPHA.ln()
        })
    };
    assert_at_most(count(rounds, 9, ever_rejected), rounds, ALPHA);
}

#[test]
#[ignore = "a simulation study"]
fn a_fair_split_raises_no_alarm_however_often_one_looks_and_a_lopsided_one_does() {
    let rounds = 1_000;
    let ever_alarmed = |draws: &mut Draws, truth: f64| {
        let mut counts = [0.0, 0.0];
        (0..5_000).any(|_| {
            counts[usize::from(draws.uniform() < truth)] += 1.0;
            sample_ratio(&counts, &[1.0, 1.0]).unwrap().is_mismatch
        })
    };
    assert_at_most(count(rounds, 10, |draws| ever_alarmed(draws, 0.5)), rounds, 0.001);
    assert!(count(100, 11, |draws| ever_alarmed(draws, 0.55)) > 90);
}

#[test]
#[ignore = "a simulation study"]
fn planned_looks_spend_the_error_rate() {
    let rounds = 40_000;
    for spending in
        [Spending::Pocock, Spending::ObrienFleming, Spending::LanDemetsPocock, Spending::LanDemetsObrienFleming]
    {
        let times = [0.2, 0.5, 0.7, 1.0];
        let plan = boundaries(spending, &times, ALPHA).unwrap();
        let crosses = |draws: &mut Draws| {
            let (mut walk, mut before) = (0.0_f64, 0.0_f64);
            times.iter().zip(&plan.z_boundaries).any(|(time, bar)| {
                let normal = (-2.0 * draws.uniform().ln()).sqrt() * (std::f64::consts::TAU * draws.uniform()).cos();
                walk += normal * (time - before).sqrt();
                before = *time;
                (walk / time.sqrt()).abs() >= *bar
            })
        };
        assert_about(count(rounds, 12, crosses), rounds, ALPHA);
    }
}
