//! A lab with a log of a few events, for tests that ask it different questions.

use std::fs;

use abduck::{CreateExperiment, Engine, Experiment, IngestOptions, ResultsRequest, Source};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The caller's clock in these tests.
pub(crate) fn now() -> Timestamp {
    at("2024-02-01T00:00:00Z")
}

pub(crate) fn request() -> ResultsRequest {
    ResultsRequest { as_of: now(), now: now(), refresh: false, max_age: None }
}

/// An event of a person with one distinct id.
pub(crate) fn event(person: &str, name: &str, time: &str, properties: &Value) -> Value {
    json!({"event": name, "distinct_id": person, "timestamp": time, "properties": properties})
}

/// A count that a result has as a number.
pub(crate) fn whole(number: f64) -> u64 {
    let whole = abduck::stats::number::whole(number).unwrap_or_else(|| panic!("{number} is no whole number"));
    u64::try_from(whole).unwrap()
}

/// A lab and the directory it lies in.
pub(crate) struct Log {
    directory: tempfile::TempDir,
    pub(crate) lab: Engine,
    files: usize,
}

impl Log {
    pub(crate) fn of(events: &[Value]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lab = Engine::init(directory.path().join("lab")).unwrap();
        let mut log = Self { directory, lab, files: 0 };
        log.add(events);
        log
    }

    /// Adds events, each with an id of its own, so that none is a repetition.
    pub(crate) fn add(&mut self, events: &[Value]) {
        if events.is_empty() {
            return;
        }
        self.files += 1;
        let line = |(index, event): (usize, &Value)| {
            let mut event = event.clone();
            event["uuid"] = json!(format!("00000000-0000-4000-{:04x}-{index:012x}", self.files));
            format!("{event}\n")
        };
        let file = self.directory.path().join(format!("{}.ndjson", self.files));
        fs::write(&file, events.iter().enumerate().map(line).collect::<String>()).unwrap();
        let source = Source::Files(vec![file.display().to_string()]);
        let report = self.lab.ingest(source, &IngestOptions::default(), &mut |_| ()).unwrap();
        assert_eq!((report.rejected, report.duplicates), (0, 0));
    }

    /// The lab's directory.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("lab")
    }

    /// An experiment under the flag `checkout` that runs through January, with more fields.
    pub(crate) fn experiment(&mut self, fields: &Value) -> Experiment {
        let mut definition = json!({
            "name": "Checkout", "feature_flag_key": "checkout", "start_date": "2024-01-01", "end_date": "2024-01-31",
        });
        definition.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.lab.create_experiment(CreateExperiment::from_json(definition).unwrap(), now(), None).unwrap()
    }
}
