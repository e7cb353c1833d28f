//! The table `checked`: all rows of an ingest with the verdict on each, and from there into the store.

use std::path::Path;
use std::sync::Arc;

use duckdb::Connection;
use duckdb::arrow::datatypes::Schema;
use duckdb::arrow::record_batch::RecordBatch;
use duckdb::vtab::arrow::ArrowBatchRegistration;

use super::checked::{Relation, checked};
use super::mapping::{self, ColumnMapping, Columns, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::events::changes;
use crate::events::database::{self, bound, query_error, text};
use crate::sql::Sql;

const CREATE: &str = "
    CREATE TEMP TABLE checked (
        file UINTEGER, line UBIGINT, reason VARCHAR, raw VARCHAR, uuid UUID, event VARCHAR, distinct_id VARCHAR,
        other_id VARCHAR, person_id VARCHAR, timestamp TIMESTAMP, properties VARCHAR,
        group_0 VARCHAR, group_1 VARCHAR, group_2 VARCHAR, group_3 VARCHAR, group_4 VARCHAR, said JSON[]
    );
    CREATE TEMP TABLE duplicate (file UINTEGER, row_id BIGINT);
";

/// Begins the transaction, with an empty `checked`.
pub(super) fn begin(connection: &Connection) -> Result<()> {
    database::run(connection, "BEGIN")?;
    create(connection)
}

/// The tables of a change, empty.
pub(in crate::events) fn create(connection: &Connection) -> Result<()> {
    database::run(connection, CREATE)?;
    changes::begin(connection)
}

/// Stages a Parquet file as file number `file`.
pub(super) fn parquet(
    connection: &Connection,
    file: u32,
    path: &Path,
    mapping: &ColumnMapping,
    rows: &Rows,
) -> Result<()> {
    let origin = path.display().to_string();
    let name = utf8(path)?;
    let mut from = Sql::new();
    from.text("read_parquet(").value(name).text(")");
    let types = describe(connection, &from).map_err(|error| unreadable(error, &origin))?;
    let columns = mapping::resolve(mapping, rows, &names(&types), true, &origin)?;
    let mut numbered = Sql::new();
    numbered.text("read_parquet(").value(name).text(", file_row_number = true)");
    let line = text("file_row_number + 1");
    let relation =
        Relation { from: numbered, line, columns: &columns, types: &types, has_flaws: false, origin: &origin };
    let mut sql = Sql::new();
    sql.text("INSERT INTO checked SELECT ").value(i64::from(file)).text(", * FROM (");
    sql.append(&checked(&relation, mapping)?).text(")");
    database::execute(connection, &sql).map_err(|error| unreadable(error, &origin))?;
    Ok(())
}

/// Begins with an empty `checked` and stages the rows of a query into it, without what only storing needs.
pub(in crate::events) fn stage_query(connection: &Connection, checked: &Sql) -> Result<()> {
    create(connection)?;
    let mut sql = text("INSERT INTO checked SELECT 0, * REPLACE (NULL AS raw, NULL AS properties) FROM (");
    sql.append(checked).text(")");
    database::execute(connection, &sql).map(|_| ())
}

/// Ends with what was staged.
pub(in crate::events) fn drop_stage(connection: &Connection) -> Result<()> {
    database::run(connection, "DROP TABLE checked; DROP TABLE duplicate")?;
    changes::end(connection)
}

/// A file's name for the database, whose texts are UTF-8.
pub(in crate::events) fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::invalid_field("files", "invalid_input", format!("{}: the name is not UTF-8", path.display()))
            .hint("rename the file")
    })
}

/// What the database says about a file it can't read is about the file, not about our query.
pub(in crate::events) fn unreadable(error: Error, origin: &str) -> Error {
    match error.kind() {
        ErrorKind::Query { message, .. } => {
            let said = message.lines().next().unwrap_or_default();
            Error::schema(format!("{origin}: {said}")).hint("check that the file is whole and is what its name says")
        }
        _ => error,
    }
}

/// The names and types of the columns of a relation.
pub(in crate::events) fn describe(connection: &Connection, from: &Sql) -> Result<Vec<(String, String)>> {
    let mut sql = text("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ");
    sql.append(from).text(")");
    database::rows(connection, &sql, |row| Ok((row.get(0)?, row.get(1)?)))
}

pub(in crate::events) fn names(types: &[(String, String)]) -> Vec<String> {
    types.iter().map(|(name, _)| name.clone()).collect()
}

/// Stages record batches of one schema, one after another.
pub(super) struct BatchStage<'a> {
    connection: &'a Connection,
    file: u32,
    query: Sql,
    /// The rows before the next batch, by which its row numbers are raised; stays 0 if rows carry their line.
    offset: u64,
    numbers_rows: bool,
}

impl<'a> BatchStage<'a> {
    /// For rows from another library, whose columns have any names and types.
    pub(super) fn for_table(
        connection: &'a Connection,
        file: u32,
        schema: &Arc<Schema>,
        mapping: &ColumnMapping,
        rows: &Rows,
        origin: &str,
    ) -> Result<Self> {
        let types = describe_schema(connection, schema, origin)?;
        let columns = mapping::resolve(mapping, rows, &names(&types), true, origin)?;
        // Batches come in one after another, and each is scanned by one thread.
        let line = text("row_number() OVER ()");
        let relation =
            Relation { from: text("arrow(?)"), line, columns: &columns, types: &types, has_flaws: false, origin };
        Ok(Self { connection, file, query: checked(&relation, mapping)?, offset: 0, numbers_rows: true })
    }

    /// For rows of a text file, whose columns are named by their roles.
    pub(super) fn for_text(
        connection: &'a Connection,
        file: u32,
        columns: &Columns,
        mapping: &ColumnMapping,
        origin: &str,
    ) -> Result<Self> {
        let relation =
            Relation { from: text("arrow(?)"), line: text("line"), columns, types: &[], has_flaws: true, origin };
        Ok(Self { connection, file, query: checked(&relation, mapping)?, offset: 0, numbers_rows: false })
    }

    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = batch.num_rows() as u64;
        let mut sql = Sql::new();
        sql.text("INSERT INTO checked SELECT ").value(i64::from(self.file)).text(", * REPLACE (line + ");
        sql.value(self.offset.cast_signed()).text(" AS line) FROM (").append(&self.query).text(")");
        let registration = ArrowBatchRegistration::new(batch);
        let insert = || -> duckdb::Result<()> {
            let mut statement = self.connection.prepare(sql.as_text())?;
            for (index, value) in bound(&sql).enumerate() {
                statement.raw_bind_parameter(index + 1, value)?;
            }
            // The batch is what the last placeholder stands for: the tail of the check has none.
            statement.raw_bind_parameter(sql.values().len() + 1, &registration)?;
            statement.raw_execute().map(|_| ())
        };
        insert().map_err(|error| query_error(&error, sql.as_text()))?;
        if self.numbers_rows {
            self.offset += rows;
        }
        Ok(())
    }
}

fn describe_schema(connection: &Connection, schema: &Arc<Schema>, origin: &str) -> Result<Vec<(String, String)>> {
    const DESCRIBE: &str = "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM arrow(?))";
    let registration = ArrowBatchRegistration::new(RecordBatch::new_empty(schema.clone()));
    let describe = || -> duckdb::Result<Vec<(String, String)>> {
        let mut statement = connection.prepare(DESCRIBE)?;
        statement.query_map([&registration], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    describe().map_err(|error| {
        Error::schema(format!("{origin}: {}", database::message(&error)))
            .hint("convert columns of unusual types before handing them over")
    })
}

/// How many rows each file has in a table of staged rows.
pub(super) fn count_by_file(connection: &Connection, table: &'static str) -> Result<Vec<(u32, u64)>> {
    let mut sql = text("SELECT file, count(*) FROM ");
    sql.text(table).text(" GROUP BY file");
    database::rows(connection, &sql, |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
}

/// Lists in `duplicate` the rows whose uuid is already among the events, or in an earlier row.
pub(in crate::events) fn find_duplicates(connection: &Connection) -> Result<()> {
    let attached: bool = database::row(connection, &text("SELECT count(*) > 0 FROM attached"), |row| row.get(0))?;
    // The view also covers attached files, but joins dictionaries that are not needed here.
    let known = if attached { "events" } else { "event" };
    let mut sql = text("INSERT INTO duplicate SELECT file, rowid FROM checked WHERE uuid IN (SELECT uuid FROM ");
    sql.text(known).text(")");
    database::execute(connection, &sql)?;
    database::run(
        connection,
        "INSERT INTO duplicate
         SELECT file, checked.rowid
         FROM checked
         JOIN (SELECT uuid, min(rowid) AS first FROM checked GROUP BY uuid HAVING count(*) > 1) AS repeated
            ON repeated.uuid = checked.uuid AND checked.rowid > repeated.first
         WHERE checked.rowid NOT IN (SELECT row_id FROM duplicate)",
    )
}

/// Leaves in `checked` what is to be stored.
pub(super) fn drop_duplicates(connection: &Connection) -> Result<()> {
    database::run(connection, "DELETE FROM checked WHERE rowid IN (SELECT row_id FROM duplicate)")
}

/// Leaves in `checked` what can be stored.
pub(in crate::events) fn drop_rejected(connection: &Connection) -> Result<()> {
    database::run(connection, "DELETE FROM checked WHERE reason IS NOT NULL")
}

/// Stores what is left in `checked`; its names must be in the dictionaries.
pub(super) fn store(connection: &Connection) -> Result<u64> {
    database::execute(
        connection,
        &text(
            "INSERT INTO event
             SELECT uuid, event_name.id, distinct_id.id, timestamp, CAST(CAST(properties AS JSON) AS VARIANT),
                group_0, group_1, group_2, group_3, group_4
             FROM checked
             JOIN event_name ON event_name.name = checked.event
             JOIN distinct_id ON distinct_id.distinct_id = checked.distinct_id",
        ),
    )
}

/// Says that the data are no longer what they were; returns their new version.
pub(in crate::events) fn bump_version(connection: &Connection, changed: &str) -> Result<u64> {
    let mut sql = text("UPDATE meta SET data_version = data_version + 1, data_digest = md5(concat(data_digest, ");
    sql.value(changed).text("))");
    database::execute(connection, &sql)?;
    data_version(connection)
}

/// A hash of the rows in `checked` that does not depend on their order.
pub(in crate::events) fn digest(connection: &Connection) -> Result<String> {
    let sql = text(
        "SELECT concat_ws(' ', count(*), bit_xor(hash(uuid, event, distinct_id, other_id, person_id, timestamp, \
         properties, group_0, group_1, group_2, group_3, group_4, said))) FROM checked",
    );
    database::row(connection, &sql, |row| row.get(0))
}

pub(super) fn data_version(connection: &Connection) -> Result<u64> {
    database::row(connection, &text("SELECT data_version FROM meta"), |row| row.get(0))
}

/// The rows to be stored that say who was shown a variant.
pub(super) fn count_exposures(connection: &Connection) -> Result<u64> {
    let sql = text("SELECT count(*) FROM checked WHERE reason IS NULL AND event = '$feature_flag_called'");
    database::row(connection, &sql, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}
