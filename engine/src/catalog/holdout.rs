//! Holdouts.

use rusqlite::{Row, named_params};

use super::audit::Change;
use super::column::{Json, Microseconds};
use super::named::{Named, one_of};
use super::transaction::{Snapshot, Transaction};
use crate::error::{Error, Result};
use crate::lifecycle::numbered_holdout;
use crate::model::holdout::Holdout;

const ALL: &str = "SELECT * FROM holdout ORDER BY created_at DESC, id DESC";
const BY_ID: &str = "SELECT * FROM holdout WHERE id = ?1";
const INSERT: &str = "
    INSERT INTO holdout (id, name, description, filters, created_by, created_at, updated_at)
    VALUES (nullif(:id, 0), :name, :description, :filters, :created_by, :created_at, :updated_at)";
const UPDATE: &str = "
    UPDATE holdout SET name = :name, description = :description, filters = :filters, created_by = :created_by,
        created_at = :created_at, updated_at = :updated_at
    WHERE id = :id";
const DELETE: &str = "DELETE FROM holdout WHERE id = ?1";

/// The audit log's name for a holdout.
const NOUN: &str = "holdout";

impl Named for Holdout {
    const NOUN: &'static str = NOUN;

    fn id(&self) -> i64 {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Snapshot<'_> {
    /// All holdouts, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn holdouts(&self) -> Result<Vec<Holdout>> {
        self.rows(ALL, (), read_holdout)
    }

    /// The holdout with an id, if there is one.
    ///
    /// # Errors
    /// `Storage` when it cannot be read.
    pub fn holdout(&self, id: i64) -> Result<Option<Holdout>> {
        self.row(BY_ID, (id,), read_holdout)
    }

    /// The holdout with a number, else with a name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name; `Storage` when it cannot be read.
    pub fn holdout_named(&self, id_or_name: &str) -> Result<Holdout> {
        if let Ok(id) = id_or_name.parse()
            && let Some(holdout) = self.holdout(id)?
        {
            return Ok(holdout);
        }
        one_of(self.holdouts()?, id_or_name)
    }
}

impl Transaction<'_> {
    /// Stores a new holdout, and returns it under its id (L-30).
    ///
    /// # Errors
    /// `Storage` when it cannot be written.
    pub fn insert_holdout(&mut self, holdout: Holdout, change: &Change) -> Result<Holdout> {
        let id = self.write_holdout(INSERT, &holdout)?;
        let holdout = numbered_holdout(holdout, id);
        self.write_holdout(UPDATE, &holdout)?;
        self.record(change, (NOUN, id), None, Some(&holdout))?;
        Ok(holdout)
    }

    /// Stores what became of a holdout.
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn update_holdout(&mut self, holdout: &Holdout, change: &Change) -> Result<()> {
        let before = self.stored_holdout(holdout.id)?;
        self.write_holdout(UPDATE, holdout)?;
        self.record(change, (NOUN, holdout.id), Some(&before), Some(holdout))
    }

    /// Removes a holdout; experiments that use it have none then (L-32).
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn delete_holdout(&mut self, id: i64, change: &Change) -> Result<()> {
        let before = self.stored_holdout(id)?;
        self.write(DELETE, (id,))?;
        self.record(change, (NOUN, id), Some(&before), None)
    }

    fn stored_holdout(&self, id: i64) -> Result<Holdout> {
        self.holdout(id)?.ok_or_else(|| Error::not_found(NOUN, id.to_string()))
    }

    fn write_holdout(&mut self, sql: &'static str, holdout: &Holdout) -> Result<i64> {
        let values = named_params! {
            ":id": holdout.id,
            ":name": holdout.name,
            ":description": holdout.description,
            ":filters": Json(&holdout.filters),
            ":created_by": holdout.created_by,
            ":created_at": Microseconds(holdout.created_at),
            ":updated_at": Microseconds(holdout.updated_at),
        };
        self.write(sql, values)
    }
}

fn read_holdout(row: &Row<'_>) -> rusqlite::Result<Holdout> {
    Ok(Holdout {
        id: row.get("id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        filters: row.get::<_, Json<_>>("filters")?.0,
        created_by: row.get("created_by")?,
        created_at: row.get::<_, Microseconds>("created_at")?.0,
        updated_at: row.get::<_, Microseconds>("updated_at")?.0,
    })
}
