//! What exactly is to be computed.
//!
//! [`compile`] turns the nouns of an experiment into a [`Plan`] with nothing left to decide: instants instead of dates,
//! conditions instead of names, bucket edges instead of a timezone. The plan holds no display names; it is hashed for the
//! cache ([`Plan::fingerprint`]), shown by `explain`, and rendered as SQL.

mod buckets;
mod fingerprint;
mod measure;
mod population;

pub use buckets::Buckets;
pub use fingerprint::Visible;
pub use measure::{Deadline, EventMatch, FunnelMeasure, Measure, TrendMeasure};
pub use population::{BASELINE, Population, TimeRange};

use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::experiment::Experiment;
use crate::model::flag::FeatureFlag;
use crate::model::metric::Metric;
use crate::model::settings::LabSettings;

/// Everything that decides the numbers of one metric of one experiment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Which rules apply.
    pub semantics: Semantics,
    /// Which events and variants are looked at.
    pub population: Population,
    /// What is computed from them.
    pub measure: Measure,
}

/// The generation of rules a plan follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Semantics {
    /// The reference system as of late 2024 (rules Q-).
    Compatible,
}

/// Compiles the primary metric of an experiment, as of a moment.
///
/// # Errors
/// `NotReady` for a draft (B-6) and before the experiment begins; `Invalid` when the metric or the lab's test-account filters are wrong or not supported.
pub fn compile(experiment: &Experiment, flag: &FeatureFlag, settings: &LabSettings, as_of: Timestamp) -> Result<Plan> {
    // Without a metric, the reference says so first; without a start it crashes (B-6).
    if experiment.is_draft() && !experiment.filters.is_empty() {
        return Err(no_start());
    }
    let metric = Metric::parse(&experiment.filters)?;
    refuse_other_statistics(experiment)?;
    let start = experiment.start_date.ok_or_else(no_start)?;
    if as_of < start {
        return Err(Error::not_ready(format!("the experiment begins on {start}, which is after {as_of}"))
            .hint("ask for results once it has begun, or for a later moment"));
    }
    let range = TimeRange::new(start, experiment.end_date, as_of);
    refuse_aggregation_by_distinct_id(settings)?;
    let (filter_test_accounts, measure) = match &metric {
        Metric::Trend(trend) => {
            measure::refuse_custom_exposure(experiment)?;
            let buckets = Buckets::cover(range, trend.interval, &settings.timezone, settings.week_start_day)?;
            (trend.filter_test_accounts, Measure::Trend(TrendMeasure::new(trend, buckets)))
        }
        Metric::Funnel(funnel) => (funnel.filter_test_accounts, Measure::Funnel(FunnelMeasure::new(funnel, settings)?)),
    };
    let population = Population::new(experiment, flag, settings, range, filter_test_accounts)?;
    Ok(Plan { semantics: Semantics::Compatible, population, measure })
}

fn no_start() -> Error {
    Error::not_ready("Experiment does not have a start date").hint("launch it first: `abduck experiment launch KEY`")
}

/// Refuses statistics other than the compatible ones of version 1: only these are built.
fn refuse_other_statistics(experiment: &Experiment) -> Result<()> {
    let asked = experiment.stats_config.iter().filter(|(_, value)| !value.is_null());
    match asked.into_iter().find(|(key, value)| *key != "version" || **value != 1) {
        None => Ok(()),
        Some((key, value)) => Err(Error::invalid_field(
            format!("stats_config.{key}"),
            "unsupported",
            format!("the statistics setting {value} is not supported yet"),
        )
        .hint("supported: {\"version\": 1}, or no settings")),
    }
}

/// Refuses to count distinct ids: only persons are built.
fn refuse_aggregation_by_distinct_id(settings: &LabSettings) -> Result<()> {
    if settings.aggregate_users_by_distinct_id {
        return Err(Error::invalid_field(
            "aggregate_users_by_distinct_id",
            "unsupported",
            "counting distinct ids instead of persons is not supported yet",
        )
        .hint("switch the lab's setting aggregate_users_by_distinct_id off"));
    }
    Ok(())
}
