//! Runs a journey: events into a fresh lab, one experiment, its result compared with what is expected.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use abduck::catalog::{Catalog, Change};
use abduck::lifecycle;
use abduck::model::action::{Action, CreateAction};
use abduck::model::cohort::{Cohort, CreateCohort};
use abduck::model::settings::{LabSettings, time_zone};
use abduck::results::{ExperimentResult, FunnelSeries, MetricResult, TrendSeries, legacy, legacy_secondary};
use abduck::stats::{Measured, Outcome};
use abduck::{
    CreateExperiment, Engine, Error, ErrorKind, Experiment, IngestOptions, ResultsRequest, Source, TableOptions,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Verdict;

pub(super) fn run(record: &Value) -> Verdict {
    let outcome = match record["kind"].as_str().unwrap() {
        _ if record["engine"] == "modern" => super::modern::run(record),
        "trend" | "funnel" => primary(record),
        "secondary" => secondary(record),
        "requires_flag" => requires_flag(record),
        "exposure_cohort" => exposure_cohort(record),
        _ => return Verdict::NotBuilt,
    };
    match outcome {
        Ok(verdict) => verdict,
        Err(error) if error.code() == "unsupported" || is_unsupported_filter(&error) => Verdict::NotBuilt,
        Err(error) => Verdict::Failed(format!("{error} {:?}", error.hints())),
    }
}

/// Filter types and operators that are not built yet are refused by name.
fn is_unsupported_filter(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Invalid { message, .. } if message.contains("not supported"))
}

/// A lab with the events, actions and settings of a journey.
pub(super) struct Journey {
    _directory: tempfile::TempDir,
    pub(super) lab: Engine,
    pub(super) now: Timestamp,
}

impl Journey {
    pub(super) fn begin(record: &Value) -> Result<Self, Error> {
        let directory = tempfile::tempdir().unwrap();
        let mut lab = Engine::init(directory.path().join("lab"))?;
        let now = record["now"].as_str().unwrap_or("2030-01-01T00:00:00Z").parse::<Timestamp>().unwrap();
        lab.set_settings(&settings(&record["team"])?, now, None)?;
        insert_actions(lab.directory(), record["actions"].as_array().map_or(&[][..], Vec::as_slice), now)?;
        insert_cohorts(lab.directory(), record["cohorts"].as_array().map_or(&[][..], Vec::as_slice), now)?;
        if !record["events"].as_array().unwrap().is_empty() {
            let file = directory.path().join("events.ndjson");
            fs::write(&file, event_lines(&record["events"])).unwrap();
            let source = Source::Files(vec![file.display().to_string()]);
            let report = lab.ingest(source, &IngestOptions::default(), &mut |_| ())?;
            assert_eq!((report.rejected, report.duplicates), (0, 0), "every event of a journey is stored");
        }
        if let Some(persons) = record.get("persons") {
            load_persons(&mut lab, directory.path(), persons, now)?;
        }
        Ok(Self { _directory: directory, lab, now })
    }

    pub(super) fn create_experiment(&mut self, record: &Value) -> Result<Experiment, Error> {
        let experiment = &record["experiment"];
        let mut parameters = experiment["parameters"].as_object().cloned().unwrap_or_default();
        parameters.insert("feature_flag_variants".into(), experiment["variants"].clone());
        if let Some(id) = experiment["holdout_id"].as_i64() {
            insert_holdout(self.lab.directory(), id);
        }
        let mut request = json!({
            "name": record["id"], "feature_flag_key": experiment["feature_flag_key"], "parameters": parameters,
            "start_date": experiment["start_date"], "end_date": experiment["end_date"],
            "holdout_id": experiment["holdout_id"], "secondary_metrics": experiment["secondary_metrics"],
        });
        if let Some(index) = experiment.get("aggregation_group_type_index") {
            request["parameters"]["aggregation_group_type_index"] = index.clone();
        }
        for field in ["exposure_criteria", "only_count_matured_users", "stats_config"] {
            if let Some(value) = experiment.get(field) {
                request[field] = value.clone();
            }
        }
        if let Some(filters) = experiment.get("filters") {
            request["filters"] = filters.clone();
        }
        self.lab.create_experiment(CreateExperiment::from_json(request)?, self.now, None)
    }

    pub(super) fn request(&self) -> ResultsRequest {
        ResultsRequest { as_of: self.now, now: self.now, refresh: false, max_age: None }
    }
}

/// The actions of a journey, under their own ids.
fn insert_actions(lab: &Path, actions: &[Value], now: Timestamp) -> Result<(), Error> {
    let mut catalog = Catalog::open(lab)?;
    let mut transaction = catalog.transaction()?;
    for action in actions {
        let request = CreateAction::from_json(json!({"name": action["name"], "steps": action["steps"]}))?;
        let action = Action { id: action["id"].as_i64().unwrap(), ..lifecycle::create_action(request, now, None) };
        transaction.insert_action(action, &Change { operation: "create", who: None, at: now })?;
    }
    transaction.commit()
}

/// The cohorts of a journey, under their own ids; those that list persons name them as the events do.
fn insert_cohorts(lab: &Path, cohorts: &[Value], now: Timestamp) -> Result<(), Error> {
    let mut catalog = Catalog::open(lab)?;
    let mut transaction = catalog.transaction()?;
    for cohort in cohorts {
        let listed = cohort["persons"].as_array().map_or(&[][..], Vec::as_slice);
        let listed: Vec<_> = listed.iter().map(|person| person.as_str().unwrap().to_owned()).collect();
        let name = cohort["name"].as_str().map_or_else(|| cohort["id"].to_string(), ToOwned::to_owned);
        let is_static = cohort["is_static"].as_bool().unwrap_or(cohort.get("filters").is_none());
        let request =
            json!({"name": name, "is_static": is_static, "filters": cohort.get("filters").unwrap_or(&json!({}))});
        let created = lifecycle::create_cohort(CreateCohort::from_json(request)?, now, None)?;
        let change = Change { operation: "create", who: None, at: now };
        let id = cohort["id"].as_i64().unwrap();
        transaction.insert_cohort(Cohort { id, ..created }, &change)?;
        transaction.change_cohort_members(id, &listed, &[], &change)?;
    }
    transaction.commit()
}

/// A holdout under its own id: journeys name ids.
fn insert_holdout(lab: &Path, id: i64) {
    let database = rusqlite::Connection::open(lab.join("catalog.sqlite")).unwrap();
    let sql = "INSERT INTO holdout (id, name, filters, created_at, updated_at) VALUES (?1, 'journey', '[]', 0, 0)";
    assert_eq!(database.execute(sql, [id]).unwrap(), 1);
}

fn primary(record: &Value) -> Result<Verdict, Error> {
    let mut journey = Journey::begin(record)?;
    let key = journey.create_experiment(record)?.feature_flag_key;
    let result = journey.lab.results(&key, &journey.request())?;
    let measured = journey.lab.explain(&key, None, journey.now, true)?.measured.unwrap();
    Ok(compare(&record["expected"], |name, wanted| match name {
        "exposure" => Some(exposure(&measured)),
        _ => output(name, wanted, &result),
    }))
}

fn secondary(record: &Value) -> Result<Verdict, Error> {
    let mut journey = Journey::begin(record)?;
    let key = journey.create_experiment(record)?.feature_flag_key;
    // clients send the id as text.
    let id = json!(record["metric_index"].to_string());
    let secondary = journey.lab.secondary_results(&key, Some(&id), &journey.request())?;
    let answer = legacy_secondary(&secondary)["result"].clone();
    Ok(compare(&record["expected"], |name, wanted| match name {
        "result" => Some(answer["result"].clone()),
        "statistics" => Some(json!(answer.get("probability").is_some())),
        "variants" => Some(answer["variants"].clone()),
        _ => output(name, wanted, &secondary.result),
    }))
}

fn requires_flag(record: &Value) -> Result<Verdict, Error> {
    let mut journey = Journey::begin(record)?;
    let filters = record["experiment"]["filters"].as_object().unwrap();
    let answer = journey.lab.requires_flag_implementation(filters, None, journey.now)?;
    Ok(compare(&record["expected"], |name, _| (name == "result").then(|| json!(answer))))
}

fn exposure_cohort(record: &Value) -> Result<Verdict, Error> {
    let mut journey = Journey::begin(record)?;
    let experiment = journey.create_experiment(record)?;
    let definition = lifecycle::exposure_cohort_definition(&experiment)?;
    let members = journey.lab.cohort_members(&definition, journey.now)?;
    // Every person of these journeys has one distinct id, which is also its own id.
    let mut members: Vec<_> = members.into_iter().map(|member| member.distinct_id).collect();
    members.sort_unstable();
    Ok(compare(&record["expected"], |name, _| (name == "members").then(|| json!(members))))
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

/// Compares every expected output; `output` gives it by name and, to echo them, wanted keys.
pub(super) fn compare(expected: &Value, output: impl Fn(&str, &Value) -> Option<Value>) -> Verdict {
    let tolerance = expected["tolerance"].as_f64().unwrap_or(1e-9);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (name, wanted) in expected.as_object().unwrap() {
        if name == "tolerance" {
            continue;
        }
        let Some(got) = output(name, wanted) else {
            return Verdict::Failed(format!("the runner does not know the output '{name}'"));
        };
        seen += 1;
        if !agrees(wanted, &got, tolerance) {
            wrong.push(format!("{name}: expected {wanted}, got {got}"));
        }
    }
    assert!(seen > 0, "a journey expects something");
    if wrong.is_empty() { Verdict::Passed } else { Verdict::Failed(wrong.join("; ")) }
}

/// What primary and secondary results have in common.
fn output(name: &str, wanted: &Value, result: &ExperimentResult) -> Option<Value> {
    Some(match name {
        "counts" => counts(result),
        "data" => data(result),
        "steps" => steps(result),
        "variants" => variants(result),
        "absent" => absent(wanted, result),
        "significant" => significant(result),
        "significance_code" => significance_code(result),
        "error" => error(result),
        _ => return None,
    })
}

/// Equal, where numbers may differ by the tolerance and integers may be written as floats; extra keys of objects do not
/// matter.
fn agrees(wanted: &Value, got: &Value, tolerance: f64) -> bool {
    match (wanted, got) {
        (Value::Number(wanted), Value::Number(got)) => {
            (wanted.as_f64().unwrap() - got.as_f64().unwrap()).abs() <= tolerance
        }
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| agrees(wanted, got, tolerance))
        }
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.iter().all(|(key, wanted)| got.get(key).is_some_and(|got| agrees(wanted, got, tolerance)))
        }
        _ => wanted == got,
    }
}

fn trend_insight(result: &ExperimentResult) -> &[TrendSeries] {
    match &result.result {
        MetricResult::Trend { insight, .. } => insight,
        MetricResult::Funnel { .. } | MetricResult::Units { .. } => &[],
    }
}

fn funnel_insight(result: &ExperimentResult) -> &[FunnelSeries] {
    match &result.result {
        MetricResult::Funnel { insight, .. } => insight,
        MetricResult::Trend { .. } | MetricResult::Units { .. } => &[],
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
    cells.variants.iter().map(|cell| (cell.variant.clone(), json!(cell.exposures))).collect::<Map<_, _>>().into()
}

fn steps(result: &ExperimentResult) -> Value {
    let counts = |series: &FunnelSeries| series.steps.iter().map(|step| json!(step.count)).collect::<Value>();
    funnel_insight(result).iter().map(|series| (series.variant.clone(), counts(series))).collect::<Map<_, _>>().into()
}

/// The variants in the reference's own form where it answers, else as the result has them.
fn variants(result: &ExperimentResult) -> Value {
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
        Outcome::Undecided(_) | Outcome::Observed(_) => Value::Null,
    }
}

fn significance_code(result: &ExperimentResult) -> Value {
    match result.result.outcome() {
        Outcome::Estimated(estimates) => json!(estimates.significance.code),
        Outcome::Undecided(_) | Outcome::Observed(_) => Value::Null,
    }
}

fn error(result: &ExperimentResult) -> Value {
    match result.result.outcome() {
        Outcome::Estimated(_) | Outcome::Observed(_) => Value::Null,
        Outcome::Undecided(missing) => json!(missing),
    }
}
