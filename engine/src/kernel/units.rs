//! One exposed unit: from its exposures and events to its value (query rules M-10 to M-53).
//!
//! All the rules of modern metrics that look at single units are here, so that results, listings and explanations of one
//! unit cannot disagree. Rows come in a total order, by time and id.

mod aggregate;
mod explain;
mod naive;
mod retention;
mod sequence;

pub use explain::{RowExplanation, Standing, UnitTrace, explain};
pub use naive::naive_value;

use crate::kernel::columns::UnitKey;
use crate::model::experiment_metric::QuantileOf;
use crate::plan::{SequenceRules, TimeRange, UnitMeasure, UnitValue};

/// The rows of one unit, column by column; all in the order of time and id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitRows {
    /// When, in microseconds since 1970 UTC.
    pub timestamps: Vec<i64>,
    /// Bit 0: the event exposes the unit. Bit i + 1: it belongs to source i.
    pub roles: Vec<u32>,
    /// The position of the variant, from 1; 0 is none.
    pub variants: Vec<u32>,
    /// Per source, its numbers; empty when the source has none. Not a number stands for none.
    pub numbers: Vec<Vec<f64>>,
    /// Per source, its texts as numbers from 1 that are equal where the texts are; 0 is none.
    pub texts: Vec<Vec<u32>>,
    /// Per breakdown, the property of each row.
    pub breakdowns: Vec<Vec<Option<String>>>,
}

/// How much of the rows is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The last instant that is seen.
    pub as_of_microseconds: i64,
    /// The part of the time since the first exposure that counts, the end outside; without it, all.
    pub age_microseconds: Option<(i64, i64)>,
}

/// What became of one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitRecord {
    /// The position of the variant of the earliest exposure, from 0.
    pub variant: usize,
    /// A bit for each variant the unit was exposed to.
    pub variants_seen: u64,
    /// How often an exposure was to another variant than the one before.
    pub switches: u32,
    /// The first exposure, in microseconds since 1970 UTC.
    pub first_exposure: i64,
    /// The last exposure.
    pub last_exposure: i64,
    /// The properties of the first exposure that the result is broken down by.
    pub breakdown: Vec<Option<String>>,
    /// Whether its window has passed, where that is asked for (M-15).
    pub is_mature: bool,
    /// Whether it counts: in retention it began (M-50), in times it converted.
    pub is_counted: bool,
    /// The value.
    pub value: f64,
    /// What the value is divided by; 1 unless the metric is a ratio.
    pub denominator: f64,
    /// The value before the first exposure (M-61).
    pub covariate: f64,
    /// The values of several covariates before the first exposure, where there are several.
    pub covariates: Vec<f64>,
    /// The number of steps after the exposure that it reached.
    pub steps: usize,
    /// The value of each event, for quantiles of events.
    pub event_values: Vec<f64>,
}

/// The instants between which events of a unit count, both inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The first.
    pub from: i64,
    /// The last.
    pub to: i64,
}

impl UnitRows {
    /// No rows, with the columns that a metric has.
    pub(super) fn of(measure: &UnitMeasure) -> Self {
        let sources = measure.sources.len();
        Self {
            numbers: vec![Vec::new(); sources],
            texts: vec![Vec::new(); sources],
            breakdowns: vec![Vec::new(); measure.breakdowns.len()],
            ..Self::default()
        }
    }

    /// Takes all rows out, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.timestamps.clear();
        self.roles.clear();
        self.variants.clear();
        self.numbers.iter_mut().for_each(Vec::clear);
        self.texts.iter_mut().for_each(Vec::clear);
        self.breakdowns.iter_mut().for_each(Vec::clear);
    }

    /// The rows that do not have a role.
    #[must_use]
    pub fn without(&self, role: u32) -> Self {
        fn kept<T: Clone>(values: &[T], keep: &[bool]) -> Vec<T> {
            values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| value.clone()).collect()
        }
        let keep: Vec<bool> = self.roles.iter().map(|roles| roles & role == 0).collect();
        Self {
            timestamps: kept(&self.timestamps, &keep),
            roles: kept(&self.roles, &keep),
            variants: kept(&self.variants, &keep),
            numbers: self.numbers.iter().map(|numbers| kept(numbers, &keep)).collect(),
            texts: self.texts.iter().map(|texts| kept(texts, &keep)).collect(),
            breakdowns: self.breakdowns.iter().map(|values| kept(values, &keep)).collect(),
        }
    }
}

impl UnitRecord {
    /// Whether the unit was exposed to several variants (M-13).
    #[must_use]
    pub fn has_several_variants(&self) -> bool {
        self.variants_seen.count_ones() > 1
    }
}

impl View {
    /// Everything that was read.
    #[must_use]
    pub fn whole(measure: &UnitMeasure) -> Self {
        Self { as_of_microseconds: measure.scanned.until_microseconds - 1, age_microseconds: None }
    }
}

/// What became of a unit; `None` when it was not exposed (M-4). `exposed` is when exposures count.
#[must_use]
pub fn evaluate(measure: &UnitMeasure, exposed: TimeRange, rows: &UnitRows, view: View) -> Option<UnitRecord> {
    let seen = rows.timestamps.partition_point(|timestamp| *timestamp <= view.as_of_microseconds);
    let exposures = || (0..seen).filter(|row| rows.roles[*row] & 1 != 0);
    let first = exposures().next()?;
    let last = exposures().next_back()?;
    let first_exposure = rows.timestamps[first];
    let last_exposure = rows.timestamps[last];
    let mut record = UnitRecord {
        variant: position(rows.variants[first]),
        variants_seen: exposures().fold(0, |bits, row| bits | 1 << position(rows.variants[row])),
        switches: switches(rows, exposures()),
        first_exposure,
        last_exposure,
        breakdown: rows.breakdowns.iter().map(|values| values[first].clone()).collect(),
        is_mature: measure.matured_by_microseconds.is_none_or(|by| {
            first_exposure <= by.min(view.as_of_microseconds.saturating_sub(measure.reach_microseconds))
        }),
        is_counted: true,
        value: 0.0,
        denominator: 1.0,
        covariate: 0.0,
        covariates: Vec::new(),
        steps: 0,
        event_values: Vec::new(),
    };
    fill(&mut record, measure, exposed, rows, view);
    Some(record)
}

fn switches(rows: &UnitRows, exposures: impl Iterator<Item = usize>) -> u32 {
    let mut variants = exposures.map(|row| rows.variants[row]);
    let mut before = variants.next();
    variants.fold(0, |switches, variant| switches + u32::from(before.replace(variant) != Some(variant)))
}

fn position(variant: u32) -> usize {
    (variant as usize).saturating_sub(1)
}

fn fill(record: &mut UnitRecord, measure: &UnitMeasure, exposed: TimeRange, rows: &UnitRows, view: View) {
    let counted = counted(record, measure, exposed, view);
    let aggregate = |source: usize, counted: Counted| aggregate::aggregate(measure, rows, source, counted);
    let before = |source: usize| {
        let reach = measure.covariate_microseconds?;
        let first = record.first_exposure;
        Some(aggregate(source, Counted { from: first.saturating_sub(reach), to: first - 1 }))
    };
    record.covariates = measure.covariate_sources().into_iter().filter_map(before).collect();
    match &measure.value {
        UnitValue::Exposure => record.value = 1.0,
        UnitValue::Mean => {
            record.covariate = before(0).unwrap_or(0.0);
            record.value = aggregate(0, counted);
        }
        UnitValue::Ratio => {
            record.value = aggregate(0, counted);
            record.denominator = aggregate(1, counted);
        }
        UnitValue::Quantile { of, .. } => match of {
            QuantileOf::Unit => record.value = aggregate(0, counted),
            QuantileOf::Event => {
                record.event_values = aggregate::values(rows, 0, counted).collect();
                record.value = f64::from(u32::try_from(record.event_values.len()).unwrap_or(u32::MAX));
            }
        },
        UnitValue::Funnel(rules) => {
            // "Did the last step in the look-back" (M-61).
            record.covariate = before(rules.steps - 1).unwrap_or(0.0);
            let sequence = sequence::Sequence::new(rules, measure, exposed, record.first_exposure, view);
            record.steps = sequence.steps_reached(rows);
            record.value = indicator(record.steps == rules.steps);
        }
        UnitValue::TimeToConvert(rules) => time_to_convert(record, rules, measure, exposed, rows, view),
        UnitValue::Retention(rules) => {
            let starts = retention::starts(record.first_exposure, measure, counted);
            let retained = retention::is_retained(rules, rows, starts, view.as_of_microseconds);
            record.is_counted = retained.is_some();
            record.value = indicator(retained == Some(true));
        }
    }
}

fn time_to_convert(
    record: &mut UnitRecord,
    rules: &SequenceRules,
    measure: &UnitMeasure,
    exposed: TimeRange,
    rows: &UnitRows,
    view: View,
) {
    let sequence = sequence::Sequence::new(rules, measure, exposed, record.first_exposure, view);
    record.steps = sequence.steps_reached(rows);
    record.is_counted = record.steps == rules.steps;
    if record.is_counted {
        record.value = seconds(sequence.completed_at(rows) - record.first_exposure);
    }
}

/// Between which instants events of a unit count (M-21): from the first exposure and a delay on, until the experiment ends or
/// strictly less than the window after the last exposure.
fn counted(record: &UnitRecord, measure: &UnitMeasure, exposed: TimeRange, view: View) -> Counted {
    let window = measure.window;
    let end = (exposed.until_microseconds - 1).min(view.as_of_microseconds);
    let to = match window.conversion_microseconds {
        None => end,
        Some(length) => record.last_exposure.saturating_add(length) - 1,
    };
    let latest = window.lookback_microseconds.map_or(i64::MIN, |lookback| end.saturating_sub(lookback));
    let first = record.first_exposure;
    let (young, old) = view.age_microseconds.unwrap_or((0, i64::MAX));
    Counted {
        from: first.saturating_add(window.delay_microseconds.max(young)).max(latest),
        to: to.min(view.as_of_microseconds).min(first.saturating_add(old).saturating_sub(1)),
    }
}

fn indicator(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds within the calendar stay below 2^60, an error of microseconds"
)]
fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}

/// A unit with its name and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedRecord {
    /// Which unit.
    pub unit: UnitKey,
    /// What became of it.
    pub record: UnitRecord,
}
