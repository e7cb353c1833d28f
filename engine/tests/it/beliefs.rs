//! What is believed: differences and ratios of posteriors, priors that metrics name, and priors learned from past experiments.

use abduck::stats::Outcome;
use abduck::stats::bayes::Posterior;
use abduck::stats::comparison::{Belief, Comparisons};
use abduck::stats::contrast::{Contrast, Marginal};
use abduck::stats::priors::learn_share;
use abduck::stats::proportion::Share;
use abduck::{Result, ResultsRequest};
use serde_json::{Map, Value, json};

use crate::support::{Log, at, event, request};

/// Experiments with so many units per variant, and how many of them buy.
fn shop(experiments: &[(&str, [(u32, u32); 2])]) -> Log {
    let mut events = Vec::new();
    for (key, variants) in experiments {
        for (variant, (units, buyers)) in ["control", "test"].iter().zip(variants) {
            for unit in 0..*units {
                let id = format!("{key}-{variant}-{unit}");
                let called = json!({"$feature_flag": key, "$feature_flag_response": variant});
                events.push(event(&id, "$feature_flag_called", "2024-01-02T00:00:00Z", &called));
                if unit < *buyers {
                    let amount = json!({"amount": 1.0 + f64::from(unit % 7)});
                    events.push(event(&id, "buy", "2024-01-02T01:00:00Z", &amount));
                }
            }
        }
    }
    let mut log = Log::of(&events);
    for (key, _) in experiments {
        log.experiment(&json!({"name": key, "feature_flag_key": key}));
    }
    log
}

fn comparisons(log: &mut Log, key: &str, metric: &Value) -> Result<Comparisons> {
    let result = log.lab.try_metric(key, metric.as_object().unwrap(), &request())?.result;
    let Outcome::Observed(observed) = result.outcome() else { panic!("not observed") };
    Ok(observed.comparisons.clone())
}

fn funnel(more: &Value) -> Value {
    let mut metric = json!({"metric_type": "funnel", "series": [{"event": "buy"}]});
    metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metric
}

fn revenue(more: &Value) -> Value {
    let source = json!({"event": "buy", "math": "sum", "math_property": "amount"});
    let mut metric = json!({"metric_type": "mean", "source": source});
    metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metric
}

#[test]
fn the_posterior_of_a_difference_is_that_of_both_shares() {
    let mut log = shop(&[("checkout", [(200, 40), (210, 63)])]);
    let rate = |a: f64, b: f64| Marginal::from(Posterior::beta(a, b).unwrap());
    for (prior, [a, b]) in [(json!({}), [1.0, 1.0]), (json!({"prior": {"alpha": 20, "beta": 80}}), [20.0, 80.0])] {
        let (control, test) = (rate(a + 40.0, b + 160.0), rate(a + 63.0, b + 147.0));
        let compared = comparisons(&mut log, "checkout", &funnel(&prior)).unwrap();
        let believed = compared.against_baseline["test"].believed.unwrap();
        let difference = Contrast::difference(control, test).unwrap();
        let ratio = Contrast::ratio(control, test).unwrap();
        assert_eq!(believed.credible_interval, difference.credible_interval(0.95).unwrap().value);
        let wanted = ratio.credible_interval(0.95).unwrap().value.map(|ratio| ratio - 1.0);
        assert_eq!(believed.relative_credible_interval, Some(wanted));
        let best = compared.beliefs["test"].probability_best;
        assert!((believed.probability_of_being_larger - best).abs() < 1e-10, "{believed:?} {best}");
    }
}

#[test]
fn a_prior_pulls_both_variants_towards_itself() {
    let mut log = shop(&[("checkout", [(200, 40), (210, 63)])]);
    let mut width = |metric: &Value| {
        let Belief { credible_interval: [lower, upper], .. } =
            comparisons(&mut log, "checkout", metric).unwrap().beliefs["test"];
        (upper - lower, 0.5 * (lower + upper))
    };
    let (plain, sure) = (
        width(&revenue(&json!({}))),
        width(&revenue(&json!({"prior":
        {"mu": 0.0, "kappa": 1e6, "alpha": 1e5, "beta": 3e5}}))),
    );
    assert!(sure.0 < 0.1 * plain.0 && sure.1.abs() < 0.01, "{plain:?} {sure:?}");
    let weak = width(&revenue(&json!({"prior": {"mu": 0.0, "kappa": 1e-9, "alpha": 0.51, "beta": 1e-9}})));
    assert!((weak.1 - plain.1).abs() < 1e-6 && (weak.0 - plain.0).abs() < 0.02 * plain.0, "{plain:?} {weak:?}");
}

#[test]
fn a_prior_is_learned_from_the_experiments_that_are_over() {
    let past = [("one", [(100, 10), (100, 14)]), ("two", [(120, 30), (90, 12)]), ("draft", [(60, 6), (60, 6)])];
    let mut log = shop(&[past[0], past[1], ("now", [(80, 8), (80, 40)])]);
    log.lab
        .update_experiment(
            "now",
            abduck::model::experiment::UpdateExperiment::from_json(json!({"end_date": null})).unwrap(),
            at("2024-01-20T00:00:00Z"),
            None,
        )
        .unwrap();
    let metric: Map<String, Value> = funnel(&json!({})).as_object().unwrap().clone();
    let learned = log.lab.learn_prior("now", &metric, &request()).unwrap();
    let share = |(trials, successes): (u32, u32)| Share { successes: successes.into(), trials: trials.into() };
    let arms: Vec<Share> = past[..2].iter().flat_map(|(_, variants)| variants.map(share)).collect();
    assert_eq!(learned.prior, learn_share(&arms).unwrap().prior.to_json());
    assert_eq!((learned.arms, learned.experiments.len(), learned.left_out.len()), (4, 2, 0));
    // What was learned can be put into the metric.
    let with = funnel(&json!({"prior": learned.prior}));
    assert!(comparisons(&mut log, "now", &with).is_ok());
    let mean = revenue(&json!({}));
    let learned = log.lab.learn_prior("now", mean.as_object().unwrap(), &request()).unwrap();
    assert_eq!(learned.prior.len(), 4);
    assert_eq!(learned.rate_prior, None);
    // Events that are counted have a rate besides, which can be put into the metric too.
    let mut counted = json!({"kind": "ExperimentMetric", "metric_type": "mean", "source": {"event": "buy"}});
    let learned = log.lab.learn_prior("now", counted.as_object().unwrap(), &request()).unwrap();
    let rate = learned.rate_prior.unwrap();
    assert!(rate.prior.contains_key("shape") && rate.dispersion >= 1.0, "{rate:?}");
    counted["prior"] = Value::Object(rate.prior);
    let with = comparisons(&mut log, "now", &counted).unwrap();
    assert!(with.beliefs["test"].probability_best > 0.9, "{with:?}");
    counted["goal"] = json!("decrease");
    assert!(comparisons(&mut log, "now", &counted).unwrap_err().to_string().contains("more is better"));
    let early = ResultsRequest { as_of: at("2024-01-15T00:00:00Z"), ..request() };
    assert_eq!(log.lab.learn_prior("now", &metric, &early).unwrap_err().code(), "too_few");
}

#[test]
fn priors_that_do_not_suit_are_refused() {
    let mut log = shop(&[("checkout", [(60, 10), (60, 12)])]);
    for (metric, place) in [
        (funnel(&json!({"prior": {"alpha": 0, "beta": 1}})), "metric.prior.alpha"),
        (funnel(&json!({"prior": {"alpha": 1, "beta": 1, "gamma": 1}})), "metric.prior"),
        (funnel(&json!({"prior": {"mu": 1, "kappa": 1, "alpha": 1, "beta": 1}})), "metric.prior"),
        (revenue(&json!({"prior": {"alpha": 1, "beta": 1}})), "metric.prior"),
        (revenue(&json!({"prior": {"mu": 1, "kappa": 1, "alpha": 0.5, "beta": 1}})), "metric.prior.alpha"),
    ] {
        let error = comparisons(&mut log, "checkout", &metric).unwrap_err();
        let abduck::ErrorKind::Invalid { field: Some(field), .. } = error.kind() else { panic!("{error:?}") };
        assert_eq!(field, place, "{error}");
    }
}
