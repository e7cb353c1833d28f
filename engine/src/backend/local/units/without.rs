//! A metric with and without its largest units: does one unit make the result?

use crate::error::Result;
use crate::events::{Interrupt, Reader};
use crate::kernel::columns::UnitKey;
use crate::kernel::units::{UnitRecord, View, evaluate};
use crate::model::exposure_criteria::SeveralVariants;
use crate::plan::{Plan, UnitMeasure};
use crate::stats::UnitCell;

use super::for_each_unit;
use super::reduce::{cells, kept};

/// The variants with all units, without the largest, and which those are.
#[derive(Clone, Debug, PartialEq)]
pub struct WithoutLargest {
    /// The variants with all units.
    pub all: Vec<UnitCell>,
    /// The variants without the largest units.
    pub without: Vec<UnitCell>,
    /// The largest units, the largest first: which, the position of its variant, and its value.
    pub largest: Vec<(UnitKey, usize, f64)>,
}

/// Takes out so many units whose values are farthest from 0, whatever their variant; of equal ones, those that were exposed first.
///
/// # Errors
/// As [`for_each_unit`].
pub fn without_largest(
    plan: &Plan,
    measure: &UnitMeasure,
    count: usize,
    reader: &Reader,
    interrupt: &Interrupt,
) -> Result<WithoutLargest> {
    let mut units: Vec<(UnitKey, UnitRecord)> = Vec::new();
    for_each_unit(plan, measure, reader, interrupt, &mut |unit, rows| {
        let record = evaluate(measure, plan.population.range, rows, View::whole(measure));
        units.extend(record.filter(|record| record.is_mature).map(|record| (unit.clone(), record)));
        Ok(())
    })?;
    let counts = |record: &UnitRecord| {
        record.is_counted && (measure.several_variants == SeveralVariants::FirstSeen || !record.has_several_variants())
    };
    units.retain(|(_, record)| counts(record));
    units.sort_by(|(unit, a), (other, b)| {
        let larger = b.value.abs().total_cmp(&a.value.abs());
        larger.then_with(|| (a.first_exposure, unit).cmp(&(b.first_exposure, other)))
    });
    let variants = &plan.population.variants;
    let of = |units: &[(UnitKey, UnitRecord)]| {
        let records: Vec<&UnitRecord> = units.iter().map(|(_, record)| record).collect();
        cells(variants, measure, &kept(&records, measure.several_variants))
    };
    let count = count.min(units.len());
    let named = |(unit, record): &(UnitKey, UnitRecord)| (unit.clone(), record.variant, record.value);
    Ok(WithoutLargest {
        all: of(&units),
        without: of(&units[count..]),
        largest: units[..count].iter().map(named).collect(),
    })
}
