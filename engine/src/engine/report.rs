//! Everything about an experiment in one report, and its plots.

use serde_json::{Map, Value};

use super::units::{provenance, unit_measure};
use super::{Defined, Engine, ResultsRequest, summary};
use crate::error::{Error, ErrorKind, Result};
use crate::model::document;
use crate::model::experiment_metric::{self, ExperimentMetric};
use crate::model::metric_list::MetricEntry;
use crate::report::{self, PlotKind, PlotSource};
use crate::results::{DifferencePosteriors, Report, ReportedMetric, Warning, metric_type};
use crate::stats::{self, Measured};

/// The points of a density's curve.
const CURVE_POINTS: u32 = 121;

/// Which metric a plot is of.
#[derive(Clone, Copy, Debug)]
pub enum PlotMetric<'a> {
    /// The one that leads the experiment; of plots that only modern metrics have, the first modern one.
    Leading,
    /// One of the experiment's: by id, place or name.
    Listed(&'a str),
    /// A modern metric that need not be stored.
    Given(&'a Map<String, Value>),
}

impl Engine {
    /// What is believed about the differences of a modern metric, with the curves of their densities.
    ///
    /// # Errors
    /// As [`Engine::try_metric`].
    pub fn posteriors(
        &mut self,
        key: &str,
        metric: &Map<String, Value>,
        request: &ResultsRequest,
    ) -> Result<DifferencePosteriors> {
        let (definition, plan) = self.unit_plan(key, metric, request.as_of)?;
        let defined = Defined { definition: metric, metric: None };
        let (_, computed) = self.answer(key, &definition, defined, &plan, request)?;
        let Measured::Units(cells) = &computed.measured else {
            return Err(Error::bug("a modern metric measures units"));
        };
        let measure = unit_measure(&plan)?;
        let curves = stats::observed_curves(measure, &cells.variants, &plan.statistics, CURVE_POINTS)?;
        let (_, state) = self.reader(&format!("posteriors of {key}"))?;
        let named = (Value::Object(metric.clone()), metric_type(measure).to_owned());
        let provenance = provenance(&plan, &state, request.as_of);
        Ok(DifferencePosteriors::new(summary(&definition.experiment), provenance, named, curves))
    }

    /// A plot of an experiment as SVG that needs nothing from outside.
    ///
    /// # Errors
    /// `Invalid` when the metric does not have what the plot shows; `NotReady` for a draft; else as [`Engine::metric_results`].
    pub fn plot(
        &mut self,
        key: &str,
        metric: PlotMetric<'_>,
        kind: PlotKind,
        request: &ResultsRequest,
    ) -> Result<String> {
        let drawn = match (kind, metric) {
            (PlotKind::Exposure, _) => {
                let view = self.exposure_view(key, request.as_of, &[])?;
                report::svg(kind, PlotSource::Exposures(&view))
            }
            (PlotKind::Forest | PlotKind::Funnel, PlotMetric::Leading) => {
                report::svg(kind, PlotSource::Result(&self.results(key, request)?))
            }
            (PlotKind::Forest | PlotKind::Funnel, PlotMetric::Listed(name)) => {
                report::svg(kind, PlotSource::Listed(&self.metric_results(key, name, request)?))
            }
            (PlotKind::Forest | PlotKind::Funnel, PlotMetric::Given(metric)) => {
                report::svg(kind, PlotSource::Result(&self.try_metric(key, metric, request)?))
            }
            (PlotKind::Posterior, metric) => {
                let metric = self.plotted(key, metric)?;
                report::svg(kind, PlotSource::Posteriors(&self.posteriors(key, &metric, request)?))
            }
            (PlotKind::Series | PlotKind::Daily | PlotKind::Age, metric) => {
                let metric = self.plotted(key, metric)?;
                report::svg(kind, PlotSource::Series(&self.metric_series(key, &metric, request)?))
            }
        };
        drawn.ok_or_else(|| {
            let message =
                format!("there is nothing to draw: a plot of the kind {} needs {}", kind.as_str(), kind.needs());
            Error::invalid_field("kind", "nothing_to_show", message)
                .hint("`abduck results KEY` says what is there, and what it lacks")
        })
    }

    /// The definition of the modern metric that a plot is of.
    fn plotted(&mut self, key: &str, metric: PlotMetric<'_>) -> Result<Map<String, Value>> {
        match metric {
            PlotMetric::Leading => self.modern_metric(key, None),
            PlotMetric::Listed(name) => self.modern_metric(key, Some(name)),
            PlotMetric::Given(metric) => Ok(metric.clone()),
        }
    }

    /// All that there is to say about an experiment: the decision, each metric with its course and how it came about, the exposures
    /// and the definition. What cannot be shown because a definition is wrong is told in the report.
    ///
    /// # Errors
    /// `NotFound`; `NotReady` for a draft; `Busy`; `Interrupted`; `Storage`.
    pub fn report(&mut self, key: &str, request: &ResultsRequest) -> Result<Report> {
        let experiment = self.experiment(key)?;
        let state = self.data_state()?;
        let mut report =
            Report::empty(summary(&experiment), request.as_of, (state.data_version, state.data_digest.clone()));
        let entries = experiment.metric_list();
        for entry in &entries {
            let shown = self.reported_metric(key, entry, request);
            report.metrics.extend(report.not_shown.unless_wrong(&format!("the metric {}", entry.id), shown)?);
        }
        if entries.iter().any(|entry| entry.kind == experiment_metric::KIND) {
            let decision = self.decide(key, request);
            report.decision = report.not_shown.unless_wrong("the decision", decision)?;
        }
        let exposures = self.exposure_view(key, request.as_of, &[]);
        report.exposures = report.not_shown.unless_wrong("the exposures", exposures)?;
        let documents = self.export(&[format!("experiment/{}", experiment.feature_flag_key)]);
        let definition = documents.and_then(|documents| document::to_yaml(&documents));
        report.definition = report.not_shown.unless_wrong("the definition", definition)?.unwrap_or_default();
        Ok(report)
    }

    fn reported_metric(&mut self, key: &str, entry: &MetricEntry, request: &ResultsRequest) -> Result<ReportedMetric> {
        let listed = self.metric_results(key, &entry.id, request)?;
        let explanation = self.explain(key, Some(&entry.id), request.as_of, false)?;
        if entry.kind != experiment_metric::KIND {
            return Ok(ReportedMetric { listed, guardrail_margin: None, posteriors: None, series: None, explanation });
        }
        Ok(ReportedMetric {
            listed,
            guardrail_margin: ExperimentMetric::parse(&entry.query, &entry.id)?.guardrail_margin,
            posteriors: Some(self.posteriors(key, &entry.query, request)?),
            series: Some(self.metric_series(key, &entry.query, request)?),
            explanation,
        })
    }
}

/// Keeps what is wrong with a definition as something to tell.
trait UnlessWrong {
    fn unless_wrong<T>(&mut self, what: &str, shown: Result<T>) -> Result<Option<T>>;
}

impl UnlessWrong for Vec<Warning> {
    fn unless_wrong<T>(&mut self, what: &str, shown: Result<T>) -> Result<Option<T>> {
        match shown {
            Ok(shown) => Ok(Some(shown)),
            Err(error) if matches!(error.kind(), ErrorKind::Invalid { .. }) => {
                self.push(Warning {
                    code: "not_shown".into(),
                    message: format!("{what} cannot be shown: {error}"),
                    next_step: error.hints().join("; "),
                });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
