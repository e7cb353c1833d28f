//! What is said about the properties of persons and groups, reduced to what still counts.
//!
//! The properties of an owner are those that remain when everything that was said about it is done in the order of
//! (time, uuid, operation): `$set` gives a key its value, `$unset` takes the key away, `$set_once` gives the value only if
//! the key has none. The operation decides within one event, in the order `$set_once`, `$set`, `$unset`.
//!
//! That order is of the events' own making, and so are the properties: in which order files come does not matter. To know
//! them, not everything has to be kept. The last `$set` or `$unset` of a key decides; only while there is none, the first
//! `$set_once` does. A greatest and a smallest element can be followed piece by piece ([`fold`]), per source and owner, and
//! put together when distinct ids turn out to be one person ([`settle`](super::profiles::settle)). Just one case needs the
//! past: after an `$unset` the first later `$set_once` counts. It is looked up in the events then.

use duckdb::Connection;

use super::database::{self, text};
use super::literal::inline;
use crate::error::Result;

/// The source of what came with stored events and tables.
pub(super) const STORED: u32 = 0;

/// `word`: what the new rows say, one row per owner, operation and JSON object with keys. `touched`: whose properties may
/// have changed; `kind` is 0 for persons, 1 for groups.
const BEGIN: &str = "
    CREATE TEMP TABLE word (
        owner_kind UTINYINT, owner_id UINTEGER, operation UTINYINT, keys JSON, timestamp TIMESTAMP, uuid UUID
    );
    CREATE TEMP TABLE touched (kind UTINYINT, id UINTEGER);
";

/// A row of a table names its person by distinct id or else by the name that person has elsewhere.
const SAID_OF_PERSONS: &str = "
    INSERT INTO word
    SELECT * FROM (
        SELECT CASE WHEN known.id IS NULL THEN 1 ELSE 0 END, coalesce(known.id, person.id),
            unnest([0, 1, 2]) AS operation, unnest([said[2], said[1], said[3]]) AS keys, timestamp, uuid
        FROM checked
        LEFT JOIN distinct_id AS known ON known.distinct_id = checked.distinct_id
        LEFT JOIN person ON checked.distinct_id IS NULL AND person.external_id = checked.person_id
        WHERE said[1] IS NOT NULL OR said[2] IS NOT NULL OR said[3] IS NOT NULL
    )
    WHERE json_type(keys) = 'OBJECT' OR (operation = 2 AND json_type(keys) = 'ARRAY');
";

/// Groups that are named for the first time begin without properties.
const SAID_OF_GROUPS: &str = "
    CREATE TEMP TABLE said_of_group AS
    SELECT checked.rowid AS row_id, group_type_index, said[6] ->> '$' AS group_key, said[7] AS keys, timestamp, uuid
    FROM checked JOIN group_type ON group_type.name = said[5] ->> '$'
    WHERE (event = '$groupidentify' OR event IS NULL) AND json_type(said[6]) NOT IN ('OBJECT', 'ARRAY', 'NULL')
        AND said[6] ->> '$' <> '';

    INSERT INTO group_profile
    SELECT (SELECT coalesce(max(id) + 1, 0) FROM group_profile) + row_number() OVER (ORDER BY first) - 1,
        group_type_index, group_key, '{}'::JSON::VARIANT
    FROM (
        SELECT group_type_index, group_key, min(row_id) AS first FROM said_of_group GROUP BY ALL
    ) AS new
    WHERE NOT EXISTS (
        SELECT 1 FROM group_profile AS known
        WHERE known.group_type_index = new.group_type_index AND known.group_key = new.group_key
    );

    INSERT INTO word
    SELECT 2, known.id, 1, keys, timestamp, uuid
    FROM said_of_group AS said
    JOIN group_profile AS known
        ON known.group_type_index = said.group_type_index AND known.group_key = said.group_key
    WHERE json_type(keys) = 'OBJECT';

    DROP TABLE said_of_group;
";

/// `spread`: what was said, key by key. Many events of a person repeat the same object; of equal ones only the last (of
/// `$set_once`: the first) can count.
const SPREAD: &str = "
    CREATE TEMP TABLE spread AS
    SELECT owner_kind, owner_id,
        CASE WHEN operation = 2 AND object.type = 'ARRAY' THEN each.value ->> '$' ELSE each.key END AS key,
        {
            'timestamp': moment[1], 'uuid': moment[2], 'operation': operation,
            'value': CASE WHEN operation < 2 THEN CAST(each.value AS VARCHAR) END
        } AS word
    FROM (
        SELECT owner_kind, owner_id, operation, {'json': keys, 'type': json_type(keys)} AS object,
            CASE operation WHEN 0 THEN min((timestamp, uuid)) ELSE max((timestamp, uuid)) END AS moment
        FROM word
        GROUP BY owner_kind, owner_id, operation, keys
    ), json_each(object.json) AS each
    WHERE operation < 2 OR object.type = 'OBJECT' OR each.type = 'VARCHAR';
";

/// `news`: what counts now and did not before.
const NEWS: &str = "
    CREATE TEMP TABLE news AS
    SELECT owner_kind, owner_id, key,
        coalesce(max(word) FILTER (word.operation > 0), min(word) FILTER (word.operation = 0)) AS word
    FROM (
        SELECT owner_kind, owner_id, key, word FROM spread
        UNION ALL
        SELECT owner_kind, owner_id, key,
            {'timestamp': timestamp, 'uuid': uuid, 'operation': operation, 'value': value}
        FROM here SEMI JOIN spread USING (owner_kind, owner_id, key)
    )
    GROUP BY owner_kind, owner_id, key;

    DELETE FROM news USING here
    WHERE news.owner_kind = here.owner_kind AND news.owner_id = here.owner_id AND news.key = here.key
        AND news.word.timestamp = here.timestamp AND news.word.uuid = here.uuid
        AND news.word.operation = here.operation;
";

const TOUCH: &str = "
    INSERT INTO touched
    SELECT 0, known.person_id FROM news JOIN distinct_id AS known ON owner_kind = 0 AND known.id = owner_id
    UNION
    SELECT 0, person.person_id FROM news JOIN person ON owner_kind = 1 AND person.id = owner_id
        WHERE person.person_id IS NOT NULL
    UNION
    SELECT 1, owner_id FROM news WHERE owner_kind = 2;
";

/// Makes the tables of a change.
pub(super) fn begin(connection: &Connection) -> Result<()> {
    database::run(connection, BEGIN)
}

/// Drops the tables of a change.
pub(super) fn end(connection: &Connection) -> Result<()> {
    database::run(connection, "DROP TABLE word; DROP TABLE touched")
}

/// Lists in `word` what the rows in `checked` say; their names and group types must be in the dictionaries.
pub(super) fn listen(connection: &Connection) -> Result<()> {
    database::run(connection, SAID_OF_PERSONS)?;
    database::run(connection, SAID_OF_GROUPS)
}

/// Adds what is in `word` to what is known from a source; returns how many keys of owners that concerned. Whose properties
/// may have changed is added to `touched`.
pub(super) fn fold(connection: &Connection, source: u32) -> Result<u64> {
    database::run(connection, SPREAD)?;
    let source = i64::from(source);
    let mut here = text("CREATE TEMP VIEW here AS SELECT * FROM property_change WHERE source = ");
    here.value(source);
    database::run(connection, &inline(&here)?)?;
    database::run(connection, NEWS)?;
    let mut replaced = text("DELETE FROM property_change AS old USING news WHERE old.source = ");
    replaced.value(source).text(" AND old.owner_kind = news.owner_kind AND old.owner_id = news.owner_id");
    replaced.text(" AND old.key = news.key");
    database::execute(connection, &replaced)?;
    let mut insert = text("INSERT INTO property_change SELECT ");
    insert.value(source).text(", owner_kind, owner_id, key, word.operation, word.timestamp, word.uuid, word.value");
    insert.text(" FROM news ORDER BY owner_kind, owner_id, word.timestamp, word.uuid");
    let changed = database::execute(connection, &insert)?;
    database::run(connection, TOUCH)?;
    database::run(connection, "DROP VIEW here; DROP TABLE spread; DROP TABLE news; DELETE FROM word")?;
    Ok(changed)
}

/// Forgets all that a source said; whose properties may have changed is added to `touched`.
pub(super) fn forget(connection: &Connection, source: u32) -> Result<()> {
    let mut news =
        text("CREATE TEMP TABLE news AS SELECT DISTINCT owner_kind, owner_id FROM property_change WHERE source = ");
    news.value(i64::from(source));
    database::execute(connection, &news)?;
    database::run(connection, TOUCH)?;
    database::run(connection, "DROP TABLE news")?;
    let mut forgotten = text("DELETE FROM property_change WHERE source = ");
    forgotten.value(i64::from(source));
    database::execute(connection, &forgotten).map(|_| ())
}
