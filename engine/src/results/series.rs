//! The course of a modern metric, as the caller is told of it (M-62).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Result;
use crate::plan::{Statistics, UnitMeasure};
use crate::results::{ExperimentSummary, FORMAT_VERSION, Provenance, metric_type};
use crate::stats::novelty::{Novelty, novelty};
use crate::stats::{UnitCell, observe};

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
    /// What looking every day would have cost, per variant: how often the test for a single look changed its mind.
    #[serde(default)]
    pub peeking: Vec<Peeking>,
    /// How the effect of each variant changes with the days since the exposure.
    #[serde(default)]
    pub novelty: Vec<Novelty>,
}

/// What looking at the end of every day shows of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peeking {
    /// The variant.
    pub variant: String,
    /// The days on which it could be judged.
    pub looks: u32,
    /// The days on which the test for a single look called it significant.
    pub fixed_horizon_significant: u32,
    /// How often that test changed its mind from one day to the next.
    pub fixed_horizon_flips: u32,
    /// The first day on which the answer that holds at any look was significant; it may stay so for good.
    pub anytime_valid_since: Option<String>,
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
    /// The value minus the baseline's, in the unit of the metric.
    #[serde(default)]
    pub difference: Option<f64>,
    /// The standard error of the difference.
    #[serde(default)]
    pub standard_error: Option<f64>,
    /// The lower end of the interval of the lift that holds at any look.
    #[serde(default)]
    pub rel_effect_size_ci_lower: Option<f64>,
    /// Its upper end.
    #[serde(default)]
    pub rel_effect_size_ci_upper: Option<f64>,
    /// The p-value that holds at any look.
    #[serde(default)]
    pub p_value: Option<f64>,
    /// The p-value of a single look.
    #[serde(default)]
    pub p_value_fixed_horizon: Option<f64>,
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
    /// The lower end of the interval of that which holds at any look.
    pub rel_effect_size_ci_lower: Option<f64>,
    /// Its upper end.
    pub rel_effect_size_ci_upper: Option<f64>,
    /// The p-value that holds at any look.
    pub p_value: Option<f64>,
    /// The p-value of a single look.
    pub p_value_fixed_horizon: Option<f64>,
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

/// Puts the cells of a series into their outward form, each point judged as a result of that day would be.
///
/// # Errors
/// As [`observe`].
pub fn metric_series(
    experiment: ExperimentSummary,
    provenance: Provenance,
    definition: &Map<String, Value>,
    measure: &UnitMeasure,
    statistics: &Statistics,
    points: &SeriesPoints,
) -> Result<MetricSeries> {
    let by_day = |cells: &[Vec<UnitCell>]| {
        let labelled = measure.days.labels.iter().zip(cells);
        labelled.map(|(label, cells)| point(label.clone(), measure, statistics, cells)).collect::<Result<Vec<_>>>()
    };
    let ages = points.by_age.iter().enumerate();
    let by_age = ages.map(|(age, cells)| point(age.to_string(), measure, statistics, cells));
    let cumulative = by_day(&points.cumulative)?;
    let by_days_since_exposure = by_age.collect::<Result<Vec<_>>>()?;
    Ok(MetricSeries {
        format_version: FORMAT_VERSION,
        experiment,
        provenance,
        metric: Value::Object(definition.clone()),
        metric_type: metric_type(measure).to_owned(),
        peeking: peeking(&cumulative, statistics.config.alpha),
        novelty: courses(&by_days_since_exposure),
        cumulative,
        by_exposure_day: by_day(&points.by_exposure_day)?,
        by_days_since_exposure,
    })
}

/// What the cumulative points say to somebody who looks at each of them.
fn peeking(points: &[SeriesPoint], alpha: f64) -> Vec<Peeking> {
    let others = points.last().map_or(&[][..], |point| point.variants.get(1..).unwrap_or_default());
    let of_variant = |key: &String| {
        let looks: Vec<(&str, f64, f64)> = points.iter().filter_map(|point| look(point, key)).collect();
        let fixed: Vec<bool> = looks.iter().map(|(_, _, fixed)| *fixed < alpha).collect();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let anytime = looks.iter().find(|(_, anytime, _)| *anytime < alpha);
        Peeking {
            variant: key.clone(),
            looks: count(looks.len()),
            fixed_horizon_significant: count(fixed.iter().filter(|significant| **significant).count()),
            fixed_horizon_flips: count(fixed.windows(2).filter(|pair| pair[0] != pair[1]).count()),
            anytime_valid_since: anytime.map(|(label, _, _)| (*label).to_owned()),
        }
    };
    others.iter().map(|variant| of_variant(&variant.key)).collect()
}

/// How each variant's effect goes with the days since the exposure.
fn courses(points: &[SeriesPoint]) -> Vec<Novelty> {
    let others = points.first().map_or(&[][..], |point| point.variants.get(1..).unwrap_or_default());
    let of_variant = |key: &String| {
        let at = |(day, point): (u32, &SeriesPoint)| {
            let variant = point.variants.iter().find(|variant| variant.key == *key)?;
            Some((f64::from(day), variant.difference?, variant.standard_error?))
        };
        novelty(key, &(0..).zip(points).filter_map(at).collect::<Vec<_>>())
    };
    others.iter().filter_map(|variant| of_variant(&variant.key)).collect()
}

/// The day and both p-values of a variant, where it could be judged.
fn look<'a>(point: &'a SeriesPoint, key: &str) -> Option<(&'a str, f64, f64)> {
    let variant = point.variants.iter().find(|variant| variant.key == key)?;
    Some((&point.label, variant.p_value?, variant.p_value_fixed_horizon?))
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
        rel_effect_size_ci_lower: variant.rel_effect_size_ci_lower,
        rel_effect_size_ci_upper: variant.rel_effect_size_ci_upper,
        p_value: variant.p_value,
        p_value_fixed_horizon: variant.p_value_fixed_horizon,
    }
}

fn point(label: String, measure: &UnitMeasure, statistics: &Statistics, cells: &[UnitCell]) -> Result<SeriesPoint> {
    let observed = observe(measure, cells, statistics)?;
    let mut ordered: Vec<&UnitCell> = cells.iter().collect();
    ordered.sort_by_key(|cell| cell.variant != statistics.config.baseline);
    let variant = |cell: &UnitCell| {
        let compared = observed.comparisons.against_baseline.get(&cell.variant);
        let interval = compared.and_then(|compared| compared.anytime_valid.relative_interval);
        SeriesVariant {
            key: cell.variant.clone(),
            number_of_samples: cell.moments.count,
            sum: cell.moments.sum,
            value: observed.value.get(&cell.variant).copied(),
            variance: cell.moments.variance(),
            relative_lift: observed.relative_lift.get(&cell.variant).copied(),
            difference: compared.map(|compared| compared.difference),
            standard_error: compared.map(|compared| compared.standard_error),
            rel_effect_size_ci_lower: interval.map(|[lower, _]| lower),
            rel_effect_size_ci_upper: interval.map(|[_, upper]| upper),
            p_value: compared.map(|compared| compared.anytime_valid.p_value),
            p_value_fixed_horizon: compared.map(|compared| compared.fixed_horizon.p_value),
        }
    };
    Ok(SeriesPoint { label, variants: ordered.into_iter().map(variant).collect() })
}
