//! What a lab holds that definitions refer to.

use crate::model::action::Action;
use crate::model::settings::LabSettings;

/// What the entities of an experiment may name, and what holds for the whole lab.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Library {
    /// The settings of the lab.
    pub settings: LabSettings,
    /// All of its actions.
    pub actions: Vec<Action>,
}
