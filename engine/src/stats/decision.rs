//! What to do: ship a variant, hold, roll back, or keep running, and why.
//!
//! Only what holds at any look decides, since nobody waits for a planned moment: the anytime-valid p-values of the primary metrics,
//! corrected for their number and that of the variants (Holm 1979), and the anytime-valid intervals of the guardrails. A variant is
//! shipped when it is better in some primary metric, worse in none, and every guardrail is known to hold.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::comparison::{Belief, Comparison};
use super::inference::Inference;
use super::many::{Correction, adjust};
use super::mismatch::SampleRatio;
use crate::error::Result;

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
    /// The anytime-valid p-value, corrected within its family: the primary metrics, or the secondary ones; none of a guardrail.
    pub adjusted_p_value: Option<f64>,
    /// The anytime-valid interval of the relative difference, with a covariate taken out where there is one.
    pub relative_interval: Option<[f64; 2]>,
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

/// Decides about the test variants of an experiment; `has_ended` when no more data will come.
///
/// ```
/// use abduck::stats::decision::{Verdict, decide};
///
/// let decision = decide(&["test".to_owned()], &[], None, 0.05, false)?;
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
    alpha: f64,
    has_ended: bool,
) -> Result<Decision> {
    let mut reasons = family(variants, metrics, DecisionRole::Primary, alpha)?;
    reasons.extend(guardrails(variants, metrics));
    reasons.extend(family(variants, metrics, DecisionRole::Secondary, alpha)?);
    let per_variant: IndexMap<String, Verdict> =
        variants.iter().map(|variant| (variant.clone(), of_variant(variant, &reasons, has_ended))).collect();
    let is_mismatch = sample_ratio.is_some_and(|ratio| ratio.is_mismatch);
    let (verdict, variant, because) =
        if is_mismatch { mismatched() } else { overall(&per_variant, &reasons, metrics, has_ended) };
    Ok(Decision { verdict, variant, because, variants: per_variant, reasons })
}

/// The metrics of a role that are tested for a difference, all variants together.
fn family(variants: &[String], metrics: &[DecisionMetric], role: DecisionRole, alpha: f64) -> Result<Vec<Reason>> {
    let members = || {
        let chosen = metrics.iter().filter(move |metric| metric.role == role);
        chosen.flat_map(|metric| variants.iter().map(move |variant| (metric, variant)))
    };
    let known = |(metric, variant): (&DecisionMetric, &String)| {
        metric.against_baseline.get(variant).map(|comparison| inference(comparison).p_value)
    };
    let p_values: Vec<f64> = members().filter_map(known).collect();
    let mut adjusted = adjust(&p_values, alpha, Correction::Holm)?.into_iter();
    let reason = |(metric, variant): (&DecisionMetric, &String)| {
        let comparison = metric.against_baseline.get(variant);
        let adjusted = comparison.and_then(|_| adjusted.next());
        let finding = match (comparison, adjusted) {
            (Some(comparison), Some(adjusted)) if adjusted.rejected => {
                let is_higher = difference(comparison) > 0.0;
                if is_higher == metric.lower_is_better { Finding::Worse } else { Finding::Better }
            }
            (Some(_), _) => Finding::Open,
            (None, _) => Finding::TooLittleData,
        };
        Reason {
            metric: metric.name.clone(),
            role,
            variant: variant.clone(),
            finding,
            adjusted_p_value: adjusted.map(|adjusted| adjusted.adjusted),
            relative_interval: comparison.and_then(|comparison| inference(comparison).relative_interval),
        }
    };
    Ok(members().map(reason).collect())
}

fn guardrails(variants: &[String], metrics: &[DecisionMetric]) -> Vec<Reason> {
    let reason = |metric: &DecisionMetric, margin: f64, variant: &String| {
        let comparison = metric.against_baseline.get(variant);
        let relative_interval = comparison.and_then(|comparison| inference(comparison).relative_interval);
        // The loss: how much worse, as a share of the baseline.
        let loss =
            relative_interval.map(|[low, high]| if metric.lower_is_better { [low, high] } else { [-high, -low] });
        let finding = match (comparison, loss) {
            (None, _) => Finding::TooLittleData,
            (Some(_), Some([least, _])) if least > margin => Finding::Breached,
            (Some(_), Some([_, most])) if most < margin => Finding::Safe,
            (Some(_), _) => Finding::Open,
        };
        let (name, role) = (metric.name.clone(), metric.role);
        Reason { metric: name, role, variant: variant.clone(), finding, adjusted_p_value: None, relative_interval }
    };
    let of_metric = |metric: &DecisionMetric| match metric.role {
        DecisionRole::Guardrail { margin } => variants.iter().map(|variant| reason(metric, margin, variant)).collect(),
        DecisionRole::Primary | DecisionRole::Secondary => Vec::new(),
    };
    metrics.iter().flat_map(of_metric).collect()
}

/// What holds at any look, with the covariate taken out where there is one.
fn inference(comparison: &Comparison) -> &Inference {
    comparison.adjusted.as_ref().map_or(&comparison.anytime_valid, |adjusted| &adjusted.anytime_valid)
}

fn difference(comparison: &Comparison) -> f64 {
    comparison.adjusted.as_ref().map_or(comparison.difference, |adjusted| adjusted.difference)
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
