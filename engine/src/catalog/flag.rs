//! Feature flags.

use rusqlite::{Row, named_params};

use super::audit::Change;
use super::column::{Json, Microseconds};
use super::named::not_found;
use super::transaction::{Snapshot, Transaction};
use crate::error::{Error, Result};
use crate::lifecycle::{ExistingFlag, NewFlag};
use crate::model::experiment::Experiment;
use crate::model::flag::FeatureFlag;

const ALL: &str = "SELECT * FROM feature_flag ORDER BY created_at DESC, id DESC";
const BY_ID: &str = "SELECT * FROM feature_flag WHERE id = ?1";
const BY_KEY: &str = "SELECT * FROM feature_flag WHERE key = ?1 ORDER BY deleted, id DESC LIMIT 1";
const KEYS: &str = "SELECT DISTINCT key FROM feature_flag ORDER BY key";
const HAS_EXPERIMENT: &str = "SELECT EXISTS (SELECT 1 FROM experiment WHERE feature_flag_id = ?1)";
const INSERT: &str = "
    INSERT INTO feature_flag (id, key, name, filters, rollout_percentage, active, deleted,
        ensure_experience_continuity, version, created_by, created_at)
    VALUES (nullif(:id, 0), :key, :name, :filters, :rollout_percentage, :active, :deleted,
        :ensure_experience_continuity, :version, :created_by, :created_at)";
const UPDATE: &str = "
    UPDATE feature_flag SET key = :key, name = :name, filters = :filters, rollout_percentage = :rollout_percentage,
        active = :active, deleted = :deleted, ensure_experience_continuity = :ensure_experience_continuity,
        version = :version, created_by = :created_by, created_at = :created_at
    WHERE id = :id";
const DELETE: &str = "DELETE FROM feature_flag WHERE id = ?1";
const KEPT_ID: &str = "
    SELECT hash_key FROM hash_key_override
    WHERE feature_flag_id = ?1 AND distinct_id IN (SELECT value FROM json_each(?2))
    ORDER BY written_at, distinct_id LIMIT 1";
const KEEP_ID: &str = "
    INSERT INTO hash_key_override (feature_flag_id, distinct_id, hash_key, written_at) VALUES (?1, ?2, ?3, ?4)";

/// The audit log's name for a flag.
const NOUN: &str = "feature_flag";

impl Snapshot<'_> {
    /// All flags, deleted ones included, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn flags(&self) -> Result<Vec<FeatureFlag>> {
        self.rows(ALL, (), read_flag)
    }

    /// The flag with a key: the live one, else the newest deleted one.
    ///
    /// # Errors
    /// `NotFound`, with the closest key as a hint; `Storage` when it cannot be read.
    pub fn flag(&self, key: &str) -> Result<FeatureFlag> {
        match self.row(BY_KEY, (key,), read_flag)? {
            Some(flag) => Ok(flag),
            None => Err(not_found("flag", key, &self.flag_keys()?)),
        }
    }

    /// The flag of an experiment.
    ///
    /// # Errors
    /// `NotFound` when the experiment is not stored; `Storage` when the flag cannot be read.
    pub fn flag_of(&self, experiment: &Experiment) -> Result<FeatureFlag> {
        self.flag_by_id(experiment.feature_flag_id)
    }

    /// Who has a key, as the rules for new flags need to know it: the live flag, else the newest deleted one.
    ///
    /// # Errors
    /// `Storage` when it cannot be read.
    pub fn existing_flag(&self, key: &str) -> Result<Option<ExistingFlag>> {
        let Some(flag) = self.row(BY_KEY, (key,), read_flag)? else { return Ok(None) };
        let has_experiment = self.row(HAS_EXPERIMENT, (flag.id,), |row| row.get(0))?.unwrap_or(false);
        Ok(Some(ExistingFlag { flag, has_experiment }))
    }

    fn flag_by_id(&self, id: i64) -> Result<FeatureFlag> {
        self.row(BY_ID, (id,), read_flag)?.ok_or_else(|| Error::not_found("flag", id.to_string()))
    }

    /// The id that was kept for a person and a flag, through any of the person's distinct ids: the first one written (F-15).
    ///
    /// # Errors
    /// `Storage` when it cannot be read.
    pub fn hash_key_override(&self, flag: &FeatureFlag, distinct_ids: &[String]) -> Result<Option<String>> {
        self.row(KEPT_ID, (flag.id, Json(distinct_ids)), |row| row.get(0))
    }

    /// The keys of all flags, deleted ones included, in alphabetical order.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn flag_keys(&self) -> Result<Vec<String>> {
        self.rows(KEYS, (), |row| row.get(0))
    }
}

impl Transaction<'_> {
    /// Stores a new flag, and returns it with its id.
    ///
    /// # Errors
    /// `Storage` when it cannot be written; `Bug` when the key is taken, which the rule for new flags excludes.
    pub fn insert_flag(&mut self, new: NewFlag, change: &Change) -> Result<FeatureFlag> {
        if let Some(id) = new.replaces {
            self.remove_flag(id, change)?;
        }
        let mut flag = new.flag;
        flag.id = self.write_flag(INSERT, &flag)?;
        self.record(change, (NOUN, flag.id), None, Some(&flag))?;
        Ok(flag)
    }

    /// Removes a deleted flag for good, so that its key can be used again (L-6).
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn remove_flag(&mut self, id: i64, change: &Change) -> Result<()> {
        let removed = self.flag_by_id(id)?;
        self.write(DELETE, (id,))?;
        self.record(change, (NOUN, id), Some(&removed), None)
    }

    /// Stores what became of a flag; one that stays as it is leaves no trace.
    ///
    /// # Errors
    /// `NotFound` when it is not stored; `Storage` when it cannot be written.
    pub fn update_flag(&mut self, flag: &FeatureFlag, change: &Change) -> Result<()> {
        let before = self.flag_by_id(flag.id)?;
        if before == *flag {
            return Ok(());
        }
        self.write_flag(UPDATE, flag)?;
        self.record(change, (NOUN, flag.id), Some(&before), Some(flag))
    }

    /// Keeps an id for a person and a flag, unless one is kept for some of the person's distinct ids (F-15); returns the
    /// one that holds.
    ///
    /// # Errors
    /// `Storage` when it cannot be written.
    pub fn keep_hash_key(
        &mut self,
        flag: &FeatureFlag,
        distinct_ids: &[String],
        hash_key: &str,
        change: &Change,
    ) -> Result<String> {
        if let Some(kept) = self.hash_key_override(flag, distinct_ids)? {
            return Ok(kept);
        }
        if let Some(distinct_id) = distinct_ids.first() {
            self.write(KEEP_ID, (flag.id, distinct_id, hash_key, Microseconds(change.at)))?;
            let kept = serde_json::json!({"distinct_id": distinct_id, "hash_key": hash_key});
            self.record(change, ("hash_key_override", flag.id), None, Some(&kept))?;
        }
        Ok(hash_key.to_owned())
    }

    fn write_flag(&mut self, sql: &'static str, flag: &FeatureFlag) -> Result<i64> {
        let values = named_params! {
            ":id": flag.id,
            ":key": flag.key,
            ":name": flag.name,
            ":filters": Json(&flag.filters),
            ":rollout_percentage": flag.rollout_percentage,
            ":active": flag.active,
            ":deleted": flag.deleted,
            ":ensure_experience_continuity": flag.ensure_experience_continuity,
            ":version": flag.version,
            ":created_by": flag.created_by,
            ":created_at": Microseconds(flag.created_at),
        };
        self.write(sql, values)
    }
}

fn read_flag(row: &Row<'_>) -> rusqlite::Result<FeatureFlag> {
    Ok(FeatureFlag {
        id: row.get("id")?,
        key: row.get("key")?,
        name: row.get("name")?,
        filters: row.get::<_, Json<_>>("filters")?.0,
        rollout_percentage: row.get("rollout_percentage")?,
        active: row.get("active")?,
        deleted: row.get("deleted")?,
        ensure_experience_continuity: row.get("ensure_experience_continuity")?,
        version: row.get("version")?,
        created_by: row.get("created_by")?,
        created_at: row.get::<_, Microseconds>("created_at")?.0,
    })
}
