//! What a funnel counted.

use serde::{Deserialize, Serialize};

/// What the variants counted in a funnel, and who belongs to none of them. Persons stand for whatever unit the plan has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelCells {
    /// One cell per known variant.
    pub variants: Vec<FunnelCell>,
    /// Persons that entered the funnel without any flag value on the events that are asked (Q-F7).
    pub persons_without_variant: u64,
    /// Persons that entered the funnel with unknown flag values only, on the events that are asked (Q-F6).
    pub persons_with_foreign_variant: u64,
}

/// What a variant counted in a funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelCell {
    /// The variant's key.
    pub variant: String,
    /// The number of persons that reached at least step k, for each step (Q-F2).
    pub persons_by_step: Vec<u64>,
    /// How long the persons took to each step after the first; `None` where nobody reached it (Q-F15).
    pub conversion_times: Vec<Option<ConversionTime>>,
}

/// How long persons took from one step to the next, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversionTime {
    /// The mean over persons.
    pub average_seconds: f64,
    /// The median over persons; the mean of the middle two of an even number.
    pub median_seconds: f64,
}

impl ConversionTime {
    /// Of the times of some persons, in any order; `None` of nobody.
    #[must_use]
    pub fn of(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.sort_unstable_by(f64::total_cmp);
        let middle = seconds.len() / 2;
        let upper = *seconds.get(middle)?;
        let lower = if seconds.len().is_multiple_of(2) { seconds[middle - 1] } else { upper };
        // A running mean does not lose small times beside a large total.
        let mean = |(mean, count): (f64, f64), seconds: &f64| (mean + (seconds - mean) / (count + 1.0), count + 1.0);
        let (average_seconds, _) = seconds.iter().fold((0.0, 0.0), mean);
        Some(Self { average_seconds, median_seconds: f64::midpoint(lower, upper) })
    }
}

impl FunnelCell {
    /// The number of persons that entered the funnel.
    #[must_use]
    pub fn entered(&self) -> u64 {
        self.persons_by_step.first().copied().unwrap_or(0)
    }

    /// The number of persons that completed the funnel.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.persons_by_step.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_times_have_a_mean_and_a_median() {
        let time = ConversionTime::of(vec![4.0, 1.0, 10.0]).unwrap();
        assert_eq!((time.average_seconds, time.median_seconds), (5.0, 4.0));
        assert_eq!(ConversionTime::of(vec![4.0, 1.0, 10.0, 2.0]).unwrap().median_seconds, 3.0);
        assert!(ConversionTime::of(Vec::new()).is_none());
    }
}
