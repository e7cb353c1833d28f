//! What is computed of exposed units: the modern metrics (query rules M-).

mod compile;
mod measure;

pub use compile::{compile_exposure_view, compile_metric, compile_past};

use serde::Serialize;

use super::{Buckets, EventMatch, TimeRange};
use crate::model::experiment_metric::{Aggregation, Outliers, QuantileOf, StartHandling, TableSource, ValueOf};
use crate::model::exposure_criteria::SeveralVariants;
use crate::model::metric::FunnelOrder;

/// A value per exposed unit, summed up per variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitMeasure {
    /// The events that say that a unit was exposed (M-10).
    pub exposure: EventMatch,
    /// The property of such an event that names the variant (M-10); without one, all units are of the first.
    pub variant_property: Option<String>,
    /// What becomes of units that were exposed to several variants (M-13).
    pub several_variants: SeveralVariants,
    /// What is read besides exposures.
    pub sources: Vec<SourceMeasure>,
    /// How a unit's value comes about.
    pub value: UnitValue,
    /// How extreme values are clamped: those of the value, or of a ratio's numerator (M-23, M-41).
    pub outliers: Outliers,
    /// How extreme values of a ratio's denominator are clamped.
    pub denominator_outliers: Outliers,
    /// Which events of a unit count.
    pub window: EventWindow,
    /// How long before the first exposure the covariate reaches back; without it there is none (M-61).
    pub covariate_microseconds: Option<i64>,
    /// How many of the last sources are covariates of their own.
    pub further_covariates: usize,
    /// Properties of the first exposure that the result is broken down by (M-60).
    pub breakdowns: Vec<String>,
    /// The last instant of a first exposure whose window has passed; without it, all units count (M-15).
    pub matured_by_microseconds: Option<i64>,
    /// How long after an exposure the metric looks: the conversion window and the retention.
    pub reach_microseconds: i64,
    /// The days of the lab's timezone that the events lie in.
    pub days: Buckets,
    /// The range of all events that are read.
    pub scanned: TimeRange,
}

impl UnitMeasure {
    /// The sources whose values before the exposure are covariates, where there are several: the metric's own, of a ratio both, then
    /// those it names. Of a single one, nothing: it stands beside the value.
    #[must_use]
    pub fn covariate_sources(&self) -> Vec<usize> {
        let own = match &self.value {
            UnitValue::Mean => vec![0],
            UnitValue::Ratio => vec![0, 1],
            UnitValue::Funnel(rules) => vec![rules.steps - 1],
            _ => Vec::new(),
        };
        let further = self.sources.len() - self.further_covariates..self.sources.len();
        let all: Vec<usize> = own.into_iter().chain(further).collect();
        if self.covariate_microseconds.is_none() || all.len() < 2 { Vec::new() } else { all }
    }
}

/// The bit of an event's roles that marks those of the lab's test accounts, where these are read at all. Bit 0 marks exposures
/// and bit i + 1 source i, so there are at most 30 sources.
pub const TEST_ACCOUNT_ROLE: u32 = 1 << 31;

/// Something that is read from events or rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceMeasure {
    /// Which.
    pub origin: Origin,
    /// How the values of one unit are put together.
    pub aggregation: Aggregation,
    /// What is taken from each.
    pub value: ValueOf,
}

/// Events, or rows of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Events.
    Events(EventMatch),
    /// Rows of a table of the lab.
    Table(TableSource),
}

/// How a unit's value comes about; sources are named by their position.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitValue {
    /// 1: that it was exposed is all that counts.
    Exposure,
    /// The aggregate of the first source (M-20).
    Mean,
    /// The aggregate of the first source, and of the second as the denominator (M-40).
    Ratio,
    /// 1 if all steps were done, else 0; the sources are the steps, then the exclusions (M-30).
    Funnel(SequenceRules),
    /// 1 if the unit came back, of units that began: the first source begins, the second is coming back (M-50).
    Retention(RetentionRules),
    /// Of the first source, a quantile.
    Quantile {
        /// Which, between 0 and 1.
        level: f64,
        /// Of units or of events.
        of: QuantileOf,
    },
    /// Seconds from the first exposure to the last step, of units that got there; the sources are the steps.
    TimeToConvert(SequenceRules),
}

/// The steps of a modern funnel; step 0 is the exposure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SequenceRules {
    /// The number of steps after the exposure.
    pub steps: usize,
    /// How they follow on each other.
    pub order: FunnelOrder,
    /// From which step to which something must not happen, in the order of the sources after the steps (M-34).
    pub exclusions: Vec<(usize, usize)>,
}

/// When a unit came back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RetentionRules {
    /// Which of several starts counts (M-51).
    pub start_handling: StartHandling,
    /// The first period after the start that counts.
    pub first_period: i64,
    /// The last period after the start that counts.
    pub last_period: i64,
    /// How periods are counted.
    pub period: Period,
    /// The last instant that counts, in microseconds since 1970 UTC (M-53).
    pub until_microseconds: i64,
}

/// How the periods of a retention are counted (M-52).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// By the calendar: the buckets of the timezone that the start and the return lie in.
    Calendar(Buckets),
    /// By the clock, from the start on.
    Exact {
        /// The length of a period.
        microseconds: i64,
    },
}

/// Which events of a unit count, by their time (M-21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EventWindow {
    /// How long after the first exposure events begin to count.
    pub delay_microseconds: i64,
    /// How long after an exposure they count; without it, until the experiment ends.
    pub conversion_microseconds: Option<i64>,
    /// How much of the experiment's last time counts; without it, all.
    pub lookback_microseconds: Option<i64>,
}
