//! How much longer an experiment has to run, and how often its tests are wrong on its own units.

use abduck::results::Calibration;
use abduck::stats::calibration::{CalibratedMethod, MethodCalibration};
use abduck::stats::modern::sequential::Layout;
use abduck::stats::past::Goal;
use abduck::stats::power::Means;
use serde_json::{Map, Value, json};

use crate::support::{Log, at, event, request};

/// People who come over six days, spend unevenly, and spent before in a way that tells of it.
fn shop(stats_config: &Value) -> Log {
    let mut events = Vec::new();
    for person in 0..600_u32 {
        let variant = if person % 2 == 0 { "control" } else { "test" };
        let id = format!("p{person}");
        let day = 5 + person % 6;
        let called = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
        events.push(event(&id, "$feature_flag_called", &format!("2024-01-{day:02}T10:00:00Z"), &called));
        let (habit, mood) = (person / 2 % 17, person / 2 % 7);
        events.push(event(&id, "buy", "2024-01-03T11:00:00Z", &json!({"amount": habit})));
        if mood > 1 {
            events.push(event(
                &id,
                "buy",
                &format!("2024-01-{day:02}T11:00:00Z"),
                &json!({"amount": habit * 2 + mood}),
            ));
        }
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({"stats_config": stats_config, "start_date": "2024-01-04", "end_date": null}));
    log
}

fn revenue() -> Map<String, Value> {
    let metric = json!({"metric_type": "mean", "source": {"event": "buy", "math": "sum", "math_property": "amount"}});
    metric.as_object().unwrap().clone()
}

fn buyers() -> Map<String, Value> {
    json!({"metric_type": "funnel", "series": [{"event": "buy"}]}).as_object().unwrap().clone()
}

#[test]
fn what_is_missing_comes_from_the_variance_so_far_and_from_those_who_come() {
    let mut log = shop(&json!({}));
    let remaining = log.lab.remaining("checkout", &revenue(), &request(), 0.02, 0.8).unwrap();
    let variant = &remaining.variants[0];
    assert_eq!((variant.variant.as_str(), variant.units_now), ("test", [300, 300]));
    let result = log.lab.try_metric("checkout", &revenue(), &request()).unwrap();
    let abduck::results::MetricResult::Units { outcome, .. } = &result.result else { panic!("not a modern metric") };
    let abduck::stats::Outcome::Observed(observed) = outcome else { panic!("not observed") };
    let deviation = observed.comparisons.against_baseline["test"].standard_error / (2.0 / 300.0_f64).sqrt();
    let design = Means { standard_deviation: deviation, ratio: 1.0, alpha: 0.05 };
    let units = 2.0 * design.units(0.02 * remaining.baseline_value, 0.8).unwrap();
    assert!((variant.units_single_look - units.ceil()).abs() < 1.0);
    assert!(variant.units_any_time > variant.units_single_look);
    // Nobody came in the last days of January: `as_of` is the first of February.
    assert_eq!((remaining.exposed_per_day, variant.days_single_look), (0.0, None));
    let early = abduck::ResultsRequest { as_of: "2024-01-11T00:00:00Z".parse().unwrap(), ..request() };
    let remaining = log.lab.remaining("checkout", &revenue(), &early, 0.02, 0.8).unwrap();
    // The last day just began; of the seven whole days before, the first had no event.
    assert!((remaining.exposed_per_day - 600.0 / 7.0).abs() < 1e-9, "{}", remaining.exposed_per_day);
    let days = remaining.variants[0].days_single_look.unwrap();
    assert!((days - (remaining.variants[0].units_single_look - 600.0) / (600.0 / 7.0)).abs() < 1e-9);
}

#[test]
fn a_covariate_saves_units_and_too_little_is_said() {
    let mut log = shop(&json!({"cuped": {"enabled": true}}));
    let with = log.lab.remaining("checkout", &revenue(), &request(), 0.02, 0.8).unwrap().variants.remove(0);
    let without =
        shop(&json!({})).lab.remaining("checkout", &revenue(), &request(), 0.02, 0.8).unwrap().variants.remove(0);
    assert!(with.variance_reduction > 0.3, "{}", with.variance_reduction);
    let ratio = with.units_single_look / without.units_single_look;
    assert!((ratio - (1.0 - with.variance_reduction)).abs() < 0.01, "{ratio}");
    let nothing = json!({"metric_type": "mean", "source": {"event": "never"}}).as_object().unwrap().clone();
    let error = log.lab.remaining("checkout", &nothing, &request(), 0.02, 0.8).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing can be compared yet: 'control' has a mean of zero; 'test' has the same value for all units"
    );
    assert_eq!(log.lab.remaining("checkout", &revenue(), &request(), 0.0, 0.8).unwrap_err().code(), "out_of_range");
}

fn method(calibration: &Calibration, method: CalibratedMethod) -> MethodCalibration {
    *calibration.methods.iter().find(|one| one.method == method).unwrap()
}

#[test]
fn tests_are_wrong_as_often_as_they_may_on_units_put_into_variants_at_random() {
    for (metric, lift) in [(revenue(), 0.3), (buyers(), 0.2), (buyers(), -0.2)] {
        let mut log = shop(&json!({"cuped": {"enabled": true}}));
        let as_of = request().as_of;
        let calibration = log.lab.calibrate("checkout", &metric, as_of, 400, lift).unwrap();
        assert_eq!((calibration.units, calibration.rounds), (600, 400));
        let fixed = method(&calibration, CalibratedMethod::FixedHorizon);
        // 400 rounds at 5 %: 20, give or take 4.4.
        assert!((5..=38).contains(&fixed.false_positives.rounds), "{lift} {fixed:?}");
        assert!(fixed.coverage.interval[1] > 0.94, "{fixed:?}");
        let anytime = method(&calibration, CalibratedMethod::AnytimeValid);
        assert!(anytime.false_positives.share <= fixed.false_positives.share);
        assert!(anytime.coverage.share >= fixed.coverage.share && anytime.power.share <= fixed.power.share);
        // Everybody bought before, so that of buying there is nothing to take out.
        if metric == revenue() {
            let adjusted = method(&calibration, CalibratedMethod::FixedHorizonAdjusted);
            assert!(adjusted.false_positives.rounds <= 38 && adjusted.coverage.interval[1] > 0.94);
            assert!(adjusted.power.share > fixed.power.share, "a covariate that tells much finds more");
        }
        assert_eq!(log.lab.calibrate("checkout", &metric, as_of, 400, lift).unwrap(), calibration, "nothing is random");
    }
}

#[test]
fn impossible_calibrations_are_refused() {
    let mut log = shop(&json!({}));
    let as_of = request().as_of;
    let mut code = |rounds, lift| log.lab.calibrate("checkout", &revenue(), as_of, rounds, lift).unwrap_err().code();
    assert_eq!((code(0, 0.1), code(10, -2.0), code(1_000_000, 0.1)), ("out_of_range", "out_of_range", "out_of_range"));
    let nothing = json!({"metric_type": "mean", "source": {"event": "never"}}).as_object().unwrap().clone();
    let error = log.lab.calibrate("checkout", &nothing, as_of, 10, 0.1).unwrap_err();
    assert!(error.to_string().contains("no round could be judged: 600 units"), "{error}");
}

#[test]
fn every_point_of_a_series_is_judged_as_a_result_of_that_day_would_be() {
    let mut log = shop(&json!({}));
    let series = log.lab.metric_series("checkout", &revenue(), &request()).unwrap();
    let day = series.cumulative.iter().find(|point| point.label.contains("2024-01-07")).unwrap();
    let then = abduck::ResultsRequest { as_of: "2024-01-08T00:00:00Z".parse().unwrap(), ..request() };
    let result = log.lab.try_metric("checkout", &revenue(), &then).unwrap().result;
    let abduck::stats::Outcome::Observed(observed) = result.outcome() else { panic!("not observed") };
    let comparison = &observed.comparisons.against_baseline["test"];
    let test = &day.variants[1];
    assert!((test.p_value.unwrap() / comparison.anytime_valid.p_value - 1.0).abs() < 1e-9);
    assert!((test.p_value_fixed_horizon.unwrap() / comparison.fixed_horizon.p_value - 1.0).abs() < 1e-9);
    let peeking = &series.peeking[0];
    let looks = series.cumulative.iter().filter(|point| point.variants[1].p_value.is_some()).count();
    assert_eq!((peeking.variant.as_str(), peeking.looks as usize), ("test", looks));
    assert!(looks > 20, "each day from the first with 50 units per variant on");
}

#[test]
fn one_unit_that_makes_the_result_is_found_by_leaving_it_out() {
    let mut events = Vec::new();
    for person in 0..200_u32 {
        let variant = if person % 2 == 0 { "control" } else { "test" };
        let id = format!("p{person}");
        let called = json!({"$feature_flag": "checkout", "$feature_flag_response": variant});
        events.push(event(&id, "$feature_flag_called", "2024-01-05T10:00:00Z", &called));
        let amount = if person == 7 { 100_000 } else { person / 2 % 10 };
        events.push(event(&id, "buy", "2024-01-05T11:00:00Z", &json!({"amount": amount})));
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({}));
    let as_of = request().as_of;
    let influence = log.lab.influence("checkout", &revenue(), as_of, 1).unwrap();
    let largest = &influence.largest[0];
    assert_eq!((largest.unit.as_str(), largest.variant.as_str(), largest.value), ("p7", "test", 100_000.0));
    assert!(influence.all.relative_lift["test"] > 200.0);
    // Without it, 99 units with a mean of 4.5, and one of 3 less.
    let expected = (450.0 - 3.0) / 99.0 / 4.5 - 1.0;
    assert!((influence.without.relative_lift["test"] - expected).abs() < 1e-12);
    let error = log.lab.influence("checkout", &buyers(), as_of, 1).unwrap_err();
    assert_eq!(error.code(), "unsupported");
    assert_eq!(log.lab.influence("checkout", &revenue(), as_of, 0).unwrap_err().code(), "out_of_range");
}

#[test]
fn the_past_says_how_long_an_experiment_takes() {
    // Every day ten new people view, and those of the day before come again; of ten, four buy within an hour.
    let mut events = Vec::new();
    for day in 1..=20 {
        for person in 0..10 {
            let id = format!("{day}-{person}");
            let time = |hour: u32| format!("2024-01-{day:02}T{hour:02}:00:00Z");
            events.push(event(&id, "view", &time(10), &json!({"internal": person == 9})));
            if person < 4 {
                events.push(event(&id, "buy", &time(11), &json!({})));
            }
            if day > 1 {
                events.push(event(
                    &format!("{}-{person}", day - 1),
                    "view",
                    &time(12),
                    &json!({"internal": person == 9}),
                ));
            }
        }
    }
    let mut log = Log::of(&events);
    let metric = json!({"metric_type": "funnel", "series": [{"event": "buy"}], "conversion_window": 2, "conversion_window_unit": "hour"});
    let metric = metric.as_object().unwrap();
    let question = |exposure: Value, days: u32| abduck::PastQuestion {
        exposure: exposure.as_object().unwrap().clone(),
        days,
        filter_test_accounts: false,
        goal: Goal { lift: 0.5, power: 0.8, variants: 2, layout: Layout::default() },
    };
    let view = json!({"event": "view"});
    let plan = log.lab.plan_from_past(metric, &question(view.clone(), 10), at("2024-01-21T00:00:00Z")).unwrap();
    // The last ten days: on the first, those of the day before come, too.
    assert_eq!(plan.arrivals, [20, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
    assert_eq!(plan.units, 110);
    // Those who had come the day before do not buy again.
    assert!((plan.value - 40.0 / 110.0).abs() < 1e-12, "{}", plan.value);
    let variance = plan.value * (1.0 - plan.value) * 110.0 / 109.0;
    assert!((plan.unit_variance - variance).abs() < 1e-12);
    let design = Means { standard_deviation: plan.unit_variance.sqrt(), ratio: 1.0, alpha: 0.05 };
    let per_variant = design.units(0.5 * plan.value, 0.8).unwrap().ceil();
    assert_eq!(plan.needs[0].units, 2.0 * per_variant);
    let missing = (plan.needs[0].units - 110.0) / 10.0;
    assert_eq!((plan.needs[0].days, plan.needs[0].is_extrapolated), (Some(10.0 + missing.ceil()), true));
    // Only insiders, and the other refusals.
    let insiders =
        json!({"event": "view", "properties": [{"key": "internal", "value": ["true"], "operator": "exact"}]});
    let error = log.lab.plan_from_past(metric, &question(insiders, 10), at("2024-01-21T00:00:00Z")).unwrap_err();
    assert_eq!(error.code(), "not_ready");
    for (exposure, days, code) in [
        (json!({"event": "never"}), 10, "not_ready"),
        (json!({"event": "$feature_flag_called"}), 10, "invalid_input"),
        (json!({"evnt": "view"}), 10, "invalid_input"),
        (view.clone(), 0, "out_of_range"),
    ] {
        let error =
            log.lab.plan_from_past(metric, &question(exposure.clone(), days), at("2024-01-21T00:00:00Z")).unwrap_err();
        assert_eq!(error.code(), code, "{exposure}: {error}");
    }
}
