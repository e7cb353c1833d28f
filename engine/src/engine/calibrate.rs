//! How often the tests of a metric are wrong on the lab's own units.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::units::unit_measure;
use super::{Engine, summary};
use crate::backend;
use crate::error::{Error, Result};
use crate::plan::{Plan, UnitMeasure};
use crate::results::{Calibration, FORMAT_VERSION};
use crate::stats::calibration::{CalibratedMethod, calibrate};
use crate::stats::comparison::Comparison;
use crate::stats::{UnitCells, observe};

/// The variant that the baseline is compared with.
const OTHER: &str = "other";
/// The most rounds.
const MOST_ROUNDS: u32 = 100_000;

impl Engine {
    /// Puts the units of an experiment into two variants at random, again and again, and counts how often the tests of a metric see an
    /// effect where there is none, how often their intervals contain a planted relative effect, and how often they see it.
    ///
    /// Everything from the values of the units on is as in a result; the rounds are the same on every run.
    ///
    /// # Errors
    /// As [`Engine::try_metric`]; `Invalid` for no round or too many, or a planted effect outside -100 % to 1000 %; `NotReady` when
    /// there are too few units for any answer.
    pub fn calibrate(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        as_of: Timestamp,
        rounds: u32,
        lift: f64,
    ) -> Result<Calibration> {
        check(rounds, lift)?;
        let (definition, plan) = self.unit_plan(key, metric, as_of)?;
        let measure = unit_measure(&plan)?;
        let (reader, _) = self.reader(&format!("calibration of {key}"))?;
        let variants = [plan.statistics.config.baseline.clone(), OTHER.to_owned()];
        let shuffle = backend::shuffle(&plan, measure, variants, &reader, &self.interrupt)?;
        let mut compared = Vec::new();
        for round in 0..u64::from(rounds) {
            self.interrupt.check()?;
            let without = comparison(&plan, measure, &shuffle.round(round, 0.0))?;
            let with = comparison(&plan, measure, &shuffle.round(u64::from(rounds) + round, lift))?;
            compared.extend(without.zip(with));
        }
        let planted = lift * shuffle.value();
        let methods: Vec<_> =
            CalibratedMethod::ALL.iter().filter_map(|method| calibrate(*method, &compared, planted)).collect();
        if methods.is_empty() {
            let (units, value) = (shuffle.units(), shuffle.value());
            let message = format!("no round could be judged: {units} units with a value of {value} over all of them");
            let hint =
                "each variant needs at least 50 units whose values differ; look at the numbers with `abduck try`";
            return Err(Error::not_ready(message).hint(hint));
        }
        Ok(Calibration {
            format_version: FORMAT_VERSION,
            experiment: summary(&definition.experiment),
            as_of,
            metric: Value::Object(metric.clone()),
            units: shuffle.units() as u64,
            value: shuffle.value(),
            rounds,
            lift,
            alpha: plan.statistics.config.alpha,
            methods,
        })
    }
}

fn comparison(plan: &Plan, measure: &UnitMeasure, cells: &UnitCells) -> Result<Option<Comparison>> {
    let mut observations = observe(measure, &cells.variants, &plan.statistics)?;
    Ok(observations.comparisons.against_baseline.swap_remove(OTHER))
}

fn check(rounds: u32, lift: f64) -> Result<()> {
    if !(1..=MOST_ROUNDS).contains(&rounds) {
        let message = format!("rounds must be between 1 and {MOST_ROUNDS}, got {rounds}");
        return Err(Error::invalid_field("rounds", "out_of_range", message));
    }
    if !(-1.0..=10.0).contains(&lift) {
        let message = format!("the planted effect must be between -1 and 10, as a share of the value, got {lift}");
        return Err(Error::invalid_field("lift", "out_of_range", message).hint("0.05 is five percent"));
    }
    Ok(())
}
