//! Sequential methods end to end: from the definition of an experiment to its results and its decision.

use abduck::results::{ExperimentDecision, VariantRow, rows};
use abduck::stats::Outcome;
use abduck::stats::comparison::{Comparison, SequentialAnswer};
use abduck::stats::decision::{Finding, Verdict};
use abduck::stats::group_sequential::{Spending, boundaries};
use abduck::stats::mixture::{ln_e_value_of_equal_shares, normal_mixture};
use abduck::stats::proportion::Share;
use serde_json::{Value, json};

use crate::support::{Log, event, request};

const PEOPLE: u32 = 300;

/// 300 people in each variant; of `control` 100 buy, of `test` 200, each for as much as they did the week before, and 2 more.
fn shop(experiment: &Value) -> Log {
    let mut events = Vec::new();
    for (variant, of_three) in [("control", 1), ("test", 2)] {
        for person in 0..PEOPLE {
            let id = format!("{variant}-{person}");
            let called =
                json!({"$feature_flag": "checkout", "$feature_flag_response": variant, "$feature/checkout": variant});
            let before = json!({"amount": person % 11});
            events.push(event(&id, "buy", "2024-01-04T11:00:00Z", &before));
            events.push(event(&id, "$feature_flag_called", "2024-01-05T10:00:00Z", &called));
            if person % 3 < of_three {
                let amount = json!({"amount": person % 11 + 2, "$feature/checkout": variant});
                events.push(event(&id, "buy", "2024-01-05T11:00:00Z", &amount));
            }
        }
    }
    let mut log = Log::of(&events);
    log.experiment(experiment);
    log
}

fn revenue() -> Value {
    json!({"kind": "ExperimentMetric", "name": "revenue", "metric_type": "mean",
        "source": {"event": "buy", "math": "sum", "math_property": "amount"}})
}

fn buyers() -> Value {
    json!({"kind": "ExperimentMetric", "name": "buyers", "metric_type": "funnel", "series": [{"event": "buy"}]})
}

fn judged(experiment: &Value, metric: &Value) -> (Comparison, VariantRow) {
    let mut log = shop(experiment);
    let result = log.lab.try_metric("checkout", metric.as_object().unwrap(), &request()).unwrap();
    let row = rows(&result).into_iter().find(|row| row.variant == "test").unwrap();
    let Outcome::Observed(observed) = result.result.outcome() else { panic!("not observed") };
    (observed.comparisons.against_baseline["test"].clone(), row)
}

fn by(sequential: &Value) -> Value {
    json!({"stats_config": {"sequential": sequential}})
}

#[test]
fn without_a_choice_the_anytime_valid_answer_decides_and_shows_its_evidence() {
    for config in [json!({}), by(&json!({"method": "asymptotic"}))] {
        let (comparison, row) = judged(&config, &buyers());
        assert_eq!((comparison.sequential.is_none(), row.sequential_method), (true, Some("asymptotic")));
        let ln_e_value = comparison.anytime_valid.ln_e_value.unwrap();
        assert_eq!(row.e_value, Some(ln_e_value.exp()));
        assert!((comparison.anytime_valid.ln_p_value + ln_e_value).abs() < 1e-12);
        assert_eq!((row.sequential_p_value, row.sequential_undecided), (row.p_value, None));
    }
}

#[test]
fn bets_are_on_shares_and_say_so_of_anything_else() {
    let config = by(&json!({"method": "betting"}));
    let (comparison, row) = judged(&config, &buyers());
    let share = |successes| Share { successes, trials: f64::from(PEOPLE) };
    let expected = ln_e_value_of_equal_shares(share(200.0), share(100.0)).unwrap();
    assert!((comparison.deciding().unwrap().1.ln_e_value.unwrap() / expected - 1.0).abs() < 1e-9);
    assert_eq!(row.sequential_method, Some("betting"));
    assert!(row.sequential_ci_lower.unwrap() > 0.0);
    let (comparison, row) = judged(&config, &revenue());
    assert!(comparison.deciding().unwrap_err().contains("shares only"));
    assert_eq!((row.sequential_p_value, row.e_value), (None, None));
    assert!(row.sequential_undecided.unwrap().contains("shares only"));
}

#[test]
fn a_metric_names_its_own_method() {
    let mut metric = revenue();
    metric["sequential"] = json!({"method": "mixture", "mixing_variance": 4.0});
    let (comparison, _) = judged(&by(&json!({"method": "betting"})), &metric);
    let expected = normal_mixture(comparison.difference, comparison.standard_error.powi(2), 4.0, 0.05).unwrap();
    let inference = comparison.deciding().unwrap().1;
    assert!((inference.ln_e_value.unwrap() - expected.log_likelihood_ratio).abs() < 1e-9);
    metric["sequential"] = json!({"method": "asymptotic"});
    let (comparison, _) = judged(&by(&json!({"method": "betting"})), &metric);
    assert!(comparison.sequential.is_none());
}

#[test]
fn planned_looks_go_by_the_units_there_are() {
    let look = |planned: Value, parameters: Value| {
        let mut config = json!({"method": "group_sequential", "spending": "obrien_fleming", "looks": 4});
        config.as_object_mut().unwrap().extend(planned.as_object().unwrap().clone());
        let mut experiment = by(&config);
        experiment["parameters"] = parameters;
        judged(&experiment, &buyers()).0
    };
    let bars = boundaries(Spending::ObrienFleming, &[0.25, 0.5, 0.75, 1.0], 0.05).unwrap().z_boundaries;
    for (planned, parameters) in
        [(json!({"planned_units": 1200}), json!({})), (json!({}), json!({"recommended_sample_size": 1200}))]
    {
        let comparison = look(planned, parameters);
        let Some(SequentialAnswer::Given { look: Some(place), inference, .. }) = &comparison.sequential else {
            panic!("{comparison:?}")
        };
        assert_eq!((place.look.look, place.information, place.next_look_units), (2, 0.5, Some(900.0)));
        assert!((place.look.z_boundary - bars[1]).abs() < 1e-9 && place.look.crossed && inference.significant);
    }
    let early = look(json!({"planned_units": 12_000}), json!({}));
    assert_eq!(early.deciding().unwrap_err(), "the first look is due at 3000 units, and there are 600");
    assert!(look(json!({}), json!({})).deciding().unwrap_err().contains("no number of units is planned"));
}

#[test]
fn a_decision_is_made_by_the_chosen_method() {
    let decided = |sequential: Value| -> ExperimentDecision {
        let mut experiment = by(&sequential);
        (experiment["metrics"], experiment["end_date"]) = (json!([buyers()]), Value::Null);
        shop(&experiment).lab.decide("checkout", &request()).unwrap()
    };
    let looks = |planned: u32| json!({"method": "group_sequential", "looks": [0.5, 1.0], "planned_units": planned});
    let due = decided(looks(1200)).decision;
    assert_eq!((due.verdict, due.variant.as_deref()), (Verdict::Ship, Some("test")));
    let early = decided(looks(1300)).decision;
    assert_eq!((early.verdict, early.reasons[0].finding), (Verdict::KeepRunning, Finding::Open));
    assert!(early.reasons[0].undecided.as_deref().unwrap().contains("first look is due at 650 units"));
    assert_eq!(decided(json!({"method": "betting"})).decision.verdict, Verdict::Ship);
    // Differences of a thousandth are expected: what is seen is far too large for so narrow a mixture to believe it soon.
    let narrow = decided(json!({"method": "mixture", "mixing_variance": 1e-6})).decision;
    assert_eq!(narrow.verdict, Verdict::KeepRunning);
}

#[test]
fn settings_that_mean_nothing_are_refused_by_name() {
    let mut log = shop(&json!({}));
    let mut refused = |sequential: Value| {
        let mut metric = revenue();
        metric["sequential"] = sequential;
        format!("{:?}", log.lab.try_metric("checkout", metric.as_object().unwrap(), &request()).unwrap_err())
    };
    for (sequential, expected) in [
        (json!({}), "asymptotic, betting"),
        (json!({"metod": "betting"}), "metod"),
        (json!({"method": "msprt"}), "mixture"),
        (json!({"method": "mixture"}), "mixing_variance"),
        (json!({"method": "mixture", "mixing_variance": 0}), "mixing_variance"),
        (json!({"method": "betting"}), "shares only"),
        (json!({"method": "asymptotic", "looks": 3}), "looks"),
        (json!({"method": "group_sequential", "look": 3}), "look"),
        (json!({"method": "group_sequential", "looks": [0.5, 0.4, 1.0]}), "looks"),
        (json!({"method": "group_sequential", "looks": [0.5]}), "looks"),
        (json!({"method": "group_sequential", "spending": "flat"}), "spending"),
    ] {
        let message = refused(sequential.clone());
        assert!(message.contains(expected), "{sequential}: {message}");
    }
}

#[test]
fn a_covariate_saves_as_large_a_share_of_the_days_as_of_the_variance() {
    let config = json!({"stats_config": {"cuped": {"enabled": true}, "sequential": {"method": "mixture", "mixing_variance": 1}}});
    let (comparison, row) = judged(&config, &revenue());
    let adjusted = comparison.adjusted.as_ref().unwrap();
    assert!(adjusted.variance_reduction > 0.05, "{adjusted:?}");
    let saved = adjusted.saved.unwrap();
    assert!((saved.units - adjusted.variance_reduction * 600.0).abs() < 1e-9);
    assert!(row.days_saved.unwrap() > 0.0 && row.days_saved == saved.days);
    assert_eq!(row.variance_reduction, Some(adjusted.variance_reduction));
    let Some(SequentialAnswer::Given { is_adjusted: true, difference, .. }) = comparison.sequential else {
        panic!("{comparison:?}")
    };
    assert!((difference - adjusted.difference).abs() < 1e-12);
}
