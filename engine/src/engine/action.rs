//! Actions: events that mean the same, under one name.

use jiff::Timestamp;

use super::Engine;
use crate::error::Result;
use crate::lifecycle;
use crate::model::action::{Action, CreateAction, UpdateAction};

impl Engine {
    /// Makes an action.
    ///
    /// # Errors
    /// `Busy` or `Storage` when it cannot be written.
    pub fn create_action(&mut self, request: CreateAction, now: Timestamp, by: Option<&str>) -> Result<Action> {
        self.change("create", now, by, |transaction, change| {
            transaction.insert_action(lifecycle::create_action(request, now, by), change)
        })
    }

    /// Changes an action; experiments that use it follow.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name; `Busy` or `Storage` when it cannot be written.
    pub fn update_action(
        &mut self,
        key: &str,
        request: UpdateAction,
        now: Timestamp,
        by: Option<&str>,
    ) -> Result<Action> {
        self.change("update", now, by, |transaction, change| {
            let action = lifecycle::update_action(&transaction.action_named(key)?, request, now);
            transaction.update_action(&action, change)?;
            Ok(action)
        })
    }

    /// Removes an action that no experiment measures.
    ///
    /// # Errors
    /// `NotFound`; `NotAllowed` when an experiment measures it.
    pub fn delete_action(&mut self, key: &str, now: Timestamp, by: Option<&str>) -> Result<()> {
        self.change("delete", now, by, |transaction, change| {
            let action = transaction.action_named(key)?;
            lifecycle::delete_action(&action, &transaction.experiments()?)?;
            transaction.delete_action(action.id, change)
        })
    }

    /// All actions, newest first.
    ///
    /// # Errors
    /// `Storage` when they cannot be read.
    pub fn actions(&mut self) -> Result<Vec<Action>> {
        self.catalog.snapshot()?.actions()
    }

    /// The action with a number, else with a name.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when several have the name.
    pub fn action(&mut self, key: &str) -> Result<Action> {
        self.catalog.snapshot()?.action_named(key)
    }
}
