//! What modern metrics show before they are judged: the observed values, and what is too little to judge (M-66).

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
            UnitValue::Ratio => (self.moments.other.sum != 0.0).then(|| self.moments.sum / self.moments.other.sum),
            _ => (self.moments.count > 0).then(|| self.moments.mean()),
        }
    }
}

/// The observed values of a modern metric, the baseline first.
#[must_use]
pub fn observe(measure: &UnitMeasure, cells: &UnitCells) -> Observations {
    let mut ordered: Vec<&UnitCell> = cells.variants.iter().collect();
    ordered.sort_by_key(|cell| cell.variant != BASELINE);
    let value: IndexMap<String, f64> =
        ordered.iter().filter_map(|cell| Some((cell.variant.clone(), cell.value(measure)?))).collect();
    let baseline = value.get(BASELINE).copied().filter(|value| *value != 0.0);
    let others = value.iter().filter(|(key, _)| *key != BASELINE);
    let relative_lift = others.filter_map(|(key, value)| Some((key.clone(), value / baseline? - 1.0))).collect();
    let shortfalls = ordered.iter().map(|cell| (cell.variant.clone(), shortfalls(measure, cell)));
    Observations { relative_lift, shortfalls: shortfalls.filter(|(_, lacks)| !lacks.is_empty()).collect(), value }
}

fn shortfalls(measure: &UnitMeasure, cell: &UnitCell) -> Vec<Shortfall> {
    let is_share = matches!(measure.value, UnitValue::Funnel(_) | UnitValue::Retention(_));
    let mut lacks = Vec::new();
    if cell.moments.count < UNITS_MIN {
        lacks.push(Shortfall::NotEnoughExposures);
    }
    if is_share && cell.moments.sum < SUM_MIN {
        lacks.push(Shortfall::NotEnoughMetricData);
    }
    let has_mean = !matches!(measure.value, UnitValue::Quantile { .. });
    if has_mean && cell.variant == BASELINE && cell.moments.sum == 0.0 {
        lacks.push(Shortfall::BaselineMeanIsZero);
    }
    lacks
}
