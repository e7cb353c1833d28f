//! Funnels (Q-F).

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::metric::{Attribution, Entity, EntitySource, FunnelMetric, FunnelOrder};
use crate::plan::{Deadline, EventMatch, Library};

/// A funnel (Q-F1 to Q-F12, Q-O, Q-E).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelMeasure {
    /// The steps in order.
    pub steps: Vec<EventMatch>,
    /// In which order they count (Q-O0).
    pub order: FunnelOrder,
    /// For each step, a bit for each earlier step that it may not share an instant with (Q-F9).
    pub never_with: Vec<u32>,
    /// What must not happen between steps; nothing in a strict funnel (Q-E5).
    pub exclusions: Vec<Exclusion>,
    /// Which events say what variant a unit belongs to.
    pub attribution: Attribution,
    /// Until when a funnel entered at some instant may be completed (Q-F4).
    pub deadline: Deadline,
}

/// Events that must not happen between two steps (Q-E1).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exclusion {
    /// The events.
    pub matching: EventMatch,
    /// The position of the step after which they count, from 0.
    pub from_step: usize,
    /// The position of the step before which they count.
    pub to_step: usize,
}

impl FunnelMeasure {
    /// A missing action is an error (Q-A5).
    pub(in crate::plan) fn new(metric: &FunnelMetric, library: &Library) -> Result<Self> {
        let matching = |entity: &Entity| EventMatch::of(entity, library)?.ok_or_else(|| missing_action(entity));
        let steps = metric.steps.iter().map(matching).collect::<Result<Vec<_>>>()?;
        let exclusions = metric.exclusions.iter().map(|exclusion| {
            Ok(Exclusion {
                matching: matching(&exclusion.entity)?,
                from_step: exclusion.from_step,
                to_step: exclusion.to_step,
            })
        });
        let exclusions = exclusions.collect::<Result<Vec<_>>>()?;
        Ok(Self {
            never_with: never_with(&steps),
            steps,
            order: metric.order,
            exclusions: if metric.order == FunnelOrder::Strict { Vec::new() } else { exclusions },
            attribution: metric.attribution,
            deadline: Deadline::new(metric.window, &library.settings.timezone)?,
        })
    }
}

fn never_with(steps: &[EventMatch]) -> Vec<u32> {
    let conflicts = |(index, step): (usize, &EventMatch)| {
        let earlier = steps[..index].iter().enumerate();
        earlier.filter(|(_, before)| step.covers(before)).fold(0, |bits, (earlier, _)| bits | (1 << earlier))
    };
    steps.iter().enumerate().map(conflicts).collect()
}

fn missing_action(entity: &Entity) -> Error {
    let which = match &entity.source {
        EntitySource::Action(id) => format!("action {id}"),
        EntitySource::Event(_) | EntitySource::AllEvents => "an action".to_owned(),
    };
    Error::invalid_field("filters.actions", "does_not_exist", format!("{which} of the funnel does not exist"))
        .hint("create it, or choose another step")
}
