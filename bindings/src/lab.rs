//! An open lab.

use std::path::PathBuf;
use std::time::Duration;

use abduck::events::{ColumnMapping, Format, TimestampUnit};
use abduck::model::action::{CreateAction, UpdateAction};
use abduck::model::cohort::{CreateCohort, UpdateCohort};
use abduck::model::document::{self, Document};
use abduck::model::experiment::{CreateWebExperiment, UpdateExperiment};
use abduck::model::flag::{CreateFlag, UpdateFlag};
use abduck::model::holdout::{CreateHoldout, UpdateHoldout};
use abduck::model::saved_metric::{CreateSavedMetric, UpdateSavedMetric};
use abduck::model::settings::LabSettings;
use abduck::report;
use abduck::results::UnitSelection;
use abduck::stats::modern::sequential::Layout;
use abduck::stats::past::Goal;
use abduck::{
    Backfill, CreateExperiment, Engine, Error, Experiment, IngestOptions, PastQuestion, PlotMetric, ResultsRequest,
    Source, TableOptions,
};
use jiff::Timestamp;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::arrow;
use crate::assignments::{self, AssignmentAudit};
use crate::audit::AuditLog;
use crate::decision::Decision;
use crate::definitions::{all_shown, copy, ending, shown, shown_state};
use crate::errors::exception;
use crate::exposures::{self, Exposures};
use crate::flag::{Evaluations, Known, evaluate_rows};
use crate::history::{self, ResultHistory};
use crate::modern::{ExposureView, ListedUnits, MetricSeries, Reconciliation};
use crate::moment::{moment, now};
use crate::plot::{formed, plot_kind};
use crate::result::{ExperimentResult, ListedResult, SecondaryResult};
use crate::session::Session;
use crate::tables;

/// An open lab, which one thread at a time may use.
#[pyclass(frozen, module = "abduck._engine")]
pub(crate) struct Lab {
    session: Session,
    /// Who makes the changes.
    #[pyo3(get)]
    by: Option<String>,
}

/// How an ingest is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    mapping: ColumnMapping,
    format: Option<Format>,
    strict: bool,
}

/// Which units are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    variant: Option<String>,
    step: Option<usize>,
    dropped: bool,
    left_out: bool,
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
    fn init(py: Python<'_>, directory: PathBuf, wait: f64, by: Option<String>) -> PyResult<Self> {
        Session::begin(py, wait, || Engine::init(directory)).map(|session| Self { session, by })
    }

    #[staticmethod]
    fn open(py: Python<'_>, directory: PathBuf, wait: f64, by: Option<String>) -> PyResult<Self> {
        Session::begin(py, wait, || Engine::open(directory)).map(|session| Self { session, by })
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.session.close(py)
    }

    #[getter]
    fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    #[getter]
    fn directory(&self) -> PathBuf {
        self.session.directory.clone()
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

    fn load_table_files(&self, py: Python<'_>, files: Vec<String>, request: &str) -> PyResult<String> {
        tables::load(&self.session, py, Source::Files(files), read(py, "request", request)?)
            .and_then(|report| json(&report))
    }

    fn load_table_frame(&self, frame: &Bound<'_, PyAny>, request: &str) -> PyResult<String> {
        let (py, source) = (frame.py(), arrow::import(frame)?);
        tables::load(&self.session, py, source, read(py, "request", request)?).and_then(|report| json(&report))
    }

    fn tables(&self, py: Python<'_>) -> PyResult<String> {
        self.tell(py, |engine| engine.tables())
    }

    fn drop_table(&self, py: Python<'_>, name: &str) -> PyResult<u64> {
        self.session.run(py, |engine| engine.drop_table(name))
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
        self.session.run(py, |engine| engine.person(distinct_id)).and_then(|person| json(&person))
    }

    fn group(&self, py: Python<'_>, group_type: &str, group_key: &str) -> PyResult<String> {
        self.session.run(py, |engine| engine.group(group_type, group_key)).and_then(|group| json(&group))
    }

    fn attach(&self, py: Python<'_>, pattern: &str, mapping: &str) -> PyResult<String> {
        let mapping: ColumnMapping = read(py, "mapping", mapping)?;
        self.tell(py, |engine| engine.attach(pattern, &mapping))
    }

    fn detach(&self, py: Python<'_>, pattern: &str) -> PyResult<u64> {
        self.session.run(py, |engine| engine.detach(pattern))
    }

    fn state(&self, py: Python<'_>) -> PyResult<String> {
        self.tell(py, |engine| engine.data_state().map(|state| shown_state(&state)))
    }

    fn event_names(&self, py: Python<'_>, limit: u32) -> PyResult<Vec<(String, u64)>> {
        self.session.run(py, |engine| engine.event_names(limit))
    }

    fn settings(&self, py: Python<'_>) -> PyResult<String> {
        self.tell(py, Engine::settings)
    }

    fn set_settings(&self, py: Python<'_>, settings: &str) -> PyResult<()> {
        let settings: LabSettings = read(py, "settings", settings)?;
        self.session.run(py, |engine| engine.set_settings(&settings, now(), self.by()))
    }

    fn create_experiment(&self, py: Python<'_>, definition: &str) -> PyResult<String> {
        let definition = read(py, "definition", definition)?;
        self.tell_experiment(py, |engine| {
            engine.create_experiment(CreateExperiment::from_json(definition)?, now(), self.by())
        })
    }

    fn create_experiment_from_yaml(&self, py: Python<'_>, definition: &str) -> PyResult<String> {
        self.tell_experiment(py, |engine| {
            engine.create_experiment(CreateExperiment::from_yaml(definition)?, now(), self.by())
        })
    }

    fn create_web_experiment(&self, py: Python<'_>, definition: &str) -> PyResult<String> {
        let definition = read(py, "definition", definition)?;
        self.tell_experiment(py, |engine| {
            engine.create_web_experiment(CreateWebExperiment::from_json(definition)?, now(), self.by())
        })
    }

    fn update_experiment(&self, py: Python<'_>, key: &str, fields: &str) -> PyResult<String> {
        let fields = read(py, "fields", fields)?;
        self.tell_experiment(py, |engine| {
            engine.update_experiment(key, UpdateExperiment::from_json(fields)?, now(), self.by())
        })
    }

    fn experiments(&self, py: Python<'_>) -> PyResult<String> {
        self.tell_experiments(py, Engine::experiments)
    }

    fn web_experiments(&self, py: Python<'_>) -> PyResult<String> {
        self.tell_experiments(py, Engine::web_experiments)
    }

    fn experiment(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell_experiment(py, |engine| engine.experiment(key))
    }

    fn launch(&self, py: Python<'_>, key: &str, at: Option<&str>) -> PyResult<String> {
        self.tell_experiment(py, |engine| engine.launch(key, moment(at)?, now(), self.by()))
    }

    fn end(
        &self,
        py: Python<'_>,
        key: &str,
        at: Option<&str>,
        conclusion: Option<&str>,
        comment: Option<&str>,
    ) -> PyResult<String> {
        self.tell_experiment(py, |engine| engine.end(key, ending(at, conclusion, comment)?, now(), self.by()))
    }

    fn ship(
        &self,
        py: Python<'_>,
        key: &str,
        variant: &str,
        at: Option<&str>,
        conclusion: Option<&str>,
        comment: Option<&str>,
    ) -> PyResult<String> {
        self.tell_experiment(py, |engine| engine.ship(key, variant, ending(at, conclusion, comment)?, now(), self.by()))
    }

    fn pause(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell_experiment(py, |engine| engine.pause(key, now(), self.by()))
    }

    fn resume(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell_experiment(py, |engine| engine.resume(key, now(), self.by()))
    }

    fn reset(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell_experiment(py, |engine| engine.reset(key, now(), self.by()))
    }

    fn archive(&self, py: Python<'_>, key: &str, archived: bool) -> PyResult<String> {
        self.tell_experiment(py, |engine| engine.archive(key, archived, now(), self.by()))
    }

    fn duplicate(&self, py: Python<'_>, key: &str, feature_flag_key: &str, name: Option<&str>) -> PyResult<String> {
        self.tell_experiment(py, |engine| engine.duplicate(key, copy(feature_flag_key, name)?, now(), self.by()))
    }

    fn delete_experiment(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.session.run(py, |engine| engine.delete_experiment(key, now(), self.by()))
    }

    fn results(
        &self,
        py: Python<'_>,
        key: &str,
        refresh: bool,
        as_of: Option<&str>,
        max_age: Option<f64>,
    ) -> PyResult<ExperimentResult> {
        let max_age = max_age.map(|seconds| self::seconds(py, "max_age", seconds)).transpose()?;
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh, max_age };
        self.session
            .run(py, |engine| engine.results(key, &request(moment(as_of)?)))
            .map(|result| ExperimentResult { result })
    }

    fn secondary_results(
        &self,
        py: Python<'_>,
        key: &str,
        index: &str,
        refresh: bool,
        as_of: Option<&str>,
        max_age: Option<f64>,
    ) -> PyResult<SecondaryResult> {
        let max_age = max_age.map(|seconds| self::seconds(py, "max_age", seconds)).transpose()?;
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh, max_age };
        let index = Value::from(index);
        self.session
            .run(py, |engine| engine.secondary_results(key, Some(&index), &request(moment(as_of)?)))
            .map(|result| SecondaryResult { result })
    }

    fn metrics(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.session.run(py, |engine| engine.metrics(key)).and_then(|entries| json(&entries))
    }

    fn metric_results(
        &self,
        py: Python<'_>,
        key: &str,
        metric: &str,
        refresh: bool,
        as_of: Option<&str>,
        max_age: Option<f64>,
    ) -> PyResult<ListedResult> {
        let max_age = max_age.map(|seconds| self::seconds(py, "max_age", seconds)).transpose()?;
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh, max_age };
        self.session
            .run(py, |engine| engine.metric_results(key, metric, &request(moment(as_of)?)))
            .map(|result| ListedResult { result })
    }

    fn try_metric(&self, py: Python<'_>, key: &str, metric: &str, as_of: Option<&str>) -> PyResult<ExperimentResult> {
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh: false, max_age: None };
        self.session
            .run(py, |engine| engine.try_metric(key, &metric, &request(moment(as_of)?)))
            .map(|result| ExperimentResult { result })
    }

    fn metric_series(&self, py: Python<'_>, key: &str, metric: &str, as_of: Option<&str>) -> PyResult<MetricSeries> {
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh: false, max_age: None };
        self.session
            .run(py, |engine| engine.metric_series(key, &metric, &request(moment(as_of)?)))
            .map(|series| MetricSeries { series })
    }

    fn exposure_view(
        &self,
        py: Python<'_>,
        key: &str,
        as_of: Option<&str>,
        segments: Vec<String>,
    ) -> PyResult<ExposureView> {
        self.session
            .run(py, move |engine| engine.exposure_view(key, moment(as_of)?, &segments))
            .map(|view| ExposureView { view })
    }

    fn remaining(
        &self,
        py: Python<'_>,
        key: &str,
        metric: &str,
        as_of: Option<&str>,
        lift: f64,
        power: f64,
    ) -> PyResult<(String, String)> {
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh: false, max_age: None };
        let remaining =
            self.session.run(py, |engine| engine.remaining(key, &metric, &request(moment(as_of)?), lift, power))?;
        Ok((json(&remaining)?, report::remaining(&remaining, None)))
    }

    fn plan_from_past(
        &self,
        py: Python<'_>,
        metric: &str,
        exposure: &str,
        as_of: Option<&str>,
        asked: (u32, f64, f64, f64, u32, bool),
    ) -> PyResult<(String, String)> {
        let (days, lift, power, alpha, variants, filter_test_accounts) = asked;
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        let goal = Goal { lift, power, variants, layout: Layout { alpha, ..Layout::default() } };
        let question = PastQuestion { exposure: read(py, "exposure", exposure)?, days, filter_test_accounts, goal };
        let plan = self.session.run(py, |engine| engine.plan_from_past(&metric, &question, moment(as_of)?))?;
        Ok((json(&plan)?, report::past_plan(&plan, None)))
    }

    fn learn_prior(&self, py: Python<'_>, key: &str, metric: &str, as_of: Option<&str>) -> PyResult<(String, String)> {
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh: false, max_age: None };
        let prior = self.session.run(py, |engine| engine.learn_prior(key, &metric, &request(moment(as_of)?)))?;
        Ok((json(&prior)?, report::prior(&prior, None)))
    }

    fn influence(
        &self,
        py: Python<'_>,
        key: &str,
        metric: &str,
        as_of: Option<&str>,
        top: usize,
    ) -> PyResult<(String, String)> {
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        let influence = self.session.run(py, |engine| engine.influence(key, &metric, moment(as_of)?, top))?;
        Ok((json(&influence)?, report::influence(&influence, None)))
    }

    fn calibrate(
        &self,
        py: Python<'_>,
        key: &str,
        metric: &str,
        as_of: Option<&str>,
        rounds: u32,
        lift: f64,
    ) -> PyResult<(String, String)> {
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        let calibration =
            self.session.run(py, |engine| engine.calibrate(key, &metric, moment(as_of)?, rounds, lift))?;
        Ok((json(&calibration)?, report::calibration(&calibration, None)))
    }

    fn decide(&self, py: Python<'_>, key: &str, as_of: Option<&str>) -> PyResult<Decision> {
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh: false, max_age: None };
        self.session
            .run(py, |engine| engine.decide(key, &request(moment(as_of)?)))
            .map(|decision| Decision { decision })
    }

    /// `metric` is the definition of one, `listed` the name of one that the experiment has.
    #[pyo3(signature = (key, kind, metric, listed, as_of))]
    fn plot(
        &self,
        py: Python<'_>,
        key: &str,
        kind: &str,
        metric: Option<&str>,
        listed: Option<&str>,
        as_of: Option<&str>,
    ) -> PyResult<String> {
        let given: Option<Map<String, Value>> = metric.map(|metric| read(py, "metric", metric)).transpose()?;
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh: false, max_age: None };
        self.session.run(py, |engine| {
            let metric = match (&given, listed) {
                (Some(given), _) => PlotMetric::Given(given),
                (None, Some(listed)) => PlotMetric::Listed(listed),
                (None, None) => PlotMetric::Leading,
            };
            engine.plot(key, metric, plot_kind(kind)?, &request(moment(as_of)?))
        })
    }

    fn report(&self, py: Python<'_>, key: &str, form: &str, as_of: Option<&str>) -> PyResult<String> {
        let request = |as_of: Timestamp| ResultsRequest { as_of, now: now(), refresh: false, max_age: None };
        self.session.run(py, |engine| formed(&engine.report(key, &request(moment(as_of)?))?, form))
    }

    fn units(
        &self,
        py: Python<'_>,
        key: &str,
        metric: &str,
        as_of: Option<&str>,
        selection: &str,
    ) -> PyResult<ListedUnits> {
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        let Selection { variant, step, dropped, left_out } = read(py, "selection", selection)?;
        let selection = UnitSelection { variant, step, dropped, left_out };
        let units = self.session.run(py, |engine| {
            let mut units = Vec::new();
            engine.units(key, &metric, moment(as_of)?, &selection, &mut |unit| {
                units.push(unit.clone());
                Ok(())
            })?;
            Ok(units)
        });
        units.map(|units| ListedUnits { units })
    }

    fn reconcile(&self, py: Python<'_>, key: &str, metric: &str, as_of: Option<&str>) -> PyResult<Reconciliation> {
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        self.session
            .run(py, |engine| engine.reconcile(key, &metric, moment(as_of)?))
            .map(|reconciliation| Reconciliation { reconciliation })
    }

    fn explain_unit(
        &self,
        py: Python<'_>,
        key: &str,
        metric: &str,
        unit: &str,
        as_of: Option<&str>,
    ) -> PyResult<(String, String)> {
        let metric: Map<String, Value> = read(py, "metric", metric)?;
        let told = self.session.run(py, |engine| engine.explain_unit(key, &metric, unit, moment(as_of)?))?;
        Ok((json(&told)?, report::unit_explanation(&told, None)))
    }

    fn modern_metric(&self, py: Python<'_>, key: &str, metric: Option<&str>) -> PyResult<String> {
        self.session.run(py, |engine| engine.modern_metric(key, metric)).and_then(|metric| json(&metric))
    }

    fn exposures(&self, py: Python<'_>, key: &str, as_of: Option<&str>) -> PyResult<Exposures> {
        let batches = self.session.run(py, |engine| {
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
        self.session.run(py, |engine| {
            let experiment = engine.experiment(key)?;
            let flag_key = (!any_flag).then_some(experiment.feature_flag_key.as_str());
            engine.requires_flag_implementation(&experiment.filters, flag_key, moment(as_of)?)
        })
    }

    fn history(&self, py: Python<'_>, key: &str) -> PyResult<ResultHistory> {
        self.session.run(py, |engine| engine.history(key)).map(|history| ResultHistory { history })
    }

    fn backfill_history(
        &self,
        py: Python<'_>,
        key: &str,
        interval: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(u64, u64)> {
        let interval = history::interval(interval).map_err(|error| exception(py, &error))?;
        let tell = move |py: Python<'_>, done: Backfill| history::tell(py, progress.as_ref(), done);
        let work = |engine: &mut Engine, progress: &mut dyn FnMut(Backfill)| {
            engine.backfill_history(key, interval, now(), progress)
        };
        self.session.run_with_news(py, work, tell).map(|done| (done.computed, done.missing))
    }

    fn audit(
        &self,
        py: Python<'_>,
        key: &str,
        as_of: Option<&str>,
        examples: usize,
        disagreements: Option<PathBuf>,
    ) -> PyResult<AssignmentAudit> {
        self.session
            .run(py, |engine| assignments::audit(engine, key, moment(as_of)?, examples, disagreements))
            .map(|audit| AssignmentAudit { audit })
    }

    fn explain(
        &self,
        py: Python<'_>,
        key: &str,
        as_of: Option<&str>,
        run: bool,
        metric: Option<&str>,
    ) -> PyResult<(String, String)> {
        let explanation = self.session.run(py, |engine| engine.explain(key, metric, moment(as_of)?, run))?;
        Ok((json(&explanation)?, report::explanation(&explanation, None)))
    }

    fn flags(&self, py: Python<'_>) -> PyResult<String> {
        self.tell(py, Engine::flags)
    }

    fn flag(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell(py, |engine| engine.flag(key))
    }

    fn create_flag(&self, py: Python<'_>, definition: &str) -> PyResult<String> {
        let definition = read(py, "definition", definition)?;
        self.tell(py, |engine| engine.create_flag(CreateFlag::from_json(definition)?, now(), self.by()))
    }

    fn update_flag(&self, py: Python<'_>, key: &str, fields: &str) -> PyResult<String> {
        let fields = read(py, "fields", fields)?;
        self.tell(py, |engine| engine.update_flag(key, UpdateFlag::from_json(fields)?, now(), self.by()))
    }

    fn delete_flag(&self, py: Python<'_>, key: &str, deleted: bool) -> PyResult<String> {
        self.tell(py, |engine| engine.delete_flag(key, deleted, now(), self.by()))
    }

    fn evaluate_flag(&self, py: Python<'_>, key: &str, person: &str, as_of: Option<&str>) -> PyResult<String> {
        let person: Known = read(py, "person", person)?;
        let (evaluator, known) = self.session.run(py, |engine| {
            let evaluator = engine.flag_evaluator(key, moment(as_of)?)?;
            Ok((evaluator, engine.known_subject(key, &person.distinct_id, person.groups.clone())?))
        })?;
        person.evaluate_on(&evaluator, known)
    }

    fn evaluate_flag_frame(
        &self,
        key: &str,
        frame: &Bound<'_, PyAny>,
        id_column: String,
        as_of: Option<&str>,
    ) -> PyResult<Evaluations> {
        let evaluator = self.session.run(frame.py(), |engine| engine.flag_evaluator_for_rows(key, moment(as_of)?))?;
        evaluate_rows(&evaluator, frame, id_column)
    }

    fn holdouts(&self, py: Python<'_>) -> PyResult<String> {
        self.tell(py, Engine::holdouts)
    }

    fn holdout(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell(py, |engine| engine.holdout(key))
    }

    fn experiments_of_holdout(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell_experiments(py, |engine| {
            let holdout = engine.holdout(key)?;
            engine.experiments_of_holdout(&holdout)
        })
    }

    fn create_holdout(&self, py: Python<'_>, definition: &str) -> PyResult<String> {
        let definition = read(py, "definition", definition)?;
        self.tell(py, |engine| engine.create_holdout(CreateHoldout::from_json(definition)?, now(), self.by()))
    }

    fn update_holdout(&self, py: Python<'_>, key: &str, fields: &str) -> PyResult<String> {
        let fields = read(py, "fields", fields)?;
        self.tell(py, |engine| engine.update_holdout(key, UpdateHoldout::from_json(fields)?, now(), self.by()))
    }

    fn delete_holdout(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.session.run(py, |engine| engine.delete_holdout(key, now(), self.by()))
    }

    fn saved_metrics(&self, py: Python<'_>) -> PyResult<String> {
        self.tell(py, Engine::saved_metrics)
    }

    fn saved_metric(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell(py, |engine| engine.saved_metric(key))
    }

    fn create_saved_metric(&self, py: Python<'_>, definition: &str) -> PyResult<String> {
        let definition = read(py, "definition", definition)?;
        self.tell(py, |engine| engine.create_saved_metric(CreateSavedMetric::from_json(definition)?, now(), self.by()))
    }

    fn update_saved_metric(&self, py: Python<'_>, key: &str, fields: &str) -> PyResult<String> {
        let fields = read(py, "fields", fields)?;
        self.tell(py, |engine| engine.update_saved_metric(key, UpdateSavedMetric::from_json(fields)?, now(), self.by()))
    }

    fn delete_saved_metric(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.session.run(py, |engine| engine.delete_saved_metric(key, now(), self.by()))
    }

    fn actions(&self, py: Python<'_>) -> PyResult<String> {
        self.tell(py, Engine::actions)
    }

    fn action(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell(py, |engine| engine.action(key))
    }

    fn create_action(&self, py: Python<'_>, definition: &str) -> PyResult<String> {
        let definition = read(py, "definition", definition)?;
        self.tell(py, |engine| engine.create_action(CreateAction::from_json(definition)?, now(), self.by()))
    }

    fn update_action(&self, py: Python<'_>, key: &str, fields: &str) -> PyResult<String> {
        let fields = read(py, "fields", fields)?;
        self.tell(py, |engine| engine.update_action(key, UpdateAction::from_json(fields)?, now(), self.by()))
    }

    fn delete_action(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.session.run(py, |engine| engine.delete_action(key, now(), self.by()))
    }

    fn cohorts(&self, py: Python<'_>) -> PyResult<String> {
        self.tell(py, Engine::cohorts)
    }

    fn cohort(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell(py, |engine| engine.cohort(key))
    }

    fn cohort_members(&self, py: Python<'_>, key: &str) -> PyResult<Vec<String>> {
        self.session.run(py, |engine| engine.listed_members(key))
    }

    fn cohort_persons(
        &self,
        py: Python<'_>,
        key: &str,
        as_defined: bool,
        as_of: Option<&str>,
    ) -> PyResult<Vec<(u32, String)>> {
        let members = self.session.run(py, |engine| engine.members_of_cohort(key, as_defined, moment(as_of)?))?;
        Ok(members.into_iter().map(|member| (member.person_id, member.distinct_id)).collect())
    }

    fn create_exposure_cohort(&self, py: Python<'_>, key: &str) -> PyResult<String> {
        self.tell(py, |engine| engine.create_exposure_cohort(key, now(), self.by()))
    }

    fn create_cohort(&self, py: Python<'_>, definition: &str, members: Vec<String>) -> PyResult<String> {
        let definition = read(py, "definition", definition)?;
        self.tell(py, move |engine| {
            engine.create_cohort(CreateCohort::from_json(definition)?, &members, now(), self.by())
        })
    }

    fn update_cohort(&self, py: Python<'_>, key: &str, fields: &str) -> PyResult<String> {
        let fields = read(py, "fields", fields)?;
        self.tell(py, |engine| engine.update_cohort(key, UpdateCohort::from_json(fields)?, now(), self.by()))
    }

    fn change_cohort_members(
        &self,
        py: Python<'_>,
        key: &str,
        added: Vec<String>,
        removed: Vec<String>,
    ) -> PyResult<String> {
        self.tell(py, move |engine| {
            engine.change_cohort_members(key, &added, &removed, now(), self.by())?;
            engine.cohort(key)
        })
    }

    fn delete_cohort(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.session.run(py, |engine| engine.delete_cohort(key, now(), self.by()))
    }

    fn audit_log(&self, py: Python<'_>, limit: u32) -> PyResult<AuditLog> {
        self.session.run(py, |engine| engine.audit_log(limit)).map(|entries| AuditLog { entries })
    }

    fn audit_log_of_experiment(&self, py: Python<'_>, key: &str) -> PyResult<AuditLog> {
        self.session.run(py, |engine| engine.audit_log_of_experiment(key)).map(|entries| AuditLog { entries })
    }

    fn apply_text(&self, py: Python<'_>, text: &str, file: &str, dry_run: bool) -> PyResult<String> {
        self.apply(py, move || Document::from_text(text, file), dry_run)
    }

    fn apply_path(&self, py: Python<'_>, path: PathBuf, dry_run: bool) -> PyResult<String> {
        self.apply(py, move || abduck::read_documents(&path), dry_run)
    }

    fn export(&self, py: Python<'_>, keys: Vec<String>) -> PyResult<String> {
        self.session.run(py, move |engine| document::to_yaml(&engine.export(&keys)?))
    }

    fn export_to(&self, py: Python<'_>, directory: PathBuf, keys: Vec<String>, force: bool) -> PyResult<Vec<PathBuf>> {
        self.session.run(py, move |engine| abduck::write_documents(&engine.export(&keys)?, &directory, force))
    }
}

impl Lab {
    fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }

    /// Does something, and returns what came out as JSON.
    fn tell<T: Serialize + Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine) -> abduck::Result<T> + Send,
    ) -> PyResult<String> {
        self.session.run(py, work).and_then(|told| json(&told))
    }

    /// Does something that returns an experiment.
    fn tell_experiment(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine) -> abduck::Result<Experiment> + Send,
    ) -> PyResult<String> {
        self.tell(py, |engine| {
            let experiment = work(engine)?;
            shown(engine, &experiment)
        })
    }

    /// Does something that returns experiments.
    fn tell_experiments(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine) -> abduck::Result<Vec<Experiment>> + Send,
    ) -> PyResult<String> {
        self.tell(py, |engine| {
            let experiments = work(engine)?;
            all_shown(engine, &experiments)
        })
    }

    fn ingest(&self, py: Python<'_>, source: Source, options: &str, progress: Option<Py<PyAny>>) -> PyResult<String> {
        let Options { mapping, format, strict } = read(py, "options", options)?;
        let options = IngestOptions { mapping, format, strict };
        let ingest = |engine: &mut Engine, tell: &mut dyn FnMut(_)| engine.ingest(source, &options, tell);
        self.session.run_with_progress(py, ingest, progress).and_then(|report| json(&report))
    }

    fn ingest_table(
        &self,
        py: Python<'_>,
        source: Source,
        options: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let (group_type, options) = read::<TableRequest>(py, "options", options)?.understood(py)?;
        let report = self.session.run_with_progress(
            py,
            |engine, tell| match &group_type {
                Some(group_type) => engine.ingest_groups(source, group_type, &options, tell),
                None => engine.ingest_persons(source, &options, tell),
            },
            progress,
        );
        report.and_then(|report| json(&report))
    }

    /// Applies documents. What is refused is an exception, but part of the report of a dry run.
    fn apply(
        &self,
        py: Python<'_>,
        documents: impl FnOnce() -> abduck::Result<Vec<Document>> + Send,
        dry_run: bool,
    ) -> PyResult<String> {
        let report = self.session.run(py, |engine| {
            let report = engine.apply(&documents()?, dry_run, now(), self.by())?;
            report.refusal().filter(|_| !dry_run).map_or(Ok(report), Err)
        });
        report.and_then(|report| json(&report))
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

/// A length of time from a number of seconds.
fn seconds(py: Python<'_>, field: &str, seconds: f64) -> PyResult<Duration> {
    let invalid = |_| Error::invalid_field(field, "invalid", format!("{field} must be a number of seconds, 0 or more"));
    Duration::try_from_secs_f64(seconds).map_err(invalid).map_err(|error| exception(py, &error))
}
