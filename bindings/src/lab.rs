//! An open lab.

use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use abduck::events::{Change, ColumnMapping, DataState, Format, TimestampUnit};
use abduck::lifecycle::Ending;
use abduck::model::settings::LabSettings;
use abduck::report;
use abduck::{
    CreateExperiment, Engine, Error, Experiment, IngestOptions, Interrupt, Progress, ResultsRequest, Source,
    TableOptions,
};
use jiff::Timestamp;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as value};

use crate::arrow;
use crate::errors::exception;
use crate::exposures::{self, Exposures};
use crate::moment::{moment, now};
use crate::result::{ExperimentResult, SecondaryResult};
use crate::wait::wait;

/// How long to pause between two looks at whether another thread is done with the lab.
const PAUSE: Duration = Duration::from_millis(5);

/// An open lab, which one thread at a time may use.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct Lab {
    engine: Mutex<Option<Engine>>,
    interrupt: Interrupt,
    #[pyo3(get)]
    directory: PathBuf,
    /// The thread that uses the engine.
    user: Mutex<Option<ThreadId>>,
    process: u32,
}

/// How an ingest is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    mapping: ColumnMapping,
    format: Option<Format>,
    strict: bool,
}

/// How a table of persons, or of groups of a type, is asked to be taken in.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TableRequest {
    group_type: Option<String>,
    as_of: Option<String>,
    format: Option<Format>,
    strict: bool,
    distinct_id: Option<String>,
    person_id: Option<String>,
    group_key: Option<String>,
    timestamp: Option<String>,
    properties: Option<String>,
    timestamp_unit: Option<TimestampUnit>,
    timezone: Option<String>,
}

impl TableRequest {
    /// The type of the groups, if they are groups, and the options.
    fn understood(self, py: Python<'_>) -> PyResult<(Option<String>, TableOptions)> {
        let as_of = moment(self.as_of.as_deref()).map_err(|error| exception(py, &error))?;
        let options = TableOptions {
            as_of,
            format: self.format,
            strict: self.strict,
            distinct_id: self.distinct_id,
            person_id: self.person_id,
            group_key: self.group_key,
            timestamp: self.timestamp,
            properties: self.properties,
            timestamp_unit: self.timestamp_unit,
            timezone: self.timezone,
        };
        Ok((self.group_type, options))
    }
}

#[pymethods]
impl Lab {
    #[staticmethod]
    fn init(py: Python<'_>, directory: PathBuf, wait: f64) -> PyResult<Self> {
        Self::begin(py, wait, || Engine::init(directory))
    }

    #[staticmethod]
    fn open(py: Python<'_>, directory: PathBuf, wait: f64) -> PyResult<Self> {
        Self::begin(py, wait, || Engine::open(directory))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.hold(py).map(|mut engine| drop(engine.take()))
    }

    #[getter]
    fn is_closed(&self) -> bool {
        // A lab in use is open; asking must not wait.
        self.engine.try_lock().is_ok_and(|engine| engine.is_none())
    }

    fn ingest_files(
        &self,
        py: Python<'_>,
        files: Vec<String>,
        options: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        self.ingest(py, Source::Files(files), options, progress)
    }

    fn ingest_frame(&self, frame: &Bound<'_, PyAny>, options: &str, progress: Option<Py<PyAny>>) -> PyResult<String> {
        self.ingest(frame.py(), arrow::import(frame)?, options, progress)
    }

    fn ingest_table_files(
        &self,
        py: Python<'_>,
        files: Vec<String>,
        options: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        self.ingest_table(py, Source::Files(files), options, progress)
    }

    fn ingest_table_frame(
        &self,
        frame: &Bound<'_, PyAny>,
        options: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        self.ingest_table(frame.py(), arrow::import(frame)?, options, progress)
    }

    fn person(&self, py: Python<'_>, distinct_id: &str) -> PyResult<String> {
        self.run(py, |engine| engine.person(distinct_id)).and_then(|person| json(&person))
    }

    fn group(&self, py: Python<'_>, group_type: &str, group_key: &str) -> PyResult<String> {
        self.run(py, |engine| engine.group(group_type, group_key)).and_then(|group| json(&group))
    }

    fn attach(&self, py: Python<'_>, pattern: &str, mapping: &str) -> PyResult<String> {
        let mapping: ColumnMapping = read(py, "mapping", mapping)?;
        self.run(py, |engine| engine.attach(pattern, &mapping)).and_then(|report| json(&report))
    }

    fn detach(&self, py: Python<'_>, pattern: &str) -> PyResult<u64> {
        self.run(py, |engine| engine.detach(pattern))
    }

    fn state(&self, py: Python<'_>) -> PyResult<String> {
        self.run(py, |engine| engine.data_state()).and_then(|state| json(&shown_state(&state)))
    }

    fn event_names(&self, py: Python<'_>, limit: u32) -> PyResult<Vec<(String, u64)>> {
        self.run(py, |engine| engine.event_names(limit))
    }

    fn settings(&self, py: Python<'_>) -> PyResult<String> {
        self.run(py, Engine::settings).and_then(|settings| json(&settings))
    }

    fn set_settings(&self, py: Python<'_>, settings: &str) -> PyResult<()> {
        let settings: LabSettings = read(py, "settings", settings)?;
        self.run(py, |engine| engine.set_settings(&settings, now(), None))
    }

    fn create_experiment(&self, py: Python<'_>, definition: &str) -> PyResult<String> {
        let definition = read(py, "definition", definition)?;
        self.change(py, |engine| engine.create_experiment(CreateExperiment::from_json(definition)?, now(), None))
    }

    fn create_experiment_from_yaml(&self, py: Python<'_>, definition: &str) -> PyResult<String> {
        self.change(py, |engine| engine.create_experiment(CreateExperiment::from_yaml(definition)?, now(), None))
    }

    fn experiments(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let shown = |engine: &mut Engine| {
            let experiments = engine.experiments()?;
            experiments.iter().map(|experiment| shown(engine, experiment)).collect::<abduck::Result<Vec<_>>>()
        };
        self.run(py, shown)?.iter().map(json).collect()
    }

    fn experiment(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.change(py, |engine| engine.experiment(key))
    }

    fn launch(&self, py: Python<'_>, key: &str, at: Option<&str>) -> PyResult<String> {
        self.change(py, |engine| engine.launch(key, moment(at)?, now(), None))
    }

    fn end(&self, py: Python<'_>, key: &str, at: Option<&str>) -> PyResult<String> {
        self.change(py, |engine| {
            let ending = Ending { at: moment(at)?, conclusion: None, comment: None };
            engine.end(key, ending, now(), None)
        })
    }

    fn results(&self, py: Python<'_>, key: &str, refresh: bool, as_of: Option<&str>) -> PyResult<ExperimentResult> {
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh };
        self.run(py, |engine| engine.results(key, &request(moment(as_of)?))).map(|result| ExperimentResult { result })
    }

    fn secondary_results(
        &self,
        py: Python<'_>,
        key: &str,
        index: &str,
        refresh: bool,
        as_of: Option<&str>,
    ) -> PyResult<SecondaryResult> {
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh };
        let index = Value::from(index);
        self.run(py, |engine| engine.secondary_results(key, Some(&index), &request(moment(as_of)?)))
            .map(|result| SecondaryResult { result })
    }

    fn exposures(&self, py: Python<'_>, key: &str, as_of: Option<&str>) -> PyResult<Exposures> {
        let batches = self.run(py, |engine| {
            let mut batches = Vec::new();
            engine.exposures(key, moment(as_of)?, &mut |persons| {
                let batch = exposures::batch(persons).map_err(|error| Error::bug(error.to_string()))?;
                batches.push(batch);
                Ok(())
            })?;
            Ok(batches)
        });
        batches.map(|batches| Exposures { batches })
    }

    fn requires_flag_implementation(
        &self,
        py: Python<'_>,
        key: &str,
        any_flag: bool,
        as_of: Option<&str>,
    ) -> PyResult<bool> {
        self.run(py, |engine| {
            let experiment = engine.experiment(key)?;
            let flag_key = (!any_flag).then_some(experiment.feature_flag_key.as_str());
            engine.requires_flag_implementation(&experiment.filters, flag_key, moment(as_of)?)
        })
    }

    fn explain(&self, py: Python<'_>, key: &str, as_of: Option<&str>, run: bool) -> PyResult<(String, String)> {
        let explanation = self.run(py, |engine| engine.explain(key, moment(as_of)?, run))?;
        Ok((json(&explanation)?, report::explanation(&explanation, None)))
    }
}

impl Lab {
    fn begin(py: Python<'_>, wait: f64, open: impl FnOnce() -> abduck::Result<Engine> + Send) -> PyResult<Self> {
        let invalid = || Error::invalid_field("wait", "invalid", "wait must be a number of seconds, 0 or more");
        let opened = py.detach(|| {
            let patience = Duration::try_from_secs_f64(wait).map_err(|_| invalid())?;
            open()?.waiting_at_most(patience)
        });
        let engine = opened.map_err(|error| exception(py, &error))?;
        Ok(Self {
            interrupt: engine.interrupt(),
            directory: engine.directory().to_owned(),
            engine: Mutex::new(Some(engine)),
            user: Mutex::new(None),
            process: process::id(),
        })
    }

    /// Does something with the engine.
    fn run<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Engine) -> abduck::Result<T> + Send) -> PyResult<T> {
        self.run_with_progress(py, |engine, _| work(engine), None)
    }

    /// Does something that returns an experiment.
    fn change(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine) -> abduck::Result<Experiment> + Send,
    ) -> PyResult<String> {
        let changed = self.run(py, |engine| {
            let experiment = work(engine)?;
            shown(engine, &experiment)
        });
        changed.and_then(|experiment| json(&experiment))
    }

    fn ingest(&self, py: Python<'_>, source: Source, options: &str, progress: Option<Py<PyAny>>) -> PyResult<String> {
        let Options { mapping, format, strict } = read(py, "options", options)?;
        let options = IngestOptions { mapping, format, strict };
        let report = self.run_with_progress(py, |engine, tell| engine.ingest(source, &options, tell), progress);
        report.and_then(|report| json(&report))
    }

    fn ingest_table(
        &self,
        py: Python<'_>,
        source: Source,
        options: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let (group_type, options) = read::<TableRequest>(py, "options", options)?.understood(py)?;
        let report = self.run_with_progress(
            py,
            |engine, tell| match &group_type {
                Some(group_type) => engine.ingest_groups(source, group_type, &options, tell),
                None => engine.ingest_persons(source, &options, tell),
            },
            progress,
        );
        report.and_then(|report| json(&report))
    }

    fn run_with_progress<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine, &mut dyn FnMut(Progress)) -> abduck::Result<T> + Send,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<T> {
        let mut held = self.hold(py)?;
        let engine = held.as_mut().ok_or_else(|| exception(py, &closed()))?;
        self.interrupt.clear();
        self.set_user(Some(thread::current().id()));
        let on_news = move |py: Python<'_>, news| progress.as_ref().map_or(Ok(()), |progress| tell(py, progress, news));
        let done = wait(py, &self.interrupt, |tell| work(engine, tell), on_news);
        self.set_user(None);
        done
    }

    fn user(&self) -> Option<ThreadId> {
        *self.user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_user(&self, user: Option<ThreadId>) {
        *self.user.lock().unwrap_or_else(PoisonError::into_inner) = user;
    }

    /// The engine, once other threads are done with it.
    fn hold(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Option<Engine>>> {
        if self.process != process::id() {
            return Err(exception(py, &forked()));
        }
        loop {
            match self.engine.try_lock() {
                Ok(engine) => return Ok(engine),
                Err(TryLockError::Poisoned(engine)) => return Ok(PoisonError::into_inner(engine)),
                Err(TryLockError::WouldBlock) if self.user() == Some(thread::current().id()) => {
                    return Err(exception(py, &occupied()));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            py.check_signals()?;
            py.detach(|| thread::sleep(PAUSE));
        }
    }
}

/// A column mapping from a YAML or JSON file, as JSON.
#[pyfunction]
pub(crate) fn read_mapping(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    ColumnMapping::from_file(path).map_err(|error| exception(py, &error)).and_then(|mapping| json(&mapping))
}

/// A value from JSON text; `field` is where it comes from, for messages.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(py: Python<'_>, field: &str, text: &str) -> PyResult<T> {
    let invalid = |error: serde_json::Error| Error::invalid_field(field, "invalid_input", error.to_string());
    serde_json::from_str(text).map_err(|error| exception(py, &invalid(error)))
}

/// JSON text.
pub(crate) fn json(value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

fn tell(py: Python<'_>, progress: &Py<PyAny>, news: Progress) -> PyResult<()> {
    let stage = format!("{:?}", news.stage).to_lowercase();
    progress.call1(py, (stage, news.file, news.bytes_read, news.bytes_total)).map(drop)
}

/// An experiment with its status and its flag.
fn shown(engine: &mut Engine, experiment: &Experiment) -> abduck::Result<Value> {
    let flag = engine.flag_of(experiment)?;
    let mut shown = value!(experiment);
    shown["status"] = value!(experiment.status(now()));
    shown["feature_flag"] = value!(flag);
    Ok(shown)
}

fn shown_state(state: &DataState) -> Value {
    let change = |change: Change| match change {
        Change::Altered => "altered",
        Change::Vanished => "vanished",
        Change::Appeared => "appeared",
    };
    value!({
        "data_version": state.data_version,
        "event_count": state.event_count,
        "person_count": state.person_count,
        "group_types": state.group_types,
        "first_event": state.first_event,
        "last_event": state.last_event,
        "attached": state.attached,
        "attached_changes": state.attached_changes.iter().map(|file| (&file.path, change(file.change))).collect::<Vec<_>>(),
    })
}

fn closed() -> Error {
    Error::not_allowed("the lab is closed").hint("open it again with abduck.open")
}

fn forked() -> Error {
    Error::not_allowed("the lab was opened by the process that this one was forked from")
        .hint("open it again with abduck.open in each process")
}

fn occupied() -> Error {
    Error::not_allowed("a progress function cannot use the lab whose progress it is told")
        .hint("use the lab when the ingest has ended")
}
