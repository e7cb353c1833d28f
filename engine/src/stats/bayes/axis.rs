//! Several posteriors on one axis, cut into panels narrow enough for all of them.
//!
//! The axis has no origin. Beside a narrow arm that stands far from it, a position would be rounded to a visible part of
//! that arm's width; so every panel has an anchor, the narrowest arm on it, and is measured from the anchor's top.

use super::Posterior;
use crate::error::{Error, Result};
use crate::stats::bell::{Bell, Side, log_ratio, odds_shares};
use crate::stats::quadrature::{Nodal, RULE};
use crate::stats::standing::{Curve, Grid};

/// Posteriors of one family on their common log scale.
pub(super) struct Axis {
    arms: Vec<Arm>,
    /// From left to right, every end of an arm is an edge.
    pieces: Vec<Piece>,
}

/// One posterior on the axis; all positions are relative to its top.
struct Arm {
    bell: Bell,
    log_top: f64,
    scale: Scale,
    /// Where the density begins and ends for our purposes.
    ends: (f64, f64),
    /// Where the top of every arm stands.
    tops: Vec<f64>,
}

/// How a position relative to the top of an arm becomes a rate.
#[derive(Clone, Copy)]
enum Scale {
    /// Log-odds, relative to `a / b`.
    LogOdds { a: f64, b: f64 },
    /// Logarithm, relative to the mean; below `bend` every arm has become a straight line.
    Logarithm { mean: f64, bend: f64 },
}

/// Where an arm begins or ends.
#[derive(Clone, Copy)]
struct Stop {
    arm: usize,
    /// Relative to the top of that arm.
    position: f64,
}

/// A piece of the axis as wide as the arms on it allow.
#[derive(Clone, Copy)]
struct Piece {
    /// The arm from whose top it is measured.
    anchor: usize,
    middle: f64,
    half: f64,
}

/// A piece, or a part of one, with its 16 nodes.
pub(super) struct Panel {
    piece: Piece,
    /// Change of the rate per unit of the panel, at each node.
    pub(super) widths: Nodal,
}

impl Axis {
    /// Places the posteriors; each ends where its log density has fallen by `depth`, and may change by `powers` of e on a panel.
    pub(super) fn new(posteriors: &[Posterior], depth: f64, powers: f64) -> Result<Self> {
        let arms =
            posteriors.iter().map(|posterior| Arm::new(posterior, posteriors, depth)).collect::<Result<Vec<Arm>>>()?;
        let pieces = fit(&arms, powers);
        Ok(Self { arms, pieces })
    }

    /// The difference between the largest and the smallest rate considered.
    pub(super) fn span(&self) -> f64 {
        let first = self.arms.iter().map(|arm| arm.scale.rate(arm.ends.0)).fold(f64::INFINITY, f64::min);
        let last = self.arms.iter().map(|arm| arm.scale.rate(arm.ends.1)).fold(f64::NEG_INFINITY, f64::max);
        last - first
    }

    /// By how many times its own relative error an error in a position can change a density.
    pub(super) fn sensitivity(&self) -> f64 {
        let at = |arm: &Arm, end: f64| (end * arm.bell.slope(end)).abs();
        self.arms.iter().map(|arm| at(arm, arm.ends.0).max(at(arm, arm.ends.1))).fold(0.0, f64::max)
    }

    /// The panels from left to right, each piece cut into `parts` equal ones.
    pub(super) fn panels(&self, parts: u32) -> Vec<Panel> {
        let parts_of = |piece: &Piece| {
            let Piece { anchor, middle, half } = *piece;
            let half = half / f64::from(parts);
            // The middles lie at ..., -3, -1, 1, 3, ... or ..., -2, 0, 2, ... halves from that of the piece.
            (0..parts).map(move |part| {
                let steps = f64::from(2 * part + 1) - f64::from(parts);
                Piece { anchor, middle: middle + steps * half, half }
            })
        };
        self.pieces.iter().flat_map(parts_of).map(|piece| self.panel(piece)).collect()
    }

    /// Every posterior on the panels, each piece cut into `parts` equal ones.
    pub(super) fn grid(&self, parts: u32) -> Grid {
        let panels = self.panels(parts);
        Grid { curves: self.curves(&panels), widths: panels.iter().map(|panel| panel.widths).collect() }
    }

    fn panel(&self, piece: Piece) -> Panel {
        let scale = self.arms[piece.anchor].scale;
        let width = |node: f64| piece.half * scale.rate_per_position(piece.middle + piece.half * node);
        Panel { piece, widths: RULE.nodes.map(width) }
    }

    /// Every posterior on the given panels.
    pub(super) fn curves(&self, panels: &[Panel]) -> Vec<Curve> {
        let tops_of = |index: usize| self.arms.iter().map(|anchor| anchor.tops[index]).collect::<Vec<f64>>();
        self.arms.iter().enumerate().map(|(index, arm)| arm.curve(panels, &tops_of(index))).collect()
    }
}

/// Cuts the axis into as few pieces as the arms allow.
fn fit(arms: &[Arm], powers: f64) -> Vec<Piece> {
    let stops = stops(arms);
    let (mut pieces, mut present, mut from) = (Vec::new(), vec![stops[0].arm], stops[0]);
    for to in &stops[1..] {
        // Stops may be nearer to each other than the rounding of their order; what lies between must not be taken twice.
        if arms[from.arm].position(*to) > from.position {
            fit_between(arms, &present, [from, *to], powers, &mut pieces);
            from = *to;
        }
        if to.position < 0.0 { present.push(to.arm) } else { present.retain(|arm| *arm != to.arm) }
    }
    pieces
}

/// Where the arms begin and end, from left to right.
fn stops(arms: &[Arm]) -> Vec<Stop> {
    let origin = narrowest(arms, 0..arms.len()).unwrap_or_default();
    let of_arm =
        |(arm, Arm { ends, .. }): (usize, &Arm)| [Stop { arm, position: ends.0 }, Stop { arm, position: ends.1 }];
    let mut stops: Vec<Stop> = arms.iter().enumerate().flat_map(of_arm).collect();
    stops.sort_by(|x, y| arms[origin].position(*x).total_cmp(&arms[origin].position(*y)));
    stops
}

/// Fits pieces between two neighbouring stops, given the arms present.
fn fit_between(arms: &[Arm], present: &[usize], [from, to]: [Stop; 2], powers: f64, pieces: &mut Vec<Piece>) {
    // Where there is no arm only the rate counts, and it counts most on the right.
    let anchor = narrowest(arms, present.iter().copied()).unwrap_or(to.arm);
    let Arm { scale, tops, .. } = &arms[anchor];
    let (mut position, last) = (arms[anchor].position(from), arms[anchor].position(to));
    while position < last {
        let width = present
            .iter()
            .map(|arm| arms[*arm].bell.march_width(Side::Above, position - tops[*arm], powers))
            .fold(scale.panel_width(position), f64::min);
        // Rather a slightly wider piece than a sliver at the end.
        let next = if position + 1.1 * width < last { position + width } else { last };
        pieces.push(Piece { anchor, middle: 0.5 * (position + next), half: 0.5 * (next - position) });
        position = next;
    }
}

fn narrowest(arms: &[Arm], candidates: impl Iterator<Item = usize>) -> Option<usize> {
    candidates.min_by(|x, y| arms[*x].bell.deviation().total_cmp(&arms[*y].bell.deviation()))
}

impl Arm {
    fn new(posterior: &Posterior, all: &[Posterior], depth: f64) -> Result<Self> {
        let bell = bell_of(posterior);
        let tops = all.iter().map(|other| top_of(other, posterior)).collect::<Result<Vec<f64>>>()?;
        let scale = match posterior {
            Posterior::Beta(beta) => Scale::LogOdds { a: beta.a(), b: beta.b() },
            Posterior::Gamma(gamma) => {
                let bends = all.iter().zip(&tops).map(|(other, top)| top + bend(bell_of(other)));
                Scale::Logarithm { mean: gamma.mean(), bend: bends.fold(f64::INFINITY, f64::min) }
            }
        };
        let ends = (bell.reach(Side::Below, depth), bell.reach(Side::Above, depth));
        Ok(Self { bell, log_top: bell.log_top(), scale, ends, tops })
    }

    /// Where a stop, of this arm or another, stands relative to the top of this one.
    fn position(&self, stop: Stop) -> f64 {
        self.tops[stop.arm] + stop.position
    }

    /// The arm on the panels, given where its top stands relative to that of each anchor.
    fn curve(&self, panels: &[Panel], tops: &[f64]) -> Curve {
        Curve::from_mass(panels.iter().map(|panel| self.mass(panel.piece, tops[panel.piece.anchor])).collect())
    }

    fn mass(&self, piece: Piece, top: f64) -> Nodal {
        let middle = piece.middle - top;
        if middle < self.ends.0 || middle > self.ends.1 {
            return Nodal::default();
        }
        let log_unit = self.log_top + piece.half.ln();
        RULE.nodes.map(|node| (log_unit - self.bell.fall(middle + piece.half * node)).exp())
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

/// The position below which a Gamma density is a straight line on the log scale.
fn bend(bell: Bell) -> f64 {
    match bell {
        Bell::Logarithm { shape } => -shape.ln().min(0.0),
        Bell::LogOdds { .. } => 0.0,
    }
}

/// Where the top of a posterior stands relative to the top of another.
fn top_of(posterior: &Posterior, anchor: &Posterior) -> Result<f64> {
    match (posterior, anchor) {
        (Posterior::Beta(arm), Posterior::Beta(anchor)) => Ok(log_ratio((arm.a(), anchor.b()), (arm.b(), anchor.a()))),
        (Posterior::Gamma(arm), Posterior::Gamma(anchor)) => {
            Ok(log_ratio((arm.shape(), anchor.rate()), (arm.rate(), anchor.shape())))
        }
        _ => {
            let message = "rates of conversion (Beta) and of events (Gamma) cannot be compared with each other";
            Err(Error::invalid_field("posteriors", "mixed_families", message).hint("compare arms of one metric"))
        }
    }
}
