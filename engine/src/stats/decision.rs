//! What to do: ship a variant, hold, roll back, or keep running, and why.
//!
//! Only what holds at every look decides: the p-values of the sequential method that the experiment chose (anytime-valid ones, if it
//! chose none) of the primary metrics, corrected for their number and that of the variants, and its intervals of the guardrails. Where
//! the chosen method does not answer, nothing answers in its place: the metric stays open, with the reason. A variant is
//! shipped when it is better in some primary metric, worse in none, and every guardrail is known to hold.

mod family;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use family::{family, guardrails};

use super::comparison::{Belief, Comparison};
use super::mismatch::SampleRatio;
use crate::error::Result;
use crate::model::sequential::FamilyCorrection;

/// What a metric is to the decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "role")]
pub enum DecisionRole {
    /// It decides.
    Primary,
    /// It is told besides.
    Secondary,
    /// It must not get worse by a margin or more.
    Guardrail {
        /// The tolerated loss, as a share of the baseline's value.
        margin: f64,
    },
}

/// A metric as the decision sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionMetric {
    /// Its name.
    pub name: String,
    /// What it is to the decision.
    pub role: DecisionRole,
    /// Whether a lower value is better.
    pub lower_is_better: bool,
    /// Each variant against the baseline; variants that lack something are not in it.
    pub against_baseline: IndexMap<String, Comparison>,
    /// What is believed about each variant.
    pub beliefs: IndexMap<String, Belief>,
}

/// What is known of one metric of one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Better than the baseline.
    Better,
    /// Worse than the baseline.
    Worse,
    /// Not known to differ.
    Open,
    /// A guardrail that is known to hold.
    Safe,
    /// A guardrail that is known not to hold.
    Breached,
    /// There is too little data for any answer.
    TooLittleData,
}

/// One reason: what is known of one metric of one variant.
// Unknown fields cannot be refused beside a flattened one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The metric.
    pub metric: String,
    /// What it is to the decision.
    #[serde(flatten)]
    pub role: DecisionRole,
    /// The variant.
    pub variant: String,
    /// What is known.
    pub finding: Finding,
    /// The p-value that holds at every look, corrected within its family: the primary metrics, or the secondary ones; none of a
    /// guardrail.
    pub adjusted_p_value: Option<f64>,
    /// The interval of the relative difference that holds at every look, with a covariate taken out where there is one.
    pub relative_interval: Option<[f64; 2]>,
    /// Why the sequential method that the experiment chose does not answer, where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecided: Option<String>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Ship the variant.
    Ship,
    /// Too little is known yet; it may come.
    KeepRunning,
    /// Do not act on this experiment: it is over without an answer, or its data cannot be trusted.
    Hold,
    /// Every variant is worse, or breaks a guardrail: go back to the baseline.
    RollBack,
}

/// A decision and its reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// The variant to ship.
    pub variant: Option<String>,
    /// Why, in one sentence.
    pub because: String,
    /// What to do with each variant.
    pub variants: IndexMap<String, Verdict>,
    /// What is known of each metric of each variant.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// Its machine-readable name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ship => "ship",
            Self::KeepRunning => "keep_running",
            Self::Hold => "hold",
            Self::RollBack => "roll_back",
        }
    }
}

impl Finding {
    /// Its machine-readable name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Open => "open",
            Self::Safe => "safe",
            Self::Breached => "breached",
            Self::TooLittleData => "too_little_data",
        }
    }
}

impl DecisionRole {
    /// Its machine-readable name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Guardrail { .. } => "guardrail",
        }
    }
}

/// How a decision is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecisionRule {
    /// The error rate of a family.
    pub alpha: f64,
    /// How a family is held together.
    pub correction: FamilyCorrection,
    /// Whether no more data will come.
    pub has_ended: bool,
}

/// Decides about the test variants of an experiment.
///
/// ```
/// use abduck::model::sequential::FamilyCorrection;
/// use abduck::stats::decision::{DecisionRule, Verdict, decide};
///
/// let rule = DecisionRule { alpha: 0.05, correction: FamilyCorrection::Holm, has_ended: false };
/// let decision = decide(&["test".to_owned()], &[], None, rule)?;
/// assert_eq!(decision.verdict, Verdict::KeepRunning);
/// # Ok::<(), abduck::error::Error>(())
/// ```
///
/// # Errors
/// `statistic_error` for an alpha that is not strictly between 0 and 1.
pub fn decide(
    variants: &[String],
    metrics: &[DecisionMetric],
    sample_ratio: Option<&SampleRatio>,
    rule: DecisionRule,
) -> Result<Decision> {
    let has_ended = rule.has_ended;
    let mut reasons = family(variants, metrics, DecisionRole::Primary, rule)?;
    reasons.extend(guardrails(variants, metrics));
    reasons.extend(family(variants, metrics, DecisionRole::Secondary, rule)?);
    let per_variant: IndexMap<String, Verdict> =
        variants.iter().map(|variant| (variant.clone(), of_variant(variant, &reasons, has_ended))).collect();
    let is_mismatch = sample_ratio.is_some_and(|ratio| ratio.is_mismatch);
    let (verdict, variant, because) =
        if is_mismatch { mismatched() } else { overall(&per_variant, &reasons, metrics, has_ended) };
    Ok(Decision { verdict, variant, because, variants: per_variant, reasons })
}

fn of_variant(variant: &str, reasons: &[Reason], has_ended: bool) -> Verdict {
    let of_role = |is_guardrail: bool| {
        reasons.iter().filter(move |reason| {
            reason.variant == variant
                && match reason.role {
                    DecisionRole::Primary => !is_guardrail,
                    DecisionRole::Guardrail { .. } => is_guardrail,
                    DecisionRole::Secondary => false,
                }
        })
    };
    let has = |finding| of_role(false).chain(of_role(true)).any(|reason| reason.finding == finding);
    let is_safe = of_role(true).all(|reason| reason.finding == Finding::Safe);
    match (has(Finding::Breached) || has(Finding::Worse), has(Finding::Better) && is_safe) {
        (true, _) => Verdict::RollBack,
        (false, true) => Verdict::Ship,
        (false, false) if has_ended => Verdict::Hold,
        (false, false) => Verdict::KeepRunning,
    }
}

fn mismatched() -> (Verdict, Option<String>, String) {
    let because = "the variants do not have as many units as the split says, so no number can be trusted";
    (Verdict::Hold, None, because.to_owned())
}

fn overall(
    variants: &IndexMap<String, Verdict>,
    reasons: &[Reason],
    metrics: &[DecisionMetric],
    has_ended: bool,
) -> (Verdict, Option<String>, String) {
    let shippable: Vec<&String> =
        variants.iter().filter(|(_, verdict)| **verdict == Verdict::Ship).map(|(variant, _)| variant).collect();
    if let Some(best) = best_of(&shippable, metrics) {
        let metric = reasons.iter().find(|reason| reason.variant == *best && reason.finding == Finding::Better);
        let name = metric.map_or("a primary metric", |reason| reason.metric.as_str());
        let because = format!("'{best}' is better in {name}, worse in no primary metric, and every guardrail holds");
        return (Verdict::Ship, Some(best.clone()), because);
    }
    if !variants.is_empty() && variants.values().all(|verdict| *verdict == Verdict::RollBack) {
        return (Verdict::RollBack, None, "every variant is worse in a primary metric or breaks a guardrail".into());
    }
    if has_ended {
        return (Verdict::Hold, None, "the experiment is over, and no variant is known to be better and safe".into());
    }
    let waits = reasons.iter().any(|reason| reason.finding == Finding::Better);
    let because = if waits {
        "a variant is better in a primary metric, but not every guardrail is known to hold yet"
    } else if metrics.iter().all(|metric| metric.role != DecisionRole::Primary) {
        "no primary metric can decide: add one of the kind ExperimentMetric to the experiment's metrics"
    } else {
        "no variant is known to be better in a primary metric yet"
    };
    (Verdict::KeepRunning, None, because.into())
}

/// Of several variants, the one most likely the best in the first primary metric; the first of equals.
fn best_of<'a>(variants: &[&'a String], metrics: &[DecisionMetric]) -> Option<&'a String> {
    let first = metrics.iter().find(|metric| metric.role == DecisionRole::Primary)?;
    let probability = |variant: &String| first.beliefs.get(variant).map_or(0.0, |belief| belief.probability_best);
    let better = |best: &'a String, next: &'a String| if probability(next) > probability(best) { next } else { best };
    variants.iter().copied().reduce(better)
}

#[cfg(test)]
mod tests;
