//! What a flag answers.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What a flag answers for one subject. It borrows names and payloads from its [`super::Evaluator`].
///
/// As JSON: `{"value", "variant", "match", "reason", "condition_index", "payload"}`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation<'e> {
    /// The variant; none when the flag does not match, or matches without a variant (F-9, F-10).
    pub variant: Option<&'e str>,
    /// Whether the flag is on for the subject.
    pub is_match: bool,
    /// Why.
    pub reason: Reason,
    /// Where the condition that decided stands in its list; none when no condition was looked at.
    pub condition_index: Option<usize>,
    /// What to deliver with the answer (F-13).
    pub payload: Option<&'e Value>,
}

/// What code sees of a flag: a variant's key, or whether the flag is on (F-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FlagValue<'e> {
    /// The flag is on or off, without a variant.
    Bool(bool),
    /// The key of the variant.
    Variant(&'e str),
}

/// Why a flag answers as it does; the reasons for "off" are ordered by their rank (F-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No condition has properties that fit.
    NoConditionMatch,
    /// Some condition fits, but its rollout leaves the subject out.
    OutOfRolloutBound,
    /// The flag splits groups, and the subject belongs to none of that type (F-2).
    NoGroupType,
    /// A release condition lets the subject in (F-9).
    ConditionMatch,
    /// The first super group decides (F-5).
    SuperConditionValue,
    /// The subject is held out (F-6).
    HoldoutConditionValue,
}

impl Reason {
    /// All reasons, by rank.
    pub const ALL: [Self; 6] = [
        Self::NoConditionMatch,
        Self::OutOfRolloutBound,
        Self::NoGroupType,
        Self::ConditionMatch,
        Self::SuperConditionValue,
        Self::HoldoutConditionValue,
    ];

    /// The reference's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoConditionMatch => "no_condition_match",
            Self::OutOfRolloutBound => "out_of_rollout_bound",
            Self::NoGroupType => "no_group_type",
            Self::ConditionMatch => "condition_match",
            Self::SuperConditionValue => "super_condition_value",
            Self::HoldoutConditionValue => "holdout_condition_value",
        }
    }
}

impl<'e> Evaluation<'e> {
    /// What code sees of the flag (F-12).
    #[must_use]
    pub fn value(&self) -> FlagValue<'e> {
        match self.variant {
            Some(variant) if self.is_match => FlagValue::Variant(variant),
            _ => FlagValue::Bool(self.is_match),
        }
    }

    pub(super) fn off(reason: Reason, condition_index: Option<usize>) -> Self {
        Self { variant: None, is_match: false, reason, condition_index, payload: None }
    }
}

impl<'e> FlagValue<'e> {
    /// The value as events carry it: a variant's key, `true` or `false` (F-16).
    #[must_use]
    pub fn as_text(&self) -> &'e str {
        match self {
            Self::Variant(variant) => variant,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
        }
    }
}

impl Serialize for Evaluation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Evaluation", 6)?;
        fields.serialize_field("value", &self.value())?;
        fields.serialize_field("variant", &self.variant)?;
        fields.serialize_field("match", &self.is_match)?;
        fields.serialize_field("reason", &self.reason)?;
        fields.serialize_field("condition_index", &self.condition_index)?;
        fields.serialize_field("payload", &self.payload)?;
        fields.end()
    }
}
