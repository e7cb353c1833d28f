//! Funnels as the caller is told of them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::action::Action;
use crate::model::entity::{ALL_EVENTS, Entity, EntitySource};
use crate::model::metric::{FunnelOrder, Metric};
use crate::stats::legacy_funnel::FunnelArm;
use crate::stats::{FunnelCell, FunnelCells, funnel_arms};

/// The steps of a variant's funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelSeries {
    /// The variant's key.
    pub variant: String,
    /// The steps in order.
    pub steps: Vec<FunnelStep>,
}

/// One step of a funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelStep {
    /// The position of the step, from 0.
    pub order: usize,
    /// The name of the step: the definition's own, else the event's or the action's. Without an order, how many steps were
    /// completed (Q-O3).
    pub name: String,
    /// The event of the step; null is every event (Q-A3), unless there is an action or the steps have no order.
    pub event: Option<String>,
    /// The action of the step, if it is one.
    pub action: Option<ActionSummary>,
    /// The number of persons, or whatever else the metric counts, that reached at least this step (Q-F2).
    pub count: u64,
    /// The mean time the persons took from the step before, in seconds; null for the first step and where nobody came.
    pub average_conversion_seconds: Option<f64>,
    /// The median of these times, in seconds.
    pub median_conversion_seconds: Option<f64>,
}

/// The action a step is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionSummary {
    /// The action's number.
    pub id: i64,
    /// Its name.
    pub name: String,
}

/// A variant of a funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelVariant {
    /// The variant's key.
    pub key: String,
    /// Persons that reached the last step.
    pub success_count: u64,
    /// Persons that entered but did not reach the last step.
    pub failure_count: u64,
}

/// Persons, or whatever else the metric counts, that entered a funnel without belonging to any known variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// None of the events that are asked carries a flag value (Q-F7).
    pub without_variant: u64,
    /// Their flag values, of the events that are asked, are not known variants (Q-F6).
    pub with_foreign_variant: u64,
}

pub(super) fn funnel_insight(metric: &Metric, actions: &[Action], cells: &FunnelCells) -> Vec<FunnelSeries> {
    let steps = metric.entities();
    let is_unordered = matches!(metric, Metric::Funnel(funnel) if funnel.order == FunnelOrder::Unordered);
    let step = |cell: &FunnelCell, order: usize| {
        if is_unordered { completed_steps(cell, order) } else { funnel_step(cell, order, &steps[order], actions) }
    };
    let series = |cell: &FunnelCell| FunnelSeries {
        variant: cell.variant.clone(),
        steps: (0..steps.len()).map(|order| step(cell, order)).collect(),
    };
    cells.variants.iter().filter(|cell| cell.entered() > 0).map(series).collect()
}

/// So many steps, whichever they are (Q-O3).
fn completed_steps(cell: &FunnelCell, order: usize) -> FunnelStep {
    let plural = if order == 0 { "" } else { "s" };
    numbered(cell, order, format!("Completed {} step{plural}", order + 1))
}

fn funnel_step(cell: &FunnelCell, order: usize, entity: &Entity, actions: &[Action]) -> FunnelStep {
    let (event, action) = match &entity.source {
        EntitySource::Event(name) => (Some(name.clone()), None),
        EntitySource::AllEvents => (None, None),
        EntitySource::Action(id) => (None, actions.iter().find(|action| action.id == *id)),
    };
    let own_name = action.map(|action| action.name.as_str()).or(event.as_deref()).unwrap_or(ALL_EVENTS);
    let name = entity.custom_name.as_deref().unwrap_or(own_name).to_owned();
    let action = action.map(|action| ActionSummary { id: action.id, name: action.name.clone() });
    FunnelStep { event, action, ..numbered(cell, order, name) }
}

/// A step with its numbers.
fn numbered(cell: &FunnelCell, order: usize, name: String) -> FunnelStep {
    let time = order.checked_sub(1).and_then(|before| cell.conversion_times[before]);
    FunnelStep {
        order,
        name,
        event: None,
        action: None,
        count: cell.persons_by_step[order],
        average_conversion_seconds: time.map(|time| time.average_seconds),
        median_conversion_seconds: time.map(|time| time.median_seconds),
    }
}

pub(super) fn funnel_variants(cells: &FunnelCells) -> Vec<FunnelVariant> {
    let counts: IndexMap<_, _> = cells.variants.iter().map(|cell| (cell.variant.as_str(), cell)).collect();
    let variant = |arm: FunnelArm| {
        let cell = counts[arm.key.as_str()];
        FunnelVariant {
            success_count: cell.completed(),
            failure_count: cell.entered() - cell.completed(),
            key: arm.key,
        }
    };
    funnel_arms(cells).into_iter().map(variant).collect()
}
