//! All that there is to say about an experiment at one moment.

use jiff::Timestamp;
use serde::Serialize;

use crate::results::{
    DifferencePosteriors, ExperimentDecision, ExperimentSummary, Explanation, ExposureView, FORMAT_VERSION,
    ListedResult, MetricSeries, Warning,
};

/// An experiment with all its metrics, its decision, its exposures, and how everything came about.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this form.
    pub format_version: u32,
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// The moment it holds for.
    pub as_of: Timestamp,
    /// The version of the engine.
    pub engine_version: String,
    /// The version of the event data.
    pub data_version: u64,
    /// A hash of all changes of the event data.
    pub data_digest: String,
    /// What to do; null of an experiment without modern metrics.
    pub decision: Option<ExperimentDecision>,
    /// The metrics in the order of the definition.
    pub metrics: Vec<ReportedMetric>,
    /// Who came in, and when; null where it cannot be told, which `not_shown` explains.
    pub exposures: Option<ExposureView>,
    /// What could not be shown, and why.
    pub not_shown: Vec<Warning>,
    /// The definition of the experiment, as documents in YAML.
    pub definition: String,
}

/// A metric of a report.
#[derive(Clone, Debug, Serialize)]
pub struct ReportedMetric {
    /// Its result.
    pub listed: ListedResult,
    /// The tolerated loss, of a guardrail.
    pub guardrail_margin: Option<f64>,
    /// What is believed about the differences; of modern metrics.
    pub posteriors: Option<DifferencePosteriors>,
    /// Its course; of modern metrics.
    pub series: Option<MetricSeries>,
    /// The plan and its queries.
    pub explanation: Explanation,
}

impl Report {
    /// A report that says nothing yet; the data are told by their version and digest.
    #[must_use]
    pub fn empty(experiment: ExperimentSummary, as_of: Timestamp, (data_version, data_digest): (u64, String)) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            experiment,
            as_of,
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
            data_version,
            data_digest,
            decision: None,
            metrics: Vec::new(),
            exposures: None,
            not_shown: Vec::new(),
            definition: String::new(),
        }
    }
}
