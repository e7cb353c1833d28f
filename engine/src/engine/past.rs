//! Planning an experiment from the lab's own past.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Engine;
use super::units::unit_measure;
use crate::backend;
use crate::error::{Error, Result};
use crate::kernel::units::{View, evaluate};
use crate::model::experiment_metric::ExperimentMetric;
use crate::model::exposure_criteria::ExposureConfig;
use crate::plan;
use crate::results::{FORMAT_VERSION, PastPlan};
use crate::stats::past::{Goal, Past, needs};
use crate::stats::{unit_variance, variance_explained};

/// What is asked of the past.
#[derive(Clone, Debug, PartialEq)]
pub struct PastQuestion {
    /// The events by which people will come in: `{"event": NAME}`, or an action, with filters.
    pub exposure: Map<String, Value>,
    /// How many days before `as_of` are looked at, 1 to 366.
    pub days: u32,
    /// Whether the lab's test accounts are left out.
    pub filter_test_accounts: bool,
    /// What is to be seen.
    pub goal: Goal,
}

const DAY_MICROSECONDS: i64 = 86_400_000_000;

impl Engine {
    /// Says how many units and days an experiment will need to see an effect: its value and variance are those of the people who did
    /// the event in the past, and the days are those in which so many came for the first time.
    ///
    /// # Errors
    /// `Invalid` when the metric or the exposure is malformed, or the goal impossible; `NotReady` when nobody came, or all have the
    /// same value; `Query` when the event store refuses; `Interrupted`.
    pub fn plan_from_past(
        &mut self,
        metric: &Map<String, Value>,
        question: &PastQuestion,
        as_of: Timestamp,
    ) -> Result<PastPlan> {
        let PastQuestion { exposure, days, filter_test_accounts, goal } = question;
        if !(1..=366).contains(days) {
            let message = format!("1 to 366 days can be looked at, not {days}");
            return Err(Error::invalid_field("days", "out_of_range", message));
        }
        let library = super::library_naming(&self.catalog.snapshot()?, &json!([metric, exposure]))?;
        let parsed = ExperimentMetric::parse(metric, "metric")?;
        let config = ExposureConfig::read(exposure)?;
        let plan = plan::compile_past(&parsed, &config, *filter_test_accounts, i64::from(*days), &library, as_of)?;
        let measure = unit_measure(&plan)?;
        let (reader, _) = self.reader("plan from the past")?;
        let mut arrivals = vec![0_u64; *days as usize];
        let (mut records, range) = (Vec::new(), plan.population.range);
        backend::for_each_unit(&plan, measure, &reader, &self.interrupt, &mut |_, rows| {
            if let Some(record) = evaluate(measure, range, rows, View::whole(measure)) {
                let day = (record.first_exposure - range.from_microseconds) / DAY_MICROSECONDS;
                let day = usize::try_from(day).unwrap_or(0).min(arrivals.len() - 1);
                arrivals[day] += 1;
                records.push(record);
            }
            Ok(())
        })?;
        let cells = backend::reduce(&plan.population.variants, measure, &records);
        let cell = cells.variants.first().ok_or_else(|| Error::bug("the past is one variant"))?;
        let known = cell.value(measure).zip(unit_variance(measure, cell)).filter(|(_, variance)| *variance > 0.0);
        let Some((value, unit_variance)) = known else {
            let message =
                format!("{} units came in the last {days} days, and their values do not differ", cell.moments.count);
            return Err(Error::not_ready(message).hint("check the names of the events, or look at more days"));
        };
        let variance_reduction = variance_explained(measure, cell);
        let past = Past { value, unit_variance, variance_reduction, arrivals: &arrivals };
        Ok(PastPlan {
            format_version: FORMAT_VERSION,
            as_of,
            exposure: Value::Object(exposure.clone()),
            metric: Value::Object(metric.clone()),
            lift: goal.lift,
            power: goal.power,
            variants: goal.variants,
            alpha: goal.layout.alpha,
            units: cell.moments.count,
            value,
            unit_variance,
            variance_reduction,
            needs: needs(past, *goal)?,
            arrivals,
        })
    }
}
