//! The course of results: reading what was kept, and computing the moments that were not.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Computed, Defined, Engine, summary};
use crate::catalog::CachedResult;
use crate::error::{Error, Result};
use crate::model::metric::{Interval, Metric};
use crate::plan::interval_ends;
use crate::results::{ExperimentResult, Provenance, ResultHistory, history};

/// How far a backfill is, or was when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Backfill {
    /// Moments that were computed.
    pub computed: u64,
    /// Moments that were missing when it began.
    pub missing: u64,
}

impl Engine {
    /// The course of an experiment's results: what each kept result said, and how often the verdict changed.
    ///
    /// # Errors
    /// `NotFound`; `Storage` when the history cannot be read.
    pub fn history(&mut self, key: &str) -> Result<ResultHistory> {
        let snapshot = self.catalog.snapshot()?;
        let experiment = snapshot.experiment(key)?;
        let kept = snapshot.result_history(experiment.id)?;
        // Results of secondary metrics are kept, too.
        let primary = kept.iter().map(|kept| &kept.result).filter(|result| result.get("metric").is_none());
        Ok(history(&experiment, summary(&experiment), primary))
    }

    /// Computes the result for the end of each day or week of the lab's timezone that the history lacks, from the first event
    /// of the experiment's time to its last, and keeps them all at once. Each is a query of its own, so the time it takes
    /// grows with their number. All are computed from one state of the data; writers wait.
    ///
    /// # Errors
    /// As [`Engine::results`]; `Invalid` for intervals other than days and weeks. Nothing was changed then.
    pub fn backfill_history(
        &mut self,
        key: &str,
        interval: Interval,
        now: Timestamp,
        progress: &mut dyn FnMut(Backfill),
    ) -> Result<Backfill> {
        if !matches!(interval, Interval::Day | Interval::Week) {
            return Err(Error::invalid_field("backfill", "invalid_choice", "a history is computed by day or by week"));
        }
        let present: BTreeSet<_> = self.history(key)?.points.iter().map(|point| point.as_of).collect();
        let definition = self.definition(key)?;
        // Whatever is wrong with the definition is said also when there is nothing to compute.
        let start = definition.plan(now).map(|_| definition.experiment.start_date)?.unwrap_or(now);
        let (reader, state) = self.reader(&format!("history of {key}"))?;
        let end = definition.experiment.end_date.filter(|end| *end <= now);
        let moments = match (state.first_event, state.last_event) {
            (Some(first), Some(last)) if last >= start => {
                let ends = interval_ends(start.max(first), end.unwrap_or(now), interval, &definition.library.settings)?;
                // Of an interval that is not over yet, the last event is what stands still.
                let newest = if end.is_some() { now } else { last.min(now) };
                up_to(ends, last, newest, now)
            }
            _ => Vec::new(),
        };
        let missing: Vec<_> = moments.into_iter().filter(|moment| !present.contains(moment)).collect();
        let mut done = Backfill { computed: 0, missing: missing.len() as u64 };
        let mut results = Vec::new();
        let filters = &definition.experiment.filters;
        let metric = Metric::parse(filters)?;
        for as_of in missing {
            progress(done);
            let plan = definition.plan(as_of)?;
            let computed = self.compute(&plan, &reader)?;
            let provenance = Provenance {
                engine_version: env!("CARGO_PKG_VERSION").to_owned(),
                data_version: state.data_version,
                data_digest: state.data_digest.clone(),
                fingerprint: plan.fingerprint(&super::visible(&state)),
                as_of,
            };
            let result = definition.result(
                Defined { definition: filters, metric: Some(&metric) },
                &plan,
                &computed,
                (provenance, now, false),
            )?;
            results.push((result, computed));
            done.computed += 1;
        }
        progress(done);
        let kept: Vec<_> = results.iter().map(|(result, computed)| (result, json!(result), computed)).collect();
        self.keep_all(&kept)?;
        Ok(done)
    }

    /// Keeps the numbers of results, and in the history what the caller was told, in one step: all or, on error, none.
    pub(super) fn keep_all(&mut self, results: &[(&ExperimentResult, Value, &Computed)]) -> Result<()> {
        let mut transaction = self.catalog.transaction()?;
        for (result, told, computed) in results {
            let computed_at = result.last_refresh;
            let cached = CachedResult { computed_at, value: json!(computed) };
            transaction.cache_result(&result.provenance.fingerprint, &cached)?;
            transaction.append_result(result.experiment.id, told, computed_at)?;
        }
        transaction.commit()
    }
}

/// The moments up to the first that sees the last event; `newest` in place of the present.
fn up_to(mut moments: Vec<Timestamp>, last_event: Timestamp, newest: Timestamp, now: Timestamp) -> Vec<Timestamp> {
    let needed = moments.partition_point(|moment| *moment < last_event) + 1;
    moments.truncate(needed);
    if let Some(moment) = moments.last_mut().filter(|moment| **moment == now) {
        *moment = newest;
    }
    moments
}
