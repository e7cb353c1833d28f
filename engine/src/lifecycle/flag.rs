//! Making a flag, and when a key is free.

use jiff::Timestamp;

use super::variants::check_variants;
use crate::error::{Error, Result};
use crate::model::flag::{CreateFlag, FeatureFlag};

/// A flag that has a key somebody asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ExistingFlag {
    /// The flag: the live one, else a deleted one.
    pub flag: FeatureFlag,
    /// Whether an experiment belongs to it.
    pub has_experiment: bool,
}

/// A new flag; the catalog chooses its id.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFlag {
    /// The flag.
    pub flag: FeatureFlag,
    /// The deleted flag whose key is taken over; it is to be removed first (L-6).
    pub replaces: Option<i64>,
}

/// Creates a flag of its own, without an experiment (V-20, V-22, B-13).
///
/// # Errors
/// - `Invalid` on `key` (code `unique`) when a live flag has the key (V-20), and when a deleted flag with the key still
///   belongs to an experiment (V-23);
/// - `Invalid` on `filters` for variants whose keys are empty or repeat, or whose percentages are outside 0 to 100 or
///   do not add up to 100.
pub fn create_flag(
    request: CreateFlag,
    existing: Option<&ExistingFlag>,
    now: Timestamp,
    created_by: Option<&str>,
) -> Result<NewFlag> {
    let replaces = free_key(existing)?;
    let flag = FeatureFlag {
        id: 0,
        key: request.key,
        name: request.name,
        filters: request.filters,
        rollout_percentage: request.rollout_percentage,
        active: request.active,
        deleted: false,
        ensure_experience_continuity: request.ensure_experience_continuity,
        version: 1,
        created_by: created_by.map(str::to_owned),
        created_at: now,
    };
    if !flag.variants().is_empty() {
        check_variants(flag.variants(), "filters")?;
    }
    Ok(NewFlag { flag, replaces })
}

/// The key can be used: no live flag has it (L-5); a deleted one gives it up, unless an experiment needs it (L-6).
///
/// Returns the deleted flag to remove.
pub(super) fn free_key(existing: Option<&ExistingFlag>) -> Result<Option<i64>> {
    match existing {
        None => Ok(None),
        Some(existing) if !existing.flag.deleted => {
            Err(Error::invalid_field("key", "unique", "There is already a feature flag with this key.")
                .hint("every experiment has a flag of its own: choose another key"))
        }
        Some(existing) if existing.has_experiment => {
            let message = "Feature flag with this key already exists and is used in an experiment. \
                           Please delete the experiment before deleting the flag.";
            Err(Error::invalid_field("key", "invalid_input", message))
        }
        Some(existing) => Ok(Some(existing.flag.id)),
    }
}
