//! Priors from the lab's own past.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::{Engine, ResultsRequest, summary};
use crate::error::{Error, ErrorKind, Result};
use crate::model::experiment_metric::{ExperimentMetric, Measured};
use crate::results::{FORMAT_VERSION, MetricResult, PriorFromPast, RatePrior, UnitVariant};
use crate::stats::comparison::dispersion;
use crate::stats::inference::Estimate;
use crate::stats::number::from_count;
use crate::stats::priors::{LearnedPrior, learn_mean, learn_rate, learn_share};
use crate::stats::proportion::Share;

impl Engine {
    /// Learns what to believe of a metric before the data, from the variants of all other experiments that are over.
    ///
    /// # Errors
    /// As [`Engine::try_metric`] for the metric; `Invalid` when its type has no prior, or the past teaches too little; `Interrupted`.
    pub fn learn_prior(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        request: &ResultsRequest,
    ) -> Result<PriorFromPast> {
        let experiment = self.experiment(key)?;
        let measured = ExperimentMetric::parse(metric, "metric")?.measured;
        let is_over = |end: Option<jiff::Timestamp>| end.is_some_and(|end| end <= request.as_of);
        let past = self.experiments()?.into_iter().filter(|past| past.id != experiment.id && is_over(past.end_date));
        let (mut arms, mut used, mut left_out): (Vec<UnitVariant>, Vec<String>, IndexMap<String, String>) =
            Default::default();
        for past in past {
            match self.try_metric(&past.feature_flag_key, metric, request) {
                Ok(result) => {
                    if let MetricResult::Units { variants, .. } = result.result {
                        arms.extend(variants.into_iter().filter(|variant| variant.number_of_samples >= 2));
                    }
                    used.push(past.feature_flag_key);
                }
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => return Err(error),
                Err(error) => {
                    left_out.insert(past.feature_flag_key, error.to_string());
                }
            }
        }
        let rate_prior = rate_prior(&measured, &arms)?;
        let LearnedPrior { prior, arms, is_limited } = learned(&measured, &arms)?;
        Ok(PriorFromPast {
            format_version: FORMAT_VERSION,
            experiment: summary(&experiment),
            as_of: request.as_of,
            metric: Value::Object(metric.clone()),
            prior: prior.to_json(),
            rate_prior,
            arms,
            is_limited,
            experiments: used,
            left_out,
        })
    }
}

/// Of a metric that counts events, what to believe of their rate. The prior of the mean is there without it, so what teaches too little
/// about a rate is no refusal.
fn rate_prior(measured: &Measured, arms: &[UnitVariant]) -> Result<Option<RatePrior>> {
    if !measured.counts_events() {
        return Ok(None);
    }
    let arms = estimates(arms);
    match learn_rate(&arms) {
        Ok(LearnedPrior { prior, is_limited, .. }) => {
            Ok(Some(RatePrior { prior: prior.to_json(), dispersion: dispersion(&arms), is_limited }))
        }
        Err(error) if error.code() == "too_few" => Ok(None),
        Err(error) => Err(error),
    }
}

fn estimates(arms: &[UnitVariant]) -> Vec<Estimate> {
    let estimate = |arm: &UnitVariant| {
        let count = from_count(arm.number_of_samples);
        Some(Estimate { count, value: arm.sum / count, unit_variance: arm.variance? })
    };
    arms.iter().filter_map(estimate).collect()
}

fn learned(measured: &Measured, arms: &[UnitVariant]) -> Result<LearnedPrior> {
    match measured {
        Measured::Funnel { .. } | Measured::Retention(_) => {
            let share = |arm: &UnitVariant| Share { successes: arm.sum, trials: from_count(arm.number_of_samples) };
            learn_share(&arms.iter().map(share).collect::<Vec<_>>())
        }
        Measured::Mean { .. } | Measured::TimeToConvert { .. } => learn_mean(&estimates(arms)),
        Measured::Ratio { .. } | Measured::Quantile { .. } => {
            let message = "ratios and quantiles have no prior";
            Err(Error::invalid_field("metric.metric_type", "unsupported", message)
                .hint("priors are of means, times, funnels and retention"))
        }
    }
}
