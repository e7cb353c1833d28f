//! Which single events are meant: the conditions that entities come down to.

use serde::Serialize;

use crate::error::Result;
use crate::model::action::Action;
use crate::model::entity::{Entity, EntitySource};
use crate::model::filter::Filter;

/// A condition on single events: some pattern fits (Q-A1). Without patterns no event fits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventMatch {
    /// The patterns; one for an event, one per step for an action.
    pub any_of: Vec<EventPattern>,
}

/// A name and a condition, both of which must hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventPattern {
    /// The event's name; `None` is every event (Q-A3).
    pub event: Option<String>,
    /// What else must hold.
    pub filter: Filter,
}

impl EventMatch {
    /// The condition that no event meets.
    pub const NOTHING: Self = Self { any_of: Vec::new() };

    /// The events of one name, or all, that pass a filter.
    #[must_use]
    pub fn event(name: Option<&str>, filter: Filter) -> Self {
        Self { any_of: vec![EventPattern { event: name.map(ToOwned::to_owned), filter }] }
    }

    /// The events that an entity means; `None` when its action does not exist (Q-A5).
    ///
    /// # Errors
    /// `Invalid` when a step of its action cannot be evaluated.
    pub fn of(entity: &Entity, actions: &[Action]) -> Result<Option<Self>> {
        let name = match &entity.source {
            EntitySource::Action(id) => {
                let action = actions.iter().find(|action| action.id == *id);
                return action.map(|action| Self::action(action, &entity.filter)).transpose();
            }
            EntitySource::Event(name) => Some(name.as_str()),
            EntitySource::AllEvents => None,
        };
        Ok(Some(Self::event(name, entity.filter.clone())))
    }

    /// The events of an action that pass a filter (Q-A1, Q-A4).
    fn action(action: &Action, filter: &Filter) -> Result<Self> {
        let pattern = |(index, step): (usize, &crate::model::action::ActionStep)| {
            let own = step.filter(&format!("actions[{}].steps[{index}]", action.id))?;
            Ok(EventPattern { event: step.event.clone(), filter: both(own, filter.clone()) })
        };
        Ok(Self { any_of: action.steps.iter().enumerate().map(pattern).collect::<Result<_>>()? })
    }

    /// Whether every event that fits `other` fits here too, as far as the definitions show.
    ///
    /// Such a pair of steps may not happen in the same instant (Q-F9).
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.any_of.iter().all(|pattern| self.any_of.iter().any(|own| own.covers(pattern)))
    }
}

impl EventPattern {
    fn covers(&self, other: &Self) -> bool {
        (self.event.is_none() || self.event == other.event)
            && (self.filter.is_everything() || self.filter == other.filter)
    }
}

fn both(one: Filter, other: Filter) -> Filter {
    match (one.is_everything(), other.is_everything()) {
        (_, true) => one,
        (true, false) => other,
        (false, false) => Filter::All(vec![one, other]),
    }
}
