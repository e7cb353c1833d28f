//! Persons in lists: who was exposed to an experiment, and who belongs to a cohort.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A person that was exposed to a variant, as the results count it. One who was exposed to several variants stands in the
/// list once for each (Q-V3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExposedPerson {
    /// The first exposure to the variant.
    pub first_exposure: Timestamp,
    /// The variant's key.
    pub variant: String,
    /// The distinct id of the first exposure; of several at that instant, the smallest.
    pub distinct_id: String,
    /// The store's number of the person, the same for all distinct ids of the person.
    pub person_id: u32,
    /// The number of events that exposed the person to the variant.
    pub exposures: u64,
}

/// A member of a cohort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortMember {
    /// The store's number of the person.
    pub person_id: u32,
    /// The smallest of the person's distinct ids that have events.
    pub distinct_id: String,
}
