//! Exact tests of equal shares, for counts too small for a normal approximation.
//!
//! Fisher's test conditions on the total number of successes; Boschloo's takes its p-value as a statistic and looks for the
//! common share under which the observed evidence is least surprising (Boschloo 1970), so it is never larger than Fisher's.

use super::{Alternative, Share};
use crate::error::{Error, Result};
use crate::stats::bell::{excess_over_log, stirling_error};
use crate::stats::dist::ln_gamma;
use crate::stats::number::from_count;

/// Tables whose probability is larger than that of the observed one by less than this share count as equally probable.
const EQUAL: f64 = 1e-7;
/// The most units of both arms for Boschloo's test, whose work grows with their product.
pub const MOST_UNITS_OF_BOSCHLOO: f64 = 400.0;
/// The common share is looked for on a grid of this many steps, and then closer around the best.
const GRID: u32 = 400;

/// A table of two arms: whole numbers.
struct Table {
    treatment: f64,
    control: f64,
    successes: f64,
    /// Successes of the treatment.
    observed: f64,
}

impl Table {
    fn new(treatment: Share, control: Share) -> Result<Self> {
        treatment.check()?;
        control.check()?;
        let numbers = [treatment.successes, treatment.trials, control.successes, control.trials];
        if numbers.iter().any(|number| number.fract() != 0.0 || *number > 1e15) {
            let message = format!("an exact test needs whole numbers of units, got {numbers:?}");
            return Err(Error::invalid_field("successes", "out_of_range", message));
        }
        Ok(Self {
            treatment: treatment.trials,
            control: control.trials,
            successes: treatment.successes + control.successes,
            observed: treatment.successes,
        })
    }

    /// The smallest and the largest possible number of successes of the treatment.
    fn range(&self) -> (f64, f64) {
        ((self.successes - self.control).max(0.0), self.successes.min(self.treatment))
    }

    /// The logarithm of the probability of a number of successes of the treatment, given the total.
    fn ln_probability(&self, at: f64) -> f64 {
        let trials = self.treatment + self.control;
        let share = self.successes / trials;
        ln_binomial(at, self.treatment, share) + ln_binomial(self.successes - at, self.control, share)
            - ln_binomial(self.successes, trials, share)
    }

    /// The probability of `at + 1` beside that of `at`.
    fn growth(&self, at: f64) -> f64 {
        (self.treatment - at) * (self.successes - at) / ((at + 1.0) * (self.control - self.successes + at + 1.0))
    }

    /// The sum of the probabilities from `at` upwards or downwards, beside that of `at`: terms fall away from the middle, so the
    /// sum ends when they no longer matter.
    fn tail(&self, at: f64, upwards: bool) -> f64 {
        let (least, most) = self.range();
        let (mut sum, mut term, mut position) = (1.0_f64, 1.0_f64, at);
        while (upwards && position < most) || (!upwards && position > least) {
            if upwards {
                term *= self.growth(position);
                position += 1.0;
            } else {
                position -= 1.0;
                term /= self.growth(position);
            }
            sum += term;
            if !sum.is_finite() {
                return f64::INFINITY;
            }
            if term < 1e-18 * sum {
                break;
            }
        }
        sum
    }

    /// The logarithm of the probability of at least, or at most, a number of successes.
    fn ln_tail(&self, at: f64, upwards: bool) -> f64 {
        let (least, most) = self.range();
        let is_all = (upwards && at <= least) || (!upwards && at >= most);
        if is_all {
            return 0.0;
        }
        // Terms that first rise would overflow: take what is on the other side from 1 instead.
        let middle = (self.treatment + 1.0) * (self.successes + 1.0) / (self.treatment + self.control + 2.0);
        let rises = if upwards { at < middle - 1.0 } else { at > middle + 1.0 };
        if rises {
            let next = if upwards { at - 1.0 } else { at + 1.0 };
            let other = (self.ln_probability(next) + self.tail(next, !upwards).ln()).min(0.0);
            return (-other.exp()).ln_1p();
        }
        (self.ln_probability(at) + self.tail(at, upwards).ln()).min(0.0)
    }

    fn fisher_ln_p_value(&self, alternative: Alternative) -> f64 {
        match alternative {
            Alternative::Greater => self.ln_tail(self.observed, true),
            Alternative::Less => self.ln_tail(self.observed, false),
            Alternative::TwoSided => self.fisher_two_sided(),
        }
    }

    /// All tables that are not more probable than the observed one.
    fn fisher_two_sided(&self) -> f64 {
        let (least, most) = self.range();
        let limit = self.ln_probability(self.observed) + EQUAL;
        let middle = ((self.treatment + 1.0) * (self.successes + 1.0) / (self.treatment + self.control + 2.0)).floor();
        let middle = middle.clamp(least, most);
        // Of two most probable tables the other may be the observed one: then no table is more probable.
        if self.ln_probability(middle) <= limit {
            return 0.0;
        }
        let is_above = self.observed >= middle;
        let own = self.ln_tail(self.observed, is_above);
        // The first table on the other side that is not more probable, by bisection: probabilities fall away from the middle.
        let (mut inside, mut outside) = if is_above { (middle, least - 1.0) } else { (middle, most + 1.0) };
        while (inside - outside).abs() > 1.0 {
            let next = (0.5 * (inside + outside)).floor();
            if self.ln_probability(next) <= limit { outside = next } else { inside = next }
        }
        let is_there = outside >= least && outside <= most && (outside - self.observed).abs() > 0.5;
        let other = if is_there { self.ln_tail(outside, !is_above).exp() } else { 0.0 };
        let own_share = own.exp();
        if other <= 0.0 { own } else { (own_share + other).min(1.0).ln() }
    }
}

/// The logarithm of a binomial probability, by deviances (Loader 2000), so that no large numbers cancel.
fn ln_binomial(at: f64, trials: f64, share: f64) -> f64 {
    if at <= 0.0 {
        return if trials > 0.0 { trials * (-share).ln_1p() } else { 0.0 };
    }
    if at >= trials {
        return trials * share.ln();
    }
    let rest = trials - at;
    let deviance = |x: f64, mean: f64| x * excess_over_log((mean - x) / x);
    let spread = 0.5 * (trials / (std::f64::consts::TAU * at * rest)).ln();
    spread + stirling_error(trials)
        - stirling_error(at)
        - stirling_error(rest)
        - deviance(at, trials * share)
        - deviance(rest, trials * (1.0 - share))
}

/// Fisher's exact test of equal shares: the natural logarithm of the p-value.
///
/// ```
/// use abduck::stats::proportion::{Alternative, Share, exact::fisher_ln_p_value};
///
/// let (test, control) = (Share { successes: 3.0, trials: 4.0 }, Share { successes: 1.0, trials: 4.0 });
/// // The lady tasting tea: 17 of 70 tables are at least as good.
/// assert!((fisher_ln_p_value(test, control, Alternative::Greater)?.exp() - 17.0 / 70.0).abs() < 1e-13);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `out_of_range` for impossible shares and numbers that are not whole.
pub fn fisher_ln_p_value(treatment: Share, control: Share, alternative: Alternative) -> Result<f64> {
    Ok(Table::new(treatment, control)?.fisher_ln_p_value(alternative))
}

/// Boschloo's exact test of equal shares: the p-value, the largest over all common shares (on a grid of 400 steps, and closer
/// around the best of them).
///
/// ```
/// use abduck::stats::proportion::{Alternative, Share, exact::{boschloo, fisher_ln_p_value}};
///
/// let (test, control) = (Share { successes: 7.0, trials: 12.0 }, Share { successes: 1.0, trials: 12.0 });
/// let p = boschloo(test, control, Alternative::TwoSided)?;
/// assert!(p < 0.02 && p < fisher_ln_p_value(test, control, Alternative::TwoSided)?.exp());
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// As [`fisher_ln_p_value`], and for more than 400 units of both arms together.
pub fn boschloo(treatment: Share, control: Share, alternative: Alternative) -> Result<f64> {
    let table = Table::new(treatment, control)?;
    if table.treatment + table.control > MOST_UNITS_OF_BOSCHLOO {
        let message = format!(
            "Boschloo's test is for at most {MOST_UNITS_OF_BOSCHLOO} units, got {}",
            table.treatment + table.control
        );
        return Err(Error::invalid_field("trials", "out_of_range", message).hint("use Fisher's or the normal test"));
    }
    let observed = table.fisher_ln_p_value(alternative) + EQUAL;
    let mut extreme = Vec::new();
    for row in 0..=whole(table.treatment) {
        for column in 0..=whole(table.control) {
            let (row, column) = (from_count(row), from_count(column));
            let other = Table { successes: row + column, observed: row, ..table };
            if other.fisher_ln_p_value(alternative) <= observed {
                extreme.push((row, column));
            }
        }
    }
    let probability = |share: f64| probability(&table, &extreme, share);
    let steps = (1..GRID).map(|step| f64::from(step) / f64::from(GRID));
    let (best, at_best) = steps
        .map(|share| (share, probability(share)))
        .fold((0.5, 0.0), |best, next| if next.1 > best.1 { next } else { best });
    Ok(around(probability, best, 1.0 / f64::from(GRID)).max(at_best).min(1.0))
}

/// The probability of a set of tables under a common share.
fn probability(table: &Table, set: &[(f64, f64)], share: f64) -> f64 {
    let masses = |n: f64| {
        let ln_mass = |k: f64| {
            ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0) + k * share.ln() + (n - k) * (-share).ln_1p()
        };
        (0..=whole(n)).map(|k| ln_mass(from_count(k)).exp()).collect::<Vec<_>>()
    };
    let (rows, columns) = (masses(table.treatment), masses(table.control));
    let mass = |masses: &[f64], at: f64| usize::try_from(whole(at)).ok().and_then(|at| masses.get(at).copied());
    set.iter().filter_map(|(row, column)| Some(mass(&rows, *row)? * mass(&columns, *column)?)).sum()
}

/// The maximum of a function near a point, by golden sections.
fn around(function: impl Fn(f64) -> f64, middle: f64, radius: f64) -> f64 {
    let section = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut from, mut until) = ((middle - radius).max(1e-12), (middle + radius).min(1.0 - 1e-12));
    let mut largest = 0.0_f64;
    for _ in 0..60 {
        let (left, right) = (until - section * (until - from), from + section * (until - from));
        let (at_left, at_right) = (function(left), function(right));
        largest = largest.max(at_left).max(at_right);
        if at_left > at_right { until = right } else { from = left }
    }
    largest
}

/// A number known to be whole and small.
fn whole(number: f64) -> u64 {
    crate::stats::number::whole(number).and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(successes: f64, trials: f64) -> Share {
        Share { successes, trials }
    }

    /// All tables with the same margins, one by one.
    fn slow(treatment: Share, control: Share, alternative: Alternative) -> f64 {
        let table = Table::new(treatment, control).unwrap();
        let (least, most) = table.range();
        let observed = table.ln_probability(table.observed);
        let mut sum = 0.0;
        let mut at = least;
        while at <= most {
            let counts = match alternative {
                Alternative::Greater => at >= table.observed,
                Alternative::Less => at <= table.observed,
                Alternative::TwoSided => table.ln_probability(at) <= observed + EQUAL,
            };
            if counts {
                sum += table.ln_probability(at).exp();
            }
            at += 1.0;
        }
        sum
    }

    #[test]
    fn fishers_test_is_the_sum_over_tables() {
        for (a, n, b, m) in
            [(3, 4, 1, 4), (0, 10, 5, 12), (8, 9, 20, 40), (7, 30, 7, 30), (0, 5, 0, 5), (5, 5, 9, 9), (50, 100, 1, 90)]
        {
            let (treatment, control) = (share(f64::from(a), f64::from(n)), share(f64::from(b), f64::from(m)));
            for alternative in [Alternative::TwoSided, Alternative::Greater, Alternative::Less] {
                let (fast, slow) = (
                    fisher_ln_p_value(treatment, control, alternative).unwrap().exp(),
                    slow(treatment, control, alternative),
                );
                assert!((fast - slow.min(1.0)).abs() < 1e-11, "{a}/{n} {b}/{m} {alternative:?}: {fast} {slow}");
            }
        }
    }

    /// Treatment, control, Fisher's two-sided p-value, Boschloo's one-sided one where it is quick (`SciPy` 1.17).
    type Golden = ((f64, f64), (f64, f64), f64, Option<f64>);

    const GOLDEN: [Golden; 6] = [
        ((7.0, 12.0), (1.0, 12.0), 0.027_190_738_995_827_163, Some(0.005_139_340_735_402_446_5)),
        ((3.0, 60.0), (12.0, 55.0), 0.011_070_911_475_886_477, Some(0.997_674_328_520_312)),
        ((156.0, 1200.0), (131.0, 1180.0), 0.166_156_839_995_179_44, None),
        ((900.0, 10000.0), (800.0, 9900.0), 0.020_995_016_413_168_546, None),
        ((0.0, 30.0), (6.0, 30.0), 0.023_720_703_916_957_266, Some(1.0)),
        ((20.0, 40.0), (21.0, 39.0), 0.823_036_363_899_105, Some(0.665_696_054_889_138_5)),
    ];

    #[test]
    fn both_tests_have_the_values_of_scipy() {
        for (treatment, control, fisher, exact) in GOLDEN {
            let (treatment, control) = (share(treatment.0, treatment.1), share(control.0, control.1));
            let p = fisher_ln_p_value(treatment, control, Alternative::TwoSided).unwrap().exp();
            assert!((p / fisher - 1.0).abs() < 1e-9, "{p} {fisher}");
            if let Some(exact) = exact {
                // SciPy's optimiser stops at 1e-8 or so of the maximum.
                let p = boschloo(treatment, control, Alternative::Greater).unwrap();
                assert!((p / exact - 1.0).abs() < 1e-5, "{p} {exact}");
            }
        }
    }

    #[test]
    fn where_two_tables_are_the_most_probable_neither_is_evidence() {
        for (a, n, b, m) in
            [(22.0, 32.0, 23.0, 32.0), (3.0, 6.0, 16.0, 27.0), (2.0, 5.0, 1.0, 1.0), (23.0, 32.0, 22.0, 32.0)]
        {
            let ln_p = fisher_ln_p_value(share(a, n), share(b, m), Alternative::TwoSided).unwrap();
            assert!(ln_p.abs() < 1e-15, "{a}/{n} {b}/{m}: {ln_p}");
        }
    }

    #[test]
    fn a_billion_units_keep_their_digits() {
        // mpmath 1.4, 40 digits: the lower tail of 100,000 of 1e9 against 100,500 of 1e9.
        let ln_p = fisher_ln_p_value(share(1e5, 1e9), share(100_500.0, 1e9), Alternative::Less).unwrap();
        assert!((ln_p - -2.020_866_487_125_548_6).abs() < 1e-10, "{ln_p}");
    }

    #[test]
    fn large_tables_and_far_tails_are_no_problem() {
        let ln_p =
            fisher_ln_p_value(share(60_000.0, 500_000.0), share(50_000.0, 500_000.0), Alternative::TwoSided).unwrap();
        assert!(ln_p < -480.0 && ln_p > -540.0, "{ln_p}");
    }

    #[test]
    fn boschloo_holds_its_level_and_is_never_larger_than_fishers_test() {
        for (a, b) in [(9.0, 3.0), (5.0, 5.0), (0.0, 4.0)] {
            let (treatment, control) = (share(a, 15.0), share(b, 13.0));
            let fisher = fisher_ln_p_value(treatment, control, Alternative::TwoSided).unwrap().exp();
            assert!(boschloo(treatment, control, Alternative::TwoSided).unwrap() <= fisher + 1e-9);
        }
        assert_eq!(
            boschloo(share(1.0, 300.0), share(1.0, 300.0), Alternative::Less).unwrap_err().code(),
            "out_of_range"
        );
        assert_eq!(
            fisher_ln_p_value(share(1.5, 3.0), share(1.0, 3.0), Alternative::Less).unwrap_err().code(),
            "out_of_range"
        );
    }
}
