//! The lab's settings.

use super::audit::Change;
use super::column::Json;
use super::transaction::{Snapshot, Transaction};
use crate::error::{Error, Result};
use crate::model::settings::LabSettings;

const SELECT: &str = "SELECT settings FROM lab_settings";
const UPDATE: &str = "UPDATE lab_settings SET settings = ?1";

impl Snapshot<'_> {
    /// The settings of the lab.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn settings(&self) -> Result<LabSettings> {
        let settings = self.row(SELECT, (), |row| row.get::<_, Json<LabSettings>>(0))?;
        settings.map(|json| json.0).ok_or_else(|| Error::bug("the catalog has no settings"))
    }
}

impl Transaction<'_> {
    /// Replaces the settings of the lab.
    ///
    /// # Errors
    /// `Storage` when they cannot be written.
    pub fn set_settings(&mut self, settings: &LabSettings, change: &Change) -> Result<()> {
        let before = self.settings()?;
        self.write(UPDATE, (Json(settings),))?;
        self.record(change, ("lab_settings", 1), Some(&before), Some(settings))
    }
}
