//! One of the two posteriors, on the scale on which it is a bell.

use crate::stats::bayes::Posterior;
use crate::stats::believed::BellPosterior;
use crate::stats::bell::{Bell, PANEL_POWERS, Side, odds_shares};
use crate::stats::dist::{Beta, Gamma};
use crate::stats::lognormal::LogNormal;

/// A posterior of any of the families.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Marginal {
    /// A conversion rate.
    Beta(Beta),
    /// An event rate per unit of exposure.
    Gamma(Gamma),
    /// A mean over units, or what varies like one.
    Bell(BellPosterior),
    /// A positive value whose logarithm is normal.
    LogNormal(LogNormal),
}

/// What kind of value a posterior is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Beta,
    Gamma,
    Bell,
    LogNormal,
}

/// How far the log density falls before a posterior is taken to have ended: a probability of about 1e-20.
const DEPTH: f64 = 46.0;

impl From<Posterior> for Marginal {
    fn from(posterior: Posterior) -> Self {
        match posterior {
            Posterior::Beta(beta) => Self::Beta(beta),
            Posterior::Gamma(gamma) => Self::Gamma(gamma),
        }
    }
}

impl From<BellPosterior> for Marginal {
    fn from(posterior: BellPosterior) -> Self {
        Self::Bell(posterior)
    }
}

impl From<LogNormal> for Marginal {
    fn from(posterior: LogNormal) -> Self {
        Self::LogNormal(posterior)
    }
}

impl Marginal {
    /// The value below which the share `probability` lies; not a number unless `probability` is in [0, 1].
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        match self {
            Self::Beta(beta) => beta.quantile(probability),
            Self::Gamma(gamma) => gamma.quantile(probability),
            Self::Bell(bell) => bell.quantile(probability),
            Self::LogNormal(normal) => normal.quantile(probability),
        }
    }

    /// The value above which the share `probability` lies, as surely as a tail of 1 can be told.
    pub(super) fn upper_quantile(&self, probability: f64) -> f64 {
        match self {
            Self::Bell(bell) => -bell.mirrored().quantile(probability),
            Self::LogNormal(normal) => 1.0 / normal.inverse().quantile(probability),
            Self::Beta(_) | Self::Gamma(_) => self.quantile(1.0 - probability),
        }
    }

    pub(super) fn family(&self) -> Family {
        match self {
            Self::Beta(_) => Family::Beta,
            Self::Gamma(_) => Family::Gamma,
            Self::Bell(_) => Family::Bell,
            Self::LogNormal(_) => Family::LogNormal,
        }
    }

    /// The value at a position of the scale.
    pub(super) fn value(&self, position: f64) -> f64 {
        match self {
            Self::Beta(beta) => odds_shares(beta.a(), beta.b(), position).0,
            Self::Gamma(gamma) => gamma.mean() * position.exp(),
            Self::Bell(bell) => bell.location() + bell.scale() * position,
            Self::LogNormal(normal) => (normal.log_mean() + normal.log_sd() * position).exp(),
        }
    }

    /// The position of a value; infinite where the family has none such.
    pub(super) fn position(&self, value: f64) -> f64 {
        match self {
            Self::Beta(beta) => beta.offset(value),
            Self::Gamma(gamma) => gamma.offset(value),
            Self::Bell(bell) => (value - bell.location()) / bell.scale(),
            Self::LogNormal(_) if value <= 0.0 => f64::NEG_INFINITY,
            Self::LogNormal(normal) => (value.ln() - normal.log_mean()) / normal.log_sd(),
        }
    }

    /// The change of the value with the position.
    pub(super) fn value_per_position(&self, position: f64) -> f64 {
        match self {
            Self::Beta(beta) => {
                let (share, complement) = odds_shares(beta.a(), beta.b(), position);
                share * complement
            }
            Self::Gamma(_) => self.value(position),
            Self::Bell(bell) => bell.scale(),
            Self::LogNormal(normal) => normal.log_sd() * self.value(position),
        }
    }

    /// The density per unit of the position.
    pub(super) fn mass(&self, position: f64) -> f64 {
        match self {
            Self::Beta(beta) => of_bell(beta.bell(), position),
            Self::Gamma(gamma) => of_bell(gamma.bell(), position),
            Self::Bell(bell) => bell.standard_density(position),
            Self::LogNormal(_) => crate::stats::dist::normal_pdf(position),
        }
    }

    /// Where it lies: of a bell its location; others have their place at 0.
    pub(super) fn centre(&self) -> f64 {
        match self {
            Self::Bell(bell) => bell.location(),
            _ => 0.0,
        }
    }

    /// The same around 0.
    pub(super) fn centred(self) -> Self {
        match self {
            Self::Bell(bell) => Self::Bell(bell.centred()),
            other => other,
        }
    }

    /// By how much a position moves when a value as large as this is rounded: a bell that is narrow beside it is a staircase to
    /// doubles, and no halving makes it smoother.
    pub(super) fn grain(&self, value: f64) -> f64 {
        match self {
            Self::Bell(bell) => f64::EPSILON * value.abs() / bell.scale(),
            _ => 0.0,
        }
    }

    /// The edges of panels on which 16 nodes resolve the density, from where it begins to where it ends.
    pub(super) fn edges(&self) -> Vec<f64> {
        match self {
            Self::Beta(beta) => edges_of_bell(beta.bell()),
            Self::Gamma(gamma) => edges_of_bell(gamma.bell()),
            Self::Bell(bell) => bell.edges(),
            Self::LogNormal(_) => BellPosterior::STANDARD.edges(),
        }
    }
}

fn of_bell(bell: Bell, position: f64) -> f64 {
    (bell.log_top() - bell.fall(position)).exp()
}

fn edges_of_bell(bell: Bell) -> Vec<f64> {
    let (mut position, end) = (bell.reach(Side::Below, DEPTH), bell.reach(Side::Above, DEPTH));
    let mut edges = vec![position];
    while position < end {
        let width = bell.march_width(Side::Above, position, PANEL_POWERS);
        position = if position + 1.1 * width < end { position + width } else { end };
        edges.push(position);
    }
    edges
}
