//! The way from a naive count to the reported one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the variants come to once a rule, and all before it, are applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconcileStep {
    /// The rule.
    pub rule: ReconcileRule,
    /// The units whose contribution the rule changed.
    pub changed_units: u64,
    /// What the variants come to.
    pub variants: Vec<VariantSum>,
}

/// What a variant comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantSum {
    /// The variant's key.
    pub variant: String,
    /// The number of units.
    pub units: u64,
    /// The sum of their values.
    pub sum: f64,
    /// The sum of what the values are divided by; the number of units unless the metric is a ratio.
    pub denominator_sum: f64,
}

/// A rule that a plain query does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReconcileRule {
    /// No rule yet: every id with an exposure, in each variant it saw, with all its events of the experiment's time, as often as
    /// they were delivered.
    Naive,
    /// Events that were delivered more than once count once.
    Duplicate,
    /// Ids of one person are one unit.
    IdentityMerged,
    /// Events of the lab's test accounts are left out.
    TestAccounts,
    /// Units that saw several variants are left out, or count for the first only.
    SeveralVariants,
    /// Events before the first exposure, or before the delay after it, do not count.
    BeforeExposure,
    /// The steps are done in order; the unit began, or got to the end.
    Sequence,
    /// Events outside of the conversion window do not count; those inside count even after the experiment's end.
    OutsideWindow,
    /// Units whose window has not passed do not count.
    Immature,
    /// Extreme values are clamped.
    Clamped,
}

impl ReconcileRule {
    /// Its machine-readable name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Duplicate => "duplicate",
            Self::IdentityMerged => "identity_merged",
            Self::TestAccounts => "test_accounts",
            Self::SeveralVariants => "several_variants",
            Self::BeforeExposure => "before_exposure",
            Self::Sequence => "sequence",
            Self::OutsideWindow => "outside_window",
            Self::Immature => "immature",
            Self::Clamped => "clamped",
        }
    }

    /// What the rule does, in words.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Naive => "ids with an exposure, in each variant they saw, with all rows of their events",
            Self::Duplicate => "events that were delivered more than once count once",
            Self::IdentityMerged => "ids of one person are one unit",
            Self::TestAccounts => "test accounts are left out",
            Self::SeveralVariants => "units with several variants are left out, or count for the first",
            Self::BeforeExposure => "events before the exposure do not count",
            Self::Sequence => "the steps have to follow on the exposure in their order",
            Self::OutsideWindow => "events count inside the window of the exposure only",
            Self::Immature => "units whose window has not passed are left out",
            Self::Clamped => "extreme values are clamped",
        }
    }
}
