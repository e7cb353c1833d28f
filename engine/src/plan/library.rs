//! What a lab holds that definitions refer to.

use jiff::Timestamp;

use crate::model::action::Action;
use crate::model::cohort::Cohort;
use crate::model::settings::LabSettings;

/// What the entities and filters of an experiment may name, and what holds for the whole lab.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Library {
    /// The settings of the lab.
    pub settings: LabSettings,
    /// All of its actions.
    pub actions: Vec<Action>,
    /// All of its cohorts.
    pub cohorts: Vec<KnownCohort>,
    /// The moment that definitions are read at: relative dates and the behaviour of cohorts count from it. Whatever takes a
    /// moment of its own, such as [`crate::plan::compile`], sets it.
    pub as_of: Timestamp,
}

/// A cohort, and who is listed in it.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownCohort {
    /// The cohort.
    pub cohort: Cohort,
    /// The listed members of a static cohort: distinct ids, or the names other systems gave to persons. `None` when they were
    /// not loaded, because nothing names the cohort.
    pub members: Option<Vec<String>>,
}

impl Library {
    /// The same lab, read at another moment.
    #[must_use]
    pub fn at(&self, as_of: Timestamp) -> Self {
        Self { as_of, ..self.clone() }
    }

    pub(super) fn cohort(&self, id: i64) -> Option<&KnownCohort> {
        self.cohorts.iter().find(|known| known.cohort.id == id)
    }
}
