//! Were people given the variants that the flag gives? Logged assignments against recomputed ones.
//!
//! Each *assignment* is one id with one logged value in one source. Every one falls into exactly one of four: it agrees, it
//! disagrees, it is not evaluable (the flag asks for what is not known of the id), or it is unanswered (the call had no
//! value). The rows of a person come together, so memory is bounded by a person's ids, whatever the number of persons.

mod tally;

pub use tally::{MatrixCell, ReasonCount, SourceAudit, Tally};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::tally::Totals;
use super::evaluation::{FlagValue, Reason};
use super::evaluator::Evaluator;
use super::logged::Logged;
use super::subject::{Properties, Subject};
use crate::error::{Error, Result};

/// Where an assignment was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The answer of a `$feature_flag_called` event (F-16).
    FlagCalled,
    /// The property `$feature/<key>` of any other event.
    EventProperty,
}

/// Why an assignment cannot be recomputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotEvaluable {
    /// The flag asks for properties of the person or the group that are not known.
    UnknownProperties,
    /// The flag asks who is listed in a static cohort, which is not known.
    UnknownCohort,
    /// The flag splits groups, and the events do not say which group it was.
    UnknownGroup,
}

/// What the data say about why an assignment disagrees; the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisagreementReason {
    /// The flag was another one when the value was first logged, and that one gives the value.
    FlagChanged,
    /// Either the flag or the log holds the id out, and the other does not.
    Holdout,
    /// The logged value is nothing that the flag can give.
    UnknownVariant,
    /// The flag gives the value to another id of the same person: the variant was carried over when the id changed.
    OtherId,
    /// Either the flag or the log lets the id in, and the other does not: the rollout or the release conditions differ.
    Rollout,
    /// Nothing that the data can tell.
    Unexplained,
}

/// An id that was logged with another value than the flag gives; ordered by its first time, then by all else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disagreement {
    /// The time of the first event with the value.
    pub first_seen: Timestamp,
    /// The id.
    pub distinct_id: String,
    /// The key of the group, of a flag that splits groups.
    pub group: Option<String>,
    /// Where it was logged.
    pub source: Source,
    /// The logged value.
    pub logged: String,
    /// The value that the flag gives.
    pub recomputed: String,
    /// What the data say about why.
    pub reason: DisagreementReason,
    /// The time of the last event with the value.
    pub last_seen: Timestamp,
    /// The number of events with the value.
    pub events: u64,
}

/// A flag as it was during some time.
#[derive(Clone, Debug)]
pub struct Definition {
    /// From when on the flag was like that.
    pub from: Timestamp,
    /// The flag; none when it cannot be evaluated, and then explains nothing.
    pub evaluator: Option<Evaluator>,
}

/// What is known of the properties of an id.
pub type KnownProperties<'a> = dyn Fn(&Logged<'_>) -> Option<Properties> + 'a;

/// Compares logged assignments with a flag, one after another.
pub struct Auditor<'a> {
    flag: Evaluator,
    /// What the flag was over time, oldest first.
    definitions: Vec<Definition>,
    /// The values that the flag can give.
    values: BTreeSet<String>,
    properties: Option<&'a KnownProperties<'a>>,
    examples_max: usize,
    person: Option<u32>,
    waiting: Vec<Compared>,
    totals: Totals,
}

/// An assignment that waits for the other ids of its person.
struct Compared {
    distinct_id: String,
    group: Option<String>,
    source: Source,
    logged: String,
    recomputed: String,
    is_held_out: bool,
    first_seen: Timestamp,
    last_seen: Timestamp,
    events: u64,
}

/// How many assignments of one person are looked at together. An id that half of a log shares, such as `null`, merges very
/// many ids into one person.
const TOGETHER_MAX: usize = 10_000;

/// What a flag answers whom it does not let in (F-12).
const OFF: &str = "false";

/// What holdouts call their people, followed by a number (L-30).
const HOLDOUT: &str = "holdout-";

impl<'a> Auditor<'a> {
    /// An audit of a flag, which must be switched on; `values` are those it can give besides `true` and `false`,
    /// `definitions` what it was over time, oldest first, with what it is now.
    #[must_use]
    pub fn new(
        flag: Evaluator,
        values: impl IntoIterator<Item = String>,
        definitions: Vec<Definition>,
        examples_max: usize,
    ) -> Self {
        let switches = ["true", "false"].map(ToOwned::to_owned);
        Self {
            flag,
            definitions,
            values: values.into_iter().chain(switches).collect(),
            properties: None,
            examples_max,
            person: None,
            waiting: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// The same audit, where properties of ids are known. Those of whom nothing is known stay not evaluable, if the flag asks
    /// for any.
    #[must_use]
    pub fn knowing(self, properties: &'a KnownProperties<'a>) -> Self {
        Self { properties: Some(properties), ..self }
    }

    /// Takes an assignment. Those of one person, and of one id within it, must come one after another.
    ///
    /// # Errors
    /// `Bug` for a time outside of the calendar; and whatever `on_disagreement` returns.
    pub fn add(
        &mut self,
        logged: &Logged<'_>,
        on_disagreement: &mut dyn FnMut(&Disagreement) -> Result<()>,
    ) -> Result<()> {
        if self.person.is_some_and(|person| person != logged.person) || self.waiting.len() >= TOGETHER_MAX {
            self.settle(on_disagreement)?;
        }
        self.person = Some(logged.person);
        self.totals.see(logged);
        let Some(value) = logged.value else {
            self.totals.unanswered(logged);
            return Ok(());
        };
        let known = self.properties.and_then(|properties| properties(logged));
        if let Some(reason) = self.not_evaluable(logged, known.as_ref()) {
            self.totals.not_evaluable(logged, value, self.values.contains(value), reason);
            return Ok(());
        }
        let (recomputed, reason) = recompute(&self.flag, logged.distinct_id, logged.group, known.as_ref());
        let compared = Compared {
            distinct_id: logged.distinct_id.to_owned(),
            group: logged.group.map(ToOwned::to_owned),
            source: logged.source,
            logged: value.to_owned(),
            is_held_out: reason == Some(Reason::HoldoutConditionValue),
            recomputed,
            first_seen: moment(logged.first_seen_microseconds)?,
            last_seen: moment(logged.last_seen_microseconds)?,
            events: logged.events,
        };
        self.waiting.push(compared);
        Ok(())
    }

    /// What was found.
    ///
    /// # Errors
    /// Whatever `on_disagreement` returns.
    pub fn finish(mut self, on_disagreement: &mut dyn FnMut(&Disagreement) -> Result<()>) -> Result<Tally> {
        self.settle(on_disagreement)?;
        let flag_changes = self.flag_changes();
        Ok(self.totals.finish(flag_changes))
    }

    /// How many times the flag changed, and how many of its definitions cannot be evaluated.
    fn flag_changes(&self) -> (u64, u64) {
        let broken = self.definitions.iter().filter(|definition| definition.evaluator.is_none());
        (self.definitions.len().saturating_sub(1) as u64, broken.count() as u64)
    }

    /// Why the flag's answer cannot be told; none when it can.
    fn not_evaluable(&self, logged: &Logged<'_>, known: Option<&Properties>) -> Option<NotEvaluable> {
        if self.flag.group_type().is_some() && logged.group.is_none() {
            Some(NotEvaluable::UnknownGroup)
        } else if self.flag.uses_static_cohorts() {
            Some(NotEvaluable::UnknownCohort)
        } else if known.is_none() && !self.flag.property_keys().is_empty() {
            Some(NotEvaluable::UnknownProperties)
        } else {
            None
        }
    }

    fn is_known(&self, value: &str) -> bool {
        self.values.contains(value)
    }

    /// Decides the assignments of one person.
    fn settle(&mut self, on_disagreement: &mut dyn FnMut(&Disagreement) -> Result<()>) -> Result<()> {
        let compared = std::mem::take(&mut self.waiting);
        // An id that disagrees was not given the logged value, so whoever was is another one.
        let given: BTreeSet<&str> = compared.iter().map(|compared| compared.recomputed.as_str()).collect();
        for one in &compared {
            let is_known = self.is_known(&one.logged);
            let reason = (one.logged != one.recomputed).then(|| self.reason(one, is_known, &given));
            self.totals.compared(one, reason, is_known);
            if let Some(reason) = reason {
                let disagreement = one.disagreement(reason);
                on_disagreement(&disagreement)?;
                self.totals.example(disagreement, self.examples_max);
            }
        }
        Ok(())
    }

    fn reason(&self, one: &Compared, is_known: bool, given: &BTreeSet<&str>) -> DisagreementReason {
        if self.was_given(one) {
            DisagreementReason::FlagChanged
        } else if one.is_held_out || one.logged.starts_with(HOLDOUT) {
            DisagreementReason::Holdout
        } else if !is_known {
            DisagreementReason::UnknownVariant
        } else if given.contains(one.logged.as_str()) {
            DisagreementReason::OtherId
        } else if (one.logged == OFF) != (one.recomputed == OFF) {
            DisagreementReason::Rollout
        } else {
            DisagreementReason::Unexplained
        }
    }

    /// Whether the flag, as it was when the value was first logged, gives it.
    fn was_given(&self, one: &Compared) -> bool {
        let definition = self.definitions.iter().rev().find(|definition| definition.from <= one.first_seen);
        let evaluator = definition.and_then(|definition| definition.evaluator.as_ref());
        evaluator.is_some_and(|evaluator| {
            let depends = !evaluator.property_keys().is_empty() || evaluator.uses_static_cohorts();
            !depends && recompute(evaluator, &one.distinct_id, one.group.as_deref(), None).0 == one.logged
        })
    }
}

impl Compared {
    fn disagreement(&self, reason: DisagreementReason) -> Disagreement {
        Disagreement {
            first_seen: self.first_seen,
            distinct_id: self.distinct_id.clone(),
            group: self.group.clone(),
            source: self.source,
            logged: self.logged.clone(),
            recomputed: self.recomputed.clone(),
            reason,
            last_seen: self.last_seen,
            events: self.events,
        }
    }
}

/// What a flag gives an id, as events carry it; `false` when it is switched off (F-1, F-12).
fn recompute(
    evaluator: &Evaluator,
    distinct_id: &str,
    group: Option<&str>,
    known: Option<&Properties>,
) -> (String, Option<Reason>) {
    let group_type = evaluator.group_type();
    let groups: Option<BTreeMap<String, String>> =
        group_type.zip(group).map(|(name, key)| BTreeMap::from([(name.to_owned(), key.to_owned())]));
    let group_properties =
        group_type.zip(known).map(|(name, known)| BTreeMap::from([(name.to_owned(), known.clone())]));
    let subject = Subject {
        person_properties: known.filter(|_| group_type.is_none()),
        groups: groups.as_ref(),
        group_properties: group_properties.as_ref(),
        ..Subject::new(distinct_id)
    };
    let evaluation = evaluator.evaluate(&subject);
    let value = evaluation.map_or(FlagValue::Bool(false), |evaluation| evaluation.value());
    (value.as_text().to_owned(), evaluation.map(|evaluation| evaluation.reason))
}

fn moment(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds).map_err(|error| Error::bug(format!("an event outside of time: {error}")))
}

impl Source {
    /// The machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FlagCalled => "flag_called",
            Self::EventProperty => "event_property",
        }
    }
}

impl NotEvaluable {
    /// The machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownProperties => "unknown_properties",
            Self::UnknownCohort => "unknown_cohort",
            Self::UnknownGroup => "unknown_group",
        }
    }
}

impl DisagreementReason {
    /// The machine-readable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownVariant => "unknown_variant",
            Self::FlagChanged => "flag_changed",
            Self::Holdout => "holdout",
            Self::Rollout => "rollout",
            Self::OtherId => "other_id",
            Self::Unexplained => "unexplained",
        }
    }
}
