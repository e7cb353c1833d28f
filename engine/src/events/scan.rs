//! Running queries: the only place that streams results out of the database.

use duckdb::arrow::record_batch::RecordBatch;
use duckdb::params_from_iter;

use super::database::{self, bound, query_error};
use super::interrupt::Interrupt;
use super::store::Reader;
use crate::error::Result;
use crate::sql::Sql;

impl Reader {
    /// Runs a query over the `events` view and hands over its rows, batch by batch; returns the number of rows.
    ///
    /// # Errors
    ///
    /// `Query` with the SQL if the database refuses it, `Interrupted` if the switch was raised, and whatever `on_batch`
    /// returns.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use abduck::events::{EventStore, Interrupt};
    /// # use abduck::sql::Sql;
    /// # fn main() -> abduck::error::Result<()> {
    /// # let directory = std::env::temp_dir().join(format!("abduck-doc-scan-{}", std::process::id()));
    /// # let store = EventStore::create(&directory)?;
    /// # let reader = store.read(Duration::from_secs(1), "count")?;
    /// let mut sql = Sql::new();
    /// sql.text("SELECT person_id, count(*) FROM events WHERE event = ").value("purchase").text(" GROUP BY person_id");
    /// let rows = reader.scan(&sql, &Interrupt::new(), &mut |batch| {
    ///     println!("{} persons", batch.num_rows());
    ///     Ok(())
    /// })?;
    /// assert_eq!(rows, 0);
    /// # drop(reader);
    /// # std::fs::remove_dir_all(&directory).ok();
    /// # Ok(())
    /// # }
    /// ```
    pub fn scan(
        &self,
        sql: &Sql,
        interrupt: &Interrupt,
        on_batch: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<u64> {
        tracing::debug!(sql = sql.as_text(), "scan");
        let connection = self.connection()?;
        interrupt.watch(connection, || {
            let failed = |error: duckdb::Error| query_error(&error, sql.as_text());
            let mut statement = connection.prepare(sql.as_text()).map_err(failed)?;
            let batches = statement.stream_arrow(params_from_iter(bound(sql))).map_err(failed)?;
            let mut rows = 0;
            for batch in batches {
                let batch = batch.map_err(failed)?;
                interrupt.check()?;
                rows += batch.num_rows() as u64;
                on_batch(&batch)?;
            }
            Ok(rows)
        })
    }

    /// Runs a query and returns the database's account of how it did: operators, rows and times.
    ///
    /// # Errors
    ///
    /// As [`Reader::scan`].
    pub fn explain(&self, sql: &Sql, interrupt: &Interrupt) -> Result<String> {
        let mut explain = database::text("EXPLAIN ANALYZE ");
        explain.append(sql);
        let connection = self.connection()?;
        interrupt.watch(connection, || database::row(connection, &explain, |row| row.get(1)))
    }
}
