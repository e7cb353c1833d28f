//! One unit, event by event: which matched what, and why others did not count.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Engine;
use super::units::{listed_unit, unit_measure};
use crate::backend::{self, UnitHistory};
use crate::error::{Error, Result};
use crate::kernel::trace::{Gap, StepTrace};
use crate::kernel::units::{RowExplanation, Standing, UnitTrace, explain};
use crate::plan::{Plan, UnitMeasure, UnitValue};
use crate::results::{ExplainedEvent, ExplainedStep, UnitExplanation};

impl Engine {
    /// What a modern metric makes of one unit, event by event. A person is named by any of its distinct ids, a group by its
    /// key.
    ///
    /// # Errors
    /// As [`Engine::try_metric`]; `NotFound` when the unit has no events in the time that the metric looks at.
    pub fn explain_unit(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        unit: &str,
        as_of: Timestamp,
    ) -> Result<UnitExplanation> {
        let (_, plan) = self.unit_plan(key, metric, as_of)?;
        let measure = unit_measure(&plan)?;
        let (reader, _) = self.reader(&format!("explain a unit of {key}"))?;
        let history = backend::unit_history(&plan, measure, unit, &reader, &self.interrupt)?;
        if history.events.is_empty() {
            return Err(Error::not_found("unit", unit)
                .hint("it has no event in the experiment's time: give a distinct id or the key of a group"));
        }
        let trace = explain(measure, plan.population.range, &history.rows);
        told(unit, &plan, measure, &history, &trace)
    }
}

fn told(
    unit: &str,
    plan: &Plan,
    measure: &UnitMeasure,
    history: &UnitHistory,
    trace: &UnitTrace,
) -> Result<UnitExplanation> {
    let mut result = trace.record.as_ref().map(|record| listed_unit(plan, measure, record)).transpose()?;
    if let Some(result) = &mut result {
        unit.clone_into(&mut result.unit);
    }
    let event = |(row, explanation): (usize, &RowExplanation)| {
        let matched = matched(plan, measure, explanation);
        Ok(ExplainedEvent {
            timestamp: instant(history.rows.timestamps[row])?,
            event: history.events[row].clone(),
            verdict: verdict(measure, trace, row, explanation),
            matched,
        })
    };
    Ok(UnitExplanation {
        unit: unit.to_owned(),
        result,
        steps: steps(history, trace)?,
        events: trace.rows.iter().enumerate().map(event).collect::<Result<_>>()?,
    })
}

fn instant(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|error| Error::bug(format!("an event outside the calendar: {error}")))
}

/// What an event matched, in words.
fn matched(plan: &Plan, measure: &UnitMeasure, explanation: &RowExplanation) -> Vec<String> {
    let variants = &plan.population.variants;
    let exposure =
        explanation.exposes.and_then(|variant| variants.get(variant)).map(|key| format!("exposure to {key}"));
    let sources = explanation.sources.iter().map(|(source, _)| source_name(measure, *source));
    exposure.into_iter().chain(sources).collect()
}

fn source_name(measure: &UnitMeasure, source: usize) -> String {
    match &measure.value {
        UnitValue::Funnel(rules) | UnitValue::TimeToConvert(rules) if source < rules.steps => {
            format!("step {}", source + 1)
        }
        UnitValue::Funnel(_) | UnitValue::TimeToConvert(_) => "exclusion".into(),
        UnitValue::Ratio => {
            if source == 0 {
                "numerator".into()
            } else {
                "denominator".into()
            }
        }
        UnitValue::Retention(_) => {
            if source == 0 {
                "start".into()
            } else {
                "return".into()
            }
        }
        UnitValue::Exposure | UnitValue::Mean | UnitValue::Quantile { .. } => "metric".into(),
    }
}

/// What an event counts for, or why it does not.
fn verdict(measure: &UnitMeasure, trace: &UnitTrace, row: usize, explanation: &RowExplanation) -> String {
    if explanation.is_test_account {
        return "left out: of a test account".into();
    }
    if let Some((steps, events)) = &trace.steps {
        let fills = |step: &StepTrace| matches!(step, StepTrace::Filled { event } if events.get(*event) == Some(&row));
        match steps.steps.iter().position(fills) {
            Some(0) => return "starts the funnel".into(),
            Some(step) => return format!("fills step {step}"),
            None => {}
        }
    }
    let is_funnel = matches!(measure.value, UnitValue::Funnel(_) | UnitValue::TimeToConvert(_));
    let of_source = |(_, standing): &(usize, Standing)| match standing {
        Standing::Counted if is_funnel => "not needed for a step",
        Standing::Counted => "counts",
        Standing::Covariate => "counts for the covariate only",
        Standing::TooEarly => "too early: before the exposure, or the delay after it",
        Standing::TooLate => "too late: after the window, or the experiment's end",
        Standing::NotExposed => "does not count: the unit was never exposed",
    };
    match (explanation.exposes, explanation.sources.first()) {
        (_, Some(source)) => of_source(source).into(),
        (Some(_), None) => "exposes the unit".into(),
        (None, None) => "the metric does not look at it".into(),
    }
}

fn steps(history: &UnitHistory, trace: &UnitTrace) -> Result<Vec<ExplainedStep>> {
    let Some((steps, events)) = &trace.steps else { return Ok(Vec::new()) };
    let at = |event: usize| events.get(event).map(|row| history.rows.timestamps[*row]);
    let time = |event: usize| at(event).map(instant).transpose();
    let step = |(step, told): (usize, &StepTrace)| {
        let because = match told {
            StepTrace::Filled { event } => {
                return Ok(ExplainedStep { step, filled_at: time(*event)?, missing_because: None });
            }
            StepTrace::Missing(gap) => match gap {
                Gap::NoEvent => "no such event follows the step before".to_owned(),
                Gap::OutsideWindow { event } => {
                    format!("the next such event, at {}, came too late", shown(time(*event)?))
                }
                Gap::NotNext { event } => format!("another event came in between, at {}", shown(time(*event)?)),
                Gap::Excluded { by } => format!("an excluded event came in between, at {}", shown(time(*by)?)),
                Gap::AfterGap => "an earlier step was not reached".to_owned(),
            },
        };
        Ok(ExplainedStep { step, filled_at: None, missing_because: Some(because) })
    };
    steps.steps.iter().enumerate().map(step).collect()
}

fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |time| time.to_string())
}
