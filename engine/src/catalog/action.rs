//! Actions.

use rusqlite::{Row, named_params};

use super::audit::Change;
use super::column::{Json, Microseconds};
use super::named::{Named, one_of};
use super::transaction::{Snapshot, Transaction};
use crate::error::{Error, Result};
use crate::model::action::Action;

const ALL: &str = "SELECT * FROM action ORDER BY created_at DESC, id DESC";
const BY_ID: &str = "SELECT * FROM action WHERE id = ?1";
const INSERT: &str = "
    INSERT INTO action (id, name, description, steps, created_by, created_at, updated_at)
    VALUES (nullif(:id, 0), :name, :description, :steps, :created_by, :created_at, :updated_at)";
const UPDATE: &str = "
    UPDATE action SET name = :name, description = :description, steps = :steps, created_by = :created_by,
        created_at = :created_at, updated_at = :updated_at
    WHERE id = :id";
const DELETE: &str = "DELETE FROM action WHERE id = ?1";

/// The audit log's name for an action.
const NOUN: &str = "action";

impl Named for Action {
    const NOUN: &'static str = NOUN;

    fn id(&self) -> i64 {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Snapshot<'_> {
    /// All actions, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn actions(&self) -> Result<Vec<Action>> {
        self.rows(ALL, (), read_action)
    }

    /// The action with a number, else with a name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name; `Storage` when it cannot be read.
    pub fn action_named(&self, id_or_name: &str) -> Result<Action> {
        one_of(self.actions()?, id_or_name)
    }

    fn action(&self, id: i64) -> Result<Action> {
        self.row(BY_ID, (id,), read_action)?.ok_or_else(|| Error::not_found("action", id.to_string()))
    }
}

impl Transaction<'_> {
    /// Stores a new action, and returns it with its id.
    ///
    /// # Errors
    /// `Storage` when it cannot be written.
    pub fn insert_action(&mut self, mut action: Action, change: &Change) -> Result<Action> {
        action.id = self.write_action(INSERT, &action)?;
        self.record(change, (NOUN, action.id), None, Some(&action))?;
        Ok(action)
    }

    /// Stores what became of an action.
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn update_action(&mut self, action: &Action, change: &Change) -> Result<()> {
        let before = self.action(action.id)?;
        self.write_action(UPDATE, action)?;
        self.record(change, (NOUN, action.id), Some(&before), Some(action))
    }

    /// Removes an action.
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be removed.
    pub fn delete_action(&mut self, id: i64, change: &Change) -> Result<()> {
        let before = self.action(id)?;
        self.write(DELETE, (id,))?;
        self.record(change, (NOUN, id), Some(&before), None)
    }

    fn write_action(&mut self, sql: &'static str, action: &Action) -> Result<i64> {
        let values = named_params! {
            ":id": action.id,
            ":name": action.name,
            ":description": action.description,
            ":steps": Json(&action.steps),
            ":created_by": action.created_by,
            ":created_at": Microseconds(action.created_at),
            ":updated_at": Microseconds(action.updated_at),
        };
        self.write(sql, values)
    }
}

fn read_action(row: &Row<'_>) -> rusqlite::Result<Action> {
    Ok(Action {
        id: row.get("id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        steps: row.get::<_, Json<_>>("steps")?.0,
        created_by: row.get("created_by")?,
        created_at: row.get::<_, Microseconds>("created_at")?.0,
        updated_at: row.get::<_, Microseconds>("updated_at")?.0,
    })
}
