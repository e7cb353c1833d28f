//! Trends (Q-T, Q-X, Q-V, Q-S): every math against a slow and obvious count over random logs, and single rules by hand.

use std::collections::{BTreeMap, BTreeSet};

use abduck::model::settings::{LabSettings, time_zone};
use abduck::results::{MetricResult, SecondaryResult, legacy, legacy_secondary, rows};
use abduck::{Engine, ErrorKind};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::{Log, at, event, now, request, whole};

/// A random event.
#[derive(Clone, Debug)]
struct Happening {
    name: &'static str,
    distinct_id: usize,
    /// Tenths of a second after the window's begin less a day.
    tenths: i64,
    carried: &'static str,
    response: &'static str,
    group: Option<&'static str>,
    session: Option<&'static str>,
    amount: Value,
    is_internal: bool,
}

/// What a lab and an experiment are like.
#[derive(Clone, Debug)]
struct World {
    start: &'static str,
    end: &'static str,
    zone: &'static str,
    interval: &'static str,
    by_distinct_id: bool,
    filter_test_accounts: bool,
}

impl Happening {
    fn instant(&self, world: &World) -> Timestamp {
        at(world.start) - SignedDuration::from_hours(24) + SignedDuration::from_millis(self.tenths * 100)
    }

    /// Distinct ids 0 and 3 are one person, so are 1 and 4.
    fn unit(&self, world: &World) -> usize {
        if world.by_distinct_id { self.distinct_id } else { self.distinct_id % 3 }
    }

    fn line(&self, world: &World) -> Value {
        let mut properties = json!({"$feature_flag": "checkout", "amount": self.amount});
        for (key, value) in [("$feature/checkout", self.carried), ("$feature_flag_response", self.response)] {
            if value != "missing" {
                properties[key] = json!(value);
            }
        }
        if let Some(session) = self.session {
            properties["$session_id"] = json!(session);
        }
        if self.is_internal {
            properties["internal"] = json!(true);
        }
        let mut line = json!({
            "event": self.name, "distinct_id": format!("d{}", self.distinct_id), "timestamp": self.instant(world),
            "person_id": format!("p{}", self.distinct_id % 3), "properties": properties,
        });
        if let Some(group) = self.group {
            line["$group_1"] = json!(group);
        }
        line
    }

    /// The number in the property: numbers, and texts that read as one once spaces are gone (Q-T10).
    fn number(&self) -> Option<f64> {
        match &self.amount {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => {
                let text = text.replace(' ', "");
                let is_plain = text.chars().all(|character| character.is_ascii_digit() || "+-.eE".contains(character));
                text.parse().ok().filter(|_| is_plain)
            }
            _ => None,
        }
    }
}

impl World {
    fn zone(&self) -> TimeZone {
        time_zone(self.zone).unwrap()
    }

    /// Q-D1, Q-D2: both ends are inside, by whole seconds.
    fn holds(&self, instant: Timestamp) -> bool {
        let second = |instant: Timestamp| instant.as_microsecond().div_euclid(1_000_000);
        (second(at(self.start))..=second(at(self.end))).contains(&second(instant))
    }

    /// The date the bucket of an instant begins on (Q-T7).
    fn bucket_date(&self, instant: Timestamp) -> Date {
        let date = instant.to_zoned(self.zone()).date();
        match self.interval {
            "week" => date - i64::from(date.weekday().to_sunday_zero_offset()).days(),
            "month" => date.first_of_month(),
            _ => date,
        }
    }

    /// The place of an instant among the buckets, by counting dates, or hours since the first.
    fn bucket(&self, instant: Timestamp) -> usize {
        if self.interval == "hour" {
            let first = at(self.start).to_zoned(self.zone());
            let minutes = i64::from(first.minute()) * 60 + i64::from(first.second());
            let begin = at(self.start) - SignedDuration::from_secs(minutes);
            return (instant.duration_since(begin).as_secs() / 3600) as usize;
        }
        let (mut date, mut place) = (self.bucket_date(at(self.start)), 0);
        while date < self.bucket_date(instant) {
            date = match self.interval {
                "week" => date + 7.days(),
                "month" => date + 1.month(),
                _ => date + 1.day(),
            };
            place += 1;
        }
        place
    }

    fn buckets(&self) -> usize {
        self.bucket(at(self.end)) + 1
    }
}

fn happenings(seconds: i64) -> impl Strategy<Value = Vec<Happening>> {
    let variants = ["control", "test", "control", "test", "unknown", "missing", ""];
    let amounts = vec![
        json!(1),
        json!(2.5),
        json!(-0.5),
        json!(0.1),
        json!("3"),
        json!(" 1 000.5 "),
        json!("1e2"),
        json!("x"),
        json!(""),
        json!("nan"),
        json!("inf"),
        json!("1_000"),
        json!("0x10"),
        json!(true),
        json!(null),
        json!([1]),
        json!(1),
    ];
    // Few instants, so that ties occur; some on the bounds.
    let day = 864_000;
    let instants = prop_oneof![
        prop::sample::select(vec![
            day - 11,
            day - 5,
            day,
            day + 3,
            day + seconds * 10,
            day + seconds * 10 + 9,
            5_000_000
        ]),
        0..(seconds * 10 + 2 * day),
        (0..seconds / 86_400).prop_map(move |days| days * day + 9_000),
    ];
    let one = (
        prop::sample::select(vec!["view", "view", "view", "cart", "$feature_flag_called"]),
        0_usize..5,
        instants,
        (prop::sample::select(variants.to_vec()), prop::sample::select(variants.to_vec())),
        prop::sample::select(vec![None, Some("acme"), Some("zeta"), Some("")]),
        prop::sample::select(vec![None, Some("s1"), Some("s2"), Some("")]),
        prop::sample::select(amounts),
        prop::bool::weighted(0.2),
    );
    let happening =
        one.prop_map(|(name, distinct_id, tenths, (carried, response), group, session, amount, is_internal)| {
            Happening { name, distinct_id, tenths, carried, response, group, session, amount, is_internal }
        });
    prop::collection::vec(happening, 1..80)
}

/// Windows with clocks that go forward and back in them.
fn worlds() -> impl Strategy<Value = World> {
    let windows =
        [("2024-03-28T15:20:10.4Z", "2024-04-11T09:00:00.6Z"), ("2024-10-20T22:59:58Z", "2024-11-09T00:00:00Z")];
    let zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"];
    let intervals = ["hour", "day", "day", "week", "month"];
    let one = (
        prop::sample::select(windows.to_vec()),
        prop::sample::select(zones.to_vec()),
        prop::sample::select(intervals.to_vec()),
        prop::bool::weighted(0.3),
        any::<bool>(),
    );
    one.prop_map(|((start, end), zone, interval, by_distinct_id, filter_test_accounts)| {
        // Where clocks move by half an hour, local hours do not all begin at full hours.
        let interval = if zone == "Australia/Lord_Howe" && interval == "hour" { "day" } else { interval };
        World { start, end, zone, interval, by_distinct_id, filter_test_accounts }
    })
}

fn check(cases: u32, test: impl Fn(&World, &[Happening])) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let stories = worlds().prop_flat_map(|world| {
        let seconds = at(world.end).duration_since(at(world.start)).as_secs();
        (Just(world), happenings(seconds))
    });
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&stories, |(world, happenings)| {
            test(&world, &happenings);
            Ok(())
        })
        .unwrap();
}

fn lab_of(world: &World, happenings: &[Happening], files: usize) -> Log {
    let mut log = Log::of(&[]);
    for part in happenings.chunks(happenings.len().div_ceil(files)) {
        log.add(&part.iter().map(|happening| happening.line(world)).collect::<Vec<_>>());
    }
    let settings = LabSettings {
        timezone: world.zone(),
        test_account_filters: vec![json!({"key": "internal", "operator": "is_not_set"})],
        aggregate_users_by_distinct_id: world.by_distinct_id,
        ..LabSettings::default()
    };
    log.lab.set_settings(&settings, at("2024-12-01T00:00:00Z"), None).unwrap();
    log
}

/// What a math gives for the events of a bucket, and of a whole variant.
#[derive(Clone, Copy)]
enum Kind {
    /// Added up over buckets.
    Events,
    Units,
    Groups,
    Sessions,
    Sum,
    /// Each bucket for itself.
    Property(StatisticOf),
    PerUnit(StatisticOf),
    /// The lengths of sessions, each once: added up, or for each bucket.
    SessionSum,
    OfSessions(StatisticOf),
}

impl Kind {
    fn is_linear(self) -> bool {
        matches!(self, Self::Property(_) | Self::PerUnit(_) | Self::OfSessions(_))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn quantile(values: &[f64], share: f64) -> f64 {
    // Q-T11
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = share * (values.len() - 1) as f64;
    let below = sorted[position.floor() as usize];
    below + (sorted[position.ceil() as usize] - below) * position.fract()
}

type StatisticOf = fn(&[f64]) -> f64;

const STATISTICS: [(&str, StatisticOf); 8] = [
    ("avg", mean),
    ("min", |values| values.iter().copied().fold(f64::INFINITY, f64::min)),
    ("max", |values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
    ("median", |values| quantile(values, 0.5)),
    ("p75", |values| quantile(values, 0.75)),
    ("p90", |values| quantile(values, 0.9)),
    ("p95", |values| quantile(values, 0.95)),
    ("p99", |values| quantile(values, 0.99)),
];

/// Every math with its definition.
fn maths() -> Vec<(Value, Kind)> {
    let mut maths = vec![
        (json!({}), Kind::Events),
        (json!({"math": "dau"}), Kind::Units),
        (json!({"math": "unique_group", "math_group_type_index": 1}), Kind::Groups),
        (json!({"math": "unique_session"}), Kind::Sessions),
        (json!({"math": "sum", "math_property": "amount"}), Kind::Sum),
        (json!({"math": "hogql", "math_hogql": "sum(properties.amount)"}), Kind::Sum),
        (json!({"math": "hogql", "math_hogql": "properties.amount"}), Kind::Sum),
        (json!({"math": "hogql", "math_hogql": "count()"}), Kind::Events),
        (
            json!({"math": "hogql", "math_hogql": "p90(properties.amount * 2)"}),
            Kind::Property(|values| 2.0 * quantile(values, 0.9)),
        ),
        (json!({"math": "sum", "math_property": "$session_duration"}), Kind::SessionSum),
        (json!({"math": "avg", "math_property": "$session_duration"}), Kind::OfSessions(mean)),
        (
            json!({"math": "p75", "math_property": "$session_duration"}),
            Kind::OfSessions(|values| quantile(values, 0.75)),
        ),
    ];
    for (name, statistic) in STATISTICS {
        maths.push((json!({"math": name, "math_property": "amount"}), Kind::Property(statistic)));
        maths.push((json!({"math": format!("{name}_count_per_actor")}), Kind::PerUnit(statistic)));
    }
    maths
}

/// What is expected of one variant.
#[derive(Debug)]
struct Wanted {
    data: Vec<f64>,
    /// What the statistics look at (Q-T6).
    count: f64,
    /// Persons with events, the implicit exposure (Q-X7).
    units: f64,
    is_linear: bool,
}

/// Units that are counted once, and the rest that has none.
fn key_of(happening: &Happening, kind: Kind, world: &World) -> Option<String> {
    match kind {
        Kind::Groups => happening.group.filter(|group| !group.is_empty()).map(str::to_owned),
        Kind::Sessions => happening.session.filter(|session| !session.is_empty()).map(str::to_owned),
        _ => Some(happening.unit(world).to_string()),
    }
}

/// The length of each session in whole seconds, from its first event to its last, whatever a metric looks at (Q-D2).
fn durations(happenings: &[Happening], world: &World) -> BTreeMap<String, f64> {
    let mut bounds: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for happening in happenings {
        let Some(session) = key_of(happening, Kind::Sessions, world) else { continue };
        let second = happening.instant(world).as_microsecond().div_euclid(1_000_000);
        let (first, last) = bounds.entry(session).or_insert((second, second));
        (*first, *last) = ((*first).min(second), (*last).max(second));
    }
    bounds.into_iter().map(|(session, (first, last))| (session, (last - first) as f64)).collect()
}

/// The slow way: event by event, bucket by bucket.
fn wanted(events: &[&Happening], kind: Kind, world: &World, durations: &BTreeMap<String, f64>) -> Option<Wanted> {
    let mut events: Vec<_> = events.iter().filter(|event| key_of(event, kind, world).is_some()).collect();
    events.sort_by_key(|event| event.instant(world));
    if events.is_empty() {
        return None;
    }
    let mut buckets: Vec<Vec<&Happening>> = vec![Vec::new(); world.buckets()];
    for event in &events {
        buckets[world.bucket(event.instant(world))].push(event);
    }
    let mut seen = BTreeSet::new();
    let mut value = |bucket: &Vec<&Happening>| match kind {
        Kind::Events => bucket.len() as f64,
        // Q-T8: once per variant, in the bucket of the first event.
        Kind::Units | Kind::Groups | Kind::Sessions => {
            bucket.iter().filter(|event| seen.insert(key_of(event, kind, world))).count() as f64
        }
        Kind::Sum => bucket.iter().filter_map(|event| event.number()).sum(),
        Kind::Property(statistic) => {
            let numbers: Vec<f64> = bucket.iter().filter_map(|event| event.number()).collect();
            if numbers.is_empty() { 0.0 } else { statistic(&numbers) }
        }
        Kind::SessionSum => {
            let sessions = bucket.iter().filter_map(|event| key_of(event, Kind::Sessions, world));
            sessions.filter(|session| seen.insert(Some(session.clone()))).map(|session| durations[&session]).sum()
        }
        Kind::OfSessions(statistic) => {
            let sessions: BTreeSet<_> =
                bucket.iter().filter_map(|event| key_of(event, Kind::Sessions, world)).collect();
            let numbers: Vec<f64> = sessions.iter().map(|session| durations[session]).collect();
            if numbers.is_empty() { 0.0 } else { statistic(&numbers) }
        }
        Kind::PerUnit(statistic) => {
            let mut counts = BTreeMap::new();
            for event in bucket {
                *counts.entry(event.unit(world)).or_insert(0.0) += 1.0;
            }
            let counts: Vec<f64> = counts.into_values().collect();
            if counts.is_empty() { 0.0 } else { statistic(&counts) }
        }
    };
    let values: Vec<f64> = buckets.iter().map(&mut value).collect();
    let is_linear = kind.is_linear();
    let mut total = 0.0;
    let running = values.iter().map(|value| {
        total += value;
        total
    });
    let running: Vec<f64> = running.collect();
    let units = events.iter().map(|event| event.unit(world)).collect::<BTreeSet<_>>().len() as f64;
    let count = if is_linear { events.len() as f64 } else { total };
    Some(Wanted { data: if is_linear { values } else { running }, count, units, is_linear })
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(1.0)
}

fn assert_trend(got: &SecondaryResult, wanted: &BTreeMap<&str, Wanted>, exposed: &BTreeMap<&str, f64>, what: &str) {
    let MetricResult::Trend { insight, variants, .. } = &got.result.result else { panic!("not a trend") };
    let keys: BTreeSet<_> = insight.iter().map(|series| series.variant.as_str()).collect();
    assert_eq!(keys, wanted.keys().copied().collect(), "{what}");
    for series in insight {
        let wanted = &wanted[series.variant.as_str()];
        assert_eq!(series.data.len(), wanted.data.len(), "{what}");
        assert!(series.data.iter().zip(&wanted.data).all(|(a, b)| close(*a, *b)), "{what}: {series:?} {wanted:?}");
        let count = if wanted.is_linear { wanted.data.iter().sum() } else { wanted.count };
        assert!(close(series.count, count), "{what}: {series:?} {wanted:?}");
        // Q-S2, Q-S5
        let number = if wanted.is_linear { count / wanted.data.len() as f64 } else { count };
        assert!(close(got.values[&series.variant], number), "{what}: {:?} {wanted:?}", got.values);
    }
    for variant in variants {
        let wanted = &wanted[variant.key.as_str()];
        let exposure = if wanted.is_linear { wanted.units } else { exposed[variant.key.as_str()] };
        assert!(close(variant.count, wanted.count), "{what}: {variant:?} {wanted:?}");
        assert!(close(variant.absolute_exposure, exposure), "{what}: {variant:?} {exposure}");
    }
    // Q-T9
    assert!(insight.is_sorted_by(|a, b| a.count > b.count || close(a.count, b.count)), "{what}");
}

fn ask(lab: &mut Engine, index: usize) -> SecondaryResult {
    let request = abduck::ResultsRequest { as_of: at("2024-12-01T00:00:00Z"), ..request() };
    lab.secondary_results("checkout", Some(&json!(index)), &request).unwrap()
}

/// The events of a name that a metric may count for a variant.
fn of<'a>(
    happenings: &'a [Happening],
    name: &str,
    world: &World,
    is_in: &dyn Fn(&Happening) -> bool,
) -> Vec<&'a Happening> {
    let counts = |event: &&Happening| {
        let is_left_out = world.filter_test_accounts && event.is_internal;
        event.name == name && world.holds(event.instant(world)) && !is_left_out && is_in(event)
    };
    happenings.iter().filter(counts).collect()
}

#[test]
fn every_math_agrees_with_counting_event_by_event() {
    // Q-T1 to Q-T11, Q-V1 to Q-V5, Q-X1, Q-X2, Q-X5, Q-X7, Q-X8, Q-S2, Q-S5, Q-P30, Q-D1, Q-D2
    check(5, |world, happenings| {
        let metrics: Vec<_> = maths()
            .into_iter()
            .map(|(math, _)| {
                let mut entity = math;
                entity["id"] = json!("view");
                json!({"name": "m", "filters": {
                    "events": [entity], "interval": world.interval, "filter_test_accounts": world.filter_test_accounts,
                }})
            })
            .collect();
        let fields = json!({"start_date": world.start, "end_date": world.end, "secondary_metrics": metrics});
        let mut log = lab_of(world, happenings, 1);
        log.experiment(&fields);
        // The order of events, and how they are spread over files, does not matter.
        let mut shuffled = happenings.to_vec();
        shuffled.reverse();
        shuffled.rotate_left(happenings.len() / 3);
        let mut other = lab_of(world, &shuffled, 3);
        other.experiment(&fields);
        let exposed: BTreeMap<_, _> = ["control", "test"]
            .into_iter()
            .map(|key| {
                let called = of(happenings, "$feature_flag_called", world, &|event| event.response == key);
                (key, called.iter().map(|event| event.unit(world)).collect::<BTreeSet<_>>().len() as f64)
            })
            .collect();
        let durations = durations(happenings, world);
        for (index, (math, kind)) in maths().into_iter().enumerate() {
            let got = ask(&mut log.lab, index);
            let wanted = ["control", "test"]
                .into_iter()
                .filter_map(|key| {
                    let events = of(happenings, "view", world, &|event| event.carried == key);
                    Some((key, wanted(&events, kind, world, &durations)?))
                })
                .collect();
            assert_trend(&got, &wanted, &exposed, &format!("{math} {world:?}"));
            let none = of(happenings, "view", world, &|event| !["control", "test"].contains(&event.carried));
            let none = none.into_iter().filter(|event| key_of(event, kind, world).is_some()).count() as u64;
            let MetricResult::Trend { events_without_variant, .. } = &got.result.result else { panic!("not a trend") };
            assert_eq!(*events_without_variant, none, "{math} {world:?}");
            let again = ask(&mut other.lab, index);
            assert_eq!((&again.values, &again.result.result), (&got.values, &got.result.result), "{math} {world:?}");
        }
    });
}

#[test]
fn custom_exposures_count_what_their_math_says() {
    // Q-X4
    let maths: Vec<_> = maths().into_iter().filter(|(_, kind)| !kind.is_linear()).collect();
    check(4, |world, happenings| {
        for (math, kind) in &maths {
            let mut entity = math.clone();
            entity["id"] = json!("cart");
            let custom = json!({"events": [entity], "filter_test_accounts": world.filter_test_accounts});
            let mut log = lab_of(world, happenings, 1);
            log.experiment(&json!({
                "start_date": world.start, "end_date": world.end, "parameters": {"custom_exposure_filter": custom},
                "filters": {"events": [{"id": "view"}]},
            }));
            let request = abduck::ResultsRequest { as_of: at("2024-12-01T00:00:00Z"), ..request() };
            let result = log.lab.results("checkout", &request).unwrap();
            let MetricResult::Trend { variants, .. } = &result.result else { panic!("not a trend") };
            for variant in variants {
                let cart = of(happenings, "cart", world, &|event| event.carried == variant.key);
                let wanted =
                    wanted(&cart, *kind, world, &durations(happenings, world)).map_or(0.0, |wanted| wanted.count);
                assert!(close(variant.absolute_exposure, wanted), "{math} {world:?}: {variant:?} {wanted}");
            }
        }
    });
}

const DAY: &str = "2024-01-05T10:00:00Z";

fn carries(variant: &str, amount: &Value) -> Value {
    json!({"$feature/checkout": variant, "amount": amount})
}

fn results(events: &[Value], fields: &Value) -> abduck::ExperimentResult {
    let mut log = Log::of(events);
    log.experiment(fields);
    log.lab.results("checkout", &request()).unwrap()
}

fn summed() -> Value {
    json!({"filters": {"events": [{"id": "buy", "math": "sum", "math_property": "amount"}]}})
}

#[test]
fn only_the_compatible_form_truncates_counts() {
    // Q-T12: what the result says is true; the reference's own form and statistics have whole counts.
    let amounts = [("control", json!(20.5)), ("test", json!("3.25"))];
    let events: Vec<_> =
        amounts.iter().map(|(variant, amount)| event(variant, "buy", DAY, &carries(variant, amount))).collect();
    let result = results(&events, &summed());
    assert_eq!(json!(rows(&result)[0])["count"], json!(20.5));
    let answer = legacy(&result).unwrap();
    assert_eq!(answer["result"]["variants"][0]["count"], json!(20));
    assert_eq!(answer["result"]["insight"][0]["count"], json!(20.5));
    let text = abduck::report::result(&result, None);
    assert!(text.contains("sum") && text.contains("20.50"), "{text}");
    assert!(!result.result.has_whole_counts());
    // The interval is that of 20 events in one unit, not of 20.5.
    let interval = |count: f64| {
        let arm = |key: &str, count| abduck::stats::TrendArm::new(key, count, 1.0, 1.0);
        let judged = abduck::stats::legacy_trend::judge(Some(&arm("control", count)), &[arm("test", 3.0)]).unwrap();
        json!(judged.credible_intervals[0].1)
    };
    assert_eq!(answer["result"]["credible_intervals"]["control"], interval(20.0));
    assert_ne!(answer["result"]["credible_intervals"]["control"], interval(20.5));
}

#[test]
fn a_negative_sum_is_counted_but_not_judged() {
    let amounts = [("control", json!(20)), ("test", json!(-3))];
    let events: Vec<_> =
        amounts.iter().map(|(variant, amount)| event(variant, "buy", DAY, &carries(variant, amount))).collect();
    let result = results(&events, &summed());
    assert_eq!(json!(rows(&result)[1])["count"], json!(-3));
    assert!(abduck::report::verdict(&result).contains("negative"), "{}", abduck::report::verdict(&result));
    assert!(matches!(legacy(&result).unwrap_err().kind(), ErrorKind::NotReady { .. }));
}

#[test]
fn numbers_too_large_are_no_numbers_and_sums_too_large_are_refused() {
    let huge = |amount: &Value| {
        let events =
            [event("a", "buy", DAY, &carries("control", amount)), event("b", "buy", DAY, &carries("control", amount))];
        let mut log = Log::of(&events);
        log.experiment(&summed());
        log.lab.results("checkout", &request())
    };
    assert_eq!(json!(rows(&huge(&json!("1e999")).unwrap())[0])["count"], json!(0));
    let error = huge(&json!(1.7e308)).unwrap_err();
    assert_eq!(error.code(), "out_of_range");
    assert!(!error.hints().is_empty());
}

#[test]
fn implicit_exposure_ignores_the_custom_one_and_is_what_is_listed() {
    // Q-X7, B-27
    let custom = json!({"events": [{"id": "cart"}]});
    let mut events = Vec::new();
    for (person, variant, views) in [("a", "control", 3), ("b", "control", 1), ("c", "test", 2)] {
        (0..views).for_each(|_| events.push(event(person, "view", DAY, &carries(variant, &json!(2)))));
        events.push(event(person, "cart", DAY, &carries(variant, &json!(1))));
        events.push(event(person, "cart", DAY, &carries(variant, &json!(1))));
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({
        "parameters": {"custom_exposure_filter": custom},
        "filters": {"events": [{"id": "view", "math": "avg", "math_property": "amount"}]},
    }));
    let result = log.lab.results("checkout", &request()).unwrap();
    let MetricResult::Trend { variants, exposure_filters, .. } = &result.result else { panic!("not a trend") };
    let counts: Vec<_> =
        variants.iter().map(|variant| (whole(variant.count), whole(variant.absolute_exposure))).collect();
    assert_eq!(counts, [(4, 2), (2, 1)]);
    // The reference prepares the metric's own entity twice.
    let maths: Vec<_> =
        exposure_filters["events"].as_array().unwrap().iter().map(|event| event["math"].clone()).collect();
    assert_eq!(maths, [json!("total"), json!("dau")]);
    let mut listed = Vec::new();
    log.lab
        .exposures("checkout", now(), &mut |persons| {
            listed.extend(persons.iter().map(|person| (person.distinct_id.clone(), person.exposures)));
            Ok(())
        })
        .unwrap();
    listed.sort();
    assert_eq!(listed, [("a".to_owned(), 3), ("b".to_owned(), 1), ("c".to_owned(), 2)]);
}

#[test]
fn distinct_ids_are_units_where_the_lab_says_so() {
    // Q-T8: counts, exposures, lists and funnels alike.
    let mut events = Vec::new();
    for id in ["phone", "laptop"] {
        let called = json!({"$feature_flag": "checkout", "$feature_flag_response": "control"});
        for (name, properties) in [("$feature_flag_called", &called), ("view", &carries("control", &json!(1)))] {
            let mut line = event(id, name, DAY, properties);
            line["person_id"] = json!("one person");
            events.push(line);
        }
    }
    for (by_distinct_id, units) in [(false, 1), (true, 2)] {
        let mut log = Log::of(&events);
        let settings = LabSettings { aggregate_users_by_distinct_id: by_distinct_id, ..LabSettings::default() };
        log.lab.set_settings(&settings, now(), None).unwrap();
        let funnel = json!([{"name": "f", "filters": {"insight": "FUNNELS", "events": [{"id": "view"}]}}]);
        log.experiment(&json!({"filters": {"events": [{"id": "view", "math": "dau"}]}, "secondary_metrics": funnel}));
        let result = log.lab.results("checkout", &request()).unwrap();
        let row = &rows(&result)[0];
        assert_eq!((whole(row.count), whole(row.units)), (units, units));
        let funnel = log.lab.secondary_results("checkout", Some(&json!(0)), &request()).unwrap();
        assert_eq!(whole(rows(&funnel.result)[0].units), units);
        let listed = log.lab.exposures("checkout", now(), &mut |_| Ok(())).unwrap();
        assert_eq!(listed, units);
    }
}

#[test]
fn the_mean_of_a_secondary_metric_has_empty_days_as_zero() {
    // Q-S5, R-10: 2 events of one person on one of 31 days.
    let events: Vec<_> = ["control", "control", "test"]
        .iter()
        .map(|variant| event(variant, "view", DAY, &carries(variant, &json!(1))))
        .collect();
    let metrics = json!([{"name": "m", "filters": {"events": [{"id": "view", "math": "avg_count_per_actor"}]}}]);
    let mut log = Log::of(&events);
    log.experiment(&json!({"secondary_metrics": metrics}));
    let secondary = log.lab.secondary_results("checkout", Some(&json!(0)), &request()).unwrap();
    assert!(close(secondary.values["control"], 2.0 / 31.0), "{:?}", secondary.values);
    let answer = legacy_secondary(&secondary);
    assert!(close(answer["result"]["result"]["test"].as_f64().unwrap(), 1.0 / 31.0), "{answer}");
    // Q-T5: each interval for itself.
    assert_eq!(answer["result"]["insight"][0]["data"][5], json!(0));
}

#[test]
fn plain_counts_look_as_they_always_did() {
    let events = [event("a", "buy", DAY, &carries("control", &json!(1)))];
    let result = results(&events, &json!({"filters": {"events": [{"id": "buy"}]}}));
    let value = json!(result.result);
    let keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    let keys: BTreeSet<_> = keys.iter().map(String::as_str).collect();
    let known = [
        "events_without_variant",
        "exposure_filters",
        "exposure_unit",
        "filters",
        "insight",
        "kind",
        "outcome",
        "variants",
    ];
    assert_eq!(keys, BTreeSet::from(known));
    assert_eq!(value["variants"][0].to_string(), r#"{"key":"control","count":1,"absolute_exposure":0,"exposure":1.0}"#);
    assert_eq!(value["insight"][0]["data"].as_array().unwrap()[4..6], [json!(1), json!(1)]);
    let missing = Map::from_iter(value["outcome"]["undecided"].as_object().unwrap().clone());
    assert_eq!(missing.len(), 4, "{missing:?}");
}
