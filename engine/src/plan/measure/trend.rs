//! Trends (Q-T).

use serde::Serialize;

use crate::error::Result;
use crate::model::exposure::CustomExposure;
use crate::model::metric::TrendMetric;
use crate::plan::{Buckets, EventMatch, Exposure, Library, Population, TrendValue};

/// Something computed per variant and bucket, and how much each variant was exposed (Q-T, Q-X).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendMeasure {
    /// The events that count.
    pub counted: EventMatch,
    /// What is computed from them.
    pub value: TrendValue,
    /// What the events are compared with.
    pub exposure: Exposure,
    /// The buckets of the series.
    pub buckets: Buckets,
}

impl TrendMeasure {
    /// A missing action counts nothing (Q-A5).
    pub(in crate::plan) fn new(
        metric: &TrendMetric,
        custom: Option<&CustomExposure>,
        population: &Population,
        library: &Library,
    ) -> Result<Self> {
        Ok(Self {
            counted: EventMatch::of(&metric.entity, library)?.unwrap_or(EventMatch::NOTHING),
            value: TrendValue::of(&metric.math, &population.unit),
            exposure: Exposure::of_trend(metric, custom, population, library)?,
            buckets: Buckets::cover(population.range, metric.interval, &library.settings)?,
        })
    }
}
