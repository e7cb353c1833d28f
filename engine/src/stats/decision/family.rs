//! What is known of each metric of each variant, all that are tested for a difference together.

use super::{DecisionMetric, DecisionRole, DecisionRule, Finding, Reason};
use crate::error::Result;
use crate::model::sequential::FamilyCorrection;
use crate::stats::inference::Inference;
use crate::stats::many::{Correction, adjust, e_benjamini_hochberg};

/// A metric of a variant, and what decides about it.
struct Member<'a> {
    metric: &'a DecisionMetric,
    variant: &'a str,
    known: Known<'a>,
}

/// What decides, or why nothing does.
enum Known<'a> {
    Answer { difference: f64, inference: &'a Inference },
    Undecided(String),
    TooLittleData,
}

/// What the family makes of one answer.
#[derive(Clone, Copy)]
struct Held {
    adjusted_p_value: f64,
    rejected: bool,
}

/// The metrics of a role that are tested for a difference, all variants together.
pub(super) fn family(
    variants: &[String],
    metrics: &[DecisionMetric],
    role: DecisionRole,
    rule: DecisionRule,
) -> Result<Vec<Reason>> {
    let chosen = metrics.iter().filter(|metric| metric.role == role);
    let mut members: Vec<Member<'_>> =
        chosen.flat_map(|metric| variants.iter().map(move |variant| Member::new(metric, variant))).collect();
    if rule.correction == FamilyCorrection::EBenjaminiHochberg {
        members.iter_mut().for_each(Member::needs_evidence);
    }
    let is_tested = |member: &&Member<'_>| !matches!(member.known, Known::TooLittleData);
    let answers: Vec<Option<&Inference>> = members.iter().filter(is_tested).map(Member::inference).collect();
    let mut held = hold(&answers, rule)?.into_iter();
    Ok(members.iter().map(|member| member.reason(Some(member).filter(is_tested).and_then(|_| held.next()))).collect())
}

/// Corrects the answers of a family, in their order. What is undecided may be decided later, so it belongs to the family already.
fn hold(answers: &[Option<&Inference>], rule: DecisionRule) -> Result<Vec<Held>> {
    let p_values: Vec<f64> = answers.iter().map(|answer| answer.map_or(1.0, |inference| inference.p_value)).collect();
    let correction = match rule.correction {
        FamilyCorrection::Holm => Correction::Holm,
        FamilyCorrection::Bonferroni => Correction::Bonferroni,
        // An e-value is the inverse of a p-value, and the bars of both are the same.
        FamilyCorrection::BenjaminiHochberg | FamilyCorrection::EBenjaminiHochberg => Correction::BenjaminiHochberg,
        FamilyCorrection::BenjaminiYekutieli => Correction::BenjaminiYekutieli,
    };
    let adjusted = adjust(&p_values, rule.alpha, correction)?;
    let mut held: Vec<Held> =
        adjusted.iter().map(|one| Held { adjusted_p_value: one.adjusted, rejected: one.rejected }).collect();
    if rule.correction == FamilyCorrection::EBenjaminiHochberg {
        let ln_e_value = |answer: Option<&Inference>| answer.and_then(|inference| inference.ln_e_value).unwrap_or(0.0);
        let evidence: Vec<f64> = answers.iter().copied().map(ln_e_value).collect();
        for (held, rejected) in held.iter_mut().zip(e_benjamini_hochberg(&evidence, rule.alpha)?) {
            held.rejected = rejected;
        }
    }
    Ok(held)
}

impl<'a> Member<'a> {
    fn new(metric: &'a DecisionMetric, variant: &'a str) -> Self {
        let known = match metric.against_baseline.get(variant).map(|comparison| comparison.deciding()) {
            None => Known::TooLittleData,
            Some(Ok((difference, inference))) => Known::Answer { difference, inference },
            Some(Err(reason)) => Known::Undecided(reason.to_owned()),
        };
        Self { metric, variant, known }
    }

    /// Leaves open what has no e-value, in a family that is held together by e-values.
    fn needs_evidence(&mut self) {
        if self.inference().is_some_and(|inference| inference.ln_e_value.is_none()) {
            let reason = "e_benjamini_hochberg needs e-values, and the sequential method of this metric has none";
            self.known = Known::Undecided(reason.to_owned());
        }
    }

    fn inference(&self) -> Option<&'a Inference> {
        match self.known {
            Known::Answer { inference, .. } => Some(inference),
            Known::Undecided(_) | Known::TooLittleData => None,
        }
    }

    fn reason(&self, held: Option<Held>) -> Reason {
        let finding = match (&self.known, held) {
            (Known::Answer { difference, .. }, Some(held)) if held.rejected => {
                if (*difference > 0.0) == self.metric.lower_is_better { Finding::Worse } else { Finding::Better }
            }
            (Known::Answer { .. } | Known::Undecided(_), _) => Finding::Open,
            (Known::TooLittleData, _) => Finding::TooLittleData,
        };
        self.with(finding, self.inference().and(held).map(|held| held.adjusted_p_value))
    }

    fn guarded(&self, margin: f64) -> Reason {
        let relative = self.inference().and_then(|inference| inference.relative_interval);
        // The loss: how much worse, as a share of the baseline.
        let loss = relative.map(|[low, high]| if self.metric.lower_is_better { [low, high] } else { [-high, -low] });
        let finding = match (&self.known, loss) {
            (Known::TooLittleData, _) => Finding::TooLittleData,
            (_, Some([least, _])) if least > margin => Finding::Breached,
            (_, Some([_, most])) if most < margin => Finding::Safe,
            _ => Finding::Open,
        };
        self.with(finding, None)
    }

    fn with(&self, finding: Finding, adjusted_p_value: Option<f64>) -> Reason {
        let undecided = match &self.known {
            Known::Undecided(reason) => Some(reason.clone()),
            Known::Answer { .. } | Known::TooLittleData => None,
        };
        Reason {
            metric: self.metric.name.clone(),
            role: self.metric.role,
            variant: self.variant.to_owned(),
            finding,
            adjusted_p_value,
            relative_interval: self.inference().and_then(|inference| inference.relative_interval),
            undecided,
        }
    }
}

/// The guardrails of all variants, each by its interval.
pub(super) fn guardrails(variants: &[String], metrics: &[DecisionMetric]) -> Vec<Reason> {
    let of_metric = |metric: &DecisionMetric| match metric.role {
        DecisionRole::Guardrail { margin } => {
            variants.iter().map(|variant| Member::new(metric, variant).guarded(margin)).collect()
        }
        DecisionRole::Primary | DecisionRole::Secondary => Vec::new(),
    };
    metrics.iter().flat_map(of_metric).collect()
}
