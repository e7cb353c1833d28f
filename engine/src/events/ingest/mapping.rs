//! Which column means what.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The number of group columns of an event.
pub(in crate::events) const GROUPS: usize = 5;

/// Says which columns of the source hold what; what is left out is recognised by its name.
///
/// ```
/// use abduck::events::{ColumnMapping, TimestampUnit};
///
/// let mapping = ColumnMapping::from_text(
///     "{distinct_id: visitor, timestamp: at, timestamp_unit: milliseconds, flags: {new-checkout: arm}, \
///      exposure_event: assigned}",
/// )?;
/// assert_eq!(mapping.distinct_id.as_deref(), Some("visitor"));
/// assert_eq!(mapping.timestamp_unit, Some(TimestampUnit::Milliseconds));
/// # Ok::<(), abduck::error::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnMapping {
    /// The event's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The id of whoever did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct_id: Option<String>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The event's own id, by which repetitions are recognised. Without one it is derived from the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// The properties: JSON text with an object, a struct or a map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<String>,
    /// Another system's id of the person; distinct ids that share one are one person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_id: Option<String>,
    /// Group keys: from the group's index, 0 to 4, to its column.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<u8, String>,
    /// What a timestamp that is a number counts since 1970; required for such timestamps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_unit: Option<TimestampUnit>,
    /// The IANA time zone of timestamps that don't carry an offset; UTC if absent. Its rules are followed from 1970 to
    /// 2100. Of two possible instants the earlier is taken; a local time that was skipped moves forward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// From a flag's key to the column with the variant; stored as the property `$feature/<key>`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flags: BTreeMap<String, String>,
    /// The name of the event that says "was shown the variant": it is stored as `$feature_flag_called` of the one flag
    /// in `flags`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_event: Option<String>,
}

/// What a numeric timestamp counts since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampUnit {
    /// Seconds, possibly with a fraction.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
}

impl ColumnMapping {
    /// Reads a mapping from YAML or JSON.
    ///
    /// # Errors
    ///
    /// `Invalid` if the text is not a mapping.
    pub fn from_text(text: &str) -> Result<Self> {
        serde_yaml_ng::from_str(text).map_err(|error| {
            Error::invalid_field("mapping", "invalid_input", format!("the column mapping cannot be read: {error}"))
                .hint("keys: event, distinct_id, timestamp, uuid, properties, person_id, groups, timestamp_unit, timezone, flags, exposure_event")
        })
    }

    /// Reads a mapping from a YAML or JSON file.
    ///
    /// # Errors
    ///
    /// `Io` if the file cannot be read, `Invalid` if it is not a mapping.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        Self::from_text(&text).map_err(|error| error.hint(format!("the mapping was read from {}", path.display())))
    }

    /// Fails if the mapping contradicts itself, whatever the data.
    pub(in crate::events) fn check(&self) -> Result<()> {
        if let Some(index) = self.groups.keys().find(|index| usize::from(**index) >= GROUPS) {
            return Err(Error::invalid_field(
                "groups",
                "invalid_input",
                format!("there is no group {index}; groups are numbered from 0 to {}", GROUPS - 1),
            ));
        }
        if self.exposure_event.is_some() && self.flags.len() != 1 {
            return Err(Error::invalid_field(
                "exposure_event",
                "invalid_input",
                format!("an exposure event needs exactly one flag, but {} are mapped", self.flags.len()),
            )
            .hint("name the flag whose variant a column holds (--flag KEY=COLUMN); with several flags, ingest once per flag"));
        }
        Ok(())
    }
}

/// What the rows of a source are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::events) enum Rows {
    /// Events.
    #[default]
    Events,
    /// Persons with their properties. Without a column for it, they hold as of a time: microseconds since 1970.
    Persons { as_of_us: i64 },
    /// Groups of one type with their properties, likewise; the column with their keys may be named.
    Groups { as_of_us: i64, group_type: String, key: Option<String> },
}

/// The columns of one source, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::events) struct Columns {
    pub(in crate::events) rows: Rows,
    pub(in crate::events) event: Option<String>,
    pub(in crate::events) distinct_id: Option<String>,
    pub(in crate::events) group_key: Option<String>,
    pub(in crate::events) timestamp: Option<String>,
    pub(in crate::events) uuid: Option<String>,
    pub(in crate::events) properties: Option<String>,
    pub(in crate::events) person_id: Option<String>,
    pub(in crate::events) groups: [Option<String>; GROUPS],
    /// Flag keys and their columns.
    pub(in crate::events) flags: Vec<(String, String)>,
    /// Whether columns without a role become properties.
    pub(in crate::events) keep_others: bool,
}

impl Columns {
    /// Whether a column has a role, so that it is not a property.
    pub(in crate::events) fn has_role(&self, column: &str) -> bool {
        [
            &self.event,
            &self.distinct_id,
            &self.group_key,
            &self.timestamp,
            &self.uuid,
            &self.properties,
            &self.person_id,
        ]
        .into_iter()
        .chain(&self.groups)
        .any(|role| role.as_deref() == Some(column))
            || self.flags.iter().any(|(_, role)| role == column)
    }
}

/// The names by which a role is recognised; the first wins, among the others there must be exactly one.
const EVENT: &[&str] = &["event", "event_name", "name"];
const DISTINCT_ID: &[&str] = &["distinct_id", "user_id", "userId", "anonymous_id", "anonymousId"];
const GROUP_KEY: &[&str] = &["group_key", "key"];
const TIMESTAMP: &[&str] = &["timestamp", "time", "ts", "event_time", "occurred_at", "created_at"];

/// The columns that together tell an export of the events table of PostHog.
const EXPORT: [&str; 5] = ["uuid", "event", "properties", "timestamp", "distinct_id"];

/// Understands the columns that `origin` (a file, for messages) has. `complete` says that it has no others; lines of
/// JSON may bring new ones later.
pub(in crate::events) fn resolve(
    mapping: &ColumnMapping,
    rows: &Rows,
    found: &[String],
    complete: bool,
    origin: &str,
) -> Result<Columns> {
    let source = Found { names: found, complete, origin };
    source.check_unique()?;
    match rows {
        Rows::Events => resolve_events(mapping, &source),
        Rows::Persons { .. } | Rows::Groups { .. } => resolve_table(mapping, rows, &source),
    }
}

fn resolve_events(mapping: &ColumnMapping, source: &Found<'_>) -> Result<Columns> {
    let mut groups: [Option<String>; GROUPS] = Default::default();
    for (index, group) in groups.iter_mut().enumerate() {
        let names = [format!("$group_{index}"), format!("group_{index}")];
        *group = match mapping.groups.iter().find(|(key, _)| usize::from(**key) == index) {
            Some((_, column)) => Some(source.require("groups", column)?),
            None => names.into_iter().find(|name| source.has(name)),
        };
    }
    let flags = mapping
        .flags
        .iter()
        .map(|(key, column)| Ok((key.clone(), source.require("flags", column)?)))
        .collect::<Result<_>>()?;
    Ok(Columns {
        rows: Rows::Events,
        event: Some(source.role("event", mapping.event.as_ref(), EVENT)?),
        distinct_id: Some(source.role("distinct_id", mapping.distinct_id.as_ref(), DISTINCT_ID)?),
        group_key: None,
        timestamp: Some(source.role("timestamp", mapping.timestamp.as_ref(), TIMESTAMP)?),
        uuid: source.optional("uuid", mapping.uuid.as_ref())?,
        properties: source.optional("properties", mapping.properties.as_ref())?,
        person_id: source.optional("person_id", mapping.person_id.as_ref())?,
        groups,
        flags,
        keep_others: !EXPORT.iter().all(|name| source.has(name)),
    })
}

/// A table of persons or groups. Fewer names are recognised than for events: `created_at` is rather a property here.
fn resolve_table(mapping: &ColumnMapping, rows: &Rows, source: &Found<'_>) -> Result<Columns> {
    let mut columns = Columns {
        rows: rows.clone(),
        timestamp: source.optional("timestamp", mapping.timestamp.as_ref())?,
        properties: source.optional("properties", mapping.properties.as_ref())?,
        keep_others: true,
        ..Columns::default()
    };
    if let Rows::Groups { key, .. } = rows {
        columns.group_key = Some(source.role("group_key", key.as_ref(), GROUP_KEY)?);
        return Ok(columns);
    }
    columns.person_id = source.optional("person_id", mapping.person_id.as_ref())?;
    let has_none = mapping.distinct_id.is_none() && !DISTINCT_ID.iter().any(|name| source.has(name));
    if !(has_none && columns.person_id.is_some()) {
        columns.distinct_id = Some(source.role("distinct_id", mapping.distinct_id.as_ref(), DISTINCT_ID)?);
    }
    Ok(columns)
}

/// The columns a source has.
struct Found<'a> {
    names: &'a [String],
    complete: bool,
    origin: &'a str,
}

impl Found<'_> {
    fn has(&self, column: &str) -> bool {
        self.names.iter().any(|name| name == column)
    }

    fn check_unique(&self) -> Result<()> {
        let mut seen = HashSet::new();
        match self.names.iter().find(|name| !seen.insert(name.as_str())) {
            None => Ok(()),
            Some(twice) => Err(Error::schema(format!("{}: the column {twice:?} occurs twice", self.origin))
                .hint("rename one of them in the file")),
        }
    }

    /// A column that was asked for by name.
    fn require(&self, role: &str, column: &str) -> Result<String> {
        if self.has(column) || !self.complete {
            return Ok(column.to_owned());
        }
        Err(Error::schema(format!(
            "{}: the column {column:?} that is mapped to {role} does not exist; {}",
            self.origin,
            self.list()
        ))
        .hint(format!("correct {role} in the column mapping")))
    }

    /// A column that may be missing: as asked for, or by its own name.
    fn optional(&self, role: &'static str, given: Option<&String>) -> Result<Option<String>> {
        match given {
            Some(column) => self.require(role, column).map(Some),
            None => Ok(self.has(role).then(|| role.to_owned())),
        }
    }

    /// A column every row needs: as asked for, or recognised.
    fn role(&self, role: &'static str, given: Option<&String>, names: &[&str]) -> Result<String> {
        if let Some(column) = given {
            return self.require(role, column);
        }
        let known: Vec<&str> = names.iter().copied().filter(|name| self.has(name)).collect();
        let problem = match known[..] {
            [only] => return Ok(only.to_owned()),
            [first, ..] if first == names[0] => return Ok(first.to_owned()),
            [] => format!("no column for {role} was recognised"),
            _ => format!("the column for {role} could be any of {}", known.join(", ")),
        };
        let flag = role.replace('_', "-");
        Err(Error::schema(format!("{}: {problem}; {}", self.origin, self.list()))
            .hint(format!("name it: --{flag} COLUMN, or `{role}: COLUMN` in a mapping file")))
    }

    fn list(&self) -> String {
        if self.names.is_empty() {
            return "it has no columns".to_owned();
        }
        format!("its columns are {}", self.names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::{ColumnMapping, Rows, resolve};

    fn names(list: &str) -> Vec<String> {
        list.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn an_export_ignores_its_other_columns() {
        let found = names("uuid,event,properties,timestamp,distinct_id,team_id,created_at,person_id");
        let columns = resolve(&ColumnMapping::default(), &Rows::Events, &found, true, "x").unwrap();
        assert_eq!((columns.timestamp.as_deref(), columns.keep_others), (Some("timestamp"), false));
        assert_eq!(columns.person_id.as_deref(), Some("person_id"));
    }

    #[test]
    fn two_possible_columns_are_not_guessed_between() {
        let error = resolve(&ColumnMapping::default(), &Rows::Events, &names("event,user_id,time,ts"), true, "x.csv")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.csv: the column for timestamp could be any of time, ts; its columns are event, user_id, time, ts"
        );
        assert!(error.hints()[0].contains("--timestamp COLUMN"));
    }
}
