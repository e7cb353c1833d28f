//! Golden values for adjusted differences, made with mpmath at 50 digits from single units and rounded to doubles.
//! Slopes, values and (per arm) residual variances agree with statsmodels 0.15: OLS of the outcome on arm and
//! covariates, centred at the mean of both arms, with products of arm and covariates where slopes are per arm; of a
//! ratio, OLS of the linearised values.
#![allow(clippy::unreadable_literal, reason = "the values are kept as they were printed")]

use super::{Outcome, Slopes};

/// What comes of an adjustment of the units below.
pub(super) struct Golden {
    pub(super) outcome: Outcome,
    pub(super) slopes: Slopes,
    pub(super) control_slopes: &'static [f64],
    pub(super) treatment_slopes: &'static [f64],
    /// The value and the variance per unit.
    pub(super) control: [f64; 2],
    pub(super) treatment: [f64; 2],
    pub(super) variance_reduction: f64,
}

/// Units of both arms: what a ratio divides, what it divides by, and three covariates; all are exact.
pub(super) fn units() -> [Vec<[f64; 5]>; 2] {
    [(0, 60), (1, 80)].map(|(arm, count)| (0..count).map(|unit| row(arm, unit)).collect())
}

fn row(arm: i32, unit: i32) -> [f64; 5] {
    let hash = |a: i32, b: i32, modulus: i32| (a * unit * unit + b * unit + 7 * arm) % modulus;
    let treated = f64::from(arm);
    let (visits, age, pages) =
        (f64::from(hash(3, 5, 31)) / 4.0, f64::from(hash(7, 2, 53) - 20), f64::from(hash(11, 13, 19)) * 1024.0);
    let below = f64::from(hash(5, 3, 7) + 2 + hash(3, 5, 31) / 8);
    let rest = f64::from(hash(37, 11, 101)) / 16.0;
    let slope = 2.0 * (1.0 + treated / 4.0);
    let own = slope * visits - age / 8.0 * (1.0 + treated) + pages / 4096.0 + rest + 2.0 * below + 1.5 * treated;
    [own, below, visits, age, pages]
}

pub(super) const GOLDEN: [Golden; 8] = [
    Golden {
        outcome: Outcome::Mean,
        slopes: Slopes::Pooled,
        control_slopes: &[3.375969321488659],
        treatment_slopes: &[3.375969321488659],
        control: [23.12920479771567, 26.7687484545979],
        treatment: [25.04372140171325, 36.63567969653692],
        variance_reduction: 0.6024171403681037,
    },
    Golden {
        outcome: Outcome::Mean,
        slopes: Slopes::Pooled,
        control_slopes: &[3.6403169853968556, -0.20077084166230208, 0.0003278806123295956],
        treatment_slopes: &[3.6403169853968556, -0.20077084166230208, 0.0003278806123295956],
        control: [22.713219580417135, 21.146306683688305],
        treatment: [25.35571031468715, 20.771800939333804],
        variance_reduction: 0.7308294534963957,
    },
    Golden {
        outcome: Outcome::Mean,
        slopes: Slopes::PerArm,
        control_slopes: &[3.1462300054848495],
        treatment_slopes: &[3.59633761381206],
        control: [23.08489792962922, 27.1523051533537],
        treatment: [25.011846702287897, 37.167885806431364],
        variance_reduction: 0.5966803964494347,
    },
    Golden {
        outcome: Outcome::Mean,
        slopes: Slopes::PerArm,
        control_slopes: &[3.3149848878866806, -0.13505099213950228, 0.0003702013297609347],
        treatment_slopes: &[3.8157080173076823, -0.2660908131000508, 0.00020879234170680162],
        control: [22.812089249507505, 21.982950763820423],
        treatment: [25.45419326237686, 21.849702280188897],
        variance_reduction: 0.7187722032212266,
    },
    Golden {
        outcome: Outcome::Ratio,
        slopes: Slopes::Pooled,
        control_slopes: &[0.13253972752520318],
        treatment_slopes: &[0.13253972752520318],
        control: [4.240209670665575, 0.8334551763205186],
        treatment: [4.719953205056213, 1.6647078904939014],
        variance_reduction: 0.044020712443192216,
    },
    Golden {
        outcome: Outcome::Ratio,
        slopes: Slopes::Pooled,
        control_slopes: &[0.17127481382336468, -0.03043264876606699, 4.328324159908549e-05],
        treatment_slopes: &[0.17127481382336468, -0.03043264876606699, 4.328324159908549e-05],
        control: [4.176522211476527, 0.7849138904599033],
        treatment: [4.767718799447999, 1.273104222399317],
        variance_reduction: 0.20116787663860594,
    },
    Golden {
        outcome: Outcome::Ratio,
        slopes: Slopes::PerArm,
        control_slopes: &[0.06766913397444507],
        treatment_slopes: &[0.19476426171224234],
        control: [4.227698913337929, 0.8416082225299131],
        treatment: [4.7109528706470165, 1.6910348904433958],
        variance_reduction: 0.031210735771154022,
    },
    Golden {
        outcome: Outcome::Ratio,
        slopes: Slopes::PerArm,
        control_slopes: &[0.09061777714333341, -0.01725577913123667, 3.496393002964228e-05],
        treatment_slopes: &[0.23286297121829955, -0.039406994631747905, 4.1810739141058276e-05],
        control: [4.19238697587274, 0.8007825440144466],
        treatment: [4.775173187335171, 1.347691853757985],
        variance_reduction: 0.168195381132414,
    },
];
