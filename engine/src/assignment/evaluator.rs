//! A flag, compiled; and its answer for one subject.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::cohort::{Owner, Test};
use super::evaluation::{Evaluation, Reason};
use super::hash::Hasher;
use super::property::invalid;
use super::subject::{Properties, References, Subject};
use crate::error::Result;
use crate::model::flag::{ConditionGroup, FeatureFlag};

/// A flag, ready to be evaluated for any number of subjects.
///
/// ```
/// use abduck::assignment::{Evaluator, FlagValue, Subject, References};
/// use abduck::model::flag::FeatureFlag;
///
/// let flag = FeatureFlag::from_json(serde_json::json!({
///     "key": "a-b-test",
///     "filters": {
///         "groups": [{"properties": [], "rollout_percentage": 100}],
///         "multivariate": {"variants": [
///             {"key": "control", "rollout_percentage": 50},
///             {"key": "test", "rollout_percentage": 50},
///         ]},
///     },
/// }))?;
/// let evaluator = Evaluator::new(&flag, &References::default())?;
/// let values: Vec<_> = evaluator
///     .evaluate_ids(["user-0", "user-1", "user-2"])
///     .flatten()
///     .map(|evaluation| evaluation.value())
///     .collect();
/// assert_eq!(values, [FlagValue::Variant("test"), FlagValue::Variant("test"), FlagValue::Variant("control")]);
/// # Ok::<(), abduck::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluator {
    is_live: bool,
    keeps_experience: bool,
    unit: Unit,
    super_group: Option<SuperGroup>,
    holdout: Option<Holdout>,
    /// In the order in which they are tried (F-7).
    conditions: Vec<Condition>,
    variants: Vec<Interval>,
    payloads: Map<String, Value>,
    hasher: Hasher,
    holdout_hasher: Hasher,
}

/// Who gets a variant together.
#[derive(Clone, Debug)]
enum Unit {
    Person,
    /// The group of this type; none when the index has no name.
    Group(Option<String>),
}

/// F-5
#[derive(Clone, Debug)]
struct SuperGroup {
    /// The property that must be set, if the group has properties.
    property: Option<String>,
    condition: Condition,
}

/// F-6
#[derive(Clone, Debug)]
struct Holdout {
    rollout: Rollout,
    variant: Option<String>,
}

/// F-8
#[derive(Clone, Debug)]
struct Condition {
    /// Where it stands in the flag's list.
    index: usize,
    tests: Vec<Test>,
    rollout: Rollout,
    /// The variant it gives, if that exists (F-9).
    variant: Option<String>,
}

/// The largest hash that is let in.
#[derive(Clone, Copy, Debug)]
struct Rollout(Option<f64>);

/// The hashes that a variant owns: from `from` up to but not `to` (F-10).
#[derive(Clone, Debug)]
struct Interval {
    from: f64,
    to: f64,
    variant: String,
}

impl Evaluator {
    /// Compiles a flag.
    ///
    /// # Errors
    /// `Invalid`, with the place such as `filters.groups[1].properties[0]`, when a condition is malformed, is of a type that
    /// does not suit the flag (V-21), names a cohort that is missing or about events (V-25), or a date that is none (V-26);
    /// and when the flag uses what is not built: what would change the answer is not passed over.
    pub fn new(flag: &FeatureFlag, references: &References) -> Result<Self> {
        let filters = &flag.filters;
        refuse_unknown_rules(&filters.other)?;
        let owner = filters.aggregation_group_type_index.map_or(Owner::Person, Owner::Group);
        let unit = match owner {
            Owner::Person => Unit::Person,
            Owner::Group(index) => Unit::Group(references.group_types.get(&index).cloned()),
        };
        let variants = intervals(flag);
        let is_variant = |key: &String| variants.iter().any(|interval| interval.variant == *key);
        let mut conditions = Vec::new();
        for (index, group) in flag.groups().iter().enumerate() {
            refuse_own_unit(group, filters.aggregation_group_type_index, &format!("filters.groups[{index}]"))?;
            let condition = Condition::new(index, group, owner, references, "groups")?;
            conditions.push((override_of(group).is_none(), condition.with_variant(override_of(group), is_variant)));
        }
        // Stable: the list's order decides among those with an override, and among those without (F-7).
        conditions.sort_by_key(|(has_no_override, _)| *has_no_override);
        Ok(Self {
            is_live: flag.active && !flag.deleted,
            keeps_experience: flag.ensure_experience_continuity,
            unit,
            super_group: first(filters.super_groups.as_ref())
                .map(|group| SuperGroup::new(group, references))
                .transpose()?,
            holdout: first(filters.holdout_groups.as_ref()).and_then(Holdout::new),
            conditions: conditions.into_iter().map(|(_, condition)| condition).collect(),
            variants,
            payloads: filters.payloads.clone().unwrap_or_default(),
            hasher: Hasher::new(&format!("{}.", flag.key)),
            holdout_hasher: Hasher::new("holdout-"),
        })
    }

    /// The flag's answer for a subject; none when the flag is switched off or deleted (F-1).
    #[must_use]
    pub fn evaluate(&self, subject: &Subject<'_>) -> Option<Evaluation<'_>> {
        if !self.is_live {
            return None;
        }
        let Some((id, properties)) = self.identify(subject) else {
            return Some(Evaluation::off(Reason::NoGroupType, None));
        };
        let answer = self
            .super_group
            .as_ref()
            .and_then(|group| self.try_super_group(group, id, subject))
            .or_else(|| self.holdout.as_ref().and_then(|holdout| self.try_holdout(holdout, id)))
            .unwrap_or_else(|| self.try_conditions(id, subject, properties));
        Some(answer)
    }

    /// The answers for many ids of which nothing else is known, in their order.
    pub fn evaluate_ids<'e, 'i>(
        &'e self,
        ids: impl IntoIterator<Item = &'i str>,
    ) -> impl Iterator<Item = Option<Evaluation<'e>>> {
        ids.into_iter().map(|id| self.evaluate(&Subject::new(id)))
    }

    /// The name of the group type that the flag splits; none when it splits persons, or the type has no name.
    #[must_use]
    pub fn group_type(&self) -> Option<&str> {
        match &self.unit {
            Unit::Person => None,
            Unit::Group(name) => name.as_deref(),
        }
    }

    /// The properties that the flag looks at; all others make no difference.
    #[must_use]
    pub fn property_keys(&self) -> BTreeSet<&str> {
        let mut keys = BTreeSet::new();
        let conditions = self.conditions.iter().chain(self.super_group.iter().map(|group| &group.condition));
        for test in conditions.flat_map(|condition| &condition.tests) {
            test.each_key(&mut |key| {
                keys.insert(key);
            });
        }
        keys
    }

    /// Whether the answer depends on who is listed in a static cohort.
    #[must_use]
    pub fn uses_static_cohorts(&self) -> bool {
        let conditions = self.conditions.iter().chain(self.super_group.iter().map(|group| &group.condition));
        conditions.flat_map(|condition| &condition.tests).any(Test::asks_for_listing)
    }

    /// The id that decides, and the properties of whoever it stands for (F-2).
    fn identify<'s>(&self, subject: &Subject<'s>) -> Option<(&'s str, Option<&'s Properties>)> {
        match &self.unit {
            Unit::Person => {
                let kept = subject.hash_key_override.filter(|_| self.keeps_experience);
                Some((kept.unwrap_or(subject.distinct_id), subject.person_properties))
            }
            Unit::Group(name) => {
                let name = name.as_ref()?;
                let key = subject.groups?.get(name)?;
                Some((key, subject.group_properties.and_then(|properties| properties.get(name))))
            }
        }
    }

    /// F-5; none when evaluation goes on.
    fn try_super_group(&self, group: &SuperGroup, id: &str, subject: &Subject<'_>) -> Option<Evaluation<'_>> {
        let outcome = group.condition.outcome(&self.hasher, id, subject, subject.person_properties);
        let reason = match &group.property {
            Some(key) => {
                subject.person_properties?.get(key).filter(|value| !value.is_null())?;
                Reason::SuperConditionValue
            }
            None if outcome.is_ok() => Reason::SuperConditionValue,
            None => outcome.err()?,
        };
        Some(match outcome {
            Ok(()) => self.matched(reason, 0, None),
            Err(_) => Evaluation::off(reason, Some(0)),
        })
    }

    /// F-6; none when evaluation goes on.
    fn try_holdout<'e>(&'e self, holdout: &'e Holdout, id: &str) -> Option<Evaluation<'e>> {
        let is_held_out = holdout.rollout.lets_in(&self.holdout_hasher, id);
        is_held_out.then(|| {
            let variant = holdout.variant.as_deref().or_else(|| self.variant_of(id));
            self.matched(Reason::HoldoutConditionValue, 0, variant)
        })
    }

    /// F-7 to F-11
    fn try_conditions(&self, id: &str, subject: &Subject<'_>, properties: Option<&Properties>) -> Evaluation<'_> {
        // Without any condition the reference names the first one all the same.
        let mut best = (Reason::NoConditionMatch, 0);
        for condition in &self.conditions {
            match condition.outcome(&self.hasher, id, subject, properties) {
                Ok(()) => {
                    let variant = condition.variant.as_deref().or_else(|| self.variant_of(id));
                    return self.matched(Reason::ConditionMatch, condition.index, variant);
                }
                Err(reason) if reason >= best.0 => best = (reason, condition.index),
                Err(_) => {}
            }
        }
        Evaluation::off(best.0, Some(best.1))
    }

    /// F-10
    fn variant_of(&self, id: &str) -> Option<&str> {
        if self.variants.is_empty() {
            return None;
        }
        let hash = self.hasher.hash(id, "variant");
        let owner = self.variants.iter().find(|interval| interval.from <= hash && hash < interval.to);
        owner.map(|interval| interval.variant.as_str())
    }

    fn matched<'e>(&'e self, reason: Reason, index: usize, variant: Option<&'e str>) -> Evaluation<'e> {
        // F-13
        let payload = self.payloads.get(variant.unwrap_or("true"));
        Evaluation { variant, is_match: true, reason, condition_index: Some(index), payload }
    }
}

impl SuperGroup {
    fn new(group: &ConditionGroup, references: &References) -> Result<Self> {
        let property = group.properties.first().and_then(|property| property["key"].as_str());
        let condition = Condition::new(0, group, Owner::Person, references, "super_groups")?;
        Ok(Self { property: property.map(ToOwned::to_owned), condition })
    }
}

impl Holdout {
    /// None when it has properties: such a holdout is passed over.
    fn new(group: &ConditionGroup) -> Option<Self> {
        let holdout = Self { rollout: Rollout::of(group), variant: override_of(group).cloned() };
        group.properties.is_empty().then_some(holdout)
    }
}

impl Condition {
    fn new(index: usize, group: &ConditionGroup, owner: Owner, references: &References, list: &str) -> Result<Self> {
        let field = format!("filters.{list}[{index}].properties");
        let tests = Test::parse(&group.properties, owner, references, &field)?;
        Ok(Self { index, tests, rollout: Rollout::of(group), variant: None })
    }

    fn with_variant(self, variant: Option<&String>, is_variant: impl Fn(&String) -> bool) -> Self {
        Self { variant: variant.filter(|key| is_variant(key)).cloned(), ..self }
    }

    /// Whether the condition lets a subject in, or why not (F-8).
    fn outcome(
        &self,
        hasher: &Hasher,
        id: &str,
        subject: &Subject<'_>,
        properties: Option<&Properties>,
    ) -> Result<(), Reason> {
        if !self.tests.iter().all(|test| test.is_met(subject, properties)) {
            return Err(Reason::NoConditionMatch);
        }
        if self.rollout.lets_in(hasher, id) { Ok(()) } else { Err(Reason::OutOfRolloutBound) }
    }
}

impl Rollout {
    fn of(group: &ConditionGroup) -> Self {
        // No hash is above 1, so from 100 % on it need not be known.
        Self(group.rollout_percentage.map(|percentage| percentage / 100.0).filter(|largest| *largest < 1.0))
    }

    fn lets_in(self, hasher: &Hasher, id: &str) -> bool {
        self.0.is_none_or(|largest| hasher.hash(id, "") <= largest)
    }
}

/// The hashes that the variants own, added up in the reference's order, as rounding decides at the seams (F-10).
fn intervals(flag: &FeatureFlag) -> Vec<Interval> {
    let mut to = 0.0;
    let mut interval = |(percentage, key): (f64, &String)| {
        let from = to;
        to += percentage / 100.0;
        Interval { from, to, variant: key.clone() }
    };
    flag.variants().iter().map(|variant| interval((variant.rollout_percentage, &variant.key))).collect()
}

/// The variant a group names; an empty name is none.
fn override_of(group: &ConditionGroup) -> Option<&String> {
    group.variant.as_ref().filter(|key| !key.is_empty())
}

fn first(groups: Option<&Vec<ConditionGroup>>) -> Option<&ConditionGroup> {
    groups.and_then(|groups| groups.first())
}

/// Later versions of the reference know rules that decide who gets in. A flag that has one is not evaluated without it.
fn refuse_unknown_rules(other: &Map<String, Value>) -> Result<()> {
    for key in ["holdout", "early_exit", "feature_enrollment"] {
        if other.get(key).is_some_and(|value| !value.is_null() && *value != false) {
            let field = format!("filters.{key}");
            return Err(invalid(&field, format!("flags with {field} are not supported yet")));
        }
    }
    Ok(())
}

/// A condition that splits by another unit than its flag is such a rule, too.
fn refuse_own_unit(group: &ConditionGroup, unit: Option<u8>, field: &str) -> Result<()> {
    let field = format!("{field}.aggregation_group_type_index");
    match group.other.get("aggregation_group_type_index") {
        Some(own) if own.as_u64() != unit.map(u64::from) => {
            Err(invalid(&field, "a condition that splits by another unit than its flag is not supported yet"))
        }
        _ => Ok(()),
    }
}
