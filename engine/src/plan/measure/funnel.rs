//! Funnels (Q-F).

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::metric::{Entity, EntitySource, FunnelMetric};
use crate::plan::{Deadline, EventMatch, Library};

/// An ordered funnel with first-touch attribution (Q-F1 to Q-F9).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelMeasure {
    /// The steps in order.
    pub steps: Vec<EventMatch>,
    /// For each step, a bit for each earlier step that it may not share an instant with (Q-F9).
    pub never_with: Vec<u32>,
    /// Until when a funnel entered at some instant may be completed (Q-F4).
    pub deadline: Deadline,
}

impl FunnelMeasure {
    /// A missing action is an error (Q-A5).
    pub(in crate::plan) fn new(metric: &FunnelMetric, library: &Library) -> Result<Self> {
        let step = |entity: &Entity| EventMatch::of(entity, &library.actions)?.ok_or_else(|| missing_action(entity));
        let steps = metric.steps.iter().map(step).collect::<Result<Vec<_>>>()?;
        let never_with = steps.iter().enumerate().map(|(index, step)| {
            let earlier = steps[..index].iter().enumerate();
            earlier.filter(|(_, before)| step.covers(before)).fold(0, |bits, (earlier, _)| bits | (1 << earlier))
        });
        Ok(Self {
            never_with: never_with.collect(),
            steps,
            deadline: Deadline::new(metric.window, &library.settings.timezone)?,
        })
    }
}

fn missing_action(entity: &Entity) -> Error {
    let which = match &entity.source {
        EntitySource::Action(id) => format!("action {id}"),
        EntitySource::Event(_) | EntitySource::AllEvents => "an action".to_owned(),
    };
    Error::invalid_field("filters.actions", "does_not_exist", format!("{which} of the funnel does not exist"))
        .hint("create it, or choose another step")
}
