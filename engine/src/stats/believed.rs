//! Which of several bell-shaped posteriors is best, how surely, and what a wrong choice would cost.
//!
//! A mean over units has, with nothing known before, Student's t as its posterior; a ratio or a quantile is normal in the
//! limit. The integrals are those of [`super::bayes`] (reference statistics, section 12.2), on panels fitted to every arm and
//! halved until two passes agree.

use super::dist::{StudentT, normal_ln_sf, normal_quantile};
use super::quadrature::{NODES, Nodal, RULE};
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

/// What the comparison of several posteriors says about one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// The probability to be the largest of all.
    pub probability_best: f64,
    /// `E max(0, largest of the others - this one)`, in the unit of the values.
    pub expected_loss: f64,
}

/// Two passes that agree to this, relative to 1 or to the widest scale, have converged.
const AGREEMENT: f64 = 1e-12;
/// Every panel is halved at most this many times.
const HALVINGS: u32 = 5;
/// Width of a panel near the middle, in scales.
const PANEL_SCALES: f64 = 1.5;
/// Beyond this logarithm of the tail nothing is left that matters: 4e-18.
const LN_NOTHING: f64 = -40.0;
/// Rounding of densities and sums.
const ROUNDING: f64 = 1e-13;

impl BellPosterior {
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

    /// The density per unit of the value.
    fn density(&self, x: f64) -> f64 {
        let z = (x - self.location) / self.scale;
        let ln_standard = self.student.map_or_else(|| -0.5 * (z * z + std::f64::consts::TAU.ln()), |t| t.ln_pdf(z));
        ln_standard.exp() / self.scale
    }

    fn ln_tail(&self, z: f64) -> f64 {
        self.student.map_or_else(|| normal_ln_sf(z), |t| t.ln_sf(z))
    }

    /// Edges of panels, in scales from the location, ascending from 0; they widen where the tail is heavy.
    fn edges(&self) -> Vec<f64> {
        let mut edges = vec![0.0];
        let (mut edge, mut width) = (0.0, PANEL_SCALES);
        while self.ln_tail(edge) > LN_NOTHING && edges.len() < 200 {
            if edge >= 9.0 {
                width *= 1.25;
            }
            edge += width;
            edges.push(edge);
        }
        edges
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
    let edges = all_edges(posteriors);
    let mut coarse = standings(posteriors, &edges, 1);
    let mut parts = 1;
    loop {
        parts *= 2;
        let fine = standings(posteriors, &edges, parts);
        let apart = |(a, b): (&Standing, &Standing)| {
            let losses = (a.expected_loss - b.expected_loss).abs() / widest;
            (a.probability_best - b.probability_best).abs().max(losses)
        };
        let disagreement = coarse.iter().zip(&fine).map(apart).fold(0.0, f64::max);
        if disagreement <= AGREEMENT || parts == 1 << HALVINGS {
            let unexplained = (fine.iter().map(|standing| standing.probability_best).sum::<f64>() - 1.0).abs();
            return Ok(Bounded { value: fine, error_bound: disagreement + unexplained + ROUNDING });
        }
        coarse = fine;
    }
}

/// What choosing each of several posteriors of a *logarithm* costs on average where another is larger, on the scale of the
/// values themselves; the bound is relative to the largest. Of Student posteriors, whose exponentials have no mean, what lies
/// beyond a tail of about 1e-18 is left out.
pub(super) fn losses_of_exponentials(posteriors: &[BellPosterior]) -> Result<Bounded<Vec<f64>>> {
    check_count(posteriors.len())?;
    let edges = shifted_edges(posteriors);
    let mut parts = 1;
    let mut coarse = exponential_losses(posteriors, &edges, parts);
    loop {
        parts *= 2;
        let fine = exponential_losses(posteriors, &edges, parts);
        let largest = fine.iter().copied().fold(0.0, f64::max);
        if !largest.is_finite() {
            return Err(out_of_range("location", "small enough for its exponential to be a number", largest));
        }
        let disagreement = coarse.iter().zip(&fine).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest;
        if disagreement <= AGREEMENT || parts == 1 << HALVINGS {
            return Ok(Bounded { value: fine, error_bound: disagreement + ROUNDING });
        }
        coarse = fine;
    }
}

/// The edges of all posteriors, and of where the mass of the exponentials of normal ones lies: a variance higher.
fn shifted_edges(posteriors: &[BellPosterior]) -> Vec<f64> {
    let shifted = |posterior: &BellPosterior| {
        let location = posterior.location + posterior.scale * posterior.scale;
        posterior.student.is_none().then_some(BellPosterior { location, ..*posterior })
    };
    let all: Vec<BellPosterior> = posteriors.iter().copied().chain(posteriors.iter().filter_map(shifted)).collect();
    all_edges(&all)
}

fn exponential_losses(posteriors: &[BellPosterior], edges: &[f64], parts: u32) -> Vec<f64> {
    let panels = panels(edges, parts);
    let curves: Vec<Curve> = posteriors.iter().map(|posterior| curve(posterior, &panels)).collect();
    let loss = |index: usize| {
        let on_panel = |(panel, (middle, half)): (usize, &(f64, f64))| {
            let ln_others = ln_others_below(index, &curves, panel);
            let lost = std::array::from_fn(|node| {
                let value = (middle + half * RULE.nodes[node]).exp();
                half * value * curves[index].below[panel][node] * -ln_others[node].exp_m1()
            });
            RULE.integral(&lost)
        };
        panels.iter().enumerate().map(on_panel).sum()
    };
    (0..curves.len()).map(loss).collect()
}

/// The edges of all posteriors, ascending.
fn all_edges(posteriors: &[BellPosterior]) -> Vec<f64> {
    let of = |posterior: &BellPosterior| {
        let (location, scale) = (posterior.location, posterior.scale);
        let sides = |edge: f64| [location - scale * edge, location + scale * edge];
        posterior.edges().into_iter().flat_map(sides).collect::<Vec<_>>()
    };
    let mut edges: Vec<f64> = posteriors.iter().flat_map(of).collect();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    edges
}

fn check_count(count: usize) -> Result<()> {
    if count >= 2 {
        return Ok(());
    }
    let message = format!("a comparison needs at least two posteriors, got {count}");
    Err(Error::invalid_field("posteriors", "too_few", message).hint("add the arm to compare with"))
}

/// Middles and half-widths of the panels between the edges, each cut into parts.
fn panels(edges: &[f64], parts: u32) -> Vec<(f64, f64)> {
    let piece = |pair: &[f64]| {
        let width = (pair[1] - pair[0]) / f64::from(parts);
        let start = pair[0];
        (0..parts).map(move |part| (start + width * (f64::from(part) + 0.5), 0.5 * width))
    };
    edges.windows(2).flat_map(piece).collect()
}

/// One posterior at the nodes of all panels.
struct Curve {
    /// Density times the half-width of the panel.
    mass: Vec<Nodal>,
    below: Vec<Nodal>,
    above: Vec<Nodal>,
}

fn standings(posteriors: &[BellPosterior], edges: &[f64], parts: u32) -> Vec<Standing> {
    let panels = panels(edges, parts);
    let curves: Vec<Curve> = posteriors.iter().map(|posterior| curve(posterior, &panels)).collect();
    (0..curves.len()).map(|index| standing(index, &curves, &panels)).collect()
}

fn curve(posterior: &BellPosterior, panels: &[(f64, f64)]) -> Curve {
    let mass: Vec<Nodal> = panels
        .iter()
        .map(|(middle, half)| RULE.nodes.map(|node| half * posterior.density(middle + half * node)))
        .collect();
    let whole: Vec<f64> = mass.iter().map(|values| RULE.integral(values)).collect();
    // Where a density underflows, rounding can take its running integral below 0.
    let plus = |start: f64, values: Nodal| values.map(|value| (start + value).clamp(0.0, 1.0));
    let (mut from_left, mut from_right) = (0.0, 0.0);
    let mut below = Vec::with_capacity(panels.len());
    for (values, share) in mass.iter().zip(&whole) {
        below.push(plus(from_left, RULE.integrals_from_left(values)));
        from_left += share;
    }
    let mut above = vec![[0.0; NODES]; panels.len()];
    for (index, (values, share)) in mass.iter().zip(&whole).enumerate().rev() {
        above[index] = plus(from_right, RULE.integrals_to_right(values));
        from_right += share;
    }
    Curve { mass, below, above }
}

fn standing(index: usize, curves: &[Curve], panels: &[(f64, f64)]) -> Standing {
    let mut standing = Standing::default();
    for (panel, (_, half)) in panels.iter().enumerate() {
        let ln_others = ln_others_below(index, curves, panel);
        let best = std::array::from_fn(|node| curves[index].mass[panel][node] * ln_others[node].exp());
        let lost = std::array::from_fn(|node| half * curves[index].below[panel][node] * -ln_others[node].exp_m1());
        standing.probability_best += RULE.integral(&best);
        standing.expected_loss += RULE.integral(&lost);
    }
    standing.probability_best = standing.probability_best.min(1.0);
    standing
}

/// The logarithm of the probability that all the others lie below, from their tails above.
fn ln_others_below(index: usize, curves: &[Curve], panel: usize) -> Nodal {
    std::array::from_fn(|node| {
        let others = curves.iter().enumerate().filter(|(other, _)| *other != index);
        others.map(|(_, curve)| ln_below(curve, panel, node)).sum()
    })
}

fn ln_below(curve: &Curve, panel: usize, node: usize) -> f64 {
    let (below, above) = (curve.below[panel][node], curve.above[panel][node]);
    if above < 0.5 { (-above).ln_1p() } else { below.ln() }
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
