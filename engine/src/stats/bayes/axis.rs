//! Several posteriors on one axis, cut into panels narrow enough for all of them.

use super::Posterior;
use crate::error::{Error, Result};
use crate::stats::bell::{Bell, Side, log_ratio, odds_shares};
use crate::stats::quadrature::{Nodal, RULE};

/// Posteriors of one family on their common log scale; position 0 is the top of the narrowest, so that the positions
/// that matter most are the most exact.
pub(super) struct Axis {
    arms: Vec<Arm>,
    scale: Scale,
}

/// One posterior on the axis.
struct Arm {
    bell: Bell,
    log_top: f64,
    /// Where the top stands.
    top: f64,
    /// Where the density begins and ends for our purposes.
    ends: (f64, f64),
}

/// How a position becomes a rate.
#[derive(Clone, Copy)]
enum Scale {
    /// Log-odds, relative to `a / b`.
    LogOdds { a: f64, b: f64 },
    /// Logarithm, relative to the mean; below `bend` every arm has become a straight line.
    Logarithm { mean: f64, bend: f64 },
}

/// A piece of the axis with its 16 nodes.
pub(super) struct Panel {
    middle: f64,
    half: f64,
    /// Change of the rate per unit of the panel, at each node.
    pub(super) widths: Nodal,
}

/// One posterior at every node of every panel.
pub(super) struct Curve {
    /// Density per unit of the panel.
    pub(super) mass: Vec<Nodal>,
    /// Probability below the node, accurate where small.
    pub(super) below: Vec<Nodal>,
    /// Probability above the node, accurate where small.
    pub(super) above: Vec<Nodal>,
}

impl Axis {
    /// Places the posteriors; each ends where its log density has fallen by `depth`.
    pub(super) fn new(posteriors: &[Posterior], depth: f64) -> Result<Self> {
        let narrowest = posteriors
            .iter()
            .min_by(|x, y| bell_of(x).deviation().total_cmp(&bell_of(y).deviation()))
            .ok_or_else(|| Error::bug("an axis without posteriors"))?;
        let arms = posteriors
            .iter()
            .map(|posterior| Ok(Arm::new(bell_of(posterior), top_of(posterior, narrowest)?, depth)))
            .collect::<Result<Vec<Arm>>>()?;
        let scale = match narrowest {
            Posterior::Beta(beta) => Scale::LogOdds { a: beta.a(), b: beta.b() },
            Posterior::Gamma(gamma) => {
                let bend = arms.iter().map(Arm::bend).fold(f64::INFINITY, f64::min);
                Scale::Logarithm { mean: gamma.mean(), bend }
            }
        };
        Ok(Self { arms, scale })
    }

    /// The difference between the largest and the smallest rate considered.
    pub(super) fn span(&self) -> f64 {
        let first = self.arms.iter().map(|arm| arm.ends.0).fold(f64::INFINITY, f64::min);
        let last = self.arms.iter().map(|arm| arm.ends.1).fold(f64::NEG_INFINITY, f64::max);
        self.scale.rate(last) - self.scale.rate(first)
    }

    /// The panels from left to right, each fitted panel cut into `parts` equal ones.
    pub(super) fn panels(&self, parts: u32) -> Vec<Panel> {
        let edges = self.edges();
        let mut panels = Vec::new();
        for pair in edges.windows(2) {
            let half = 0.5 * (pair[1] - pair[0]) / f64::from(parts);
            for part in 0..parts {
                let middle = pair[0] + f64::from(2 * part + 1) * half;
                let widths = RULE.nodes.map(|node| half * self.scale.rate_per_position(middle + half * node));
                panels.push(Panel { middle, half, widths });
            }
        }
        panels
    }

    /// Every posterior on the given panels.
    pub(super) fn curves(&self, panels: &[Panel]) -> Vec<Curve> {
        self.arms.iter().map(|arm| arm.curve(panels)).collect()
    }

    /// Panel edges: every end of an arm, and between them as few as the arms present allow.
    fn edges(&self) -> Vec<f64> {
        let mut stops: Vec<f64> = self.arms.iter().flat_map(|arm| [arm.ends.0, arm.ends.1]).collect();
        stops.sort_by(f64::total_cmp);
        stops.dedup();
        let mut edges = vec![stops[0]];
        for pair in stops.windows(2) {
            let mut position = pair[0];
            while position < pair[1] {
                let width = self.panel_width(position);
                // Rather a slightly wider panel than a sliver at the end.
                position = if position + 1.1 * width >= pair[1] { pair[1] } else { position + width };
                edges.push(position);
            }
        }
        edges
    }

    fn panel_width(&self, position: f64) -> f64 {
        let present = self.arms.iter().filter(|arm| arm.ends.0 <= position && position < arm.ends.1);
        present
            .map(|arm| arm.bell.march_width(Side::Above, position - arm.top))
            .fold(self.scale.panel_width(position), f64::min)
    }
}

impl Arm {
    fn new(bell: Bell, top: f64, depth: f64) -> Self {
        let ends = (top + bell.reach(Side::Below, depth), top + bell.reach(Side::Above, depth));
        Self { bell, log_top: bell.log_top(), top, ends }
    }

    /// The position below which a Gamma density is a straight line on the log scale.
    fn bend(&self) -> f64 {
        match self.bell {
            Bell::Logarithm { shape } => self.top - shape.ln().min(0.0),
            Bell::LogOdds { .. } => self.top,
        }
    }

    fn curve(&self, panels: &[Panel]) -> Curve {
        let mass: Vec<Nodal> = panels.iter().map(|panel| self.mass(panel)).collect();
        let mut below = Vec::with_capacity(panels.len());
        let mut sum = 0.0;
        for values in &mass {
            below.push(RULE.integrals_from_left(values).map(|part| (sum + part).min(1.0)));
            sum += RULE.integral(values);
        }
        let mut above = Vec::with_capacity(panels.len());
        sum = 0.0;
        for values in mass.iter().rev() {
            above.push(RULE.integrals_to_right(values).map(|part| (sum + part).min(1.0)));
            sum += RULE.integral(values);
        }
        above.reverse();
        Curve { mass, below, above }
    }

    fn mass(&self, panel: &Panel) -> Nodal {
        if panel.middle < self.ends.0 || panel.middle > self.ends.1 {
            return Nodal::default();
        }
        let middle = panel.middle - self.top;
        let log_unit = self.log_top + panel.half.ln();
        RULE.nodes.map(|node| (log_unit - self.bell.fall(middle + panel.half * node)).exp())
    }
}

impl Scale {
    fn rate(self, position: f64) -> f64 {
        match self {
            Self::LogOdds { a, b } => odds_shares(a, b, position).0,
            Self::Logarithm { mean, .. } => mean * position.exp(),
        }
    }

    fn rate_per_position(self, position: f64) -> f64 {
        match self {
            Self::LogOdds { a, b } => {
                let (share, complement) = odds_shares(a, b, position);
                share * complement
            }
            Self::Logarithm { mean, .. } => mean * position.exp(),
        }
    }

    /// Widest panel on which the rate itself is resolved.
    fn panel_width(self, position: f64) -> f64 {
        match self {
            Self::LogOdds { a, b } => 2.0 + 0.5 * ((a / b).ln() + position).abs(),
            Self::Logarithm { bend, .. } => 2.0 + 0.5 * (bend - position).max(0.0),
        }
    }
}

fn bell_of(posterior: &Posterior) -> Bell {
    match posterior {
        Posterior::Beta(beta) => beta.bell(),
        Posterior::Gamma(gamma) => gamma.bell(),
    }
}

/// Where the top of a posterior stands relative to the top of another.
fn top_of(posterior: &Posterior, origin: &Posterior) -> Result<f64> {
    match (posterior, origin) {
        (Posterior::Beta(arm), Posterior::Beta(origin)) => Ok(log_ratio((arm.a(), origin.b()), (arm.b(), origin.a()))),
        (Posterior::Gamma(arm), Posterior::Gamma(origin)) => {
            Ok(log_ratio((arm.shape(), origin.rate()), (arm.rate(), origin.shape())))
        }
        _ => {
            let message = "rates of conversion (Beta) and of events (Gamma) cannot be compared with each other";
            Err(Error::invalid_field("posteriors", "mixed_families", message).hint("compare arms of one metric"))
        }
    }
}
