//! Saved metrics: defined once, used by several experiments.

use abduck::model::saved_metric::{CreateSavedMetric, SavedMetric, UpdateSavedMetric};
use abduck::report::{Cell, Table};
use abduck::{Engine, Experiment, Result};
use serde_json::Value;

use crate::args::{Global, MetricCommand, UpdateMetricArguments};
use crate::commands::definition::Definition;
use crate::commands::experiment::{Described, described};
use crate::output::{Answer, Output};

/// The noun, as `abduck schema` knows it.
const FORM: &str = "saved-metric";

/// Does what was asked with saved metrics.
pub(crate) fn run(global: &Global, command: MetricCommand, output: &Output) -> Result<()> {
    match command {
        MetricCommand::List => list(global, output),
        MetricCommand::Show(arguments) => {
            let mut engine = super::open(global)?;
            let metric = engine.saved_metric(&arguments.key)?;
            show(&mut engine, &metric, output)
        }
        MetricCommand::Create { file } => {
            let request = Definition::from_file(Some(&file), FORM)?.read(CreateSavedMetric::from_json)?;
            let mut engine = super::open(global)?;
            let metric = engine.create_saved_metric(request, super::now(), global.by.as_deref())?;
            let id = metric.id;
            output.note(&format!(
                "created; use it with `abduck experiment update KEY --set 'saved_metrics_ids=[{{\"id\": {id}}}]'`"
            ));
            show(&mut engine, &metric, output)
        }
        MetricCommand::Update(arguments) => update(global, arguments, output),
        MetricCommand::Delete(arguments) => delete(global, &arguments.key, output),
    }
}

fn list(global: &Global, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let metrics = engine.saved_metrics()?;
    let experiments = engine.experiments()?;
    if metrics.is_empty() {
        output.note("no saved metrics yet; create one with `abduck metric create FILE`");
    }
    let mut table = Table::new(&["number", "name", "kind", "experiments"]);
    for metric in &metrics {
        let uses = experiments.iter().filter(|experiment| uses(experiment, metric)).count();
        table.push(vec![
            Cell::number(metric.id.to_string(), metric.id),
            Cell::text(&metric.name),
            Cell::text(kind(metric)),
            Cell::number(uses.to_string(), uses),
        ]);
    }
    output.answer(&Answer::list(table, &metrics)?)
}

fn show(engine: &mut Engine, metric: &SavedMetric, output: &Output) -> Result<()> {
    let mut fields = vec![
        ("number", metric.id.to_string()),
        ("name", metric.name.clone()),
        ("kind", kind(metric).to_owned()),
        ("query", Value::Object(metric.query.clone()).to_string()),
    ];
    let optional = [("description", &metric.description), ("created by", &metric.created_by)];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    fields.extend(users(engine, metric)?.iter().map(|experiment| ("experiment", experiment.one_line())));
    output.answer(&Answer::fields(&fields, metric)?)
}

fn update(global: &Global, arguments: UpdateMetricArguments, output: &Output) -> Result<()> {
    let UpdateMetricArguments { key, file, name, description } = arguments;
    let mut definition = Definition::from_file(file.as_deref(), FORM)?;
    definition.set_given("name", name);
    definition.set_given("description", description);
    let request = definition.read(UpdateSavedMetric::from_json)?;
    let mut engine = super::open(global)?;
    let metric = engine.update_saved_metric(&key, request, super::now(), global.by.as_deref())?;
    output.note("changed for every experiment that uses it; `abduck log` shows what it was before");
    show(&mut engine, &metric, output)
}

fn delete(global: &Global, key: &str, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let metric = engine.saved_metric(key)?;
    let users = users(&mut engine, &metric)?;
    engine.delete_saved_metric(&metric.id.to_string(), super::now(), global.by.as_deref())?;
    if !users.is_empty() {
        let keys: Vec<_> = users.iter().map(|one| one.experiment.feature_flag_key.as_str()).collect();
        output.warning(&format!("experiments that have it no more: {}", keys.join(", ")));
    }
    output.note("deleted; `abduck log` shows what it was");
    output.answer(&Answer::deleted("saved metric", metric.id, &metric.name, &metric)?)
}

/// The experiments that use a saved metric.
fn users(engine: &mut Engine, metric: &SavedMetric) -> Result<Vec<Described>> {
    let experiments = engine.experiments()?.into_iter().filter(|experiment| uses(experiment, metric));
    described(engine, experiments.collect())
}

fn uses(experiment: &Experiment, metric: &SavedMetric) -> bool {
    experiment.saved_metrics.iter().any(|link| link.saved_metric == metric.id)
}

fn kind(metric: &SavedMetric) -> &str {
    match metric.query.get("kind").and_then(Value::as_str) {
        Some("ExperimentTrendsQuery") => "trend",
        Some("ExperimentFunnelsQuery") => "funnel",
        other => other.unwrap_or("–"),
    }
}
