//! Events that were delivered more than once: none is stored twice, but whoever counts the rows of the files counts them all.
//!
//! Per event and source the store keeps how many rows there were beyond the first. A source that is taken in again, a file at its
//! path or a frame, is no second delivery, even if it has grown since; two files that hold the same event are.

use duckdb::Connection;

use crate::error::Result;
use crate::events::database::{self, text};
use crate::events::store::Reader;

/// Made with the first ingest. In a store that is older than this and has events, every source may have been taken in before.
const CREATE: &str = "
    CREATE SCHEMA deliveries;
    CREATE TABLE deliveries.source (id UINTEGER NOT NULL, name VARCHAR NOT NULL);
    CREATE TABLE deliveries.repeated (uuid UUID NOT NULL, source_id UINTEGER NOT NULL, times UBIGINT NOT NULL);
";

const GIVEN: &str = "CREATE TEMP TABLE given (file UINTEGER, name VARCHAR);";

/// Names the sources of this run, and counts the rows in `duplicate` per event and source. Of a source that was taken in before,
/// the first row of an event that is stored says nothing new.
const FIND: &str = "
    CREATE TEMP TABLE known AS SELECT name FROM deliveries.source;
    INSERT INTO deliveries.source
    SELECT (SELECT count(*) FROM known) + row_number() OVER (ORDER BY name) - 1, name
    FROM (SELECT DISTINCT name FROM given WHERE name NOT IN (SELECT name FROM known));
    CREATE TEMP TABLE found AS
    SELECT uuid, source_id, times FROM (
        SELECT checked.uuid, source.id AS source_id,
            count(*) - CAST((known.name IS NOT NULL OR has_unknown_past) AND event.uuid IS NOT NULL AS BIGINT) AS times
        FROM duplicate
        JOIN checked ON checked.rowid = duplicate.row_id
        JOIN given ON given.file = checked.file
        JOIN deliveries.source AS source ON source.name = given.name
        JOIN past ON true
        LEFT JOIN known ON known.name = given.name
        LEFT JOIN event ON event.uuid = checked.uuid
        GROUP BY checked.uuid, source.id, known.name, has_unknown_past, event.uuid
    ) WHERE times > 0;
";

/// A source that is taken in again finds what it found before, and what it has got since.
const ADD: &str = "
    UPDATE deliveries.repeated AS kept SET times = greatest(kept.times, found.times)
    FROM found WHERE found.uuid = kept.uuid AND found.source_id = kept.source_id;
    INSERT INTO deliveries.repeated
    SELECT * FROM found WHERE (uuid, source_id) NOT IN (SELECT (uuid, source_id) FROM deliveries.repeated);
    DROP TABLE past; DROP TABLE given; DROP TABLE known; DROP TABLE found;
";

/// Keeps what this run delivered again, before its duplicates are dropped. `names` are those of the sources.
pub(super) fn keep(connection: &Connection, names: &[String]) -> Result<()> {
    let is_new = !exists(connection)?;
    let mut past = text("CREATE TEMP TABLE past AS SELECT ");
    past.text(if is_new { "count(*) > 0" } else { "false" }).text(" AS has_unknown_past FROM meta");
    past.text(" WHERE data_version > 0");
    if is_new {
        database::run(connection, CREATE)?;
    }
    database::execute(connection, &past)?;
    database::run(connection, GIVEN)?;
    for (file, name) in (0_i64..).zip(names) {
        let mut sql = text("INSERT INTO given VALUES (");
        sql.value(file).text(", ").value(name.as_str()).text(")");
        database::execute(connection, &sql)?;
    }
    database::run(connection, FIND)?;
    database::run(connection, ADD)
}

impl Reader {
    /// Whether some event was delivered more than once.
    ///
    /// # Errors
    /// `Query` if the store cannot be read.
    pub fn has_repeated_deliveries(&self) -> Result<bool> {
        if !exists(self.connection()?)? {
            return Ok(false);
        }
        database::row(self.connection()?, &text("SELECT count(*) > 0 FROM deliveries.repeated"), |row| row.get(0))
    }
}

fn exists(connection: &Connection) -> Result<bool> {
    let sql = text(
        "SELECT count(*) > 0 FROM information_schema.tables WHERE table_schema = 'deliveries' \
         AND table_name = 'repeated' AND table_catalog = current_database()",
    );
    database::row(connection, &sql, |row| row.get(0))
}
