//! Flags as definitions: making, changing and showing them.

use abduck::model::flag::{ConditionGroup, CreateFlag, FeatureFlag, UpdateFlag};
use abduck::report::{Cell, Table, number};
use abduck::{Engine, Error, Result};
use serde_json::{Map, Value, json};

use crate::args::{CreateFlagArguments, Global, SplitArguments, UpdateFlagArguments};
use crate::commands::definition::Definition;
use crate::commands::{experiment, now, open};
use crate::output::{Answer, Output, json};

pub(super) fn list(global: &Global, deleted: bool, output: &Output) -> Result<()> {
    let all = open(global)?.flags()?;
    let is_new = all.is_empty();
    let flags: Vec<_> = all.into_iter().filter(|flag| deleted || !flag.deleted).collect();
    if is_new {
        output.note("no flags yet; create one with `abduck flag create`, or an experiment, which brings its own");
    } else if flags.is_empty() {
        output.note("all flags are deleted; see them with `abduck flag list --deleted`");
    }
    let mut table = Table::new(&["key", "name", "state", "let in", "variants"]);
    for flag in &flags {
        let groups = flag.groups();
        let let_in = match groups.as_ref() {
            [group] => condition(group),
            groups => format!("{} conditions", groups.len()),
        };
        let texts = [&flag.key, &flag.name, state(flag), &let_in, &shown_variants(flag)];
        table.push(texts.into_iter().map(Cell::text).collect());
    }
    output.answer(&Answer::list(table, &flags)?)
}

pub(super) fn show(engine: &mut Engine, flag: &FeatureFlag, output: &Output) -> Result<()> {
    let experiments = engine.experiments()?.into_iter().filter(|experiment| experiment.feature_flag_id == flag.id);
    let experiments = experiment::described(engine, experiments.collect())?;
    let mut fields =
        vec![("number", flag.id.to_string()), ("key", flag.key.clone()), ("state", state(flag).to_owned())];
    let optional = [("name", flag.name.clone()), ("variants", shown_variants(flag))];
    fields.extend(optional.into_iter().filter(|(_, value)| !value.is_empty()));
    fields.extend(flag.groups().iter().map(|group| ("let in", condition(group))));
    let shown = |groups: &Option<Vec<ConditionGroup>>| groups.as_ref()?.first().map(condition);
    fields.extend(shown(&flag.filters.super_groups).map(|group| ("early access", group)));
    fields.extend(shown(&flag.filters.holdout_groups).map(|group| ("held out", group)));
    let payloads = flag.filters.payloads.iter().flatten();
    fields.extend(payloads.map(|(variant, payload)| ("payload", format!("{variant}  {payload}"))));
    if let Some(index) = flag.filters.aggregation_group_type_index {
        fields.push(("assigns", format!("groups of type {index}")));
    }
    if flag.ensure_experience_continuity {
        fields.push(("continuity", "people keep the variant they had".to_owned()));
    }
    fields.push(("version", flag.version.to_string()));
    fields.extend(flag.created_by.clone().map(|who| ("created by", who)));
    fields.extend(experiments.iter().map(|experiment| ("experiment", experiment.one_line())));
    output.answer(&Answer::fields(&fields, flag)?)
}

pub(super) fn create(global: &Global, arguments: &CreateFlagArguments, output: &Output) -> Result<()> {
    let CreateFlagArguments { key, file, split } = arguments;
    let mut definition = Definition::from_file(file.as_deref(), "flag")?;
    if let Some(other) = definition.field("key").filter(|other| *other != key) {
        let message = format!("the definition is of the flag {other}, not of '{key}'");
        return Err(Error::invalid_field("key", "invalid_input", message).hint("leave the key out of the definition"));
    }
    definition.set("key", key.as_str());
    definition.set_given("name", split.name.as_deref());
    if definition.field("filters").is_none() {
        definition.set("filters", json!({"groups": [{"properties": [], "rollout_percentage": 100}]}));
    }
    set_split(&mut definition, split, None)?;
    let request = definition.read(CreateFlag::from_json)?;
    let mut engine = open(global)?;
    let flag = engine.create_flag(request, now(), global.by.as_deref())?;
    output.note(&format!("created; `abduck flag evaluate {key} ID` says what somebody gets"));
    show(&mut engine, &flag, output)
}

pub(super) fn update(global: &Global, arguments: &UpdateFlagArguments, output: &Output) -> Result<()> {
    let UpdateFlagArguments { key, file, active, split, new_key } = arguments;
    let mut definition = Definition::from_file(file.as_deref(), "flag-update")?;
    let mut engine = open(global)?;
    definition.set_given("active", *active);
    definition.set_given("name", split.name.as_deref());
    definition.set_given("key", new_key.as_deref());
    set_split(&mut definition, split, Some(&engine.flag(key)?))?;
    definition.refuse_silence()?;
    let request = definition.read(UpdateFlag::from_json)?;
    let flag = engine.update_flag(key, request, now(), global.by.as_deref())?;
    output.note(&format!("changed; `abduck log {}` shows what it was before", flag.key));
    show(&mut engine, &flag, output)
}

pub(super) fn delete(global: &Global, key: &str, output: &Output) -> Result<()> {
    let mut engine = open(global)?;
    let flag = engine.delete_flag(key, true, now(), global.by.as_deref())?;
    output.note(&format!("deleted: it answers nothing until `abduck flag restore {key}`"));
    show(&mut engine, &flag, output)
}

pub(super) fn restore(global: &Global, key: &str, output: &Output) -> Result<()> {
    let mut engine = open(global)?;
    let flag = engine.delete_flag(key, false, now(), global.by.as_deref())?;
    output.note(&if flag.active {
        format!("restored; `abduck flag evaluate {key} ID` says what somebody gets")
    } else {
        format!("restored; it is off until `abduck flag update {key} --active true`")
    });
    show(&mut engine, &flag, output)
}

/// The variants of a flag with their shares.
pub(crate) fn shown_variants(flag: &FeatureFlag) -> String {
    let variants = flag.variants().iter();
    let shown =
        variants.map(|variant| format!("{} {}", variant.key, number::percent(variant.rollout_percentage / 100.0)));
    shown.collect::<Vec<_>>().join(", ")
}

/// Puts the options about the split into the filters, which a request gives as a whole.
fn set_split(definition: &mut Definition, split: &SplitArguments, present: Option<&FeatureFlag>) -> Result<()> {
    if split.rollout.is_none() && split.variants.is_empty() {
        return Ok(());
    }
    let filters = match (definition.field("filters"), present) {
        (Some(filters), _) => filters.clone(),
        (None, Some(flag)) => json(&flag.filters)?,
        (None, None) => Value::Object(Map::new()),
    };
    // Filters of another form are refused when the request is read.
    let Value::Object(mut filters) = filters else { return Ok(()) };
    if !split.variants.is_empty() {
        let variants = experiment::shares(&split.variants, present.map_or(&[], FeatureFlag::variants));
        filters.insert("multivariate".to_owned(), json!({"variants": variants}));
    }
    if let Some(percent) = split.rollout {
        match filters.get_mut("groups").and_then(Value::as_array_mut) {
            // The form without groups has its rollout beside the filters (F-0).
            None => definition.set("rollout_percentage", percent),
            Some(groups) => set_rollout(groups, percent)?,
        }
    }
    definition.set("filters", filters);
    Ok(())
}

fn set_rollout(groups: &mut Vec<Value>, percent: f64) -> Result<()> {
    match groups.as_mut_slice() {
        [] => groups.push(json!({"properties": [], "rollout_percentage": percent})),
        [Value::Object(group)] => drop(group.insert("rollout_percentage".to_owned(), percent.into())),
        [_] => {}
        several => {
            let message = format!("the flag has {} conditions, each with a rollout of its own", several.len());
            return Err(Error::invalid_field("rollout", "ambiguous", message)
                .hint("change them in a definition: `abduck flag show KEY -o json` prints the present one"));
        }
    }
    Ok(())
}

fn state(flag: &FeatureFlag) -> &'static str {
    match (flag.deleted, flag.active) {
        (true, _) => "deleted",
        (false, true) => "on",
        (false, false) => "off",
    }
}

/// One release condition.
fn condition(group: &ConditionGroup) -> String {
    let share = number::percent(group.rollout_percentage.unwrap_or(100.0) / 100.0);
    let properties = Value::Array(group.properties.clone());
    let of = if group.properties.is_empty() { String::new() } else { format!(" of those with {properties}") };
    let variant = group.variant.as_ref().map_or_else(String::new, |variant| format!(" as {variant}"));
    format!("{share}{of}{variant}")
}
