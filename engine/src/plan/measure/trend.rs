//! Trends (Q-T).

use serde::Serialize;

use crate::error::Result;
use crate::model::metric::TrendMetric;
use crate::plan::{Buckets, EventMatch, Exposure, Library};

/// The number of events per variant and bucket, and how much each variant was exposed (Q-T1, Q-T3, Q-X1, Q-X4).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendMeasure {
    /// The events that count.
    pub counted: EventMatch,
    /// What the events are compared with.
    pub exposure: Exposure,
    /// The buckets of the series.
    pub buckets: Buckets,
}

impl TrendMeasure {
    /// A missing action counts nothing (Q-A5).
    pub(in crate::plan) fn new(
        metric: &TrendMetric,
        library: &Library,
        exposure: Exposure,
        buckets: Buckets,
    ) -> Result<Self> {
        let counted = EventMatch::of(&metric.entity, library)?.unwrap_or(EventMatch::NOTHING);
        Ok(Self { counted, exposure, buckets })
    }
}
