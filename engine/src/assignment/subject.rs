//! Whom a flag is evaluated for, and what must be known besides.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::cohort::CohortDefinition;

/// Properties of a person or a group, by name.
pub type Properties = Map<String, Value>;

/// Whom a flag is evaluated for. What is not given is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The id that decides, unless something below takes its place (F-2).
    pub distinct_id: &'a str,
    /// What is known of the person.
    pub person_properties: Option<&'a Properties>,
    /// The groups the person belongs to: from the group type's name to the group's key.
    pub groups: Option<&'a BTreeMap<String, String>>,
    /// What is known of these groups, by the group type's name.
    pub group_properties: Option<&'a BTreeMap<String, Properties>>,
    /// The id that was kept for this person and flag; used by flags with experience continuity (F-15).
    pub hash_key_override: Option<&'a str>,
    /// The static cohorts that list the person.
    pub static_cohorts: &'a [i64],
}

/// What a flag's definition refers to.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// The names of the group types, by index.
    pub group_types: BTreeMap<u8, String>,
    /// The cohorts that conditions name, by id, with those that these name in turn.
    pub cohorts: BTreeMap<i64, CohortDefinition>,
    /// The moment from which relative dates such as `-3d` are counted.
    pub now: Option<Timestamp>,
}

impl<'a> Subject<'a> {
    /// A subject of whom nothing but the id is known.
    #[must_use]
    pub fn new(distinct_id: &'a str) -> Self {
        Self { distinct_id, ..Self::default() }
    }
}

/// What a lab knows of a subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownSubject {
    /// The properties of the person.
    pub person_properties: Properties,
    /// The groups that were named, from the group type's name to the group's key.
    pub groups: BTreeMap<String, String>,
    /// The properties of the groups, by the group type's name.
    pub group_properties: BTreeMap<String, Properties>,
    /// The id that was kept for the person and the flag (F-15).
    pub hash_key_override: Option<String>,
    /// The static cohorts that list the person.
    pub static_cohorts: Vec<i64>,
}

impl KnownSubject {
    /// The subject with an id.
    #[must_use]
    pub fn subject<'a>(&'a self, distinct_id: &'a str) -> Subject<'a> {
        Subject {
            distinct_id,
            person_properties: Some(&self.person_properties),
            groups: Some(&self.groups),
            group_properties: Some(&self.group_properties),
            hash_key_override: self.hash_key_override.as_deref(),
            static_cohorts: &self.static_cohorts,
        }
    }
}
