//! One number out of the events of a unit (M-20).

use super::{Counted, UnitRows};
use crate::model::experiment_metric::Aggregation;

/// The aggregate of a source's events between two instants; 0 without any.
pub(super) fn aggregate(aggregation: Aggregation, rows: &UnitRows, source: usize, counted: Counted) -> f64 {
    let count = || f64::from(u32::try_from(matching(rows, source, counted).count()).unwrap_or(u32::MAX));
    let numbers = || values(rows, source, counted);
    match aggregation {
        Aggregation::Total => count(),
        Aggregation::Any => count().min(1.0),
        Aggregation::Sum => numbers().sum(),
        Aggregation::Average => {
            let events = count();
            if events > 0.0 { numbers().sum::<f64>() / events } else { 0.0 }
        }
        Aggregation::Minimum => numbers().reduce(f64::min).unwrap_or(0.0),
        Aggregation::Maximum => numbers().reduce(f64::max).unwrap_or(0.0),
        Aggregation::Distinct => distinct(rows, source, counted),
    }
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
