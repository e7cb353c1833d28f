//! What the audit log and the log of events say about an experiment's flag.

use jiff::Timestamp;
use serde_json::Value;

use super::flags::references;
use super::{Engine, summary};
use crate::assignment::{Auditor, Definition, Disagreement, Evaluator, References, read_logged};
use crate::catalog::AuditEntry;
use crate::error::{Error, Result};
use crate::model::experiment::Experiment;
use crate::model::flag::FeatureFlag;
use crate::plan::TimeRange;
use crate::results::{AssignmentAudit, ExperimentResult, FlagChange, assignment_audit, flag_warnings};
use crate::sql;

/// The audit log's name for a flag.
const FLAG: &str = "feature_flag";

/// What an audit works on.
struct Audited {
    experiment: Experiment,
    flag: FeatureFlag,
    log: Vec<AuditEntry>,
    references: References,
}

impl Engine {
    /// Recomputes the variant of every id that was seen with the experiment's flag, and compares it with what was logged.
    /// The flag is taken as if it were switched on: what was logged was logged while it was.
    ///
    /// The first `examples_max` disagreements are in the answer; `on_disagreement` is told of every one, by person and id.
    ///
    /// # Errors
    /// `NotFound`; `NotReady` for a draft and before the experiment begins; `Invalid` when the flag cannot be evaluated;
    /// `Busy`; `Interrupted`; and whatever `on_disagreement` returns.
    pub fn audit_assignments(
        &mut self,
        key: &str,
        as_of: Timestamp,
        examples_max: usize,
        on_disagreement: &mut dyn FnMut(&Disagreement) -> Result<()>,
    ) -> Result<AssignmentAudit> {
        let audited = self.audited(key, as_of)?;
        let range = audited.range(as_of)?;
        let mut auditor = audited.auditor(examples_max)?;
        let (reader, state) = self.reader(&format!("audit of {key}"))?;
        let flag = &audited.flag;
        let query = sql::logged_assignments(&flag.key, flag.filters.aggregation_group_type_index, range);
        reader.scan(&query, &self.interrupt, &mut |batch| {
            read_logged(batch, &mut |logged| auditor.add(logged, on_disagreement))
        })?;
        let tally = auditor.finish(on_disagreement)?;
        Ok(assignment_audit(summary(&audited.experiment), flag.version, tally, as_of, state.data_version))
    }

    /// A result with the warnings that its flag gives rise to. They are put on whenever it is shown, as the flag may change
    /// while the numbers stay true.
    pub(super) fn warned(&mut self, mut result: ExperimentResult) -> Result<ExperimentResult> {
        let snapshot = self.catalog.snapshot()?;
        let experiment = snapshot.experiment(&result.experiment.id.to_string())?;
        let flag = snapshot.flag_of(&experiment)?;
        let changes: Vec<_> = snapshot.audit_log(FLAG, flag.id)?.into_iter().filter_map(change).collect();
        result.warnings.extend(flag_warnings(&experiment, &flag, &changes, result.provenance.as_of));
        Ok(result)
    }

    fn audited(&mut self, key: &str, as_of: Timestamp) -> Result<Audited> {
        let snapshot = self.catalog.snapshot()?;
        let experiment = snapshot.experiment(key)?;
        let flag = snapshot.flag_of(&experiment)?;
        let log = snapshot.audit_log(FLAG, flag.id)?;
        let references = references(&snapshot, as_of)?;
        Ok(Audited { experiment, flag, log, references })
    }
}

impl Audited {
    fn range(&self, as_of: Timestamp) -> Result<TimeRange> {
        let start = self.experiment.start_date.filter(|start| *start <= as_of).ok_or_else(|| {
            Error::not_ready(format!("experiment '{}' has not begun", self.experiment.feature_flag_key))
                .hint("launch it first: `abduck experiment launch KEY`")
        })?;
        Ok(TimeRange::new(start, self.experiment.end_date, as_of))
    }

    fn auditor(&self, examples_max: usize) -> Result<Auditor<'static>> {
        let as_if_on = FeatureFlag { active: true, deleted: false, ..self.flag.clone() };
        let evaluator = Evaluator::new(&as_if_on, &self.references)?;
        let holdouts = self.flag.filters.holdout_groups.iter().flatten().filter_map(|group| group.variant.clone());
        let variants = self.flag.variants().iter().map(|variant| variant.key.clone());
        let values: Vec<_> = variants.chain(holdouts).collect();
        Ok(Auditor::new(evaluator, values, self.definitions(), examples_max))
    }

    /// What the flag was over time; changes of names alone make no new definition.
    fn definitions(&self) -> Vec<Definition> {
        let mut definitions = Vec::new();
        let mut latest: Option<FeatureFlag> = None;
        for (at, flag) in self.log.iter().filter_map(|entry| Some((entry.at, entry.after.as_ref()?))) {
            // A definition that another version wrote, or that names a cohort that is gone, explains nothing.
            let flag: Option<FeatureFlag> = serde_json::from_value(flag.clone()).ok();
            if flag.is_some() && flag.as_ref().map(allocation) == latest.as_ref().map(allocation) {
                continue;
            }
            let evaluator = flag.as_ref().and_then(|flag| Evaluator::new(flag, &self.references).ok());
            definitions.push(Definition { from: at, evaluator });
            latest = flag;
        }
        definitions
    }
}

/// A flag without what makes no difference to whom it gives what.
fn allocation(flag: &FeatureFlag) -> FeatureFlag {
    FeatureFlag { name: String::new(), version: 0, ..flag.clone() }
}

/// A change of a flag; none when it was made or removed.
fn change(entry: AuditEntry) -> Option<FlagChange> {
    let both: (Option<Value>, Option<Value>) = (entry.before, entry.after);
    both.0.zip(both.1).map(|(before, after)| FlagChange { at: entry.at, who: entry.who, before, after })
}
