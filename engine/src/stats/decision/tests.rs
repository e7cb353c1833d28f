//! Decisions, case by case.

use super::*;
use crate::stats::comparison::{SequentialAnswer, SequentialName};
use crate::stats::inference::Inference;
use crate::stats::mismatch::sample_ratio;

fn inference(relative: [f64; 2], p_value: f64) -> Inference {
    Inference {
        interval: relative,
        relative_interval: Some(relative),
        p_value,
        ln_p_value: p_value.ln(),
        significant: p_value < 0.05,
        e_value: Some(1.0 / p_value),
        ln_e_value: Some(-p_value.ln()),
    }
}

fn metric(name: &str, role: DecisionRole, variants: &[(&str, [f64; 2], f64)]) -> DecisionMetric {
    let comparison = |(variant, relative, p_value): &(&str, [f64; 2], f64)| {
        let difference = 0.5 * (relative[0] + relative[1]);
        let anytime_valid = inference(*relative, *p_value);
        let comparison = Comparison {
            believed: None,
            poststratified: None,
            difference,
            standard_error: 1.0,
            fixed_horizon: anytime_valid.clone(),
            anytime_valid,
            adjusted: None,
            compatible: None,
            sequential: None,
        };
        ((*variant).to_owned(), comparison)
    };
    let belief = |(variant, relative, _): &(&str, [f64; 2], f64)| {
        let belief = Belief { probability_best: 0.5 + relative[0], expected_loss: 0.0, credible_interval: *relative };
        ((*variant).to_owned(), belief)
    };
    DecisionMetric {
        name: name.into(),
        role,
        lower_is_better: false,
        against_baseline: variants.iter().map(comparison).collect(),
        beliefs: variants.iter().map(belief).collect(),
    }
}

const GUARDRAIL: DecisionRole = DecisionRole::Guardrail { margin: 0.02 };

fn decision(metrics: &[DecisionMetric], has_ended: bool) -> Decision {
    let rule = DecisionRule { alpha: 0.05, correction: FamilyCorrection::Holm, has_ended };
    decide(&["a".to_owned(), "b".to_owned()], metrics, None, rule).unwrap()
}

#[test]
fn the_most_likely_best_of_the_better_and_safe_variants_is_shipped() {
    let primary = metric("sales", DecisionRole::Primary, &[("a", [0.02, 0.08], 0.001), ("b", [0.03, 0.09], 0.002)]);
    let safe = metric("errors", GUARDRAIL, &[("a", [-0.01, 0.02], 0.4), ("b", [-0.015, 0.01], 0.4)]);
    let decision = decision(&[primary, safe], false);
    assert_eq!((decision.verdict, decision.variant.as_deref()), (Verdict::Ship, Some("b")));
    assert!(decision.because.contains("'b' is better in sales"));
}

#[test]
fn the_number_of_comparisons_counts() {
    // 0.03 alone would do; among two variants Holm asks for 0.025 of the smaller.
    let primary = metric("sales", DecisionRole::Primary, &[("a", [0.0, 0.1], 0.03), ("b", [-0.1, 0.1], 0.8)]);
    assert_eq!(decision(&[primary], false).verdict, Verdict::KeepRunning);
}

#[test]
fn a_guardrail_that_is_not_known_to_hold_delays_and_a_broken_one_ends_a_variant() {
    let primary = metric("sales", DecisionRole::Primary, &[("a", [0.02, 0.08], 0.001), ("b", [0.03, 0.09], 0.001)]);
    let open = metric("errors", GUARDRAIL, &[("a", [-0.05, 0.05], 0.9), ("b", [-0.09, -0.03], 0.001)]);
    let decided = decision(&[primary.clone(), open], false);
    assert_eq!(decided.verdict, Verdict::KeepRunning);
    assert_eq!((decided.variants["a"], decided.variants["b"]), (Verdict::KeepRunning, Verdict::RollBack));
    let broken = metric("errors", GUARDRAIL, &[("a", [-0.09, -0.03], 0.001), ("b", [-0.09, -0.03], 0.001)]);
    assert_eq!(decision(&[primary, broken], false).verdict, Verdict::RollBack);
}

#[test]
fn where_less_is_better_a_higher_value_is_worse_and_a_loss() {
    let mut primary = metric("time", DecisionRole::Primary, &[("a", [0.02, 0.08], 0.001), ("b", [0.02, 0.08], 0.001)]);
    primary.lower_is_better = true;
    assert_eq!(decision(std::slice::from_ref(&primary), false).verdict, Verdict::RollBack);
    let mut guardrail = metric("time", GUARDRAIL, &[("a", [0.03, 0.08], 0.001), ("b", [-0.08, -0.03], 0.001)]);
    guardrail.lower_is_better = true;
    let decided = decision(&[guardrail], false);
    assert_eq!((decided.variants["a"], decided.variants["b"]), (Verdict::RollBack, Verdict::KeepRunning));
}

#[test]
fn what_is_over_without_an_answer_is_held_and_so_is_what_cannot_be_trusted() {
    let open = metric("sales", DecisionRole::Primary, &[("a", [-0.1, 0.1], 0.7)]);
    let decided = decision(std::slice::from_ref(&open), true);
    assert_eq!(decided.verdict, Verdict::Hold);
    assert_eq!(decided.reasons[1].finding, Finding::TooLittleData, "b has no comparison");
    let clear = metric("sales", DecisionRole::Primary, &[("a", [0.02, 0.08], 1e-9), ("b", [0.02, 0.08], 1e-9)]);
    let mismatch = sample_ratio(&[5000.0, 5000.0, 6000.0], &[1.0, 1.0, 1.0]).unwrap();
    let rule = DecisionRule { alpha: 0.05, correction: FamilyCorrection::Holm, has_ended: false };
    let decided = decide(&["a".to_owned(), "b".to_owned()], &[clear], Some(&mismatch), rule).unwrap();
    assert_eq!((decided.verdict, decided.variant), (Verdict::Hold, None));
}

#[test]
fn a_decision_is_read_back_as_it_was_written() {
    let safe = metric("errors", GUARDRAIL, &[("a", [-0.01, 0.02], 0.4)]);
    let primary = metric("sales", DecisionRole::Primary, &[("a", [0.02, 0.08], 0.001)]);
    let decided = decision(&[primary, safe], false);
    let text = serde_json::to_string(&decided).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decided, "{text}");
}

#[test]
fn secondary_metrics_are_told_but_decide_nothing() {
    let worse = metric("clicks", DecisionRole::Secondary, &[("a", [-0.3, -0.2], 1e-9), ("b", [-0.3, -0.2], 1e-9)]);
    let decided = decision(&[worse], false);
    assert_eq!((decided.verdict, decided.reasons[0].finding), (Verdict::KeepRunning, Finding::Worse));
}

#[test]
fn the_chosen_method_decides_and_where_it_does_not_answer_nothing_does() {
    let clear = || metric("sales", DecisionRole::Primary, &[("a", [0.02, 0.08], 0.001), ("b", [0.02, 0.08], 0.3)]);
    let mut cautious = clear();
    let given = |p_value: f64| SequentialAnswer::Given {
        method: SequentialName::Mixture,
        is_adjusted: false,
        difference: 0.05,
        inference: inference([-0.01, 0.11], p_value),
        look: None,
    };
    cautious.against_baseline["a"].sequential = Some(given(0.2));
    cautious.against_baseline["b"].sequential = Some(given(0.01));
    let decided = decision(&[cautious], false);
    assert_eq!((decided.verdict, decided.variant.as_deref()), (Verdict::Ship, Some("b")));

    let mut open = clear();
    let undecided =
        SequentialAnswer::Undecided { method: SequentialName::GroupSequential, reason: "not due yet".to_owned() };
    open.against_baseline["a"].sequential = Some(undecided.clone());
    let mut guard = metric("errors", GUARDRAIL, &[("a", [-0.01, 0.01], 0.4), ("b", [-0.01, 0.01], 0.4)]);
    guard.against_baseline["a"].sequential = Some(undecided);
    let decided = decision(&[open, guard], false);
    assert_eq!(decided.verdict, Verdict::KeepRunning);
    let of_a: Vec<_> = decided.reasons.iter().filter(|reason| reason.variant == "a").collect();
    assert_eq!(of_a.len(), 2);
    for reason in of_a {
        assert_eq!((reason.finding, reason.undecided.as_deref()), (Finding::Open, Some("not due yet")));
        assert_eq!((reason.adjusted_p_value, reason.relative_interval), (None, None));
    }
    // What is undecided belongs to the family: the other p-value of two counts twice, if it is the smallest.
    assert_eq!(decided.reasons[1].adjusted_p_value, Some(0.6));
}

#[test]
fn a_family_held_by_e_values_rejects_what_their_procedure_rejects() {
    let variants = ["a".to_owned(), "b".to_owned()];
    let rule = |correction| DecisionRule { alpha: 0.05, correction, has_ended: false };
    // Two e-values of 25: each is below 2 / 0.05, both together reach 2 / (2 * 0.05).
    let metrics = [metric("sales", DecisionRole::Primary, &[("a", [0.02, 0.08], 0.04), ("b", [0.02, 0.08], 0.04)])];
    let findings = |metrics: &[DecisionMetric], correction| -> Vec<Finding> {
        decide(&variants, metrics, None, rule(correction)).unwrap().reasons.iter().map(|one| one.finding).collect()
    };
    assert_eq!(findings(&metrics, FamilyCorrection::EBenjaminiHochberg), [Finding::Better; 2]);
    assert_eq!(findings(&metrics, FamilyCorrection::Holm), [Finding::Open; 2]);
    assert_eq!(findings(&metrics, FamilyCorrection::Bonferroni), [Finding::Open; 2]);
    assert_eq!(findings(&metrics, FamilyCorrection::BenjaminiYekutieli), [Finding::Open; 2]);

    let mut without = metrics.clone();
    let mut planned = inference([0.02, 0.08], 1e-9);
    (planned.e_value, planned.ln_e_value) = (None, None);
    without[0].against_baseline["a"].sequential = Some(SequentialAnswer::Given {
        method: SequentialName::GroupSequential,
        is_adjusted: false,
        difference: 0.05,
        inference: planned,
        look: None,
    });
    let decided = decide(&variants, &without, None, rule(FamilyCorrection::EBenjaminiHochberg)).unwrap();
    assert!(decided.reasons[0].undecided.as_deref().is_some_and(|reason| reason.contains("needs e-values")));
    assert_eq!(decided.reasons[1].finding, Finding::Open);
}
