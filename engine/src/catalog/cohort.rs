//! Cohorts, and the members of static ones.

use rusqlite::{Row, named_params};

use super::audit::Change;
use super::column::{Json, Microseconds};
use super::named::{Named, one_of};
use super::transaction::{Snapshot, Transaction};
use crate::error::{Error, Result};
use crate::model::cohort::Cohort;

const ALL: &str = "SELECT * FROM cohort ORDER BY created_at DESC, id DESC";
const BY_ID: &str = "SELECT * FROM cohort WHERE id = ?1";
const EXPERIMENTS: &str = "SELECT id FROM experiment WHERE exposure_cohort_id = ?1 ORDER BY id";
const MEMBERS: &str = "SELECT member FROM cohort_member WHERE cohort_id = ?1 ORDER BY member";
const LISTED_IN: &str = "
    SELECT DISTINCT cohort_id FROM cohort_member JOIN cohort ON cohort.id = cohort_id
    WHERE is_static AND member IN (SELECT value FROM json_each(?1)) ORDER BY cohort_id";
const INSERT: &str = "
    INSERT INTO cohort (id, name, description, is_static, filters, created_by, created_at, updated_at)
    VALUES (nullif(:id, 0), :name, :description, :is_static, :filters, :created_by, :created_at, :updated_at)";
const UPDATE: &str = "
    UPDATE cohort SET name = :name, description = :description, is_static = :is_static, filters = :filters,
        created_by = :created_by, created_at = :created_at, updated_at = :updated_at
    WHERE id = :id";
const DELETE: &str = "DELETE FROM cohort WHERE id = ?1";
const ADD_MEMBER: &str = "INSERT OR IGNORE INTO cohort_member (cohort_id, member) VALUES (?1, ?2)";
const REMOVE_MEMBER: &str = "DELETE FROM cohort_member WHERE cohort_id = ?1 AND member = ?2";

/// The audit log's name for a cohort.
const NOUN: &str = "cohort";

impl Named for Cohort {
    const NOUN: &'static str = NOUN;

    fn id(&self) -> i64 {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Snapshot<'_> {
    /// All cohorts, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn cohorts(&self) -> Result<Vec<Cohort>> {
        let cohorts = self.rows(ALL, (), read_cohort)?;
        cohorts.into_iter().map(|cohort| self.with_experiments(cohort)).collect()
    }

    /// The cohort with a number, else with a name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name; `Storage` when it cannot be read.
    pub fn cohort_named(&self, id_or_name: &str) -> Result<Cohort> {
        if let Ok(id) = id_or_name.parse()
            && let Some(cohort) = self.cohort(id)?
        {
            return Ok(cohort);
        }
        one_of(self.cohorts()?, id_or_name)
    }

    /// The cohort with a number, if there is one.
    ///
    /// # Errors
    /// `Storage` when it cannot be read.
    pub fn cohort(&self, id: i64) -> Result<Option<Cohort>> {
        let cohort = self.row(BY_ID, (id,), read_cohort)?;
        cohort.map(|cohort| self.with_experiments(cohort)).transpose()
    }

    /// The listed members of a static cohort: distinct ids, or the names other systems gave to persons.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn cohort_members(&self, cohort: i64) -> Result<Vec<String>> {
        self.rows(MEMBERS, (cohort,), |row| row.get(0))
    }

    /// The static cohorts that list a person by one of these names.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn static_cohorts_of(&self, names: &[String]) -> Result<Vec<i64>> {
        self.rows(LISTED_IN, (Json(names),), |row| row.get(0))
    }

    fn with_experiments(&self, cohort: Cohort) -> Result<Cohort> {
        let experiment_set = self.rows(EXPERIMENTS, (cohort.id,), |row| row.get(0))?;
        Ok(Cohort { experiment_set, ..cohort })
    }

    fn stored_cohort(&self, id: i64) -> Result<Cohort> {
        self.cohort(id)?.ok_or_else(|| Error::not_found(NOUN, id.to_string()))
    }
}

impl Transaction<'_> {
    /// Stores a new cohort, and returns it with its id.
    ///
    /// # Errors
    /// `Storage` when it cannot be written.
    pub fn insert_cohort(&mut self, cohort: Cohort, change: &Change) -> Result<Cohort> {
        let id = self.write_cohort(INSERT, &cohort)?;
        let cohort = Cohort { id, ..cohort };
        self.record(change, (NOUN, id), None, Some(&cohort))?;
        Ok(cohort)
    }

    /// Stores what became of a cohort.
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn update_cohort(&mut self, cohort: &Cohort, change: &Change) -> Result<()> {
        let before = self.stored_cohort(cohort.id)?;
        self.write_cohort(UPDATE, cohort)?;
        self.record(change, (NOUN, cohort.id), Some(&before), Some(cohort))
    }

    /// Removes a cohort and its members; an experiment whose exposure cohort it was has none then.
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn delete_cohort(&mut self, id: i64, change: &Change) -> Result<()> {
        let before = self.stored_cohort(id)?;
        self.write(DELETE, (id,))?;
        self.record(change, (NOUN, id), Some(&before), None)
    }

    /// Adds members to a static cohort and removes others; returns how many came and went. The audit log keeps their
    /// number, not their names.
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when they cannot be written.
    pub fn change_cohort_members(
        &mut self,
        id: i64,
        added: &[String],
        removed: &[String],
        change: &Change,
    ) -> Result<(usize, usize)> {
        self.stored_cohort(id)?;
        let (mut came, mut went) = (0, 0);
        for member in added {
            came += self.write_rows(ADD_MEMBER, (id, member))?;
        }
        for member in removed {
            went += self.write_rows(REMOVE_MEMBER, (id, member))?;
        }
        if came + went > 0 {
            let told = serde_json::json!({"members_added": came, "members_removed": went});
            self.record(change, (NOUN, id), None, Some(&told))?;
        }
        Ok((came, went))
    }

    fn write_cohort(&mut self, sql: &'static str, cohort: &Cohort) -> Result<i64> {
        let values = named_params! {
            ":id": cohort.id,
            ":name": cohort.name,
            ":description": cohort.description,
            ":is_static": cohort.is_static,
            ":filters": Json(&cohort.filters),
            ":created_by": cohort.created_by,
            ":created_at": Microseconds(cohort.created_at),
            ":updated_at": Microseconds(cohort.updated_at),
        };
        self.write(sql, values)
    }
}

fn read_cohort(row: &Row<'_>) -> rusqlite::Result<Cohort> {
    Ok(Cohort {
        id: row.get("id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        is_static: row.get("is_static")?,
        filters: row.get::<_, Json<_>>("filters")?.0,
        experiment_set: Vec::new(),
        created_by: row.get("created_by")?,
        created_at: row.get::<_, Microseconds>("created_at")?.0,
        updated_at: row.get::<_, Microseconds>("updated_at")?.0,
    })
}
