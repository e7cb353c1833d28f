//! Expressions over an event, as definitions give them: parsed and checked, never pasted into a query.

use serde::Serialize;

use crate::error::{Error, Result};

/// A value computed from one event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expression {
    /// A property of the event.
    Property(String),
}

impl Expression {
    /// Reads an expression; `field` is where it stands in the definition, for messages.
    ///
    /// # Errors
    /// `Invalid` when it is none.
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        match text.trim().strip_prefix("properties.") {
            Some(key) if !key.is_empty() => Ok(Self::Property(key.to_owned())),
            _ => {
                Err(Error::invalid_field(field, "unsupported", format!("the expression '{text}' is not supported yet"))
                    .hint("supported: properties.<name>"))
            }
        }
    }
}
