//! How the numbers of a plan are judged.

use serde::Serialize;

use crate::error::Result;
use crate::model::experiment::Experiment;
use crate::model::prior::Prior;
use crate::model::stats_config::StatsConfig;

/// How the numbers of a plan are judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// What the experiment says.
    pub config: StatsConfig,
    /// Whether a lower value of the metric is the better one.
    pub lower_is_better: bool,
    /// What the metric says is believed of each variant before the data.
    pub prior: Option<Prior>,
}

impl Statistics {
    /// Of a metric of an experiment that wants more of it.
    ///
    /// # Errors
    /// As [`StatsConfig::of`].
    pub(super) fn of(experiment: &Experiment) -> Result<Self> {
        Ok(Self { config: StatsConfig::of(experiment)?, lower_is_better: false, prior: None })
    }
}
