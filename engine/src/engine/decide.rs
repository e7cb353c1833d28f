//! What to do with an experiment.

use jiff::Timestamp;

use super::{Engine, ResultsRequest, summary};
use crate::error::{Error, Result};
use crate::model::experiment_metric::{self, ExperimentMetric, Goal};
use crate::model::metric_list::{EntryRole, MetricEntry};
use crate::model::stats_config::StatsConfig;
use crate::results::ExperimentDecision;
use crate::stats::Outcome;
use crate::stats::decision::{DecisionMetric, DecisionRole, DecisionRule, decide};

impl Engine {
    /// Says whether to ship a variant, hold, roll back or keep running, from all modern metrics of an experiment and the ratio of
    /// its variants.
    ///
    /// # Errors
    /// `NotReady` for a draft; `Invalid` when a metric is wrong; else as [`Engine::metric_results`].
    pub fn decide(&mut self, key: &str, request: &ResultsRequest) -> Result<ExperimentDecision> {
        let experiment = self.experiment(key)?;
        let mut metrics = Vec::new();
        let mut ignored = Vec::new();
        for entry in experiment.metric_list() {
            if entry.kind == experiment_metric::KIND {
                metrics.push(self.decision_metric(key, &entry, request)?);
            } else {
                ignored.push(called(&entry));
            }
        }
        let view = self.exposure_view(key, request.as_of, &[])?;
        let config = StatsConfig::of(&experiment)?;
        let variants: Vec<String> =
            view.expected_share.keys().filter(|variant| **variant != config.baseline).cloned().collect();
        let has_ended = experiment.end_date.is_some_and(|end: Timestamp| end <= request.as_of);
        let rule = DecisionRule { alpha: config.alpha, correction: config.correction, has_ended };
        let decision = decide(&variants, &metrics, view.sample_ratio.as_ref(), rule)?;
        Ok(ExperimentDecision::new(summary(&experiment), request.as_of, decision, view.sample_ratio, ignored))
    }

    fn decision_metric(&mut self, key: &str, entry: &MetricEntry, request: &ResultsRequest) -> Result<DecisionMetric> {
        let metric = ExperimentMetric::parse(&entry.query, &entry.id)?;
        let listed = self.metric_results(key, &entry.id, request)?;
        let Outcome::Observed(observations) = listed.result.result.outcome() else {
            return Err(Error::bug("a modern metric is observed"));
        };
        let role = match (metric.guardrail_margin, entry.role) {
            (Some(margin), _) => DecisionRole::Guardrail { margin },
            (None, EntryRole::Primary) => DecisionRole::Primary,
            (None, EntryRole::Secondary) => DecisionRole::Secondary,
        };
        Ok(DecisionMetric {
            name: called(entry),
            role,
            lower_is_better: metric.goal == Goal::Decrease,
            against_baseline: observations.comparisons.against_baseline.clone(),
            beliefs: observations.comparisons.beliefs.clone(),
        })
    }
}

/// Its name, or where it stands when it has none.
fn called(entry: &MetricEntry) -> String {
    if entry.name.is_empty() { entry.id.clone() } else { entry.name.clone() }
}
