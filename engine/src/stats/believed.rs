//! Which of several bell-shaped posteriors is best, how surely, and what a wrong choice would cost.
//!
//! A mean over units has, with nothing known before, Student's t as its posterior; a ratio or a quantile is normal in the
//! limit. The integrals are those of [`super::bayes`] (reference statistics, section 12.2), on panels as wide as every arm allows.

use super::dist::{StudentT, normal_quantile};
use super::quadrature::RULE;
use super::standing::{self, Curve, Grid, Standing};
use crate::error::{Error, Result};
use crate::stats::Bounded;

/// A posterior that is a bell around a location.
///
/// ```
/// use abduck::stats::believed::{BellPosterior, compare_bells};
///
/// let control = BellPosterior::normal(10.0, 1.0)?;
/// let test = BellPosterior::normal(11.0, 1.0)?;
/// let compared = compare_bells(&[control, test])?;
/// // Phi(1 / sqrt 2)
/// assert!((compared.value[1].probability_best - 0.760_249_938_906_523_6).abs() <= compared.error_bound);
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BellPosterior {
    location: f64,
    scale: f64,
    student: Option<StudentT>,
}

/// Widest panel, in scales: 16 nodes resolve a normal curve on it to 1e-14.
const PANEL_SCALES: f64 = 3.0;
/// A Student density has poles as far off as the root of its degrees of freedom; panels keep this part of the distance.
const PART_OF_DISTANCE: f64 = 0.9;
/// Beyond this logarithm of the tail nothing is left that matters: 4e-18.
const LN_NOTHING: f64 = -40.0;

impl BellPosterior {
    /// The standard normal posterior.
    pub(super) const STANDARD: Self = Self { location: 0.0, scale: 1.0, student: None };

    /// A normal posterior.
    ///
    /// # Errors
    /// `out_of_range` unless the location is finite and the scale positive and finite.
    pub fn normal(location: f64, scale: f64) -> Result<Self> {
        Self::new(location, scale, None)
    }

    /// A Student posterior with degrees of freedom.
    ///
    /// # Errors
    /// As [`BellPosterior::normal`], and for degrees of freedom below 1, where the mean would not exist.
    pub fn student(location: f64, scale: f64, degrees_of_freedom: f64) -> Result<Self> {
        if degrees_of_freedom <= 1.0 {
            return Err(out_of_range("degrees_of_freedom", "above 1", degrees_of_freedom));
        }
        Self::new(location, scale, Some(StudentT::new(degrees_of_freedom)?))
    }

    fn new(location: f64, scale: f64, student: Option<StudentT>) -> Result<Self> {
        if !location.is_finite() {
            return Err(out_of_range("location", "finite", location));
        }
        if !(scale > 0.0 && scale.is_finite()) {
            return Err(out_of_range("scale", "positive and finite", scale));
        }
        Ok(Self { location, scale, student })
    }

    /// The value below which the share `probability` lies; not a number unless `probability` is in [0, 1].
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        let standard = self.student.map_or_else(|| normal_quantile(probability), |t| t.quantile(probability));
        self.location + self.scale * standard
    }

    /// The scale: the standard deviation of a normal posterior, and what a Student's t is multiplied with.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The posterior of the opposite value.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        Self { location: -self.location, ..*self }
    }

    /// The same around 0.
    pub(super) fn centred(&self) -> Self {
        Self { location: 0.0, ..*self }
    }

    /// The location: mean, median and mode.
    pub(super) fn location(&self) -> f64 {
        self.location
    }

    /// The degrees of freedom, unless it is normal.
    pub(super) fn degrees_of_freedom(&self) -> Option<f64> {
        self.student.map(|student| student.degrees_of_freedom())
    }

    /// The logarithm of the density at the location, per scale.
    pub(super) fn ln_top(&self) -> f64 {
        self.student.map_or(-0.5 * std::f64::consts::TAU.ln(), |student| student.ln_pdf(0.0))
    }

    /// The density at a distance from the location, both in scales.
    pub(super) fn standard_density(&self, z: f64) -> f64 {
        (self.ln_top() - self.ln_fall(z)).exp()
    }

    /// The edges of panels on which 16 nodes resolve the density, in scales from the location.
    pub(super) fn edges(&self) -> Vec<f64> {
        let reach = self.reach();
        let mut position = 0.0;
        let mut edges = vec![position];
        while position < reach {
            position = (position + self.panel_scales(position)).min(reach);
            edges.push(position);
        }
        let mirrored = edges.iter().skip(1).rev().map(|edge| -edge);
        mirrored.chain(edges.iter().copied()).collect()
    }

    /// How far the logarithm of the density has fallen, in scales from the location.
    fn ln_fall(&self, z: f64) -> f64 {
        self.student.map_or_else(|| 0.5 * z * z, |student| student.ln_fall(z))
    }

    /// Where nothing is left of it, in scales from the location: a tail is below the density times the distance.
    fn reach(&self) -> f64 {
        let mut reach = PANEL_SCALES;
        while reach.ln() - self.ln_fall(reach) > LN_NOTHING {
            reach += self.panel_scales(reach);
        }
        reach
    }

    /// Widest panel at a distance from the location, in scales.
    fn panel_scales(&self, z: f64) -> f64 {
        let Some(student) = self.student else { return PANEL_SCALES };
        let poles = PART_OF_DISTANCE * (z * z + student.degrees_of_freedom()).sqrt();
        poles.min(PANEL_SCALES * (z.abs() / 9.0).max(1.0))
    }

    /// The posterior on panels of given middles and half-widths.
    fn curve(&self, panels: &[(f64, f64)]) -> Curve {
        let ln_top = self.ln_top();
        let mass = panels.iter().map(|(middle, half)| {
            let unit = half / self.scale;
            let from = (middle - self.location) / self.scale;
            RULE.nodes.map(|node| unit * (ln_top - self.ln_fall(from + unit * node)).exp())
        });
        Curve::from_mass(mass.collect())
    }
}

/// Where each of several independent posteriors stands among them, in their order; the bound holds for the probabilities, and
/// in units of the widest scale for the losses.
///
/// # Errors
/// `too_few` for less than two posteriors.
pub fn compare_bells(posteriors: &[BellPosterior]) -> Result<Bounded<Vec<Standing>>> {
    check_count(posteriors.len())?;
    let widest = posteriors.iter().map(|posterior| posterior.scale).fold(0.0, f64::max);
    let middle = posteriors.iter().map(|posterior| posterior.location).fold(f64::NEG_INFINITY, f64::max);
    let means: Vec<f64> = posteriors.iter().map(|posterior| posterior.location - middle).collect();
    Ok(standing::refined(&means, widest, |parts| grid(posteriors, &panels(posteriors, parts), |_| 1.0)))
}

/// What choosing each of several posteriors of a *logarithm* costs on average where another is larger, on the scale of the
/// values themselves; the bound is relative to the largest. Of Student posteriors, whose exponentials have no mean, what lies
/// beyond a tail of about 1e-18 is left out.
pub(super) fn losses_of_exponentials(posteriors: &[BellPosterior]) -> Result<Bounded<Vec<f64>>> {
    check_count(posteriors.len())?;
    let shifted = shifted(posteriors);
    let losses = |parts| {
        let grid = grid(posteriors, &panels(&shifted, parts), f64::exp);
        standing::standings(&grid).iter().map(|standing| standing.expected_loss).collect::<Vec<f64>>()
    };
    let (mut coarse, mut parts) = (losses(1), 1);
    loop {
        parts *= 2;
        let fine = losses(parts);
        let largest = fine.iter().copied().fold(0.0, f64::max);
        if !largest.is_finite() {
            return Err(out_of_range("location", "small enough for its exponential to be a number", largest));
        }
        let disagreement = coarse.iter().zip(&fine).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest;
        if disagreement <= standing::AGREEMENT || parts == standing::FINEST {
            return Ok(Bounded { value: fine, error_bound: disagreement + standing::ROUNDING });
        }
        coarse = fine;
    }
}

/// The posteriors, and where the mass of the exponentials of normal ones lies: a variance higher.
fn shifted(posteriors: &[BellPosterior]) -> Vec<BellPosterior> {
    let higher = |posterior: &BellPosterior| {
        let location = posterior.location + posterior.scale * posterior.scale;
        posterior.student.is_none().then_some(BellPosterior { location, ..*posterior })
    };
    posteriors.iter().copied().chain(posteriors.iter().filter_map(higher)).collect()
}

fn check_count(count: usize) -> Result<()> {
    if count >= 2 {
        return Ok(());
    }
    let message = format!("a comparison needs at least two posteriors, got {count}");
    Err(Error::invalid_field("posteriors", "too_few", message).hint("add the arm to compare with"))
}

/// Middles and half-widths of panels from where the first posterior begins to where the last ends, each as wide as all of them
/// allow, then cut into parts.
fn panels(posteriors: &[BellPosterior], parts: u32) -> Vec<(f64, f64)> {
    let reaches: Vec<(&BellPosterior, f64)> =
        posteriors.iter().map(|posterior| (posterior, posterior.reach() * posterior.scale)).collect();
    let begin = reaches.iter().map(|(posterior, reach)| posterior.location - reach).fold(f64::INFINITY, f64::min);
    let end = reaches.iter().map(|(posterior, reach)| posterior.location + reach).fold(f64::NEG_INFINITY, f64::max);
    let mut panels = Vec::new();
    let mut position = begin;
    while position < end {
        let allowed = |(posterior, reach): &(&BellPosterior, f64)| {
            let distance = position - posterior.location;
            let width = posterior.scale * posterior.panel_scales(distance / posterior.scale);
            // Next to nothing begins where a posterior does, so a panel may begin before it.
            if distance < -reach {
                -reach - distance + 0.5 * width
            } else if distance > *reach {
                f64::INFINITY
            } else {
                width
            }
        };
        let width = reaches.iter().map(allowed).fold(end - position, f64::min);
        // Rather a slightly wider panel than a sliver at the end; and never a step that rounding swallows.
        let next = if position + 1.1 * width < end { (position + width).max(position.next_up()) } else { end };
        let half = 0.5 * (next - position) / f64::from(parts);
        panels.extend((0..parts).map(|part| (position + half * (2.0 * f64::from(part) + 1.0), half)));
        position = next;
    }
    panels
}

/// The posteriors on panels; `value` turns a position into what losses are measured in, as its own derivative.
fn grid(posteriors: &[BellPosterior], panels: &[(f64, f64)], value: impl Fn(f64) -> f64) -> Grid {
    let widths =
        panels.iter().map(|(middle, half)| RULE.nodes.map(|node| half * value(middle + half * node))).collect();
    Grid { curves: posteriors.iter().map(|posterior| posterior.curve(panels)).collect(), widths }
}

fn out_of_range(name: &'static str, wanted: &str, value: f64) -> Error {
    Error::invalid_field(name, "out_of_range", format!("{name} must be {wanted}, got {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::dist::{normal_cdf, normal_pdf};

    #[test]
    fn two_normals_agree_with_their_closed_forms() {
        for (apart, wide, narrow) in
            [(0.0, 1.0, 1.0), (1.0, 2.0, 0.5), (6.0, 1.0, 1.0), (-3.0, 1.0, 1e-6), (0.3, 1e3, 1.0)]
        {
            let arms = [BellPosterior::normal(5.0, wide).unwrap(), BellPosterior::normal(5.0 + apart, narrow).unwrap()];
            let compared = compare_bells(&arms).unwrap();
            let spread = f64::hypot(wide, narrow);
            let z = apart / spread;
            assert!(compared.error_bound < 1e-9, "{apart} {wide} {narrow}: {}", compared.error_bound);
            assert!((compared.value[1].probability_best - normal_cdf(z)).abs() < 1e-11, "{apart} {wide} {narrow}");
            let loss = spread * normal_pdf(z) + apart * normal_cdf(z);
            assert!((compared.value[0].expected_loss - loss).abs() < 1e-11 * spread, "{apart} {wide} {narrow}");
        }
    }

    #[test]
    fn students_with_many_degrees_of_freedom_are_normal_and_ten_equal_arms_share() {
        let normal = [BellPosterior::normal(1.0, 0.2).unwrap(), BellPosterior::normal(1.1, 0.3).unwrap()];
        let student = [BellPosterior::student(1.0, 0.2, 1e9).unwrap(), BellPosterior::student(1.1, 0.3, 1e9).unwrap()];
        let (normal, student) = (compare_bells(&normal).unwrap(), compare_bells(&student).unwrap());
        assert!((normal.value[1].probability_best - student.value[1].probability_best).abs() < 1e-8);
        let equal = vec![BellPosterior::student(3.0, 0.1, 49.0).unwrap(); 10];
        for standing in compare_bells(&equal).unwrap().value {
            assert!((standing.probability_best - 0.1).abs() < 1e-11);
        }
    }

    #[test]
    fn few_degrees_of_freedom_agree_with_a_known_integral() {
        // P(T_a > T_b + 1) for a = 3 and b = 5 degrees of freedom and scales 1 and 2 (mpmath 1.3, 30 digits).
        let arms = [BellPosterior::student(1.0, 2.0, 5.0).unwrap(), BellPosterior::student(0.0, 1.0, 3.0).unwrap()];
        let compared = compare_bells(&arms).unwrap();
        assert!(
            (compared.value[1].probability_best - 0.348_962_690_409_983_37).abs() < 1e-9,
            "{}",
            compared.value[1].probability_best
        );
        assert!(compared.error_bound < 1e-9, "{}", compared.error_bound);
    }

    #[test]
    fn impossible_posteriors_are_refused() {
        assert_eq!(BellPosterior::normal(f64::NAN, 1.0).unwrap_err().code(), "out_of_range");
        assert_eq!(BellPosterior::normal(0.0, 0.0).unwrap_err().code(), "out_of_range");
        assert_eq!(BellPosterior::student(0.0, 1.0, 1.0).unwrap_err().code(), "out_of_range");
        assert_eq!(compare_bells(&[BellPosterior::normal(0.0, 1.0).unwrap()]).unwrap_err().code(), "too_few");
    }
}
