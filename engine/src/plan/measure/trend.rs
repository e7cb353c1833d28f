//! Trends (Q-T).

use serde::Serialize;

use crate::error::Result;
use crate::model::exposure::CustomExposure;
use crate::model::metric::{TableRows, TrendMetric, TrendSource};
use crate::plan::{Buckets, EventMatch, Exposure, Library, Population, TrendValue};

/// Something computed per variant and bucket, and how much each variant was exposed (Q-T, Q-X).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendMeasure {
    /// What counts.
    pub counted: Counted,
    /// What is computed from them.
    pub value: TrendValue,
    /// What the events are compared with.
    pub exposure: Exposure,
    /// The buckets of the series.
    pub buckets: Buckets,
}

/// What a trend counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Events, by the variant they carry (Q-V3).
    Events(EventMatch),
    /// Rows of a table, by the variant of their person's last exposure before them (Q-N6).
    Rows {
        /// The rows.
        rows: TableRows,
        /// The events that expose a person.
        exposure: EventMatch,
        /// The property of such an event that names the variant.
        variant_property: String,
    },
}

impl TrendMeasure {
    /// A missing action counts nothing (Q-A5).
    pub(in crate::plan) fn new(
        metric: &TrendMetric,
        custom: Option<&CustomExposure>,
        population: &Population,
        library: &Library,
    ) -> Result<Self> {
        let counted = match &metric.counted {
            TrendSource::Events(entity) => {
                Counted::Events(EventMatch::of(entity, library)?.unwrap_or(EventMatch::NOTHING))
            }
            TrendSource::Rows(rows) => {
                let Exposure { matching, variant_property, .. } = Exposure::of_flag(population);
                Counted::Rows { rows: rows.clone(), exposure: matching, variant_property }
            }
        };
        Ok(Self {
            counted,
            value: TrendValue::of(&metric.math, &population.unit),
            exposure: Exposure::of_trend(metric, custom, population, library)?,
            buckets: Buckets::cover(population.range, metric.interval, &library.settings)?,
        })
    }
}
