//! Tables of the lab that are no events.

use super::Engine;
use crate::error::Result;
use crate::events::{self, Format, LabTable, LoadReport, Source};

impl Engine {
    /// Loads a table that metrics can take values from (M-1); it takes the place of a table of that name, as a whole or not at
    /// all. Rows whose time cannot be read are counted when the column with the time is named.
    ///
    /// # Errors
    /// `Invalid` for a name that cannot be one; `NotFound` and `Io` when a file cannot be opened; `Schema` when it is not what
    /// its name says, or has no rows; `Busy`; `Interrupted`.
    pub fn load_table(
        &mut self,
        name: &str,
        source: Source,
        format: Option<Format>,
        timestamp_column: Option<&str>,
    ) -> Result<LoadReport> {
        events::load_table(&self.events, name, source, format, timestamp_column, self.patience, &self.interrupt)
    }

    /// The tables of the lab, by name.
    ///
    /// # Errors
    /// `Busy` when somebody else holds the lab.
    pub fn tables(&self) -> Result<Vec<LabTable>> {
        self.events.read(self.patience, "list the tables")?.tables()
    }

    /// Takes a table out of the lab; returns the new version of the data.
    ///
    /// # Errors
    /// `NotFound` when there is none of that name; `Busy`; `Interrupted`.
    pub fn drop_table(&mut self, name: &str) -> Result<u64> {
        events::drop_table(&self.events, name, self.patience, &self.interrupt)
    }
}
