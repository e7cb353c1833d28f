//! Cohorts: named sets of persons.

mod ids;

use abduck::model::cohort::{Cohort, CreateCohort, UpdateCohort};
use abduck::report::{Cell, Table, number};
use abduck::{Engine, Result};
use serde_json::{Value, json};

use crate::args::{
    CohortCommand, CreateCohortArguments, Global, MemberArguments, MembersArguments, UpdateCohortArguments,
};
use crate::commands::definition::Definition;
use crate::output::{Answer, Output, json};

/// The noun, as `abduck schema` knows it.
const FORM: &str = "cohort";

/// What becomes of the members that are named.
#[derive(Clone, Copy)]
enum Membership {
    Begins,
    Ends,
}

/// Does what was asked with cohorts.
pub(crate) fn run(global: &Global, command: CohortCommand, output: &Output) -> Result<()> {
    match command {
        CohortCommand::List => list(global, output),
        CohortCommand::Show(arguments) => {
            let mut engine = super::open(global)?;
            let cohort = engine.cohort(&arguments.key)?;
            show(&mut engine, &cohort, output)
        }
        CohortCommand::Create(arguments) => create(global, arguments, output),
        CohortCommand::Update(arguments) => update(global, arguments, output),
        CohortCommand::Delete(arguments) => delete(global, &arguments.key, output),
        CohortCommand::Members(arguments) => members(global, &arguments, output),
        CohortCommand::Add(arguments) => change_members(global, arguments, Membership::Begins, output),
        CohortCommand::Remove(arguments) => change_members(global, arguments, Membership::Ends, output),
    }
}

fn list(global: &Global, output: &Output) -> Result<()> {
    let cohorts = super::open(global)?.cohorts()?;
    if cohorts.is_empty() {
        output.note("no cohorts yet; create one with `abduck cohort create`");
    }
    let mut table = Table::new(&["number", "name", "kind", "description"]);
    for cohort in &cohorts {
        table.push(vec![
            Cell::number(cohort.id.to_string(), cohort.id),
            Cell::text(&cohort.name),
            Cell::text(kind(cohort)),
            Cell::text(cohort.description.as_deref().unwrap_or("–")),
        ]);
    }
    output.answer(&Answer::list(table, &cohorts)?)
}

fn show(engine: &mut Engine, cohort: &Cohort, output: &Output) -> Result<()> {
    let mut fields =
        vec![("number", cohort.id.to_string()), ("name", cohort.name.clone()), ("kind", kind(cohort).to_owned())];
    if !cohort.is_static {
        fields.push(("filters", Value::Object(cohort.filters.clone()).to_string()));
    }
    let optional = [("description", &cohort.description), ("created by", &cohort.created_by)];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    for id in &cohort.experiment_set {
        let key = engine.experiment(&id.to_string())?.feature_flag_key;
        fields.push(("exposed to", key));
    }
    output.answer(&Answer::fields(&fields, cohort)?)
}

fn create(global: &Global, arguments: CreateCohortArguments, output: &Output) -> Result<()> {
    let CreateCohortArguments { file, name, description, is_static, members, id_column } = arguments;
    let mut definition = Definition::from_file(file.as_deref(), FORM)?;
    definition.set_given("name", name);
    definition.set_given("description", description);
    if is_static {
        definition.set("is_static", true);
    }
    let request = definition.read(CreateCohort::from_json)?;
    let mut engine = super::open(global)?;
    let members = members.map(|file| ids::read(&file, &id_column, &engine.interrupt())).transpose()?;
    let (now, by) = (super::now(), global.by.as_deref());
    let cohort = engine.create_cohort(request, members.as_deref().unwrap_or_default(), now, by)?;
    let id = cohort.id;
    match members {
        Some(_) => {
            let listed = engine.listed_members(&id.to_string())?.len();
            output.note(&format!("created with {} members", number::count(listed as u64)));
        }
        None if cohort.is_static => output.note(&format!("created; add members with `abduck cohort add {id} ID`")),
        None => output.note(&format!("created; a flag can name it by its number, {id}")),
    }
    show(&mut engine, &cohort, output)
}

/// Makes the cohort of the people exposed to an experiment.
pub(crate) fn of_exposed(global: &Global, experiment: &str, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let cohort = engine.create_exposure_cohort(experiment, super::now(), global.by.as_deref())?;
    output.note(&format!("created; list its members with `abduck cohort members {}`", cohort.id));
    show(&mut engine, &cohort, output)
}

fn members(global: &Global, arguments: &MembersArguments, output: &Output) -> Result<()> {
    let as_of = arguments.as_of.unwrap_or_else(super::now);
    let mut engine = super::open(global)?;
    let members = engine.members_of_cohort(&arguments.key, arguments.as_defined, as_of)?;
    if members.is_empty() {
        output.note("the events know no member");
    }
    let mut table = Table::new(&["person_id", "distinct_id"]);
    for member in &members {
        table.push(vec![Cell::number(member.person_id.to_string(), member.person_id), Cell::text(&member.distinct_id)]);
    }
    output.answer(&Answer::list(table, &members)?)
}

fn update(global: &Global, arguments: UpdateCohortArguments, output: &Output) -> Result<()> {
    let UpdateCohortArguments { key, file, name, description } = arguments;
    let mut definition = Definition::from_file(file.as_deref(), FORM)?;
    definition.set_given("name", name);
    definition.set_given("description", description);
    let request = definition.read(UpdateCohort::from_json)?;
    let mut engine = super::open(global)?;
    let cohort = engine.update_cohort(&key, request, super::now(), global.by.as_deref())?;
    output.note("changed; `abduck log` shows what it was before");
    show(&mut engine, &cohort, output)
}

fn delete(global: &Global, key: &str, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let cohort = engine.cohort(key)?;
    engine.delete_cohort(&cohort.id.to_string(), super::now(), global.by.as_deref())?;
    output.note("deleted; `abduck log` shows what it was");
    output.answer(&Answer::deleted("cohort", cohort.id, &cohort.name, &cohort)?)
}

fn change_members(global: &Global, arguments: MemberArguments, membership: Membership, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let ids = match &arguments.from {
        Some(file) => ids::read(file, &arguments.id_column, &engine.interrupt())?,
        None => arguments.ids,
    };
    let (now, by) = (super::now(), global.by.as_deref());
    let cohort = engine.cohort(&arguments.key)?;
    let key = cohort.id.to_string();
    let (added, removed) = match membership {
        Membership::Begins => engine.change_cohort_members(&key, &ids, &[], now, by)?,
        Membership::Ends => engine.change_cohort_members(&key, &[], &ids, now, by)?,
    };
    let idle = ids.len().saturating_sub(added + removed);
    if idle > 0 {
        let state = match membership {
            Membership::Begins => "already members, or named twice",
            Membership::Ends => "no members, or named twice",
        };
        output.note(&format!("{state}: {}", number::count(idle as u64)));
    }
    let count = |count: usize| number::count(count as u64);
    let fields = [("number", key), ("name", cohort.name.clone()), ("added", count(added)), ("removed", count(removed))];
    let data = json!({"cohort": json(&cohort)?, "added": added, "removed": removed});
    output.answer(&Answer::fields(&fields, &data)?)
}

fn kind(cohort: &Cohort) -> &'static str {
    if cohort.is_static { "static" } else { "dynamic" }
}
