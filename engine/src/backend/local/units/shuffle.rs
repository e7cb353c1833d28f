//! The units of a metric in other variants than they were: what the metric comes to when the variants mean nothing, or when an effect
//! is planted.

use crate::error::Result;
use crate::events::{Interrupt, Reader};
use crate::kernel::units::{UnitRecord, View, evaluate};
use crate::plan::{Plan, UnitMeasure, UnitValue};
use crate::stats::UnitCells;

use super::for_each_unit;
use super::reduce::{cells, kept, reduce};

/// The units that count, to be put into two variants again and again.
#[derive(Clone, Debug)]
pub struct Shuffle<'a> {
    variants: [String; 2],
    measure: &'a UnitMeasure,
    records: Vec<UnitRecord>,
    /// The value of the metric over all units.
    value: f64,
}

/// Reads the units of a metric that count; `variants` are the baseline and the one compared with it.
///
/// # Errors
/// As [`for_each_unit`].
pub fn shuffle<'a>(
    plan: &Plan,
    measure: &'a UnitMeasure,
    variants: [String; 2],
    reader: &Reader,
    interrupt: &Interrupt,
) -> Result<Shuffle<'a>> {
    let mut records = Vec::new();
    for_each_unit(plan, measure, reader, interrupt, &mut |_, rows| {
        records.extend(evaluate(measure, plan.population.range, rows, View::whole(measure)));
        Ok(())
    })?;
    let mature: Vec<&UnitRecord> = records.iter().filter(|record| record.is_mature).collect();
    let alone = |record: &&UnitRecord| UnitRecord { variant: 0, variants_seen: 1, ..(*record).clone() };
    let records: Vec<UnitRecord> = kept(&mature, measure.several_variants).iter().map(alone).collect();
    let whole = cells(&variants[..1], measure, &records.iter().collect::<Vec<_>>());
    let value = whole.first().and_then(|cell| cell.value(measure)).unwrap_or_default();
    Ok(Shuffle { variants, measure, records, value })
}

impl Shuffle<'_> {
    /// The number of units.
    #[must_use]
    pub fn units(&self) -> usize {
        self.records.len()
    }

    /// The value of the metric over all units.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// What the metric comes to in a round, with a relative effect planted in the second variant; every unit is in either variant with
    /// the same probability, which depends on the round alone.
    #[must_use]
    pub fn round(&self, round: u64, lift: f64) -> UnitCells {
        let assigned = |(index, record): (usize, &UnitRecord)| {
            let draw = mixed(mixed(round) ^ index as u64);
            let mut record = record.clone();
            record.variant = usize::from(draw & 1 == 1);
            record.variants_seen = 1 << record.variant;
            if record.variant == 1 {
                self.plant(&mut record, lift, draw >> 1);
            }
            record
        };
        let records: Vec<UnitRecord> = self.records.iter().enumerate().map(assigned).collect();
        reduce(&self.variants, self.measure, &records)
    }

    /// Multiplies a value; of a share, moves as many units from one outcome to the other as the effect needs.
    fn plant(&self, record: &mut UnitRecord, lift: f64, draw: u64) {
        match self.measure.value {
            UnitValue::Funnel(_) | UnitValue::Retention(_) => {
                let moved = if lift >= 0.0 { lift * self.value / (1.0 - self.value) } else { -lift };
                let is_moved = uniform(draw) < moved;
                if lift >= 0.0 && is_moved && record.value <= 0.0 {
                    record.value = 1.0;
                } else if lift < 0.0 && is_moved {
                    record.value = 0.0;
                }
            }
            _ => {
                record.value *= 1.0 + lift;
                record.event_values.iter_mut().for_each(|value| *value *= 1.0 + lift);
            }
        }
    }
}

/// A number between 0 and 1 from 53 of the bits.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn uniform(draw: u64) -> f64 {
    (draw & ((1 << 53) - 1)) as f64 / (1_u64 << 53) as f64
}

/// All bits of a number mixed (`SplitMix64`; Steele, Lea and Flood 2014): the same number always gives the same answer, so nothing is
/// random here, yet rounds have nothing to do with each other.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_independent_of_the_round_before() {
        let heads = |round: u64| (0..10_000_u64).filter(|index| mixed(mixed(round) ^ index) & 1 == 1).count();
        assert!((0..50).all(|round| (4_750..5_250).contains(&heads(round))));
        let same = (0..10_000_u64).filter(|index| (mixed(mixed(1) ^ index) ^ mixed(mixed(2) ^ index)) & 1 == 0).count();
        assert!((4_750..5_250).contains(&same), "{same}");
        assert!((0..1000_u64).map(|index| uniform(mixed(index))).sum::<f64>() / 1000.0 - 0.5 < 0.05);
    }
}
