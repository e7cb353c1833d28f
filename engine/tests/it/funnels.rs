//! Funnels of every order, exclusion and attribution from files to counts, against the rules said plainly.

use std::collections::BTreeMap;
use std::fs;

use abduck::report::explanation as explanation_text;
use abduck::results::{ExperimentResult, MetricResult, legacy_secondary};
use abduck::stats::Outcome;
use abduck::{CreateExperiment, Engine, IngestOptions, Source};
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Log, at, event, now, request};

const START: &str = "2024-01-02T00:00:00Z";
const NAMES: [&str; 5] = ["A", "B", "C", "X", "other"];
const STEPS: [usize; 3] = [0, 1, 2];
const EXCLUSION: usize = 3;
const VARIANTS: [&str; 5] = ["", "control", "test", "zzz", "yyy"];
const WINDOW_SECONDS: i64 = 6;

/// An event of a person with two distinct ids.
#[derive(Clone, Debug)]
struct Logged {
    person: usize,
    distinct_id: usize,
    name: usize,
    second: i64,
    variant: usize,
    group: usize,
    /// In which file it comes, and whether a later file repeats it.
    file: usize,
    is_repeated: bool,
    shuffle: u32,
}

fn logged() -> impl Strategy<Value = Logged> {
    let who = (0_usize..6, 0_usize..2, 0_usize..4);
    let what = (0_usize..5, 0_i64..14, 0_usize..5);
    (who, what, 0_usize..3, any::<bool>(), any::<u32>()).prop_map(
        |((person, distinct_id, group), (name, second, variant), file, is_repeated, shuffle)| Logged {
            person,
            distinct_id,
            name,
            second,
            variant,
            group,
            file,
            is_repeated,
            shuffle,
        },
    )
}

impl Logged {
    fn line(&self, index: usize) -> String {
        let timestamp = at(START).checked_add(self.second.seconds()).unwrap();
        let mut properties = json!({"account": format!("account {}", self.group)});
        match self.variant {
            // No value, and an empty one, which is none either (Q-F5).
            0 if index.is_multiple_of(2) => {}
            variant => properties["$feature/checkout"] = json!(VARIANTS[variant]),
        }
        json!({
            "uuid": format!("00000000-0000-4000-8000-{index:012x}"), "event": NAMES[self.name], "timestamp": timestamp,
            "distinct_id": format!("{}-{}", self.person, self.distinct_id), "person_id": format!("person {}", self.person),
            "properties": properties, "$group_0": if self.group == 0 { String::new() } else { self.group.to_string() },
        })
        .to_string()
    }
}

/// A lab with the events in three files in random order; some are repeated in the last one.
fn lab(events: &[Logged], metrics: &[Value]) -> (tempfile::TempDir, Engine) {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Engine::init(directory.path().join("lab")).unwrap();
    for file in 0..4 {
        let of_file = |event: &Logged| if file == 3 { event.is_repeated } else { event.file == file };
        let mut lines: Vec<_> = events.iter().enumerate().filter(|(_, event)| of_file(event)).collect();
        lines.sort_by_key(|(_, event)| event.shuffle);
        if lines.is_empty() {
            continue;
        }
        let path = directory.path().join(format!("{file}.ndjson"));
        fs::write(&path, lines.iter().map(|(index, event)| event.line(*index) + "\n").collect::<String>()).unwrap();
        let source = Source::Files(vec![path.display().to_string()]);
        let report = lab.ingest(source, &IngestOptions::default(), &mut |_| ()).unwrap();
        assert_eq!((report.rejected, report.duplicates), (0, if file == 3 { lines.len() as u64 } else { 0 }));
    }
    let experiment = json!({
        "name": "Checkout", "feature_flag_key": "checkout", "start_date": "2024-01-01", "end_date": "2024-01-31",
        "secondary_metrics": metrics,
    });
    lab.create_experiment(CreateExperiment::from_json(experiment).unwrap(), now(), None).unwrap();
    (directory, lab)
}

/// Every order with every attribution and exclusion; the units are independent of these and take turns.
fn metrics() -> Vec<Value> {
    let mut metrics = Vec::new();
    for order in ["ordered", "strict", "unordered"] {
        for attribution in ["first_touch", "last_touch", "all_events", "step"] {
            for excluded in [None, Some((0, 1)), Some((1, 2)), Some((0, 2))] {
                // Q-E5
                let is_partial = matches!(excluded, Some((0, 1) | (1, 2)));
                if order != "unordered" || !is_partial {
                    let unit = ["person", "group", "account"][metrics.len() % 3];
                    metrics.push(metric(order, attribution, excluded, unit));
                }
            }
        }
    }
    metrics
}

fn metric(order: &str, attribution: &str, excluded: Option<(usize, usize)>, unit: &str) -> Value {
    let step = |step: &usize| json!({"id": NAMES[*step], "order": step});
    let mut filters = json!({
        "insight": "FUNNELS", "events": STEPS.iter().map(step).collect::<Vec<_>>(), "funnel_order_type": order,
        "breakdown_attribution_type": attribution, "breakdown_attribution_value": 1,
        "funnel_window_interval": WINDOW_SECONDS, "funnel_window_interval_unit": "second",
    });
    if let Some((from, to)) = excluded {
        filters["exclusions"] =
            json!([{"id": NAMES[EXCLUSION], "type": "events", "funnel_from_step": from, "funnel_to_step": to}]);
    }
    match unit {
        "group" => filters["aggregation_group_type_index"] = json!(0),
        "account" => filters["funnel_aggregate_by_hogql"] = json!("properties.account"),
        _ => {}
    }
    json!({"name": format!("{order} {attribution} {excluded:?} {unit}"), "filters": filters})
}

/// The rules, said plainly, over one unit's events in order of time and id.
struct Oracle<'a> {
    filters: &'a Value,
}

impl Oracle<'_> {
    fn range(&self) -> Option<(usize, usize)> {
        let exclusion = self.filters["exclusions"].get(0)?;
        let step = |key: &str| exclusion[key].as_u64().unwrap() as usize;
        Some((step("funnel_from_step"), step("funnel_to_step")))
    }

    /// Q-F2: units per known variant and step.
    fn counts(&self, events: &[Logged]) -> BTreeMap<String, Vec<u64>> {
        let mut counts = BTreeMap::new();
        for unit in self.units(events) {
            for (variant, own) in self.attributed(&unit) {
                let reached = self.reached(&own);
                let steps: &mut Vec<u64> =
                    counts.entry(VARIANTS[variant].to_owned()).or_insert_with(|| vec![0; STEPS.len()]);
                steps[..reached].iter_mut().for_each(|count| *count += 1);
            }
        }
        counts.retain(|_, steps| steps[0] > 0);
        counts
    }

    /// Q-F11, Q-F12
    fn units<'e>(&self, events: &'e [Logged]) -> Vec<Vec<&'e Logged>> {
        let mut units: BTreeMap<usize, Vec<&Logged>> = BTreeMap::new();
        let by_group = self.filters.get("aggregation_group_type_index").is_some();
        let by_account = self.filters.get("funnel_aggregate_by_hogql").is_some();
        for event in events.iter().filter(|event| !by_group || event.group != 0) {
            units.entry(if by_group || by_account { event.group } else { event.person }).or_default().push(event);
        }
        // The sort is stable, and ids ascend.
        for events in units.values_mut() {
            events.sort_by_key(|event| event.second);
        }
        units.into_values().collect()
    }

    /// The known variants of a unit, each with the events it is run with (Q-F5 to Q-F7, Q-F10).
    fn attributed<'e>(&self, unit: &[&'e Logged]) -> Vec<(usize, Vec<&'e Logged>)> {
        let is_exclusion = |event: &Logged| self.range().is_some() && event.name == EXCLUSION;
        let is_strict = self.filters["funnel_order_type"] == "strict";
        let in_funnel = |event: &&&Logged| is_strict || STEPS.contains(&event.name) || is_exclusion(event);
        let mut touched = unit.iter().filter(in_funnel).map(|event| event.variant).filter(|variant| *variant != 0);
        let at_step = |event: &&&Logged| {
            if self.filters["funnel_order_type"] == "unordered" { STEPS.contains(&event.name) } else { event.name == 1 }
        };
        let mut values: Vec<_> = match self.filters["breakdown_attribution_type"].as_str().unwrap() {
            "first_touch" => touched.next().into_iter().collect(),
            "last_touch" => touched.next_back().into_iter().collect(),
            "step" => unit.iter().filter(at_step).map(|event| event.variant).collect(),
            _ => unit.iter().map(|event| event.variant).collect(),
        };
        values.sort_unstable();
        values.dedup();
        values.retain(|value| matches!(VARIANTS[*value], "control" | "test"));
        let is_own = |event: &Logged, value: usize| {
            self.filters["breakdown_attribution_type"] != "all_events" || event.variant == value
        };
        let run = |value| (value, unit.iter().filter(|event| is_own(event, value)).copied().collect());
        values.into_iter().map(run).collect()
    }

    fn reached(&self, unit: &[&Logged]) -> usize {
        let order = self.filters["funnel_order_type"].as_str().unwrap();
        let starts = unit.iter().enumerate().filter(|(_, event)| match order {
            "unordered" => STEPS.contains(&event.name),
            _ => event.name == STEPS[0],
        });
        let reached = starts.map(|(position, start)| match order {
            "unordered" => self.unordered(unit, start),
            "strict" => strict(unit, &mut vec![position]),
            _ => self.ordered(unit, start),
        });
        reached.max().unwrap_or(0)
    }

    /// Q-F3, Q-F4, Q-E1; 0 when the start is thrown away.
    fn ordered(&self, unit: &[&Logged], start: &Logged) -> usize {
        let mut times = vec![start.second];
        while times.len() < STEPS.len() {
            let before = times[times.len() - 1];
            let next = unit.iter().find(|event| event.name == STEPS[times.len()] && event.second >= before);
            match next.filter(|event| event.second <= start.second + WINDOW_SECONDS) {
                Some(event) => times.push(event.second),
                None => break,
            }
        }
        let is_excluded = self.range().is_some_and(|(from, to)| {
            times.get(from).is_some_and(|after| {
                let before = times.get(to).copied().unwrap_or(after + WINDOW_SECONDS);
                unit.iter().any(|event| event.name == EXCLUSION && (after + 1..before).contains(&event.second))
            })
        });
        if is_excluded { 0 } else { times.len() }
    }

    /// Q-O3, Q-E5; 0 when the start is thrown away.
    fn unordered(&self, unit: &[&Logged], start: &Logged) -> usize {
        let last = start.second + WINDOW_SECONDS;
        let first_of = |step: &usize| {
            let later = |event: &&&Logged| event.name == *step && event.second > start.second && event.second <= last;
            unit.iter().find(later).map(|event| event.second)
        };
        let others: Vec<_> = STEPS.iter().filter(|step| **step != start.name).filter_map(first_of).collect();
        let before = if others.len() + 1 == STEPS.len() { *others.iter().max().unwrap() } else { last };
        let is_excluded = self.range().is_some()
            && unit.iter().any(|event| event.name == EXCLUSION && (start.second + 1..before).contains(&event.second));
        if is_excluded { 0 } else { others.len() + 1 }
    }
}

/// Q-O2: the longest chain of neighbours; at the instant of the start, what is not in the chain came before.
fn strict(unit: &[&Logged], chain: &mut Vec<usize>) -> usize {
    let at = |index: usize| unit[index].second;
    let (start, last) = (at(chain[0]), at(chain[chain.len() - 1]));
    let mut best = chain.len();
    for next in 0..unit.len() {
        let fits = chain.len() < STEPS.len() && unit[next].name == STEPS[chain.len()] && !chain.contains(&next);
        let in_between = |other: usize| {
            let is_left = other != next && !chain.contains(&other);
            is_left
                && ((last < at(other) && at(other) < at(next))
                    || (at(other) == last && last != start && at(next) > last))
        };
        if fits && at(next) >= last && at(next) <= start + WINDOW_SECONDS && !(0..unit.len()).any(in_between) {
            chain.push(next);
            best = best.max(strict(unit, chain));
            chain.pop();
        }
    }
    best
}

fn counts(result: &ExperimentResult) -> BTreeMap<String, Vec<u64>> {
    let MetricResult::Funnel { insight, .. } = &result.result else { panic!("not a funnel") };
    let steps = |series: &abduck::results::FunnelSeries| series.steps.iter().map(|step| step.count).collect();
    insight.iter().map(|series| (series.variant.clone(), steps(series))).collect()
}

/// The ordered funnel by persons and first touch, as plain SQL over the lab's events.
const PLAIN_SQL: &str = "
WITH looked_at AS (
    SELECT person_id, timestamp AS t, event, uuid, variant_extract(properties, '$feature/checkout')::VARCHAR AS value
    FROM events WHERE event IN ('A', 'B', 'C')
), starts AS (
    SELECT person_id, t AS t1,
        (SELECT min(b.t) FROM looked_at AS b WHERE b.event = 'B' AND b.person_id = a.person_id AND b.t >= a.t) AS t2
    FROM looked_at AS a WHERE event = 'A'
), chains AS (
    SELECT person_id, t1, t2,
        (SELECT min(c.t) FROM looked_at AS c WHERE c.event = 'C' AND c.person_id = s.person_id AND c.t >= s.t2) AS t3
    FROM starts AS s
), reached AS (
    SELECT person_id, max(CASE WHEN t3 <= t1 + INTERVAL 6 SECOND THEN 3 WHEN t2 <= t1 + INTERVAL 6 SECOND THEN 2 ELSE 1 END)
        AS steps
    FROM chains GROUP BY person_id
), touched AS (
    SELECT person_id, first(value ORDER BY t, uuid) AS variant FROM looked_at WHERE value <> '' GROUP BY person_id
)
SELECT variant, count(*), count(*) FILTER (steps >= 2), count(*) FILTER (steps >= 3)
FROM reached JOIN touched USING (person_id) WHERE variant IN ('control', 'test') GROUP BY variant";

fn counts_by_plain_sql(lab: &Engine) -> BTreeMap<String, Vec<u64>> {
    let connection = duckdb::Connection::open(lab.directory().join("events.duckdb")).unwrap();
    let mut statement = connection.prepare(PLAIN_SQL).unwrap();
    let count = |row: &duckdb::Row<'_>, column| row.get::<_, i64>(column).unwrap() as u64;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (1..4).map(|column| count(row, column)).collect())));
    rows.unwrap().map(Result::unwrap).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Q-F1 to Q-F12, Q-O, Q-E: whatever the order of rows, the files they come in, and the ids of a person.
    #[test]
    fn funnels_agree_with_the_rules_said_plainly(events in prop::collection::vec(logged(), 1..90)) {
        let metrics = metrics();
        let (_directory, mut lab) = lab(&events, &metrics);
        let mut by_rules = None;
        for (index, metric) in metrics.iter().enumerate() {
            let result = lab.secondary_results("checkout", Some(&json!(index)), &request()).unwrap().result;
            let wanted = Oracle { filters: &metric["filters"] }.counts(&events);
            prop_assert_eq!(counts(&result), wanted.clone(), "{}", &metric["name"]);
            if metric["name"] == "ordered first_touch None person" {
                by_rules = Some(wanted);
            }
        }
        prop_assert_eq!(Some(counts_by_plain_sql(&lab)), by_rules);
    }
}

fn carries(variant: &str) -> Value {
    json!({"$feature/checkout": variant})
}

fn seconds_later(seconds: i64) -> String {
    at(START).checked_add(seconds.seconds()).map(|time: Timestamp| time.to_string()).unwrap()
}

#[test]
fn an_unordered_funnel_counts_completed_steps() {
    // Q-O3, Q-F15
    let mut events = Vec::new();
    for variant in ["control", "test"] {
        for (name, second) in [("C", 0), ("A", 2), ("B", 5)] {
            events.push(event(variant, name, &seconds_later(second), &carries(variant)));
        }
        events.push(event(&format!("{variant} too"), "B", START, &carries(variant)));
    }
    let mut log = Log::of(&events);
    log.experiment(&json!({"secondary_metrics": [metric("unordered", "first_touch", None, "person")]}));
    let secondary = log.lab.secondary_results("checkout", Some(&json!(0)), &request()).unwrap();
    let MetricResult::Funnel { insight, .. } = &secondary.result.result else { panic!("not a funnel") };
    let steps: Vec<_> = insight[0].steps.iter().map(|step| (step.name.as_str(), step.count, &step.event)).collect();
    assert_eq!(
        steps,
        [("Completed 1 step", 2, &None), ("Completed 2 steps", 1, &None), ("Completed 3 steps", 1, &None)]
    );
    let times: Vec<_> = insight[0].steps.iter().map(|step| step.average_conversion_seconds).collect();
    assert_eq!(times, [None, Some(2.0), Some(3.0)]);
    let legacy = legacy_secondary(&secondary);
    let step = &legacy["result"]["insight"][0][1];
    assert_eq!(
        (&step["name"], &step["type"], &step["action_id"]),
        (&json!("Completed 2 steps"), &json!(null), &json!(null))
    );
    assert_eq!((&step["custom_name"], &step["order"]), (&json!(null), &json!(1)));
}

#[test]
fn funnels_over_nothing_are_undecided() {
    // R-7; an end before the start is refused.
    let filters = metric("strict", "step", Some((0, 1)), "account")["filters"].clone();
    let mut empty = Log::of(&[]);
    empty.experiment(&json!({"filters": filters}));
    let result = empty.lab.results("checkout", &request()).unwrap();
    assert!(matches!(result.result.outcome(), Outcome::Undecided(missing) if missing.no_events), "{result:?}");

    let backwards = json!({
        "name": "Backwards", "feature_flag_key": "backwards", "filters": filters,
        "start_date": "2024-01-31T00:00:00Z", "end_date": "2024-01-01T00:00:00Z",
    });
    let error = empty.lab.create_experiment(CreateExperiment::from_json(backwards).unwrap(), now(), None).unwrap_err();
    assert!(error.to_string().contains("is before the start date"), "{error}");
}

#[test]
fn a_funnel_is_explained_in_words_and_sql() {
    let explained = |order: &str, attribution: &str, excluded, unit: &str| {
        let mut log = Log::of(&[event("a", "A", START, &carries("control"))]);
        log.experiment(&json!({"filters": metric(order, attribution, excluded, unit)["filters"]}));
        let explanation = log.lab.explain("checkout", None, now(), true).unwrap();
        explanation_text(&explanation, None)
    };
    let unordered = explained("unordered", "step", Some((0, 2)), "group");
    for line in [
        "measure       groups that get through the steps in any order",
        "never         X between steps 1 and 3",
        "within        6 s of the first step",
        "variant by    the events of step 1, 2, 3",
        "SELECT nullif(e.group_0, '') AS unit",
        "(CASE WHEN e.event = 'X' THEN 8 ELSE 0 END)",
        "OR (e.event = 'X'))",
    ] {
        assert!(unordered.contains(line), "{line} is not in\n{unordered}");
    }
    // Q-O2: any event may come between. Q-E5: exclusions mean nothing.
    let strict = explained("strict", "first_touch", Some((0, 2)), "account");
    assert!(strict.contains("values that get through the steps in order, with no other event in between"), "{strict}");
    assert!(!strict.contains("'X'") && !strict.contains("OR (e.event") && !strict.contains("variant by"), "{strict}");
}

#[test]
fn a_missing_action_of_an_exclusion_is_an_error() {
    // Q-A5
    let mut filters = metric("ordered", "first_touch", Some((0, 1)), "person")["filters"].clone();
    filters["exclusions"][0]["id"] = json!(7);
    filters["exclusions"][0]["type"] = json!("actions");
    let mut log = Log::of(&[event("a", "A", START, &carries("control"))]);
    log.experiment(&json!({"filters": filters}));
    let error = log.lab.results("checkout", &request()).unwrap_err();
    assert_eq!(error.code(), "does_not_exist");
}

#[test]
fn units_left_out_are_counted_once() {
    // Q-F6, Q-F7, Q-F10: two foreign values are one person left out, and who counts for a variant is not left out.
    let log = [
        event("foreign", "A", START, &carries("zzz")),
        event("foreign", "A", &seconds_later(1), &carries("yyy")),
        event("both", "A", START, &carries("zzz")),
        event("both", "A", &seconds_later(1), &carries("test")),
        event("none", "A", START, &json!({})),
        event("control", "A", START, &carries("control")),
    ];
    let one_step = |attribution: &str| {
        json!({"name": attribution, "filters": {"insight": "FUNNELS", "events": [{"id": "A"}],
            "breakdown_attribution_type": attribution, "breakdown_attribution_value": 0}})
    };
    let metrics: Vec<_> = ["first_touch", "last_touch", "all_events", "step"].map(one_step).to_vec();
    let mut log = Log::of(&log);
    log.experiment(&json!({"secondary_metrics": metrics}));
    for (index, foreign) in [2, 1, 1, 1].into_iter().enumerate() {
        let result = log.lab.secondary_results("checkout", Some(&json!(index)), &request()).unwrap().result;
        let MetricResult::Funnel { left_out, .. } = &result.result else { panic!("not a funnel") };
        assert_eq!(
            (left_out.without_variant, left_out.with_foreign_variant),
            (1, foreign),
            "{}",
            metrics[index]["name"]
        );
    }
}
