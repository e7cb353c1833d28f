//! What this process knows of a store that nobody has changed since: to open it takes longer than most questions do.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use super::state::DataState;

/// What was last seen of the files of a store, and its state then. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Option<(Identity, DataState)>>>);

/// How the files of a store look from outside: size and time of change of the database and of what is not yet in it. Whoever
/// holds the lock of the store can rely on it, because every change writes one of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity([Option<(u64, u128)>; 2]);

impl Identity {
    /// Of the files as they are now.
    pub(super) fn of(database: &Path) -> Self {
        let seen = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some((metadata.len(), changed.as_nanos()))
        };
        Self([seen(database), seen(&database.with_extension("duckdb.wal"))])
    }
}

impl Memory {
    /// The state of a store that still looks as it did.
    pub(super) fn recall(&self, identity: &Identity) -> Option<DataState> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.as_ref().filter(|(known, _)| known == identity).map(|(_, state)| state.clone())
    }

    /// Remembers a state. Where files are attached there is more to look at than the store.
    pub(super) fn remember(&self, identity: &Identity, state: &DataState) {
        if state.attached.is_empty() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((identity.clone(), state.clone()));
        }
    }
}
