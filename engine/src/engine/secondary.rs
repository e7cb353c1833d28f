//! Results of secondary metrics.

use serde_json::{Value, json};

use super::{Defined, Engine, ResultsRequest};
use crate::error::Result;
use crate::plan;
use crate::results::{SecondaryMetricSummary, SecondaryResult};
use crate::stats;

impl Engine {
    /// The result of a secondary metric, kept or computed. `id` is its place in the experiment's list, as a number or text.
    ///
    /// # Errors
    /// `Invalid` when there is no such metric; else as [`Engine::results`]. A metric that cannot be judged is no error
    ///
    pub fn secondary_results(
        &mut self,
        key: &str,
        id: Option<&Value>,
        request: &ResultsRequest,
    ) -> Result<SecondaryResult> {
        let definition = self.definition(key)?;
        let metric = definition.experiment.secondary_metric(id)?;
        let plan = plan::compile_secondary(
            &metric,
            &definition.experiment,
            &definition.flag,
            &definition.library,
            request.as_of,
        )?;
        let (result, computed) = self.answer(
            key,
            &definition,
            Defined { definition: &metric.filters, metric: Some(&metric.metric()?) },
            &plan,
            request,
        )?;
        let secondary = SecondaryResult {
            metric: SecondaryMetricSummary { index: metric.index, name: metric.name },
            values: stats::secondary_values(&computed.measured),
            result,
        };
        let result = &secondary.result;
        if !result.is_cached
            && let Err(error) = self.keep_all(&[(result, json!(secondary), &computed)])
        {
            tracing::warn!(%error, "the result could not be kept");
        }
        Ok(SecondaryResult { result: self.warned(secondary.result)?, ..secondary })
    }
}
