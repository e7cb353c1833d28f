//! Experiments: creating them, and leading them through their life.

use std::io::Read;
use std::path::Path;

use abduck::lifecycle::Ending;
use abduck::model::experiment::Status;
use abduck::model::flag::FeatureFlag;
use abduck::report::{Cell, Table, number};
use abduck::{CreateExperiment, Engine, Error, Experiment, Result};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::args::{CreateArguments, ExperimentCommand, Global, MetricKind, MomentArguments, RequiresFlagArguments};
use crate::output::{Answer, Output};

/// An experiment with what belongs to it.
#[derive(Debug, Serialize)]
pub(crate) struct Described {
    /// Where it is in its life, by the caller's clock.
    pub(crate) status: Status,
    /// The experiment as it is stored.
    pub(crate) experiment: Experiment,
    /// The flag that splits its traffic.
    pub(crate) feature_flag: FeatureFlag,
}

/// Does what was asked with experiments.
pub(crate) fn run(global: &Global, command: ExperimentCommand, output: &Output) -> Result<()> {
    match command {
        ExperimentCommand::Create(arguments) => create(global, *arguments, output),
        ExperimentCommand::List => list(global, output),
        ExperimentCommand::Show { key } => {
            let mut engine = super::open(global)?;
            let experiment = engine.experiment(&key)?;
            show(&mut engine, experiment, output)
        }
        ExperimentCommand::Launch(arguments) => launch(global, &arguments, output),
        ExperimentCommand::End(arguments) => end(global, &arguments, output),
        ExperimentCommand::Exposures(arguments) => super::exposures::run(global, &arguments, output),
        ExperimentCommand::RequiresFlag(arguments) => requires_flag(global, &arguments, output),
    }
}

/// All experiments, newest first.
pub(crate) fn described_all(engine: &mut Engine) -> Result<Vec<Described>> {
    engine.experiments()?.into_iter().map(|experiment| Described::new(engine, experiment)).collect()
}

fn create(global: &Global, arguments: CreateArguments, output: &Output) -> Result<()> {
    // The definition comes first: reading it from a terminal may take a while.
    let request = match &arguments.file {
        Some(file) => from_file(file)?,
        None => from_options(arguments)?,
    };
    let mut engine = super::open(global)?;
    let experiment = engine.create_experiment(request, super::now(), global.by.as_deref())?;
    let key = &experiment.feature_flag_key;
    output.note(&if experiment.is_draft() {
        format!("created a draft; launch it with `abduck experiment launch {key}`")
    } else {
        format!("created and launched; see `abduck results {key}`")
    });
    show(&mut engine, experiment, output)
}

fn launch(global: &Global, arguments: &MomentArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let now = super::now();
    let start = arguments.at.unwrap_or(now);
    let experiment = engine.launch(&arguments.key, start, now, global.by.as_deref())?;
    output.note(&format!("launched; see `abduck results {}`", experiment.feature_flag_key));
    show(&mut engine, experiment, output)
}

fn end(global: &Global, arguments: &MomentArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let now = super::now();
    let ending = Ending { at: arguments.at.unwrap_or(now), conclusion: None, comment: None };
    let experiment = engine.end(&arguments.key, ending, now, global.by.as_deref())?;
    output.note("ended; its flag stays as it is");
    show(&mut engine, experiment, output)
}

fn requires_flag(global: &Global, arguments: &RequiresFlagArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let experiment = engine.experiment(&arguments.key)?;
    let flag_key = (!arguments.any_flag).then_some(experiment.feature_flag_key.as_str());
    let now = arguments.as_of.unwrap_or_else(super::now);
    let is_required = engine.requires_flag_implementation(&experiment.filters, flag_key, now)?;
    let flag = flag_key.map_or_else(|| "a flag".to_owned(), |key| format!("the flag '{key}'"));
    let text = if is_required {
        format!("yes: no event of the metric carried {flag} in the seven days up to {now}\n")
    } else {
        format!("no: an event of the metric carried {flag} in the seven days up to {now}\n")
    };
    let mut table = Table::new(&["requires_flag_implementation"]);
    table.push(vec![Cell::text(is_required.to_string())]);
    output.answer(&Answer { text: Some(text), table, data: json!({"result": is_required}) })
}

fn show(engine: &mut Engine, experiment: Experiment, output: &Output) -> Result<()> {
    let described = Described::new(engine, experiment)?;
    output.answer(&Answer::fields(&described.fields(), &described)?)
}

fn list(global: &Global, output: &Output) -> Result<()> {
    let described = described_all(&mut super::open(global)?)?;
    if described.is_empty() {
        output.note("no experiments yet; create one with `abduck experiment create`");
    }
    let mut table = Table::new(&["number", "key", "name", "status", "start", "end"]);
    for Described { experiment, status, .. } in &described {
        table.push(vec![
            Cell::number(experiment.id.to_string(), experiment.id),
            Cell::text(&experiment.feature_flag_key),
            Cell::text(&experiment.name),
            Cell::text(name_of(*status)),
            Cell::text(moment(experiment.start_date)),
            Cell::text(moment(experiment.end_date)),
        ]);
    }
    let text = described.is_empty().then(String::new);
    output.answer(&Answer { text, ..Answer::table(table, &described)? })
}

impl Described {
    fn new(engine: &mut Engine, experiment: Experiment) -> Result<Self> {
        let feature_flag = engine.flag_of(&experiment)?;
        Ok(Self { status: experiment.status(super::now()), experiment, feature_flag })
    }

    /// The experiment in a list of other things.
    pub(crate) fn one_line(&self) -> String {
        let Experiment { feature_flag_key, name, .. } = &self.experiment;
        format!("{feature_flag_key}  {name}  ({})", name_of(self.status))
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { status, experiment, feature_flag } = self;
        let share = |share: f64| number::percent(share / 100.0);
        let variants = feature_flag.variants().iter();
        let variants = variants.map(|variant| format!("{} {}", variant.key, share(variant.rollout_percentage)));
        let mut fields = vec![
            ("number", experiment.id.to_string()),
            ("key", experiment.feature_flag_key.clone()),
            ("name", experiment.name.clone()),
            ("status", name_of(*status).to_owned()),
            ("start", moment(experiment.start_date)),
            ("end", moment(experiment.end_date)),
            ("variants", variants.collect::<Vec<_>>().join(", ")),
            ("metric", Value::Object(experiment.filters.clone()).to_string()),
        ];
        let optional = [("description", &experiment.description), ("created by", &experiment.created_by)];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        fields
    }
}

fn name_of(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Running => "running",
        Status::Complete => "complete",
        Status::Archived => "archived",
    }
}

fn moment(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "–".to_owned(), |moment| moment.to_string())
}

/// A definition from a file, or from stdin.
fn from_file(file: &Path) -> Result<CreateExperiment> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::not_found("file", file.display().to_string()),
        _ => Error::io(file, error),
    })?;
    CreateExperiment::from_yaml(&text).map_err(|error| error.hint("see its form with `abduck schema experiment`"))
}

/// A definition from options, in the form a file would have.
fn from_options(arguments: CreateArguments) -> Result<CreateExperiment> {
    let filters = metric(&arguments)?;
    let CreateArguments { name, flag, description, variants, start, end, .. } = arguments;
    let mut request = json!({
        "name": name, "feature_flag_key": flag, "description": description, "start_date": start, "end_date": end,
        "filters": filters,
    });
    if !variants.is_empty() {
        let variant = |(key, percent): (String, f64)| json!({"key": key, "rollout_percentage": percent});
        let variants: Vec<_> = variants.into_iter().map(variant).collect();
        request["parameters"] = json!({"feature_flag_variants": variants});
    }
    CreateExperiment::from_json(request)
}

/// The metric that the options describe; empty when they describe none.
fn metric(arguments: &CreateArguments) -> Result<Map<String, Value>> {
    let CreateArguments { metric, events, window_days, conditions, .. } = arguments;
    if events.is_empty() {
        let is_described = *metric == MetricKind::Funnel || window_days.is_some() || !conditions.is_empty();
        return if is_described { Err(wrong("event", "a metric needs events: --event NAME")) } else { Ok(Map::new()) };
    }
    let properties: Vec<_> = conditions.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let event = |(order, id): (usize, &String)| json!({"id": id, "order": order, "properties": properties});
    let mut filters = Map::new();
    filters.insert("events".into(), events.iter().enumerate().map(event).collect());
    match metric {
        MetricKind::Trend if events.len() > 1 => {
            return Err(wrong("event", "a trend counts one event").hint("for a sequence of events: --metric funnel"));
        }
        MetricKind::Trend if window_days.is_some() => {
            return Err(wrong("window_days", "a trend has no window").hint("for a sequence of events: --metric funnel"));
        }
        MetricKind::Trend => filters.insert("insight".into(), json!("TRENDS")),
        MetricKind::Funnel => filters.insert("insight".into(), json!("FUNNELS")),
    };
    if let Some(days) = window_days {
        filters.insert("funnel_window_days".into(), json!(days));
    }
    Ok(filters)
}

fn wrong(field: &str, message: &str) -> Error {
    Error::invalid_field(field, "invalid_input", message)
}
