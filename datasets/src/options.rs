//! What to generate.

use crate::Error;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Everything that decides the content of a log. Two runs with equal options give the same bytes.
///
/// ```
/// use abduck_datasets::{Options, Pathologies};
///
/// let options = Options {
///     events: 50_000,
///     pathologies: Pathologies { late_rows: 0.01, ..Pathologies::default() },
///     ..Options::default()
/// };
/// assert!(options.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Start of all randomness.
    pub seed: u64,
    /// How many events to generate, before pathologies add or drop some. The last person is generated in full, so
    /// the log may have a few more.
    pub events: u64,
    /// First local day of the log.
    pub start: Date,
    /// Number of local days.
    pub days: u32,
    /// IANA time zone whose clock drives the daily pattern.
    pub zone: String,
    /// Share of people, in percent, that the two flags give a variant; the others are answered `false`.
    pub rollout_percentage: u32,
    /// True effects of the variants.
    pub effects: Effects,
    /// Faults put into the log on purpose.
    pub pathologies: Pathologies,
}

/// True effects of the variants.
///
/// ```
/// // An A/A test: nothing has an effect.
/// let effects = abduck_datasets::Effects {
///     conversion_control: 0.1,
///     conversion_test: 0.1,
///     suggestions_lift: 0.0,
///     semantic_lift: 0.0,
/// };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effects {
    /// Probability that a person who viewed a product purchases, without `quick-checkout` (control and not in rollout).
    pub conversion_control: f64,
    /// The same with `quick-checkout`.
    pub conversion_test: f64,
    /// Relative change of searches per visit by `smart-search` = `suggestions`.
    pub suggestions_lift: f64,
    /// Relative change of searches per visit by `smart-search` = `semantic`.
    pub semantic_lift: f64,
}

/// Faults met in practice, each a share between 0 (off) and 1. Each draws from random numbers of its own, so switching
/// one on changes the rows it concerns and no others.
///
/// ```
/// assert_eq!(abduck_datasets::Pathologies::default().duplicate_rows, 0.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pathologies {
    /// Share of the persons in `quick-checkout` = `test` whose exposures and flag properties were never recorded.
    pub sample_ratio_mismatch: f64,
    /// Share of persons whose flags are evaluated again, under the user id, when they sign in. Many of them land in
    /// another variant (or outside the rollout) from there on.
    pub two_variants: f64,
    /// Share of rows that arrive 1 to 24 hours after they happened: the file's order is not the order of time.
    pub late_rows: f64,
    /// Share of rows that arrive a second time, with the same `uuid`, up to ten minutes later.
    pub duplicate_rows: f64,
    /// Share of events that happen in the same microsecond as the event before them in the visit.
    pub equal_timestamps: f64,
    /// Share of persons who are internal: `is_test_account` on every event and an address at `example.com`.
    pub test_accounts: f64,
}

impl Default for Options {
    /// 200,000 events in four weeks, the last day being that of Europe's clock change in March 2026; no pathologies.
    fn default() -> Self {
        Self {
            seed: 7,
            events: 200_000,
            start: date(2026, 3, 2),
            days: 28,
            zone: "UTC".to_owned(),
            rollout_percentage: 80,
            effects: Effects {
                conversion_control: 0.09,
                conversion_test: 0.115,
                suggestions_lift: 0.01,
                semantic_lift: 0.12,
            },
            pathologies: Pathologies::default(),
        }
    }
}

impl Options {
    /// Refuses values that make no sense, naming the option as it is called on the command line.
    ///
    /// ```
    /// use abduck_datasets::Options;
    ///
    /// let options = Options { zone: "Europe/Atlantis".into(), ..Options::default() };
    /// assert!(options.check().unwrap_err().to_string().starts_with("invalid --zone: "));
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for the first such value.
    pub fn check(&self) -> Result<(), Error> {
        between("events", self.events, 1, 10_000_000_000)?;
        between("days", self.days, 1, 3650)?;
        between("rollout", self.rollout_percentage, 0, 100)?;
        self.time_zone()?;
        let Effects { conversion_control, conversion_test, suggestions_lift, semantic_lift } = self.effects;
        // A desktop visitor converts up to 1.22 times as often as the average, which must stay a probability.
        between("conversion-control", conversion_control, 0.0, 0.8)?;
        between("conversion-test", conversion_test, 0.0, 0.8)?;
        between("suggestions-lift", suggestions_lift, -1.0, 3.0)?;
        between("semantic-lift", semantic_lift, -1.0, 3.0)?;
        let faults = self.pathologies;
        between("sample-ratio-mismatch", faults.sample_ratio_mismatch, 0.0, 1.0)?;
        between("two-variants", faults.two_variants, 0.0, 1.0)?;
        between("late-rows", faults.late_rows, 0.0, 1.0)?;
        between("duplicate-rows", faults.duplicate_rows, 0.0, 1.0)?;
        between("equal-timestamps", faults.equal_timestamps, 0.0, 1.0)?;
        between("test-accounts", faults.test_accounts, 0.0, 1.0)
    }

    pub(crate) fn time_zone(&self) -> Result<TimeZone, Error> {
        TimeZone::get(&self.zone).map_err(|error| Error::option("zone", error))
    }
}

fn between<T: PartialOrd + Copy + Display>(option: &'static str, value: T, low: T, high: T) -> Result<(), Error> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::option(option, format!("must be between {low} and {high}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_bounds_are_refused_by_name() {
        let share = |two_variants| Pathologies { two_variants, ..Pathologies::default() };
        for value in [-0.1, 1.1, f64::NAN] {
            let options = Options { pathologies: share(value), ..Options::default() };
            assert_eq!(options.check().unwrap_err().to_string(), "invalid --two-variants: must be between 0 and 1");
        }
        assert!(Options { pathologies: share(1.0), ..Options::default() }.check().is_ok());
    }
}
