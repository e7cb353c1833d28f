//! Whether a metric's events carry a flag yet (Q-W1 to Q-W3, B-28).

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::action::Action;
use crate::model::entity::{EntitySource, entities};

/// How far back the question looks (Q-W2).
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whether some event carries a flag's value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlagQuestion {
    /// The names of the events looked at; `None` is every event (Q-A3).
    pub events: Option<BTreeSet<String>>,
    /// The first instant looked at, in microseconds since 1970 UTC.
    pub from_microseconds: i64,
    /// The last instant looked at, in microseconds since 1970 UTC.
    pub to_microseconds: i64,
    /// The flag; `None` is any flag (Q-W3).
    pub flag_key: Option<String>,
}

/// Plans the question whether the events of a metric in the legacy form still lack a flag, as of `now`.
///
/// Only the names of events matter, not their filters; an action stands for the names in its steps (Q-W1).
///
/// # Errors
/// `Invalid` when the entities of the metric cannot be read.
pub fn requires_flag_implementation(
    filters: &Map<String, Value>,
    flag_key: Option<&str>,
    actions: &[Action],
    now: Timestamp,
) -> Result<FlagQuestion> {
    let mut names = BTreeSet::new();
    let mut is_every_event = false;
    for entity in entities(filters, "filters")? {
        match entity.source {
            EntitySource::Event(name) => names.extend([name]),
            EntitySource::AllEvents => is_every_event = true,
            EntitySource::Action(id) => {
                let steps = actions.iter().filter(|action| action.id == id).flat_map(|action| &action.steps);
                names.extend(steps.filter_map(|step| step.event.clone()));
            }
        }
    }
    let from = now.checked_sub(WINDOW).map_err(|error| Error::invalid(error.to_string()))?;
    Ok(FlagQuestion {
        events: (!is_every_event).then_some(names),
        from_microseconds: from.as_microsecond(),
        to_microseconds: now.as_microsecond(),
        flag_key: flag_key.map(ToOwned::to_owned),
    })
}
