//! Whether a few units make a result.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::units::unit_measure;
use super::{Engine, summary};
use crate::backend;
use crate::error::{Error, Result};
use crate::kernel::columns::UnitKey;
use crate::plan::UnitValue;
use crate::results::{FORMAT_VERSION, Influence, LargestUnit};
use crate::stats::observe;

/// The most units that are left out.
const MOST_UNITS: usize = 10_000;

impl Engine {
    /// A modern metric with all its units, and exactly without so many of the largest: when the answers differ, a few units make the
    /// result.
    ///
    /// # Errors
    /// As [`Engine::try_metric`]; `Invalid` for no unit or more than 10,000, and for a metric whose units only did something or not.
    pub fn influence(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        as_of: Timestamp,
        top: usize,
    ) -> Result<Influence> {
        if !(1..=MOST_UNITS).contains(&top) {
            let message = format!("between 1 and {MOST_UNITS} units can be left out, not {top}");
            return Err(Error::invalid_field("top", "out_of_range", message));
        }
        let (definition, plan) = self.unit_plan(key, metric, as_of)?;
        let measure = unit_measure(&plan)?;
        if matches!(measure.value, UnitValue::Funnel(_) | UnitValue::Retention(_) | UnitValue::Exposure) {
            let message = "the units of a share all count the same, so none can make the result";
            return Err(Error::invalid_field("metric", "unsupported", message).hint("ask for a mean or a ratio"));
        }
        let (reader, _) = self.reader(&format!("influence in {key}"))?;
        let found = backend::without_largest(&plan, measure, top, &reader, &self.interrupt)?;
        let persons = found.largest.iter().filter_map(|(unit, _, _)| match unit {
            UnitKey::Person(person) => Some(*person),
            UnitKey::Text(_) => None,
        });
        let names = backend::person_names(&persons.collect(), &reader, &self.interrupt)?;
        let largest = found.largest.iter().map(|(unit, variant, value)| LargestUnit {
            unit: match unit {
                UnitKey::Text(text) => text.clone(),
                UnitKey::Person(person) => names.get(person).cloned().unwrap_or_default(),
            },
            variant: plan.population.variants[*variant].clone(),
            value: *value,
        });
        Ok(Influence {
            format_version: FORMAT_VERSION,
            experiment: summary(&definition.experiment),
            as_of,
            metric: Value::Object(metric.clone()),
            largest: largest.collect(),
            all: observe(measure, &found.all, &plan.statistics)?,
            without: observe(measure, &found.without, &plan.statistics)?,
        })
    }
}
