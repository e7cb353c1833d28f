//! Units of modern metrics one by one: who is behind a number, how it came to be, who came in when.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Definition, Engine, ResultsRequest, summary, visible};
use crate::backend;
use crate::error::{Error, Result};
use crate::events::{DataState, Reader};
use crate::kernel::columns::UnitKey;
use crate::kernel::units::{UnitRecord, View, evaluate};
use crate::model::exposure_criteria::SeveralVariants;
use crate::plan::{self, Measure, Plan, UnitMeasure, UnitValue};
use crate::results::{
    ExposureCounts, ExposureView, LeftOutReason, ListedUnit, MetricSeries, Provenance, Reconciliation, SeriesPoints,
    UnitSelection, exposure_view, metric_series,
};

/// Properties that events mostly have, and that tell what breaks one variant alone.
const USUAL_SEGMENTS: [&str; 4] = ["$browser", "$os", "$device_type", "$geoip_country_code"];

impl Engine {
    /// How a modern metric came to be: over time, by day of exposure and by days since exposure, from one scan (M-62).
    ///
    /// # Errors
    /// As [`Engine::try_metric`].
    pub fn metric_series(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        request: &ResultsRequest,
    ) -> Result<MetricSeries> {
        let (definition, plan) = self.unit_plan(key, metric, request.as_of)?;
        let (reader, state) = self.reader(&format!("series of {key}"))?;
        let cells = backend::unit_series(&plan, &reader, &self.interrupt)?;
        let points =
            SeriesPoints { cumulative: cells.cumulative, by_exposure_day: cells.by_exposure_day, by_age: cells.by_age };
        let provenance = provenance(&plan, &state, request.as_of);
        let (measure, statistics) = (unit_measure(&plan)?, &plan.statistics);
        metric_series(summary(&definition.experiment), provenance, metric, measure, statistics, &points)
    }

    /// Why a plain query says something else than a modern metric: what each rule changes, from the naive count to the result.
    ///
    /// # Errors
    /// As [`Engine::try_metric`].
    pub fn reconcile(&mut self, key: &str, metric: &Map<String, Value>, as_of: Timestamp) -> Result<Reconciliation> {
        let (definition, plan) = self.unit_plan(key, metric, as_of)?;
        let (reader, state) = self.reader(&format!("reconciliation of {key}"))?;
        let steps = backend::reconcile(&plan, &reader, &self.interrupt)?;
        let provenance = provenance(&plan, &state, as_of);
        let metric = Value::Object(metric.clone());
        Ok(Reconciliation::new(summary(&definition.experiment), provenance, metric, steps))
    }

    /// Who came into an experiment and when, by the modern rules (M-14). Where the ratio of the variants does not fit the split, the
    /// units are taken apart by properties of their first exposure: `by`, or those that events mostly have.
    ///
    /// # Errors
    /// As [`Engine::try_metric`].
    pub fn exposure_view(&mut self, key: &str, as_of: Timestamp, by: &[String]) -> Result<ExposureView> {
        let view = self.exposure_view_by(key, as_of, by)?;
        if !by.is_empty() || !view.sample_ratio.as_ref().is_some_and(|ratio| ratio.is_mismatch) {
            return Ok(view);
        }
        self.exposure_view_by(key, as_of, &USUAL_SEGMENTS.map(ToOwned::to_owned))
    }

    fn exposure_view_by(&mut self, key: &str, as_of: Timestamp, by: &[String]) -> Result<ExposureView> {
        let definition = self.definition(key)?;
        let Definition { experiment, flag, library } = &definition;
        let plan = plan::compile_exposure_view(experiment, flag, library, as_of, by)?;
        let measure = unit_measure(&plan)?;
        let (reader, state) = self.reader(&format!("exposures of {key}"))?;
        let variants = &plan.population.variants;
        let nobody = vec![0; variants.len() + 1];
        let mut counts = ExposureCounts {
            variants: variants.clone(),
            days: measure.days.labels.clone(),
            by_day: vec![nobody.clone(); measure.days.count()],
            segments: by.iter().map(|property| (property.clone(), BTreeMap::new())).collect(),
            last_event: state.last_event,
            is_running: experiment.end_date.is_none_or(|end| as_of < end),
            ..ExposureCounts::default()
        };
        self.each_record(&plan, &reader, &mut |_, record| {
            let column = if record.has_several_variants() { variants.len() } else { record.variant };
            counts.by_day[measure.days.of_instant(record.first_exposure)][column] += 1;
            counts.flickering += u64::from(record.switches > 1);
            for (parts, value) in counts.segments.values_mut().zip(&record.breakdown) {
                parts.entry(value.clone()).or_insert_with(|| nobody.clone())[column] += 1;
            }
            Ok(())
        })?;
        let shares = definition.flag.variants().iter().filter(|variant| variants.contains(&variant.key));
        let share = |percentage: f64| percentage / 100.0;
        let expected: IndexMap<_, _> =
            shares.map(|variant| (variant.key.clone(), share(variant.rollout_percentage))).collect();
        let provenance = provenance(&plan, &state, as_of);
        Ok(exposure_view(summary(experiment), provenance, &counts, expected))
    }

    /// The units behind a modern metric, by their name in the store; returns their number (M-67).
    ///
    /// # Errors
    /// As [`Engine::try_metric`]; `Invalid` when a step is asked for that the metric does not have; and whatever `each`
    /// returns.
    pub fn units(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        as_of: Timestamp,
        selection: &UnitSelection,
        each: &mut dyn FnMut(&ListedUnit) -> Result<()>,
    ) -> Result<u64> {
        let (_, plan) = self.unit_plan(key, metric, as_of)?;
        let measure = unit_measure(&plan)?;
        check_selection(selection, measure, &plan.population.variants)?;
        let (reader, _) = self.reader(&format!("units of {key}"))?;
        let mut listed: Vec<(UnitKey, ListedUnit)> = Vec::new();
        self.each_record(&plan, &reader, &mut |unit, record| {
            let entry = listed_unit(&plan, measure, record)?;
            if selection.holds(&entry) {
                listed.push((unit.clone(), entry));
            }
            Ok(())
        })?;
        let names = self.names_of_persons(&reader, &listed)?;
        for (unit, entry) in &mut listed {
            entry.unit = match unit {
                UnitKey::Text(text) => text.clone(),
                UnitKey::Person(person) => names.get(person).cloned().unwrap_or_default(),
            };
        }
        listed.sort_by(|(_, a), (_, b)| (a.first_exposure, &a.unit).cmp(&(b.first_exposure, &b.unit)));
        listed.iter().try_for_each(|(_, entry)| each(entry))?;
        Ok(listed.len() as u64)
    }

    fn each_record(
        &self,
        plan: &Plan,
        reader: &Reader,
        each: &mut dyn FnMut(&UnitKey, &UnitRecord) -> Result<()>,
    ) -> Result<()> {
        let measure = unit_measure(plan)?;
        backend::for_each_unit(plan, measure, reader, &self.interrupt, &mut |unit, rows| match evaluate(
            measure,
            plan.population.range,
            rows,
            View::whole(measure),
        ) {
            Some(record) => each(unit, &record),
            None => Ok(()),
        })?;
        Ok(())
    }

    /// The smallest distinct id of each person in a list.
    fn names_of_persons(&self, reader: &Reader, listed: &[(UnitKey, ListedUnit)]) -> Result<BTreeMap<u32, String>> {
        if listed.iter().all(|(unit, _)| matches!(unit, UnitKey::Text(_))) {
            return Ok(BTreeMap::new());
        }
        let persons = listed.iter().filter_map(|(unit, _)| match unit {
            UnitKey::Person(person) => Some(*person),
            UnitKey::Text(_) => None,
        });
        backend::person_names(&persons.collect(), reader, &self.interrupt)
    }
}

pub(super) fn unit_measure(plan: &Plan) -> Result<&UnitMeasure> {
    match &plan.measure {
        Measure::Units(measure) => Ok(measure),
        Measure::Trend(_) | Measure::Funnel(_) => Err(Error::bug("a modern plan measures units")),
    }
}

pub(super) fn provenance(plan: &Plan, state: &DataState, as_of: Timestamp) -> Provenance {
    Provenance {
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        data_version: state.data_version,
        data_digest: state.data_digest.clone(),
        fingerprint: plan.fingerprint(&visible(state)),
        as_of,
    }
}

fn check_selection(selection: &UnitSelection, measure: &UnitMeasure, variants: &[String]) -> Result<()> {
    if let Some(variant) = selection.variant.as_ref().filter(|variant| !variants.contains(variant)) {
        return Err(Error::invalid_field("variant", "invalid_choice", format!("there is no variant '{variant}'"))
            .hint(format!("choose one of: {}", variants.join(", "))));
    }
    let steps = match &measure.value {
        UnitValue::Funnel(rules) | UnitValue::TimeToConvert(rules) => rules.steps,
        _ => 0,
    };
    match selection.step {
        None if selection.dropped => {
            Err(Error::invalid_field("dropped", "invalid_input", "to drop out means to miss a step")
                .hint("say which: --step N"))
        }
        Some(step) if step == 0 || step > steps => {
            let message = match steps {
                0 => "the metric has no steps".to_owned(),
                steps => format!("the metric has the steps 1 to {steps} after the exposure, not {step}"),
            };
            Err(Error::invalid_field("step", "invalid_input", message))
        }
        _ => Ok(()),
    }
}

pub(super) fn listed_unit(plan: &Plan, measure: &UnitMeasure, record: &UnitRecord) -> Result<ListedUnit> {
    let instant = |microseconds: i64| {
        Timestamp::from_microsecond(microseconds)
            .map_err(|error| Error::bug(format!("an exposure outside the calendar: {error}")))
    };
    let is_excluded = record.has_several_variants() && measure.several_variants == SeveralVariants::Exclude;
    let left_out = if is_excluded {
        Some(LeftOutReason::SeveralVariants)
    } else if !record.is_mature {
        Some(LeftOutReason::Immature)
    } else if !record.is_counted {
        Some(LeftOutReason::NotBegun)
    } else {
        None
    };
    Ok(ListedUnit {
        unit: String::new(),
        variant: plan.population.variants.get(record.variant).cloned().unwrap_or_default(),
        first_exposure: instant(record.first_exposure)?,
        last_exposure: instant(record.last_exposure)?,
        value: record.value,
        denominator: record.denominator,
        steps: matches!(measure.value, UnitValue::Funnel(_) | UnitValue::TimeToConvert(_)).then_some(record.steps),
        left_out,
    })
}
