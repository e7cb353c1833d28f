//! Funnels in the legacy form (query rules Q-F, Q-O, Q-E).

mod exclusion;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use exclusion::FunnelExclusion;

use super::{Entity, Metric, given_entities, invalid, test_accounts, unsupported};
use crate::error::Result;
use crate::model::expression::Expression;

/// A funnel: how many units get through a sequence of steps (Q-F).
#[derive(Clone, Debug, PartialEq)]
pub struct FunnelMetric {
    /// The steps, in order (Q-A2); at least one.
    pub steps: Vec<Entity>,
    /// In which order the steps count (Q-O0).
    pub order: FunnelOrder,
    /// What must not happen between steps (Q-E1).
    pub exclusions: Vec<FunnelExclusion>,
    /// Which events say what variant a unit belongs to (Q-F5, Q-F10).
    pub attribution: Attribution,
    /// What goes through the funnel.
    pub aggregation: Aggregation,
    /// How long after the first step the last one may happen (Q-F4).
    pub window: ConversionWindow,
    /// Whether the lab's test accounts are left out (Q-P20).
    pub filter_test_accounts: bool,
}

/// In which order the steps of a funnel count (Q-O0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FunnelOrder {
    /// In order; other events may lie between them (Q-O1).
    #[default]
    Ordered,
    /// In order, as direct neighbours among all events of the unit (Q-O2).
    Strict,
    /// In any order (Q-O3).
    Unordered,
}

/// Which events say what variant a unit belongs to (Q-F5, Q-F10). Only events of the funnel are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// The earliest event that carries a value.
    #[default]
    FirstTouch,
    /// The latest event that carries a value.
    LastTouch,
    /// Every event has its own value, and the funnel is run per value.
    AllEvents,
    /// The events of some steps: the unit counts once for each value they carry.
    Steps {
        /// Bit k is set when events of step k are asked.
        steps: u32,
    },
}

/// What goes through a funnel (Q-F11, Q-F12).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Aggregation {
    /// Whatever the lab counts: persons, or distinct ids.
    #[default]
    Users,
    /// The groups of a type.
    Groups {
        /// The position of the group type, 0 to 4.
        group_type_index: u8,
    },
    /// The values of an expression.
    Values(Expression),
}

/// A length of time in calendar units (Q-F4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ConversionWindow {
    /// How many units; at least one.
    pub length: u32,
    /// The unit.
    pub unit: WindowUnit,
}

/// The unit of a [`ConversionWindow`]. A month is a calendar month, the others have a fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum WindowUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

/// The most steps and exclusions a funnel can have: one bit of a 32-bit mask each.
pub const STEPS_MAX: usize = 32;

/// The default window of a funnel, 14 days (Q-F4).
const DEFAULT_WINDOW: ConversionWindow = ConversionWindow { length: 14, unit: WindowUnit::Day };

/// The longest window accepted, in days: about a century.
const WINDOW_DAYS_MAX: u32 = 36_500;

/// The highest position of a group type.
const GROUP_TYPE_INDEX_MAX: u64 = 4;

pub(super) fn funnel(filters: &Map<String, Value>) -> Result<Metric> {
    if filters.get("formula").is_some_and(|formula| !matches!(formula, Value::Null) && formula != "") {
        return Err(unsupported("filters.formula", "a formula", "steps"));
    }
    let steps = given_entities(filters)?;
    let order = order(filters)?;
    let exclusions = exclusion::exclusions(filters, &steps, order)?;
    if steps.len() + exclusions.len() > STEPS_MAX {
        let message = format!(
            "a funnel has at most {STEPS_MAX} steps and exclusions, this one has {}",
            steps.len() + exclusions.len()
        );
        return Err(invalid("filters.events", message).hint("split the funnel into several metrics"));
    }
    Ok(Metric::Funnel(FunnelMetric {
        attribution: attribution(filters, steps.len(), order)?,
        steps,
        order,
        exclusions,
        aggregation: aggregation(filters)?,
        window: window(filters)?,
        filter_test_accounts: test_accounts(filters, "filters")?,
    }))
}

/// The setting of a key; empty texts are none, as clients send them.
fn setting<'a>(filters: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    filters.get(key).filter(|value| !value.is_null() && *value != "")
}

fn order(filters: &Map<String, Value>) -> Result<FunnelOrder> {
    match setting(filters, "funnel_order_type").map(Value::as_str) {
        None => Ok(FunnelOrder::default()),
        Some(Some("ordered")) => Ok(FunnelOrder::Ordered),
        Some(Some("strict")) => Ok(FunnelOrder::Strict),
        Some(Some("unordered")) => Ok(FunnelOrder::Unordered),
        Some(_) => {
            Err(invalid("filters.funnel_order_type", "the order of a funnel must be ordered, strict or unordered"))
        }
    }
}

fn attribution(filters: &Map<String, Value>, steps: usize, order: FunnelOrder) -> Result<Attribution> {
    match setting(filters, "breakdown_attribution_type").map(Value::as_str) {
        None | Some(Some("first_touch")) => Ok(Attribution::FirstTouch),
        Some(Some("last_touch")) => Ok(Attribution::LastTouch),
        Some(Some("all_events")) => Ok(Attribution::AllEvents),
        // Q-F10: without an order there is no nth step, so every step is asked.
        Some(Some("step")) if order == FunnelOrder::Unordered => {
            Ok(Attribution::Steps { steps: (0..steps).fold(0, |bits, step| bits | 1 << step) })
        }
        Some(Some("step")) => {
            let field = "filters.breakdown_attribution_value";
            let value = setting(filters, "breakdown_attribution_value");
            match value.and_then(whole_number).and_then(|step| usize::try_from(step).ok()) {
                Some(step) if step < steps => Ok(Attribution::Steps { steps: 1 << step }),
                _ => Err(invalid(field, "the attribution to a step needs the position of the step, from 0")
                    .hint(format!("give a whole number from 0 to {}", steps - 1))),
            }
        }
        Some(_) => {
            let message = "the attribution must be first_touch, last_touch, all_events or step";
            Err(invalid("filters.breakdown_attribution_type", message))
        }
    }
}

/// Groups win over an expression, as in the reference; `person_id` is what is counted anyway.
fn aggregation(filters: &Map<String, Value>) -> Result<Aggregation> {
    let field = "filters.aggregation_group_type_index";
    if let Some(index) = setting(filters, "aggregation_group_type_index") {
        let index = whole_number(index).filter(|index| *index <= GROUP_TYPE_INDEX_MAX);
        return match index.and_then(|index| u8::try_from(index).ok()) {
            Some(group_type_index) => Ok(Aggregation::Groups { group_type_index }),
            None => Err(invalid(field, format!("a group type has an index from 0 to {GROUP_TYPE_INDEX_MAX}"))),
        };
    }
    let field = "filters.funnel_aggregate_by_hogql";
    match setting(filters, "funnel_aggregate_by_hogql") {
        None => Ok(Aggregation::Users),
        Some(Value::String(text)) if matches!(text.trim(), "" | "person_id") => Ok(Aggregation::Users),
        Some(Value::String(text)) => Ok(Aggregation::Values(Expression::parse(text, field)?)),
        Some(other) => Err(invalid(field, format!("the expression must be a text, not {other}"))),
    }
}

/// A whole number that is not negative; clients send it as text, too.
fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64(),
    }
}

fn window(filters: &Map<String, Value>) -> Result<ConversionWindow> {
    // Q-F4: `funnel_window_days` wins.
    if let Some(length) = window_length(filters, "funnel_window_days", WINDOW_DAYS_MAX)? {
        return Ok(ConversionWindow { length, unit: WindowUnit::Day });
    }
    let field = "filters.funnel_window_interval_unit";
    let (unit, length_max) = match filters.get("funnel_window_interval_unit").filter(|unit| !unit.is_null()) {
        None => (WindowUnit::Day, WINDOW_DAYS_MAX),
        Some(unit) => match unit.as_str() {
            Some("second") => (WindowUnit::Second, WINDOW_DAYS_MAX * 86_400),
            Some("minute") => (WindowUnit::Minute, WINDOW_DAYS_MAX * 1_440),
            Some("hour") => (WindowUnit::Hour, WINDOW_DAYS_MAX * 24),
            Some("day") => (WindowUnit::Day, WINDOW_DAYS_MAX),
            Some("week") => (WindowUnit::Week, WINDOW_DAYS_MAX / 7),
            Some("month") => (WindowUnit::Month, WINDOW_DAYS_MAX / 31),
            _ => return Err(invalid(field, "the unit must be second, minute, hour, day, week or month")),
        },
    };
    match window_length(filters, "funnel_window_interval", length_max)? {
        Some(length) => Ok(ConversionWindow { length, unit }),
        None if unit != WindowUnit::Day => {
            Err(invalid(field, "a unit needs a funnel_window_interval").hint("give the length of the window, too"))
        }
        None => Ok(DEFAULT_WINDOW),
    }
}

fn window_length(filters: &Map<String, Value>, key: &str, length_max: u32) -> Result<Option<u32>> {
    let value = match filters.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => whole_number(value).and_then(|length| u32::try_from(length).ok()),
    };
    match value {
        Some(length) if (1..=length_max).contains(&length) => Ok(Some(length)),
        _ => {
            let message = format!("the window must be a whole number from 1 to {length_max}");
            Err(invalid(&format!("filters.{key}"), message))
        }
    }
}
