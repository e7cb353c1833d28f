//! The properties of persons and groups as they are now, and reading them.

use duckdb::Connection;
use serde::Serialize;
use serde_json::{Map, Value};

use super::database::{self, text};
use super::store::Reader;
use crate::error::{Error, Result};
use crate::sql::Sql;

/// A person, as of the latest events and tables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersonProfile {
    /// The number by which events and the `persons` view name the person; merging persons may change it.
    pub person_id: u32,
    /// The distinct ids of the person, in alphabetical order.
    pub distinct_ids: Vec<String>,
    /// The properties.
    pub properties: Map<String, Value>,
}

/// A group, as of the latest events and tables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupProfile {
    /// The name of its type.
    pub group_type: String,
    /// The index of its type: the keys of such groups are in `group_<index>` of the events.
    pub group_type_index: u8,
    /// Its key.
    pub group_key: String,
    /// The properties; empty if none were ever given.
    pub properties: Map<String, Value>,
}

/// A type of groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupType {
    /// The keys of such groups are in `group_<index>` of the events.
    pub index: u8,
    /// Its name.
    pub name: String,
    /// Number of groups that an event or a table has described.
    pub group_count: u64,
}

/// How many owners have other properties than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ProfileChange {
    pub(super) persons: u64,
    pub(super) groups: u64,
}

/// `said`: all that counts of the touched persons, and of the touched groups.
const SAID: [&str; 2] = [
    "
    CREATE TEMP TABLE said AS
    SELECT known.person_id AS id, key,
        {'timestamp': timestamp, 'uuid': uuid, 'operation': operation, 'value': value} AS word
    FROM property_change AS change JOIN distinct_id AS known ON change.owner_kind = 0 AND known.id = change.owner_id
    WHERE known.person_id IN (SELECT id FROM touched WHERE kind = 0)
    UNION ALL
    SELECT person.person_id, key, {'timestamp': timestamp, 'uuid': uuid, 'operation': operation, 'value': value}
    FROM property_change AS change JOIN person ON change.owner_kind = 1 AND person.id = change.owner_id
    WHERE person.person_id IN (SELECT id FROM touched WHERE kind = 0);
    ",
    "
    CREATE TEMP TABLE said AS
    SELECT owner_id AS id, key,
        {'timestamp': timestamp, 'uuid': uuid, 'operation': operation, 'value': value} AS word
    FROM property_change
    WHERE owner_kind = 2 AND owner_id IN (SELECT id FROM touched WHERE kind = 1);
    ",
];

/// Where something was unset, any `$set_once` of the past may count again.
const PAST: &str = "
    INSERT INTO said
    SELECT event.person_id, each.key, {
        'timestamp': event.timestamp, 'uuid': event.uuid, 'operation': 0, 'value': CAST(each.value AS VARCHAR)
    }
    FROM (
        SELECT person_id, timestamp, uuid, CAST(variant_extract(properties, '$set_once') AS JSON) AS keys
        FROM events
        WHERE person_id IN (SELECT id FROM said WHERE word.operation = 2)
    ) AS event, json_each(event.keys) AS each
    WHERE json_type(event.keys) = 'OBJECT'
        AND (event.person_id, each.key) IN (SELECT (id, key) FROM said WHERE word.operation = 2);
";

/// `profile`: the properties of whoever was touched and has other ones now.
const PROFILE: &str = "
    CREATE TEMP TABLE profile AS
    SELECT owner.id, coalesce(new.properties, '{}'::JSON::VARIANT) AS properties
    FROM owner
    LEFT JOIN (
        SELECT id, CAST(json_group_object(key, CAST(word.value AS JSON)) AS VARIANT) AS properties
        FROM (
            SELECT id, key, CASE
                WHEN last.operation = 1 THEN last
                ELSE list_min(list_filter(once, lambda word: last IS NULL OR word > last))
            END AS word
            FROM (
                SELECT id, key, max(word) FILTER (word.operation > 0) AS last, list(word) FILTER (word.operation = 0) AS once
                FROM said
                GROUP BY id, key
            )
        )
        WHERE word IS NOT NULL
        GROUP BY id
    ) AS new ON new.id = owner.id
    WHERE CAST(CAST(owner.properties AS JSON) AS VARCHAR)
        <> coalesce(CAST(CAST(new.properties AS JSON) AS VARCHAR), '{}');
    DROP TABLE said;
    DROP VIEW owner;
";

const STORE: [&str; 2] = [
    "
    DELETE FROM person_profile WHERE person_id IN (SELECT id FROM profile);
    INSERT INTO person_profile SELECT id, properties FROM profile ORDER BY id;
    DROP TABLE profile;
    ",
    "
    UPDATE group_profile SET properties = profile.properties FROM profile WHERE profile.id = group_profile.id;
    DROP TABLE profile;
    ",
];

const OWNER: [&str; 2] = [
    "CREATE TEMP VIEW owner AS SELECT person_id AS id, properties FROM person_profile \
     WHERE person_id IN (SELECT id FROM touched WHERE kind = 0)",
    "CREATE TEMP VIEW owner AS SELECT id, properties FROM group_profile \
     WHERE id IN (SELECT id FROM touched WHERE kind = 1)",
];

/// Works out the properties of all who are `touched`; the events must be in the store, and the view must cover them.
pub(super) fn settle(connection: &Connection) -> Result<ProfileChange> {
    let settled = ProfileChange { persons: settle_kind(connection, 0)?, groups: settle_kind(connection, 1)? };
    database::run(connection, "DELETE FROM touched")?;
    Ok(settled)
}

fn settle_kind(connection: &Connection, kind: usize) -> Result<u64> {
    let mut touched = text("SELECT count(*) > 0 FROM touched WHERE kind = ");
    touched.value(i64::from(kind != 0));
    if !database::row(connection, &touched, |row| row.get::<_, bool>(0))? {
        return Ok(0);
    }
    database::run(connection, SAID[kind])?;
    let unset = text("SELECT count(*) > 0 FROM said WHERE word.operation = 2");
    if kind == 0 && database::row(connection, &unset, |row| row.get::<_, bool>(0))? {
        database::run(connection, PAST)?;
    }
    database::run(connection, OWNER[kind])?;
    database::run(connection, PROFILE)?;
    let changed: i64 = database::row(connection, &text("SELECT count(*) FROM profile"), |row| row.get(0))?;
    database::run(connection, STORE[kind])?;
    Ok(changed.unsigned_abs())
}

impl Reader {
    /// The person that a distinct id belongs to, none if no event and no table has named it.
    ///
    /// # Errors
    ///
    /// `Query` if the store cannot be read.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use abduck::events::{EventStore, IngestOptions, Interrupt, Source, ingest};
    ///
    /// # fn main() -> abduck::error::Result<()> {
    /// # let directory = std::env::temp_dir().join(format!("abduck-doc-person-{}", std::process::id()));
    /// # let store = EventStore::create(&directory)?;
    /// # let file = directory.join("events.ndjson");
    /// let event = r#"{"distinct_id": "ann", "event": "$set", "timestamp": "2025-01-01", "$set": {"plan": "pro"}}"#;
    /// std::fs::write(&file, event).unwrap();
    /// let source = Source::Files(vec![file.display().to_string()]);
    /// # let wait = Duration::from_secs(5);
    /// ingest(&store, source, &IngestOptions::default(), wait, &Interrupt::new(), &mut |_| {})?;
    /// let ann = store.read(wait, "show a person")?.person("ann")?.unwrap();
    /// assert_eq!(ann.properties["plan"], "pro");
    /// # std::fs::remove_dir_all(&directory).ok();
    /// # Ok(())
    /// # }
    /// ```
    pub fn person(&self, distinct_id: &str) -> Result<Option<PersonProfile>> {
        let mut sql = text(
            "SELECT person_id, CAST(CAST(properties AS JSON) AS VARCHAR) FROM person_profile \
             WHERE person_id = (SELECT person_id FROM distinct_id WHERE distinct_id = ",
        );
        sql.value(distinct_id).text(")");
        let found =
            database::rows(self.connection()?, &sql, |row| Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?)))?;
        let Some((person_id, properties)) = found.into_iter().next() else { return Ok(None) };
        let mut sql = text("SELECT distinct_id FROM distinct_id WHERE person_id = ");
        sql.value(i64::from(person_id)).text(" ORDER BY distinct_id");
        let distinct_ids = database::rows(self.connection()?, &sql, |row| row.get(0))?;
        Ok(Some(PersonProfile { person_id, distinct_ids, properties: object(&properties)? }))
    }

    /// The group of a type with a key, none if no event and no table has described it.
    ///
    /// # Errors
    ///
    /// `Query` if the store cannot be read.
    pub fn group(&self, group_type: &str, group_key: &str) -> Result<Option<GroupProfile>> {
        let mut sql = Sql::new();
        sql.text(
            "SELECT group_type_index, CAST(CAST(properties AS JSON) AS VARCHAR) \
             FROM group_profile JOIN group_type USING (group_type_index) WHERE name = ",
        );
        sql.value(group_type).text(" AND group_key = ").value(group_key);
        let found =
            database::rows(self.connection()?, &sql, |row| Ok((row.get::<_, u8>(0)?, row.get::<_, String>(1)?)))?;
        let Some((group_type_index, properties)) = found.into_iter().next() else { return Ok(None) };
        Ok(Some(GroupProfile {
            group_type: group_type.to_owned(),
            group_type_index,
            group_key: group_key.to_owned(),
            properties: object(&properties)?,
        }))
    }

    /// The types of groups, by index.
    ///
    /// # Errors
    ///
    /// `Query` if the store cannot be read.
    pub fn group_types(&self) -> Result<Vec<GroupType>> {
        let sql = text(
            "SELECT group_type_index, name, (SELECT count(*) FROM group_profile AS known \
             WHERE known.group_type_index = group_type.group_type_index) FROM group_type ORDER BY group_type_index",
        );
        database::rows(self.connection()?, &sql, |row| {
            Ok(GroupType { index: row.get(0)?, name: row.get(1)?, group_count: row.get::<_, i64>(2)?.unsigned_abs() })
        })
    }
}

fn object(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text).map_err(|error| Error::bug(format!("stored properties are no JSON object: {error}")))
}
