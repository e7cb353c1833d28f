//! How much longer an experiment has to run.

use serde_json::{Map, Value};

use super::{Engine, ResultsRequest, summary};
use crate::error::{Error, Result};
use crate::model::stats_config::StatsConfig;
use crate::results::{FORMAT_VERSION, MetricResult, Remaining};
use crate::stats::comparison::Comparison;
use crate::stats::modern::sequential::Layout;
use crate::stats::number::from_count;
use crate::stats::remaining::{Wanted, needs};
use crate::stats::{Observations, Outcome, Shortfall};

impl Engine {
    /// Says how many units and days are missing until a metric shows a relative effect with a power, from its variance so far and the
    /// units that come per day.
    ///
    /// # Errors
    /// As [`Engine::try_metric`]; `NotReady` while there is too little data for a comparison; `Invalid` for an effect of 0 or a power
    /// that is not strictly between 0 and 1.
    pub fn remaining(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        request: &ResultsRequest,
        lift: f64,
        power: f64,
    ) -> Result<Remaining> {
        let experiment = self.experiment(key)?;
        let config = StatsConfig::of(&experiment)?;
        let result = self.try_metric(key, metric, request)?.result;
        let view = self.exposure_view(key, request.as_of, &[])?;
        let MetricResult::Units { variants, .. } = &result else {
            return Err(Error::bug("a modern metric counts units"));
        };
        let Outcome::Observed(observations) = result.outcome() else {
            return Err(Error::bug("a modern metric is observed"));
        };
        let is_over = experiment.end_date.is_some_and(|end| end <= request.as_of);
        let exposed_per_day = view.exposed_per_day(is_over);
        let wanted = Wanted {
            lift,
            power,
            layout: Layout { alpha: config.alpha, tuning_units: config.tuning_units },
            exposed_per_day,
            exposed: from_count(view.totals.values().sum()),
        };
        let units = |key: &str| variants.iter().find(|variant| variant.key == key).map_or(0, |v| v.number_of_samples);
        let baseline_value = observations.value.get(&config.baseline).copied().unwrap_or_default();
        let compared = &observations.comparisons.against_baseline;
        let needs = |(variant, comparison): (&String, &Comparison)| {
            needs(variant, comparison, [units(&config.baseline), units(variant)], baseline_value, wanted)
        };
        let variants = compared.iter().map(needs).collect::<Result<Vec<_>>>()?;
        if variants.is_empty() {
            return Err(too_little(observations));
        }
        Ok(Remaining {
            format_version: FORMAT_VERSION,
            experiment: summary(&experiment),
            as_of: request.as_of,
            metric: Value::Object(metric.clone()),
            lift,
            power,
            alpha: config.alpha,
            baseline_value,
            exposed_per_day,
            variants,
        })
    }
}

fn too_little(observations: &Observations) -> Error {
    let lack = |(variant, lacks): (&String, &Vec<Shortfall>)| {
        let words: Vec<&str> = lacks.iter().map(|lack| lack.in_words()).collect();
        format!("'{variant}' has {}", words.join(" and "))
    };
    let lacks: Vec<String> = observations.shortfalls.iter().map(lack).collect();
    Error::not_ready(format!("nothing can be compared yet: {}", lacks.join("; ")))
        .hint("look at the numbers with `abduck try`")
}
