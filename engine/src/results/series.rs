//! The course of a modern metric, as the caller is told of it (M-62).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::plan::{BASELINE, UnitMeasure};
use crate::results::{ExperimentSummary, FORMAT_VERSION, Provenance, metric_type};
use crate::stats::UnitCell;

/// How a modern metric came to be, from the first day on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricSeries {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// What the series was computed from.
    pub provenance: Provenance,
    /// The metric's definition.
    pub metric: Value,
    /// Its type, such as `mean` or `funnel`.
    pub metric_type: String,
    /// As of the end of each day of the lab's timezone, over all data since the start; the last is the metric's result.
    pub cumulative: Vec<SeriesPoint>,
    /// Of the units first exposed on each day.
    pub by_exposure_day: Vec<SeriesPoint>,
    /// By days since the first exposure, of units observed that long; tells novelty from lasting effects.
    pub by_days_since_exposure: Vec<SeriesPoint>,
}

/// One of the views of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeriesView {
    /// As of the end of each day, over all data since the start.
    #[default]
    Cumulative,
    /// Of the units first exposed on each day.
    ByExposureDay,
    /// By days since the first exposure.
    ByDaysSinceExposure,
}

impl SeriesView {
    /// All views, in their order.
    pub const ALL: [Self; 3] = [Self::Cumulative, Self::ByExposureDay, Self::ByDaysSinceExposure];

    /// Its machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cumulative => "cumulative",
            Self::ByExposureDay => "by_exposure_day",
            Self::ByDaysSinceExposure => "by_days_since_exposure",
        }
    }
}

impl MetricSeries {
    /// The points of a view.
    #[must_use]
    pub fn points(&self, view: SeriesView) -> &[SeriesPoint] {
        match view {
            SeriesView::Cumulative => &self.cumulative,
            SeriesView::ByExposureDay => &self.by_exposure_day,
            SeriesView::ByDaysSinceExposure => &self.by_days_since_exposure,
        }
    }

    /// The JSON Schema (2020-12) of a series.
    #[must_use]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }
}

/// One point of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesPoint {
    /// The day, or the number of days since the exposure.
    pub label: String,
    /// The variants, the baseline first.
    pub variants: Vec<SeriesVariant>,
}

/// A variant at one point of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesVariant {
    /// The variant's key.
    pub key: String,
    /// The number of units that count.
    pub number_of_samples: u64,
    /// The sum of their values.
    pub sum: f64,
    /// The observed value: the mean, the ratio of the sums, or the quantile.
    pub value: Option<f64>,
    /// The sample variance of the values over units.
    pub variance: Option<f64>,
    /// How much larger the value is than the baseline's, as a share of it.
    pub relative_lift: Option<f64>,
}

/// One row of a series, flat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesRow<'a> {
    /// Which series: `cumulative`, `by_exposure_day` or `by_days_since_exposure`.
    pub view: &'static str,
    /// The day, or the number of days since the exposure.
    pub label: &'a str,
    /// The variant's key.
    pub variant: &'a str,
    /// The number of units that count.
    pub number_of_samples: u64,
    /// The sum of their values.
    pub sum: f64,
    /// The observed value.
    pub value: Option<f64>,
    /// The sample variance of the values over units.
    pub variance: Option<f64>,
    /// How much larger the value is than the baseline's, as a share of it.
    pub relative_lift: Option<f64>,
}

/// The points of three series, by label and cell.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesPoints {
    /// As of the end of each day.
    pub cumulative: Vec<Vec<UnitCell>>,
    /// By day of the first exposure.
    pub by_exposure_day: Vec<Vec<UnitCell>>,
    /// By days since the first exposure.
    pub by_age: Vec<Vec<UnitCell>>,
}

/// Puts the cells of a series into their outward form.
#[must_use]
pub fn metric_series(
    experiment: ExperimentSummary,
    provenance: Provenance,
    definition: &Map<String, Value>,
    measure: &UnitMeasure,
    points: &SeriesPoints,
) -> MetricSeries {
    let by_day = |cells: &[Vec<UnitCell>]| {
        let labelled = measure.days.labels.iter().zip(cells);
        labelled.map(|(label, cells)| point(label.clone(), measure, cells)).collect()
    };
    let ages = points.by_age.iter().enumerate();
    MetricSeries {
        format_version: FORMAT_VERSION,
        experiment,
        provenance,
        metric: Value::Object(definition.clone()),
        metric_type: metric_type(measure).to_owned(),
        cumulative: by_day(&points.cumulative),
        by_exposure_day: by_day(&points.by_exposure_day),
        by_days_since_exposure: ages.map(|(age, cells)| point(age.to_string(), measure, cells)).collect(),
    }
}

/// The rows of a series: one per point and variant.
#[must_use]
pub fn series_rows(series: &MetricSeries) -> Vec<SeriesRow<'_>> {
    let mut rows = Vec::new();
    for view in SeriesView::ALL {
        for point in series.points(view) {
            rows.extend(point.variants.iter().map(|variant| row(view, &point.label, variant)));
        }
    }
    rows
}

fn row<'a>(view: SeriesView, label: &'a str, variant: &'a SeriesVariant) -> SeriesRow<'a> {
    SeriesRow {
        view: view.as_str(),
        label,
        variant: &variant.key,
        number_of_samples: variant.number_of_samples,
        sum: variant.sum,
        value: variant.value,
        variance: variant.variance,
        relative_lift: variant.relative_lift,
    }
}

fn point(label: String, measure: &UnitMeasure, cells: &[UnitCell]) -> SeriesPoint {
    let value = |cell: &UnitCell| cell.value(measure);
    let baseline = cells.iter().find(|cell| cell.variant == BASELINE).and_then(value).filter(|value| *value != 0.0);
    let mut ordered: Vec<&UnitCell> = cells.iter().collect();
    ordered.sort_by_key(|cell| cell.variant != BASELINE);
    let variant = |cell: &UnitCell| SeriesVariant {
        key: cell.variant.clone(),
        number_of_samples: cell.moments.count,
        sum: cell.moments.sum,
        value: value(cell),
        variance: cell.moments.variance(),
        relative_lift: value(cell)
            .filter(|_| cell.variant != BASELINE)
            .and_then(|value| baseline.map(|baseline| value / baseline - 1.0)),
    };
    SeriesPoint { label, variants: ordered.into_iter().map(variant).collect() }
}
