//! Modern metrics against a slow and obvious oracle: random logs with ties, several ids per person, several variants, test
//! accounts, rows in any order and split into files; every type of metric (rules M-).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use abduck::results::{MetricResult, UnitVariant};
use abduck::{
    CreateExperiment, Engine, ErrorKind, EventsFrom, ExperimentResult, IngestOptions, ResultsRequest, Source,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

/// An event of a random log; times are in hours since the start of the experiment.
#[derive(Clone, Debug)]
struct Event {
    hours: i64,
    person: u8,
    second_id: bool,
    kind: u8,
    amount: u8,
    session: u8,
}

const START: &str = "2024-03-28T12:00:00Z";
const HOURS: i64 = 5 * 24;

fn instant(hours: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_hours(hours)
}

impl Event {
    fn name(&self) -> &'static str {
        match self.kind {
            0..=2 => "$feature_flag_called",
            3 | 4 => "buy",
            5 => "view",
            _ => "back",
        }
    }

    fn variant(&self) -> Option<&'static str> {
        match self.kind {
            0 => Some("control"),
            1 => Some("test"),
            2 => Some("gone"),
            _ => None,
        }
    }

    /// The amount as it stands in the event: a number, a number as text, a word, or nothing.
    fn amount(&self) -> Value {
        match self.amount {
            0 => Value::Null,
            1 => json!("many"),
            2 => json!("2.5"),
            amount => json!(amount),
        }
    }

    /// The amount as metrics count it (M-20).
    fn number(&self) -> f64 {
        match self.amount {
            0 | 1 => 0.0,
            2 => 2.5,
            amount => f64::from(amount),
        }
    }

    fn is_test_account(&self) -> bool {
        self.amount == 9
    }

    fn line(&self, number: usize) -> Value {
        let person = self.person;
        let mut properties = json!({"amount": self.amount(), "internal": self.is_test_account()});
        if self.session > 0 {
            properties["$session_id"] = json!(format!("s{}", self.session));
        }
        if let Some(variant) = self.variant() {
            properties["$feature_flag"] = json!("button");
            properties["$feature_flag_response"] = json!(variant);
        }
        json!({
            "uuid": format!("00000000-0000-4000-8000-{number:012x}"), "event": self.name(), "person_id": format!("p{person}"),
            "distinct_id": if self.second_id { format!("p{person}-second") } else { format!("p{person}") },
            "timestamp": instant(self.hours), "properties": properties,
        })
    }
}

fn event() -> impl Strategy<Value = Event> {
    (-30..HOURS + 40, 0..5_u8, any::<bool>(), 0..8_u8, 0..10_u8, 0..3_u8).prop_map(
        |(hours, person, second_id, kind, amount, session)| Event { hours, person, second_id, kind, amount, session },
    )
}

/// What the oracle says of one unit.
#[derive(Clone, Debug, PartialEq)]
struct Unit {
    variant: &'static str,
    value: f64,
    other: f64,
    steps: usize,
}

/// The settings of a case that the oracle has to follow.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "settings that are independent of each other")]
struct Case {
    metric: Value,
    window_hours: Option<i64>,
    first_seen: bool,
    filter_test_accounts: bool,
    matured: bool,
    cuped: bool,
}

fn mean(math: &str, event: &Value) -> Value {
    let mut source = json!({"kind": "EventsNode", "event": event, "math": math});
    if ["sum", "avg", "min", "max"].contains(&math) {
        source["math_property"] = json!("amount");
    }
    json!({"metric_type": "mean", "source": source})
}

fn metric() -> impl Strategy<Value = Value> {
    let maths = prop::sample::select(vec!["total", "sum", "avg", "min", "max", "unique_session", "dau"]);
    let steps =
        |names: &[&str]| names.iter().map(|name| json!({"kind": "EventsNode", "event": name})).collect::<Value>();
    prop_oneof![
        maths.prop_map(|math| mean(math, &json!("buy"))),
        Just(mean("total", &Value::Null)),
        Just(json!({"metric_type": "ratio", "numerator": mean("sum", &json!("buy"))["source"],
            "denominator": mean("total", &json!("view"))["source"]})),
        Just(json!({"metric_type": "funnel", "series": steps(&["view", "buy"])})),
        Just(json!({"metric_type": "funnel", "series": steps(&["buy", "buy", "back"])})),
        Just(
            json!({"metric_type": "funnel", "series": steps(&["back", "buy", "view", "buy"]), "funnel_order_type": "unordered"})
        ),
        Just(json!({"metric_type": "funnel", "series": steps(&["view", "buy"]),
            "exclusions": [{"event": "back", "funnelFromStep": 0, "funnelToStep": 2}]})),
        (0..3_i64, 0..3_i64).prop_map(|(from, more)| json!({"metric_type": "retention",
            "start_event": {"event": "view"}, "completion_event": {"event": "back"},
            "retention_window_start": from, "retention_window_end": from + more, "retention_window_unit": "day"})),
        (0..3_i64).prop_map(|from| json!({"metric_type": "retention", "start_handling": "last_seen",
            "start_event": {"event": "view"}, "completion_event": {"event": "back"},
            "retention_window_start": from, "retention_window_end": from + 1, "retention_window_unit": "day"})),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let window = prop_oneof![Just(None), (1..60_i64).prop_map(Some)];
    (metric(), window, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(mut metric, window_hours, first_seen, filter_test_accounts, matured, cuped)| {
            if let Some(hours) = window_hours {
                metric["conversion_window"] = json!(hours);
                metric["conversion_window_unit"] = json!("hour");
            }
            Case { metric, window_hours, first_seen, filter_test_accounts, matured, cuped }
        },
    )
}

/// The midnight before, in the lab's timezone.
fn local_day(hours: i64) -> jiff::civil::Date {
    instant(hours).to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap()).date()
}

fn oracle(case: &Case, events: &[Event], as_of: i64) -> Vec<Unit> {
    let mut persons: BTreeMap<u8, Vec<(usize, &Event)>> = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        if event.hours <= as_of && !(case.filter_test_accounts && event.is_test_account()) {
            persons.entry(event.person).or_default().push((number, event));
        }
    }
    persons
        .into_values()
        .filter_map(|mut events| {
            events.sort_by_key(|(number, event)| (event.hours, *number));
            unit(case, &events.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), as_of)
        })
        .collect()
}

fn unit(case: &Case, events: &[&Event], as_of: i64) -> Option<Unit> {
    let end = HOURS.min(as_of);
    let exposures: Vec<_> = events
        .iter()
        .filter(|event| (0..=end).contains(&event.hours) && matches!(event.variant(), Some("control" | "test")))
        .collect();
    let first = exposures.first()?.hours;
    let last = exposures.last()?.hours;
    let variants: BTreeSet<_> = exposures.iter().map(|event| event.variant()).collect();
    if variants.len() > 1 && !case.first_seen {
        return None;
    }
    let kind = case.metric["metric_type"].as_str().unwrap();
    let reach = case.window_hours.unwrap_or(0)
        + if kind == "retention" { case.metric["retention_window_end"].as_i64().unwrap() * 24 } else { 0 };
    if case.matured && reach > 0 && first + reach > as_of {
        return None;
    }
    let inside = |event: &&&Event| {
        first <= event.hours
            && match case.window_hours {
                None => event.hours <= end,
                Some(window) => event.hours < last + window,
            }
    };
    let before = |event: &&&Event| first - 14 * 24 <= event.hours && event.hours < first;
    let mut unit = Unit { variant: exposures[0].variant()?, value: 0.0, other: 0.0, steps: 0 };
    match kind {
        "mean" => {
            let source = &case.metric["source"];
            unit.value = aggregate(source, events.iter().filter(inside).copied());
            if case.cuped {
                unit.other = aggregate(source, events.iter().filter(before).copied());
            }
        }
        "ratio" => {
            unit.value = aggregate(&case.metric["numerator"], events.iter().filter(inside).copied());
            unit.other = aggregate(&case.metric["denominator"], events.iter().filter(inside).copied());
        }
        "funnel" => {
            let names: Vec<_> =
                case.metric["series"].as_array().unwrap().iter().map(|step| step["event"].as_str().unwrap()).collect();
            let usable: Vec<_> =
                events.iter().filter(|event| case.window_hours.is_some() || event.hours <= end).copied().collect();
            unit.steps = exposures
                .iter()
                .map(|start| {
                    let last = if case.window_hours.is_some() { as_of } else { end };
                    let until = case.window_hours.map_or(last, |window| last.min(start.hours + window));
                    if case.metric["funnel_order_type"] == "unordered" {
                        in_any_order(&usable, &names, start, until, &mut Vec::new())
                    } else if case.metric["exclusions"].is_array() {
                        without_exclusion(&usable, &names, start.hours, until)
                    } else {
                        longest(&usable, &names, start.hours, until, &mut Vec::new())
                    }
                })
                .max()
                .unwrap();
            unit.value = if unit.steps == names.len() { 1.0 } else { 0.0 };
            if case.cuped {
                let last_step = json!({"event": names.last().unwrap(), "math": "dau"});
                unit.other = aggregate(&last_step, events.iter().filter(before).copied());
            }
        }
        _ => {
            let starts = events.iter().filter(|event| {
                event.name() == "view"
                    && first <= event.hours
                    && event.hours <= case.window_hours.map_or(end, |window| first + window)
            });
            let starts: Vec<_> = starts.collect();
            let anchor = if case.metric["start_handling"] == "last_seen" { starts.last() } else { starts.first() };
            let anchor = local_day(anchor?.hours);
            let periods = case.metric["retention_window_start"].as_i64().unwrap()
                ..=case.metric["retention_window_end"].as_i64().unwrap();
            let retained = events.iter().any(|event| {
                let days = i64::from((local_day(event.hours) - anchor).get_days());
                event.name() == "back" && event.hours <= end + reach && periods.contains(&days)
            });
            unit.value = if retained { 1.0 } else { 0.0 };
            unit.other = 1.0;
        }
    }
    Some(unit)
}

/// The longest run of steps, trying every event for every step; events of one hour come in any order.
fn longest(events: &[&Event], names: &[&str], now: i64, until: i64, used: &mut Vec<usize>) -> usize {
    let step = used.len();
    let mut best = step;
    if step == names.len() {
        return best;
    }
    for (index, event) in events.iter().enumerate() {
        if event.name() == names[step] && event.hours >= now && event.hours <= until && !used.contains(&index) {
            used.push(index);
            best = best.max(longest(events, names, event.hours, until, used));
            used.pop();
        }
    }
    best
}

/// The most steps that distinct events fill in any order, trying every event, or none, for every step.
fn in_any_order(events: &[&Event], names: &[&str], start: &Event, until: i64, used: &mut Vec<usize>) -> usize {
    let Some((name, rest)) = names.split_first() else { return 0 };
    let mut best = in_any_order(events, rest, start, until, used);
    for (index, event) in events.iter().enumerate() {
        if event.name() == *name && (start.hours..=until).contains(&event.hours) && !used.contains(&index) {
            used.push(index);
            best = best.max(1 + in_any_order(events, rest, start, until, used));
            used.pop();
        }
    }
    best
}

/// The steps reached from one exposure, taking the earliest event each time; none if "back" lies in between (M-34, Q-E1).
fn without_exclusion(events: &[&Event], names: &[&str], start: i64, until: i64) -> usize {
    let mut times = vec![start];
    for name in names {
        let now = times[times.len() - 1];
        let mut next = events.iter().filter(|event| event.name() == *name && (now..=until).contains(&event.hours));
        match next.next() {
            Some(event) => times.push(event.hours),
            None => break,
        }
    }
    let bound = if times.len() > names.len() { times[names.len()] } else { until };
    let is_excluded = events.iter().any(|event| event.name() == "back" && start < event.hours && event.hours < bound);
    if is_excluded { 0 } else { times.len() - 1 }
}

fn aggregate<'a>(source: &Value, events: impl Iterator<Item = &'a Event>) -> f64 {
    let wanted = source["event"].as_str();
    let events: Vec<&Event> = events.filter(|event| wanted.is_none_or(|name| event.name() == name)).collect();
    let numbers = || events.iter().map(|event| event.number());
    #[expect(clippy::cast_precision_loss, reason = "a handful of events")]
    let count = events.len() as f64;
    match source["math"].as_str().unwrap() {
        "total" => count,
        "dau" => count.min(1.0),
        "sum" => numbers().sum(),
        "avg" => {
            if events.is_empty() {
                0.0
            } else {
                numbers().sum::<f64>() / count
            }
        }
        "min" => numbers().reduce(f64::min).unwrap_or(0.0),
        "max" => numbers().reduce(f64::max).unwrap_or(0.0),
        _ => {
            let sessions: BTreeSet<_> =
                events.iter().map(|event| event.session).filter(|session| *session > 0).collect();
            f64::from(u32::try_from(sessions.len()).unwrap())
        }
    }
}

struct Lab {
    _directory: tempfile::TempDir,
    lab: Engine,
}

/// A lab with the events, in some order and split into two files.
fn lab(case: &Case, events: &[Event], rotation: usize, cut: usize) -> Lab {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Engine::init(directory.path().join("lab")).unwrap();
    let mut settings = lab.settings().unwrap();
    settings.timezone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    settings.test_account_filters = vec![json!({"key": "internal", "value": ["true"], "operator": "is_not"})];
    lab.set_settings(&settings, instant(0), None).unwrap();
    let mut lines: Vec<String> =
        events.iter().enumerate().map(|(number, event)| format!("{}\n", event.line(number))).collect();
    let length = lines.len().max(1);
    lines.rotate_left(rotation % length);
    let (left, right) = lines.split_at(cut % length);
    for (name, part) in [("a", left), ("b", right)] {
        if !part.is_empty() {
            let file = directory.path().join(format!("{name}.ndjson"));
            fs::write(&file, part.concat()).unwrap();
            let source = Source::Files(vec![file.display().to_string()]);
            lab.ingest(source, &IngestOptions::default(), &mut |_| ()).unwrap();
        }
    }
    let request = json!({"name": "Button", "feature_flag_key": "button", "start_date": START, "end_date": instant(HOURS),
        "only_count_matured_users": case.matured,
        "stats_config": {"cuped": {"enabled": case.cuped}},
        "exposure_criteria": {"filterTestAccounts": case.filter_test_accounts,
            "multiple_variant_handling": if case.first_seen { "first_seen" } else { "exclude" }}});
    lab.create_experiment(CreateExperiment::from_json(request).unwrap(), instant(0), None).unwrap();
    Lab { _directory: directory, lab }
}

fn request(as_of: i64) -> ResultsRequest {
    ResultsRequest { as_of: instant(as_of), now: instant(as_of), refresh: false, max_age: None }
}

fn variants(result: &ExperimentResult) -> &[UnitVariant] {
    let MetricResult::Units { variants, .. } = &result.result else { panic!("not a modern metric") };
    variants
}

/// The sums that the oracle's units give.
fn sums(case: &Case, units: &[Unit], key: &str) -> Vec<f64> {
    let of: Vec<_> = units.iter().filter(|unit| unit.variant == key).collect();
    let sum = |value: fn(&Unit) -> f64| of.iter().map(|unit| value(unit)).sum::<f64>();
    #[expect(clippy::cast_precision_loss, reason = "a handful of units")]
    let mut sums = vec![of.len() as f64, sum(|unit| unit.value), sum(|unit| unit.value * unit.value)];
    let kind = case.metric["metric_type"].as_str().unwrap();
    if case.cuped || ["ratio", "retention"].contains(&kind) {
        sums.extend([sum(|unit| unit.other), sum(|unit| unit.other * unit.other), sum(|unit| unit.value * unit.other)]);
    }
    if kind == "funnel" {
        for step in 1..=case.metric["series"].as_array().unwrap().len() {
            #[expect(clippy::cast_precision_loss, reason = "a handful of units")]
            sums.push(of.iter().filter(|unit| unit.steps >= step).count() as f64);
        }
    }
    sums
}

#[expect(clippy::cast_precision_loss, reason = "a handful of units")]
fn sums_of(variant: &UnitVariant) -> Vec<f64> {
    let mut sums = vec![variant.number_of_samples as f64, variant.sum, variant.sum_squares];
    if let Some(of) = variant.denominator {
        sums.extend([of.denominator_sum, of.denominator_sum_squares, of.numerator_denominator_sum_product]);
    }
    if let Some(of) = variant.covariate {
        sums.extend([of.covariate_sum, of.covariate_sum_squares, of.covariate_sum_product]);
    }
    sums.extend(variant.step_counts.iter().map(|count| *count as f64));
    sums
}

fn close(got: &[f64], wanted: &[f64]) -> bool {
    got.len() == wanted.len() && got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// M-4, M-11 to M-15, M-20 to M-22, M-30 to M-35, M-40, M-50 to M-53, M-61
    #[test]
    fn results_agree_with_the_oracle(
        case in case(), events in prop::collection::vec(event(), 1..40), rotation in 0..40_usize, cut in 0..40_usize,
        as_of in 0..HOURS + 100,
    ) {
        // A covariate of ratio and retention does not exist.
        let has_covariate = ["mean", "funnel"].contains(&case.metric["metric_type"].as_str().unwrap());
        let case = Case { cuped: case.cuped && has_covariate, ..case };
        let mut lab = lab(&case, &events, rotation, cut);
        let metric = case.metric.as_object().unwrap();
        let from_table = lab.lab.try_metric("button", metric, &request(as_of)).unwrap();
        lab.lab.read_events_from(EventsFrom::Projection);
        let result = lab.lab.try_metric("button", metric, &request(as_of)).unwrap();
        prop_assert_eq!(&result, &from_table);
        let units = oracle(&case, &events, as_of);
        for variant in variants(&result) {
            let wanted = sums(&case, &units, &variant.key);
            prop_assert!(close(&sums_of(variant), &wanted), "{}: {:?} instead of {wanted:?}", variant.key, variant);
        }
        // M-62: every point of the cumulative series is the result as of the end of its day, the last one the result itself.
        let series = lab.lab.metric_series("button", metric, &request(as_of)).unwrap();
        let last = series.cumulative.last().unwrap();
        for (point, variant) in last.variants.iter().zip(variants(&result)) {
            prop_assert_eq!((point.number_of_samples, point.sum), (variant.number_of_samples, variant.sum));
        }
        for (day, point) in series.cumulative.iter().enumerate().rev().skip(1) {
            let midnight = instant(0).to_zoned(settings_zone()).date().tomorrow().unwrap()
                .checked_add(jiff::Span::new().days(i64::try_from(day).unwrap())).unwrap()
                .to_zoned(settings_zone()).unwrap().timestamp();
            let moment = midnight - jiff::SignedDuration::from_micros(1);
            let then = ResultsRequest { as_of: moment, ..request(as_of) };
            let result = lab.lab.try_metric("button", metric, &then).unwrap();
            for (point, variant) in point.variants.iter().zip(variants(&result)) {
                prop_assert_eq!((point.number_of_samples, point.sum), (variant.number_of_samples, variant.sum), "day {}", day);
            }
        }
        // The way from the naive count ends at the result.
        let way = lab.lab.reconcile("button", metric, instant(as_of)).unwrap();
        for sum in &way.steps.last().unwrap().variants {
            let variant = variants(&result).iter().find(|variant| variant.key == sum.variant).unwrap();
            prop_assert_eq!(sum.units, variant.number_of_samples);
            prop_assert!((sum.sum - variant.sum).abs() < 1e-9);
        }
    }
}

fn settings_zone() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::get("Europe/Berlin").unwrap()
}

#[test]
fn wrong_metrics_are_refused_with_field_and_reason() {
    let case = Case {
        metric: mean("total", &json!("buy")),
        window_hours: None,
        first_seen: false,
        filter_test_accounts: false,
        matured: false,
        cuped: false,
    };
    let mut lab = lab(&case, &[], 0, 0);
    for (metric, field) in [
        (json!({}), "metric.metric_type"),
        (json!({"metric_type": "meen"}), "metric.metric_type"),
        (json!({"metric_type": "mean"}), "metric.source"),
        (json!({"metric_type": "mean", "source": {"event": "a"}, "sorce": 1}), "metric"),
        (json!({"metric_type": "mean", "source": {"event": "a", "math": "sum"}}), "metric.source.math_property"),
        (json!({"metric_type": "mean", "source": {"event": "a"}, "conversion_window": 0}), "metric.conversion_window"),
        (
            json!({"metric_type": "mean", "source": {"event": "a"}, "conversion_window_unit": "hour"}),
            "metric.conversion_window_unit",
        ),
        (
            json!({"metric_type": "mean", "source": {"event": "a"}, "lower_bound_percentile": 0.9, "upper_bound_percentile": 0.1}),
            "metric.lower_bound_percentile",
        ),
        (json!({"metric_type": "funnel", "series": []}), "metric.series"),
        (json!({"metric_type": "funnel", "series": vec![json!({"event": "a"}); 31]}), "metric.series"),
        (
            json!({"metric_type": "retention", "start_event": {"event": "a"}, "completion_event": {"event": "b"},
                "retention_window_start": 3, "retention_window_end": 1}),
            "metric.retention_window_end",
        ),
        (json!({"metric_type": "mean", "source": {"kind": "ActionsNode", "id": 7}}), "metric"),
        (json!({"metric_type": "quantile", "source": {"event": "a"}, "quantile": 1}), "metric.quantile"),
    ] {
        let error = lab.lab.try_metric("button", metric.as_object().unwrap(), &request(10)).unwrap_err();
        let ErrorKind::Invalid { field: Some(got), .. } = error.kind() else { panic!("{metric}: {error:?}") };
        assert_eq!(got, field, "{metric}: {error}");
    }
}
