//! Counting what an audit finds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Compared, Disagreement, DisagreementReason, NotEvaluable, Source};
use crate::assignment::logged::Logged;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// One entry per source, those without any assignment included.
    pub sources: Vec<SourceAudit>,
    /// The first disagreements, by time and then by id.
    pub examples: Vec<Disagreement>,
    /// Why some assignments cannot be recomputed; none when all can.
    pub not_evaluable: Vec<NotEvaluable>,
    /// How many times the flag changed whom it gives what, by the audit log.
    pub flag_changes: u64,
    /// How many of the flag's definitions over time cannot be evaluated, and so explain nothing.
    pub definitions_not_evaluable: u64,
}

/// What an audit found in one source. Unless it says otherwise, counts are of assignments: an id with a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceAudit {
    /// The source.
    pub source: Source,
    /// Ids that were seen.
    pub ids: u64,
    /// Ids that were logged with more than one value.
    pub ids_with_several_values: u64,
    /// Logged as the flag gives it.
    pub agreeing: u64,
    /// Logged otherwise.
    pub disagreeing: u64,
    /// Not to be recomputed, as the flag asks for what is not known.
    pub not_evaluable: u64,
    /// Logged without a value.
    pub unanswered: u64,
    /// The share that agrees of those that could be compared; null when none could.
    pub agreement: Option<f64>,
    /// The first time that a value was logged which disagrees.
    pub disagreeing_since: Option<Timestamp>,
    /// The last time.
    pub disagreeing_until: Option<Timestamp>,
    /// What the data say about why, the most frequent reason first.
    pub reasons: Vec<ReasonCount>,
    /// Logged values against recomputed ones.
    pub matrix: Vec<MatrixCell>,
}

/// How often a reason applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonCount {
    /// The reason.
    pub reason: DisagreementReason,
    /// The number of assignments.
    pub assignments: u64,
    /// The number of their events.
    pub events: u64,
}

/// How often a value was logged where the flag gives some other or the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixCell {
    /// The logged value. Of values that the flag cannot give, the hundred that come first have their names, and all others
    /// are counted together as `…`.
    pub logged: String,
    /// What the flag gives; null where it could not be recomputed.
    pub recomputed: Option<String>,
    /// The number of assignments.
    pub assignments: u64,
    /// The number of their events.
    pub events: u64,
}

/// How many values that the flag cannot give are told apart, so that a log full of them takes no room.
const FOREIGN_MAX: usize = 100;
const FOREIGN_REST: &str = "…";

/// An audit while its assignments come in.
#[derive(Debug, Default)]
pub(super) struct Totals {
    called: SourceTotals,
    carried: SourceTotals,
    not_evaluable: BTreeSet<NotEvaluable>,
    foreign: BTreeSet<String>,
    examples: BTreeSet<Disagreement>,
    /// The id that is being read.
    id: Option<String>,
}

#[derive(Debug, Default)]
struct SourceTotals {
    ids: u64,
    ids_with_several_values: u64,
    agreeing: u64,
    disagreeing: u64,
    not_evaluable: u64,
    unanswered: u64,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    reasons: BTreeMap<DisagreementReason, (u64, u64)>,
    matrix: BTreeMap<(String, Option<String>), (u64, u64)>,
    /// Of the id that is being read: whether it was seen, and the values of its present group.
    is_seen: bool,
    has_several: bool,
    group: Option<String>,
    values_of_group: u64,
}

impl Totals {
    fn of(&mut self, source: Source) -> &mut SourceTotals {
        match source {
            Source::FlagCalled => &mut self.called,
            Source::EventProperty => &mut self.carried,
        }
    }

    /// Counts ids: rows of one id come one after another.
    pub(super) fn see(&mut self, logged: &Logged<'_>) {
        if self.id.as_deref() != Some(logged.distinct_id) {
            self.id = Some(logged.distinct_id.to_owned());
            for source in [&mut self.called, &mut self.carried] {
                source.begin_id();
            }
        }
        self.of(logged.source).see(logged);
    }

    pub(super) fn unanswered(&mut self, logged: &Logged<'_>) {
        self.of(logged.source).unanswered += 1;
    }

    pub(super) fn not_evaluable(&mut self, logged: &Logged<'_>, value: &str, is_known: bool, reason: NotEvaluable) {
        self.not_evaluable.insert(reason);
        let name = self.name(value, is_known);
        let source = self.of(logged.source);
        source.not_evaluable += 1;
        count(source.matrix.entry((name, None)).or_default(), logged.events);
    }

    pub(super) fn compared(&mut self, one: &Compared, reason: Option<DisagreementReason>, is_known: bool) {
        let name = self.name(&one.logged, is_known);
        let source = self.of(one.source);
        count(source.matrix.entry((name, Some(one.recomputed.clone()))).or_default(), one.events);
        let Some(reason) = reason else {
            source.agreeing += 1;
            return;
        };
        source.disagreeing += 1;
        source.since = Some(source.since.map_or(one.first_seen, |since| since.min(one.first_seen)));
        source.until = source.until.max(Some(one.last_seen));
        count(source.reasons.entry(reason).or_default(), one.events);
    }

    /// Keeps a disagreement if it is among the first.
    pub(super) fn example(&mut self, disagreement: Disagreement, examples_max: usize) {
        self.examples.insert(disagreement);
        if self.examples.len() > examples_max {
            self.examples.pop_last();
        }
    }

    pub(super) fn finish(self, (flag_changes, broken): (u64, u64)) -> Tally {
        Tally {
            sources: vec![self.called.finish(Source::FlagCalled), self.carried.finish(Source::EventProperty)],
            examples: self.examples.into_iter().collect(),
            not_evaluable: self.not_evaluable.into_iter().collect(),
            flag_changes,
            definitions_not_evaluable: broken,
        }
    }

    /// The name of a logged value in the matrix.
    fn name(&mut self, value: &str, is_known: bool) -> String {
        if is_known || self.foreign.contains(value) {
            value.to_owned()
        } else if self.foreign.len() < FOREIGN_MAX {
            self.foreign.insert(value.to_owned());
            value.to_owned()
        } else {
            FOREIGN_REST.to_owned()
        }
    }
}

impl SourceTotals {
    fn begin_id(&mut self) {
        self.is_seen = false;
        self.has_several = false;
        self.group = None;
        self.values_of_group = 0;
    }

    fn see(&mut self, logged: &Logged<'_>) {
        if !self.is_seen {
            self.is_seen = true;
            self.ids += 1;
        }
        // Members of several groups get several values.
        if self.group.as_deref() != logged.group {
            self.group = logged.group.map(ToOwned::to_owned);
            self.values_of_group = 0;
        }
        self.values_of_group += u64::from(logged.value.is_some());
        if self.values_of_group > 1 && !self.has_several {
            self.has_several = true;
            self.ids_with_several_values += 1;
        }
    }

    fn finish(self, source: Source) -> SourceAudit {
        let mut reasons: Vec<_> = self
            .reasons
            .into_iter()
            .map(|(reason, (assignments, events))| ReasonCount { reason, assignments, events })
            .collect();
        // Stable: equal counts stay in the order of the reasons.
        reasons.sort_by_key(|count| std::cmp::Reverse(count.assignments));
        let cell =
            |((logged, recomputed), (assignments, events))| MatrixCell { logged, recomputed, assignments, events };
        SourceAudit {
            source,
            ids: self.ids,
            ids_with_several_values: self.ids_with_several_values,
            agreeing: self.agreeing,
            disagreeing: self.disagreeing,
            not_evaluable: self.not_evaluable,
            unanswered: self.unanswered,
            agreement: share(self.agreeing, self.disagreeing),
            disagreeing_since: self.since,
            disagreeing_until: self.until,
            reasons,
            matrix: self.matrix.into_iter().map(cell).collect(),
        }
    }
}

fn count((assignments, all_events): &mut (u64, u64), events: u64) {
    *assignments += 1;
    *all_events += events;
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn share(part: u64, rest: u64) -> Option<f64> {
    let whole = part + rest;
    (whole > 0).then(|| part as f64 / whole as f64)
}
