//! Holdouts: people kept out of a family of experiments (lifecycle rule 1.3).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::flag::ConditionGroup;

/// People kept out of every experiment that uses this holdout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holdout {
    /// Chosen by the catalog; 0 until then.
    pub id: i64,
    /// The name, at most 400 characters.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// Who is held out; only the first element counts (L-33), and its variant is `holdout-<id>` (L-30).
    pub filters: Vec<ConditionGroup>,
    /// Who made the holdout.
    pub created_by: Option<String>,
    /// When the holdout was made.
    pub created_at: Timestamp,
    /// When the holdout was last changed.
    pub updated_at: Timestamp,
}
