//! What a first query would say of a unit: its value without the rules of the experiment.

use super::{Counted, UnitRecord, UnitRows, aggregate};
use crate::plan::{TimeRange, UnitMeasure, UnitValue};

/// The value of a unit, and what it is divided by, from all events of the experiment's time; with `after_exposure` only from
/// those since its first exposure. Of funnels and retention, whether the last thing happened at all.
#[must_use]
pub fn naive_value(
    measure: &UnitMeasure,
    exposed: TimeRange,
    rows: &UnitRows,
    record: &UnitRecord,
    after_exposure: bool,
) -> (f64, f64) {
    let from = if after_exposure {
        record.first_exposure.saturating_add(measure.window.delay_microseconds)
    } else {
        exposed.from_microseconds
    };
    let counted = Counted { from, to: exposed.until_microseconds - 1 };
    let of = |source: usize| aggregate::aggregate(measure, rows, source, counted);
    match &measure.value {
        UnitValue::Exposure => (1.0, 1.0),
        UnitValue::Mean | UnitValue::Quantile { .. } => (of(0), 1.0),
        UnitValue::Ratio => (of(0), of(1)),
        UnitValue::Funnel(rules) | UnitValue::TimeToConvert(rules) => (of(rules.steps - 1), 1.0),
        UnitValue::Retention(_) => (of(1), 1.0),
    }
}
