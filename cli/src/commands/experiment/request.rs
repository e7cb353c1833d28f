//! Requests for experiments, from options.

use abduck::model::experiment::UpdateExperiment;
use abduck::model::flag::{FeatureFlag, Variant};
use abduck::{CreateExperiment, Engine, Error, Experiment, Result};
use serde_json::{Map, Value, json};

use crate::args::{CreateArguments, MetricArguments, MetricKind, UpdateArguments};
use crate::commands::definition::Definition;

/// A definition from options, in the form a file would have.
pub(super) fn create(arguments: CreateArguments) -> Result<CreateExperiment> {
    let filters = metric(&arguments.metric)?;
    let CreateArguments { name, flag, description, variants, start, end, .. } = arguments;
    let mut request = json!({
        "name": name, "feature_flag_key": flag, "description": description, "start_date": start, "end_date": end,
        "filters": filters,
    });
    if !variants.is_empty() {
        request["parameters"] = json!({"feature_flag_variants": shares(&variants, &[])});
    }
    CreateExperiment::from_json(request)
}

/// What options and a file change.
pub(super) fn update(
    engine: &mut Engine,
    mut definition: Definition,
    arguments: UpdateArguments,
) -> Result<UpdateExperiment> {
    let filters = metric(&arguments.metric)?;
    let UpdateArguments { key, name, description, start, end, holdout, variants, fields, .. } = arguments;
    let mut given = Vec::from_iter(name.map(|name| ("name", Value::from(name))));
    given.extend(description.map(|description| ("description", description.into())));
    given.extend(start.map(|start| ("start_date", start)));
    given.extend(end.map(|end| ("end_date", end)));
    if !filters.is_empty() {
        given.push(("filters", filters.into()));
    }
    if let Some(holdout) = holdout {
        given.push(("holdout_id", holdout_id(engine, &holdout)?));
    }
    if !variants.is_empty() {
        let experiment = engine.experiment(&key)?;
        let flag = engine.flag_of(&experiment)?;
        given.push(("parameters", parameters(&experiment, &flag, &definition, &variants)?));
    }
    for (index, (field, value)) in fields.iter().enumerate() {
        let is_twice = given.iter().any(|(name, _)| name == field);
        if is_twice || fields.iter().take(index).any(|(name, _)| name == field) {
            return Err(wrong(field, &format!("the field '{field}' is given twice")).hint("leave one of them out"));
        }
        definition.set(field, value.clone());
    }
    for (field, value) in given {
        definition.set(field, value);
    }
    definition.refuse_silence()?;
    definition.read(UpdateExperiment::from_json)
}

fn holdout_id(engine: &mut Engine, holdout: &str) -> Result<Value> {
    if holdout == "none" { Ok(Value::Null) } else { Ok(engine.holdout(holdout)?.id.into()) }
}

/// The parameters with other variants; they are replaced as a whole (L-17), so that the others are given along.
fn parameters(
    experiment: &Experiment,
    flag: &FeatureFlag,
    definition: &Definition,
    variants: &[(String, f64)],
) -> Result<Value> {
    let key = &experiment.feature_flag_key;
    let are_the_same = variants.len() == flag.variants().len()
        && flag.variants().iter().all(|present| variants.iter().any(|(key, _)| *key == present.key));
    // Others are refused by the engine (V-13); the same with other shares would be noted, but not be in force (L-13).
    if !experiment.is_draft() && are_the_same {
        let message = format!("experiment '{key}' was launched, so the shares of its variants are its flag's");
        return Err(Error::not_allowed(message).hint(format!("`abduck flag update {key} --variant KEY=PERCENT`")));
    }
    let given = definition.field("parameters").and_then(Value::as_object).or(experiment.parameters.as_ref());
    let mut parameters = given.cloned().unwrap_or_default();
    parameters.insert("feature_flag_variants".to_owned(), shares(variants, flag.variants()));
    Ok(parameters.into())
}

/// Variants with their shares; those that are there already keep their names.
pub(crate) fn shares(variants: &[(String, f64)], present: &[Variant]) -> Value {
    let variant = |(key, percent): &(String, f64)| {
        let name = present.iter().find(|variant| variant.key == *key).and_then(|variant| variant.name.as_ref());
        match name {
            Some(name) => json!({"key": key, "name": name, "rollout_percentage": percent}),
            None => json!({"key": key, "rollout_percentage": percent}),
        }
    };
    variants.iter().map(variant).collect()
}

/// The metric that the options describe; empty when they describe none.
fn metric(arguments: &MetricArguments) -> Result<Map<String, Value>> {
    let MetricArguments { metric, events, window_days, conditions } = arguments;
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
