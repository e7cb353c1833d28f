//! The exact conditional test of two Poisson rates (reference statistics, section 5; E. Miller, "Statistical formulas for
//! programmers", count test).

use super::dist::{Beta, binomial_at_least, binomial_at_most};
use crate::error::{Error, Result};

/// Events seen during an exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventCount {
    /// Number of events; may be fractional.
    pub count: f64,
    /// Exposure in any unit common to both sides.
    pub exposure: f64,
}

/// The two-sided p-value of the hypothesis that both sides have the same rate.
///
/// Given all n events, those of the test are binomial with its share of the exposure; the p-value is twice the smaller tail.
/// A fractional test count is rounded up, as the reference does. For a fractional n the reference adds up the binomial terms at
/// whole numbers with Gamma functions in place of factorials; so do we, though they are no distribution.
///
/// ```
/// use abduck::stats::poisson::{EventCount, rate_p_value};
///
/// let control = EventCount { count: 20.0, exposure: 200.0 };
/// let test = EventCount { count: 30.0, exposure: 200.0 };
/// assert!((rate_p_value(control, test)? - 0.20263875106454066).abs() < 1e-14);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
///
/// `out_of_range` for a negative or non-finite count, or an exposure that is not positive and finite.
pub fn rate_p_value(control: EventCount, test: EventCount) -> Result<f64> {
    control.check()?;
    test.check()?;
    let share = test.exposure / (control.exposure + test.exposure);
    let total = control.count + test.count;
    let edge = test.count.ceil();
    let (low, high) = if total.fract() == 0.0 {
        (binomial_at_most(edge, total, share)?, binomial_at_least(edge, total, share)?)
    } else {
        let last = total.ceil();
        (sum_of_terms(0.0, edge, total, share)?, sum_of_terms(edge, last, total, share)?)
    };
    Ok((2.0 * low.min(high)).min(1.0))
}

impl EventCount {
    fn check(&self) -> Result<()> {
        if !(self.count >= 0.0 && self.count.is_finite()) {
            let message = format!("a number of events must be finite and at least 0, got {}", self.count);
            return Err(Error::invalid_field("count", "out_of_range", message));
        }
        if !(self.exposure > 0.0 && self.exposure.is_finite()) {
            let message = format!("an exposure must be a positive, finite number, got {}", self.exposure);
            return Err(Error::invalid_field("exposure", "out_of_range", message));
        }
        Ok(())
    }
}

/// The sum of the binomial terms at the whole numbers from `first` to `last`, for a fractional number of trials.
///
/// Starts at the largest term and goes both ways until the rest is too small to matter.
fn sum_of_terms(first: f64, last: f64, trials: f64, share: f64) -> Result<f64> {
    let largest = (trials * share).floor().clamp(first, last);
    let odds = share / (1.0 - share);
    let mut sum = 1.0;
    let mut term = 1.0;
    let mut at = largest;
    while at < last && term > 1e-18 * sum {
        term *= (trials - at) / (at + 1.0) * odds;
        sum += term;
        at += 1.0;
    }
    term = 1.0;
    at = largest;
    while at > first && term > 1e-18 * sum {
        term *= at / ((trials - at + 1.0) * odds);
        sum += term;
        at -= 1.0;
    }
    // C(n, i) q^i (1 - q)^(n - i) is the density of Beta(i + 1, n - i + 1) at q, divided by n + 1.
    let log_largest = Beta::new(largest + 1.0, trials - largest + 1.0)?.ln_pdf(share) - (trials + 1.0).ln();
    Ok(sum * log_largest.exp())
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden values are kept as they were printed")]
mod tests {
    use super::*;

    fn p_value(control: (f64, f64), test: (f64, f64)) -> f64 {
        let side = |(count, exposure)| EventCount { count, exposure };
        rate_p_value(side(control), side(test)).unwrap()
    }

    #[test]
    fn fractional_counts_agree_with_the_literal_sums() {
        // The sums of section 5 term by term at 60 digits (mpmath).
        let cases = [
            ((12.5, 40.0), (17.25, 44.0), 0.48330795220500916),
            ((100.5, 1.0), (150.5, 1.0), 0.001548188600119572),
            ((0.25, 1.0), (0.5, 1.0), 0.8919053362520408),
            ((1000.75, 1.0), (700.5, 1.1), 3.226671144793383e-20),
            ((20.5, 1.0), (20.5, 1.0), 1.0),
            ((3.0, 1.0), (0.5, 2.0), 0.34213349285311156),
        ];
        for (control, test, expected) in cases {
            let got = p_value(control, test);
            assert!((got - expected).abs() <= 1e-12 * expected, "{control:?} {test:?}: {got:e}, expected {expected:e}");
        }
    }

    #[test]
    fn large_counts_and_no_events_are_fine() {
        assert!((p_value((1e8, 1.0), (1e8, 1.0)) - 1.0).abs() < 1e-4);
        assert!((p_value((0.0, 1.0), (0.0, 1.0)) - 1.0).abs() < 1e-15);
        let (whole, fractional) = (p_value((1e6, 1.0), (1.003e6, 1.0)), p_value((1e6 + 1e-6, 1.0), (1.003e6, 1.0)));
        assert!((whole - fractional).abs() < 1e-7, "{whole} {fractional}");
    }

    #[test]
    fn wrong_input_is_refused() {
        for (count, exposure) in [(-1.0, 1.0), (f64::NAN, 1.0), (1.0, 0.0), (1.0, f64::INFINITY)] {
            let good = EventCount { count: 1.0, exposure: 1.0 };
            assert_eq!(rate_p_value(good, EventCount { count, exposure }).unwrap_err().code(), "out_of_range");
        }
    }
}
