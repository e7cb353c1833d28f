//! Runs a journey: events into a fresh lab, one experiment, its result compared with what is expected.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use abduck::model::settings::{LabSettings, time_zone};
use abduck::results::{ExperimentResult, FunnelSeries, MetricResult, TrendSeries, legacy};
use abduck::stats::{Measured, Outcome};
use abduck::{CreateExperiment, Engine, Error, ErrorKind, IngestOptions, ResultsRequest, Source, TableOptions};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Verdict;

pub(super) fn run(record: &Value) -> Verdict {
    let is_built = record["engine"] == "legacy" && ["trend", "funnel"].iter().any(|kind| record["kind"] == *kind);
    let needs_more = ["actions", "cohorts"].iter().any(|key| record.get(key).is_some());
    if !is_built || needs_more {
        return Verdict::NotBuilt;
    }
    match measure(record) {
        Ok((result, measured)) => compare(&record["expected"], &result, &measured),
        Err(error) if error.code() == "unsupported" || is_unsupported_filter(&error) => Verdict::NotBuilt,
        Err(error) => Verdict::Failed(format!("{error} {:?}", error.hints())),
    }
}

/// Filter types and operators that are not built yet are refused by name.
fn is_unsupported_filter(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Invalid { message, .. } if message.contains("not supported"))
}

fn measure(record: &Value) -> Result<(ExperimentResult, Measured), Error> {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Engine::init(directory.path().join("lab"))?;
    let now = record["now"].as_str().unwrap_or("2030-01-01T00:00:00Z").parse::<Timestamp>().unwrap();
    lab.set_settings(&settings(&record["team"])?, now, None)?;
    if !record["events"].as_array().unwrap().is_empty() {
        let file = directory.path().join("events.ndjson");
        fs::write(&file, event_lines(&record["events"])).unwrap();
        let report =
            lab.ingest(Source::Files(vec![file.display().to_string()]), &IngestOptions::default(), &mut |_| ())?;
        assert_eq!((report.rejected, report.duplicates), (0, 0), "every event of a journey is stored");
    }
    if let Some(persons) = record.get("persons") {
        load_persons(&mut lab, directory.path(), persons, now)?;
    }
    let experiment = &record["experiment"];
    let key = experiment["feature_flag_key"].as_str().unwrap();
    let mut parameters = experiment["parameters"].as_object().cloned().unwrap_or_default();
    parameters.insert("feature_flag_variants".into(), experiment["variants"].clone());
    let request = json!({
        "name": record["id"], "feature_flag_key": key, "start_date": experiment["start_date"],
        "end_date": experiment["end_date"], "filters": experiment["filters"], "parameters": parameters,
    });
    lab.create_experiment(CreateExperiment::from_json(request)?, now, None)?;
    if !experiment["holdout_id"].is_null() {
        return Err(Error::invalid_field("holdout_id", "unsupported", "holdouts are not supported yet"));
    }
    let result = lab.results(key, &ResultsRequest { as_of: now, now, refresh: false })?;
    let measured = lab.explain(key, now, true)?.measured.unwrap();
    Ok((result, measured))
}

fn settings(team: &Value) -> Result<LabSettings, Error> {
    let mut settings = LabSettings::default();
    if let Some(zone) = team["timezone"].as_str() {
        settings.timezone = time_zone(zone)?;
    }
    if let Some(filters) = team["test_account_filters"].as_array() {
        settings.test_account_filters.clone_from(filters);
    }
    if team["aggregate_users_by_distinct_id"] == true {
        settings.aggregate_users_by_distinct_id = true;
    }
    Ok(settings)
}

/// The persons, as a table of their foreign ids and properties; they are as they are now (Q-P22).
fn load_persons(lab: &mut Engine, directory: &Path, persons: &Value, now: Timestamp) -> Result<(), Error> {
    let lines: String = persons.as_array().unwrap().iter().map(|person| format!("{person}\n")).collect();
    let file = directory.join("persons.ndjson");
    fs::write(&file, lines).unwrap();
    let source = Source::Files(vec![file.display().to_string()]);
    let report = lab.ingest_persons(source, &TableOptions::as_of(now), &mut |_| ())?;
    assert_eq!((report.rejected, report.changed), (0, report.read), "every person of a journey has events");
    Ok(())
}

/// The events as lines of JSON, each with an id of its own: a journey may hold the same event several times. The keys of
/// an event's groups are by index.
fn event_lines(events: &Value) -> String {
    let mut lines = String::new();
    for (index, event) in events.as_array().unwrap().iter().enumerate() {
        let mut event = event.clone();
        event["uuid"] = json!(format!("00000000-0000-4000-8000-{index:012x}"));
        if let Some(Value::Object(groups)) = event.as_object_mut().unwrap().remove("groups") {
            groups.into_iter().for_each(|(index, key)| event[format!("$group_{index}")] = key);
        }
        writeln!(lines, "{event}").unwrap();
    }
    lines
}

fn compare(expected: &Value, result: &ExperimentResult, measured: &Measured) -> Verdict {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (name, wanted) in expected.as_object().unwrap() {
        let got = match name.as_str() {
            "tolerance" => continue,
            "counts" => counts(result),
            "data" => data(result),
            "exposure" => exposure(measured),
            "steps" => steps(result),
            "variants" => variants(result, measured),
            "absent" => absent(wanted, result),
            "significant" => significant(result),
            "significance_code" => significance_code(result),
            "error" => error(result),
            other => return Verdict::Failed(format!("the runner does not know the output '{other}'")),
        };
        seen += 1;
        if !agrees(wanted, &got) {
            wrong.push(format!("{name}: expected {wanted}, got {got}"));
        }
    }
    assert!(seen > 0, "a journey expects something");
    if wrong.is_empty() { Verdict::Passed } else { Verdict::Failed(wrong.join("; ")) }
}

/// Equal, where numbers may differ by 1e-9 and integers may be written as floats; extra keys of objects do not matter.
fn agrees(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Number(wanted), Value::Number(got)) => (wanted.as_f64().unwrap() - got.as_f64().unwrap()).abs() <= 1e-9,
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| agrees(wanted, got))
        }
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.iter().all(|(key, wanted)| got.get(key).is_some_and(|got| agrees(wanted, got)))
        }
        _ => wanted == got,
    }
}

fn trend_insight(result: &ExperimentResult) -> &[TrendSeries] {
    match &result.result {
        MetricResult::Trend { insight, .. } => insight,
        MetricResult::Funnel { .. } => &[],
    }
}

fn funnel_insight(result: &ExperimentResult) -> &[FunnelSeries] {
    match &result.result {
        MetricResult::Funnel { insight, .. } => insight,
        MetricResult::Trend { .. } => &[],
    }
}

fn counts(result: &ExperimentResult) -> Value {
    trend_insight(result)
        .iter()
        .map(|series| (series.variant.clone(), json!(series.count)))
        .collect::<Map<_, _>>()
        .into()
}

fn data(result: &ExperimentResult) -> Value {
    trend_insight(result)
        .iter()
        .map(|series| (series.variant.clone(), json!(series.data)))
        .collect::<Map<_, _>>()
        .into()
}

fn exposure(measured: &Measured) -> Value {
    let Measured::Trend(cells) = measured else { return Value::Null };
    cells.variants.iter().map(|cell| (cell.variant.clone(), json!(cell.exposed_persons))).collect::<Map<_, _>>().into()
}

fn steps(result: &ExperimentResult) -> Value {
    let counts = |series: &FunnelSeries| series.steps.iter().map(|step| json!(step.count)).collect::<Value>();
    funnel_insight(result).iter().map(|series| (series.variant.clone(), counts(series))).collect::<Map<_, _>>().into()
}

/// The variants in the reference's own form where it answers, else as the result has them.
fn variants(result: &ExperimentResult, _measured: &Measured) -> Value {
    match legacy(result) {
        Ok(answer) => answer["result"]["variants"].clone(),
        Err(_) => json!(result.result)["variants"].clone(),
    }
}

/// Echoes the keys that are rightly absent.
fn absent(wanted: &Value, result: &ExperimentResult) -> Value {
    let present: Vec<_> = trend_insight(result)
        .iter()
        .map(|series| series.variant.as_str())
        .chain(funnel_insight(result).iter().map(|series| series.variant.as_str()))
        .collect();
    let keys = wanted.as_array().unwrap().iter();
    keys.filter(|key| !present.contains(&key.as_str().unwrap_or_default())).cloned().collect()
}

fn significant(result: &ExperimentResult) -> Value {
    match result.result.outcome() {
        Outcome::Estimated(estimates) => json!(estimates.significance.is_significant()),
        Outcome::Undecided(_) => Value::Null,
    }
}

fn significance_code(result: &ExperimentResult) -> Value {
    match result.result.outcome() {
        Outcome::Estimated(estimates) => json!(estimates.significance.code),
        Outcome::Undecided(_) => Value::Null,
    }
}

fn error(result: &ExperimentResult) -> Value {
    match result.result.outcome() {
        Outcome::Estimated(_) => Value::Null,
        Outcome::Undecided(missing) => json!(missing),
    }
}
