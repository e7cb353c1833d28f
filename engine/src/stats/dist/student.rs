//! Student's t distribution, and the chi-square distribution beside it.

use super::{Gamma, normal_quantile, positive, shape_in_range};
use crate::error::Result;
use crate::stats::bell::{Bell, Side};

/// Student's t distribution with a number of degrees of freedom, which may be fractional.
///
/// With `x = df / (df + t^2)`, the two tails together are the incomplete beta function `I_x(df/2, 1/2)`. On the log-odds scale
/// of that Beta the place of t is `-2 ln t` from the top, whatever the degrees of freedom, so nothing cancels at 1e9 of them.
///
/// ```
/// use abduck::stats::dist::StudentT;
///
/// let t = StudentT::new(1e6)?;
/// assert!((t.quantile(0.975) - 1.959_966_356_814_107).abs() < 1e-13);
/// assert!((t.sf(2.0) / 0.022_750_266_925_659_6 - 1.0).abs() < 1e-13);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentT {
    degrees_of_freedom: f64,
}

/// The chi-square distribution with a number of degrees of freedom.
///
/// ```
/// use abduck::stats::dist::ChiSquare;
///
/// assert!((ChiSquare::new(1.0)?.sf(3.841_458_820_694_124) - 0.05).abs() < 1e-15);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    gamma: Gamma,
}

impl StudentT {
    /// The distribution with `degrees_of_freedom`.
    ///
    /// # Errors
    ///
    /// `out_of_range` unless the degrees of freedom are between 1e-15 and 1e15.
    pub fn new(degrees_of_freedom: f64) -> Result<Self> {
        Ok(Self { degrees_of_freedom: shape_in_range("degrees_of_freedom", degrees_of_freedom)? })
    }

    /// The degrees of freedom.
    #[must_use]
    pub fn degrees_of_freedom(&self) -> f64 {
        self.degrees_of_freedom
    }

    /// The logarithm of the density at `t`.
    #[must_use]
    pub fn ln_pdf(&self, t: f64) -> f64 {
        let df = self.degrees_of_freedom;
        // The density of the log-odds at its top, at t = 1, without the factors that belong to the change of scale.
        let at_one = self.bell().log_top();
        let bend = |t: f64| 0.5 * (df + 1.0) * (t * t / df).ln_1p();
        at_one + bend(1.0) - bend(t)
    }

    /// How far the logarithm of the density at `t` lies below that at 0.
    pub(in crate::stats) fn ln_fall(self, t: f64) -> f64 {
        let df = self.degrees_of_freedom;
        0.5 * (df + 1.0) * (t * t / df).ln_1p()
    }

    /// The probability of at most `t`.
    #[must_use]
    pub fn cdf(&self, t: f64) -> f64 {
        self.sf(-t)
    }

    /// The probability of more than `t`.
    #[must_use]
    pub fn sf(&self, t: f64) -> f64 {
        if t < 0.0 {
            return 1.0 - self.sf(-t);
        }
        0.5 * self.bell().tail(Side::Below, place(t))
    }

    /// The logarithm of the probability of more than `t`: a number also where the probability itself underflows to 0.
    #[must_use]
    pub fn ln_sf(&self, t: f64) -> f64 {
        if t < 0.0 {
            return (-self.sf(-t)).ln_1p();
        }
        self.bell().log_tail(Side::Below, place(t)).0 - std::f64::consts::LN_2
    }

    /// The value below which the share `probability` lies; not a number unless `probability` is in [0, 1].
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        if !(0.0..=1.0).contains(&probability) {
            return f64::NAN;
        }
        let below_middle = probability < 0.5;
        let tail = if below_middle { probability } else { 1.0 - probability };
        let distance = self.distance_of_tail(tail);
        if below_middle { -distance } else { distance }
    }

    /// How far from 0 the upper tail has this probability, at most a half.
    fn distance_of_tail(self, tail: f64) -> f64 {
        let bell = self.bell();
        let place = if tail <= 0.0 {
            return f64::INFINITY;
        } else if tail >= 0.5 {
            return 0.0;
        } else if tail < 0.25 {
            // The first term of Cornish and Fisher is a good guess, unless the tails are very heavy.
            let z = -normal_quantile(tail);
            let near = z + z * (z * z + 1.0) / (4.0 * self.degrees_of_freedom);
            let start = if self.degrees_of_freedom >= 3.0 { place(near) } else { -bell.deviation() };
            bell.offset_of_tail(Side::Below, (2.0 * tail).ln(), start)
        } else {
            bell.offset_of_tail(Side::Above, (1.0 - 2.0 * tail).ln(), bell.deviation())
        };
        (-0.5 * place).exp()
    }

    fn bell(self) -> Bell {
        Bell::LogOdds { a: 0.5 * self.degrees_of_freedom, b: 0.5 }
    }
}

impl ChiSquare {
    /// The distribution with `degrees_of_freedom`.
    ///
    /// # Errors
    ///
    /// `out_of_range` unless the degrees of freedom are a positive, finite number up to 1e15.
    pub fn new(degrees_of_freedom: f64) -> Result<Self> {
        Ok(Self { gamma: Gamma::new(0.5 * positive("degrees_of_freedom", degrees_of_freedom)?, 0.5)? })
    }

    /// The probability of at most `x`.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        self.gamma.cdf(x)
    }

    /// The probability of more than `x`.
    #[must_use]
    pub fn sf(&self, x: f64) -> f64 {
        self.gamma.sf(x)
    }

    /// The logarithm of the probability of more than `x`: a number also where the probability itself underflows to 0.
    #[must_use]
    pub fn ln_sf(&self, x: f64) -> f64 {
        if x <= 0.0 { 0.0 } else { self.gamma.bell().log_tail(Side::Above, self.gamma.offset(x)).0 }
    }

    /// The value below which the share `probability` lies; not a number unless `probability` is in [0, 1].
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        self.gamma.quantile(probability)
    }
}

/// Where a t that is not negative stands on the log-odds scale of `df / (df + t^2)`, from the top.
fn place(t: f64) -> f64 {
    -2.0 * t.ln()
}

#[cfg(test)]
#[expect(
    clippy::unreadable_literal,
    clippy::excessive_precision,
    reason = "golden values are kept as they were printed"
)]
mod tests {
    use super::*;
    use crate::stats::dist::normal_ln_sf;

    /// `(df, t, sf)` with mpmath at 60 digits: the incomplete beta function, above 1e5 degrees of freedom the integral of the density.
    const TAILS: [(f64, f64, f64); 10] = [
        (1.0, 0.5, 0.352416382349566726),
        (1.0, 1e6, 3.18309886183684568e-7),
        (2.5, 3.0, 0.0362880477745159219),
        (30.0, 2.0, 0.027312522481491552),
        (30.0, 40.0, 6.86302259720320139e-28),
        (300.0, 1e-8, 0.499999996013900324),
        (1e6, 2.0, 0.0227502669256596042),
        (1e6, 30.0, 6.01004711683146079e-198),
        (1e9, 1.96, 0.0249978952868647975),
        (1e9, 37.0, 5.7282584287773229e-300),
    ];

    /// `(df, probability, quantile)` with mpmath at 60 digits.
    const QUANTILES: [(f64, f64, f64); 6] = [
        (1.0, 0.975, 12.7062047361746933),
        (3.0, 0.975, 3.18244630528370844),
        (30.0, 0.6, 0.255605364951912714),
        (30.0, 1e-12, -11.3972175233114112),
        (1e6, 0.975, 1.95996635681410704),
        (1e9, 0.975, 1.95996398691232547),
    ];

    #[test]
    fn tails_agree_with_golden_values() {
        for (df, t, expected) in TAILS {
            let student = StudentT::new(df).unwrap();
            // Far out, rounding of the logarithm of the probability is what remains.
            let bound = if expected < 1e-100 { 1e-12 } else { 1e-13 };
            let off = student.sf(t) / expected - 1.0;
            assert!(off.abs() <= bound, "df {df}, t {t}: off by {off:e}");
            assert_eq!(student.cdf(-t), student.sf(t));
            assert!((student.ln_sf(t) - expected.ln()).abs() <= 1e-12, "df {df}, t {t}");
            assert!((student.sf(-t) + student.sf(t) - 1.0).abs() <= 1e-15);
        }
    }

    #[test]
    fn quantiles_agree_with_golden_values_and_invert_the_tails() {
        for (df, probability, expected) in QUANTILES {
            let got = StudentT::new(df).unwrap().quantile(probability);
            assert!((got / expected - 1.0).abs() <= 1e-13, "df {df}, p {probability}: {got}");
        }
        for df in [0.3, 1.0, 7.5, 400.0, 1e9] {
            let student = StudentT::new(df).unwrap();
            for probability in [1e-30, 0.01, 0.3, 0.499_999, 0.5, 0.7] {
                let back = student.cdf(student.quantile(probability));
                assert!((back / probability - 1.0).abs() <= 1e-12, "df {df}, p {probability}: {back}");
            }
            assert!(student.quantile(1.5).is_nan());
        }
    }

    #[test]
    fn densities_are_slopes_of_the_tails() {
        for (df, t) in [(1.0, 0.0), (3.0, 1.0), (50.0, -2.0), (1e9, 0.5)] {
            let student = StudentT::new(df).unwrap();
            let slope = (student.cdf(t + 1e-5) - student.cdf(t - 1e-5)) / 2e-5;
            assert!((student.ln_pdf(t).exp() - slope).abs() < 1e-8, "df {df}, t {t}");
        }
    }

    #[test]
    fn what_underflows_still_has_a_logarithm() {
        assert!((normal_ln_sf(50.0) + 1254.8313611394199).abs() < 1e-11);
        assert!((normal_ln_sf(30.0) + 454.321243956343197).abs() < 1e-11);
        assert!((normal_ln_sf(-40.0)).abs() < 1e-300);
        assert_eq!(StudentT::new(1e9).unwrap().sf(60.0), 0.0);
        let far = StudentT::new(1e12).unwrap().ln_sf(60.0);
        assert!((far - normal_ln_sf(60.0)).abs() < 1e-5, "{far}");
        let nine = ChiSquare::new(9.0).unwrap();
        assert!((nine.sf(1400.0) / 7.73099424399915639e-296 - 1.0).abs() < 1e-12);
        assert!((nine.ln_sf(4000.0) + 1975.84882730659669).abs() < 1e-9);
    }

    #[test]
    fn impossible_degrees_of_freedom_are_refused() {
        for df in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(StudentT::new(df).unwrap_err().code(), "out_of_range");
            assert_eq!(ChiSquare::new(df).unwrap_err().code(), "out_of_range");
        }
    }
}
