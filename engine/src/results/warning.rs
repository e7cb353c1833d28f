//! What to be careful about when reading a result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{BASELINE, Counted, ExposureOrigin, Measure, Plan};
use crate::results::units::unit_warnings;
use crate::stats::comparison::Comparison;
use crate::stats::mismatch::ALARM_P_VALUE;
use crate::stats::{FunnelCell, FunnelCells, Measured, Outcome, TrendCells};

/// Something to be careful about, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// The machine-readable name.
    pub code: String,
    /// What was seen.
    pub message: String,
    /// What to do next.
    pub next_step: String,
}

/// The share of persons or events in no variant from which on it is worth a warning.
const LEFT_OUT_SHARE: f64 = 0.05;

/// The warnings that the counts of a metric, and what they say, give rise to.
#[must_use]
pub fn warnings(plan: &Plan, measured: &Measured, outcome: &Outcome) -> Vec<Warning> {
    let mut warnings = count_warnings(plan, measured);
    if let Outcome::Observed(observations) = outcome {
        warnings.extend(observations.comparisons.against_baseline.iter().filter_map(pre_exposure_bias));
    }
    warnings
}

/// A difference that was there before the exposure.
fn pre_exposure_bias((variant, comparison): (&String, &Comparison)) -> Option<Warning> {
    let adjusted = comparison.adjusted.as_ref().filter(|adjusted| adjusted.covariate_p_value < ALARM_P_VALUE)?;
    Some(Warning {
        code: "pre_exposure_bias".into(),
        message: format!(
            "the units of '{variant}' differed from the baseline's before they were exposed (by {:.4}, any-time p {:.1e})",
            adjusted.covariate_difference,
            adjusted.covariate_p_value.max(f64::MIN_POSITIVE)
        ),
        next_step: "do not trust the unadjusted difference; find out whether the variants were assigned at random: \
                    `abduck experiment audit KEY`"
            .into(),
    })
}

fn count_warnings(plan: &Plan, measured: &Measured) -> Vec<Warning> {
    match measured {
        Measured::Trend(cells) => trend_warnings(plan, cells),
        Measured::Funnel(cells) => funnel_warnings(plan, cells).into_iter().collect(),
        Measured::Units(cells) => match &plan.measure {
            Measure::Units(measure) => unit_warnings(measure, cells, &plan.statistics.config.baseline),
            Measure::Trend(_) | Measure::Funnel(_) => Vec::new(),
        },
    }
}

fn trend_warnings(plan: &Plan, cells: &TrendCells) -> Vec<Warning> {
    let Measure::Trend(trend) = &plan.measure else { return Vec::new() };
    let is_impossible = matches!(&trend.counted, Counted::Events(matching) if matching.any_of.is_empty());
    let nothing = is_impossible.then(matches_nothing);
    let unexposed = cells.variants.iter().filter(|cell| cell.events > 0 && cell.exposures <= 0.0);
    let unexposed = unexposed.map(|cell| no_exposure(&cell.variant, trend.exposure.origin));
    let inside: u64 = cells.variants.iter().map(|cell| cell.events).sum();
    let outside = cells.events_without_variant;
    let left_out = left_out(inside, outside, || match &trend.counted {
        Counted::Events(_) => {
            format!("{outside} of {} events of the metric carry no variant of the flag", inside + outside)
        }
        Counted::Rows { .. } => {
            format!("{outside} of {} rows of the table belong to nobody exposed before", inside + outside)
        }
    });
    nothing.into_iter().chain(unexposed).chain(left_out).collect()
}

/// Q-A5: the reference gives no series, without saying why.
fn matches_nothing() -> Warning {
    Warning {
        code: "missing_action".into(),
        message: "no event can match the metric: its action does not exist, or has no steps".into(),
        next_step: "create the action or give it steps, or choose another metric".into(),
    }
}

/// Q-X6: the compatible statistics count such a variant as exposed once, which says nothing.
fn no_exposure(variant: &str, origin: ExposureOrigin) -> Warning {
    let consequence =
        if variant == BASELINE { "it counts as one, and all as equally exposed," } else { "it counts as one" };
    let (what, next_step) = match origin {
        ExposureOrigin::Flag | ExposureOrigin::Metric => (
            "exposed person",
            "send a `$feature_flag_called` event with `$feature_flag` and `$feature_flag_response` whenever the flag is \
             evaluated",
        ),
        ExposureOrigin::Custom => {
            ("event of the custom exposure", "check that the events of the exposure carry `$feature/<flag key>`")
        }
    };
    Warning {
        code: "no_exposure".into(),
        message: format!("variant '{variant}' has events but no {what}; {consequence} in the statistics"),
        next_step: next_step.into(),
    }
}

fn funnel_warnings(plan: &Plan, cells: &FunnelCells) -> Option<Warning> {
    let inside: u64 = cells.variants.iter().map(FunnelCell::entered).sum();
    let outside = cells.persons_without_variant + cells.persons_with_foreign_variant;
    left_out(inside, outside, || {
        format!(
            "{outside} of {} {} in the funnel belong to no variant: {} without a flag value, {} with an unknown one",
            inside + outside,
            plan.population.unit.plural(),
            cells.persons_without_variant,
            cells.persons_with_foreign_variant
        )
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn left_out(inside: u64, outside: u64, message: impl FnOnce() -> String) -> Option<Warning> {
    let share = outside as f64 / (inside + outside).max(1) as f64;
    (share >= LEFT_OUT_SHARE).then(|| Warning {
        code: "left_out".into(),
        message: message(),
        next_step: "expected when only a part of the traffic is in the experiment; otherwise check that events carry \
                    `$feature/<flag key>`"
            .into(),
    })
}
