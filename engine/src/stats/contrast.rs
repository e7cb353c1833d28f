//! The difference and the ratio of two posteriors: probabilities, densities, quantiles.
//!
//! With the density `f` of the control and the distribution function `F` of the treatment, the difference is at most d with the
//! probability `integral of f(c) F(c + d)`, the ratio at most r with `integral of f(c) F(r c)`. The integrals run over panels fitted
//! to the control, each halved until both halves agree with the whole; what they disagree by is the error bound. The distribution
//! function is tabulated once, panel by panel, as the integral of the polynomial through its density.

mod lattice;
mod marginal;
mod shape;
mod tabulated;

pub use marginal::Marginal;

use lattice::Lattice;
use marginal::Family;
use tabulated::Tabulated;

use super::bayes::Bounded;
use super::dist::normal_quantile;
use super::modern::check_rate;
use super::quadrature::RULE;
use crate::error::{Error, Result};
use std::sync::OnceLock;

/// The posterior of a difference or a ratio of two independent posteriors.
///
/// ```
/// use abduck::stats::bayes::Posterior;
/// use abduck::stats::contrast::{Contrast, Marginal};
///
/// let control = Marginal::from(Posterior::beta(101.0, 19.0)?);
/// let treatment = Marginal::from(Posterior::beta(101.0, 11.0)?);
/// let difference = Contrast::difference(control, treatment)?;
/// assert!((difference.probability_of_larger_treatment().value - 0.918_340_658_702_294_8).abs() < 1e-12);
/// let [lower, upper] = difference.credible_interval(0.95)?.value;
/// assert!(lower < 0.0 && 0.0 < upper);
/// let ratio = Contrast::ratio(control, treatment)?;
/// assert!((ratio.cdf(1.0).value + 0.918_340_658_702_294_8 - 1.0).abs() < 1e-12);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Contrast {
    kind: Kind,
    arms: [Marginal; 2],
    /// For posteriors that are smooth on the scale of the value.
    lattice: Option<Lattice>,
    /// The panels of both, for all others.
    tables: OnceLock<[Tabulated; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Difference,
    Ratio,
}

/// What is known at one value: the probability of at most that much, of more, and the density.
#[derive(Clone, Copy, Debug, Default)]
struct At {
    below: f64,
    above: f64,
    density: f64,
}

/// The largest probability of a baseline of at most 0 that a ratio may have.
const UNSURE: f64 = 1e-6;
/// Whole panel and both halves agree when they differ by less than this.
const AGREEMENT: f64 = 1e-14;
/// Each panel is halved at most so often: then it is as narrow as a double can tell.
const HALVINGS: u32 = 52;
/// What the tabulated functions and the sums of panels round, in all.
const ROUNDING: f64 = 1e-12;
/// What Newton's method may leave of a quantile, as a part of the spread.
const NEGLIGIBLE: f64 = 1e-13;
/// A quantile is found when the next step is this part of the spread.
const STEP: f64 = 1e-12;

impl Contrast {
    /// The treatment minus the control.
    ///
    /// # Errors
    /// `mixed_families` when they are not of one family.
    pub fn difference(control: Marginal, treatment: Marginal) -> Result<Self> {
        Self::new(Kind::Difference, control, treatment)
    }

    /// The treatment divided by the control. Of bells, which may be negative, it is the value r for which the treatment is at most r
    /// times the control; that is the ratio as long as the control is surely positive.
    ///
    /// # Errors
    /// `mixed_families` when they are not of one family; `unsure_baseline` when the control is at most 0 with a probability above
    /// 1e-6.
    pub fn ratio(control: Marginal, treatment: Marginal) -> Result<Self> {
        Self::new(Kind::Ratio, control, treatment)?.surely()
    }

    /// The ratio of the same two posteriors, from what has been computed of them for the difference.
    ///
    /// # Errors
    /// As [`Contrast::ratio`].
    pub fn into_ratio(self) -> Result<Self> {
        Self { kind: Kind::Ratio, tables: OnceLock::new(), ..self }.surely()
    }

    /// Refuses a ratio to a baseline that may be 0.
    fn surely(self) -> Result<Self> {
        let contrast = self;
        let is_sure = contrast.arms[0].family() != Family::Bell
            || contrast.lattice.as_ref().is_some_and(Lattice::begins_above_zero);
        let at_most_zero = if is_sure { 0.0 } else { contrast.control().at(0.0).below };
        if at_most_zero > UNSURE {
            let message = format!("the baseline is at most 0 with a probability of {at_most_zero:.1e}");
            return Err(Error::invalid_field("control", "unsure_baseline", message)
                .hint("look at the difference instead, which needs no positive baseline"));
        }
        Ok(contrast)
    }

    fn new(kind: Kind, control: Marginal, treatment: Marginal) -> Result<Self> {
        if control.family() != treatment.family() {
            let message = "posteriors of different families measure different things";
            return Err(
                Error::invalid_field("posteriors", "mixed_families", message).hint("compare arms of one metric")
            );
        }
        let lattice = Lattice::new(&control, &treatment);
        Ok(Self { kind, arms: [control, treatment], lattice, tables: OnceLock::new() })
    }

    fn tables(&self) -> &[Tabulated; 2] {
        self.tables.get_or_init(|| match self.kind {
            // A difference does not depend on where both lie, and around 0 doubles are finest.
            Kind::Difference => self.arms.map(|arm| Tabulated::new(arm.centred())),
            Kind::Ratio => self.arms.map(Tabulated::new),
        })
    }

    fn control(&self) -> &Tabulated {
        &self.tables()[0]
    }

    fn treatment(&self) -> &Tabulated {
        &self.tables()[1]
    }

    /// The probability of at most `x`; the bound is absolute.
    #[must_use]
    pub fn cdf(&self, x: f64) -> Bounded<f64> {
        let (at, error_bound) = self.at(x);
        Bounded { value: at.below.clamp(0.0, 1.0), error_bound }
    }

    /// The probability of more than `x`; the bound is absolute.
    #[must_use]
    pub fn sf(&self, x: f64) -> Bounded<f64> {
        let (at, error_bound) = self.at(x);
        Bounded { value: at.above.clamp(0.0, 1.0), error_bound }
    }

    /// The density at `x`; the bound is what halving the panels leaves, and rounding.
    #[must_use]
    pub fn density(&self, x: f64) -> Bounded<f64> {
        let (at, error_bound) = self.at(x);
        Bounded { value: at.density.max(0.0), error_bound: error_bound * at.density.max(1.0) }
    }

    /// The probability that the treatment is larger than the control.
    #[must_use]
    pub fn probability_of_larger_treatment(&self) -> Bounded<f64> {
        match self.kind {
            Kind::Difference => self.sf(0.0),
            Kind::Ratio => self.sf(1.0),
        }
    }

    /// The value below which the share `probability` lies.
    ///
    /// # Errors
    /// `statistic_error` for a probability that is not strictly between 0 and 1.
    pub fn quantile(&self, probability: f64) -> Result<Bounded<f64>> {
        check_rate("probability", probability)?;
        if let Some(found) = self.quantile_on_lattice(probability) {
            return Ok(found);
        }
        let (mut low, mut high) = self.bracket(probability);
        let (start, spread) = self.guess(probability);
        let mut x = start.clamp(low, high);
        let mut error_bound = high - low;
        // Newton's method, and bisection where that leaves what is known to hold the root.
        for _ in 0..200 {
            let (at, error) = self.at(x);
            let excess = if probability <= 0.5 { at.below - probability } else { 1.0 - probability - at.above };
            if excess < 0.0 {
                low = x;
            } else {
                high = x;
            }
            let step = excess / at.density;
            let is_inside = step.is_finite() && low < x - step && x - step < high;
            let next = if is_inside { x - step } else { self.between(low, high) };
            error_bound = error / at.density.max(f64::MIN_POSITIVE) + (next - x).abs();
            // Closer than doubles lie there is no next step.
            let least = (STEP * spread).max(2.0 * f64::EPSILON * x.abs());
            let is_found = (next - x).abs() <= least || high - low <= least;
            x = next;
            if is_found {
                break;
            }
        }
        Ok(Bounded { value: x, error_bound: error_bound.min(high - low + STEP * spread) })
    }

    /// Newton's method from a good guess; none where that, or the lattice, does not lead there.
    fn quantile_on_lattice(&self, probability: f64) -> Option<Bounded<f64>> {
        let lattice = self.lattice.as_ref()?;
        let (mut x, spread) = lattice.guess(self.kind, probability);
        for _ in 0..6 {
            let (at, error) = lattice.at(self.kind, x)?;
            let excess = if probability <= 0.5 { at.below - probability } else { 1.0 - probability - at.above };
            let step = excess / at.density;
            x -= step;
            // What a step leaves is its square, times half the slope of the log density: less than 10 per spread as far out as here.
            let left = 5.0 * step * step / spread.abs();
            if left <= NEGLIGIBLE * spread.abs() {
                return Some(Bounded { value: x, error_bound: (error + ROUNDING) / at.density + left });
            }
        }
        None
    }

    /// The central interval with the given probability.
    ///
    /// # Errors
    /// `statistic_error` for a probability that is not strictly between 0 and 1.
    pub fn credible_interval(&self, probability: f64) -> Result<Bounded<[f64; 2]>> {
        check_rate("probability", probability)?;
        let tail = 0.5 * (1.0 - probability);
        let (lower, upper) = (self.quantile(tail)?, self.quantile(1.0 - tail)?);
        Ok(Bounded { value: [lower.value, upper.value], error_bound: lower.error_bound.max(upper.error_bound) })
    }

    /// The curve of the density at `points` values from the quantile 0.001 to 0.999: value and density, for a plot.
    ///
    /// # Errors
    /// `out_of_range` for less than 2 points or more than 10,000.
    pub fn curve(&self, points: u32) -> Result<Vec<(f64, f64)>> {
        if !(2..=10_000).contains(&points) {
            let message = format!("a curve has 2 to 10,000 points, not {points}");
            return Err(Error::invalid_field("points", "out_of_range", message));
        }
        let (first, last) = (self.quantile(0.001)?.value, self.quantile(0.999)?.value);
        let x = |point: u32| first + (last - first) * f64::from(point) / f64::from(points - 1);
        Ok((0..points).map(x).map(|x| (x, self.density(x).value)).collect())
    }

    /// Bounds of a quantile that always hold: both arms would have to be in a tail for the contrast to be beyond.
    fn bracket(&self, probability: f64) -> (f64, f64) {
        let (low, high) = (0.5 * probability, 0.5 * (1.0 - probability));
        let [control, treatment] = &self.arms;
        let least = [treatment.quantile(low), control.upper_quantile(low)];
        let most = [treatment.upper_quantile(high), control.quantile(high)];
        let combine = |[treatment, control]: [f64; 2]| match self.kind {
            Kind::Difference => treatment - control,
            Kind::Ratio => treatment / control,
        };
        // A negative treatment is the more negative a ratio the smaller the control.
        let others = [[least[0], most[1]], [most[0], least[1]]].map(combine);
        let (low, high) = (combine(least), combine(most));
        (low.min(others[0]).min(others[1]), high.max(others[0]).max(others[1]))
    }

    /// A first guess of a quantile, and how far the contrast spreads: both as if the arms were normal.
    fn guess(&self, probability: f64) -> (f64, f64) {
        /// The distance of the quartiles of a normal curve, in standard deviations.
        const QUARTILES: f64 = 1.348_979_500_392_163;
        let is_log = self.kind == Kind::Ratio && self.arms[0].family() != Family::Bell;
        let of = |marginal: Marginal| {
            let [first, middle, third] = [0.25, 0.5, 0.75].map(|p| marginal.quantile(p));
            if is_log { (middle.ln(), (third / first).ln()) } else { (middle, third - first) }
        };
        let (control, treatment) = (of(self.arms[0]), of(self.arms[1]));
        let z = normal_quantile(probability);
        if is_log {
            let spread = f64::hypot(control.1, treatment.1) / QUARTILES;
            let middle = treatment.0 - control.0;
            return ((middle + z * spread).exp(), middle.exp() * spread);
        }
        match self.kind {
            Kind::Difference => {
                let spread = f64::hypot(control.1, treatment.1) / QUARTILES;
                (treatment.0 - control.0 + z * spread, spread)
            }
            Kind::Ratio => {
                let ratio = treatment.0 / control.0;
                let spread = f64::hypot(treatment.1, ratio * control.1) / (QUARTILES * control.0);
                (ratio + z * spread, spread)
            }
        }
    }

    fn between(&self, low: f64, high: f64) -> f64 {
        if self.kind == Kind::Ratio && low > 0.0 { low.sqrt() * high.sqrt() } else { low + 0.5 * (high - low) }
    }

    /// The contrast at a value, and the absolute error of its probabilities.
    fn at(&self, x: f64) -> (At, f64) {
        if let Some((at, error)) = self.lattice.as_ref().and_then(|lattice| lattice.at(self.kind, x)) {
            return (at, error + ROUNDING);
        }
        let mut sum = At::default();
        let [control, treatment] = &self.arms;
        let (x, grain) = match self.kind {
            Kind::Difference => {
                let apart = treatment.centre() - control.centre();
                (x - apart, control.grain(apart) + treatment.grain(apart))
            }
            Kind::Ratio => (x, control.grain(control.centre()) + treatment.grain(treatment.centre())),
        };
        let mut error =
            (1.0 - self.control().total()).abs() + (1.0 - self.treatment().total()).abs() + ROUNDING + grain;
        let edges = self.edges(x);
        for (from, to) in edges.iter().copied().zip(edges.iter().copied().skip(1)) {
            let whole = self.panel(x, from, to);
            let mut open = vec![(from, to, whole, HALVINGS)];
            while let Some((from, to, whole, halvings)) = open.pop() {
                let middle = 0.5 * (from + to);
                let (left, right) = (self.panel(x, from, middle), self.panel(x, middle, to));
                let halves = left.plus(right);
                let apart = whole.apart(halves);
                if apart <= AGREEMENT.max(grain * (whole.below + whole.above)) || halvings == 0 {
                    sum = sum.plus(halves);
                    error += apart;
                } else {
                    open.push((from, middle, left, halvings - 1));
                    open.push((middle, to, right, halvings - 1));
                }
            }
        }
        (sum, error)
    }

    /// Panels on which both densities are resolved: those of the control, cut where panels of the treatment begin.
    fn edges(&self, x: f64) -> Vec<f64> {
        let control = self.control().marginal();
        let own = self.control().grid();
        let (Some(first), Some(last)) = (own.first(), own.last()) else { return Vec::new() };
        let place = |edge: &f64| {
            let value = self.treatment().marginal().value(*edge);
            control.position(if self.kind == Kind::Difference { value - x } else { value / x })
        };
        let others = self.treatment().grid().iter().map(place).filter(|place| first < place && place < last);
        let mut edges: Vec<f64> = own.iter().copied().chain(others).collect();
        edges.sort_by(f64::total_cmp);
        edges
    }

    /// What a panel of the control adds.
    fn panel(&self, x: f64, from: f64, to: f64) -> At {
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        let mut sum = At::default();
        for (node, weight) in RULE.nodes.iter().zip(&RULE.weights) {
            let position = middle + half * node;
            let control = self.control().marginal().value(position);
            let mass = half * weight * self.control().marginal().mass(position);
            let (threshold, stretch) = match self.kind {
                Kind::Difference => (control + x, 1.0),
                Kind::Ratio => (control * x, control),
            };
            let treatment = self.treatment().at(threshold);
            sum.below += mass * treatment.below;
            sum.above += mass * treatment.above;
            sum.density += mass * stretch * treatment.density;
        }
        sum
    }
}

impl At {
    fn plus(self, other: Self) -> Self {
        Self { below: self.below + other.below, above: self.above + other.above, density: self.density + other.density }
    }

    fn apart(self, other: Self) -> f64 {
        (self.below - other.below).abs().max((self.above - other.above).abs())
    }
}

#[cfg(test)]
mod tests;
