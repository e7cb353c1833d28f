//! Names as numbers, and persons as sets of distinct ids.

use std::collections::HashMap;
use std::sync::Arc;

use duckdb::Connection;
use duckdb::arrow::array::UInt32Array;
use duckdb::arrow::datatypes::{DataType, Field, Schema};
use duckdb::arrow::record_batch::RecordBatch;
use duckdb::vtab::arrow::ArrowBatchRegistration;

use crate::error::{Error, Result};
use crate::events::database::{self, query_error, text};

/// What the names and persons of new events changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::events) struct IdentityChange {
    /// Persons all of whose distinct ids are new.
    pub new_persons: u64,
    /// How many times two persons became one.
    pub merges: u64,
}

/// New names get the next numbers, in the order of their first appearance.
const ENTER_NAMES: &str = "
    INSERT INTO event_name
    SELECT (SELECT coalesce(max(id) + 1, 0) FROM event_name) + row_number() OVER (ORDER BY first) - 1, event
    FROM (SELECT event, min(rowid) AS first FROM checked WHERE event IS NOT NULL GROUP BY event) AS new
    WHERE event NOT IN (SELECT name FROM event_name);

    INSERT INTO distinct_id
    SELECT id, distinct_id, id
    FROM (
        SELECT distinct_id,
            (SELECT coalesce(max(id) + 1, 0) FROM distinct_id) + row_number() OVER (ORDER BY first, rank) - 1 AS id
        FROM (
            SELECT distinct_id, min(first) AS first, min(rank) AS rank
            FROM (
                SELECT distinct_id, rowid AS first, 0 AS rank FROM checked WHERE distinct_id IS NOT NULL
                UNION ALL
                SELECT other_id, rowid, 1 FROM checked WHERE other_id IS NOT NULL
            )
            GROUP BY distinct_id
        ) AS new
        WHERE NOT EXISTS (SELECT 1 FROM distinct_id AS known WHERE known.distinct_id = new.distinct_id)
    );

    INSERT INTO person
    SELECT (SELECT coalesce(max(id) + 1, 0) FROM person) + row_number() OVER (ORDER BY first) - 1, external_id, NULL
    FROM (
        SELECT person_id AS external_id, min(rowid) AS first FROM checked WHERE person_id IS NOT NULL GROUP BY person_id
    ) AS new
    WHERE NOT EXISTS (SELECT 1 FROM person AS known WHERE known.external_id = new.external_id);

    CREATE TEMP TABLE linked AS
    SELECT checked.person_id AS external_id, min(known.person_id) AS person_id
    FROM checked JOIN distinct_id AS known ON known.distinct_id = checked.distinct_id
    WHERE checked.person_id IN (SELECT external_id FROM person WHERE person_id IS NULL)
    GROUP BY checked.person_id;

    UPDATE person SET person_id = linked.person_id FROM linked WHERE person.external_id = linked.external_id;
";

/// Pairs of persons that the new events say are one.
const PAIRS: &str = "
    SELECT DISTINCT least(a, b), greatest(a, b)
    FROM (
        SELECT one.person_id AS a, other.person_id AS b
        FROM (SELECT DISTINCT distinct_id, other_id FROM checked WHERE other_id IS NOT NULL) AS said
        JOIN distinct_id AS one ON one.distinct_id = said.distinct_id
        JOIN distinct_id AS other ON other.distinct_id = said.other_id
        UNION ALL
        SELECT one.person_id, person.person_id
        FROM (SELECT DISTINCT distinct_id, person_id FROM checked WHERE person_id IS NOT NULL) AS said
        JOIN distinct_id AS one ON one.distinct_id = said.distinct_id
        JOIN person ON person.external_id = said.person_id
    )
    WHERE a <> b
";

const STAGE: &str = "CREATE TEMP TABLE merged AS SELECT * FROM arrow(?)";

const APPLY: &str = "
    UPDATE distinct_id SET person_id = merged.into_id FROM merged WHERE distinct_id.person_id = merged.from_id;
    UPDATE person SET person_id = merged.into_id FROM merged WHERE person.person_id = merged.from_id;
    DELETE FROM person_profile WHERE person_id IN (SELECT from_id FROM merged);
    INSERT INTO touched SELECT 0, into_id FROM merged;
    DROP TABLE merged;
";

/// Persons that an earlier table named are touched when their distinct ids become known.
const TOUCH_LINKED: &str = "
    INSERT INTO touched SELECT 0, person.person_id FROM person JOIN linked ON linked.external_id = person.external_id;
    DROP TABLE linked;
";

/// Enters the names, distinct ids and persons of the rows in `checked` into the dictionaries, and joins persons. Persons
/// whose properties may be others by that are listed in `touched`; new persons have none.
pub(in crate::events) fn enter(connection: &Connection) -> Result<IdentityChange> {
    let next_id: u32 =
        database::row(connection, &text("SELECT coalesce(max(id) + 1, 0)::UINTEGER FROM distinct_id"), |row| {
            row.get(0)
        })?;
    database::run(connection, ENTER_NAMES)?;
    let pairs = database::rows(connection, &text(PAIRS), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let merged = merged(&pairs);
    if !merged.is_empty() {
        apply(connection, &merged)?;
    }
    database::run(connection, TOUCH_LINKED)?;
    let mut profiles = text(
        "INSERT INTO person_profile SELECT id, '{}'::JSON::VARIANT FROM distinct_id WHERE id = person_id AND id >= ",
    );
    profiles.value(i64::from(next_id));
    let new_persons = database::execute(connection, &profiles)?;
    Ok(IdentityChange { new_persons, merges: merged.len() as u64 })
}

/// For every person that is no longer one of its own: the smallest of the persons it is one with. Union-find, so that the
/// order of the pairs does not matter and the cost grows with their number.
fn merged(pairs: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut parents: HashMap<u32, u32> = HashMap::new();
    for (one, other) in pairs {
        let (one, other) = (root(&mut parents, *one), root(&mut parents, *other));
        if one != other {
            parents.insert(one.max(other), one.min(other));
        }
    }
    let mut absorbed: Vec<u32> = parents.keys().copied().collect();
    absorbed.sort_unstable();
    absorbed.into_iter().map(|person| (person, root(&mut parents, person))).collect()
}

/// Follows a person to its representative, halving the path on the way.
fn root(parents: &mut HashMap<u32, u32>, mut person: u32) -> u32 {
    while let Some(&parent) = parents.get(&person) {
        let next = parents.get(&parent).copied().unwrap_or(parent);
        parents.insert(person, next);
        person = next;
    }
    person
}

fn apply(connection: &Connection, merged: &[(u32, u32)]) -> Result<()> {
    let schema = Schema::new(["from_id", "into_id"].map(|name| Field::new(name, DataType::UInt32, false)).to_vec());
    let from = UInt32Array::from_iter_values(merged.iter().map(|(from, _)| *from));
    let into = UInt32Array::from_iter_values(merged.iter().map(|(_, into)| *into));
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(from), Arc::new(into)])
        .map_err(|error| Error::bug(format!("a batch of merges: {error}")))?;
    connection.execute(STAGE, [&ArrowBatchRegistration::new(batch)]).map_err(|error| query_error(&error, STAGE))?;
    database::run(connection, APPLY)
}
