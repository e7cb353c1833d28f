//! Golden values for post-stratified differences, made with mpmath at 50 digits from single units and rounded to
//! doubles; the p-values agree with `SciPy`.
#![allow(clippy::unreadable_literal, reason = "the values are kept as they were printed")]

use super::{Outcome, Stratum, Target};
use crate::stats::Moments;

/// What comes of the strata below.
pub(super) struct Golden {
    pub(super) outcome: Outcome,
    pub(super) target: Target,
    /// The value, the variance per unit and the degrees of freedom.
    pub(super) control: [f64; 3],
    pub(super) treatment: [f64; 3],
    pub(super) within_variance: f64,
    pub(super) between_variance: f64,
    pub(super) variance_reduction: f64,
    /// Of the fixed-horizon test.
    pub(super) p_value: f64,
}

/// Four strata, of which the effect differs.
pub(super) fn strata() -> Vec<Stratum> {
    let sizes = [("a", 12, 25), ("b", 40, 18), ("c", 7, 9), ("d", 30, 33)];
    let stratum = |(index, (name, control, treatment)): (i32, (&str, i32, i32))| Stratum {
        name: name.into(),
        control: moments(index, 0, control),
        treatment: moments(index, 1, treatment),
    };
    (0..).zip(sizes).map(stratum).collect()
}

fn moments(stratum: i32, arm: i32, count: i32) -> Moments {
    let (level, treated) = (f64::from(stratum), f64::from(arm));
    let row = |unit: i32| {
        let hash = |a: i32, b: i32, modulus: i32| (a * unit * unit + b * unit + 7 * arm + 3 * stratum) % modulus;
        let own = f64::from(hash(37, 11, 101)) / 16.0 + level * 5.0 + treated * (1.0 + level / 4.0);
        (own, f64::from(hash(5, 3, 7) + 2 + stratum))
    };
    Moments::of(&(0..count).map(row).collect::<Vec<_>>())
}

pub(super) const GOLDEN: [Golden; 4] = [
    Golden {
        outcome: Outcome::Mean,
        target: Target::Units,
        control: [11.421008654898742, 2.7151182122945836, 63.02668044206955],
        treatment: [13.069612068965517, 3.0612208857318235, 57.546650626687764],
        within_variance: 0.06652130956710799,
        between_variance: 0.0,
        variance_reduction: 0.9290829502922693,
        p_value: 3.3572392298388184e-09,
    },
    Golden {
        outcome: Outcome::Mean,
        target: Target::Population,
        control: [11.421008654898742, 2.7300607740072227, 63.72093755113418],
        treatment: [13.069612068965517, 3.074850479012194, 58.05943731287942],
        within_variance: 0.06652130956710799,
        between_variance: 0.0003282421080670618,
        variance_reduction: 0.9287330178864666,
        p_value: 3.5372197748072316e-09,
    },
    Golden {
        outcome: Outcome::Ratio,
        target: Target::Units,
        control: [1.8847859751057958, 0.4049718388080919, 48.884971422892676],
        treatment: [2.1867409346323794, 0.5614077704882351, 58.017812141997595],
        within_variance: 0.01115504267972779,
        between_variance: 0.0,
        variance_reduction: 0.4655010093244052,
        p_value: 0.00512004119363859,
    },
    Golden {
        outcome: Outcome::Ratio,
        target: Target::Population,
        control: [1.8847859751057958, 0.4051206281810827, 48.920895686856674],
        treatment: [2.1867409346323794, 0.5615434860822078, 58.04586382319025],
        within_variance: 0.01115504267972779,
        between_variance: 3.2684447545002884e-06,
        variance_reduction: 0.46534440029362717,
        p_value: 0.0051257785231053855,
    },
];
