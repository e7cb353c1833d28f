//! Persons and groups, as they are now.

use abduck::Result;
use serde_json::{Map, Value};

use crate::args::{Global, GroupCommand, PersonCommand};
use crate::output::{Answer, Output};

/// Shows a person.
pub(crate) fn person(global: &Global, command: &PersonCommand, output: &Output) -> Result<()> {
    let PersonCommand::Show { distinct_id } = command;
    let person = super::open(global)?.person(distinct_id)?;
    let mut fields = vec![("person", person.person_id.to_string())];
    fields.extend(person.distinct_ids.iter().map(|distinct_id| ("distinct id", distinct_id.clone())));
    fields.extend(properties(&person.properties));
    output.answer(&Answer::fields(&fields, &person)?)
}

/// Shows a group.
pub(crate) fn group(global: &Global, command: &GroupCommand, output: &Output) -> Result<()> {
    let GroupCommand::Show { group_type, group_key } = command;
    let group = super::open(global)?.group(group_type, group_key)?;
    let mut fields = vec![
        ("group type", format!("{} (index {})", group.group_type, group.group_type_index)),
        ("group key", group.group_key.clone()),
    ];
    fields.extend(properties(&group.properties));
    output.answer(&Answer::fields(&fields, &group)?)
}

fn properties(properties: &Map<String, Value>) -> impl Iterator<Item = (&'static str, String)> {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    properties.iter().map(move |(key, value)| ("property", format!("{key}  {}", shown(value))))
}
