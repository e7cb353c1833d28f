//! Property filters on a real lab: random ones compared with a slow and obvious evaluator, and each rule by itself.

mod expressions;
mod oracle;
mod rules;

use std::collections::BTreeSet;
use std::fs;

use abduck::events::TableOptions;
use abduck::{Error, Source};
use serde_json::{Map, Value, json};

use crate::support::{Log, event, now};

/// A lab with persons and groups, which can be asked whose events pass a filter.
pub(super) struct World {
    pub(super) log: Log,
}

impl World {
    /// The events, and what tables say of persons (by distinct id) and of groups of the type with index 0 (by key).
    pub(super) fn of(events: &[Value], persons: &[(String, Value)], groups: &[(String, Value)]) -> Self {
        let mut log = Log::of(events);
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, lines: Vec<Value>| {
            let file = directory.path().join(name);
            fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
            Source::Files(vec![file.display().to_string()])
        };
        let options = TableOptions::as_of(now());
        if !persons.is_empty() {
            let lines = persons.iter().map(|(id, properties)| json!({"distinct_id": id, "properties": properties}));
            log.lab.ingest_persons(write("persons.ndjson", lines.collect()), &options, &mut |_| ()).unwrap();
        }
        if !groups.is_empty() {
            let lines = groups.iter().map(|(key, properties)| json!({"group_key": key, "properties": properties}));
            log.lab.ingest_groups(write("groups.ndjson", lines.collect()), "company", &options, &mut |_| ()).unwrap();
        }
        Self { log }
    }

    /// The smallest distinct ids of the persons who have an event that passes a filter.
    pub(super) fn passing(&mut self, filter: &Value) -> Result<BTreeSet<String>, Error> {
        let condition = json!({"type": "behavioral", "value": "performed_event", "key": null, "event_type": "events",
            "event_filters": filter, "explicit_datetime": "2000-01-01"});
        self.members(&json!({"type": "OR", "values": [condition]}))
    }

    /// The smallest distinct ids of the members of a cohort with these properties.
    pub(super) fn members(&mut self, properties: &Value) -> Result<BTreeSet<String>, Error> {
        let filters = Map::from_iter([("properties".to_owned(), properties.clone())]);
        let members = self.log.lab.cohort_members(&filters, now())?;
        Ok(members.into_iter().map(|member| member.distinct_id).collect())
    }
}

/// One event each of persons `0`, `1`, … with these values of the property `x`; null is no value.
pub(super) fn values(values: &[Value]) -> World {
    let line = |(index, value): (usize, &Value)| {
        event(&index.to_string(), "view", "2024-01-05T00:00:00Z", &json!({"x": value}))
    };
    World::of(&values.iter().enumerate().map(line).collect::<Vec<_>>(), &[], &[])
}

/// The numbers as the texts of distinct ids.
pub(super) fn ids(numbers: &[usize]) -> BTreeSet<String> {
    numbers.iter().map(ToString::to_string).collect()
}
