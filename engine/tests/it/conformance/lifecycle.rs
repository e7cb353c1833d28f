//! Lifecycle cases: `given` operations, then one operation whose outcome is compared. Everything goes through `Engine`.

use std::collections::BTreeMap;
use std::fs;

use abduck::model::experiment::{CreateExperiment, UpdateExperiment};
use abduck::model::flag::{CreateFlag, FeatureFlag, UpdateFlag};
use abduck::model::holdout::{CreateHoldout, UpdateHoldout};
use abduck::model::saved_metric::{CreateSavedMetric, UpdateSavedMetric};
use abduck::{Engine, Error, Experiment, IngestOptions, ResultsRequest, Source};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Verdict;

/// Runs one record of `lifecycle.json`.
pub(super) fn run(record: &Value) -> Verdict {
    let mut story = Story::begin();
    for step in record["given"].as_array().unwrap() {
        match story.perform(step) {
            None => return Verdict::NotBuilt,
            Some(Err(error)) => return Verdict::Failed(format!("given {}: {error}", step["operation"])),
            Some(Ok(made)) => story.remember(step, &made),
        }
    }
    let before = story.everything();
    let Some(outcome) = story.perform(record) else { return Verdict::NotBuilt };
    let expected = &record["expected"];
    let compared = match outcome {
        Ok(made) => story.compare_made(&made, expected),
        Err(error) if story.everything() == before => {
            compare_refusal(&error, expected).and_then(|()| story.compare_kept(record))
        }
        Err(error) => Err(format!("refused ({error}), but something changed")),
    };
    compared.map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

/// A lab in the course of a case, and what was made under which name.
struct Story {
    engine: Engine,
    folder: TempDir,
    made: BTreeMap<String, Made>,
}

/// The outcome of an operation: where to look for it.
#[derive(Clone, Default)]
struct Made {
    experiment: Option<String>,
    flag: Option<String>,
    holdout: Option<String>,
    saved_metric: Option<String>,
    id: i64,
    /// What else the operation answers.
    answer: Value,
}

impl Story {
    fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { engine: Engine::init(folder.path().join("lab")).unwrap(), folder, made: BTreeMap::new() }
    }

    fn remember(&mut self, step: &Value, made: &Made) {
        if let Some(name) = step["as"].as_str() {
            self.made.insert(name.to_owned(), made.clone());
        }
    }

    /// Does one step; `None` when the operation is not built.
    fn perform(&mut self, step: &Value) -> Option<Result<Made, Error>> {
        let mut payload = step["payload"].clone();
        self.substitute(&mut payload, None);
        let on = step["on"].as_str().unwrap_or_default().to_owned();
        let target = self.made.get(on.split('.').next().unwrap_or_default()).cloned().unwrap_or_default();
        let experiment = target.experiment.clone().unwrap_or_default();
        Some(match step["operation"].as_str().unwrap() {
            "create_experiment" => CreateExperiment::from_json(payload)
                .and_then(|request| self.engine.create_experiment(request, now(), Some("ada")))
                .map(|experiment| Made::of(&experiment)),
            "update_experiment" => UpdateExperiment::from_json(payload)
                .and_then(|request| self.engine.update_experiment(&experiment, request, now(), Some("ada")))
                .map(|experiment| Made::of(&experiment)),
            "delete_experiment" => {
                self.engine.delete_experiment(&experiment, now(), Some("ada")).map(|()| Made::default())
            }
            "create_flag" => CreateFlag::from_json(payload)
                .and_then(|request| self.engine.create_flag(request, now(), Some("ada")))
                .map(|flag| Made { flag: Some(flag.key), id: flag.id, ..Made::default() }),
            "update_flag" => UpdateFlag::from_json(payload)
                .and_then(|request| self.engine.update_flag(&target.flag.clone().unwrap(), request, now(), Some("ada")))
                .map(|flag| Made { flag: Some(flag.key), ..target }),
            "create_holdout" => CreateHoldout::from_json(payload)
                .and_then(|request| self.engine.create_holdout(request, now(), Some("ada")))
                .map(|holdout| Made { holdout: Some(holdout.id.to_string()), id: holdout.id, ..Made::default() }),
            "update_holdout" => {
                let key = target.holdout.clone().unwrap();
                UpdateHoldout::from_json(payload)
                    .and_then(|request| self.engine.update_holdout(&key, request, now(), Some("ada")))
                    .map(|_| target)
            }
            "delete_holdout" => {
                let key = target.holdout.clone().unwrap();
                self.engine.delete_holdout(&key, now(), Some("ada")).map(|()| Made { holdout: None, ..target })
            }
            "create_saved_metric" => CreateSavedMetric::from_json(payload)
                .and_then(|request| self.engine.create_saved_metric(request, now(), Some("ada")))
                .map(|metric| Made { saved_metric: Some(metric.id.to_string()), id: metric.id, ..Made::default() }),
            "update_saved_metric" => {
                let key = target.saved_metric.clone().unwrap();
                UpdateSavedMetric::from_json(payload)
                    .and_then(|request| self.engine.update_saved_metric(&key, request, now(), Some("ada")))
                    .map(|_| target)
            }
            "delete_saved_metric" => {
                let key = target.saved_metric.clone().unwrap();
                self.engine.delete_saved_metric(&key, now(), Some("ada")).map(|()| target)
            }
            "create_exposure_cohort" => {
                let cohort = self.engine.create_exposure_cohort(&experiment, now(), Some("ada"));
                cohort.map(|cohort| Made { answer: json!({"cohort": cohort}), ..target })
            }
            "get_secondary_results" => {
                let id = payload.get("id");
                let result = self.engine.secondary_results(&experiment, id, &results_request());
                result.map(|result| Made {
                    answer: json!({"response": {"is_cached": result.result.is_cached}}),
                    ..target
                })
            }
            "get_results" => {
                let result = self.engine.results(&experiment, &results_request());
                result.map(|result| Made { answer: json!({"response": {"is_cached": result.is_cached}}), ..target })
            }
            "ingest" => {
                self.ingest(&payload["events"]);
                Ok(Made::default())
            }
            _ => return None,
        })
    }

    /// Takes in events: a list of them, or as a case tells of them in words, one of the metric for control and one for
    /// test on the experiment's second day.
    fn ingest(&mut self, events: &Value) {
        let mut told = || {
            let experiment = self.engine.experiments().unwrap().pop().unwrap();
            let second_day = experiment.start_date.unwrap() + jiff::SignedDuration::from_hours(24);
            let variants = ["control", "test"].map(|variant| {
                json!({
                    "event": experiment.filters["events"][0]["id"], "distinct_id": variant, "timestamp": second_day,
                    "properties": {format!("$feature/{}", experiment.feature_flag_key): variant},
                })
            });
            variants.to_vec()
        };
        let events = if let Some(list) = events.as_array() { list.clone() } else { told() };
        let file = self.folder.path().join("events.ndjson");
        fs::write(&file, events.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
        let source = Source::Files(vec![file.display().to_string()]);
        self.engine.ingest(source, &IngestOptions::default(), &mut |_| ()).unwrap();
    }

    /// Puts ids where a value refers to something made before; `own` is what `<id>` stands for.
    fn substitute(&self, value: &mut Value, own: Option<i64>) {
        match value {
            Value::Object(fields) if fields.len() == 1 && fields.contains_key("$ref") => {
                let name = fields["$ref"].as_str().unwrap().split('.').next().unwrap().to_owned();
                *value = json!(self.made[&name].id);
            }
            Value::Object(fields) => fields.values_mut().for_each(|field| self.substitute(field, own)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.substitute(item, own)),
            Value::String(text) => {
                if let Some(own) = own {
                    *text = text.replace("<id>", &own.to_string());
                }
                for (name, made) in &self.made {
                    *text = text.replace(&format!("<{name}.id>"), &made.id.to_string());
                }
            }
            _ => {}
        }
    }

    /// All that a refused operation must leave alone.
    fn everything(&mut self) -> Value {
        let engine = &mut self.engine;
        json!([
            engine.experiments().unwrap(),
            engine.flags().unwrap(),
            engine.holdouts().unwrap(),
            engine.saved_metrics().unwrap(),
            engine.cohorts().unwrap(),
            engine.audit_log(10_000).unwrap(),
        ])
    }

    /// What was made, with all that hangs together with it, as the expectations name it.
    fn outward(&mut self, made: &Made) -> Value {
        let mut outward = made.answer.as_object().cloned().unwrap_or_default();
        if let Some(key) = &made.experiment {
            let experiment = self.engine.experiment(key).unwrap();
            let flag: FeatureFlag = self.engine.flag_of(&experiment).unwrap();
            let mut shown = json!(experiment);
            shown["is_draft"] = experiment.is_draft().into();
            shown["holdout"] = match experiment.holdout_id {
                Some(id) => json!(self.engine.holdout(&id.to_string()).unwrap()),
                None => Value::Null,
            };
            outward.insert("experiment".into(), shown);
            outward.insert("flag".into(), json!(flag));
        } else if let Some(key) = &made.flag {
            outward.insert("flag".into(), json!(self.engine.flag(key).unwrap()));
        }
        if let Some(key) = &made.holdout {
            outward.insert("holdout".into(), json!(self.engine.holdout(key).unwrap()));
        }
        if let Some(key) = &made.saved_metric {
            outward.insert("saved_metric".into(), json!(self.engine.saved_metric(key).unwrap()));
        }
        Value::Object(outward)
    }

    fn compare_made(&mut self, made: &Made, expected: &Value) -> Result<(), String> {
        if expected["ok"] != json!(true) {
            return Err(format!("accepted, but expected {}", expected["error"]));
        }
        self.compare_fields(made, expected)
    }

    /// After a refusal, what must still be there.
    fn compare_kept(&mut self, record: &Value) -> Result<(), String> {
        match record["on"].as_str() {
            Some(on) => {
                let target = self.made[on].clone();
                self.compare_fields(&target, &record["expected"])
            }
            None => Ok(()),
        }
    }

    fn compare_fields(&mut self, made: &Made, expected: &Value) -> Result<(), String> {
        let Some(fields) = expected["fields"].as_object() else { return Ok(()) };
        let own = self.outward(made);
        for (path, value) in fields {
            let mut wanted = value.clone();
            self.substitute(&mut wanted, Some(made.id));
            let (first, rest) = path.split_once('.').unwrap();
            let found = match self.made.get(first).cloned() {
                Some(other) => at(&self.outward(&other), rest),
                None => at(&own, path),
            };
            if found.as_ref() != Some(&wanted) {
                return Err(format!("{path} is {found:?}, expected {wanted}"));
            }
        }
        Ok(())
    }
}

impl Made {
    fn of(experiment: &Experiment) -> Self {
        let key = Some(experiment.id.to_string());
        let flag = Some(experiment.feature_flag_key.clone());
        Self { experiment: key, flag, id: experiment.id, ..Self::default() }
    }
}

fn compare_refusal(error: &Error, expected: &Value) -> Result<(), String> {
    let text = error.to_string();
    let wanted = expected["error"].as_str();
    let is_wanted = match wanted {
        None => true,
        Some(part) if expected["match"] == "contains" => text.contains(part),
        Some(whole) => text == whole,
    };
    if expected["ok"] != json!(false) || !is_wanted {
        return Err(format!("refused with '{text}', expected {wanted:?}"));
    }
    let field = match error.kind() {
        abduck::ErrorKind::Invalid { field, .. } => field.clone(),
        _ => None,
    };
    match expected.get("attr") {
        Some(attr) if *attr != json!(field) => Err(format!("at fault is {field:?}, expected {attr}")),
        _ => Ok(()),
    }
}

/// The value at a dotted path; `length` is the length of a list.
fn at(value: &Value, path: &str) -> Option<Value> {
    path.split('.').try_fold(value.clone(), |value, step| match &value {
        Value::Array(items) if step == "length" => Some(json!(items.len())),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?).cloned(),
        _ => value.get(step).cloned(),
    })
}

fn results_request() -> ResultsRequest {
    ResultsRequest { as_of: now(), now: now(), refresh: false, max_age: None }
}

fn now() -> Timestamp {
    "2024-02-01T00:00:00Z".parse().unwrap()
}
