//! What modern metrics show before they are judged: the observed values, and what is too little to judge (M-66).

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::table_metric::TableValue;
use crate::plan::{BASELINE, UnitMeasure, UnitValue};
use crate::stats::{UnitCell, UnitCells};

/// The observed values of a modern metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observations {
    /// Each variant's observed value: the mean, the ratio of the sums, or the quantile; only where there is one.
    pub value: IndexMap<String, f64>,
    /// How much larger a variant's value is than the baseline's, as a share of the baseline's; only where that is not zero.
    pub relative_lift: IndexMap<String, f64>,
    /// What each variant lacks to be judged; only variants that lack something.
    pub shortfalls: IndexMap<String, Vec<Shortfall>>,
}

/// What a variant lacks to be judged (M-66).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shortfall {
    /// Fewer than 50 units.
    NotEnoughExposures,
    /// Fewer than 5 units of a funnel or a retention reached the end.
    NotEnoughMetricData,
    /// The baseline's sum is 0.
    BaselineMeanIsZero,
}

/// The fewest units that a variant is judged by (M-66).
const UNITS_MIN: u64 = 50;

/// The smallest sum of a funnel or a retention that is judged (M-66).
const SUM_MIN: f64 = 5.0;

impl UnitCell {
    /// The observed value of a metric: the mean, the ratio of the sums, or the quantile. `None` where there is none.
    #[must_use]
    pub fn value(&self, measure: &UnitMeasure) -> Option<f64> {
        match measure.value {
            UnitValue::Quantile { .. } => self.quantile.map(|quantile| quantile.value),
            UnitValue::Ratio => self.ratio(),
            _ => self.mean(),
        }
    }

    fn ratio(&self) -> Option<f64> {
        (self.moments.other.sum != 0.0).then(|| self.moments.sum / self.moments.other.sum)
    }

    fn mean(&self) -> Option<f64> {
        (self.moments.count > 0).then(|| self.moments.mean())
    }
}

/// The observed values of a modern metric, the baseline first.
#[must_use]
pub fn observe(measure: &UnitMeasure, cells: &UnitCells) -> Observations {
    let mut ordered: Vec<&UnitCell> = cells.variants.iter().collect();
    ordered.sort_by_key(|cell| cell.variant != BASELINE);
    observations(BASELINE, &ordered, |cell| cell.value(measure), |cell| shortfalls(measure, cell))
}

/// The observed values of a metric of a table; the first cell is the baseline's.
#[must_use]
pub fn observe_table(value: &TableValue, cells: &[UnitCell]) -> Observations {
    let Some(baseline) = cells.first() else { return Observations::default() };
    let observed = |cell: &UnitCell| match value {
        TableValue::Quantile { .. } => cell.quantile.map(|quantile| quantile.value),
        TableValue::Ratio { .. } => cell.ratio(),
        TableValue::Mean { .. } | TableValue::Proportion { .. } => cell.mean(),
    };
    let lacks = |cell: &UnitCell| {
        lacking(
            cell,
            matches!(value, TableValue::Proportion { .. }),
            !matches!(value, TableValue::Quantile { .. }) && cell.variant == baseline.variant,
        )
    };
    observations(&baseline.variant, &cells.iter().collect::<Vec<_>>(), observed, lacks)
}

fn observations(
    baseline: &str,
    ordered: &[&UnitCell],
    value: impl Fn(&UnitCell) -> Option<f64>,
    shortfalls: impl Fn(&UnitCell) -> Vec<Shortfall>,
) -> Observations {
    let value: IndexMap<String, f64> =
        ordered.iter().filter_map(|cell| Some((cell.variant.clone(), value(cell)?))).collect();
    let compared = value.get(baseline).copied().filter(|value| *value != 0.0);
    let others = value.iter().filter(|(key, _)| *key != baseline);
    let relative_lift = others.filter_map(|(key, value)| Some((key.clone(), value / compared? - 1.0))).collect();
    let shortfalls = ordered.iter().map(|cell| (cell.variant.clone(), shortfalls(cell)));
    Observations { relative_lift, shortfalls: shortfalls.filter(|(_, lacks)| !lacks.is_empty()).collect(), value }
}

fn shortfalls(measure: &UnitMeasure, cell: &UnitCell) -> Vec<Shortfall> {
    let is_share = matches!(measure.value, UnitValue::Funnel(_) | UnitValue::Retention(_));
    let has_mean = !matches!(measure.value, UnitValue::Quantile { .. });
    lacking(cell, is_share, has_mean && cell.variant == BASELINE)
}

fn lacking(cell: &UnitCell, is_share: bool, is_baseline_of_means: bool) -> Vec<Shortfall> {
    let mut lacks = Vec::new();
    if cell.moments.count < UNITS_MIN {
        lacks.push(Shortfall::NotEnoughExposures);
    }
    if is_share && cell.moments.sum < SUM_MIN {
        lacks.push(Shortfall::NotEnoughMetricData);
    }
    if is_baseline_of_means && cell.moments.sum == 0.0 {
        lacks.push(Shortfall::BaselineMeanIsZero);
    }
    lacks
}
