//! Metrics that are tried out, on a log small enough to count by hand.

use abduck::results::{ExposureView, ListedUnit, MetricResult, MetricSeries, Reconciliation};
use abduck::{ExperimentResult, report};
use serde_json::{Value, json};

use crate::support::{Place, assert_transcript};

/// Five persons: ann and eve are control, bob and cid are test, dan saw both. Of the purchases, eve's comes after the
/// window of two days, and the first of cid before the exposure.
const SHOP: &str = "\
user_id,event,timestamp,variant,plan,amount
cid,bought,2026-03-01T09:00:00Z,,,5
ann,exposed,2026-03-01T10:00:00Z,control,free,
ann,viewed,2026-03-01T10:05:00Z,,,
ann,bought,2026-03-01T11:00:00Z,,,30
bob,exposed,2026-03-01T10:00:00Z,test,pro,
bob,viewed,2026-03-01T10:05:00Z,,,
cid,exposed,2026-03-01T12:00:00Z,test,free,
cid,viewed,2026-03-01T12:05:00Z,,,
cid,bought,2026-03-02T12:00:00Z,,,20.5
dan,exposed,2026-03-02T10:00:00Z,control,free,
dan,exposed,2026-03-02T11:00:00Z,test,free,
dan,bought,2026-03-02T12:00:00Z,,,100
eve,exposed,2026-03-03T10:00:00Z,control,pro,
eve,bought,2026-03-06T10:00:00Z,,,7
";

fn revenue() -> Value {
    json!({
        "name": "Revenue", "metric_type": "mean", "conversion_window": 2, "conversion_window_unit": "day",
        "source": {"kind": "EventsNode", "event": "bought", "math": "sum", "math_property": "amount"},
        "breakdownFilter": {"breakdown": "plan"},
    })
}

/// A lab of the log, with an experiment whose only metric is the revenue; it is in `revenue.json`, a funnel in `funnel.yaml`.
fn shop() -> Place {
    let lab = Place::lab();
    lab.write("shop.csv", SHOP);
    lab.succeeds("ingest shop.csv --flag checkout=variant --exposure-event exposed");
    let mut metric = revenue();
    lab.write("revenue.json", &metric.to_string());
    metric["kind"] = json!("ExperimentMetric");
    let definition = json!({
        "name": "Checkout", "feature_flag_key": "checkout", "start_date": "2026-03-01", "end_date": "2026-03-08",
        "metrics": [metric],
    });
    lab.write("checkout.json", &definition.to_string());
    lab.succeeds("experiment create checkout.json");
    lab.write(
        "funnel.yaml",
        "metric_type: funnel\nseries:\n  - {kind: EventsNode, event: viewed}\n  - {kind: EventsNode, event: bought}\n",
    );
    lab
}

#[test]
fn a_metric_is_tried() {
    let lab = shop();
    assert_transcript!(lab.abduck("try checkout revenue.json"));
    assert_transcript!(lab.abduck("try checkout funnel.yaml"));
    assert_transcript!(lab.abduck("try checkout revenue.json -q -o csv"));
    assert!(lab.succeeds("try checkout revenue.json -o md").starts_with("| variant | units |"));
}

#[test]
fn a_ratio_has_its_denominator() {
    let lab = shop();
    let ratio = json!({"metric_type": "ratio", "numerator": revenue()["source"],
        "denominator": {"kind": "EventsNode", "event": "bought"}});
    lab.write("ratio.json", &ratio.to_string());
    // Without a window eve's purchase counts: 37 in two purchases; cid's first does not.
    assert_transcript!(lab.abduck("try checkout ratio.json"));
    assert_transcript!(lab.abduck("reconcile checkout ratio.json"));
}

#[test]
fn quantiles_retention_and_times_have_columns_of_their_own() {
    let lab = shop();
    let bought = json!({"kind": "EventsNode", "event": "bought"});
    let metrics = [
        (json!({"metric_type": "quantile", "quantile": 0.5, "source": revenue()["source"]}), "standard error"),
        (json!({"metric_type": "time_to_convert", "series": [bought]}), "seconds each"),
        (
            json!({"metric_type": "retention", "start_event": {"kind": "EventsNode", "event": "viewed"},
                "completion_event": bought, "retention_window_start": 0, "retention_window_end": 7,
                "retention_window_unit": "day", "start_handling": "first_seen"}),
            "came back",
        ),
    ];
    for (metric, column) in metrics {
        lab.write("metric.json", &metric.to_string());
        let text = lab.succeeds("try checkout metric.json");
        assert!(text.contains(column), "{text}");
    }
}

#[test]
fn a_metric_is_given_in_several_ways() {
    let lab = shop();
    let metric = revenue().to_string();
    let result = |printed: &str| serde_json::from_str::<ExperimentResult>(printed).unwrap().result;
    let of_file = result(&lab.succeeds("try checkout revenue.json -o json"));
    let MetricResult::Units { variants, several_variants, .. } = &of_file else { panic!("{of_file:?}") };
    let sums: Vec<_> = variants.iter().map(|variant| (variant.number_of_samples, variant.sum)).collect();
    assert_eq!((sums, several_variants.units), (vec![(2, 30.0), (2, 20.5)], 1));
    assert_eq!(result(&lab.abduck_reading("try checkout - -o json", &metric).stdout), of_file);
    let mut inline = lab.command("try checkout -o json");
    assert_eq!(result(&lab.transcript(inline.arg(&metric)).stdout), of_file);
    // The stored one has a kind as well.
    let MetricResult::Units { variants: stored, .. } = result(&lab.succeeds("try checkout 0 -o json")) else {
        panic!()
    };
    assert_eq!(&stored, variants);
}

#[test]
fn what_is_no_metric_is_refused() {
    let lab = shop();
    lab.write("mean.json", r#"{"metric_type": "meen"}"#);
    lab.write("list.json", "[1]");
    for (arguments, exit, message) in [
        ("try checkout mean.json", 2, "did you mean 'mean'?"),
        ("try checkout list.json", 2, "list.json is not an object"),
        ("try checkout nothing.json", 3, "file 'nothing.json' was not found"),
        ("try checkout 1", 3, "the experiment has one metric, number 0"),
        ("try checkout 99999999999999999999999", 3, "was not found"),
        ("try nonsense 0", 3, "experiment 'nonsense' was not found"),
        ("series checkout mean.json", 2, "did you mean 'mean'?"),
        ("reconcile checkout mean.json", 2, "did you mean 'mean'?"),
        ("units checkout funnel.yaml --step 3", 2, "the steps 1 to 2 after the exposure, not 3"),
        ("units checkout revenue.json --step 1", 2, "the metric has no steps"),
        ("units checkout funnel.yaml --dropped", 2, "--step N"),
        ("units checkout funnel.yaml --variant nobody", 2, "choose one of: control, test"),
        ("experiment exposure-view nonsense", 3, "was not found"),
    ] {
        let refused = lab.refuses(arguments, exit);
        assert!(refused.stderr.contains(message), "{arguments}\n{refused}");
    }
    lab.succeeds("experiment create --name Draft --flag draft");
    for arguments in ["try draft revenue.json", "series draft revenue.json", "experiment exposure-view draft"] {
        lab.refuses(arguments, 4);
    }
}

#[test]
fn a_course_is_shown_in_three_views() {
    let lab = shop();
    assert_transcript!(lab.abduck("series checkout revenue.json --view by-exposure-day"));
    let series: MetricSeries = serde_json::from_value(lab.json("series checkout 0")).unwrap();
    let last = &series.cumulative.last().unwrap().variants;
    assert_eq!(last.iter().map(|variant| variant.sum).collect::<Vec<_>>(), [30.0, 20.5]);
    let csv = lab.succeeds("series checkout 0 -o csv");
    assert_eq!(csv, report::series_csv(&series, None).to_csv().unwrap());
    assert!(csv.starts_with(
        "view,label,variant,number_of_samples,sum,value,variance,relative_lift,rel_effect_size_ci_lower,"
    ));
    let one = lab.succeeds("series checkout 0 -o csv --view by-days-since-exposure");
    assert!(one.lines().skip(1).all(|line| line.starts_with("by_days_since_exposure,")), "{one}");
    assert!(lab.succeeds("series checkout 0").contains("As of the end of each day"));
    assert!(lab.succeeds("series checkout 0 -o md").starts_with("| day "));
}

#[test]
fn exposures_are_shown_by_day() {
    let lab = shop();
    assert_transcript!(lab.abduck("experiment exposure-view checkout"));
    let view: ExposureView = serde_json::from_value(lab.json("experiment exposure-view checkout")).unwrap();
    assert_eq!(view.totals.values().copied().collect::<Vec<_>>(), [2, 2, 1]);
    let csv = lab.succeeds("experiment exposure-view checkout -o csv");
    assert!(csv.contains("\n2026-03-02,$multiple,1,1\n"), "{csv}");
}

#[test]
fn units_are_listed() {
    let lab = shop();
    assert_transcript!(lab.abduck("units checkout revenue.json"));
    let units = |arguments: &str| -> Vec<String> {
        let units: Vec<ListedUnit> = serde_json::from_value(lab.json(arguments)).unwrap();
        units.into_iter().map(|unit| unit.unit).collect()
    };
    assert_eq!(units("units checkout funnel.yaml --step 2"), ["ann", "cid"]);
    assert_eq!(units("units checkout funnel.yaml --step 2 --dropped"), ["bob"]);
    assert_eq!(units("units checkout funnel.yaml --step 1 --dropped"), ["eve"]);
    assert_eq!(units("units checkout revenue.json --left-out"), ["dan"]);
    assert_eq!(units("units checkout revenue.json --variant test"), ["bob", "cid"]);
    let none = lab.abduck("units checkout funnel.yaml --step 2 --variant test --left-out");
    assert_eq!((none.exit, none.stdout.as_str(), none.stderr.as_str()), (0, "", "no such units\n"));
    let csv = lab.succeeds("units checkout revenue.json --left-out -o csv");
    assert!(csv.ends_with(",100,1,,saw several variants\n"), "{csv}");
}

#[test]
fn a_naive_count_is_reconciled_with_the_result() {
    let lab = shop();
    assert_transcript!(lab.abduck("reconcile checkout revenue.json"));
    let way: Reconciliation = serde_json::from_value(lab.json("reconcile checkout 0")).unwrap();
    let sums = |step: usize| -> Vec<_> {
        way.steps[step].variants.iter().map(|variant| (variant.units, variant.sum)).collect()
    };
    assert_eq!(sums(0), [(3, 137.0), (3, 125.5)], "{:?}", way.steps);
    assert_eq!(sums(way.steps.len() - 1), [(2, 30.0), (2, 20.5)]);
    let csv = lab.succeeds("reconcile checkout 0 -o csv");
    assert!(csv.starts_with("rule,description,changed_units,variant,units,sum,denominator_sum\nnaive,"), "{csv}");
}

#[test]
fn one_unit_is_explained_event_by_event() {
    let lab = shop();
    assert_transcript!(lab.abduck("explain checkout --unit cid"));
    let bob = lab.succeeds("explain checkout --unit bob --metric funnel.yaml");
    assert!(bob.contains("step 2: not reached: no such event follows the step before"), "{bob}");
    let dan = lab.succeeds("explain checkout --unit dan");
    assert!(dan.contains("does not count: saw several variants"), "{dan}");
    let nobody = lab.refuses("explain checkout --unit nobody", 3);
    assert!(nobody.stderr.contains("distinct id"), "{nobody}");
}

#[test]
fn the_method_that_a_metric_names_is_shown_with_its_look() {
    let lab = Place::lab();
    let mut log = "user_id,event,timestamp,variant\n".to_owned();
    for (variant, of_six) in [("control", 2), ("test", 3)] {
        for person in 0..120 {
            let line = |event: &str, hour: u32| format!("{variant}{person},{event},2026-03-01T{hour}:00:00Z");
            log.extend([line("exposed", 10).as_str(), ",", variant, "\n"]);
            if person % 6 < of_six {
                log.extend([line("bought", 11).as_str(), ",\n"]);
            }
        }
    }
    lab.write("shop.csv", &log);
    lab.succeeds("ingest shop.csv --flag checkout=variant --exposure-event exposed");
    let metric = |sequential: Value| {
        json!({"kind": "ExperimentMetric", "name": "Buyers", "metric_type": "funnel", "series": [{"event": "bought"}],
            "sequential": sequential})
    };
    let looks = metric(
        json!({"method": "group_sequential", "spending": "lan_demets_pocock", "looks": 4, "planned_units": 480}),
    );
    let definition = json!({
        "name": "Checkout", "feature_flag_key": "checkout", "start_date": "2026-03-01", "end_date": "2026-03-08",
        "metrics": [looks],
    });
    lab.write("checkout.json", &definition.to_string());
    lab.succeeds("experiment create checkout.json");
    lab.write("looks.json", &looks.to_string());
    lab.write("bets.json", &metric(json!({"method": "betting"})).to_string());
    lab.write("unplanned.json", &metric(json!({"method": "group_sequential", "looks": 4})).to_string());
    assert_transcript!(lab.abduck("try checkout looks.json"));
    assert_transcript!(lab.abduck("try checkout bets.json"));
    assert_transcript!(lab.abduck("try checkout unplanned.json"));
    assert_transcript!(lab.abduck("decide checkout"));
}
