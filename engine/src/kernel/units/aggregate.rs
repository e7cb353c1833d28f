//! One number out of the events of a unit (M-20).

use std::collections::HashSet;

use super::{Counted, UnitRows};
use crate::model::experiment_metric::{Aggregation, ValueOf};
use crate::plan::{SourceMeasure, UnitMeasure};

/// The aggregate of a source's events between two instants; 0 without any.
pub(super) fn aggregate(measure: &UnitMeasure, rows: &UnitRows, source: usize, counted: Counted) -> f64 {
    let SourceMeasure { aggregation, value, .. } = &measure.sources[source];
    if *aggregation == Aggregation::Distinct {
        return distinct(rows, source, counted);
    }
    if matches!(value, ValueOf::SessionNumber(_)) {
        return of(*aggregation, &of_sessions(rows, source, counted));
    }
    if matches!(aggregation, Aggregation::Total | Aggregation::Any) {
        let events = matching(rows, source, counted).count();
        let count = f64::from(u32::try_from(events).unwrap_or(u32::MAX));
        return if *aggregation == Aggregation::Any { count.min(1.0) } else { count };
    }
    of(*aggregation, &values(rows, source, counted).collect::<Vec<_>>())
}

fn of(aggregation: Aggregation, numbers: &[f64]) -> f64 {
    let count = f64::from(u32::try_from(numbers.len()).unwrap_or(u32::MAX));
    match aggregation {
        Aggregation::Average if numbers.is_empty() => 0.0,
        Aggregation::Average => numbers.iter().sum::<f64>() / count,
        Aggregation::Minimum => numbers.iter().copied().reduce(f64::min).unwrap_or(0.0),
        Aggregation::Maximum => numbers.iter().copied().reduce(f64::max).unwrap_or(0.0),
        Aggregation::Sum => numbers.iter().sum(),
        Aggregation::Total | Aggregation::Any | Aggregation::Distinct => count,
    }
}

/// The number of each session, once; it belongs to the unit if its first event of the source counts (M-24).
fn of_sessions(rows: &UnitRows, source: usize, counted: Counted) -> Vec<f64> {
    let mut seen = HashSet::new();
    let everything = Counted { from: i64::MIN, to: counted.to };
    let first_of_session = |row: &usize| rows.texts[source][*row] != 0 && seen.insert(rows.texts[source][*row]);
    matching(rows, source, everything)
        .filter(first_of_session)
        .filter(|row| rows.timestamps[*row] >= counted.from)
        .map(|row| Some(rows.numbers[source][row]).filter(|number| !number.is_nan()).unwrap_or(0.0))
        .collect()
}

/// The numbers of a source's events between two instants; what is no number counts as 0 (M-20).
pub(super) fn values(rows: &UnitRows, source: usize, counted: Counted) -> impl Iterator<Item = f64> + '_ {
    let numbers = &rows.numbers[source];
    matching(rows, source, counted)
        .map(|row| numbers.get(row).copied().filter(|number| !number.is_nan()).unwrap_or(0.0))
}

/// The rows of a source between two instants.
fn matching(rows: &UnitRows, source: usize, counted: Counted) -> impl Iterator<Item = usize> + '_ {
    let begin = rows.timestamps.partition_point(|timestamp| *timestamp < counted.from);
    let end = rows.timestamps.partition_point(|timestamp| *timestamp <= counted.to);
    (begin..end.max(begin)).filter(move |row| rows.roles[*row] >> (source + 1) & 1 != 0)
}

/// How many different texts, or numbers, there are.
fn distinct(rows: &UnitRows, source: usize, counted: Counted) -> f64 {
    let mut seen: Vec<u64> = if rows.texts[source].is_empty() {
        // Numbers are told apart by their bits; both zeros are one.
        let numbers = matching(rows, source, counted).map(|row| rows.numbers[source][row]);
        numbers.filter(|number| !number.is_nan()).map(|number| (number + 0.0).to_bits()).collect()
    } else {
        let texts = matching(rows, source, counted).map(|row| u64::from(rows.texts[source][row]));
        texts.filter(|text| *text != 0).collect()
    };
    seen.sort_unstable();
    seen.dedup();
    f64::from(u32::try_from(seen.len()).unwrap_or(u32::MAX))
}
