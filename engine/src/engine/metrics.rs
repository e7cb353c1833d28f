//! The metrics of an experiment in all their forms, and the result of one of them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Defined, Definition, Engine, ResultsRequest};
use crate::error::{Error, Result};
use crate::model::experiment_metric::{self, ExperimentMetric};
use crate::model::metric::Metric;
use crate::model::metric_list::{EntryRole, LEGACY, MetricEntry};
use crate::model::query_node::{self, QueryNode};
use crate::model::secondary::SecondaryMetric;
use crate::plan::{self, MetricRole, Plan};
use crate::results::ListedResult;
use crate::stats;

impl Engine {
    /// The metrics of an experiment, the primary ones first, in the order of its definition.
    ///
    /// # Errors
    /// `NotFound`; `Storage` when the experiment cannot be read.
    pub fn metrics(&mut self, key: &str) -> Result<Vec<MetricEntry>> {
        Ok(self.experiment(key)?.metric_list())
    }

    /// The result of one of an experiment's metrics, kept or computed. `metric` is its id, its place in
    /// [`Engine::metrics`], or its name.
    ///
    /// # Errors
    /// `NotFound` when there is no such metric; `Invalid` when several have the name, or it is wrong or not supported; else
    /// as [`Engine::results`]. A metric that cannot be judged is no error.
    pub fn metric_results(&mut self, key: &str, metric: &str, request: &ResultsRequest) -> Result<ListedResult> {
        let definition = self.definition(key)?;
        let entry = definition.experiment.listed_metric(metric)?;
        let (metric, plan) = definition.plan_listed(&entry, request.as_of)?;
        let (result, computed) = self.answer(
            key,
            &definition,
            Defined { definition: &entry.query, metric: metric.as_ref() },
            &plan,
            request,
        )?;
        let listed = ListedResult { values: stats::secondary_values(&computed.measured), metric: entry, result };
        let result = &listed.result;
        if !result.is_cached
            && let Err(error) = self.keep_all(&[(result, json!(listed), &computed)])
        {
            tracing::warn!(%error, "the result could not be kept");
        }
        Ok(ListedResult { result: self.warned(listed.result)?, ..listed })
    }
}

impl Engine {
    /// The definition of a modern metric that an experiment has: by its id, place or name, else the first primary one.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name; `Invalid` when it has another form, or none is named and there is none.
    pub fn modern_metric(&mut self, key: &str, metric: Option<&str>) -> Result<Map<String, Value>> {
        let experiment = self.experiment(key)?;
        let is_modern = |entry: &MetricEntry| entry.kind == experiment_metric::KIND;
        let entry = match metric {
            Some(metric) => experiment.listed_metric(metric)?,
            None => experiment.metric_list().into_iter().find(is_modern).ok_or_else(|| {
                Error::invalid_field("metric", "required", "the experiment has no metric of the kind ExperimentMetric")
                    .hint("give the definition of a metric, or add one to the experiment's `metrics`")
            })?,
        };
        if is_modern(&entry) {
            return Ok(entry.query);
        }
        let message = format!("the metric '{}' has another form: {}", entry.id, entry.kind);
        Err(Error::invalid_field("metric", "unsupported", message)
            .hint(format!("only metrics of the kind {} have single units", experiment_metric::KIND)))
    }
}

impl Definition {
    /// The metric whose result is the experiment's: the legacy one, else the first primary one of another form.
    pub(super) fn leading_metric(&self) -> Option<MetricEntry> {
        let is_primary = |entry: &MetricEntry| entry.role == EntryRole::Primary;
        self.experiment.metric_list().into_iter().find(is_primary).filter(|_| self.experiment.filters.is_empty())
    }

    /// What a listed metric measures, unless it is a modern one, and the plan for it.
    pub(super) fn plan_listed(&self, entry: &MetricEntry, as_of: Timestamp) -> Result<(Option<Metric>, Plan)> {
        let Self { experiment, flag, library } = self;
        let role = role(entry.role);
        match (entry.kind.as_str(), entry.role) {
            (LEGACY, EntryRole::Primary) => {
                let plan = self.plan(as_of)?;
                Ok((Some(Metric::parse(&entry.query)?), plan))
            }
            (LEGACY, EntryRole::Secondary) => {
                let index = entry.id.trim_start_matches("secondary_metrics[").trim_end_matches(']');
                let secondary: SecondaryMetric = experiment.secondary_metric(Some(&index.into()))?;
                let plan = plan::compile_secondary(&secondary, experiment, flag, library, as_of)?;
                Ok((Some(secondary.metric()?), plan))
            }
            (query_node::TRENDS | query_node::FUNNELS, _) => {
                let node = QueryNode::read(&entry.query, &entry.id)?;
                let plan = plan::compile_query_node(&node, role, experiment, flag, library, as_of)?;
                Ok((Some(node.metric), plan))
            }
            (experiment_metric::KIND, _) => {
                let metric = ExperimentMetric::parse(&entry.query, &entry.id)?;
                let plan = plan::compile_metric(&metric, role, experiment, flag, library, as_of)?;
                Ok((None, plan))
            }
            (kind, _) => {
                let message = format!("the kind \"{kind}\" of a metric is not supported yet");
                Err(Error::invalid_field(format!("{}.kind", entry.id), "unsupported", message).hint(format!(
                    "supported: {}, {}, {}",
                    experiment_metric::KIND,
                    query_node::TRENDS,
                    query_node::FUNNELS
                )))
            }
        }
    }
}

fn role(role: EntryRole) -> MetricRole {
    match role {
        EntryRole::Primary => MetricRole::Primary,
        EntryRole::Secondary => MetricRole::Secondary,
    }
}
