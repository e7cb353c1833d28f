//! Do it: the straight line from a request to its answer.
//!
//! Each method loads what it needs, calls the rooms in their order and stores what came out. Nothing is worked out here.

mod action;
mod analyze;
mod apply;
mod audit;
mod calibrate;
mod decide;
mod describe;
mod experiments;
mod explain_unit;
mod export;
mod exposure;
mod files;
mod flags;
mod history;
mod influence;
mod library;
mod metric;
mod metrics;
mod past;
mod prior;
mod remaining;
mod report;
mod secondary;
mod tables;
mod units;

pub use analyze::{analyze, analyze_aggregates, read_aggregates};
pub use apply::{ApplyAction, ApplyReport, DocumentChange, FieldChange};
pub use files::{read_documents, write_documents, write_text};

pub use history::Backfill;
pub use past::PastQuestion;
pub use report::PlotMetric;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::backend;
use crate::catalog::{Catalog, Change, Snapshot, Transaction};
use crate::error::{Error, Result};
use crate::events::{
    self, AttachReport, ColumnMapping, DataState, EventStore, EventsFrom, GroupProfile, IngestOptions, IngestReport,
    Interrupt, PersonProfile, Progress, Reader, Source, TableOptions, TableReport,
};
use crate::model::experiment::Experiment;
use crate::model::filter::Filter;
use crate::model::flag::FeatureFlag;
use crate::model::metric::Metric;
use crate::model::settings::LabSettings;
use crate::plan::{self, KnownCohort, Library, Measure, Plan, Visible};
use crate::results::{
    self, ExperimentResult, ExperimentSummary, Explanation, FORMAT_VERSION, MetricResult, Provenance,
};
use crate::sql;
use crate::stats::{self, Measured, Outcome};

/// How long to wait for the event store unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open lab.
///
/// ```
/// use abduck::{CreateExperiment, Engine};
///
/// let directory = std::env::temp_dir().join(format!("abduck-engine-{}", std::process::id()));
/// let mut lab = Engine::init(&directory)?;
/// let request = CreateExperiment::from_yaml("{name: Checkout, feature_flag_key: checkout}")?;
/// lab.create_experiment(request, "2024-01-01T00:00:00Z".parse().unwrap(), Some("ada"))?;
/// assert_eq!(lab.experiment("checkout")?.name, "Checkout");
/// # drop(lab);
/// # std::fs::remove_dir_all(&directory).ok();
/// # Ok::<(), abduck::Error>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    directory: PathBuf,
    catalog: Catalog,
    events: EventStore,
    patience: Duration,
    interrupt: Interrupt,
}

/// How results are asked for.
#[derive(Clone, Copy, Debug)]
pub struct ResultsRequest {
    /// The moment the result holds for: an experiment without an end date is measured up to here.
    pub as_of: Timestamp,
    /// The caller's clock, for the note when a result was computed.
    pub now: Timestamp,
    /// Whether to compute even when a kept result is still true.
    pub refresh: bool,
    /// How old a kept result may be; one that is older is computed anew (C-2). Without a limit it is kept for as long as it
    /// is true.
    pub max_age: Option<Duration>,
}

/// What is kept of a computed result: everything but names.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Computed {
    measured: Measured,
    outcome: Outcome,
}

/// How a metric is defined.
#[derive(Clone, Copy)]
struct Defined<'a> {
    /// As the client gave it.
    definition: &'a Map<String, Value>,
    /// As it was read; `None` if it is a modern one, which is told of by its plan alone.
    metric: Option<&'a Metric>,
}

/// What a plan is made from.
struct Definition {
    experiment: Experiment,
    flag: FeatureFlag,
    library: Library,
}

impl Engine {
    /// Makes a directory a lab, creating it if need be, and opens it.
    ///
    /// # Errors
    /// `NotAllowed` when it is a lab already; `Storage` and `Io` when its files cannot be written.
    pub fn init(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        // The catalog comes last, because a directory is a lab once it has one.
        if let Some(refusal) = Catalog::open(directory).ok().map(|_| already_a_lab(directory)) {
            return Err(refusal);
        }
        let events = EventStore::create(directory)?;
        let catalog = Catalog::create(directory)?;
        Ok(Self::with(directory, catalog, events))
    }

    /// Opens a lab.
    ///
    /// # Errors
    /// `NotFound` when the directory is no lab; `NotAllowed` when a newer abduck made it; `Storage` when its files are
    /// damaged or something else.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let catalog = Catalog::open(directory)?;
        let events = EventStore::at(directory)?;
        Ok(Self::with(directory, catalog, events))
    }

    fn with(directory: &Path, catalog: Catalog, events: EventStore) -> Self {
        let interrupt = Interrupt::new();
        let events = events.interruptible(&interrupt);
        Self { directory: directory.to_owned(), catalog, events, patience: PATIENCE, interrupt }
    }

    /// Sets how long to wait for others who use the lab; 10 seconds unless set.
    ///
    /// # Errors
    /// `Storage` when the catalog refuses.
    pub fn waiting_at_most(mut self, patience: Duration) -> Result<Self> {
        self.catalog = self.catalog.waiting_at_most(patience)?;
        self.patience = patience;
        Ok(self)
    }

    /// The directory of the lab.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The switch that stops what the lab is doing, from any thread.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// Sets where the events of modern metrics are read: results are the same, measurements and tests want to know.
    pub fn read_events_from(&mut self, events_from: EventsFrom) {
        self.events = self.events.clone().reading_from(events_from);
    }

    /// Takes events into the lab: all of them or, on error, none.
    ///
    /// # Errors
    /// `Schema` when the columns cannot be understood, every row is rejected, or some row is and `strict` is set; `Io` and
    /// `Query` when the source cannot be read; `Busy` when somebody else holds the lab; `Interrupted`.
    pub fn ingest(
        &mut self,
        source: Source,
        options: &IngestOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<IngestReport> {
        events::ingest(&self.events, source, options, self.patience, &self.interrupt, progress)
    }

    /// Takes a table of persons and their properties into the lab: all of it or, on error, nothing.
    ///
    /// # Errors
    /// As [`Engine::ingest`].
    pub fn ingest_persons(
        &mut self,
        source: Source,
        options: &TableOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<TableReport> {
        events::ingest_persons(&self.events, source, options, self.patience, &self.interrupt, progress)
    }

    /// Takes a table of groups of one type and their properties into the lab: all of it or, on error, nothing.
    ///
    /// # Errors
    /// As [`Engine::ingest`]; also `Schema` when there are five other types of groups.
    pub fn ingest_groups(
        &mut self,
        source: Source,
        group_type: &str,
        options: &TableOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<TableReport> {
        events::ingest_groups(&self.events, source, group_type, options, self.patience, &self.interrupt, progress)
    }

    /// The person that a distinct id belongs to.
    ///
    /// # Errors
    /// `NotFound` when no event and no table has named it; `Busy` when somebody else holds the lab.
    pub fn person(&self, distinct_id: &str) -> Result<PersonProfile> {
        let found = self.reader("show a person")?.0.person(distinct_id)?;
        found.ok_or_else(|| Error::not_found("person", distinct_id).hint("give a distinct id as the events have it"))
    }

    /// The group of a type with a key.
    ///
    /// # Errors
    /// `NotFound` when no event and no table has described it; `Busy` when somebody else holds the lab.
    pub fn group(&self, group_type: &str, group_key: &str) -> Result<GroupProfile> {
        let reader = self.reader("show a group")?.0;
        if let Some(found) = reader.group(group_type, group_key)? {
            return Ok(found);
        }
        let types: Vec<String> = reader.group_types()?.into_iter().map(|known| known.name).collect();
        let error = Error::not_found("group", format!("{group_type} {group_key}"));
        Err(match types.join(", ").as_str() {
            "" => error.hint("no event and no table has named a type of groups yet"),
            known => error.hint(format!("the types of groups are {known}")),
        })
    }

    /// Makes Parquet files part of the events without copying them; `pattern` is a path or a glob.
    ///
    /// # Errors
    /// `NotAllowed` when it is attached already; `Schema` when the columns cannot be understood; `Busy`; `Interrupted`.
    pub fn attach(&mut self, pattern: &str, mapping: &ColumnMapping) -> Result<AttachReport> {
        events::attach(&self.events, pattern, mapping, self.patience, &self.interrupt)
    }

    /// Takes attached files out of the events; returns the new data version.
    ///
    /// # Errors
    /// `NotFound` when the pattern is not attached; `Busy`; `Interrupted`.
    pub fn detach(&mut self, pattern: &str) -> Result<u64> {
        events::detach(&self.events, pattern, self.patience, &self.interrupt)
    }

    /// What the event store holds.
    ///
    /// # Errors
    /// `Busy` when somebody else holds the lab; `Storage` when it cannot be read.
    pub fn data_state(&self) -> Result<DataState> {
        self.events.read(self.patience, "show the state of the events")?.state()
    }

    /// The most frequent event names with their counts.
    ///
    /// # Errors
    /// As [`Engine::data_state`].
    pub fn event_names(&self, limit: u32) -> Result<Vec<(String, u64)>> {
        self.reader("list the event names")?.0.event_names(limit)
    }

    /// The settings of the lab.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn settings(&mut self) -> Result<LabSettings> {
        self.catalog.snapshot()?.settings()
    }

    /// Replaces the settings of the lab.
    ///
    /// # Errors
    /// `Invalid` when the test-account filters are malformed; `Busy` or `Storage` when they cannot be written.
    pub fn set_settings(&mut self, settings: &LabSettings, now: Timestamp, by: Option<&str>) -> Result<()> {
        self.change("update", now, by, |transaction, change| set_settings(transaction, settings, change))
    }

    /// The result of an experiment's primary metric, kept or computed: the legacy one, else the first of another form.
    ///
    /// # Errors
    /// `NotFound`; `NotReady` for a draft; `Invalid` when the metric is wrong or not supported; `Busy`; `Interrupted`.
    pub fn results(&mut self, key: &str, request: &ResultsRequest) -> Result<ExperimentResult> {
        let definition = self.definition(key)?;
        if let Some(entry) = definition.leading_metric() {
            return Ok(self.metric_results(key, &entry.id, request)?.result);
        }
        let plan = definition.plan(request.as_of)?;
        let filters = &definition.experiment.filters;
        let metric = Metric::parse(filters)?;
        let (result, computed) =
            self.answer(key, &definition, Defined { definition: filters, metric: Some(&metric) }, &plan, request)?;
        // A result is worth more than keeping it.
        if !result.is_cached
            && let Err(error) = self.keep_all(&[(&result, json!(result), &computed)])
        {
            tracing::warn!(%error, "the result could not be kept");
        }
        self.warned(result)
    }

    /// The result of a plan, kept or computed, and the numbers in it; its metric comes with what defines it.
    fn answer(
        &mut self,
        key: &str,
        definition: &Definition,
        defined: Defined<'_>,
        plan: &Plan,
        request: &ResultsRequest,
    ) -> Result<(ExperimentResult, Computed)> {
        let (reader, state) = self.reader(&format!("results of {key}"))?;
        let fingerprint = plan.fingerprint(&visible(&state));
        let kept = if request.refresh { None } else { self.kept(&fingerprint)? };
        let kept = kept.filter(|(_, computed_at)| request.allows(*computed_at));
        let is_cached = kept.is_some();
        let (computed, computed_at) = match kept {
            Some(kept) => kept,
            None => (self.compute(plan, &reader)?, request.now),
        };
        let provenance = Provenance {
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
            data_version: state.data_version,
            data_digest: state.data_digest,
            fingerprint,
            as_of: request.as_of,
        };
        let result = definition.result(defined, plan, &computed, (provenance, computed_at, is_cached))?;
        Ok((result, computed))
    }

    /// How the result of one of an experiment's metrics comes about, or of its primary one; with `run`, also what its queries do.
    ///
    /// # Errors
    /// As [`Engine::results`].
    pub fn explain(&mut self, key: &str, metric: Option<&str>, as_of: Timestamp, run: bool) -> Result<Explanation> {
        let definition = self.definition(key)?;
        let entry = match metric {
            Some(metric) => Some(definition.experiment.listed_metric(metric)?),
            None => definition.leading_metric(),
        };
        let plan = match entry {
            Some(entry) => definition.plan_listed(&entry, as_of)?.1,
            None => definition.plan(as_of)?,
        };
        let queries = sql::render(&plan);
        if !run {
            return Ok(Explanation { plan, queries, stages: None, measured: None });
        }
        let (reader, _) = self.reader(&format!("explain {key}"))?;
        let (measured, stages) = backend::measure(&plan, &reader.reading_from(EventsFrom::Table), &self.interrupt)?;
        Ok(Explanation { plan, queries, stages: Some(stages), measured: Some(measured) })
    }

    fn definition(&mut self, key: &str) -> Result<Definition> {
        self.definition_with(key, &Map::new())
    }

    /// What a plan is made from, for a metric that the experiment need not have.
    fn definition_with(&mut self, key: &str, metric: &Map<String, Value>) -> Result<Definition> {
        let snapshot = self.catalog.snapshot()?;
        let experiment = snapshot.experiment(key)?;
        let flag = snapshot.flag_of(&experiment)?;
        let library = library_naming(&snapshot, &json!([experiment, metric]))?;
        Ok(Definition { experiment, flag, library })
    }

    /// The event store and its state, with attached files as they are now.
    fn reader(&self, operation: &str) -> Result<(Reader, DataState)> {
        let reader = self.events.read(self.patience, operation)?;
        let state = reader.state()?;
        if state.attached_changes.is_empty() {
            return Ok((reader, state));
        }
        drop(reader);
        events::refresh_attached(&self.events, self.patience, &self.interrupt)?;
        let reader = self.events.read(self.patience, operation)?;
        let state = reader.state()?;
        Ok((reader, state))
    }

    fn compute(&self, plan: &Plan, reader: &Reader) -> Result<Computed> {
        let (measured, _) = backend::measure(plan, reader, &self.interrupt)?;
        let outcome = stats::judge(plan, &measured)?;
        Ok(Computed { measured, outcome })
    }

    fn kept(&mut self, fingerprint: &str) -> Result<Option<(Computed, Timestamp)>> {
        let kept = self.catalog.snapshot()?.cached_result(fingerprint)?;
        // A value of another form counts as absent (C-4).
        Ok(kept.and_then(|kept| Some((serde_json::from_value(kept.value).ok()?, kept.computed_at))))
    }
}

impl ResultsRequest {
    /// Whether a result computed then is young enough.
    fn allows(&self, computed_at: Timestamp) -> bool {
        // A result from the future, of a clock that was set back, has no age.
        let age = Duration::try_from(self.now.duration_since(computed_at)).unwrap_or_default();
        self.max_age.is_none_or(|max_age| age <= max_age)
    }
}

impl Definition {
    fn plan(&self, as_of: Timestamp) -> Result<Plan> {
        plan::compile(&self.experiment, &self.flag, &self.library, as_of)
    }

    /// A result with what it was computed from, when, and whether it was kept since.
    fn result(
        &self,
        defined: Defined<'_>,
        plan: &Plan,
        computed: &Computed,
        (provenance, last_refresh, is_cached): (Provenance, Timestamp, bool),
    ) -> Result<ExperimentResult> {
        Ok(ExperimentResult {
            format_version: FORMAT_VERSION,
            experiment: summary(&self.experiment),
            provenance,
            last_refresh,
            is_cached,
            result: self.named(defined, plan, computed)?,
            warnings: results::warnings(plan, &computed.measured, &computed.outcome),
        })
    }

    /// Puts names on computed numbers.
    fn named(&self, defined: Defined<'_>, plan: &Plan, computed: &Computed) -> Result<MetricResult> {
        let Defined { definition, metric } = defined;
        let Computed { measured, outcome } = computed;
        let outcome = outcome.clone();
        let actions = &self.library.actions;
        match (metric, measured, &plan.measure) {
            (Some(metric), ..) => {
                results::metric_result(&self.experiment, definition, metric, actions, plan, measured, outcome)
            }
            (None, Measured::Units(cells), Measure::Units(measure)) => {
                Ok(results::unit_result(definition, plan, measure, cells, outcome))
            }
            (None, ..) => Err(Error::bug("a modern metric measures units")),
        }
    }
}

/// What a lab holds that definitions refer to, with the members of the static cohorts that `definitions`, the lab's own
/// filters, its actions, and the cohorts these name, ask for.
fn library_naming(snapshot: &Snapshot<'_>, definitions: &Value) -> Result<Library> {
    let (settings, actions) = (snapshot.settings()?, snapshot.actions()?);
    let named = json!([definitions, settings.test_account_filters, actions]);
    let named: BTreeSet<_> = flags::named_cohorts(snapshot, &named)?.into_iter().map(|cohort| cohort.id).collect();
    let mut cohorts = Vec::new();
    for cohort in snapshot.cohorts()? {
        let is_asked = cohort.is_static && named.contains(&cohort.id);
        let members = is_asked.then(|| snapshot.cohort_members(cohort.id)).transpose()?;
        cohorts.push(KnownCohort { cohort, members });
    }
    Ok(Library { settings, actions, cohorts, ..Library::default() })
}

/// Replaces the settings of the lab.
fn set_settings(transaction: &mut Transaction<'_>, settings: &LabSettings, change: &Change) -> Result<()> {
    Filter::parse(&Value::Array(settings.test_account_filters.clone()), "test_account_filters")?;
    transaction.set_settings(settings, change)
}

fn already_a_lab(directory: &Path) -> Error {
    Error::not_allowed(format!("{} is a lab already", directory.display()))
        .hint("use it as it is, or choose another directory")
}

fn summary(experiment: &Experiment) -> ExperimentSummary {
    ExperimentSummary {
        id: experiment.id,
        name: experiment.name.clone(),
        feature_flag_key: experiment.feature_flag_key.clone(),
        start_date: experiment.start_date,
        end_date: experiment.end_date,
    }
}

fn visible(state: &DataState) -> Visible {
    Visible {
        data_version: state.data_version,
        data_digest: state.data_digest.clone(),
        last_event_microseconds: state.last_event.map(Timestamp::as_microsecond),
    }
}
