//! Reading from one state of the catalog, and changing it in one step.

use std::ops::Deref;

use rusqlite::{Connection, OptionalExtension, Params, Row, TransactionBehavior};

use super::place::Place;
use crate::error::Result;

/// One state of the catalog, to read from.
#[derive(Debug)]
pub struct Snapshot<'a> {
    connection: rusqlite::Transaction<'a>,
    place: &'a Place,
}

/// A change of the catalog in the making: reads see it at once, others when it is committed, nobody when it is dropped.
///
/// Reads are those of [`Snapshot`].
#[derive(Debug)]
pub struct Transaction<'a> {
    snapshot: Snapshot<'a>,
}

impl<'a> Snapshot<'a> {
    pub(super) fn begin(
        connection: &'a mut Connection,
        place: &'a Place,
        behavior: TransactionBehavior,
    ) -> Result<Self> {
        let connection = connection.transaction_with_behavior(behavior).map_err(|error| place.error(error))?;
        Ok(Self { connection, place })
    }

    /// All rows of a query.
    pub(super) fn rows<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.connection.prepare_cached(sql).and_then(|mut statement| {
            let rows = statement.query_map(values, read)?;
            rows.collect()
        });
        rows.map_err(|error| self.place.error(error))
    }

    /// The first row of a query, if there is one.
    pub(super) fn row<T>(
        &self,
        sql: &'static str,
        values: impl Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let statement = self.connection.prepare_cached(sql);
        let row = statement.and_then(|mut statement| statement.query_row(values, read).optional());
        row.map_err(|error| self.place.error(error))
    }
}

impl<'a> Transaction<'a> {
    pub(super) fn new(snapshot: Snapshot<'a>) -> Self {
        Self { snapshot }
    }

    /// Keeps the changes.
    ///
    /// # Errors
    /// `Storage` when they cannot be written; then nothing has changed.
    pub fn commit(self) -> Result<()> {
        let Snapshot { connection, place } = self.snapshot;
        connection.commit().map_err(|error| place.error(error))
    }

    /// Runs a statement that writes; returns the id of the row inserted last.
    pub(super) fn write(&mut self, sql: &'static str, values: impl Params) -> Result<i64> {
        self.write_rows(sql, values)?;
        Ok(self.snapshot.connection.last_insert_rowid())
    }

    /// Runs a statement that writes; returns how many rows it changed.
    pub(super) fn write_rows(&mut self, sql: &'static str, values: impl Params) -> Result<usize> {
        let written = self.snapshot.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        written.map_err(|error| self.snapshot.place.error(error))
    }
}

impl<'a> Deref for Transaction<'a> {
    type Target = Snapshot<'a>;

    fn deref(&self) -> &Self::Target {
        &self.snapshot
    }
}
