//! The units behind a number (M-67).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A unit of a modern metric, with what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedUnit {
    /// The unit: of a person the smallest distinct id, else the key of the group or the distinct id itself.
    pub unit: String,
    /// The variant of its first exposure.
    pub variant: String,
    /// Its first exposure.
    pub first_exposure: Timestamp,
    /// Its last exposure.
    pub last_exposure: Timestamp,
    /// Its value, before extreme values are clamped.
    pub value: f64,
    /// What the value is divided by; 1 unless the metric is a ratio.
    pub denominator: f64,
    /// The number of steps after the exposure that it reached; only of funnels.
    pub steps: Option<usize>,
    /// Why it does not count; null if it does.
    pub left_out: Option<LeftOutReason>,
}

/// Why an exposed unit does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOutReason {
    /// It saw several variants (M-13).
    SeveralVariants,
    /// Its window has not passed (M-15).
    Immature,
    /// It did not begin what the metric follows (M-50), or never got to the end whose time is measured.
    NotBegun,
}

impl LeftOutReason {
    /// Its machine-readable name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SeveralVariants => "several_variants",
            Self::Immature => "immature",
            Self::NotBegun => "not_begun",
        }
    }

    /// The reason in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeveralVariants => "saw several variants",
            Self::Immature => "its window has not passed",
            Self::NotBegun => "did not begin",
        }
    }
}

/// Which units are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitSelection {
    /// Only those of a variant.
    pub variant: Option<String>,
    /// Only those that reached a step, counted from 1 after the exposure.
    pub step: Option<usize>,
    /// Instead of those that reached the step, those that reached the one before it and stopped there.
    pub dropped: bool,
    /// Only those that do not count, with the reason.
    pub left_out: bool,
}

impl UnitSelection {
    /// Whether a unit is listed.
    #[must_use]
    pub fn holds(&self, unit: &ListedUnit) -> bool {
        let reached = unit.steps.unwrap_or(0);
        let step = self.step.is_none_or(|step| if self.dropped { reached + 1 == step } else { reached >= step });
        self.variant.as_ref().is_none_or(|variant| *variant == unit.variant)
            && step
            && unit.left_out.is_some() == self.left_out
    }
}
