//! How much longer an experiment has to run.

use serde_json::{Map, Value};

use super::{Engine, ResultsRequest, summary};
use crate::error::{Error, Result};
use crate::model::experiment::Experiment;
use crate::model::stats_config::StatsConfig;
use crate::plan::BASELINE;
use crate::results::{ExposureView, FORMAT_VERSION, MetricResult, Remaining, RemainingVariant};
use crate::stats::comparison::Comparison;
use crate::stats::modern::sequential::Layout;
use crate::stats::number::from_count;
use crate::stats::power::Means;
use crate::stats::{Observations, Outcome, Shortfall};

/// Days that the number of units per day is taken from.
const RECENT_DAYS: usize = 7;

/// What is asked: which effect is to be seen, and how surely.
struct Wanted {
    lift: f64,
    power: f64,
    layout: Layout,
    exposed_per_day: f64,
    /// All units now, of which the compared variants are a part.
    exposed: f64,
}

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
        let view = self.exposure_view(key, request.as_of)?;
        let MetricResult::Units { variants, .. } = &result else {
            return Err(Error::bug("a modern metric counts units"));
        };
        let Outcome::Observed(observations) = result.outcome() else {
            return Err(Error::bug("a modern metric is observed"));
        };
        let exposed_per_day = exposed_per_day(&experiment, &view);
        let wanted = Wanted {
            lift,
            power,
            layout: Layout { alpha: config.alpha, tuning_units: config.tuning_units },
            exposed_per_day,
            exposed: from_count(view.totals.values().sum()),
        };
        let units = |key: &str| variants.iter().find(|variant| variant.key == key).map_or(0, |v| v.number_of_samples);
        let baseline_value = observations.value.get(BASELINE).copied().unwrap_or_default();
        let compared = &observations.comparisons.against_baseline;
        let needs = |(variant, comparison): (&String, &Comparison)| {
            needs(variant, comparison, [units(BASELINE), units(variant)], baseline_value, &wanted)
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

/// The variance per unit is that behind the standard error so far, alike in both variants.
fn needs(
    variant: &str,
    comparison: &Comparison,
    units_now: [u64; 2],
    baseline_value: f64,
    wanted: &Wanted,
) -> Result<RemainingVariant> {
    let [control, treatment] = units_now.map(from_count);
    let adjusted = comparison.adjusted.as_ref();
    let standard_error = adjusted.map_or(comparison.standard_error, |adjusted| adjusted.standard_error);
    let design = Means {
        standard_deviation: standard_error / (1.0 / control + 1.0 / treatment).sqrt(),
        ratio: treatment / control,
        alpha: wanted.layout.alpha,
    };
    let difference = wanted.lift * baseline_value;
    let both = |control: f64| control * (1.0 + design.ratio);
    let units_single_look = both(design.units(difference, wanted.power)?).ceil();
    let units_any_time = both(design.units_anytime(difference, wanted.power, wanted.layout)?).ceil();
    // The two variants get their share of those who come.
    let per_day = wanted.exposed_per_day * (control + treatment) / wanted.exposed;
    let days = |needed: f64| {
        let missing = (needed - control - treatment).max(0.0);
        (missing <= 0.0 || per_day > 0.0).then(|| if missing <= 0.0 { 0.0 } else { missing / per_day })
    };
    Ok(RemainingVariant {
        variant: variant.to_owned(),
        units_now,
        variance_reduction: adjusted.map_or(0.0, |adjusted| adjusted.variance_reduction),
        detectable_lift_now: design.detectable_difference(control, wanted.power)? / baseline_value.abs(),
        units_single_look,
        units_any_time,
        days_single_look: days(units_single_look),
        days_any_time: days(units_any_time),
    })
}

/// The last day is left out while it is not over.
fn exposed_per_day(experiment: &Experiment, view: &ExposureView) -> f64 {
    let is_over = experiment.end_date.is_some_and(|end| end <= view.provenance.as_of);
    let whole = if is_over || view.days.len() < 2 { view.days.len() } else { view.days.len() - 1 };
    let recent = &view.days[whole.saturating_sub(RECENT_DAYS)..whole];
    let units: u64 = recent.iter().flat_map(|day| day.first_exposures.values()).sum();
    from_count(units) / from_count(recent.len().max(1) as u64)
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
