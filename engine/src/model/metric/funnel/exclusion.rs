//! What must not happen between the steps of a funnel (Q-E).

use serde_json::{Map, Value};

use super::super::{Entity, invalid};
use super::{FunnelOrder, whole_number};
use crate::error::Result;
use crate::model::entity::entity;

/// Events that must not happen between two steps (Q-E1).
#[derive(Clone, Debug, PartialEq)]
pub struct FunnelExclusion {
    /// The events.
    pub entity: Entity,
    /// The position of the step after which they count, from 0.
    pub from_step: usize,
    /// The position of the step before which they count.
    pub to_step: usize,
}

const FIELD: &str = "filters.exclusions";

pub(super) fn exclusions(
    filters: &Map<String, Value>,
    steps: &[Entity],
    order: FunnelOrder,
) -> Result<Vec<FunnelExclusion>> {
    let given = match filters.get("exclusions") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(given)) => given.as_slice(),
        Some(_) => return Err(invalid(FIELD, "the exclusions of a funnel must be a list")),
    };
    let read = |(index, value)| exclusion(value, &format!("{FIELD}[{index}]"), steps, order);
    given.iter().enumerate().map(read).collect()
}

fn exclusion(value: &Value, place: &str, steps: &[Entity], order: FunnelOrder) -> Result<FunnelExclusion> {
    let Value::Object(fields) = value else {
        return Err(invalid(place, "an exclusion must be an object"));
    };
    let mut fields = fields.clone();
    let mut step = |key: &str| {
        let position = fields.remove(key).as_ref().and_then(whole_number);
        position.and_then(|position| usize::try_from(position).ok())
    };
    // Q-E4, in this order; the texts are the reference's.
    let (Some(from_step), Some(to_step)) = (step("funnel_from_step"), step("funnel_to_step")) else {
        return Err(invalid(place, "Exclusion event needs to define funnel steps")
            .hint("give funnel_from_step and funnel_to_step, positions of steps from 0"));
    };
    let range = |what: &str| invalid(place, format!("Exclusion event range is invalid. {what}"));
    if from_step >= to_step {
        return Err(range("End of range should be greater than start."));
    }
    if from_step + 1 >= steps.len() {
        return Err(range("Start of range is greater than number of steps."));
    }
    if to_step >= steps.len() {
        return Err(range("End of range is greater than number of steps."));
    }
    // Q-E5
    if order == FunnelOrder::Unordered && (from_step, to_step) != (0, steps.len() - 1) {
        return Err(invalid(place, "Partial Exclusions not allowed in unordered funnels")
            .hint(format!("give 0 as funnel_from_step and {} as funnel_to_step", steps.len() - 1)));
    }
    let entity = entity(&fields, place)?;
    let same = |step: &Entity| step.source == entity.source && step.filter == entity.filter;
    if steps[from_step..=to_step].iter().any(same) {
        return Err(invalid(place, "Exclusion event can't be the same as funnel step"));
    }
    Ok(FunnelExclusion { entity, from_step, to_step })
}
