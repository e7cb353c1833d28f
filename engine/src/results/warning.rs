//! What to be careful about when reading a result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::BASELINE;
use crate::stats::{FunnelCell, FunnelCells, Measured, TrendCell, TrendCells};

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

/// The warnings that the counts of a metric give rise to.
#[must_use]
pub fn warnings(measured: &Measured) -> Vec<Warning> {
    match measured {
        Measured::Trend(cells) => trend_warnings(cells),
        Measured::Funnel(cells) => funnel_warnings(cells).into_iter().collect(),
    }
}

fn trend_warnings(cells: &TrendCells) -> Vec<Warning> {
    let unexposed = cells.variants.iter().filter(|cell| cell.events() > 0 && cell.exposed_persons == 0);
    let inside: u64 = cells.variants.iter().map(TrendCell::events).sum();
    let outside = cells.events_without_variant;
    let left_out = left_out(inside, outside, || {
        format!("{outside} of {} events of the metric carry no variant of the flag", inside + outside)
    });
    unexposed.map(|cell| no_exposure(&cell.variant)).chain(left_out).collect()
}

/// Q-X6: the compatible statistics count such a variant as one exposed person, which says nothing.
fn no_exposure(variant: &str) -> Warning {
    let consequence =
        if variant == BASELINE { "it counts as one, and all as equally exposed," } else { "it counts as one" };
    Warning {
        code: "no_exposure".into(),
        message: format!("variant '{variant}' has events but no exposed person; {consequence} in the statistics"),
        next_step:
            "send a `$feature_flag_called` event with `$feature_flag` and `$feature_flag_response` whenever the \
                    flag is evaluated"
                .into(),
    }
}

fn funnel_warnings(cells: &FunnelCells) -> Option<Warning> {
    let inside: u64 = cells.variants.iter().map(FunnelCell::entered).sum();
    let outside = cells.persons_without_variant + cells.persons_with_foreign_variant;
    left_out(inside, outside, || {
        format!(
            "{outside} of {} persons in the funnel belong to no variant: {} without a flag value, {} with an unknown one",
            inside + outside,
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
