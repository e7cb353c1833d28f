//! The truth about the sample log, and whether a result finds it again.

use abduck::report::{Cell, Table, number};
use abduck::results::{VariantRow, rows};
use abduck::stats::number as counts;
use abduck::{Error, ExperimentResult, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was planted in the sample log and counted while it was made; the file says more than is read here.
#[derive(Debug, Deserialize)]
pub(super) struct Truth {
    /// Definitions to create the experiments with.
    pub(super) experiments: Vec<Value>,
    flags: Vec<FlagTruth>,
}

#[derive(Debug, Deserialize)]
struct FlagTruth {
    key: String,
    variants: Vec<VariantTruth>,
}

#[derive(Debug, Deserialize)]
struct VariantTruth {
    key: String,
    planted_lift: f64,
    counted: Counts,
}

#[derive(Debug, Deserialize)]
struct Counts {
    exposed_persons: u64,
    searches: u64,
    funnel_persons: Vec<u64>,
}

/// One variant of a result beside the truth.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    feature_flag_key: String,
    variant: String,
    #[serde(serialize_with = "counts::one")]
    units: f64,
    units_in_truth: u64,
    #[serde(serialize_with = "counts::one")]
    count: f64,
    count_in_truth: u64,
    /// Whether both counts are those of the truth.
    pub(super) counts_equal: bool,
    planted_lift: Option<f64>,
    observed_lift: Option<f64>,
    /// The smallest and the largest lift that the intervals of the variant and of control allow.
    lift_between: Option<[f64; 2]>,
    /// Whether the planted lift is one of those.
    pub(super) planted_lift_allowed: Option<bool>,
}

impl Truth {
    pub(super) fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::bug(format!("the sample's truth cannot be read: {error}")))
    }

    /// Compares every variant of a result with what was planted and counted.
    pub(super) fn compare(&self, result: &ExperimentResult) -> Result<Vec<Comparison>> {
        let key = &result.experiment.feature_flag_key;
        let unknown = || Error::bug(format!("the sample's truth does not know {key}"));
        let flag = self.flags.iter().find(|flag| flag.key == *key).ok_or_else(unknown)?;
        let rows = rows(result);
        let (baseline, is_funnel) = (rows.first().ok_or_else(unknown)?, is_funnel(result));
        let compare = |row: &VariantRow| {
            let truth = flag.variants.iter().find(|variant| variant.key == row.variant).ok_or_else(unknown)?;
            Ok(truth.compare(key, row, baseline, is_funnel))
        };
        rows.iter().map(compare).collect()
    }
}

impl VariantTruth {
    fn compare(&self, key: &str, row: &VariantRow, baseline: &VariantRow, is_funnel: bool) -> Comparison {
        let (units_in_truth, count_in_truth) = self.counted.units_and_count(is_funnel);
        let is_baseline = row.variant == baseline.variant;
        let lift_between = if is_baseline { None } else { lift_between(row, baseline) };
        Comparison {
            feature_flag_key: key.to_owned(),
            variant: row.variant.clone(),
            units: row.units,
            units_in_truth,
            count: row.count,
            count_in_truth,
            counts_equal: [row.units, row.count] == [units_in_truth, count_in_truth].map(counts::from_count),
            planted_lift: (!is_baseline).then_some(self.planted_lift),
            observed_lift: row.rel_effect_size,
            lift_between,
            planted_lift_allowed: lift_between.map(|[low, high]| (low..=high).contains(&self.planted_lift)),
        }
    }
}

impl Counts {
    fn units_and_count(&self, is_funnel: bool) -> (u64, u64) {
        let funnel = (self.funnel_persons.first().copied(), self.funnel_persons.last().copied());
        match funnel {
            (Some(entered), Some(converted)) if is_funnel => (entered, converted),
            _ => (self.exposed_persons, self.searches),
        }
    }
}

/// All comparisons as one table.
pub(super) fn table(comparisons: &[Comparison]) -> Table {
    let mut table =
        Table::new(&["flag", "variant", "counts equal", "planted lift", "observed lift", "intervals allow", "found"]);
    let answer = |answer: bool| if answer { "yes" } else { "no" };
    for comparison in comparisons {
        let allowed = comparison.lift_between.map_or_else(
            || "–".to_owned(),
            |[low, high]| format!("{} … {}", number::signed_percent(low), number::signed_percent(high)),
        );
        table.push(vec![
            Cell::text(&comparison.feature_flag_key),
            Cell::text(&comparison.variant),
            Cell::text(answer(comparison.counts_equal)),
            Cell::optional(comparison.planted_lift, number::signed_percent),
            Cell::optional(comparison.observed_lift, number::signed_percent),
            Cell::text(allowed),
            Cell::text(comparison.planted_lift_allowed.map_or("–", answer)),
        ]);
    }
    table
}

fn is_funnel(result: &ExperimentResult) -> bool {
    matches!(result.result, abduck::results::MetricResult::Funnel { .. })
}

/// From one end of the intervals against the other: wider than an interval of the lift itself, and true without one.
fn lift_between(row: &VariantRow, baseline: &VariantRow) -> Option<[f64; 2]> {
    let low = row.rate_ci_lower? / baseline.rate_ci_upper? - 1.0;
    let high = row.rate_ci_upper? / baseline.rate_ci_lower? - 1.0;
    Some([low, high])
}
