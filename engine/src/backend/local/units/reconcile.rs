//! From the naive count to the reported one, rule by rule.

use super::clamp::Bounds;
use super::for_each_unit;
use crate::error::{Error, Result};
use crate::events::{Interrupt, Reader};
use crate::kernel::units::{UnitRecord, UnitRows, View, evaluate, naive_value};
use crate::model::exposure_criteria::SeveralVariants;
use crate::plan::{Condition, Measure, Plan, TEST_ACCOUNT_ROLE, TimeRange, Unit, UnitMeasure, UnitValue};
use crate::stats::{ReconcileRule, ReconcileStep, VariantSum};

/// What one unit contributes after a rule: a value and what it is divided by, per variant.
type Contribution = Vec<(usize, f64, f64)>;

/// The rules in their order, from the plainest query to the reported result.
const RULES: [ReconcileRule; 8] = [
    ReconcileRule::IdentityMerged,
    ReconcileRule::TestAccounts,
    ReconcileRule::SeveralVariants,
    ReconcileRule::BeforeExposure,
    ReconcileRule::Sequence,
    ReconcileRule::OutsideWindow,
    ReconcileRule::Immature,
    ReconcileRule::Clamped,
];

/// Applies the rules of a modern metric one after another and says what each changed. The first step is the naive count: every
/// id with an exposure, in each variant it saw, with all its events of the experiment's time. The last is the result.
///
/// # Errors
/// `Query` when the event store refuses; `Interrupted`; `Bug` for other metrics.
pub fn reconcile(plan: &Plan, reader: &Reader, interrupt: &Interrupt) -> Result<Vec<ReconcileStep>> {
    let Measure::Units(measure) = &plan.measure else {
        return Err(Error::bug("only metrics of units are reconciled"));
    };
    let variants = &plan.population.variants;
    // Test accounts are read, too, and marked.
    let mut everyone = plan.clone();
    everyone.population.marked = std::mem::replace(&mut everyone.population.filter, Condition::EVERYTHING);
    let mut steps = by_id(&everyone, measure, reader, interrupt)?;
    let mut tally: Vec<Tally> = RULES.iter().map(|_| Tally::new(variants.len())).collect();
    let mut last: Vec<Contribution> = Vec::new();
    for_each_unit(&everyone, measure, reader, interrupt, &mut |_, rows| {
        let mut before: Option<Contribution> = None;
        for (rule, tally) in RULES.iter().zip(&mut tally) {
            if *rule == ReconcileRule::Clamped {
                continue;
            }
            let contribution = contribution(*rule, measure, plan.population.range, rows);
            tally.add(&contribution, before.as_ref().is_some_and(|before| *before != contribution));
            before = Some(contribution);
        }
        last.extend(before.filter(|contribution| !contribution.is_empty()));
        Ok(())
    })?;
    clamp(measure, &last, tally.last_mut());
    // Ids that are not the only one of their unit are what merging changed.
    let ids: u64 = steps[0].variants.iter().map(|sum| sum.units).sum();
    let units: u64 = tally[0].sums.iter().map(|sum| sum.units).sum();
    tally[0].changed = ids.saturating_sub(units);
    let applies = |rule: ReconcileRule| match rule {
        ReconcileRule::Sequence => {
            !matches!(measure.value, UnitValue::Mean | UnitValue::Ratio | UnitValue::Quantile { .. })
        }
        ReconcileRule::Clamped => measure.outliers.is_active() || measure.denominator_outliers.is_active(),
        ReconcileRule::Immature => measure.matured_by_microseconds.is_some(),
        _ => true,
    };
    for (rule, tally) in RULES.into_iter().zip(tally).filter(|(rule, _)| applies(*rule)) {
        steps.push(tally.step(rule, variants));
    }
    Ok(steps)
}

/// Every id by itself: with each delivery of its events, and with each event once. Groups have no other ids.
fn by_id(everyone: &Plan, measure: &UnitMeasure, reader: &Reader, interrupt: &Interrupt) -> Result<Vec<ReconcileStep>> {
    let mut by_id = everyone.clone();
    if by_id.population.unit == Unit::Person {
        by_id.population.unit = Unit::DistinctId;
    }
    let mut contributions = |every_delivery| {
        by_id.population.every_delivery = every_delivery;
        let mut all = Vec::new();
        for_each_unit(&by_id, measure, reader, interrupt, &mut |_, rows| {
            all.push(contribution(ReconcileRule::Naive, measure, everyone.population.range, rows));
            Ok(())
        })?;
        Ok::<_, Error>(all)
    };
    let once = contributions(false)?;
    // Delivering an event again makes no new id, so both lists are in the same order of the same ids.
    let every = if reader.has_repeated_deliveries()? { contributions(true)? } else { once.clone() };
    let variants = &everyone.population.variants;
    let (mut naive, mut duplicate) = (Tally::new(variants.len()), Tally::new(variants.len()));
    for (every, once) in every.iter().zip(&once) {
        naive.add(every, false);
        duplicate.add(once, every != once);
    }
    Ok(vec![naive.step(ReconcileRule::Naive, variants), duplicate.step(ReconcileRule::Duplicate, variants)])
}

/// What a unit contributes once a rule and all before it are applied.
fn contribution(rule: ReconcileRule, measure: &UnitMeasure, exposed: TimeRange, rows: &UnitRows) -> Contribution {
    use ReconcileRule::{BeforeExposure, Immature, OutsideWindow, Sequence, SeveralVariants as Several};
    let own;
    let rows = if matches!(rule, ReconcileRule::Naive | ReconcileRule::Duplicate | ReconcileRule::IdentityMerged) {
        rows
    } else {
        own = rows.without(TEST_ACCOUNT_ROLE);
        &own
    };
    let Some(record) = evaluate(measure, exposed, rows, View::whole(measure)) else { return Vec::new() };
    let is_left_out =
        |record: &UnitRecord| record.has_several_variants() && measure.several_variants == SeveralVariants::Exclude;
    let naive = |after_exposure| naive_value(measure, exposed, rows, &record, after_exposure);
    match rule {
        ReconcileRule::Naive
        | ReconcileRule::Duplicate
        | ReconcileRule::IdentityMerged
        | ReconcileRule::TestAccounts => {
            let (value, denominator) = naive(false);
            let seen = (0..64).filter(|variant| record.variants_seen >> variant & 1 != 0);
            seen.map(|variant| (variant, value, denominator)).collect()
        }
        _ if is_left_out(&record) => Vec::new(),
        Several => single(&record, naive(false)),
        BeforeExposure => single(&record, naive(true)),
        Sequence => {
            let mut open = measure.clone();
            open.window.conversion_microseconds = None;
            match evaluate(&open, exposed, rows, View::whole(measure)) {
                Some(record) if record.is_counted => single(&record, (record.value, record.denominator)),
                _ => Vec::new(),
            }
        }
        Immature if !record.is_mature => Vec::new(),
        OutsideWindow | Immature | ReconcileRule::Clamped => {
            if record.is_counted {
                single(&record, (record.value, record.denominator))
            } else {
                Vec::new()
            }
        }
    }
}

fn single(record: &UnitRecord, (value, denominator): (f64, f64)) -> Contribution {
    vec![(record.variant, value, denominator)]
}

/// Clamps what is left, with the percentiles of all of it.
fn clamp(measure: &UnitMeasure, last: &[Contribution], tally: Option<&mut Tally>) {
    let Some(tally) = tally else { return };
    let all = || last.iter().flatten();
    let values = Bounds::of(&measure.outliers, all().map(|(_, value, _)| *value));
    let denominators = Bounds::of(&measure.denominator_outliers, all().map(|(_, _, denominator)| *denominator));
    for (variant, value, denominator) in all() {
        let clamped = (*variant, values.clamp(*value), denominators.clamp(*denominator));
        tally.add(&vec![clamped], clamped != (*variant, *value, *denominator));
    }
}

/// Sums after a rule, while units come in.
struct Tally {
    sums: Vec<VariantSum>,
    changed: u64,
}

impl Tally {
    fn new(variants: usize) -> Self {
        Self { sums: vec![VariantSum::default(); variants], changed: 0 }
    }

    fn add(&mut self, contribution: &Contribution, is_changed: bool) {
        for (variant, value, denominator) in contribution {
            let sum = &mut self.sums[*variant];
            sum.units += 1;
            sum.sum += value;
            sum.denominator_sum += denominator;
        }
        self.changed += u64::from(is_changed);
    }

    fn step(mut self, rule: ReconcileRule, variants: &[String]) -> ReconcileStep {
        for (sum, key) in self.sums.iter_mut().zip(variants) {
            sum.variant.clone_from(key);
        }
        ReconcileStep { rule, changed_units: self.changed, variants: self.sums }
    }
}
