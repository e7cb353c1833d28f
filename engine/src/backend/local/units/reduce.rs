//! Summing up units per variant.

use std::collections::BTreeMap;
use std::thread;

use super::clamp::Bounds;
use super::quantile::quantile;
use crate::kernel::units::UnitRecord;
use crate::model::experiment_metric::QuantileOf;
use crate::model::exposure_criteria::SeveralVariants;
use crate::plan::{UnitMeasure, UnitValue};
use crate::stats::adjust::MultiMoments;
use crate::stats::{BreakdownCells, Moments, SeveralVariantsCells, UnitCell, UnitCells};

/// Sums up the records of all exposed units, per variant.
#[must_use]
pub fn reduce<'a>(
    variants: &[String],
    measure: &UnitMeasure,
    records: impl IntoIterator<Item = &'a UnitRecord>,
) -> UnitCells {
    let mut immature_units = 0;
    let is_mature = |record: &&UnitRecord| {
        immature_units += u64::from(!record.is_mature);
        record.is_mature
    };
    let mature: Vec<&UnitRecord> = records.into_iter().filter(is_mature).collect();
    let cells = |handling| cells(variants, measure, &kept(&mature, handling));
    // The same units seen in another way take as long again, so they are looked at meanwhile.
    let (cells, breakdowns, several_variants) = thread::scope(|scope| {
        let several_variants = scope.spawn(|| several_variants(variants, measure, &mature));
        let breakdowns = breakdowns(variants, measure, &mature);
        let cells = cells(measure.several_variants);
        let several_variants = several_variants.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (cells, breakdowns, several_variants)
    });
    UnitCells { variants: cells, breakdowns, several_variants, immature_units }
}

/// How far the units that saw several variants matter.
fn several_variants(variants: &[String], measure: &UnitMeasure, mature: &[&UnitRecord]) -> SeveralVariantsCells {
    let units = mature.iter().filter(|record| record.has_several_variants()).count() as u64;
    if units == 0 {
        return SeveralVariantsCells { units, otherwise: Vec::new(), mean_bounds: Vec::new() };
    }
    let otherwise = match measure.several_variants {
        SeveralVariants::Exclude => SeveralVariants::FirstSeen,
        SeveralVariants::FirstSeen => SeveralVariants::Exclude,
    };
    SeveralVariantsCells {
        units,
        otherwise: cells(variants, measure, &kept(mature, otherwise)),
        mean_bounds: mean_bounds(variants, measure, mature),
    }
}

/// The units that count in some variant.
pub(super) fn kept<'a>(records: &[&'a UnitRecord], handling: SeveralVariants) -> Vec<&'a UnitRecord> {
    let is_kept = |record: &&&UnitRecord| {
        record.is_counted && (handling == SeveralVariants::FirstSeen || !record.has_several_variants())
    };
    records.iter().filter(is_kept).copied().collect()
}

/// One cell per variant. Percentiles to clamp at are those of all variants together (M-23).
pub(super) fn cells(variants: &[String], measure: &UnitMeasure, records: &[&UnitRecord]) -> Vec<UnitCell> {
    let clamped = clamped(measure, records);
    let mut by_variant: Vec<Vec<usize>> = vec![Vec::new(); variants.len()];
    for (index, record) in records.iter().enumerate() {
        by_variant[record.variant].push(index);
    }
    let cell = |(key, units): (&String, Vec<usize>)| UnitCell {
        variant: key.clone(),
        moments: Moments::of(&units.iter().map(|index| clamped[*index]).collect::<Vec<_>>()),
        units_by_step: by_step(measure, units.iter().map(|index| records[*index])),
        quantile: match &measure.value {
            UnitValue::Quantile { level, of } => {
                let values: Vec<&[f64]> = units.iter().map(|index| values_of(records[*index], *of)).collect();
                quantile(*level, &values)
            }
            _ => None,
        },
        covaried: covaried(measure, units.iter().map(|index| (clamped[*index], records[*index]))),
    };
    variants.iter().zip(by_variant).map(cell).collect()
}

/// The moments of values and covariates, where there are several covariates. Values that are too large for their squares to be
/// numbers have none.
fn covaried<'a>(
    measure: &UnitMeasure,
    units: impl Iterator<Item = ((f64, f64), &'a UnitRecord)>,
) -> Option<MultiMoments> {
    if measure.covariate_sources().is_empty() {
        return None;
    }
    let is_ratio = matches!(measure.value, UnitValue::Ratio);
    let row = |((value, other), record): ((f64, f64), &UnitRecord)| {
        let outcome = if is_ratio { vec![value, other] } else { vec![value] };
        [outcome, record.covariates.clone()].concat()
    };
    MultiMoments::of(&units.map(row).collect::<Vec<_>>()).ok()
}

/// The value of each unit and its second value: what it is divided by, or its covariate.
fn clamped(measure: &UnitMeasure, records: &[&UnitRecord]) -> Vec<(f64, f64)> {
    let values = Bounds::of(&measure.outliers, records.iter().map(|record| record.value));
    let denominators = Bounds::of(&measure.denominator_outliers, records.iter().map(|record| record.denominator));
    let other = |record: &UnitRecord| match measure.value {
        UnitValue::Ratio | UnitValue::Retention(_) => denominators.clamp(record.denominator),
        _ => record.covariate,
    };
    records.iter().map(|record| (values.clamp(record.value), other(record))).collect()
}

fn values_of(record: &UnitRecord, of: QuantileOf) -> &[f64] {
    match of {
        QuantileOf::Unit => std::slice::from_ref(&record.value),
        QuantileOf::Event => &record.event_values,
    }
}

fn by_step<'a>(measure: &UnitMeasure, records: impl Iterator<Item = &'a UnitRecord>) -> Vec<u64> {
    let UnitValue::Funnel(rules) = &measure.value else { return Vec::new() };
    let mut steps = vec![0; rules.steps];
    for record in records {
        steps[..record.steps].iter_mut().for_each(|units| *units += 1);
    }
    steps
}

/// The same, for each combination of properties of the first exposure (M-60); percentiles are those of the combination.
fn breakdowns(variants: &[String], measure: &UnitMeasure, records: &[&UnitRecord]) -> Vec<BreakdownCells> {
    if measure.breakdowns.is_empty() {
        return Vec::new();
    }
    let mut parts: BTreeMap<&[Option<String>], Vec<&UnitRecord>> = BTreeMap::new();
    for record in kept(records, measure.several_variants) {
        parts.entry(&record.breakdown).or_default().push(record);
    }
    let part = |(values, records): (&[Option<String>], Vec<&UnitRecord>)| BreakdownCells {
        values: values.to_vec(),
        variants: cells(variants, measure, &records),
    };
    parts.into_iter().map(part).collect()
}

/// Per variant, the least and the greatest mean that taking in any of the units exposed to several variants, of which it was
/// one, can give, beside the units that saw no other.
fn mean_bounds(variants: &[String], measure: &UnitMeasure, records: &[&UnitRecord]) -> Vec<Option<[f64; 2]>> {
    if matches!(measure.value, UnitValue::Quantile { .. }) {
        return vec![None; variants.len()];
    }
    let all = kept(records, SeveralVariants::FirstSeen);
    let values = clamped(measure, &all);
    let has_denominator = matches!(measure.value, UnitValue::Ratio | UnitValue::Retention(_));
    let pair = |index: usize| (values[index].0, if has_denominator { values[index].1 } else { 1.0 });
    let bounds = |variant: usize| {
        let (mut sure, mut unsure) = ((0.0, 0.0), Vec::new());
        for (index, record) in all.iter().enumerate().filter(|(_, record)| record.variants_seen >> variant & 1 != 0) {
            let (value, denominator) = pair(index);
            if record.has_several_variants() {
                unsure.push((value, denominator));
            } else {
                sure = (sure.0 + value, sure.1 + denominator);
            }
        }
        (sure.1 > 0.0).then(|| [-1.0, 1.0].map(|direction| direction * most(direction, sure, &unsure)))
    };
    (0..variants.len()).map(bounds).collect()
}

/// The greatest mean, times the direction, that taking in some of the units can give (Dinkelbach 1967: a unit is worth taking
/// in if it lies above the mean; taking in all such raises it, until none is left out that does).
fn most(direction: f64, sure: (f64, f64), unsure: &[(f64, f64)]) -> f64 {
    let mut mean = direction * sure.0 / sure.1;
    loop {
        let worth = unsure.iter().filter(|(value, denominator)| direction * value > mean * denominator);
        let (value, denominator) = worth.fold(sure, |sum, unit| (sum.0 + unit.0, sum.1 + unit.1));
        let next = direction * value / denominator;
        if next <= mean {
            return mean;
        }
        mean = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_choice_of_units_gives_more(
            sure in (-5.0..5.0_f64, 1.0..5.0_f64), unsure in prop::collection::vec((-5.0..5.0_f64, 0.0..2.0_f64), 0..8),
        ) {
            let best = (0..1_u32 << unsure.len()).map(|choice| {
                let chosen = unsure.iter().enumerate().filter(|(index, _)| choice >> index & 1 != 0);
                let (value, denominator) = chosen.fold(sure, |sum, (_, unit)| (sum.0 + unit.0, sum.1 + unit.1));
                value / denominator
            }).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!((most(1.0, sure, &unsure) - best).abs() < 1e-9);
        }
    }
}
