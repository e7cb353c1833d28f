//! How metrics are judged, end to end: what the result says, computed again from the sums it shows.

use abduck::results::{MetricResult, UnitVariant};
use abduck::stats::comparison::Comparisons;
use abduck::stats::decision::{Finding, Verdict};
use abduck::stats::inference::{Estimate, fixed_horizon};
use abduck::stats::modern::cuped::{Covariate, Covaried, Pooling, adjusted_pair};
use abduck::stats::modern::effect::{DifferenceType, Pair};
use abduck::stats::modern::sequential::Layout;
use abduck::stats::modern::{Statistic, gaussian, sequential, welch};
use abduck::stats::{CompatibleAnswer, Estimates, FunnelArm, Outcome, TrendArm, second};
use serde_json::{Value, json};

use crate::support::{Log, event, request};

const PEOPLE: u32 = 300;

/// People of two variants who spend different amounts, some of them nothing, and who bought before as well.
fn shop(experiment: &Value) -> Log {
    let mut events = Vec::new();
    for (variant, times) in [("control", 1.0), ("test", 2.0)] {
        for person in 0..PEOPLE {
            let id = format!("{variant}-{person}");
            let called =
                json!({"$feature_flag": "checkout", "$feature_flag_response": variant, "$feature/checkout": variant});
            events.push(event(&id, "$feature_flag_called", "2024-01-05T10:00:00Z", &called));
            let of_variant = |amount: f64| json!({"amount": amount, "$feature/checkout": variant});
            let before = json!({"amount": person % 11});
            events.push(event(&id, "buy", "2024-01-04T11:00:00Z", &before));
            if person % 3 > 0 {
                let amount = times * f64::from(person % 11) + f64::from(person % 4);
                events.push(event(&id, "buy", "2024-01-05T11:00:00Z", &of_variant(amount)));
            }
        }
    }
    let mut log = Log::of(&events);
    log.experiment(experiment);
    log
}

fn revenue() -> Value {
    json!({"metric_type": "mean", "source": {"event": "buy", "math": "sum", "math_property": "amount"}})
}

fn bought() -> Value {
    json!({"metric_type": "funnel", "series": [{"event": "buy"}]})
}

fn judged(stats_config: &Value, metric: &Value) -> (Vec<UnitVariant>, Comparisons) {
    let mut log = shop(&json!({"stats_config": stats_config}));
    let result = log.lab.try_metric("checkout", metric.as_object().unwrap(), &request()).unwrap().result;
    let MetricResult::Units { variants, outcome, .. } = result else { panic!("not a modern metric") };
    let Outcome::Observed(observations) = outcome else { panic!("not observed") };
    (variants, observations.comparisons)
}

fn mean_of(variant: &UnitVariant) -> Statistic {
    let n = f64::from(u32::try_from(variant.number_of_samples).unwrap());
    Statistic::mean_of(n, variant.sum, variant.sum_squares).unwrap()
}

fn assert_close(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1e-12), "{got} is not {expected}");
}

#[test]
fn the_engines_own_answers_come_from_the_sums_in_the_result() {
    let (variants, comparisons) = judged(&json!({}), &revenue());
    let estimate = |variant: &UnitVariant| {
        let statistic = mean_of(variant);
        Estimate { count: statistic.units(), value: statistic.mean(), unit_variance: statistic.variance() }
    };
    let comparison = &comparisons.against_baseline["test"];
    let expected = fixed_horizon(estimate(&variants[0]), estimate(&variants[1]), 0.05).unwrap();
    assert_close(comparison.fixed_horizon.p_value, expected.p_value);
    assert_close(comparison.fixed_horizon.interval[0], expected.interval[0]);
    assert!(comparison.anytime_valid.p_value > comparison.fixed_horizon.p_value);
    assert_eq!((comparison.adjusted.is_some(), comparison.compatible.is_some()), (false, false));
    let shares: f64 = comparisons.beliefs.values().map(|belief| belief.probability_best).sum();
    assert_close(shares, 1.0);
}

#[test]
fn a_method_named_in_the_experiment_answers_beside_them() {
    // Reference statistics, sections 10.4 to 10.6
    let relative = |variants: &[UnitVariant]| {
        Pair::new(mean_of(&variants[1]), mean_of(&variants[0]), DifferenceType::Relative).unwrap()
    };
    let answer = |config: Value| {
        let (variants, comparisons) = judged(&config, &revenue());
        (relative(&variants), comparisons.against_baseline["test"].compatible.clone().unwrap())
    };
    let (pair, got) = answer(json!({"method": "frequentist", "frequentist": {"alpha": 0.1}}));
    let CompatibleAnswer::Frequentist(got) = got else { panic!("{got:?}") };
    assert_close(got.p_value, welch::test(&pair, 0.1).unwrap().p_value);
    assert_close(got.confidence_interval[1], welch::test(&pair, 0.1).unwrap().confidence_interval[1]);

    let frequentist = json!({"sequential_testing_enabled": true, "sequential_tuning_parameter": 700});
    let (pair, got) = answer(json!({"method": "frequentist", "frequentist": frequentist}));
    let CompatibleAnswer::Sequential(got) = got else { panic!("{got:?}") };
    let layout = Layout { alpha: 0.05, tuning_units: 700.0 };
    assert_close(got.confidence_interval[0], sequential::test(&pair, layout).unwrap().confidence_interval[0]);

    let bayesian = json!({"ci_level": 0.9, "prior": {"mean": 0, "variance": 0.09}});
    let (pair, got) = answer(json!({"method": "bayesian", "bayesian": bayesian}));
    let CompatibleAnswer::Bayesian(got) = got else { panic!("{got:?}") };
    let prior = gaussian::Prior { mean: 0.0, variance: 0.09, proper: true };
    let settings = gaussian::Settings { ci_level: 0.9, inverse: false, prior };
    assert_close(got.chance_to_win, gaussian::test(&pair, settings).unwrap().chance_to_win);
    assert_close(got.effect_size, gaussian::test(&pair, settings).unwrap().effect_size);
}

#[test]
fn a_covariate_is_taken_out_of_the_named_method_too() {
    // Reference statistics, section 10.7
    let config = json!({"method": "frequentist", "cuped": {"enabled": true}});
    let (variants, comparisons) = judged(&config, &revenue());
    let covaried = |variant: &UnitVariant| {
        let covariate = variant.covariate.unwrap();
        let pre = Covariate {
            n: None,
            sum: covariate.covariate_sum,
            sum_squares: covariate.covariate_sum_squares,
            sum_of_cross_products: covariate.covariate_sum_product,
        };
        Covaried { post: mean_of(variant), pre }
    };
    let (control, treatment) = (covaried(&variants[0]), covaried(&variants[1]));
    let adjusted = adjusted_pair(&treatment, &control, DifferenceType::Relative, Pooling::AllUnits).unwrap();
    let comparison = &comparisons.against_baseline["test"];
    let Some(CompatibleAnswer::Frequentist(got)) = &comparison.compatible else { panic!("{comparison:?}") };
    assert_close(got.p_value, welch::test(&adjusted.pair, 0.05).unwrap().p_value);
    let own = comparison.adjusted.as_ref().unwrap();
    assert!(own.standard_error < comparison.standard_error && own.variance_reduction > 0.1);
}

#[test]
fn where_less_is_better_the_lower_variant_is_the_best() {
    let more = judged(&json!({}), &revenue()).1;
    let mut less = revenue();
    less["goal"] = json!("decrease");
    let less = judged(&json!({}), &less).1;
    assert_close(more.beliefs["test"].probability_best, less.beliefs["control"].probability_best);
    assert_close(more.beliefs["control"].expected_loss, less.beliefs["test"].expected_loss);
    assert_eq!(more.beliefs["test"].credible_interval, less.beliefs["test"].credible_interval);
    let mut abandoned = bought();
    abandoned["goal"] = json!("decrease");
    let (more, less) = (judged(&json!({}), &bought()).1, judged(&json!({}), &abandoned).1);
    assert_close(more.beliefs["test"].probability_best, less.beliefs["control"].probability_best);
}

#[test]
fn settings_that_are_not_understood_are_refused() {
    let refusal = |config: Value| {
        let mut log = shop(&json!({"stats_config": config}));
        let error = log.lab.try_metric("checkout", revenue().as_object().unwrap(), &request()).unwrap_err();
        format!("{error:?}")
    };
    for (config, place) in [
        (json!({"metod": "bayesian"}), "metod"),
        (json!({"method": "magic"}), "stats_config.method"),
        (json!({"version": 3}), "stats_config.version"),
        (json!({"frequentist": {"alpha": 5.0}}), "stats_config.frequentist.alpha"),
        (json!({"frequentist": {"difference_type": "ratio"}}), "stats_config.frequentist.difference_type"),
        (json!({"bayesian": {"prior": {"mean": 1}}}), "stats_config.bayesian.prior.variance"),
        (json!({"baseline_variant_key": "tset"}), "stats_config.baseline_variant_key"),
    ] {
        let message = refusal(config.clone());
        assert!(message.contains(place), "{config}: {message}");
    }
}

fn estimates(filters: &Value) -> (MetricResult, Estimates) {
    let mut log = shop(&json!({"filters": filters, "stats_config": {"version": 2}}));
    let result = log.lab.results("checkout", &request()).unwrap().result;
    let Outcome::Estimated(estimates) = result.outcome().clone() else { panic!("undecided") };
    (result, *estimates)
}

#[test]
fn the_second_generation_judges_where_it_is_asked_for() {
    // Reference statistics, sections 1 and 6 to 8
    let funnel = json!({"insight": "FUNNELS", "events": [
        {"id": "$feature_flag_called", "order": 0}, {"id": "buy", "order": 1}]});
    let (_, estimates_of_funnel) = estimates(&funnel);
    let arm = |key: &str| FunnelArm::new(key, 200.0, 100.0);
    let expected = second::funnel::judge(Some(&arm("control")), &[arm("test")]).unwrap();
    assert_eq!((estimates_of_funnel.stats_version, &estimates_of_funnel.significance), (2, &expected.significance));
    assert_close(estimates_of_funnel.probability["test"], expected.probabilities[1].1);

    let count = json!({"insight": "TRENDS", "events": [{"id": "buy"}]});
    let sum = json!({"insight": "TRENDS", "events": [{"id": "buy", "math": "sum", "math_property": "amount"}]});
    for (filters, judge) in
        [(count, second::count::judge as fn(Option<&TrendArm>, &[TrendArm]) -> _), (sum, second::continuous::judge)]
    {
        let (result, estimates) = estimates(&filters);
        let MetricResult::Trend { variants, .. } = result else { panic!("not a trend") };
        let arm = |at: usize| {
            TrendArm::new(&variants[at].key, variants[at].count, variants[at].exposure, variants[at].absolute_exposure)
        };
        let expected = judge(Some(&arm(0)), &[arm(1)]).unwrap();
        assert_eq!((estimates.stats_version, &estimates.significance), (2, &expected.significance), "{filters}");
        assert_eq!(estimates.significance.p_value, None);
        assert_close(estimates.probability["test"], expected.probabilities[1].1);
    }
}

#[test]
fn funnels_of_the_second_generation_take_its_short_lived_test_where_they_ask_for_it() {
    // Reference statistics, section 9
    let funnel = json!({"insight": "FUNNELS", "events": [
        {"id": "$feature_flag_called", "order": 0}, {"id": "buy", "order": 1}]});
    let config = json!({"version": 2, "funnel": "interim_frequentist"});
    let mut log = shop(&json!({"filters": funnel, "stats_config": config}));
    let result = log.lab.results("checkout", &request()).unwrap().result;
    let Outcome::Estimated(estimates) = result.outcome() else { panic!("undecided") };
    let arm = |key: &str| FunnelArm::new(key, 200.0, 100.0);
    let expected = second::interim::analyze(&arm("control"), &[arm("test")]).unwrap();
    assert_eq!(estimates.significance.code, expected.significance_code);
    assert_eq!(estimates.significance.expected_loss, Some(expected.expected_loss));
    // Equal shares: the p-value is 1, and what stands for a probability is as small as the method lets it be.
    assert_eq!((estimates.stats_version, estimates.probability["test"]), (2, 0.001));
    assert_eq!(estimates.significance.code.as_str(), "high_p_value");
    assert_eq!(estimates.credible_intervals["test"], expected.confidence_intervals[1].1);
    let mut log = shop(&json!({"filters": funnel, "stats_config": {"funnel": "interim_frequentist"}}));
    let refused = log.lab.results("checkout", &request()).unwrap_err().to_string();
    assert!(refused.contains("version 2 only"), "{refused}");
}

#[test]
fn a_decision_ships_what_is_better_and_guards_against_harm() {
    let primary = json!({"kind": "ExperimentMetric", "name": "revenue", "metric_type": "mean",
        "source": {"event": "buy", "math": "sum", "math_property": "amount"}});
    let guardrail = |margin: f64| {
        json!({"kind": "ExperimentMetric", "name": "buyers", "metric_type": "funnel", "series": [{"event": "buy"}],
            "guardrail": {"margin": margin}})
    };
    let decided = |margin: f64| {
        let mut log = shop(&json!({"metrics": [primary], "metrics_secondary": [guardrail(margin)],
            "stats_config": {"cuped": {"enabled": true}}, "end_date": null}));
        log.lab.decide("checkout", &request()).unwrap()
    };
    let generous = decided(0.5);
    assert_eq!(
        generous.decision.reasons.iter().map(|reason| reason.metric.as_str()).collect::<Vec<_>>(),
        ["revenue", "buyers"]
    );
    assert_eq!((generous.decision.verdict, generous.decision.variant.as_deref()), (Verdict::Ship, Some("test")));
    let strict = decided(0.0);
    assert_eq!((strict.decision.verdict, strict.decision.variant), (Verdict::KeepRunning, None));
    assert_eq!(strict.decision.reasons[1].finding, Finding::Open);
    assert!(!strict.sample_ratio.unwrap().is_mismatch);
}

#[test]
fn a_mismatch_of_the_split_is_told_with_the_day_it_comes_from() {
    let mut events = Vec::new();
    for (variant, day, people) in [
        ("control", 5, 600),
        ("test", 5, 610),
        ("control", 6, 500),
        ("test", 6, 200),
        ("control", 7, 100),
        ("test", 7, 90),
    ] {
        for person in 0..people {
            let called = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
            let id = format!("{variant}-{day}-{person}");
            events.push(event(&id, "$feature_flag_called", &format!("2024-01-0{day}T10:00:00Z"), &called));
        }
    }
    let mut log = Log::of(&events);
    log.experiment(
        &json!({"metrics": [{"kind": "ExperimentMetric", "metric_type": "mean", "source": {"event": "buy"}}]}),
    );
    let view = log.lab.exposure_view("checkout", request().as_of, &[]).unwrap();
    let ratio = view.sample_ratio.unwrap();
    assert_eq!(ratio.expected_counts, [1050.0, 1050.0]);
    assert!(ratio.is_mismatch && ratio.anytime_p_value > ratio.p_value);
    assert_eq!(view.mismatch_days[0].segment, "2024-01-06");
    assert!(view.mismatch_days[0].p_value_of_the_others > 0.5);
    let warning = &view.warnings[0];
    assert_eq!(warning.code, "sample_ratio_mismatch");
    assert!(
        warning.message.contains("2024-01-06 contributes most, and without that day it is gone"),
        "{}",
        warning.message
    );
    let decision = log.lab.decide("checkout", &request()).unwrap().decision;
    assert_eq!(decision.verdict, Verdict::Hold);
    assert!(decision.because.contains("as the split says"));
}

#[test]
fn a_malformed_metric_is_refused_when_it_is_given_and_not_when_it_is_asked_for() {
    let metric = |more: Value| {
        let mut metric = json!({"kind": "ExperimentMetric", "metric_type": "mean", "source": {"event": "buy"}});
        metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        metric
    };
    let mut log = shop(&json!({}));
    let mut update = |fields: Value| {
        let request = abduck::model::experiment::UpdateExperiment::from_json(fields).unwrap();
        log.lab.update_experiment("checkout", request, crate::support::now(), None)
    };
    for (list, more, place) in [
        ("metrics", json!({"goall": "decrease"}), "unknown key 'goall'"),
        ("metrics_secondary", json!({"guardrail": {"margin": 2}}), "metrics_secondary[0].guardrail.margin"),
        ("metrics_secondary", json!({"guardrail": {"limit": 2}}), "limit"),
    ] {
        let error = update(json!({list: [metric(more)]})).unwrap_err();
        assert!(format!("{error:?}").contains(place), "{error:?}");
    }
    // What is not of this kind is kept as it is, as the reference does.
    update(json!({"metrics": [{"kind": "Unheard", "x": 1}, metric(json!({}))]})).unwrap();
}
