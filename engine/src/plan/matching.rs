//! Which single events are meant: the conditions that entities come down to.

use serde::Serialize;

use crate::error::Result;
use crate::model::action::Action;
use crate::model::entity::{Entity, EntitySource};
use crate::plan::condition::Resolver;
use crate::plan::{Condition, Library};

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
    pub filter: Condition,
}

impl EventMatch {
    /// The condition that no event meets.
    pub const NOTHING: Self = Self { any_of: Vec::new() };

    /// The events of one name, or all, that pass a filter.
    #[must_use]
    pub fn event(name: Option<&str>, filter: Condition) -> Self {
        Self { any_of: vec![EventPattern { event: name.map(ToOwned::to_owned), filter }] }
    }

    /// The events that an entity means; `None` when its action does not exist (Q-A5).
    ///
    /// # Errors
    /// `Invalid` when a step of its action cannot be evaluated, or a filter names a cohort that cannot be understood.
    pub fn of(entity: &Entity, library: &Library) -> Result<Option<Self>> {
        Resolver::new(library).matching(entity)
    }

    /// Whether every event that fits `other` fits here too, as far as the definitions show.
    ///
    /// Such a pair of steps may not happen in the same instant (Q-F9).
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.any_of.iter().all(|pattern| self.any_of.iter().any(|own| own.covers(pattern)))
    }
}

impl Resolver<'_> {
    /// The events that an entity means; `None` when its action does not exist.
    pub(super) fn matching(&mut self, entity: &Entity) -> Result<Option<EventMatch>> {
        let filter = self.condition(&entity.filter)?;
        let name = match &entity.source {
            EntitySource::Action(id) => {
                let action = self.library.actions.iter().find(|action| action.id == *id);
                return action.map(|action| self.action(action, &filter)).transpose();
            }
            EntitySource::Event(name) => Some(name.as_str()),
            EntitySource::AllEvents => None,
        };
        Ok(Some(EventMatch::event(name, filter)))
    }

    /// The events of an action that pass a filter (Q-A1, Q-A4).
    fn action(&mut self, action: &Action, filter: &Condition) -> Result<EventMatch> {
        let mut any_of = Vec::new();
        for (index, step) in action.steps.iter().enumerate() {
            let own = self.condition(&step.filter(&format!("actions[{}].steps[{index}]", action.id))?)?;
            any_of.push(EventPattern { event: step.event.clone(), filter: both(own, filter.clone()) });
        }
        Ok(EventMatch { any_of })
    }
}

impl EventPattern {
    fn covers(&self, other: &Self) -> bool {
        (self.event.is_none() || self.event == other.event)
            && (self.filter.is_everything() || self.filter == other.filter)
    }
}

/// Both conditions.
pub(super) fn both(one: Condition, other: Condition) -> Condition {
    match (one.is_everything(), other.is_everything()) {
        (_, true) => one,
        (true, false) => other,
        (false, false) => Condition::All(vec![one, other]),
    }
}
