//! What the caller is told about the assignments of an experiment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::assignment::{DisagreementReason, NotEvaluable, SourceAudit, Tally};
use crate::results::ExperimentSummary;

/// Whether people were given the variants that the experiment's flag gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignmentAudit {
    /// The experiment.
    pub experiment: ExperimentSummary,
    /// The moment up to which logged assignments were looked at.
    pub as_of: Timestamp,
    /// The version of the event data.
    pub data_version: u64,
    /// The version of the flag that the variants were recomputed from.
    pub flag_version: i64,
    /// What came out.
    pub verdict: AuditVerdict,
    /// What to do next; null when there is nothing to do.
    pub next_step: Option<String>,
    /// What was found.
    pub tally: Tally,
}

/// What came out of an audit, of both sources the worse; ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditVerdict {
    /// No assignment was logged.
    NothingLogged,
    /// Assignments were logged, but none could be recomputed.
    NotEvaluable,
    /// All that could be compared agree.
    Agrees,
    /// All that disagree are what the flag gave when they were logged.
    FlagChanged,
    /// Some disagree, but fewer than one in a hundred.
    MostlyAgrees,
    /// One in a hundred or more disagree.
    Disagrees,
}

/// The share of disagreeing assignments from which on they matter.
const DISAGREEMENT_MAX: f64 = 0.01;

/// Puts what was found into its outward form.
#[must_use]
pub fn assignment_audit(
    experiment: ExperimentSummary,
    flag_version: i64,
    tally: Tally,
    as_of: Timestamp,
    data_version: u64,
) -> AssignmentAudit {
    let verdict = tally.sources.iter().map(verdict).max().unwrap_or(AuditVerdict::NothingLogged);
    let next_step = next_step(verdict, &tally);
    AssignmentAudit { experiment, as_of, data_version, flag_version, verdict, next_step, tally }
}

fn verdict(source: &SourceAudit) -> AuditVerdict {
    let explained: u64 = of_reason(source, DisagreementReason::FlagChanged);
    match source.agreement {
        None if source.not_evaluable > 0 => AuditVerdict::NotEvaluable,
        None => AuditVerdict::NothingLogged,
        Some(_) if source.disagreeing == 0 => AuditVerdict::Agrees,
        Some(_) if source.disagreeing == explained => AuditVerdict::FlagChanged,
        Some(agreement) if 1.0 - agreement < DISAGREEMENT_MAX => AuditVerdict::MostlyAgrees,
        Some(_) => AuditVerdict::Disagrees,
    }
}

fn of_reason(source: &SourceAudit, reason: DisagreementReason) -> u64 {
    source.reasons.iter().filter(|count| count.reason == reason).map(|count| count.assignments).sum()
}

fn next_step(verdict: AuditVerdict, tally: &Tally) -> Option<String> {
    let step = match verdict {
        AuditVerdict::Agrees => return None,
        AuditVerdict::NothingLogged => {
            "send a `$feature_flag_called` event with `$feature_flag` and `$feature_flag_response` whenever the flag is \
             evaluated, or carry `$feature/<flag key>` on events"
        }
        AuditVerdict::NotEvaluable => match tally.not_evaluable.first() {
            Some(NotEvaluable::UnknownGroup) => {
                "the flag splits groups: take events in with their groups: `abduck ingest --group 0=COLUMN`"
            }
            Some(NotEvaluable::UnknownCohort) => {
                "the flag asks who is listed in a static cohort, which the lab does not know: audit a flag without one, or check \
                 ids by hand with `abduck flag evaluate`"
            }
            _ => {
                "the flag's release conditions ask for properties, which the lab does not know: give them with `abduck flag \
                 evaluate KEY --ids FILE` and compare"
            }
        },
        AuditVerdict::FlagChanged | AuditVerdict::MostlyAgrees | AuditVerdict::Disagrees => {
            most_frequent(tally)?.advice()
        }
    };
    Some(step.to_owned())
}

/// The reason of most disagreements; in doubt the one that the flag itself tells of.
fn most_frequent(tally: &Tally) -> Option<DisagreementReason> {
    let reasons = tally.sources.iter().flat_map(|source| &source.reasons);
    let mut all: Vec<(DisagreementReason, u64)> = Vec::new();
    for count in reasons {
        match all.iter_mut().find(|(reason, _)| *reason == count.reason) {
            Some((_, assignments)) => *assignments += count.assignments,
            None => all.push((count.reason, count.assignments)),
        }
    }
    all.into_iter()
        .max_by_key(|(reason, assignments)| (*assignments, std::cmp::Reverse(*reason)))
        .map(|(reason, _)| reason)
}

impl DisagreementReason {
    /// What to do about it.
    fn advice(self) -> &'static str {
        match self {
            Self::FlagChanged => {
                "the flag changed while the experiment ran: look at the time before the change with `abduck results KEY --as-of \
                 TIME`, or run the experiment anew"
            }
            Self::Holdout => {
                "the holdout changed, or the code that assigns does not know it: check the flag's holdout, and that the client \
                 library is up to date"
            }
            Self::UnknownVariant => {
                "the log has variants that the flag does not have: check for hard-coded variants, overrides of developers, and \
                 other systems that use the same key"
            }
            Self::OtherId => {
                "variants were carried over when persons changed their id, as when they signed in: evaluate the flag by an id \
                 that stays, or switch the flag's experience continuity on"
            }
            Self::Rollout => {
                "the flag that assigned has another rollout or other release conditions: give the flag of the lab the ones that \
                 were in force, or update the code that assigns"
            }
            Self::Unexplained => {
                "the code that assigns does not follow this flag: check that it hashes the distinct id that it logs, that it does \
                 not evaluate an old copy of the flag, and that nobody is forced into a variant; list all with `--disagreements \
                 FILE`"
            }
        }
    }
}

impl AuditVerdict {
    /// The machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NothingLogged => "nothing_logged",
            Self::NotEvaluable => "not_evaluable",
            Self::Agrees => "agrees",
            Self::FlagChanged => "flag_changed",
            Self::MostlyAgrees => "mostly_agrees",
            Self::Disagrees => "disagrees",
        }
    }
}
