//! Stores of older formats become stores of the present one.

use duckdb::Connection;

use super::database::{self, text};
use super::ingest::stage;
use super::store::{FORMAT_VERSION, PROPERTIES};
use super::{attach, changes, groups, profiles};
use crate::error::Result;

/// The tables of format 2; persons keep their foreign names and get numbers for them.
const BEFORE: &str = "
    CREATE TEMP TABLE person_1 AS SELECT external_id, person_id FROM person;
    DROP TABLE person;
";

const AFTER: &str = "
    INSERT INTO person
    SELECT row_number() OVER (ORDER BY external_id) - 1, external_id, person_id FROM person_1;
    DROP TABLE person_1;
    INSERT INTO person_profile
    SELECT id, '{}'::JSON::VARIANT FROM distinct_id WHERE id = person_id ORDER BY id;
";

/// The stored events as rows of an ingest, as far as properties and groups are concerned.
const STAGE: &str = "
    INSERT INTO checked (file, uuid, event, distinct_id, timestamp, group_0, group_1, group_2, group_3, group_4, said)
    SELECT 0, uuid, event, distinct_id, timestamp,
        coalesce(group_0, nullif(said[8] ->> '$', '')),
        coalesce(group_1, nullif(said[9] ->> '$', '')),
        coalesce(group_2, nullif(said[10] ->> '$', '')),
        coalesce(group_3, nullif(said[11] ->> '$', '')),
        coalesce(group_4, nullif(said[12] ->> '$', '')),
        said
    FROM (
        SELECT event.*, event_name.name AS event, distinct_id.distinct_id,
            json_extract(CAST(properties AS JSON), ['$.\"$set\"', '$.\"$set_once\"', '$.\"$unset\"', '$.\"$groups\"',
                '$.\"$group_type\"', '$.\"$group_key\"', '$.\"$group_set\"', '$.\"$group_0\"', '$.\"$group_1\"',
                '$.\"$group_2\"', '$.\"$group_3\"', '$.\"$group_4\"']) AS said
        FROM event
        JOIN event_name ON event_name.id = event.event_name_id
        JOIN distinct_id ON distinct_id.id = event.distinct_id_id
    )
    WHERE list_count(said) > 0;
";

/// Puts the keys of groups that were found into the stored events.
const FILL: &str = "
    UPDATE event SET group_0 = checked.group_0, group_1 = checked.group_1, group_2 = checked.group_2,
        group_3 = checked.group_3, group_4 = checked.group_4
    FROM checked
    WHERE checked.uuid = event.uuid AND list_count(said[4:4] || said[8:12]) > 0;
";

const TOUCH_ALL: &str = "
    INSERT INTO touched SELECT 0, person_id FROM person_profile;
    INSERT INTO touched SELECT 1, id FROM group_profile;
";

/// Format 1 had no properties of persons and groups. They are worked out from the events, in one transaction. Attached
/// files that are not as they were scanned are left alone: reading them anew, as is due, brings theirs.
pub(super) fn from_format_1(connection: &Connection) -> Result<()> {
    database::run(connection, "BEGIN")?;
    database::run(connection, BEFORE)?;
    database::run(connection, PROPERTIES)?;
    database::run(connection, AFTER)?;
    stage::create(connection)?;
    database::run(connection, STAGE)?;
    // In format 1 an event could name any number of group types; those beyond the fifth have no column.
    groups::number(connection)?;
    database::run(connection, FILL)?;
    changes::listen(connection)?;
    changes::fold(connection, changes::STORED)?;
    stage::drop_stage(connection)?;
    attach::rescan_unchanged(connection)?;
    changes::begin(connection)?;
    database::run(connection, TOUCH_ALL)?;
    profiles::settle(connection)?;
    changes::end(connection)?;
    let mut version = text("UPDATE meta SET format_version = ");
    version.value(i64::from(FORMAT_VERSION));
    database::execute(connection, &version)?;
    stage::bump_version(connection, "format 2")?;
    database::run(connection, "COMMIT")
}
