//! Does the effect of a variant change with the time since the exposure?
//!
//! The differences by days since the exposure are fitted with a straight line, each weighted by its precision. The same units stand
//! behind several days; where their values go together, which is the rule, the slope is surer than is said here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dist::normal_sf;

/// How the difference of a variant to the baseline changes with the days since the exposure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Novelty {
    /// The variant.
    pub variant: String,
    /// The days since the exposure that could be judged, at least 3.
    pub days: u32,
    /// The change of the difference per day, in the unit of the metric.
    pub slope_per_day: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The p-value of no change, for a single look.
    pub p_value: f64,
    /// What that means.
    pub course: Course,
}

/// The course of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// It is not known to change.
    Steady,
    /// It goes towards zero, or beyond it: novelty wears off.
    Fading,
    /// It goes away from zero: people learn.
    Growing,
}

/// Below this p-value a change is called one.
const CHANGE_P_VALUE: f64 = 0.01;
/// A line through fewer points says nothing.
const DAYS_MIN: usize = 3;

/// Fits differences by day since the exposure, each with its standard error; `None` of fewer than three days.
///
/// ```
/// use abduck::stats::novelty::{Course, novelty};
///
/// let fading: Vec<(f64, f64, f64)> = [2.0, 1.6, 1.1, 0.7, 0.2].into_iter().zip(0..).map(|(d, day)| (f64::from(day), d, 0.1)).collect();
/// let novelty = novelty("test", &fading).unwrap();
/// assert!((novelty.slope_per_day + 0.45).abs() < 1e-12);
/// assert_eq!(novelty.course, Course::Fading);
/// ```
#[must_use]
pub fn novelty(variant: &str, points: &[(f64, f64, f64)]) -> Option<Novelty> {
    let usable = |(day, difference, error): &&(f64, f64, f64)| {
        day.is_finite() && difference.is_finite() && *error > 0.0 && error.is_finite()
    };
    let points: Vec<_> = points.iter().filter(usable).collect();
    if points.len() < DAYS_MIN {
        return None;
    }
    // Weights relative to the most precise day, so that none overflows.
    let least = points.iter().map(|(_, _, error)| *error).fold(f64::INFINITY, f64::min);
    let weight = |error: f64| (least / error) * (least / error);
    let total: f64 = points.iter().map(|(_, _, error)| weight(*error)).sum();
    let mean = |value: fn(&(f64, f64, f64)) -> f64| {
        points.iter().map(|point| weight(point.2) * value(point)).sum::<f64>() / total
    };
    let (day, difference) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|(x, _, error)| weight(*error) * (x - day) * (x - day)).sum();
    let together: f64 = points.iter().map(|(x, y, error)| weight(*error) * (x - day) * (y - difference)).sum();
    if spread <= 0.0 {
        return None;
    }
    let (slope, standard_error) = (together / spread, least / spread.sqrt());
    let p_value = (2.0 * normal_sf((slope / standard_error).abs())).min(1.0);
    let first = points.iter().map(|(x, ..)| *x).fold(f64::INFINITY, f64::min);
    let at_first = difference + slope * (first - day);
    let course = if p_value >= CHANGE_P_VALUE {
        Course::Steady
    } else if slope * at_first < 0.0 {
        Course::Fading
    } else {
        Course::Growing
    };
    let days = u32::try_from(points.len()).unwrap_or(u32::MAX);
    let is_number = slope.is_finite() && standard_error.is_finite();
    is_number.then(|| Novelty {
        variant: variant.to_owned(),
        days,
        slope_per_day: slope,
        standard_error,
        p_value,
        course,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_that_of_weighted_least_squares() {
        // statsmodels 0.14: WLS([1.0, 1.4, 0.9, 2.2, 2.1], add_constant(range(5)), weights = 1 / [0.2, 0.3, 0.25, 0.4, 0.5]^2),
        // with normalised covariance (the errors are known).
        let points = [(0.0, 1.0, 0.2), (1.0, 1.4, 0.3), (2.0, 0.9, 0.25), (3.0, 2.2, 0.4), (4.0, 2.1, 0.5)];
        let novelty = novelty("test", &points).unwrap();
        assert!((novelty.slope_per_day - 0.233_681_430_146_908_73).abs() < 1e-12, "{}", novelty.slope_per_day);
        assert!((novelty.standard_error - 0.100_939_352_522_045_25).abs() < 1e-12, "{}", novelty.standard_error);
        assert!((novelty.p_value - 0.020_609_229_822_026_04).abs() < 1e-12, "{}", novelty.p_value);
    }

    #[test]
    fn an_effect_that_grows_or_stays_is_no_novelty() {
        let line =
            |slope: f64| (0..9).map(|day| (f64::from(day), 1.0 + slope * f64::from(day), 0.1)).collect::<Vec<_>>();
        assert_eq!(novelty("test", &line(0.2)).unwrap().course, Course::Growing);
        assert_eq!(novelty("test", &line(-0.2)).unwrap().course, Course::Fading);
        assert_eq!(novelty("test", &line(0.0)).unwrap().course, Course::Steady);
        let worse: Vec<_> = line(0.2).into_iter().map(|(day, difference, error)| (day, -difference, error)).collect();
        assert_eq!(novelty("test", &worse).unwrap().course, Course::Growing);
    }

    #[test]
    fn too_few_days_and_days_that_are_not_known_say_nothing() {
        assert_eq!(novelty("test", &[(0.0, 1.0, 0.1), (1.0, 1.0, 0.1)]), None);
        assert_eq!(novelty("test", &[(0.0, 1.0, 0.1), (1.0, f64::NAN, 0.1), (2.0, 1.0, 0.0), (3.0, 1.0, 0.1)]), None);
        assert_eq!(novelty("test", &[(1.0, 1.0, 0.1), (1.0, 2.0, 0.1), (1.0, 3.0, 0.1)]), None);
    }
}
